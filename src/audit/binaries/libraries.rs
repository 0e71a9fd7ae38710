//! Shared libraries that compiled files need.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::linker::{Linker, Place};
use super::{Compiled, MISSING_LIBRARY, Origin, extensions, is_started, packages_of, some_of, verb};
use crate::audit::imported::Imported;
use crate::error::alternatives;
use crate::facts;
use crate::layer::links::Names;
use crate::layer::{Finding, Layer, Owner, Severity};

/// What a distribution lacks, at one severity.
#[derive(Default)]
struct Lack<'a> {
    files: BTreeSet<&'a Utf8Path>,
    libraries: BTreeSet<&'a str>,
    /// Where other distributions have libraries of these names.
    elsewhere: BTreeSet<&'a Utf8Path>,
}

/// One finding for each distribution. What an import has shown outweighs what names and bytes suggest.
pub(super) fn check<'a>(
    layer: &'a Layer,
    names: &Names<'_>,
    compiled: &'a [Compiled<'a>],
    linker: &Linker<'a>,
    imported: Option<&Imported>,
) -> Vec<Finding> {
    let mut lacks: BTreeMap<(Origin, Severity), Lack<'a>> = BTreeMap::new();
    let target = linker.target();
    let started = loaded(compiled.iter().filter(|file| is_started(file.path, file.file, names)), linker);
    let is_known = |file: &Compiled<'_>, known: fn(&Imported, &Utf8Path, &Owner) -> bool| {
        imported.is_some_and(|imported| known(imported, file.path, &file.file.owner))
    };
    let is_module = |file: &&Compiled<'_>| {
        names.of_file(file.path).any(|name| extensions::can_be_imported(name, file.elf, target))
            && !is_known(file, Imported::does_without)
    };
    let mut loaded = loaded(compiled.iter().filter(is_module), linker);
    loaded.extend(&started);
    let origins: BTreeMap<&Utf8Path, Origin> =
        compiled.iter().map(|file| (file.path, Origin::of(layer, file.path, file.file))).collect();
    let with_loaded: BTreeSet<&Origin> = loaded.iter().filter_map(|path| origins.get(path)).collect();
    for file in compiled {
        let origin = &origins[file.path];
        for name in needs(file) {
            let mut elsewhere = Vec::new();
            let severity = match linker.find(file, name) {
                Place::Runtime | Place::Layer(_) => continue,
                // Packages such as pyarrow load their own libraries before their modules.
                Place::Elsewhere(places) if places.iter().any(|place| origins.get(place) == Some(origin)) => continue,
                Place::Elsewhere(places) => {
                    elsewhere = places;
                    Severity::Notice
                }
                Place::Nowhere if facts::is_optional_library(name, in_packages(file.path)) => continue,
                Place::Nowhere if imported.is_some_and(|imported| imported.has_loaded(file.path)) => continue,
                Place::Nowhere if loaded.contains(file.path) => Severity::Error,
                // Most likely a plug-in: other modules of the distribution work without it.
                Place::Nowhere if with_loaded.contains(origin) || is_known(file, Imported::has_ignored) => {
                    Severity::Warning
                }
                Place::Nowhere => Severity::Error,
            };
            let lack = lacks.entry((origin.clone(), severity)).or_default();
            lack.files.insert(file.path);
            lack.libraries.insert(name);
            lack.elsewhere.extend(elsewhere);
        }
    }
    // Only the worst severity is reported: its remedy changes the others as well.
    let mut worst: BTreeMap<Origin, (Severity, Lack<'a>)> = BTreeMap::new();
    for ((origin, severity), lack) in lacks {
        worst.entry(origin).or_insert((severity, lack));
    }
    worst.iter().map(|(origin, (severity, lack))| finding(origin, *severity, lack)).collect()
}

fn in_packages(path: &Utf8Path) -> &Utf8Path {
    packages_of(path).and_then(|packages| path.strip_prefix(packages).ok()).unwrap_or(path)
}

/// The libraries that a file needs, and the interpreter of a program.
fn needs<'a>(file: &Compiled<'a>) -> impl Iterator<Item = &'a str> {
    let elf = file.elf;
    // Libraries that can also be run (libc, Qt) name an interpreter that importing does not need.
    let starter = elf.interpreter.as_deref().filter(|_| elf.soname.is_none());
    let unusual = starter.filter(|path| !["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].contains(path));
    elf.needed.iter().map(String::as_str).chain(unusual)
}

/// The given files, and all that are loaded with them.
fn loaded<'a>(first: impl Iterator<Item = &'a Compiled<'a>>, linker: &Linker<'a>) -> BTreeSet<&'a Utf8Path> {
    let mut waiting: Vec<&Compiled<'_>> = first.collect();
    let mut loaded = BTreeSet::new();
    while let Some(file) = waiting.pop() {
        if !loaded.insert(file.path) {
            continue;
        }
        for name in &file.elf.needed {
            let places = match linker.find(file, name) {
                Place::Layer(path) => vec![path],
                Place::Elsewhere(places) => places,
                Place::Runtime | Place::Nowhere => Vec::new(),
            };
            waiting.extend(places.into_iter().filter_map(|path| linker.file(path)));
        }
    }
    loaded
}

fn finding(origin: &Origin, severity: Severity, lack: &Lack<'_>) -> Finding {
    let first = *lack.files.first().expect("there is one");
    let (count, libraries) = (lack.files.len(), &lack.libraries);
    let which = some_of(first, count, origin);
    let needs = verb(count, "needs", "need");
    let names = names(libraries);
    let is = verb(libraries.len(), "is", "are");
    let is_musl = libraries.iter().any(|name| name.contains("musl"));
    let (message, help) = match lack.elsewhere.first() {
        Some(place) => (
            format!(
                "{which} {needs} {names}, which the layer contains (`{place}`), but not where the dynamic linker looks"
            ),
            "this is fine if Python code loads it first; otherwise, place it in `lib` with `include`".to_owned(),
        ),
        None if is_musl => (
            format!(
                "{which} {is_it} compiled for musl (Alpine), which the runtime does not have",
                is_it = verb(count, "is", "are")
            ),
            origin.remedy("manylinux"),
        ),
        None => (
            format!("{which} {needs} {names}, which {is} neither in the layer nor in the runtime"),
            remedy(origin, severity, libraries),
        ),
    };
    let finding = Finding { severity, ..Finding::error(MISSING_LIBRARY, first.as_str(), message, help) };
    finding.blames(origin.distribution.as_ref())
}

fn remedy(origin: &Origin, severity: Severity, libraries: &BTreeSet<&str>) -> String {
    let library = libraries.first().map(|name| name.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
    let replacement = origin.distribution.as_ref().and_then(|name| facts::replacement(&name.to_string()));
    match (severity, replacement) {
        (Severity::Error, Some(other)) => format!("require `{other}` instead, which does not need it"),
        (Severity::Error, None) => {
            format!("use a wheel that bundles it, or add it with `include`: `…/{library}=lib/{library}`")
        }
        _ => "ignore this if you do not use that part of it".to_owned(),
    }
}

/// The names of the first few.
fn names(libraries: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<String> = libraries.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match libraries.len().saturating_sub(SHOWN) {
        0 => alternatives(libraries.iter().copied()).replace(" or ", " and "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
