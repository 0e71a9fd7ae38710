//! Which distributions of a layer the runtime's own can replace, and why the others have to stay.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::{Operator, Version, VersionSpecifier};
use pep508_rs::{ExtraName, MarkerEnvironment, Requirement, VersionOrUrl};

use super::{Package, Runtime, accepts, shown};
use crate::layer::Distribution;
use crate::manifest::{Manifest, RequirementKind, marker_environment};
use crate::types::{DistributionName, Target};

/// The decision about a distribution that the runtime includes as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    pub name: DistributionName,
    pub in_layer: String,
    pub in_runtime: Version,
    /// Why it cannot be left to the runtime.
    pub kept_for: Option<String>,
}

/// Sorted by name.
///
/// A version is good enough if every requirement of the manifest and of what stays takes it, and also later ones of the
/// same major version, because AWS moves the runtime forward without notice. What the runtime's own needs has to fit
/// what stays as well.
pub fn decide(distributions: &[Distribution], manifest: &Manifest, runtime: &Runtime, target: Target) -> Vec<Fate> {
    let environment = marker_environment(target);
    let extras = asked_extras(distributions, manifest, &environment);
    let both: Vec<(&Distribution, &Package)> = distributions
        .iter()
        .filter_map(|distribution| Some((distribution, runtime.package(&distribution.name.to_string())?)))
        .collect();
    let mut kept: BTreeMap<&DistributionName, String> = BTreeMap::new();
    for (distribution, package) in &both {
        if let Some(reason) = of_manifest(distribution, package, manifest, &environment) {
            kept.insert(&distribution.name, reason);
        }
    }
    loop {
        let stays = |name: &DistributionName| {
            kept.contains_key(name) || !both.iter().any(|(distribution, _)| distribution.name == *name)
        };
        let staying: Vec<&Distribution> = distributions.iter().filter(|it| stays(&it.name)).collect();
        let more: Vec<(&DistributionName, String)> = both
            .iter()
            .filter(|(distribution, _)| !kept.contains_key(&distribution.name))
            .filter_map(|(distribution, package)| {
                let reason = of_others(package, &staying, &extras, &environment);
                Some((&distribution.name, reason.or_else(|| of_runtime(package, &staying, &environment))?))
            })
            .collect();
        if more.is_empty() {
            break;
        }
        kept.extend(more);
    }
    let fates = both.iter().map(|(distribution, package)| Fate {
        name: distribution.name.clone(),
        in_layer: distribution.version.clone(),
        in_runtime: package.version.clone(),
        kept_for: kept.get(&distribution.name).cloned(),
    });
    fates.collect()
}

/// What the user asks for.
fn of_manifest(
    distribution: &Distribution,
    package: &Package,
    manifest: &Manifest,
    environment: &MarkerEnvironment,
) -> Option<String> {
    if distribution.is_local {
        return Some("it is installed from a file or folder on this machine".to_owned());
    }
    let name = package.name.to_string();
    manifest.requirements.iter().chain(&manifest.constraints).find_map(|requirement| {
        let place = if requirement.line == 0 {
            requirement.file.to_string()
        } else {
            format!("{}:{}", requirement.file, requirement.line)
        };
        match &requirement.kind {
            RequirementKind::Named(named) if named.name.to_string() == name => {
                let problem = if !named.marker.evaluate(environment, &[]) {
                    return None;
                } else if !named.extras.is_empty() {
                    "with extras"
                } else if !takes(named, &package.version, manifest.is_locked) {
                    ""
                } else if !takes(named, &later(&package.version), manifest.is_locked) {
                    ", but AWS changes the runtime's version without notice"
                } else {
                    return None;
                };
                let gap = if problem.starts_with("with") { " " } else { "" };
                Some(format!("{place} requires `{}`{gap}{problem}", shown(named)))
            }
            RequirementKind::Url { url, .. } if is_archive_of(url, &name) => {
                Some(format!("{place} requires it from a URL"))
            }
            RequirementKind::Named(_) | RequirementKind::Url { .. } | RequirementKind::Path { .. } => None,
        }
    })
}

/// A lock notes one version where its project takes many: there a later one of the same major version is as good.
fn takes(requirement: &Requirement, version: &Version, is_locked: bool) -> bool {
    let Some(VersionOrUrl::VersionSpecifier(versions)) = &requirement.version_or_url else {
        return accepts(requirement, version);
    };
    let takes = |specifier: &VersionSpecifier| match specifier.operator() {
        Operator::Equal | Operator::ExactEqual if is_locked => {
            let pinned = specifier.version();
            version >= pinned && version.release().first() == pinned.release().first()
        }
        _ => specifier.contains(version),
    };
    versions.iter().all(takes)
}

/// The last there could be of the same major version.
fn later(version: &Version) -> Version {
    Version::new([version.release().first().copied().unwrap_or_default(), 99_999])
}

/// `https://host/boto3-1.0-py3-none-any.whl`, `git+https://host/boto3.git@main`
fn is_archive_of(url: &str, name: &str) -> bool {
    let path = url.split(['#', '?']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.split(['-', '@']).next().unwrap_or_default().trim_end_matches(".git");
    // Names with hyphens have underscores in archives.
    [stem, file.split('@').next().unwrap_or_default().trim_end_matches(".git")]
        .iter()
        .any(|stem| stem.parse::<DistributionName>().is_ok_and(|stem| stem.to_string() == name))
}

/// What distributions that stay need.
fn of_others(
    package: &Package,
    staying: &[&Distribution],
    extras: &BTreeMap<String, BTreeSet<ExtraName>>,
    environment: &MarkerEnvironment,
) -> Option<String> {
    staying.iter().find_map(|distribution| {
        let extras: Vec<ExtraName> =
            extras.get(&distribution.name.to_string()).into_iter().flatten().cloned().collect();
        let mut needed = distribution.requires.iter().filter(|requirement| {
            requirement.name.to_string() == package.name.to_string()
                && requirement.evaluate_markers(environment, &extras)
        });
        let wrong = needed.find(|it| !accepts(it, &package.version) || !accepts(it, &later(&package.version)))?;
        let moves = if accepts(wrong, &package.version) {
            ", but AWS changes the runtime's version without notice"
        } else {
            ""
        };
        Some(format!("`{} {}` needs `{}`{moves}", distribution.name, distribution.version, shown(wrong)))
    })
}

/// What the runtime's own needs of what stays: it would import that.
fn of_runtime(package: &Package, staying: &[&Distribution], environment: &MarkerEnvironment) -> Option<String> {
    let needed = package.requires.iter().filter(|requirement| requirement.evaluate_markers(environment, &[]));
    needed.into_iter().find_map(|requirement| {
        let name = requirement.name.to_string();
        let there = staying.iter().find(|distribution| distribution.name.to_string() == name)?;
        let version: Version = there.version.parse().ok()?;
        (!accepts(requirement, &version)).then(|| {
            format!(
                "the runtime's version needs `{}`, but `{} {}` stays in the layer",
                shown(requirement),
                name,
                there.version
            )
        })
    })
}

/// Extras by distribution, as the manifest and all distributions together ask for them.
fn asked_extras(
    distributions: &[Distribution],
    manifest: &Manifest,
    environment: &MarkerEnvironment,
) -> BTreeMap<String, BTreeSet<ExtraName>> {
    let named = manifest.requirements.iter().filter_map(|requirement| match &requirement.kind {
        RequirementKind::Named(named) => Some(&**named),
        RequirementKind::Url { .. } | RequirementKind::Path { .. } => None,
    });
    let mut extras: BTreeMap<String, BTreeSet<ExtraName>> = BTreeMap::new();
    for requirement in named.filter(|requirement| requirement.marker.evaluate(environment, &[])) {
        extras.entry(requirement.name.to_string()).or_default().extend(requirement.extras.iter().cloned());
    }
    // Whether an extra leads to another is not followed: one too many only keeps more.
    for requirement in distributions.iter().flat_map(|distribution| &distribution.requires) {
        extras.entry(requirement.name.to_string()).or_default().extend(requirement.extras.iter().cloned());
    }
    extras
}
