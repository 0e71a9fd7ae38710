//! Remembers which distributions could be imported: as long as nothing that their imports read has changed, they can be
//! imported again.
//!
//! An import reads files of the layer, which Python tells, and modules that the same process has imported before. Of
//! these, and of the metadata of distributions, only those count that its distribution requires, directly or indirectly,
//! with any extra and on any system. One that starts another program is believed to read all of these. Every import reads the distributions with a `.pth` file,
//! and notices which other distributions and modules there are. The user's own modules are never remembered, nor are
//! imports that read them, nor imports that failed for another reason than a module that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::modules::Module;
use super::outcome::{Outcome, Raised, Ran};
use super::part;
use super::part::Part;
use super::run::SCRIPT;
use crate::cache;
use crate::cache::Cache;
use crate::console::Console;
use crate::layer::{Distribution, Entry, Owner, Source, Tree, package_folders, within_packages};
use crate::process::Host;
use crate::types::{Digest, DistributionName, Target};

/// The kind of the cache's entries.
const KIND: &str = "imports";
/// How many states of what it reads are remembered for each distribution, so that branches do not take turns.
const STATES: usize = 4;

/// What the cache knows about the imports of a layer.
pub(super) struct Memory<'a> {
    pub(super) cache: &'a Cache,
    pub(super) console: &'a Console,
    pub(super) tree: &'a Tree,
    /// The interpreter, as its `sys.version`.
    pub(super) python: String,
    /// The folders of the layer that Python looks into.
    packages: [Utf8PathBuf; 2],
    /// What each distribution's imports are remembered under.
    keys: BTreeMap<DistributionName, Digest>,
    /// The digests of what the layer has of each distribution.
    pub(super) contents: BTreeMap<DistributionName, Digest>,
    /// For each distribution, itself and what it requires, directly or indirectly, and what is read at Python's start.
    required: BTreeMap<DistributionName, BTreeSet<DistributionName>>,
    /// What is read at Python's start.
    at_start: BTreeSet<DistributionName>,
}

/// The imports of a distribution's modules.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// What they read: the digests of what the layer had of these distributions.
    read: BTreeMap<DistributionName, Digest>,
    pub(super) modules: BTreeMap<String, Kept>,
    /// Compiled files of the layer that were loaded, by their paths in the layer.
    pub(super) loaded: BTreeSet<Utf8PathBuf>,
    /// Compiled files that a module tried to load.
    pub(super) tried: BTreeSet<Utf8PathBuf>,
}

/// The import of a module.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) seconds: f64,
    /// Why it failed; empty if it worked.
    pub(super) errors: Vec<Raised>,
}

impl Kept {
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Imported(time) => Some(Self { seconds: time.as_secs_f64(), errors: Vec::new() }),
            // As soon as there is such a module, the layer has other names.
            Outcome::Raised(errors) if errors.iter().any(|error| error.missing.is_some()) => {
                Some(Self { seconds: 0.0, errors: errors.clone() })
            }
            Outcome::Raised(_) | Outcome::Died(_) | Outcome::Hung(_) | Outcome::NotTried => None,
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        if self.errors.is_empty() {
            return Outcome::Imported(Duration::try_from_secs_f64(self.seconds).unwrap_or_default());
        }
        Outcome::Raised(self.errors)
    }
}

impl<'a> Memory<'a> {
    /// # Errors
    /// A file of the layer cannot be read.
    pub(super) fn of(
        tree: &'a Tree,
        target: Target,
        host: &Host,
        cache: &'a Cache,
        console: &'a Console,
    ) -> anyhow::Result<Self> {
        let (keys, contents) = (BTreeMap::new(), BTreeMap::new());
        let at_start = reached(tree, with_start_files(tree, target));
        let required = tree.distributions.iter().map(|distribution| {
            let required = reached(tree, [&distribution.name]).union(&at_start).cloned().collect();
            (distribution.name.clone(), required)
        });
        let packages = package_folders(target.python);
        let mut memory = Self {
            cache,
            console,
            tree,
            python: host.build.clone(),
            packages,
            keys,
            contents,
            required: required.collect(),
            at_start,
        };
        if !cache.is_there() {
            return Ok(memory);
        }
        memory.contents = contents_of(tree)?;
        let surroundings = surroundings(tree, target, host)?;
        let surroundings = cache::digest_of(&surroundings.iter().map(String::as_str).collect::<Vec<_>>()).hex();
        for Distribution { name, .. } in &tree.distributions {
            memory.keys.insert(name.clone(), cache::digest_of(&[name.as_str(), &surroundings]));
        }
        Ok(memory)
    }

    /// The files of the user's own modules, below `opt`.
    pub(super) fn own_modules(&self, opt: &Utf8Path) -> Vec<String> {
        let own = self.tree.entries.iter().filter(|(_, entry)| !matches!(entry.owner, Owner::Distribution(_)));
        own.map(|(path, _)| opt.join(path).into_string()).collect()
    }

    /// What is remembered of the modules.
    pub(super) fn recall(&self, modules: &[Module]) -> Remembered {
        let mut all = Remembered::default();
        for (name, own) in by_distribution(modules) {
            let is_it = |state: &Remembered| {
                let is_same = |(name, digest): (&DistributionName, &Digest)| self.contents.get(name) == Some(digest);
                state.read.iter().all(is_same) && own.iter().all(|module| state.modules.contains_key(*module))
            };
            if let Some(known) = self.states(name).into_iter().find(is_it) {
                all.modules.extend(known.modules);
                all.loaded.extend(known.loaded);
                all.tried.extend(known.tried);
            }
        }
        all
    }

    fn states(&self, name: &DistributionName) -> Vec<Remembered> {
        self.keys.get(name).and_then(|key| self.cache.get(KIND, *key)).unwrap_or_default()
    }

    /// The distributions that imports of these modules may read; `None` for those of which nothing is known.
    pub(super) fn needed(&self, modules: &[Module], names: &[&str]) -> Option<BTreeSet<DistributionName>> {
        let mut needed = self.at_start.clone();
        for module in modules.iter().filter(|module| names.contains(&module.name.as_str())) {
            let (_, name) = owned(module)?;
            needed.extend(self.required.get(name)?.iter().cloned());
        }
        Some(needed)
    }

    /// What imports that may read these distributions need of the layer; `None` for all of it.
    pub(super) fn part<'b>(&'b self, needed: &'b BTreeSet<DistributionName>, target: Target) -> Option<Part<'b>> {
        Part::of(self.tree, needed, target)
    }

    /// Remembers distributions whose modules were all imported now.
    pub(super) fn remember(
        &self,
        modules: &[Module],
        ran: &Ran,
        (loaded, tried): (&BTreeSet<Utf8PathBuf>, &BTreeSet<Utf8PathBuf>),
    ) {
        let read = self.read(modules, ran);
        for (name, own) in by_distribution(modules) {
            let kept = |module: &str| {
                let outcome = ran.outcomes.get(module).filter(|_| !ran.near_own.contains(module))?;
                Some((module.to_owned(), Kept::of(outcome)?))
            };
            let imported: Option<BTreeMap<String, Kept>> = own.iter().map(|module| kept(module)).collect();
            let (Some(modules), Some(key), Some(read), Some(required)) =
                (imported, self.keys.get(name), read.get(name), self.required.get(name))
            else {
                continue;
            };
            let digests = read.iter().map(|name| Some((name.clone(), *self.contents.get(name)?)));
            let Some(digests) = digests.collect::<Option<BTreeMap<_, _>>>() else { continue };
            let is_read = |path: &&Utf8PathBuf| match self.tree.entries.get(*path).map(|entry| &entry.owner) {
                Some(Owner::Distribution(owner)) => required.contains(owner),
                _ => false,
            };
            let read = |paths: &BTreeSet<Utf8PathBuf>| paths.iter().filter(is_read).cloned().collect();
            let state = Remembered { read: digests, modules, loaded: read(loaded), tried: read(tried) };
            let mut states = self.states(name);
            states.retain(|other| other.read != state.read);
            states.insert(0, state);
            states.truncate(STATES);
            self.cache.put(KIND, *key, &states, self.console);
        }
    }

    /// For each distribution whose modules were imported now, those that the imports read.
    fn read<'b>(&self, modules: &'b [Module], ran: &Ran) -> BTreeMap<&'b DistributionName, BTreeSet<DistributionName>> {
        let owners: BTreeMap<&str, &DistributionName> = modules.iter().filter_map(owned).collect();
        let mut read: BTreeMap<&DistributionName, BTreeSet<DistributionName>> = BTreeMap::new();
        let (mut process, mut before) = (0, BTreeSet::new());
        for reads in &ran.reads {
            if reads.process != process {
                (process, before) = (reads.process, BTreeSet::new());
            }
            before.extend(reads.files.iter().flat_map(|path| self.owners(path)).cloned());
            let Some(name) = owners.get(reads.module.as_str()) else { continue };
            let all = read.entry(name).or_insert_with(|| self.at_start.clone());
            all.insert((*name).clone());
            // Some list all distributions to find the one that they look for.
            let files = reads.files.iter().filter(|path| !part::is_metadata(path));
            all.extend(files.flat_map(|path| self.owners(path)).cloned());
            let required = self.required.get(*name).into_iter().flatten();
            all.extend(required.filter(|name| reads.has_started || before.contains(*name)).cloned());
        }
        read
    }

    /// The distributions that have this file, or, if it does not exist, files around it. Bytecode that does not exist
    /// was looked for in vain, before the module itself was read.
    fn owners(&self, path: &Utf8Path) -> BTreeSet<&DistributionName> {
        let found = |entry: &'a Entry| match &entry.owner {
            Owner::Distribution(name) => Some(name),
            Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => None,
        };
        if let Some(entry) = self.tree.entries.get(path).or_else(|| self.tree.spare.get(path)) {
            return found(entry).into_iter().collect();
        }
        if path.extension() == Some("pyc") {
            return BTreeSet::new();
        }
        let around = |folder: &Utf8Path| -> BTreeSet<&DistributionName> {
            let entries = self.tree.entries.range(folder.to_owned()..);
            entries.take_while(|(path, _)| path.starts_with(folder)).filter_map(|(_, entry)| found(entry)).collect()
        };
        // Which files and folders are in a folder of packages itself, every import notices.
        let inside = |folder: &&Utf8Path| self.packages.iter().all(|packages| !packages.starts_with(folder));
        path.ancestors().skip(1).take_while(inside).map(around).find(|owners| !owners.is_empty()).unwrap_or_default()
    }
}

/// A module of a distribution, with that distribution.
fn owned(module: &Module) -> Option<(&str, &DistributionName)> {
    match &module.owner {
        Owner::Distribution(name) => Some((module.name.as_str(), name)),
        Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => None,
    }
}

fn by_distribution(modules: &[Module]) -> BTreeMap<&DistributionName, Vec<&str>> {
    let mut found: BTreeMap<&DistributionName, Vec<&str>> = BTreeMap::new();
    for module in modules {
        if let Owner::Distribution(name) = &module.owner {
            found.entry(name).or_default().push(&module.name);
        }
    }
    found
}

/// Distributions and all that they require, directly or indirectly.
fn reached<'a>(tree: &'a Tree, of: impl IntoIterator<Item = &'a DistributionName>) -> BTreeSet<DistributionName> {
    let distributions: BTreeMap<&str, &Distribution> =
        tree.distributions.iter().map(|distribution| (distribution.name.as_str(), distribution)).collect();
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = of.into_iter().map(DistributionName::as_str).collect();
    while let Some(name) = open.pop() {
        if let Some(distribution) = distributions.get(name)
            && found.insert(distribution.name.clone())
        {
            open.extend(distribution.requires.iter().map(|requirement| requirement.name.as_ref()));
        }
    }
    found
}

/// The distributions with `.pth` files, which Python reads at its start.
fn with_start_files(tree: &Tree, target: Target) -> BTreeSet<&DistributionName> {
    let folders = package_folders(target.python);
    let is_pth = |path: &Utf8Path| {
        path.extension() == Some("pth") && path.parent().is_some_and(|it| folders.iter().any(|folder| folder == it))
    };
    let files = tree.entries.iter().filter(|(path, _)| is_pth(path));
    let owners = files.filter_map(|(_, entry)| match &entry.owner {
        Owner::Distribution(name) => Some(name),
        Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => None,
    });
    owners.collect()
}

/// The digests of what the layer has of each distribution.
fn contents_of(tree: &Tree) -> anyhow::Result<BTreeMap<DistributionName, Digest>> {
    let mut parts: BTreeMap<&DistributionName, Vec<String>> = BTreeMap::new();
    for (path, entry) in &tree.entries {
        if let Owner::Distribution(name) = &entry.owner {
            parts.entry(name).or_default().extend([path.to_string(), described(entry)?]);
        }
    }
    let digest = |parts: Vec<String>| cache::digest_of(&parts.iter().map(String::as_str).collect::<Vec<_>>());
    Ok(parts.into_iter().map(|(name, parts)| (name.clone(), digest(parts))).collect())
}

/// The target of a link, or the digest of a file.
fn described(entry: &Entry) -> std::io::Result<String> {
    if let Source::Link { target } = &entry.source {
        return Ok(format!("link {target}"));
    }
    Ok(match entry.digest {
        Some(digest) => digest,
        None => Digest::of(&entry.bytes()?),
    }
    .hex())
}

/// What else could change the outcome of an import: the interpreter and the system, what the runtime brings, the names
/// of the other distributions, of their modules and of own modules, and own files outside of the folder of packages.
fn surroundings(tree: &Tree, target: Target, host: &Host) -> anyhow::Result<Vec<String>> {
    let system = fs_err::read_to_string("/etc/os-release").unwrap_or_default();
    let mut parts = vec![SCRIPT.to_owned(), host.executable.to_string(), host.build.clone(), system];
    parts.extend(host.glibc().map(|glibc| glibc.to_string()));
    parts.push(target.to_string());
    parts.extend(super::place::runtime_packages(host));
    parts.extend(tree.distributions.iter().map(|distribution| distribution.name.to_string()));
    let folders = package_folders(target.python);
    parts.extend(outermost_modules(tree, &folders).into_iter().map(ToString::to_string));
    for (path, entry) in &tree.entries {
        if matches!(entry.owner, Owner::Distribution(_)) {
            continue;
        }
        match folders.iter().find_map(|folder| path.strip_prefix(folder).ok()) {
            Some(_) => parts.push(path.to_string()),
            None => parts.extend([path.to_string(), described(entry)?]),
        }
    }
    Ok(parts)
}

/// Files, and folders that are packages or can be none (`numpy.libs`), that are in no such folder themselves.
fn outermost_modules<'a>(tree: &'a Tree, folders: &[Utf8PathBuf]) -> BTreeSet<&'a Utf8Path> {
    let is_outermost = |folder: &Utf8Path| {
        let is_package = ["py", "pyc"]
            .iter()
            .any(|ending| tree.entries.contains_key(&folder.join("__init__").with_extension(ending)));
        let is_inside = within_packages(folder, folders).is_some_and(|inside| !inside.as_str().is_empty());
        is_inside && (is_package || folder.extension().is_some())
    };
    let mut found = BTreeSet::new();
    let (mut folder, mut package) = (Utf8Path::new(""), None);
    for path in tree.entries.keys().filter(|path| within_packages(path, folders).is_some()) {
        // Files of one folder follow each other.
        if let Some(parent) = path.parent().filter(|parent| *parent != folder) {
            folder = parent;
            package = folder.ancestors().filter(|above| is_outermost(above)).last();
        }
        // The folder of a distribution's metadata has its version in its name.
        if !folder.as_str().contains(".dist-info") {
            found.insert(package.unwrap_or(path));
        }
    }
    found
}
