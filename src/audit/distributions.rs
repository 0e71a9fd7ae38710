//! Whether the distributions of a layer conflict.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::audit::smoke::is_beside;
use crate::error::counted;
use crate::layer::Distribution;
use crate::layer::{Finding, Layer, package_folders, within_packages};
use crate::types::{DistributionName, Target};

pub(crate) fn check(layer: &Layer, target: Target) -> Vec<Finding> {
    let folders = package_folders(target.python);
    let there: BTreeSet<&str> =
        layer.files.keys().filter_map(|path| within_packages(path, &folders)).map(Utf8Path::as_str).collect();
    let distributions = layer.importable(target.python);
    let mut findings = check_versions(&distributions);
    findings.extend(check_owners(&distributions, &there));
    findings.extend(check_start(layer, &there));
    findings
}

/// One distribution in two versions: their files overwrite each other.
fn check_versions(distributions: &[&Distribution]) -> Vec<Finding> {
    let mut versions: BTreeMap<&DistributionName, BTreeSet<&str>> = BTreeMap::new();
    for distribution in distributions.iter().copied() {
        versions.entry(&distribution.name).or_default().insert(&distribution.version);
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    let findings = several.map(|(name, versions)| {
        let versions: Vec<&str> = versions.into_iter().collect();
        Finding::error(
            "duplicate-distribution",
            name.to_string(),
            format!("the layer contains more than one version of `{name}`: {}", versions.join(" and ")),
            "install into an empty folder, so that no files of another version remain",
        )
        .blames(Some(name))
    });
    findings.collect()
}

/// Distributions that have the same paths with different content: only one of the files is in the layer. All such paths
/// of the same distributions share a finding.
fn check_owners(distributions: &[&Distribution], there: &BTreeSet<&str>) -> Vec<Finding> {
    let mut owners: BTreeMap<&str, Vec<(&Distribution, &str)>> = BTreeMap::new();
    for distribution in distributions.iter().copied() {
        // Bytecode depends on when it was compiled; files without a recorded hash cannot be compared.
        let is_compared = |path: &str, recorded: &str| !path.contains("__pycache__/") && recorded.starts_with("sha");
        let record = distribution.record.iter().map(|(path, recorded)| (path.as_str(), recorded.as_str()));
        let record = record.filter(|(path, _)| !is_for_nobody(path));
        for (path, recorded) in record.filter(|(path, recorded)| there.contains(path) && is_compared(path, recorded)) {
            owners.entry(path).or_default().push((distribution, recorded));
        }
    }
    let is_disputed = |owners: &[(&Distribution, &str)]| {
        owners.iter().any(|(owner, recorded)| *recorded != owners[0].1 && owner.name != owners[0].0.name)
    };
    let mut disputed: BTreeMap<BTreeSet<&DistributionName>, Vec<&str>> = BTreeMap::new();
    for (path, owners) in owners.into_iter().filter(|(_, owners)| is_disputed(owners)) {
        disputed.entry(owners.iter().map(|(owner, _)| &owner.name).collect()).or_default().push(path);
    }
    let findings = disputed.into_iter().map(|(names, paths)| {
        let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        let others = match paths.len() - 1 {
            0 => String::new(),
            others => format!(" and {}", counted(others, "other file")),
        };
        Finding::warning(
            "shared-path",
            paths[0],
            format!("{} each contain `{}`{others}, with different content", names.join(" and "), paths[0]),
            "the layer can contain only one of them; leave out one of the distributions with `exclude`",
        )
    });
    findings.collect()
}

/// Whether no import depends on a path: it is in a top-level folder of tests, documentation and the like, or it is a
/// top-level file that Python does not read (`README.md`).
fn is_for_nobody(path: &str) -> bool {
    let path = Utf8Path::new(path);
    let top = path.components().next().map_or("", |first| first.as_str());
    let is_file = path.as_str() == top;
    let is_read = !is_file || matches!(path.extension(), Some("py" | "pth" | "so"));
    let name = if is_file { top.split('.').next().unwrap_or(top) } else { top };
    !is_read || is_beside(name)
}

/// Things that work in some functions only.
fn check_start(layer: &Layer, there: &BTreeSet<&str>) -> Vec<Finding> {
    let files = there.iter().filter(|path| !path.contains('/') && Utf8Path::new(path).extension() == Some("pth"));
    let findings = files.map(|path| {
        let owner =
            layer.distributions.iter().find(|distribution| distribution.record.contains_key(Utf8Path::new(path)));
        let (subject, what) = match owner {
            Some(owner) => (owner.name.to_string(), format!("`{}` contains `{path}`", owner.name)),
            None => ((*path).to_owned(), format!("the layer contains `{path}`")),
        };
        Finding::notice(
            "pth-file",
            subject,
            format!("{what}, which Python reads at startup only in functions that do not set `PYTHONPATH`"),
            "do not set `PYTHONPATH` in the function, or make sure that it works without that file",
        )
        .blames(owner.map(|owner| &owner.name))
    });
    findings.collect()
}

/// Files that a distribution has, but that its installer did not install.
pub(crate) fn check_installed<'a>(
    distributions: impl Iterator<Item = &'a Distribution>,
    is_there: impl Fn(&Utf8Path) -> bool,
) -> Vec<Finding> {
    let files = distributions.flat_map(|distribution| {
        // Bytecode is left out of every layer.
        let paths = distribution.record.keys().filter(|path| !path.as_str().contains("__pycache__"));
        paths.map(move |path| (distribution, path))
    });
    let findings = files.filter(|(_, path)| !is_there(path)).map(|(distribution, path)| {
        let name = &distribution.name;
        Finding::warning(
            "lost-file",
            path.as_str(),
            format!("`{path}` of `{name}` is not in the layer, because the installer did not install it"),
            "use `installer: uv`, or add it with `include`",
        )
        .blames(Some(name))
    });
    findings.collect()
}

/// Distributions that another Python than the target's built: with the target's, they may have other requirements.
pub(crate) fn check_foreign_builds(
    built: &BTreeSet<DistributionName>,
    distributions: &[Distribution],
    python: &str,
) -> Vec<Finding> {
    let is_open = |distribution: &&Distribution| built.contains(&distribution.name) && !distribution.has_fixed_requires;
    let findings = distributions.iter().filter(is_open).map(|distribution| {
        Finding::warning(
            "built-elsewhere",
            distribution.name.to_string(),
            format!(
                "`{} {}` was built with Python {python}; its requirements may differ for the layer's Python version",
                distribution.name, distribution.version
            ),
            "check the list of distributions in the layer, pin everything it needs, or build in the runtime's image",
        )
    });
    findings.collect()
}
