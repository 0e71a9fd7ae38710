//! Extension modules by their file names: Python imports only files whose names end as it expects
//! (<https://peps.python.org/pep-3149/>, <https://peps.python.org/pep-0384/>).

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::{by_origin, packages_of, some_of, verb};
use crate::audit::WORTHWHILE;
use crate::layer::links::Names;
use crate::layer::scan::binary::Binary;
use crate::layer::scan::elf::Elf;
use crate::layer::{Finding, Layer, Severity};
use crate::types::Target;

/// A file with the name of an extension module, for any Python.
struct Extension<'a> {
    /// The path without the extension and tag: `python/numpy/_core/_umath`.
    module: String,
    /// The part between the module's name and `.so`: `cpython-313-x86_64-linux-gnu`, `abi3`, or none.
    tag: Option<&'a str>,
    is_for_windows: bool,
}

impl<'a> Extension<'a> {
    fn of(path: &'a Utf8Path) -> Option<Self> {
        packages_of(path)?;
        let (folder, name) = (path.parent()?, path.file_name()?);
        let (stem, is_for_windows) = match name.strip_suffix(".so") {
            Some(stem) => (stem, false),
            None => (name.strip_suffix(".pyd")?, true),
        };
        let (module, tag) = stem.split_once('.').map_or((stem, None), |(module, tag)| (module, Some(tag)));
        let is_name = |part: &str| {
            !part.starts_with(|first: char| first.is_ascii_digit())
                && !part.is_empty()
                && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        };
        // Without a tag, `libx.so` is a library; a file with a tag is a module, whatever its name.
        let is_library = tag.is_none() && module.starts_with("lib");
        let is_module = is_name(module) && !is_library && tag.is_none_or(is_tag);
        // Nothing can be imported from a folder that cannot be a package.
        let is_importable = packages_of(path).and_then(|packages| folder.strip_prefix(packages).ok());
        let is_importable = is_importable.is_some_and(|inner| inner.components().all(|part| is_name(part.as_str())));
        (is_module && is_importable).then(|| Self { module: folder.join(module).into_string(), tag, is_for_windows })
    }

    /// The name of the module in its package, which its init function has.
    fn name(&self) -> &str {
        Utf8Path::new(&self.module).file_name().unwrap_or_default()
    }

    fn fits(&self, target: Target) -> bool {
        !self.is_for_windows && self.tag.is_none_or(|tag| tag == "abi3" || tag == expected(target))
    }
}

/// Whether the text is a tag that Pythons or build tools write; other texts between dots belong to a name.
fn is_tag(text: &str) -> bool {
    let digits = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    text == "abi3"
        || text == "abi3t"
        || text.strip_prefix("cpython-").is_some_and(digits)
        || text.strip_prefix("cp").is_some_and(digits)
        || text.strip_prefix("pypy").is_some_and(digits)
        || text.starts_with("graalpy")
}

fn expected(target: Target) -> String {
    format!("cpython-{}-{}-linux-gnu", target.python.digits(), target.architecture.machine())
}

/// Whether the target's Python would load this file when the name is imported.
pub(super) fn would_be_loaded(path: &Utf8Path, target: Target) -> bool {
    Extension::of(path).is_some_and(|extension| extension.fits(target))
}

/// Whether the import also works: a file without an init function is a plug-in that only has the name of a module.
pub(super) fn can_be_imported(path: &Utf8Path, elf: &Elf, target: Target) -> bool {
    Extension::of(path).is_some_and(|extension| extension.fits(target) && elf.is_module(extension.name()))
}

/// Whether the layer has the same module in another file that the target can import.
pub(super) fn has_other_variant(names: &Names<'_>, path: &Utf8Path, target: Target) -> bool {
    let Some(extension) = Extension::of(path) else { return false };
    let python = ["py", "pyc"].map(|ending| format!("{}.{ending}", extension.module));
    if python.iter().any(|place| names.file(Utf8Path::new(place)).is_some()) {
        return true;
    }
    let endings = [format!(".{}.so", expected(target)), ".abi3.so".to_owned(), ".so".to_owned()];
    let places = endings.iter().map(|ending| format!("{}{ending}", extension.module));
    places.into_iter().filter(|place| path != place.as_str()).any(|place| {
        let file = names.file(Utf8Path::new(&place));
        file.is_some_and(|file| match &file.observed.binary {
            Some(Binary::Elf(elf)) => elf.machine.is(target.architecture.machine()),
            Some(Binary::Foreign(_) | Binary::Broken(_)) => false,
            None => true,
        })
    })
}

/// Modules that the target's Python does not find. Those for another processor are reported by `machines`.
pub(super) fn check(layer: &Layer, names: &Names<'_>, target: Target) -> Vec<Finding> {
    let machine = target.architecture.machine();
    let unseen = names.all().filter_map(|(name, path, file)| {
        let Some(Binary::Elf(elf)) = &file.observed.binary else { return None };
        let extension = Extension::of(name)?;
        let is_seen = || names.of_file(path).any(|name| would_be_loaded(name, target));
        let is_module = elf.is_module(extension.name());
        let is_unseen = is_module && elf.machine.is(machine) && !extension.fits(target) && !is_seen();
        is_unseen.then(|| (name, file, (extension, has_other_variant(names, name, target), file.size)))
    });
    let mut findings = Vec::new();
    for (origin, files) in by_origin(layer, unseen) {
        let (spare, lost): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, (_, has_other, _))| *has_other);
        for (severity, files) in [(Severity::Error, lost), (Severity::Notice, spare)] {
            let Some((first, (extension, ..))) = files.first() else { continue };
            let size: u64 = files.iter().map(|(_, (_, _, size))| size.0).sum();
            if severity == Severity::Notice && size < WORTHWHILE {
                continue;
            }
            let tags: BTreeSet<&str> = files.iter().filter_map(|(_, (extension, ..))| extension.tag).collect();
            let message = format!(
                "{} {} built for {}, so Python {} cannot import {}",
                some_of(first, files.len(), &origin),
                verb(files.len(), "is", "are"),
                if tags.len() > 1 {
                    "other Python versions".to_owned()
                } else {
                    named(extension.tag.unwrap_or_default())
                },
                target.python,
                verb(files.len(), "it", "them")
            );
            let help = match severity {
                Severity::Error => origin.remedy(&format!("python{} on {}", target.python, target.architecture)),
                _ => "another file provides the same module; use `exclude-files` to make the layer smaller".to_owned(),
            };
            let finding = Finding { severity, ..Finding::error("wrong-extension-tag", first.as_str(), message, help) };
            findings.push(finding.blames(origin.distribution.as_ref()));
        }
    }
    findings
}

/// `cpython-312-x86_64-linux-gnu` in words.
fn named(tag: &str) -> String {
    let Some(rest) = tag.strip_prefix("cpython-") else { return format!("`{tag}`") };
    let (number, platform) = rest.split_once('-').unwrap_or((rest, ""));
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    let flags = &number[digits.len()..];
    let version = if digits.len() > 1 { format!("{}.{}", &digits[..1], &digits[1..]) } else { digits };
    let free = if flags.contains('t') { "free-threaded " } else { "" };
    let debug = if flags.contains('d') { " with debugging" } else { "" };
    let system = match platform {
        _ if platform.ends_with("-musl") => " on musl (Alpine)",
        "darwin" => " on macOS",
        _ => "",
    };
    format!("{free}Python {version}{debug}{system} (`{tag}`)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(python: &str, architecture: &str) -> Target {
        Target { python: python.parse().unwrap(), architecture: architecture.parse().unwrap() }
    }

    #[test]
    fn the_target_s_python_loads_its_own_names() {
        let loads = |name: &str| would_be_loaded(Utf8Path::new(name), target("3.13", "x86_64"));
        for name in [
            "python/x.so",
            "python/a/x.abi3.so",
            "python/a/x.cpython-313-x86_64-linux-gnu.so",
            "python/lib/python3.13/site-packages/a/x.so",
        ] {
            assert!(loads(name), "{name}");
        }
        for name in [
            "python/x.cpython-312-x86_64-linux-gnu.so",
            "python/x.cpython-313t-x86_64-linux-gnu.so",
            "python/x.cpython-313-aarch64-linux-gnu.so",
            "python/x.cpython-313-x86_64-linux-musl.so",
            "python/x.cpython-313-darwin.so",
            "python/x.pypy311-pp73-x86_64-linux-gnu.so",
            "python/x.cp313-win_amd64.pyd",
            "python/libx.so",
            "python/a.libs/x.so",
            "python/x-1.so",
            "python/x.1.so",
            "lib/x.so",
        ] {
            assert!(!loads(name), "{name}");
        }
    }

    #[test]
    fn tags_are_told_in_words() {
        assert_eq!(named("cpython-312-x86_64-linux-gnu"), "Python 3.12 (`cpython-312-x86_64-linux-gnu`)");
        assert_eq!(
            named("cpython-313t-x86_64-linux-gnu"),
            "free-threaded Python 3.13 (`cpython-313t-x86_64-linux-gnu`)"
        );
        assert_eq!(
            named("cpython-39-x86_64-linux-musl"),
            "Python 3.9 on musl (Alpine) (`cpython-39-x86_64-linux-musl`)"
        );
        assert_eq!(named("pypy311-pp73"), "`pypy311-pp73`");
    }
}
