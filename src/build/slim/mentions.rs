//! Finds out what the code of a module mentions: other modules, folders and files. The answer depends on the module and
//! its distribution alone, so that it can be kept; what it means for a layer is for `uses` to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use camino::Utf8Path;

use super::rules::{Check, rules};
use super::{checks, code};
use crate::layer::{Distribution, Habit, Mentions};

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

/// The last path components of all folders and modules that some rule could leave out as a whole.
static FOLDERS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let names = rules().rules.iter().flat_map(|rule| rule.folders.iter().chain(&rule.below).chain(&rule.modules));
    names.filter_map(|path| Utf8Path::new(path).file_stem()).collect()
});
static IN_FOLDERS: LazyLock<AhoCorasick> = LazyLock::new(|| words(FOLDERS.iter().copied()));
/// A module that contains none of these words, and no name of a file, mentions nothing that matters here.
static WORDS: LazyLock<AhoCorasick> =
    LazyLock::new(|| words(FOLDERS.iter().copied().chain([ATTACH_STUB, ".pyi"]).chain(DESCRIPTIONS)));

fn words<'a>(words: impl Iterator<Item = &'a str>) -> AhoCorasick {
    AhoCorasick::new(words).expect("these are short texts")
}

/// The names of files that are left out only if no code mentions them, or their endings.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The text in code that stands for a file or an ending, with that file name or ending.
    meanings: BTreeMap<String, String>,
    /// `None` if there are no names.
    search: Option<AhoCorasick>,
}

impl Names {
    /// Those of the files that distributions have by their own word, whichever of them are in the layer.
    pub(super) fn of<'a>(distributions: impl Iterator<Item = &'a Distribution>) -> Self {
        let files = distributions.flat_map(|distribution| distribution.record.keys());
        let names: BTreeSet<&str> = files.filter_map(|path| path.file_name()).collect();
        let mut meanings = BTreeMap::new();
        for name in names {
            let checks = rules().rules.iter().filter(|rule| rule.files.is_match(name)).flat_map(|rule| &rule.checks);
            let checks: Vec<&Check> = checks.collect();
            if checks.contains(&&Check::Unmentioned) {
                meanings.insert(name.to_owned(), name.to_owned());
            }
            if checks.contains(&&Check::EndingUnmentioned) {
                let endings = checks::endings(name);
                let said = endings.flat_map(|it| BEFORE_ENDING.map(|before| (format!("{before}{it}"), it.to_owned())));
                meanings.extend(said);
            }
        }
        let search = (!meanings.is_empty()).then(|| words(meanings.keys().map(String::as_str)));
        Self { meanings, search }
    }

    fn are_in(&self, bytes: &[u8]) -> bool {
        self.search.as_ref().is_some_and(|search| search.is_match(bytes))
    }

    /// The names and endings that the code contains as whole words.
    fn of_code(&self, code: &str) -> BTreeSet<&str> {
        let Some(search) = &self.search else { return BTreeSet::new() };
        let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
        let found = search.find_overlapping_iter(code).filter(|found| {
            let before = found.start().checked_sub(1).and_then(|at| code.as_bytes().get(at));
            let goes_on = is_part(before) && is_part(code.as_bytes().get(found.start()));
            !goes_on && !is_part(code.as_bytes().get(found.end()))
        });
        found.filter_map(|found| Some(self.meanings.get(&code[found.start()..found.end()])?.as_str())).collect()
    }
}

/// What a module mentions. `path` is relative to the folder of packages; `names` are those of its distribution.
pub(super) fn of(path: &Utf8Path, bytes: &[u8], names: &Names) -> Mentions {
    let may_be_in_candidate = has_name_of_folder(path.as_str());
    // A module in such a folder can refer to its neighbours without these words.
    if !may_be_in_candidate && !WORDS.is_match(bytes) && !names.are_in(bytes) {
        return Mentions::default();
    }
    let code = code::without_comments(&String::from_utf8_lossy(bytes));
    let package = path.parent().map_or("", Utf8Path::as_str).replace('/', ".");
    let modules = LazyLock::new(|| code::modules(&code, &package));
    let enters: Vec<String> = code::entered_folders(&code, &FOLDERS).into_iter().map(str::to_owned).collect();
    let mut reads = code::read_packages(&code, &package);
    if READS_DATA.iter().any(|word| code.contains(word)) {
        reads.extend(modules.iter().cloned());
    }
    let mut reads = paths(reads);
    if enters.is_empty() {
        reads.retain(|path| has_name_of_folder(path));
    }
    let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
    let habits = [
        (Habit::FindsFiles, may_be_in_candidate && has(&FINDS_FILES)),
        (Habit::AttachesStub, has(&[ATTACH_STUB])),
        (Habit::HandlesStubs, has(&STUB_ENDINGS)),
        (Habit::ReadsDescriptions, reads_installed_metadata(&code) && has(&DESCRIPTIONS)),
    ];
    Mentions {
        imports: imports(path, &code, &package, &modules),
        reads,
        enters,
        names: names.of_code(&code).into_iter().map(str::to_owned).collect(),
        habits: habits.into_iter().filter(|(_, has)| *has).map(|(habit, _)| habit).collect(),
    }
}

/// The imported modules, and the names that a package exports.
fn imports(path: &Utf8Path, code: &str, package: &str, modules: &[String]) -> Vec<String> {
    if !IN_FOLDERS.is_match(code) && !IN_FOLDERS.is_match(path.as_str()) {
        return Vec::new();
    }
    let mut names = modules.to_vec();
    if path.file_name() == Some("__init__.py") {
        names.extend(code::exported(code).map(|name| format!("{package}.{name}")));
    }
    let mut found = paths(names);
    found.retain(|path| has_name_of_folder(path));
    found
}

/// Full names of modules as paths, each once.
fn paths(names: Vec<String>) -> Vec<String> {
    let paths: BTreeSet<String> = names.into_iter().map(|name| name.replace('.', "/")).collect();
    paths.into_iter().collect()
}

/// Whether a component of the path is the name of a folder or module that some rule could leave out.
fn has_name_of_folder(path: &str) -> bool {
    path.split('/').any(|part| FOLDERS.contains(part.split('.').next().unwrap_or_default()))
}

/// Whether the code reads the metadata of distributions, and not, for example, that of images.
fn reads_installed_metadata(code: &str) -> bool {
    let modules = ["importlib.metadata", "importlib_metadata", "importlib import metadata", "pkg_resources"];
    modules.iter().any(|module| code.contains(module)) && code.contains("metadata(")
}
