//! Whether the layer hides a part of the runtime's boto3 family with a version that does not fit the rest of it.
//!
//! A function finds the distributions of its layers before those of the runtime.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, Requirement};

use crate::layer::Distribution;
use crate::layer::Finding;
use crate::manifest::marker_environment;
use crate::runtime::{Runtime, accepts, shown};
use crate::types::Target;

pub(crate) fn check(distributions: &[Distribution], runtime: &Runtime, target: Target) -> Vec<Finding> {
    let environment = marker_environment(target);
    // One finding for each distribution that hides one of the runtime's, with all requirements that it breaks.
    let mut misfits: BTreeMap<&str, Misfit<'_>> = BTreeMap::new();
    for distribution in distributions {
        let name = distribution.name.to_string();
        let Some(hidden) = runtime.package(&name) else { continue };
        let mut note = |complaint: String, remedy: &dyn Fn() -> String| {
            let misfit = misfits.entry(distribution.name.as_str()).or_insert_with(|| Misfit {
                distribution,
                hidden: &hidden.version,
                complaints: Vec::new(),
                remedy: remedy(),
            });
            misfit.complaints.push(complaint);
        };
        // Distributions of the runtime that stay visible and require this one.
        let left = runtime.packages.iter().filter(|package| !is_there(distributions, &package.name.to_string()));
        if let Ok(version) = distribution.version.parse::<Version>() {
            for package in left {
                for requirement in unmet(&package.requires, &name, &version, &environment) {
                    note(
                        format!("`{} {}` in the runtime needs `{}`", package.name, package.version, shown(requirement)),
                        &|| {
                            format!(
                                "add `{}` to the requirements, pin `{}`, or leave `{name}` to the runtime (`runtime-packages: drop` or `exclude: {name}`)",
                                package.name,
                                shown(requirement)
                            )
                        },
                    );
                }
            }
        }
        // Distributions of the runtime that stay visible and that this one requires.
        for package in runtime.packages.iter().filter(|package| !is_there(distributions, &package.name.to_string())) {
            let needed = package.name.to_string();
            for requirement in unmet(&distribution.requires, &needed, &package.version, &environment) {
                note(format!("it needs `{}`, but the runtime has {}", shown(requirement), package.version), &|| {
                    format!("add `{needed}` to the requirements, or leave `{name}` to the runtime as well")
                });
            }
        }
    }
    misfits.into_values().map(Misfit::finding).collect()
}

struct Misfit<'a> {
    distribution: &'a Distribution,
    hidden: &'a Version,
    complaints: Vec<String>,
    remedy: String,
}

impl Misfit<'_> {
    fn finding(self) -> Finding {
        let Self { distribution, hidden, complaints, remedy } = self;
        Finding::warning(
            "shadows-runtime",
            distribution.name.to_string(),
            format!(
                "`{} {}` in the layer hides version {hidden} in the runtime: {}",
                distribution.name,
                distribution.version,
                complaints.join("; ")
            ),
            remedy,
        )
        .blames(Some(&distribution.name))
    }
}

fn is_there(distributions: &[Distribution], name: &str) -> bool {
    distributions.iter().any(|distribution| distribution.name.as_str() == name)
}

/// The requirements on `name` that this version does not meet.
fn unmet<'a>(
    requires: &'a [Requirement],
    name: &str,
    version: &Version,
    environment: &MarkerEnvironment,
) -> impl Iterator<Item = &'a Requirement> {
    requires.iter().filter(move |requirement| {
        requirement.name.to_string() == name
            && requirement.evaluate_markers(environment, &[])
            && !accepts(requirement, version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(name: &str, version: &str, requires: &[&str]) -> Distribution {
        let requires: String = requires.iter().flat_map(|text| ["Requires-Dist: ", text, "\n"]).collect();
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}");
        let text = |file: &str| match file {
            "METADATA" => Some(metadata.clone()),
            _ => Some(String::new()),
        };
        Distribution::read(&format!("{name}-{version}.dist-info"), text).unwrap()
    }

    fn found(python: &str, distributions: &[Distribution]) -> Vec<String> {
        let target = Target { python: python.parse().unwrap(), architecture: "x86_64".parse().unwrap() };
        let findings = check(distributions, &Runtime::of_table(), target);
        findings.iter().map(|finding| format!("{} ({})", finding.message, finding.help)).collect()
    }

    #[test]
    fn a_part_that_does_not_fit_the_rest_is_named() {
        let urllib3 = distribution("urllib3", "2.5.0", &[]);
        insta::assert_snapshot!(found("3.9", std::slice::from_ref(&urllib3)).join("\n"), @"`urllib3 2.5.0` in the layer hides version 1.26.19 in the runtime: `botocore 1.40.4` in the runtime needs `urllib3>=1.25.4,<1.27` (add `botocore` to the requirements, pin `urllib3>=1.25.4,<1.27`, or leave `urllib3` to the runtime (`runtime-packages: drop` or `exclude: urllib3`))");
        assert_eq!(found("3.12", &[urllib3]), [""; 0], "the runtime's botocore takes it there");
        let botocore = distribution("botocore", "1.43.0", &["urllib3<3"]);
        insta::assert_snapshot!(found("3.13", std::slice::from_ref(&botocore)).join("\n"), @"`botocore 1.43.0` in the layer hides version 1.40.4 in the runtime: `boto3 1.40.4` in the runtime needs `botocore>=1.40.4,<1.41.0` (add `boto3` to the requirements, pin `botocore>=1.40.4,<1.41.0`, or leave `botocore` to the runtime (`runtime-packages: drop` or `exclude: botocore`))");
        let boto3 = distribution("boto3", "1.43.0", &["botocore>=1.43.0,<1.44.0", "s3transfer>=0.17,<0.18"]);
        insta::assert_snapshot!(found("3.13", std::slice::from_ref(&boto3)).join("\n"), @"`boto3 1.43.0` in the layer hides version 1.40.4 in the runtime: it needs `botocore>=1.43.0,<1.44.0`, but the runtime has 1.40.4; it needs `s3transfer>=0.17,<0.18`, but the runtime has 0.13.1 (add `botocore` to the requirements, or leave `boto3` to the runtime as well)");
        let s3transfer = distribution("s3transfer", "0.17.0", &["botocore>=1.37.4,<2.0a0"]);
        assert_eq!(found("3.13", &[boto3, botocore, s3transfer]), [""; 0], "the family is whole");
        assert_eq!(found("3.13", &[distribution("botocore", "1.40.4", &[])]), [""; 0]);
    }
}
