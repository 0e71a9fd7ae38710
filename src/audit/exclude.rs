//! Whether the excluded distributions can be left out.

use std::collections::BTreeSet;

use crate::error::nearest;
use crate::layer::Distribution;
use crate::layer::Finding;
use crate::manifest::marker_environment;
use crate::types::{DistributionName, Target};

/// Names in `exclude` that match nothing, and excluded distributions that the layer needs.
pub(crate) fn check(
    wanted: &BTreeSet<DistributionName>,
    excluded: &[Distribution],
    kept: &[Distribution],
    target: Target,
) -> Vec<Finding> {
    let environment = marker_environment(target);
    let absent = wanted.iter().filter(|name| !excluded.iter().any(|distribution| distribution.name == **name));
    let absent = absent.map(|name| {
        let names: Vec<String> = kept.iter().map(|distribution| distribution.name.to_string()).collect();
        let help = match nearest(&name.to_string(), names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove it from `exclude`".to_owned(),
        };
        Finding::warning(
            "exclude-unknown",
            name.to_string(),
            format!("`exclude` lists `{name}`, which would not be in the layer anyway"),
            help,
        )
    });
    let missed = excluded.iter().filter_map(|left_out| {
        let needs = |distribution: &&Distribution| {
            let names_it =
                |requirement: &&pep508_rs::Requirement| requirement.name.to_string() == left_out.name.to_string();
            distribution
                .requires
                .iter()
                .filter(names_it)
                .any(|requirement| requirement.evaluate_markers(&environment, &[]))
        };
        let users: Vec<String> =
            kept.iter().filter(needs).map(|distribution| format!("`{}`", distribution.name)).collect();
        (!users.is_empty()).then(|| {
            Finding::warning(
                "excluded-but-needed",
                left_out.name.to_string(),
                format!(
                    "`{}` is left out, but {} in the layer {} it",
                    left_out.name,
                    users.join(", "),
                    if users.len() == 1 { "needs" } else { "need" }
                ),
                "make sure that the runtime, the function or another layer provides it",
            )
        })
    });
    absent.chain(missed).collect()
}
