//! Which modules belong to which direct requirement: what the user asked for, and what nothing else requires.

use std::collections::{BTreeMap, BTreeSet};

use super::modules;
use super::times::Measured;
use crate::audit::needed_within;
use crate::layer::{Layer, Owner};
use crate::manifest::{Manifest, Requirement};
use crate::spec::SmokeTest;
use crate::types::{DistributionName, Target};

/// The most requirements that are measured.
const REQUIREMENTS: usize = 100;

/// The distributions that the user asked for; empty if the files list everything.
pub fn named(manifest: &Manifest) -> BTreeSet<DistributionName> {
    if manifest.is_locked {
        return BTreeSet::new();
    }
    manifest.requirements.iter().filter_map(Requirement::name).collect()
}

/// The modules of each direct requirement, by its name.
pub(super) fn groups(measured: &Measured<'_>) -> BTreeMap<String, Vec<String>> {
    let Measured { layer, target, wanted, known, named } = measured;
    let target = *target;
    if let SmokeTest::Modules(names) = wanted {
        return names.iter().map(|name| (name.clone(), vec![name.clone()])).collect();
    }
    let failed = known.iter().filter(|finding| matches!(finding.code, "import-failed" | "import-not-tested"));
    let failed: BTreeSet<&str> = failed.map(|finding| finding.subject.as_str()).collect();
    let direct = direct(layer, target, named);
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for module in modules::of_layer(layer, target) {
        let name = match &module.owner {
            Owner::Distribution(name) if direct.contains(name) => name.to_string(),
            Owner::Source => module.owner.to_string(),
            // A layer without metadata.
            Owner::Unknown => module.name.clone(),
            Owner::Distribution(_) | Owner::Include | Owner::BuildScript => continue,
        };
        if module.is_main && !failed.contains(module.name.as_str()) && !failed.contains(name.as_str()) {
            groups.entry(name).or_default().push(module.name);
        }
    }
    groups.into_iter().take(REQUIREMENTS).collect()
}

/// The distributions that the user asked for, and those that no other one requires. A list of everything, as tools
/// compile it, says nothing about what was asked for.
fn direct(layer: &Layer, target: Target, named: &BTreeSet<DistributionName>) -> BTreeSet<DistributionName> {
    let all: BTreeSet<&DistributionName> =
        layer.importable(target.python).into_iter().map(|distribution| &distribution.name).collect();
    let edges = needed_within(layer, target);
    let needed: BTreeSet<&DistributionName> =
        edges.iter().flat_map(|(by, needed)| needed.iter().filter(move |needed| *needed != by)).collect();
    let lists_everything = all.iter().all(|name| named.contains(*name));
    let is_direct = |name: &&&DistributionName| !needed.contains(**name) || !lists_everything && named.contains(**name);
    let direct: BTreeSet<DistributionName> = all.iter().filter(is_direct).map(|name| (*name).clone()).collect();
    // Distributions that require each other: all of them, rather than none.
    if direct.is_empty() { all.into_iter().cloned().collect() } else { direct }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direct_is_what_nothing_else_requires_or_the_user_asked_for() {
        let layer = Layer::of_distributions(&[
            ("numpy", "2", &[]),
            ("pandas", "2", &["Requires-Dist: numpy", "Requires-Dist: lxml; extra == 'xml'"]),
            ("lxml", "5", &[]),
            ("one", "1", &["Requires-Dist: two"]),
            ("two", "1", &["Requires-Dist: one"]),
        ]);
        let target = Target { python: "3.13".parse().unwrap(), architecture: "x86_64".parse().unwrap() };
        let found = |named: &[&str]| {
            let named = named.iter().map(|name| name.parse().unwrap()).collect();
            direct(&layer, target, &named).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found(&[]), "lxml pandas");
        assert_eq!(found(&["numpy", "pandas"]), "lxml numpy pandas");
        assert_eq!(found(&["numpy", "pandas", "lxml", "one", "two"]), "lxml pandas", "compiled by a tool");
    }
}
