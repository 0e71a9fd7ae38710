//! Whether the layer has what its distributions require for the target, by their metadata.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerEnvironment, Requirement, VersionOrUrl};

use super::listed;
use crate::layer::Distribution;
use crate::layer::{Finding, Layer};
use crate::manifest::{allows_python, marker_environment};
use crate::runtime::Runtime;
use crate::types::{DistributionName, Target};

pub(crate) fn check(layer: &Layer, runtime: &Runtime, target: Target) -> Vec<Finding> {
    let environment = marker_environment(target);
    let distributions = layer.importable(target.python);
    let needs = needs(&distributions, &environment);
    let mut findings = check_python(&distributions, target);
    findings.extend(check_missing(&distributions, &layer.left_out, &needs, runtime));
    findings.extend(check_conflicts(&distributions, &needs));
    findings
}

fn check_python(distributions: &[&Distribution], target: Target) -> Vec<Finding> {
    let is_for_others = |distribution: &&&Distribution| {
        distribution.requires_python.as_deref().is_some_and(|range| !allows_python(range, target.python))
    };
    let findings = distributions.iter().filter(is_for_others).map(|distribution| {
        let Distribution { name, version, requires_python, .. } = distribution;
        let range = requires_python.as_deref().unwrap_or_default();
        Finding::error(
            "requires-python",
            name.to_string(),
            format!("`{name} {version}` requires Python {range}, but the layer is for Python {}", target.python),
            "install a version that supports that Python, or change `python-version`",
        )
        .blames(Some(name))
    });
    findings.collect()
}

/// A requirement that applies to the target, and the distribution that has it.
struct Need<'a> {
    by: &'a Distribution,
    requirement: &'a Requirement,
}

impl Need<'_> {
    /// The versions that are accepted; `None` if any is, and for a URL, which names no version.
    fn range(&self) -> Option<&VersionSpecifiers> {
        match &self.requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(range)) if !range.is_empty() => Some(range),
            _ => None,
        }
    }

    /// `urllib3>=1.25,<3`
    fn wanted(&self) -> String {
        let range = self.range().map(|range| range.to_string().replace(", ", ",")).unwrap_or_default();
        format!("{}{range}", self.requirement.name)
    }

    fn is_met_by(&self, version: &str) -> bool {
        // A text that is no PEP 440 version cannot be compared.
        let Some((range, version)) = self.range().zip(version.parse::<Version>().ok()) else { return true };
        range.contains(&version) || range.contains(&version.without_local())
    }
}

/// All requirements, by the name of what is required. Extras count if a distribution in the layer asks for them,
/// directly or through others; a layer does not record the extras that the user asked for.
fn needs<'a>(distributions: &[&'a Distribution], environment: &MarkerEnvironment) -> BTreeMap<String, Vec<Need<'a>>> {
    let mut extras: BTreeMap<String, BTreeSet<ExtraName>> = BTreeMap::new();
    loop {
        let mut needs: BTreeMap<String, Vec<Need<'a>>> = BTreeMap::new();
        for by in distributions.iter().copied() {
            let own: Vec<ExtraName> = extras.get(&by.name.to_string()).into_iter().flatten().cloned().collect();
            for requirement in by.requires.iter().filter(|needed| needed.evaluate_markers(environment, &own)) {
                needs.entry(requirement.name.to_string()).or_default().push(Need { by, requirement });
            }
        }
        let mut is_new = false;
        for need in needs.values().flatten() {
            let known = extras.entry(need.requirement.name.to_string()).or_default();
            for extra in &need.requirement.extras {
                is_new |= known.insert(extra.clone());
            }
        }
        // Extras are only ever added, whatever markers say, so the loop ends.
        if !is_new {
            return needs;
        }
    }
}

/// Which importable distributions require which others on this target, by their metadata.
pub(crate) fn needed_within(layer: &Layer, target: Target) -> BTreeMap<DistributionName, BTreeSet<DistributionName>> {
    let distributions = layer.importable(target.python);
    let there: BTreeMap<String, &DistributionName> =
        distributions.iter().map(|distribution| (distribution.name.to_string(), &distribution.name)).collect();
    let mut edges: BTreeMap<DistributionName, BTreeSet<DistributionName>> = BTreeMap::new();
    for (name, needs) in needs(&distributions, &marker_environment(target)) {
        let Some(needed) = there.get(&name) else { continue };
        for need in needs {
            edges.entry(need.by.name.clone()).or_default().insert((*needed).clone());
        }
    }
    edges
}

fn check_missing(
    distributions: &[&Distribution],
    left_out: &BTreeSet<DistributionName>,
    needs: &BTreeMap<String, Vec<Need<'_>>>,
    runtime: &Runtime,
) -> Vec<Finding> {
    let installed = distributions.iter().map(|distribution| &distribution.name);
    let there: BTreeSet<String> = installed.chain(left_out).map(ToString::to_string).collect();
    let findings = needs.iter().filter(|(name, _)| !there.contains(*name)).filter_map(|(name, needs)| {
        let of_runtime = runtime.package(name);
        let is_met = |need: &Need<'_>| of_runtime.is_some_and(|package| need.is_met_by(&package.version.to_string()));
        // A distribution that hides a part of the runtime but does not fit the rest is reported by `shadow`.
        let is_reported_by_shadow =
            |need: &Need<'_>| of_runtime.is_some() && runtime.package(need.by.name.as_str()).is_some();
        let missed: Vec<&Need<'_>> =
            needs.iter().filter(|need| !is_met(need) && !is_reported_by_shadow(need)).collect();
        let first = missed.first()?;
        let users: BTreeSet<String> = missed.iter().map(|need| need.by.name.to_string()).collect();
        let wanted: BTreeSet<String> =
            missed.iter().filter(|need| need.range().is_some()).map(|need| need.wanted()).collect();
        // Distributions such as opencv-python have one requirement for each Python; which of them applies does not
        // matter here.
        let wanted = match wanted.first() {
            Some(only) if wanted.len() == 1 => format!("`{only}`"),
            _ => format!("`{name}`"),
        };
        let verb = if users.len() == 1 { "needs" } else { "need" };
        let place = match of_runtime {
            Some(package) => format!("which is not in the layer, and the runtime's version is {}", package.version),
            None => "which is neither in the layer nor in the runtime".to_owned(),
        };
        let finding = Finding::warning(
            "missing-requirement",
            name.as_str(),
            format!("{} {verb} {wanted}, {place}", listed(users)),
            "add it to the requirements, unless the function or another layer provides it",
        );
        Some(finding.blames(Some(&first.by.name)))
    });
    findings.collect()
}

fn check_conflicts(distributions: &[&Distribution], needs: &BTreeMap<String, Vec<Need<'_>>>) -> Vec<Finding> {
    let mut installed: BTreeMap<String, Vec<&Distribution>> = BTreeMap::new();
    for distribution in distributions.iter().copied() {
        installed.entry(distribution.name.to_string()).or_default().push(distribution);
    }
    let pairs = needs.iter().filter_map(|(name, needs)| Some((installed.get(name)?, needs)));
    let findings = pairs.flat_map(|(versions, needs)| {
        let is_unmet = |need: &&Need<'_>| !versions.iter().any(|found| need.is_met_by(&found.version));
        needs.iter().filter(is_unmet).map(|need| {
            let Distribution { name, version, .. } = need.by;
            let found = versions[0];
            Finding::warning(
                "conflicting-requirement",
                found.name.to_string(),
                format!("`{name} {version}` needs `{}`, but the layer has {}", need.wanted(), found.version),
                "install both together, so that the installer chooses compatible versions",
            )
            .blames(Some(name))
        })
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer of distributions: name, version and headers of the metadata of each.
    fn found(distributions: &[(&str, &str, &[&str])], python: &str) -> String {
        let layer = Layer::of_distributions(distributions);
        let architecture = "arm64".parse().expect("is known");
        let target = Target { python: python.parse().expect("is known"), architecture };
        let findings = check(&layer, &Runtime::of_table(), target);
        let lines = findings.iter().map(|finding| format!("{}: {}\n", finding.code, finding.message));
        lines.collect()
    }

    #[test]
    fn extras_count_through_other_distributions() {
        let requests = ("requests", "2.32.5", &["Requires-Dist: PySocks!=1.5.7; extra == 'socks'"][..]);
        let all = (
            "umbrella",
            "1",
            &["Requires-Dist: umbrella[net]; extra == 'all'", "Requires-Dist: requests[socks]; extra == 'net'"][..],
        );
        assert_eq!(found(&[requests, all], "3.13"), "");
        let user = ("user", "1", &["Requires-Dist: umbrella[all]"][..]);
        insta::assert_snapshot!(found(&[requests, all, user], "3.13"), @"missing-requirement: `requests` needs `pysocks!=1.5.7`, which is neither in the layer nor in the runtime");
    }

    #[test]
    fn what_does_not_fit_the_runtime_is_for_another_check() {
        let boto3 = ("boto3", "1.43.0", &["Requires-Dist: botocore>=1.43,<1.44"][..]);
        assert_eq!(found(&[boto3], "3.13"), "");
    }

    #[test]
    fn an_extra_that_undoes_itself_ends() {
        let odd = ("odd", "1", &["Requires-Dist: odd[a]; extra != 'a'", "Requires-Dist: absent; extra == 'a'"][..]);
        insta::assert_snapshot!(found(&[odd], "3.13"), @"missing-requirement: `odd` needs `absent`, which is neither in the layer nor in the runtime");
    }

    #[test]
    fn markers_and_versions_are_those_of_the_target() {
        let headers = [
            "Requires-Dist: tomli>=2; python_version < '3.11'",
            "Requires-Dist: colorama; sys_platform == 'win32'",
            "Requires-Dist: intel; platform_machine == 'x86_64'",
            "Requires-Dist: boto3>=1.20",
            "Requires-Dist: urllib3 (>=2.0)",
            "Requires-Dist: six @ https://example.org/six.whl",
            "Requires-Dist: torch>=2.1,<=2.2.0",
            "Requires-Dist: numpy>=2",
        ];
        let user = ("user", "1", &headers[..]);
        let torch = ("torch", "2.2.0+cpu", &[][..]);
        let numpy = ("numpy", "1.26.4", &["Requires-Python: >=3.9,<3.13"][..]);
        insta::assert_snapshot!(found(&[numpy, torch, user], "3.13"), @r"
        requires-python: `numpy 1.26.4` requires Python >=3.9,<3.13, but the layer is for Python 3.13
        missing-requirement: `user` needs `urllib3>=2.0`, which is not in the layer, and the runtime's version is 1.26.19
        conflicting-requirement: `user 1` needs `numpy>=2`, but the layer has 1.26.4
        ");
        insta::assert_snapshot!(found(&[numpy, torch, user], "3.10"), @r"
        missing-requirement: `user` needs `tomli>=2`, which is neither in the layer nor in the runtime
        missing-requirement: `user` needs `urllib3>=2.0`, which is not in the layer, and the runtime's version is 1.26.19
        conflicting-requirement: `user 1` needs `numpy>=2`, but the layer has 1.26.4
        ");
        let odd = ("odd", "2024-final", &["Requires-Python: whatever", "Requires-Dist: even>=1"][..]);
        assert_eq!(found(&[odd, ("even", "not a version", &[])], "3.13"), "");
    }
}
