//! Whether the distributions of a layer go together.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::Finding;
use crate::build::Distribution;

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
