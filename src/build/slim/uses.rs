//! Finds out what the remaining code of a layer uses: folders that could be left out, and files that code mentions by
//! name.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::mentions;
use super::mentions::Names;
use crate::layer::{Distribution, Entry, Habit, Mentions, Owner, Source, Tree};
use crate::process::side_by_side;

/// Folders and modules that are left out if nothing uses them, relative to the folder of packages. They are strings
/// because `Utf8Path` compares component by component, which is slow.
pub(super) type Candidates = BTreeSet<String>;

#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Candidates that stay completely.
    used: Candidates,
    /// Paths of imported modules in other candidates.
    imported: BTreeSet<String>,
    /// File names and endings that the code of each owner contains.
    names: BTreeMap<Owner, BTreeSet<String>>,
    /// Folders with a module that reads its own stub, relative to the folder of packages.
    stub_readers: BTreeSet<Utf8PathBuf>,
    /// Owners whose code processes stubs as files.
    stub_handlers: BTreeSet<Owner>,
    /// Whether some code reads the long description of a distribution.
    pub(super) reads_descriptions: bool,
    /// What modules mention of which nothing was known before, by their paths in the layer.
    pub(super) learned: BTreeMap<Utf8PathBuf, Mentions>,
}

impl Uses {
    /// Whether something in the layer may need the file. If an outer candidate is left out, so are the inner ones.
    pub(super) fn need(&self, path: &Utf8Path, candidates: &Candidates) -> bool {
        self.imported.contains(path.as_str()) || containing(path, candidates).all(|folder| self.used.contains(folder))
    }

    /// Whether code of the owner, or the user's own code, mentions the file name or the ending.
    pub(super) fn mentions(&self, owner: &Owner, name: &str) -> bool {
        let by = |owner: &Owner| self.names.get(owner).is_some_and(|names| names.contains(name));
        [owner, &Owner::Source, &Owner::Include, &Owner::BuildScript].into_iter().any(by)
    }

    pub(super) fn reads_stub(&self, path: &Utf8Path, owner: &Owner) -> bool {
        self.stub_handlers.contains(owner) || path.parent().is_some_and(|folder| self.stub_readers.contains(folder))
    }
}

/// A module of the layer.
struct Module<'a> {
    /// The path in the layer.
    place: &'a Utf8Path,
    /// The path relative to the folder of packages.
    path: &'a Utf8Path,
    entry: &'a Entry,
}

/// Reads the code that stays. When a candidate turns out to be used, its code is read as well.
pub(super) fn find(tree: &Tree, packages: &Utf8Path, candidates: &Candidates) -> anyhow::Result<Uses> {
    let modules = tree.entries.iter().filter_map(|(place, entry)| {
        let path = place.strip_prefix(packages).ok()?;
        // A `setup.py` was only for the build.
        let is_code = path.extension() == Some("py") && path.file_name() != Some("setup.py");
        is_code.then_some(Module { place, path, entry })
    });
    let mut waiting: Vec<Module<'_>> = modules.collect();
    let modules = in_candidates(tree, packages, candidates);
    let reader = Reader::new(&tree.distributions);
    let layer = Layer { candidates, modules: &modules };
    let mut uses = Uses { used: only_modules(tree, packages, candidates), ..Uses::default() };
    uses.imported.extend(layer.files_of(&entry_points(tree, packages)?));
    loop {
        let (reached, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|module| uses.need(module.path, candidates));
        let before = (uses.used.len(), uses.imported.len());
        for (module, read) in reached.iter().zip(side_by_side(&reached, |module| reader.read_one(module))?) {
            uses.add(module, read.mentions(), &layer);
            if let Read::New(mentions) = read {
                uses.learned.insert(module.place.to_owned(), mentions);
            }
        }
        if (uses.used.len(), uses.imported.len()) == before {
            return Ok(uses);
        }
        waiting = rest;
    }
}

/// What the code of a module mentions.
enum Read<'a> {
    Known(&'a Mentions),
    New(Mentions),
}

impl Read<'_> {
    fn mentions(&self) -> &Mentions {
        match self {
            Self::Known(mentions) => mentions,
            Self::New(mentions) => mentions,
        }
    }
}

/// Reads modules, each with the names of its own distribution; own code is searched for the names of all of them.
struct Reader<'a> {
    of_distributions: BTreeMap<&'a str, Names>,
    of_all: Names,
}

impl<'a> Reader<'a> {
    fn new(distributions: &'a [Distribution]) -> Self {
        let one =
            |distribution: &'a Distribution| (distribution.name.as_str(), Names::of(std::iter::once(distribution)));
        Self { of_distributions: distributions.iter().map(one).collect(), of_all: Names::of(distributions.iter()) }
    }

    fn read_one<'m>(&self, module: &Module<'m>) -> anyhow::Result<Read<'m>> {
        if let Source::Stored { file, .. } = &module.entry.source
            && let Some(known) = &file.learned.mentions
        {
            return Ok(Read::Known(known));
        }
        let names = match &module.entry.owner {
            Owner::Distribution(name) => self.of_distributions.get(name.as_str()),
            Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => None,
        };
        let bytes = module.entry.bytes()?;
        Ok(Read::New(mentions::of(module.path, &bytes, names.unwrap_or(&self.of_all))))
    }
}

/// What can be left out of a layer as a whole, and the modules in it.
struct Layer<'a> {
    candidates: &'a Candidates,
    /// The result of `in_candidates`.
    modules: &'a BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl Layer<'_> {
    /// The files in candidates for full names of modules, or of objects in them, as paths.
    fn files_of(&self, names: &[String]) -> BTreeSet<String> {
        let prefixes = names.iter().flat_map(|name| prefixes(name));
        prefixes.filter_map(|prefix| self.modules.get(prefix)).flatten().map(|file| (*file).to_owned()).collect()
    }

    /// Candidates from which a module in `folder` reads files by a path, which may start in a package whose data it
    /// reads.
    fn entered_by(&self, folder: &str, mentions: &Mentions) -> Candidates {
        let starts: BTreeSet<&str> =
            prefixes(folder).chain([""]).chain(mentions.reads.iter().map(String::as_str)).collect();
        let mut entered = Candidates::new();
        for below in &mentions.enters {
            for start in &starts {
                let place = if start.is_empty() { below.clone() } else { format!("{start}/{below}") };
                entered.extend(self.candidates.get(&place).cloned());
            }
        }
        entered
    }
}

impl Uses {
    fn add(&mut self, module: &Module<'_>, mentions: &Mentions, layer: &Layer<'_>) {
        if *mentions == Mentions::default() {
            return;
        }
        let folder = module.path.parent().map_or("", Utf8Path::as_str);
        self.used.extend(layer.entered_by(folder, mentions));
        let packages = mentions.reads.iter().flat_map(|path| prefixes(path));
        self.used.extend(packages.filter_map(|folder| layer.candidates.get(folder).cloned()));
        if mentions.habits.contains(&Habit::FindsFiles) {
            self.used.extend(containing(module.path, layer.candidates).cloned());
        }
        self.imported.extend(layer.files_of(&mentions.imports));
        let owner = &module.entry.owner;
        self.names.entry(owner.clone()).or_default().extend(mentions.names.iter().cloned());
        if mentions.habits.contains(&Habit::AttachesStub) {
            self.stub_readers.extend(module.path.parent().map(Utf8Path::to_owned));
        }
        if mentions.habits.contains(&Habit::HandlesStubs) {
            self.stub_handlers.insert(owner.clone());
        }
        self.reads_descriptions |= mentions.habits.contains(&Habit::ReadsDescriptions);
    }
}

/// The candidates that contain a file, or are that file.
pub(super) fn containing<'a>(path: &'a Utf8Path, candidates: &'a Candidates) -> impl Iterator<Item = &'a String> {
    prefixes(path.as_str()).filter_map(|folder| candidates.get(folder))
}

/// The prefixes of a path: `a`, `a/b` and `a/b/c.py` for `a/b/c.py`.
pub(super) fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at]).chain([path])
}

/// Files of the modules in candidates, by the module's name as a path: `a/tests` for `a/tests/__init__.py`, `a/tests/b`
/// for `a/tests/b.cpython-313-x86_64-linux-gnu.so`.
fn in_candidates<'a>(
    tree: &'a Tree,
    packages: &Utf8Path,
    candidates: &Candidates,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in tree.entries.keys().filter_map(|path| path.strip_prefix(packages).ok()) {
        if matches!(path.extension(), Some("py" | "so" | "pyc"))
            && containing(path, candidates).next().is_some()
            && let (Some(folder), Some(name)) = (path.parent(), path.file_name())
        {
            let stem = name.split('.').next().unwrap_or_default();
            let end = folder.as_str().len() + if stem == "__init__" { 0 } else { "/".len() + stem.len() };
            modules.entry(&path.as_str()[..end]).or_default().insert(path.as_str());
        }
    }
    modules
}

/// The candidates of distributions that have no other modules: these modules are the purpose of the distribution.
fn only_modules(tree: &Tree, packages: &Utf8Path, candidates: &Candidates) -> Candidates {
    let mut modules: BTreeMap<&Owner, Vec<&Utf8Path>> = BTreeMap::new();
    for (path, entry) in &tree.entries {
        if let Ok(path) = path.strip_prefix(packages)
            && matches!(path.extension(), Some("py" | "so"))
        {
            modules.entry(&entry.owner).or_default().push(path);
        }
    }
    let only_candidates = modules
        .into_iter()
        .filter(|(_, modules)| modules.iter().all(|path| containing(path, candidates).next().is_some()))
        .filter(|(owner, _)| matches!(owner, Owner::Distribution(_)));
    only_candidates.flat_map(|(_, modules)| modules).flat_map(|path| containing(path, candidates).cloned()).collect()
}

/// The modules of entry points, as paths.
fn entry_points(tree: &Tree, packages: &Utf8Path) -> anyhow::Result<Vec<String>> {
    let mut modules = Vec::new();
    for distribution in &tree.distributions {
        let path = packages.join(&distribution.info).join("entry_points.txt");
        let Some(entry) = tree.entries.get(&path) else { continue };
        let text = entry.bytes()?;
        let text = String::from_utf8_lossy(&text);
        let objects = text.lines().filter_map(|line| line.split_once('='));
        modules.extend(
            objects.map(|(_, object)| object.split([':', '[']).next().unwrap_or_default().trim().replace('.', "/")),
        );
    }
    Ok(modules)
}
