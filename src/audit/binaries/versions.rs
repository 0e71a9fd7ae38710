//! The versions of the C and C++ libraries that compiled files need, compared with those of the runtime.

use camino::Utf8Path;

use super::linker::{Linker, Place};
use super::{Compiled, Origin, by_origin, some_of, verb};
use crate::facts;
use crate::layer::scan::elf::SymbolVersion;
use crate::layer::{Finding, Layer};
use crate::runtime::images;
use crate::types::Target;

/// The prefix of symbol versions, the library's name for messages, and the code of the finding.
const KINDS: &[(&str, &str, &str)] = &[
    ("GLIBC", "glibc", "glibc-too-new"),
    ("GLIBCXX", "libstdc++", "libstdcxx-too-new"),
    ("CXXABI", "the C++ ABI", "libstdcxx-too-new"),
    ("GCC", "libgcc", "libstdcxx-too-new"),
];

/// One finding for each distribution and code, with the highest version that is needed.
pub(super) fn check(layer: &Layer, compiled: &[Compiled<'_>], linker: &Linker<'_>, target: Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    for code in ["glibc-too-new", "libstdcxx-too-new"] {
        let too_new =
            compiled.iter().filter_map(|file| Some((file.path, file.file, worst(file, code, linker, target)?)));
        for (origin, mut files) in by_origin(layer, too_new) {
            // GLIBCXX comes first, because CXXABI follows from it; the highest version of each comes first.
            files.sort_by(|(_, left), (_, right)| {
                left.kind.cmp(&right.kind).then_with(|| right.version.cmp(&left.version))
            });
            let Some((first, needed)) = files.first() else { continue };
            let is_built_here = layer
                .distributions
                .iter()
                .any(|known| known.is_built_here && Some(&known.name) == origin.distribution.as_ref());
            let finding = finding(code, &origin, first, files.len(), needed, target);
            // No wheel of the index fitted, or the distribution would not have been compiled here.
            findings.push(if is_built_here {
                let help = format!("it was compiled on this machine: {}", images::other_ways(target));
                Finding { help, ..finding }
            } else {
                finding
            });
        }
    }
    findings
}

struct Needed {
    /// Index in `KINDS`.
    kind: usize,
    version: SymbolVersion,
    available: &'static str,
}

/// The highest version that a file needs and the runtime does not have.
fn worst(file: &Compiled<'_>, code: &str, linker: &Linker<'_>, target: Target) -> Option<Needed> {
    let available = &target.python.runtime().system().symbol_versions;
    let needs = file.elf.versions.iter().filter_map(|((library, prefix), version)| {
        let kind = KINDS.iter().position(|(known, _, of)| known == prefix && *of == code)?;
        let available: &'static str = available.get(prefix)?;
        let is_newer = SymbolVersion::parse(available).is_some_and(|available| version.is_newer_than(&available));
        // If the layer's own copy of the library is found first, the runtime's version does not matter.
        let is_runtimes = || linker.find(file, library) == Place::Runtime;
        (is_newer && is_runtimes()).then(|| Needed { kind, version: version.clone(), available })
    });
    needs.min_by(|left, right| left.kind.cmp(&right.kind).then_with(|| right.version.cmp(&left.version)))
}

fn finding(
    code: &'static str,
    origin: &Origin,
    first: &Utf8Path,
    count: usize,
    needed: &Needed,
    target: Target,
) -> Finding {
    let (prefix, name, _) = KINDS[needed.kind];
    let (python, glibc) = (target.python, target.glibc());
    let message = format!(
        "{} {} {name} {} (`{prefix}_{}`), but Lambda's python{python} has {}",
        some_of(first, count, origin),
        verb(count, "needs", "need"),
        needed.version,
        needed.version,
        needed.available
    );
    let machine = target.architecture.machine();
    let newer = newer_runtime(prefix, &needed.version, target);
    let newer = newer.map(|python| format!("; or use python{python} or later")).unwrap_or_default();
    let help = match code {
        "glibc-too-new" => {
            format!("{}{newer}", origin.remedy(&format!("`manylinux_2_{}_{machine}` or older", glibc.minor)))
        }
        _ => format!(
            "{}{newer}; a newer library in `lib` does not help, because the runtime's own is found first",
            origin.remedy(&format!("`manylinux_2_{}_{machine}` or older", glibc.minor))
        ),
    };
    Finding::error(code, first.as_str(), message, help).blames(origin.distribution.as_ref())
}

/// The oldest Python of Lambda whose runtime has that version.
fn newer_runtime(prefix: &str, version: &SymbolVersion, target: Target) -> Option<&'static str> {
    let newer = facts::runtimes().iter().take_while(|runtime| runtime.python != target.python.runtime().python);
    let runtimes = newer.filter(|runtime| !runtime.preview);
    let has_it = |runtime: &&facts::Runtime| {
        let has = runtime.system().symbol_versions.get(prefix).and_then(|has| SymbolVersion::parse(has));
        has.is_some_and(|has| !version.is_newer_than(&has))
    };
    runtimes.filter(has_it).last().map(|runtime| runtime.python.as_str())
}
