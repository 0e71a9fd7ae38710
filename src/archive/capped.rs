//! Limits the findings of each kind: a broken zip can have one for each of a hundred thousand entries.

use std::collections::BTreeMap;

use crate::layer::Finding;

/// Findings of one code that are told one by one.
const TOLD: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Noticed {
    findings: Vec<Finding>,
    counts: BTreeMap<&'static str, usize>,
}

impl Noticed {
    pub(super) fn push(&mut self, finding: Finding) {
        if self.findings.contains(&finding) {
            return;
        }
        let count = self.counts.entry(finding.code).or_default();
        *count += 1;
        if *count <= TOLD {
            self.findings.push(finding);
        }
    }

    /// With one for those that were not told.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        for (code, count) in self.counts.into_iter().filter(|(_, count)| *count > TOLD) {
            let last = self.findings.iter().rfind(|finding| finding.code == code).cloned();
            let more = count - TOLD;
            self.findings.extend(last.map(|last| Finding {
                subject: "layer".to_owned(),
                distribution: None,
                message: format!("{more} more like `{}`", last.subject),
                ..last
            }));
        }
        self.findings
    }
}

impl Extend<Finding> for Noticed {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}
