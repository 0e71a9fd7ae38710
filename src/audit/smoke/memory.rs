//! Remembers which distributions could be imported: as long as nothing that their imports could read has changed, they
//! can be imported again.
//!
//! An import is believed to read its own distribution, what that requires, directly or indirectly, with any extra and on
//! any system, and every distribution with a `.pth` file; and to notice which other distributions and modules there are.
//! The user's own modules are never remembered, nor are imports that read them, nor imports that failed for another
//! reason than a module that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::modules::Module;
use super::run::{Outcome, Raised, SCRIPT};
use crate::cache;
use crate::cache::Cache;
use crate::console::Console;
use crate::layer::{Entry, Owner, Source, Tree, package_folders};
use crate::process::Host;
use crate::types::{Digest, DistributionName, Target};

/// The kind of the cache's entries.
const KIND: &str = "imports";

/// What the cache knows about the imports of a layer.
pub(super) struct Memory<'a> {
    cache: &'a Cache,
    console: &'a Console,
    /// What each distribution's imports are remembered under.
    keys: BTreeMap<DistributionName, Digest>,
    /// For each distribution, itself and what its imports read.
    read: BTreeMap<DistributionName, BTreeSet<DistributionName>>,
    tree: &'a Tree,
}

/// The imports of a distribution's modules.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
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
        let mut memory = Self { cache, console, keys: BTreeMap::new(), read: read(tree, target), tree };
        if !cache.is_there() {
            return Ok(memory);
        }
        let contents = contents(tree)?;
        let surroundings = surroundings(tree, target, host)?;
        for (name, read) in &memory.read {
            let contents = read.iter().filter_map(|name| Some(contents.get(name)?.hex()));
            let parts: Vec<String> = [name.to_string()].into_iter().chain(contents).collect();
            let parts: Vec<&str> = parts.iter().chain(&surroundings).map(String::as_str).collect();
            memory.keys.insert(name.clone(), cache::digest_of(&parts));
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
            let known = self.keys.get(name).and_then(|key| self.cache.get::<Remembered>(KIND, *key));
            if let Some(known) = known.filter(|known| own.iter().all(|module| known.modules.contains_key(*module))) {
                all.modules.extend(known.modules);
                all.loaded.extend(known.loaded);
                all.tried.extend(known.tried);
            }
        }
        all
    }

    /// Remembers distributions whose modules were all tried. `kept` is `None` for what must not be remembered.
    pub(super) fn remember(
        &self,
        modules: &[Module],
        kept: impl Fn(&str) -> Option<Kept>,
        (loaded, tried): (&BTreeSet<Utf8PathBuf>, &BTreeSet<Utf8PathBuf>),
    ) {
        for (name, own) in by_distribution(modules) {
            let imported: Option<BTreeMap<String, Kept>> =
                own.iter().map(|module| Some(((*module).to_owned(), kept(module)?))).collect();
            let (Some(modules), Some(key), Some(read)) = (imported, self.keys.get(name), self.read.get(name)) else {
                continue;
            };
            let is_read = |path: &&Utf8PathBuf| match self.tree.entries.get(*path).map(|entry| &entry.owner) {
                Some(Owner::Distribution(owner)) => read.contains(owner),
                _ => false,
            };
            let read = |paths: &BTreeSet<Utf8PathBuf>| paths.iter().filter(is_read).cloned().collect();
            let remembered = Remembered { modules, loaded: read(loaded), tried: read(tried) };
            self.cache.put(KIND, *key, &remembered, self.console);
        }
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

/// For each distribution, those that its imports read.
fn read(tree: &Tree, target: Target) -> BTreeMap<DistributionName, BTreeSet<DistributionName>> {
    let names: BTreeMap<&str, &DistributionName> =
        tree.distributions.iter().map(|distribution| (distribution.name.as_str(), &distribution.name)).collect();
    let direct: BTreeMap<&DistributionName, Vec<&DistributionName>> = tree
        .distributions
        .iter()
        .map(|distribution| {
            let required = distribution.requires.iter().filter_map(|it| names.get(it.name.as_ref()).copied());
            (&distribution.name, required.collect())
        })
        .collect();
    let folders = package_folders(target.python);
    let is_pth = |path: &Utf8Path| {
        path.extension() == Some("pth") && path.parent().is_some_and(|it| folders.iter().any(|folder| folder == it))
    };
    let at_start = tree.entries.iter().filter(|(path, _)| is_pth(path)).filter_map(|(_, entry)| match &entry.owner {
        Owner::Distribution(name) => Some(name),
        _ => None,
    });
    let at_start: Vec<&DistributionName> = at_start.collect();
    let reached = |name: &DistributionName| {
        let mut found = BTreeSet::new();
        let mut open: Vec<&DistributionName> = at_start.iter().copied().chain([name]).collect();
        while let Some(name) = open.pop() {
            if found.insert(name.clone()) {
                open.extend(direct.get(name).into_iter().flatten());
            }
        }
        found
    };
    tree.distributions.iter().map(|distribution| (distribution.name.clone(), reached(&distribution.name))).collect()
}

/// The digests of what the layer has of each distribution.
fn contents(tree: &Tree) -> anyhow::Result<BTreeMap<DistributionName, Digest>> {
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
/// of the other distributions and of own modules, and own files outside of the folder of packages.
fn surroundings(tree: &Tree, target: Target, host: &Host) -> anyhow::Result<Vec<String>> {
    let system = fs_err::read_to_string("/etc/os-release").unwrap_or_default();
    let mut parts = vec![SCRIPT.to_owned(), host.executable.to_string(), host.build.clone(), system];
    parts.extend(host.glibc().map(|glibc| glibc.to_string()));
    parts.push(target.to_string());
    parts.extend(super::place::runtime_packages(host));
    parts.extend(tree.distributions.iter().map(|distribution| distribution.name.to_string()));
    let folders = package_folders(target.python);
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
