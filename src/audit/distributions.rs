//! Whether the distributions of a layer go together.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::Finding;
use crate::build::Distribution;
use crate::manifest::marker_environment;
use crate::types::{DistributionName, Target};

/// Two distributions that own one path with different bytes: which of them is in the layer is chance.
pub(crate) fn check_owners(distributions: &[Distribution]) -> Vec<Finding> {
    let mut owners: BTreeMap<&Utf8Path, Vec<(&Distribution, &str)>> = BTreeMap::new();
    for distribution in distributions {
        for (path, recorded) in distribution.record.iter().filter(|(path, _)| !path.starts_with("bin")) {
            owners.entry(path).or_default().push((distribution, recorded));
        }
    }
    let disputed = owners.into_iter().filter(|(_, owners)| owners.iter().any(|(_, recorded)| *recorded != owners[0].1));
    let findings = disputed.map(|(path, owners)| {
        let names: Vec<String> = owners.iter().map(|(distribution, _)| format!("`{}`", distribution.name)).collect();
        Finding::warning(
            "shared-path",
            path.as_str(),
            format!("{} each bring `{path}`, with different bytes", names.join(" and ")),
            "which one is in the layer is chance: leave out one of them with `exclude`",
        )
    });
    findings.collect()
}

/// What a distribution brings and its installer put nowhere, and files that work in some functions only.
pub(crate) fn check_installed(distributions: &[Distribution], installed: &Utf8Path) -> Vec<Finding> {
    let files = distributions.iter().flat_map(|distribution| {
        // Bytecode is left out of every layer.
        let paths = distribution.record.keys().filter(|path| !path.as_str().contains("__pycache__"));
        paths.map(move |path| (distribution, path))
    });
    let findings = files.filter_map(|(distribution, path)| {
        let name = &distribution.name;
        let is_read_at_start = path.extension() == Some("pth") && path.components().count() == 1;
        if !installed.join(path).exists() {
            return Some(Finding::warning(
                "lost-file",
                path.as_str(),
                format!("`{path}` of `{name}` is not in the layer: its installer put it nowhere"),
                "use `installer: uv`, or place it with `include`",
            ));
        }
        is_read_at_start.then(|| {
            Finding::warning(
                "pth-file",
                name.to_string(),
                format!("`{name}` needs Python to read `{path}` when it starts, which Lambda has it do only for functions without `PYTHONPATH`"),
                "do not set `PYTHONPATH` in the function, or make sure that it works without that file",
            )
        })
    });
    findings.collect()
}

/// What the user's own projects require and nobody installed: they are built without their dependencies.
pub(crate) fn check_projects(
    projects: &BTreeSet<DistributionName>,
    distributions: &[Distribution],
    target: Target,
) -> Vec<Finding> {
    let environment = marker_environment(target);
    let is_there = |requirement: &&pep508_rs::Requirement| {
        distributions.iter().any(|distribution| distribution.name.to_string() == requirement.name.to_string())
    };
    let projects = distributions.iter().filter(|distribution| projects.contains(&distribution.name));
    let findings = projects.filter_map(|project| {
        let needed = project.requires.iter().filter(|requirement| requirement.evaluate_markers(&environment, &[]));
        let missing: BTreeSet<String> = needed
            .filter(|requirement| !is_there(requirement))
            .map(|requirement| format!("`{}`", requirement.name))
            .collect();
        let missing: Vec<String> = missing.into_iter().collect();
        (!missing.is_empty()).then(|| {
            Finding::warning(
                "project-needs-more",
                project.name.to_string(),
                format!(
                    "`{}` of `source` requires {}, which nothing puts into the layer",
                    project.name,
                    missing.join(", ")
                ),
                "add that to the requirements, unless the runtime, the function or another layer brings it",
            )
        })
    });
    findings.collect()
}

/// What was built by another Python than the target's, and may require other things there.
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
                "`{} {}` was built by Python {python}, and may require something else under the Python of the layer",
                distribution.name, distribution.version
            ),
            "look at the list of what is in the layer, pin everything it needs, or build in the image of the runtime",
        )
    });
    findings.collect()
}
