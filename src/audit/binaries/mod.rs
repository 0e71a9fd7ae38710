//! Whether the compiled files of a layer can be loaded on the target: right processor, versions that the runtime has,
//! libraries that exist, and names that Python looks for.

mod extensions;
mod hardening;
mod libraries;
mod linker;
mod machines;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::imported::Imported;
use crate::layer::Owner;
use crate::layer::links::Names;
use crate::layer::scan::binary::{Binary, has_library_name};
use crate::layer::scan::elf;
use crate::layer::scan::elf::Elf;
use crate::layer::{Code, File, Finding, Kind, Layer, is_package_path};
use crate::types::{DistributionName, Target};

/// The code of the findings of [`libraries`].
pub(super) const MISSING_LIBRARY: Code = "missing-library";

pub(crate) fn check(layer: &Layer, names: &Names<'_>, target: Target) -> Vec<Finding> {
    let machines = machines::check(layer, names, target);
    let compiled = compiled(layer, target);
    let linker = linker::Linker::new(layer, names, &compiled, target);
    [
        broken(layer, names),
        no_libraries(names),
        machines,
        versions::check(layer, &compiled, &linker, target),
        libraries::check(layer, names, &compiled, &linker, None),
        extensions::check(layer, names, target),
        hardening::check(layer, &compiled),
    ]
    .concat()
}

/// Checks [`MISSING_LIBRARY`] again with what an import has shown.
pub(super) fn missing_libraries(layer: &Layer, target: Target, imported: &Imported) -> Vec<Finding> {
    let (names, compiled) = (Names::of(layer), compiled(layer, target));
    let linker = linker::Linker::new(layer, &names, &compiled, target);
    libraries::check(layer, &names, &compiled, &linker, Some(imported))
}

/// A compiled file for the target's processor.
struct Compiled<'a> {
    path: &'a Utf8Path,
    file: &'a File,
    elf: &'a Elf,
}

fn compiled(layer: &Layer, target: Target) -> Vec<Compiled<'_>> {
    let machine = target.architecture.machine();
    let files = layer.files.iter().filter_map(|(path, file)| match &file.observed.binary {
        Some(Binary::Elf(elf)) if elf.machine.is(machine) && elf.kind != elf::Kind::Other => {
            Some(Compiled { path, file, elf })
        }
        _ => None,
    });
    files.collect()
}

/// The distribution, package or program that files belong to. Files with the same origin share a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    distribution: Option<DistributionName>,
    /// The package or program, for files that belong to no distribution.
    place: Option<Utf8PathBuf>,
    /// The name for messages: "`numpy 2.3.5`", "own source"; `None` if it is not known.
    label: Option<String>,
}

impl Origin {
    fn of(layer: &Layer, path: &Utf8Path, file: &File) -> Self {
        let Some(name) = file.distribution() else {
            let label = (file.owner != Owner::Unknown).then(|| file.owner.to_string());
            return Self { distribution: None, place: Some(whole(path)), label };
        };
        let version = layer.distributions.iter().find(|known| known.name == *name).map(|known| &known.version);
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        Self { distribution: Some(name.clone()), place: None, label: Some(format!("`{name}{version}`")) }
    }

    /// What to do about code that does not fit the target.
    fn remedy(&self, fitting: &str) -> String {
        let step = if self.distribution.is_some() {
            format!("install a version that has a wheel for {fitting}")
        } else if self.place.as_deref().is_some_and(is_package_path) {
            format!("list the package in the requirements, so that its wheel for {fitting} is installed")
        } else {
            format!("use the one for {fitting}")
        };
        format!("{step}, or build it in the runtime's image")
    }
}

/// The package, program or module that a file belongs to; the folder `numpy.libs` belongs to `numpy`.
fn whole(path: &Utf8Path) -> Utf8PathBuf {
    let packages = packages_of(path);
    let Some(inner) = packages.and_then(|folder| path.strip_prefix(folder).ok()) else { return path.to_owned() };
    let top = inner.components().next().map(|part| part.as_str().to_owned()).unwrap_or_default();
    packages.unwrap_or(path).join(top.trim_end_matches(".libs"))
}

/// The folder on Python's search path that a file is in: `python` or `python/lib/python3.13/site-packages`.
fn packages_of(path: &Utf8Path) -> Option<&Utf8Path> {
    let sites = path.ancestors().filter(|folder| folder.file_name() == Some("site-packages"));
    let site = sites.filter(|folder| folder.starts_with("python/lib")).last();
    site.or_else(|| path.ancestors().find(|folder| *folder == "python"))
}

/// Groups files by their origin.
fn by_origin<'a, T>(
    layer: &Layer,
    files: impl IntoIterator<Item = (&'a Utf8Path, &'a File, T)>,
) -> BTreeMap<Origin, Vec<(&'a Utf8Path, T)>> {
    let mut groups: BTreeMap<Origin, Vec<_>> = BTreeMap::new();
    for (path, file, value) in files {
        groups.entry(Origin::of(layer, path, file)).or_default().push((path, value));
    }
    groups
}

/// "`a.so` of `numpy 2.3.5`", "`a.so` and 20 other files of `numpy 2.3.5`"
fn some_of(first: &Utf8Path, count: usize, origin: &Origin) -> String {
    let others = match count {
        0 | 1 => String::new(),
        2 => " and another file".to_owned(),
        _ => format!(" and {} other files", count - 1),
    };
    let of = origin.label.as_ref().map(|label| format!(" of {label}")).unwrap_or_default();
    format!("`{first}`{others}{of}")
}

/// The singular or the plural of a verb.
fn verb(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count <= 1 { one } else { many }
}

/// Whether the file is in a folder on `PATH`, or one whose programs Lambda starts.
fn is_started(path: &Utf8Path, file: &File, names: &Names<'_>) -> bool {
    let in_its_folder = |name: &Utf8Path| name.parent().is_some_and(|folder| folder == "bin" || folder == "extensions");
    names.of_file(path).any(in_its_folder) && matches!(file.kind, Kind::File { executable: true })
}

/// Files that cannot be loaded on any machine.
fn broken(layer: &Layer, names: &Names<'_>) -> Vec<Finding> {
    let findings = layer.files.iter().filter_map(|(path, file)| {
        let Some(Binary::Broken(reason)) = &file.observed.binary else { return None };
        let origin = Origin::of(layer, path, file);
        let message = format!("{} {reason}", some_of(path, 1, &origin));
        let finding = if names.of_file(path).any(has_library_name) || is_started(path, file, names) {
            let help = "replace it with a complete download or build, or leave it out with `exclude-files`";
            Finding::error("broken-binary", path.as_str(), message, help)
        } else {
            let help = "ignore this if it is not meant to be a program; it is not named like one";
            Finding::notice("broken-binary", path.as_str(), message, help)
        };
        Some(finding.blames(file.distribution()))
    });
    findings.collect()
}

/// Links that have the name of a library but lead to something else.
fn no_libraries(names: &Names<'_>) -> Vec<Finding> {
    let links = names.linked().filter(|(name, path)| has_library_name(name) && !has_library_name(path));
    let findings = links.filter_map(|(name, path)| {
        let file = names.file(path).filter(|file| file.observed.binary.is_none())?;
        let message = format!("`{name}` is named like a library, but links to `{path}`, which is not one");
        let help = "point the link to the library, or leave it out with `exclude-files`";
        Some(Finding::error("broken-binary", name.as_str(), message, help).blames(file.distribution()))
    });
    findings.collect()
}
