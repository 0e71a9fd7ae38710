//! The findings of a layer in the comment: new ones are shown, others are folded.

use std::fmt::Write as _;

use super::SHOWN;
use super::layer::Layer;
use crate::error::counted;
use crate::layer::{Finding, Severity};
use crate::report::escape::{name, sentence};

/// The new findings above the severity `notice`, and those that prevent publishing.
pub(super) fn serious(layer: &Layer<'_>, count: usize) -> String {
    let Layer { report, serious, .. } = layer;
    if serious.is_empty() {
        return String::new();
    }
    let is_known = report.before.as_ref().is_some_and(|before| before.findings.is_some());
    let title = match (is_known, serious.len()) {
        _ if report.rejection.is_some() => counted(serious.len(), "finding"),
        (true, 1) => "1 new finding".to_owned(),
        (true, count) => format!("{count} new findings"),
        (false, count) => counted(count, "finding"),
    };
    format!("**{title}**\n\n{}", table(serious, count.min(SHOWN), layer.links.docs))
}

pub(super) fn table(findings: &[&Finding], count: usize, docs: Option<&str>) -> String {
    if findings.is_empty() || count == 0 {
        return String::new();
    }
    let mut text = "| finding | about | what to do |\n|---|---|---|\n".to_owned();
    for finding in findings.iter().take(count) {
        let sign = sign(finding.severity);
        let about = finding.linked_code(docs);
        let (subject, said) = (name(&finding.subject), sentence(&finding.message));
        writeln!(text, "| {sign} {about} | {subject} | {said}: {} |", sentence(&finding.help))
            .expect("a String takes everything");
    }
    text + "\n"
}

pub(in crate::report) fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "❌",
        Severity::Warning => "⚠️",
        Severity::Notice => "ℹ️",
    }
}
