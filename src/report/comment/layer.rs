//! What a comment says about one layer, in this order: what it costs, whether that fits, what must not be overlooked, what
//! changed, what was found, who uses it, where it would be published. Everything else is folded below.

use std::fmt::Write as _;

use super::{Links, Rows, SHOWN, findings, packages};
use crate::error::{Explanation, counted};
use crate::layer::{Finding, Severity};
use crate::report::changes::Changes;
use crate::report::escape::{name, name_as_code, sentence};
use crate::report::{DestinationReport, Outcome, Report, import_times, licences, vulnerabilities};

/// A layer with what is computed from its report.
pub(in crate::report) struct Layer<'a> {
    pub(super) report: &'a Report,
    pub(in crate::report) changes: Changes,
    /// New findings above the severity `notice`, and the worst ones of a layer that is refused.
    pub(super) serious: Vec<&'a Finding>,
    pub(super) other: Vec<&'a Finding>,
    pub(super) links: Links<'a>,
}

impl<'a> Layer<'a> {
    pub(in crate::report) fn of(report: &'a Report, links: Links<'a>) -> Self {
        let new = report.new_findings();
        let is_new = |finding: &Finding| new.iter().any(|new| std::ptr::eq(*new, finding));
        let worst = report.findings.first().map(|finding| finding.severity);
        let is_serious = |finding: &&Finding| {
            let is_refusal = report.rejection.is_some() && Some(finding.severity) == worst;
            finding.severity < Severity::Notice && (is_refusal || is_new(finding))
        };
        let (serious, other): (Vec<&Finding>, Vec<&Finding>) = report.listed_findings().partition(is_serious);
        // New notices come before what was known.
        let (new_notices, known): (Vec<&Finding>, Vec<&Finding>) = other.into_iter().partition(|other| is_new(other));
        let other = new_notices.into_iter().chain(known).collect();
        Self { report, changes: report.package_groups(), serious, other, links }
    }

    /// The text below the headline.
    pub(super) fn body(&self, rows: Rows) -> String {
        let report = self.report;
        if let Some(error) = &report.error {
            return trouble(error);
        }
        let mut text = String::new();
        for line in self.first_lines() {
            writeln!(text, "{line}\n").expect("a String takes everything");
        }
        if !report.changed && report.rejection.is_none() {
            return text;
        }
        let changes = self.open_changes(rows);
        let findings = findings::serious(self, rows.findings);
        // The reason of a refusal comes before what it may be due to.
        text += &if report.rejection.is_some() { findings + &changes } else { changes + &findings };
        text += &licences::markdown(report);
        if let Some(usage) = &report.usage {
            write!(text, "**Used by** {}\n\n", usage.used_by()).expect("a String takes everything");
        }
        text += &places(&report.destinations, report.rejection.is_some());
        for (title, section) in self.folded(rows) {
            writeln!(text, "<details><summary>{title}</summary>\n\n{section}</details>\n")
                .expect("a String takes everything");
        }
        text
    }

    /// The packages that changed, as far as they are not folded.
    pub(in crate::report) fn open_changes(&self, rows: Rows) -> String {
        let count = self.changes.first.len();
        packages::changes(self, rows.changes) + &not_shown(count, rows.changes, "changed package")
    }

    /// Paragraphs directly below the headline, for what must not be overlooked: whether it fits, why it is refused.
    fn first_lines(&self) -> Vec<String> {
        let report = self.report;
        let mut lines = Vec::new();
        let before = report.before.as_ref().filter(|before| report.changed && !before.name.is_empty());
        let compared = before.map(|before| format!("compared with {}", name(&before.name)));
        let sizes: Vec<String> = sizes(report).into_iter().chain(compared).collect();
        lines.extend((!sizes.is_empty()).then(|| sizes.join(" · ")));
        lines.extend(report.vulnerabilities.as_ref().map(vulnerabilities::first_lines));
        lines.extend(report.import_times.as_ref().filter(|_| report.changed).map(import_times::line));
        if let Some(refused) = report.rejection.as_ref().filter(|refused| !report.has_error(&refused.error)) {
            lines.push(told(&refused.error, refused.hint.as_deref()));
        }
        if report.before.is_none() {
            lines.push(sentence(&report.reason));
        }
        lines
    }

    /// Titles and texts of what is folded.
    fn folded(&self, rows: Rows) -> Vec<(String, String)> {
        let report = self.report;
        let mut sections = Vec::new();
        let changes = self.changes.folded.len();
        if changes > 0 {
            let text = packages::folded(self, rows.changes) + &not_shown(changes, rows.changes, "changed package");
            sections.push((counted(changes, "other changed package"), text));
        }
        let findings: Vec<&Finding> = self.serious.iter().skip(SHOWN).chain(&self.other).copied().collect();
        let shown = rows.findings.saturating_sub(SHOWN);
        if !findings.is_empty() {
            let text =
                findings::table(&findings, shown, self.links.docs) + &not_shown(findings.len(), shown, "finding");
            sections.push((counted(findings.len(), "other finding"), text));
        }
        let known = report.vulnerabilities.as_ref();
        sections.extend(known.and_then(|known| vulnerabilities::details(known, rows.findings)));
        sections.extend(report.import_times.as_ref().map(import_times::table));
        let count = report.distributions.len();
        let why = format!("Why: {}\n\n", sentence(&report.reason));
        let why = if report.before.is_some() { why } else { String::new() };
        let contents = packages::contents(report, rows.packages) + &not_shown(count, rows.packages, "package");
        if count > 0 {
            sections.push((format!("Contents: {}", counted(count, "package")), why + &contents));
        }
        sections
    }
}

/// `📦 Lambda layer shared: +106.2 MB (12.3 → 118.5 MB, 47% of 250 MB)`
pub(super) fn headline(report: &Report) -> String {
    let layer = format!("Lambda layer {}", name_as_code(&report.layer_name));
    let cost = report.cost().map(|cost| format!(": {cost}")).unwrap_or_default();
    match (&report.error, &report.rejection) {
        (Some(_), _) => format!("❌ {layer} failed"),
        (None, Some(_)) => format!("❌ {layer} would be refused{cost}"),
        (None, None) if !report.changed => format!("💤 {layer} does not change{cost}"),
        (None, None) => format!("📦 {layer}{cost}"),
    }
}

/// Whether the layer fits the user's own limits, and the size of its zip.
pub(in crate::report) fn sizes(report: &Report) -> Option<String> {
    let sizes =
        report.limits_kept(|verdict, is_kept| format!("{}\u{a0}**{verdict}**", if is_kept { "✅" } else { "❌" }));
    (!sizes.is_empty()).then(|| sizes.join(" · "))
}

/// Why there is nothing to compare with.
pub(super) fn trouble(error: &Explanation) -> String {
    format!("{}\n\n", told(&error.one_line(), error.hint.as_deref()))
}

fn told(error: &str, hint: Option<&str>) -> String {
    let hint = hint.map(|hint| format!("\n\n**Hint:** {}", sentence(hint)));
    format!("{}{}", sentence(error), hint.unwrap_or_default())
}

/// Where the layer would be published, and where it exists already.
fn places(destinations: &[DestinationReport], is_refused: bool) -> String {
    let of = |outcome: Outcome| destinations.iter().filter(move |destination| destination.outcome == outcome);
    let there = |outcome: Outcome| {
        of(outcome).map(|destination| {
            let version = destination.layer_version_arn.as_ref().map(|arn| format!("version {} in ", arn.version()));
            format!("{}{}", version.unwrap_or_default(), name(&destination.place()))
        })
    };
    let new: Vec<String> = of(Outcome::WouldPublish).map(|destination| name(&destination.place())).collect();
    let there: Vec<String> = there(Outcome::Adopted).chain(there(Outcome::Unchanged)).collect();
    let failed = of(Outcome::Failed).map(|destination| {
        let error = destination.error.as_ref().map(|error| format!(": {}", sentence(&error.one_line())));
        format!("{} could not be checked{}", name(&destination.place()), error.unwrap_or_default())
    });
    let mut lines = Vec::new();
    if !new.is_empty() && !is_refused {
        lines.push(format!("**Would be published** to {}", new.join(", ")));
    }
    if !there.is_empty() {
        lines.push(format!("**Already published:** {}", there.join(", ")));
    }
    lines.extend(failed);
    if lines.is_empty() { String::new() } else { format!("{}\n\n", lines.join("<br>")) }
}

/// A line that counts the rows which a table leaves out.
fn not_shown(count: usize, shown: usize, what: &str) -> String {
    match count.saturating_sub(shown) {
        0 => String::new(),
        more => {
            format!("{} not shown here; the output <code>result</code> contains all of them.\n\n", counted(more, what))
        }
    }
}
