//! The licences that a change brings to a layer, for the comment on the pull request.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use super::escape::name_as_code;
use crate::layer::DistributionSize;
use crate::layer::licences::parts;

/// The most licences, and the most packages of a licence, that are named.
const LICENCES: usize = 10;
const PACKAGES: usize = 5;

/// Licences that the layer did not have before, each with the packages that bring it; empty if there are none, or if
/// the licences of the version before are not known.
pub(super) fn new(report: &Report) -> BTreeMap<String, BTreeSet<&str>> {
    let mut new: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let Some(before) = &report.before else { return new };
    let licences = |rows: &[DistributionSize]| -> BTreeSet<String> {
        rows.iter().filter_map(|row| row.licence.as_deref()).flat_map(parts).collect()
    };
    let known = licences(&before.distributions);
    let is_recorded = !known.is_empty() || before.distributions.iter().all(|row| row.version.is_empty());
    for row in report.distributions.iter().filter(|_| is_recorded) {
        for licence in row.licence.as_deref().into_iter().flat_map(parts).filter(|licence| !known.contains(licence)) {
            new.entry(licence).or_default().insert(&row.name);
        }
    }
    new
}

/// For example `**New licences:** MPL-2.0 (certifi), LGPL-2.1-or-later (chardet)`.
pub(super) fn markdown(report: &Report) -> String {
    let new = new(report);
    if new.is_empty() {
        return String::new();
    }
    let mut named: Vec<String> =
        new.iter().take(LICENCES).map(|(licence, packages)| brought(licence, packages)).collect();
    if new.len() > LICENCES {
        named.push(format!("{} more", new.len() - LICENCES));
    }
    let title = if new.len() == 1 { "New licence" } else { "New licences" };
    format!("**{title}:** {}\n\n", named.join(", "))
}

fn brought(licence: &str, packages: &BTreeSet<&str>) -> String {
    let mut names: Vec<String> = packages.iter().take(PACKAGES).map(|name| name_as_code(name)).collect();
    if packages.len() > PACKAGES {
        names.push(format!("{} more", packages.len() - PACKAGES));
    }
    format!("{} ({})", name_as_code(licence), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Before;

    fn rows(rows: &[(&str, &str)]) -> Vec<DistributionSize> {
        let row = |(name, licence): &(&str, &str)| {
            let mut row = DistributionSize::rows(&[(name, "1", 1)]).remove(0);
            row.licence = (!licence.is_empty()).then(|| (*licence).to_owned());
            row
        };
        rows.iter().map(row).collect()
    }

    fn shown(before: &[(&str, &str)], after: &[(&str, &str)]) -> String {
        let before = Before { distributions: rows(before), ..Before::default() };
        let report = Report { before: Some(before), distributions: rows(after), ..Report::of_version("x".to_owned()) };
        markdown(&report)
    }

    #[test]
    fn only_what_the_layer_did_not_have_is_new() {
        let before = [("six", "MIT"), ("idna", "BSD-3-Clause AND MIT")];
        assert_eq!(shown(&before, &[("six", "BSD-3-Clause"), ("idna", "MIT")]), "");
        let after =
            [("six", "MIT"), ("certifi", "MPL-2.0"), ("chardet", "MIT OR LGPL-2.1-or-later"), ("other", "MPL-2.0")];
        insta::assert_snapshot!(shown(&before, &after), @"**New licences:** <code>(MIT OR LGPL-2.1-or-later)</code> (<code>chardet</code>), <code>MPL-2.0</code> (<code>certifi</code>, <code>other</code>)");
    }

    #[test]
    fn what_is_not_known_of_before_is_not_new() {
        assert_eq!(shown(&[("six", "")], &[("six", "MIT")]), "");
        assert_eq!(shown(&[], &[("six", "MIT")]), "**New licence:** <code>MIT</code> (<code>six</code>)\n\n");
    }
}
