//! Notices about metadata: missing or unusable, but without effect on imports.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::{WORTHWHILE, listed};
use crate::layer::scan::binary::has_library_name;
use crate::layer::{Distribution, Owner};
use crate::layer::{Finding, Layer};
use crate::types::{ByteSize, DistributionName};

pub(crate) fn check(layer: &Layer) -> Vec<Finding> {
    [no_metadata(layer), no_licence(layer), orphan_libraries(layer), check_tests(layer), installers(layer)]
        .into_iter()
        .flatten()
        .collect()
}

/// Without metadata, half of the checks have nothing to work with.
fn no_metadata(layer: &Layer) -> Option<Finding> {
    let is_foreign = |path: &Utf8Path| {
        path.starts_with("python")
            && path.file_name() == Some("__init__.py")
            && layer.files[path].owner == Owner::Unknown
    };
    let packages = layer.files.keys().filter(|path| is_foreign(path)).count();
    (layer.distributions.is_empty() && packages > 0).then(|| {
        Finding::notice(
            "no-metadata",
            "layer",
            "the layer contains no metadata of distributions (`*.dist-info`), so versions, licences and requirements are unknown",
            "keep `*.dist-info` when you make the layer smaller; `importlib.metadata` and entry points need it too",
        )
    })
}

fn no_licence(layer: &Layer) -> Option<Finding> {
    let is_licence = |path: &Utf8Path| {
        let name = path.file_name().unwrap_or_default().to_lowercase();
        let is_named = |start: &&str| name.starts_with(start);
        ["licen", "copying", "unlicense", "notice"].iter().any(is_named)
            || path.parent().is_some_and(|folder| folder.file_name() == Some("licenses"))
    };
    let paths = layer.files.keys().filter(|path| is_licence(path));
    let with_file: BTreeSet<&str> = paths
        .flat_map(|path| path.components())
        .map(|part| part.as_str())
        .filter(|part| part.ends_with(".dist-info"))
        .collect();
    // Some distributions have requirements but no code.
    let is_code = |path: &Utf8Path| !path.components().any(|part| part.as_str().ends_with(".dist-info"));
    let with_code: BTreeSet<&DistributionName> =
        layer.files.iter().filter(|(path, _)| is_code(path)).filter_map(|(_, file)| file.distribution()).collect();
    let is_without = |distribution: &&Distribution| {
        !distribution.is_local
            && !distribution.licence.is_stated()
            && with_code.contains(&distribution.name)
            && !with_file.contains(distribution.info.as_str())
    };
    let names: BTreeSet<String> =
        layer.distributions.iter().filter(is_without).map(|distribution| distribution.name.to_string()).collect();
    let (first, are) = (names.first()?.clone(), if names.len() == 1 { "states" } else { "state" });
    Some(Finding::notice(
        "no-licence",
        first,
        format!("{} {are} no licence, neither in the metadata nor in a file", listed(names)),
        "ask the authors before you share the layer",
    ))
}

fn orphan_libraries(layer: &Layer) -> Option<Finding> {
    let files = layer.files.iter().filter(|(path, file)| {
        path.starts_with("python") && file.owner == Owner::Unknown && !file.kind.is_link() && has_library_name(path)
    });
    let paths: Vec<String> = files.map(|(path, _)| path.to_string()).collect();
    // If there are no distributions at all, `no_metadata` reports it.
    let first = paths.first().filter(|_| !layer.distributions.is_empty())?.clone();
    Some(Finding::notice(
        "orphan-library",
        first,
        format!(
            "{} not listed in any distribution's `RECORD`",
            if paths.len() == 1 { format!("{} is", listed(paths)) } else { format!("{} are", listed(paths)) }
        ),
        "it may be left over from another version: install into an empty folder",
    ))
}

/// Tests that distributions ship, recognised by their folders.
fn check_tests(layer: &Layer) -> Option<Finding> {
    let is_test = |path: &Utf8Path| {
        let mut folders = path.parent().into_iter().flat_map(Utf8Path::components);
        folders.any(|part| matches!(part.as_str(), "test" | "tests"))
    };
    let mut sizes: BTreeMap<Option<&DistributionName>, u64> = BTreeMap::new();
    for (_, file) in layer.files.iter().filter(|(path, _)| path.starts_with("python") && is_test(path)) {
        if matches!(file.owner, Owner::Distribution(_) | Owner::Unknown) {
            *sizes.entry(file.distribution()).or_default() += file.size.0;
        }
    }
    let total: u64 = sizes.values().sum();
    // `slim` keeps only tests that other code uses.
    if layer.is_slimmed || total < WORTHWHILE {
        return None;
    }
    let mut largest: Vec<_> = sizes.into_iter().collect();
    largest.sort_by_key(|(name, size)| (std::cmp::Reverse(*size), *name));
    let named = largest.iter().take(3).map(|(name, size)| {
        let name = name.map_or_else(|| "files outside distributions".to_owned(), ToString::to_string);
        format!("{name} {}", ByteSize(*size))
    });
    Some(Finding::notice(
        "tests-included",
        "layer",
        format!("{} of the layer are tests ({})", ByteSize(total), named.collect::<Vec<_>>().join(", ")),
        "build with `slim: safe`, which leaves out tests that nothing uses",
    ))
}

/// Nothing can be installed in a function, so installers are useless unless a package needs them.
fn installers(layer: &Layer) -> Option<Finding> {
    let is_needed = |name: &DistributionName| {
        let mut others = layer.distributions.iter().filter(|distribution| distribution.name != *name);
        others
            .any(|distribution| distribution.requires.iter().any(|needed| needed.name.to_string() == name.to_string()))
    };
    let is_installer = |distribution: &&Distribution| {
        matches!(distribution.name.to_string().as_str(), "pip" | "setuptools" | "wheel")
            && !is_needed(&distribution.name)
    };
    let names: BTreeSet<&DistributionName> =
        layer.distributions.iter().filter(is_installer).map(|distribution| &distribution.name).collect();
    let first = names.first()?.to_string();
    let files = layer.files.values().filter(|file| file.distribution().is_some_and(|name| names.contains(name)));
    let size = ByteSize(files.map(|file| file.size.0).sum());
    Some(Finding::notice(
        "installer-included",
        first,
        format!("nothing in the layer requires {} ({size})", listed(names.iter().map(ToString::to_string))),
        "leave it out with `exclude`, unless your code imports it",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(layer: &Layer) -> String {
        let lines = check(layer)
            .into_iter()
            .map(|finding| format!("{:?} {}: {}\n", finding.severity, finding.code, finding.message));
        lines.collect()
    }

    const MIT: &[&str] = &["License: MIT"];

    #[test]
    fn a_licence_is_known_by_metadata_or_by_its_file() {
        let mut known = [
            ("a", "1", &["License-Expression: MIT"][..]),
            ("b", "1", &["License-File: MIT.txt"]),
            ("c", "1", &["License: UNKNOWN"]),
        ]
        .to_vec();
        let found = |distributions: &[(&str, &str, &[&str])]| {
            let mut layer = Layer::of_distributions(distributions);
            layer.files.extend(
                Layer::of_paths(&["python/b-1.dist-info/licenses/MIT.txt", "python/c-1.dist-info/COPYING"]).files,
            );
            for name in ["a", "b", "c", "d"] {
                let path = format!("python/{name}.py");
                let (path, mut file) = Layer::of_paths(&[&path]).files.pop_first().expect("is there");
                file.owner = Owner::Distribution(name.parse().expect("is a name"));
                layer.files.insert(path, file);
            }
            found(&layer)
        };
        known.push(("empty", "1", &[]));
        assert_eq!(found(&known), "", "an empty one needs none");
        known.push(("d", "1", &[]));
        insta::assert_snapshot!(found(&known), @"Notice no-licence: `d` states no licence, neither in the metadata nor in a file");
    }

    #[test]
    fn installers_are_told_unless_something_needs_them() {
        let pip = ("pip", "1", MIT);
        insta::assert_snapshot!(found(&Layer::of_distributions(&[pip])), @"Notice installer-included: nothing in the layer requires `pip` (0 B)");
        let user = ("pipdeptree", "1", &["License: MIT", "Requires-Dist: pip>=24"][..]);
        assert_eq!(found(&Layer::of_distributions(&[pip, user])), "");
    }

    #[test]
    fn a_layer_without_metadata_is_told_once() {
        let stripped = Layer::of_paths(&["python/numpy/__init__.py", "python/numpy/_core.so"]);
        insta::assert_snapshot!(found(&stripped), @"Notice no-metadata: the layer contains no metadata of distributions (`*.dist-info`), so versions, licences and requirements are unknown");
        let mut layer = Layer::of_distributions(&[("six", "1", MIT)]);
        layer.files.extend(stripped.files);
        insta::assert_snapshot!(found(&layer), @"Notice orphan-library: `python/numpy/_core.so` is not listed in any distribution's `RECORD`");
    }
}
