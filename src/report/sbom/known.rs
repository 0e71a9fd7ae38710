//! The known vulnerabilities of the distributions in a layer, if they were looked up.

use std::collections::BTreeMap;

use super::cyclonedx::{Affected, Analysis, Component, Rating, Reference, Source, Vulnerability};
use super::{Key, printed};
use crate::report::Report;
use crate::vulnerabilities;

/// Also those that somebody accepted, with the reason.
pub(super) fn vulnerabilities(report: &Report, distributions: &BTreeMap<Key, Component>) -> Vec<Vulnerability> {
    let found = report.vulnerabilities.iter().flat_map(|known| &known.found);
    found.filter_map(|one| vulnerability(one, distributions)).collect()
}

/// `None` if its distribution is not in the bill.
fn vulnerability(
    one: &vulnerabilities::Vulnerability,
    distributions: &BTreeMap<Key, Component>,
) -> Option<Vulnerability> {
    let component = distributions.get(&(one.distribution.clone(), printed(&one.version)))?;
    let source = |id: &str| Source { name: "OSV", url: vulnerabilities::url(id) };
    let references = one.aliases.iter().map(|id| Reference { id: id.clone(), source: source(id) });
    let method = one.vector.as_deref().map(|vector| if vector.starts_with("CVSS:3.0") { "CVSSv3" } else { "CVSSv31" });
    Some(Vulnerability {
        id: one.id.clone(),
        source: source(&one.id),
        references: references.collect(),
        ratings: [Rating { score: one.score, severity: one.severity.word(), method, vector: one.vector.clone() }],
        description: printed(&one.summary),
        recommendation: one.fixed_in.as_ref().map(|fixed| format!("Use {} {fixed} or later", one.distribution)),
        // Whoever accepted it did not say that it does no harm.
        analysis: one.ignored.as_ref().map(|ignored| Analysis {
            state: "in_triage",
            detail: printed(&format!("Ignored until {}: {}", ignored.until, ignored.reason)),
        }),
        affects: [Affected { of: component.bom_ref.clone()? }],
    })
}
