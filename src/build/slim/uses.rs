//! Finds out what the remaining code of a layer uses: folders that could be left out, and files that code mentions by
//! name.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;

use aho_corasick::AhoCorasick;
use camino::{Utf8Path, Utf8PathBuf};

use super::code;
use crate::layer::{Entry, Owner, Tree};

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

/// The names that are searched for in code.
#[derive(Debug, Default)]
pub(super) struct Named<'a> {
    /// File names.
    pub(super) files: BTreeSet<&'a str>,
    /// Endings of file names, such as `.h`.
    pub(super) endings: BTreeSet<&'a str>,
}

/// A module of the layer.
struct Module<'a> {
    /// The path relative to the folder of packages.
    path: &'a Utf8Path,
    entry: &'a Entry,
}

/// What the code of one module uses.
struct ModuleUses<'a> {
    path: &'a Utf8Path,
    owner: &'a Owner,
    /// Candidates whose files the module opens.
    enters: Candidates,
    /// Paths of modules in candidates that it imports.
    imports: BTreeSet<String>,
    names: BTreeSet<String>,
    attaches_stub: bool,
    handles_stubs: bool,
    reads_descriptions: bool,
}

/// Reads the code that stays. When a candidate turns out to be used, its code is read as well.
pub(super) fn find(
    tree: &Tree,
    packages: &Utf8Path,
    candidates: &Candidates,
    named: &Named<'_>,
) -> anyhow::Result<Uses> {
    let modules = tree.entries.iter().filter_map(|(path, entry)| {
        let path = path.strip_prefix(packages).ok()?;
        // A `setup.py` was only for the build.
        let is_code = path.extension() == Some("py") && path.file_name() != Some("setup.py");
        is_code.then_some(Module { path, entry })
    });
    let mut waiting: Vec<Module<'_>> = modules.collect();
    let modules = in_candidates(tree, packages, candidates);
    let search = Search::new(candidates, &modules, named);
    let mut uses = Uses { used: only_modules(tree, packages, candidates), ..Uses::default() };
    uses.imported.extend(search.files_of(entry_points(tree, packages)?));
    loop {
        let (reached, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|module| uses.need(module.path, candidates));
        let before = (uses.used.len(), uses.imported.len());
        for said in search.read_all(&reached)? {
            uses.used.extend(said.enters);
            uses.imported.extend(said.imports);
            uses.names.entry(said.owner.clone()).or_default().extend(said.names);
            if said.attaches_stub {
                uses.stub_readers.extend(said.path.parent().map(Utf8Path::to_owned));
            }
            if said.handles_stubs {
                uses.stub_handlers.insert(said.owner.clone());
            }
            uses.reads_descriptions |= said.reads_descriptions;
        }
        if (uses.used.len(), uses.imported.len()) == before {
            return Ok(uses);
        }
        waiting = rest;
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

/// The modules of entry points.
fn entry_points(tree: &Tree, packages: &Utf8Path) -> anyhow::Result<Vec<String>> {
    let mut modules = Vec::new();
    for distribution in &tree.distributions {
        let path = packages.join(&distribution.info).join("entry_points.txt");
        let Some(entry) = tree.entries.get(&path) else { continue };
        let text = entry.bytes()?;
        let text = String::from_utf8_lossy(&text);
        let objects = text.lines().filter_map(|line| line.split_once('='));
        modules
            .extend(objects.map(|(_, object)| object.split([':', '[']).next().unwrap_or_default().trim().to_owned()));
    }
    Ok(modules)
}

/// Whether the code reads the metadata of distributions, and not, for example, that of images.
fn reads_installed_metadata(code: &str) -> bool {
    let modules = ["importlib.metadata", "importlib_metadata", "importlib import metadata", "pkg_resources"];
    modules.iter().any(|module| code.contains(module)) && code.contains("metadata(")
}

/// What is searched for in code.
struct Search<'a> {
    candidates: &'a Candidates,
    /// The result of `in_candidates`.
    modules: &'a BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// The last path components of the candidates.
    folders: BTreeSet<&'a str>,
    /// The text in code that stands for a file or an ending, with that file name or ending.
    names: BTreeMap<String, &'a str>,
    /// A module that contains none of these words uses nothing that matters here.
    words: AhoCorasick,
}

/// Words of code that finds files or modules without an import.
const FINDS_FILES: [&str; 8] =
    ["__file__", "__path__", "__spec__", "__import__", "import_module", "resources", "get_data", "pkgutil"];
/// Words of code that reads data of packages by their names.
const READS_DATA: [&str; 3] = ["resource", "get_data", "PackageLoader"];
/// What precedes an ending in a string that selects files by it: `"*.h"`, `name + ".h"`, `f"{name}.h"`, `"%s.h"`,
/// `".c,.h"`, `r".*\.h$"`. In `"api.h"` it is a part of the name.
const BEFORE_ENDING: [&str; 12] = ["\"", "'", "*", "}", "%s", "%d", "%r", ")s", "\\", ",", ";", "|"];
const ATTACH_STUB: &str = "attach_stub";
const STUB_ENDINGS: [&str; 2] = [".pyi\"", ".pyi'"];
const DESCRIPTIONS: [&str; 4] = ["get_payload", "\"Description\"", "'Description'", "[\"description\"]"];

impl<'a> Search<'a> {
    fn new(candidates: &'a Candidates, modules: &'a BTreeMap<&'a str, BTreeSet<&'a str>>, named: &Named<'a>) -> Self {
        let folders: BTreeSet<&str> = candidates.iter().filter_map(|path| Utf8Path::new(path).file_stem()).collect();
        let endings = named.endings.iter();
        let endings = endings.flat_map(|it| BEFORE_ENDING.map(|before| (format!("{before}{it}"), *it)));
        let names: BTreeMap<String, &str> =
            named.files.iter().map(|name| ((*name).to_owned(), *name)).chain(endings).collect();
        let words = names.keys().map(String::as_str).chain(folders.iter().copied());
        let words = words.chain([ATTACH_STUB, ".pyi"]).chain(DESCRIPTIONS);
        let words = AhoCorasick::new(words).expect("these are short texts");
        Self { candidates, modules, folders, names, words }
    }

    /// Reads modules on several threads; the results are in the order of the modules.
    fn read_all<'m>(&self, modules: &'m [Module<'_>]) -> anyhow::Result<Vec<ModuleUses<'m>>> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let share = modules.len().div_ceil(threads).max(1);
        let answers = std::thread::scope(|scope| {
            let workers: Vec<_> = modules
                .chunks(share)
                .map(|share| {
                    scope.spawn(|| share.iter().map(|module| self.read_one(module)).collect::<anyhow::Result<Vec<_>>>())
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect::<Vec<_>>()
        });
        let answers: Vec<Vec<_>> = answers.into_iter().collect::<anyhow::Result<_>>()?;
        Ok(answers.into_iter().flatten().flatten().collect())
    }

    fn read_one<'m>(&self, module: &'m Module<'_>) -> anyhow::Result<Option<ModuleUses<'m>>> {
        let bytes = module.entry.bytes()?;
        let (path, owner) = (module.path, &module.entry.owner);
        let home = containing(path, self.candidates).next();
        // A module in a candidate can refer to its neighbours without these words.
        if home.is_none() && !self.words.is_match(&bytes) {
            return Ok(None);
        }
        let code = code::without_comments(&String::from_utf8_lossy(&bytes));
        let folder = path.parent().map_or("", Utf8Path::as_str);
        let package = folder.replace('/', ".");
        let mut read = code::read_packages(&code, &package);
        let mut enters = self.entered_by(folder, &read, &code);
        if READS_DATA.iter().any(|word| code.contains(word)) {
            read.extend(code::modules(&code, &package));
        }
        enters.extend(read.iter().flat_map(|name| self.candidates_of(name)));
        if home.is_some() && FINDS_FILES.iter().any(|word| code.contains(word)) {
            enters.extend(containing(path, self.candidates).cloned());
        }
        Ok(Some(ModuleUses {
            path,
            owner,
            enters,
            imports: self.imported_by(path, &code),
            names: self.named_in(&code),
            attaches_stub: code.contains(ATTACH_STUB),
            handles_stubs: STUB_ENDINGS.iter().any(|ending| code.contains(ending)),
            reads_descriptions: reads_installed_metadata(&code) && DESCRIPTIONS.iter().any(|word| code.contains(word)),
        }))
    }

    /// The files of imported modules in candidates, and of the packages that Python imports with them.
    fn imported_by(&self, path: &Utf8Path, code: &str) -> BTreeSet<String> {
        let folder = path.parent().map_or("", Utf8Path::as_str);
        if !self.folders.iter().any(|name| code.contains(name) || folder.contains(name)) {
            return BTreeSet::new();
        }
        let package = folder.replace('/', ".");
        let mut names = code::modules(code, &package);
        if path.file_name() == Some("__init__.py") {
            names.extend(code::exported(code).map(|name| format!("{package}.{name}")));
        }
        self.files_of(names)
    }

    /// The files in candidates for full names of modules, or of objects in them.
    fn files_of(&self, names: Vec<String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for name in names.into_iter().map(|name| name.replace('.', "/")) {
            let files = prefixes(&name).filter_map(|prefix| self.modules.get(prefix)).flatten();
            found.extend(files.map(|file| (*file).to_owned()));
        }
        found
    }

    /// Candidates that contain the package with this full name, or are that package.
    fn candidates_of(&self, name: &str) -> Candidates {
        prefixes(&name.replace('.', "/")).filter_map(|folder| self.candidates.get(folder).cloned()).collect()
    }

    /// Candidates from which a module in `folder` reads files by a path, which may start in a package whose data it
    /// reads.
    fn entered_by(&self, folder: &str, read: &[String], code: &str) -> Candidates {
        let packages: Vec<String> = read.iter().map(|name| name.replace('.', "/")).collect();
        let starts: BTreeSet<&str> = prefixes(folder).chain([""]).chain(packages.iter().map(String::as_str)).collect();
        let mut entered = Candidates::new();
        for below in code::entered_folders(code, &self.folders) {
            for start in &starts {
                let place = if start.is_empty() { below.to_owned() } else { format!("{start}/{below}") };
                entered.extend(self.candidates.get(&place).cloned());
            }
        }
        entered
    }

    /// The names and endings that the code contains as whole words.
    fn named_in(&self, code: &str) -> BTreeSet<String> {
        let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
        let found = self.words.find_overlapping_iter(code).filter(|found| {
            let before = found.start().checked_sub(1).and_then(|at| code.as_bytes().get(at));
            let goes_on = is_part(before) && is_part(code.as_bytes().get(found.start()));
            !goes_on && !is_part(code.as_bytes().get(found.end()))
        });
        let found = found.filter_map(|found| self.names.get(&code[found.start()..found.end()]));
        found.map(|name| (*name).to_owned()).collect()
    }
}
