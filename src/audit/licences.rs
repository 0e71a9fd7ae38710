//! Compares the licence of each distribution with `allow-licenses` and `deny-licenses`.

use crate::layer::licence_policy::{Judgement, LicencePolicy};
use crate::layer::{Distribution, DistributionSize, Finding};
use crate::types::DistributionName;

/// Checks a layer whose metadata was read. Own projects may state no licence.
pub(crate) fn check(rows: &[DistributionSize], distributions: &[Distribution], policy: &LicencePolicy) -> Vec<Finding> {
    let is_own = |row: &DistributionSize| {
        distributions
            .iter()
            .any(|distribution| distribution.project.is_some() && distribution.name.to_string() == row.name)
    };
    let is_silent = |row: &&DistributionSize| !row.version.is_empty() && row.licence.is_none() && !is_own(row);
    let silent = rows.iter().filter(is_silent).filter_map(|row| unstated(row, policy));
    check_stated(rows, policy).into_iter().chain(silent).collect()
}

/// Checks the licences that were recorded for a published layer.
pub(crate) fn check_stated(rows: &[DistributionSize], policy: &LicencePolicy) -> Vec<Finding> {
    if policy.is_empty() {
        return Vec::new();
    }
    rows.iter().filter_map(|row| judged(row, row.licence.as_deref()?, policy)).collect()
}

fn judged(row: &DistributionSize, licence: &str, policy: &LicencePolicy) -> Option<Finding> {
    let package = format!("`{}` {}", row.name, row.version);
    let listed = |names: &[String]| super::listed(names.iter().cloned());
    // A licence that was recorded by another version of this program may not be valid here.
    let judgement = policy.judge(licence).unwrap_or_else(|| Judgement::Unknown(vec![licence.to_owned()]));
    let finding = match judgement {
        Judgement::Fine => return None,
        Judgement::Denied(names) => Finding::error(
            "licence-denied",
            &row.name,
            format!("{package} has the licence `{licence}`, but `deny-licenses` denies {}", listed(&names)),
            "use another package or version, leave it out with `exclude`, or change `deny-licenses`",
        ),
        Judgement::NotAllowed(names) => Finding::error(
            "licence-not-allowed",
            &row.name,
            format!("{package} has the licence `{licence}`, but `allow-licenses` does not have {}", listed(&names)),
            format!("use another package or version, or add {} to `allow-licenses`", listed(&names)),
        ),
        Judgement::Unknown(names) => Finding::error(
            "licence-unknown",
            &row.name,
            format!("{package} has a licence that SPDX does not identify: {}", listed(&names)),
            format!("look at the licence, and add {} to `allow-licenses` if it is acceptable", listed(&names)),
        ),
    };
    Some(finding.blames(row.name.parse::<DistributionName>().ok().as_ref()))
}

fn unstated(row: &DistributionSize, policy: &LicencePolicy) -> Option<Finding> {
    (!policy.allow.is_empty()).then(|| {
        Finding::error(
            "licence-unknown",
            &row.name,
            format!("`{}` {} does not state its licence in its metadata", row.name, row.version),
            "ask its authors, use another package, or leave it out with `exclude`",
        )
        .blames(row.name.parse::<DistributionName>().ok().as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::as_lines;
    use crate::layer::{Layer, distribution_sizes, licence_policy};

    fn found(allow: &[&str], deny: &[&str], distributions: &[(&str, &str, &[&str])]) -> String {
        let all = |values: &[&str]| {
            values.iter().flat_map(|value| licence_policy::listed(value).expect("is valid")).collect()
        };
        let mut layer = Layer::of_distributions(distributions);
        for (file, distribution) in layer.files.values_mut().zip(&layer.distributions) {
            file.owner = crate::layer::Owner::Distribution(distribution.name.clone());
        }
        let rows = distribution_sizes(layer.sizes(), &layer.distributions);
        as_lines(&check(&rows, &layer.distributions, &LicencePolicy { allow: all(allow), deny: all(deny) }))
    }

    const LAYER: &[(&str, &str, &[&str])] = &[
        ("free", "1", &["License-Expression: MIT"]),
        ("house", "2", &["License: House rules"]),
        ("silent", "3", &[]),
        ("viral", "4", &["Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]),
    ];

    #[test]
    fn without_lists_nothing_is_said() {
        assert_eq!(found(&[], &[], LAYER), "");
    }

    #[test]
    fn each_kind_of_objection_has_its_code() {
        insta::assert_snapshot!(found(&[], &["GPL-3.0-only"], LAYER), @"Error licence-denied: `viral` 4 has the licence `GPL-3.0-only`, but `deny-licenses` denies `GPL-3.0-only`");
        insta::assert_snapshot!(found(&["MIT"], &[], LAYER), @r"
        Error licence-unknown: `house` 2 has a licence that SPDX does not identify: `LicenseRef-House-rules`
        Error licence-not-allowed: `viral` 4 has the licence `GPL-3.0-only`, but `allow-licenses` does not have `GPL-3.0-only`
        Error licence-unknown: `silent` 3 does not state its licence in its metadata
        ");
        insta::assert_snapshot!(found(&["MIT", "GPL-3.0-only", "LicenseRef-House-rules"], &[], LAYER), @"Error licence-unknown: `silent` 3 does not state its licence in its metadata");
    }

    #[test]
    fn what_was_recorded_is_judged_again() {
        let mut row = DistributionSize::rows(&[("x", "1", 1), ("y", "1", 1)]);
        row[0].licence = Some("not an expression".to_owned());
        let policy = LicencePolicy { allow: licence_policy::listed("MIT").expect("is valid"), deny: [].into() };
        insta::assert_snapshot!(as_lines(&check_stated(&row, &policy)), @"Error licence-unknown: `x` 1 has a licence that SPDX does not identify: `not an expression`");
    }
}
