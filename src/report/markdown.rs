//! The report for a job summary, in the order of the comment on a pull request: what happened and what it costs, where it is,
//! what changed, what was found; details are folded.

use std::fmt::Write as _;

use super::comment::layer::{Layer, sizes};
use super::comment::{Links, Rows, findings, packages};
use super::escape::{address, message, plain};
use super::{DestinationReport, Report, RunReport, import_times, table, usage, vulnerabilities};
use crate::error::{Explanation, counted};
use crate::layer::Finding;
use crate::types::ByteSize;
use crate::versions::{Change, ChangeOutcome};

/// The longest table of files that were left out; the output `result` has all of them.
const SAVINGS: usize = 40;

/// `docs` is the address of this program's documentation.
pub fn summary(run: &RunReport, docs: Option<&str>) -> String {
    match (&run.comment.markdown, run.only()) {
        (Some(comment), _) => previewed(run, comment),
        (None, Some(report)) => of_layer(report, docs),
        (None, None) => table::summary(run, |report| of_layer(report, docs)),
    }
}

fn of_layer(report: &Report, docs: Option<&str>) -> String {
    let layer = Layer::of(report, Links { docs, ..Links::default() });
    let mut text = String::new();
    let mut line = |content: &str| writeln!(text, "{content}").expect("a String takes everything");
    line(&format!("### {}\n", headline(report)));
    let failure = report.failure();
    // The table of findings has the causes already.
    let is_told = report.rejection.is_some() && !report.findings.is_empty();
    match &failure {
        Some(failure) if !is_told => line(&explained(failure)),
        Some(failure) if !report.has_error(&failure.error) => line(&format!("{}\n", plain(&failure.error))),
        _ => {}
    }
    if let Some(sizes) = sizes(report) {
        line(&format!("{sizes}\n"));
    }
    if failure.is_none() {
        line(&format!("{}\n", plain(&report.reason)));
    }
    if let Some(known) = &report.vulnerabilities {
        line(&vulnerabilities::first_lines(known));
    }
    if !report.destinations.is_empty() {
        line("| outcome | region | layer version |\n|---|---|---|");
        report.destinations.iter().for_each(|destination| line(&destination_row(destination)));
        line("");
    }
    if !report.changes.is_empty() {
        line(&changes(report));
    }
    report.own_usage().into_iter().for_each(|usage| line(&usage::markdown(usage)));
    if let Some(url) = &report.release_url {
        line(&format!("[The release on GitHub]({})\n", address(url)));
    }
    let (changed, found) = (layer.open_changes(Rows::ALL), findings(report, docs));
    // The reason of a refusal comes before what it may be due to.
    let tables = if report.rejection.is_some() { found + &changed } else { changed + &found };
    if !tables.is_empty() {
        line(&format!("{}\n", tables.trim_end()));
    }
    let folded = layer.changes.folded.len();
    if folded > 0 {
        let others = packages::folded(&layer, usize::MAX);
        line(&format!(
            "<details><summary>{}</summary>\n\n{others}</details>\n",
            counted(folded, "other changed package")
        ));
    }
    if let Some((title, table)) =
        report.vulnerabilities.as_ref().and_then(|known| vulnerabilities::details(known, usize::MAX))
    {
        line(&format!("<details><summary>{title}</summary>\n\n{table}</details>\n"));
    }
    if !report.distributions.is_empty() {
        let (count, table) = (report.distributions.len(), packages::contents(report, usize::MAX));
        line(&format!("<details><summary>Contents: {}</summary>\n\n{table}</details>\n", counted(count, "package")));
    }
    for (title, table) in report.import_times.iter().map(import_times::table) {
        line(&format!("<details><summary>{title}</summary>\n\n{table}</details>\n"));
    }
    if !report.savings.is_empty() {
        let bytes = ByteSize(report.savings.iter().map(|saving| saving.bytes.0).sum());
        line(&format!(
            "<details><summary>Left out: {bytes}</summary>\n\n| rule | package | files | size |\n|---|---|--:|--:|"
        ));
        for saving in report.savings.iter().take(SAVINGS) {
            line(&format!(
                "| {} | {} | {} | {} |",
                plain(&saving.rule),
                plain(&saving.owner),
                saving.files,
                saving.bytes
            ));
        }
        if let Some(rest) = report.savings.get(SAVINGS..).filter(|rest| !rest.is_empty()) {
            let files: usize = rest.iter().map(|saving| saving.files).sum();
            let bytes = ByteSize(rest.iter().map(|saving| saving.bytes.0).sum());
            line(&format!("| {} more | | {files} | {bytes} |", rest.len()));
        }
        line("\n</details>\n");
    }
    line("<details><summary>Identity and times</summary>\n\n| | |\n|---|---|");
    if let (Some(python), Some(architecture)) = (report.python_version, report.architecture) {
        line(&format!("| target | python{python} on {architecture} |"));
    }
    if let Some(fingerprint) = report.fingerprint {
        line(&format!("| fingerprint | `{fingerprint}` |"));
    }
    if let Some(hash) = report.code_sha256 {
        line(&format!("| content hash | `{hash}` |"));
    }
    if let Some(licences) = &report.licences {
        line(&format!("| licences | {} |", plain(licences)));
    }
    if !report.unpinned.is_empty() {
        let names: Vec<String> = report.unpinned.iter().map(|requirement| plain(requirement)).collect();
        line(&format!("| without a fixed version | {} |", names.join(", ")));
    }
    for step in &report.steps {
        line(&format!("| {} | {:.2} s |", plain(&step.name), step.seconds));
    }
    line("\n</details>");
    text
}

/// `✅ Lambda layer shared published: +106.2 MB (12.3 → 118.5 MB, 47% of 250 MB)`
fn headline(report: &Report) -> String {
    let icon = if report.failure().is_some() { "❌" } else { icon(report) };
    let name = report.layer_name.replace(['`', '\n'], " ");
    let cost = report.cost().map(|cost| format!(": {cost}")).unwrap_or_default();
    format!("{icon} Lambda layer `{name}` {}{cost}", report.headline())
}

/// The comment on the pull request, or the one that would be made, and why it could not be made.
fn previewed(run: &RunReport, comment: &str) -> String {
    let (_, shown) = comment.split_once("-->").unwrap_or_default();
    let mut text = format!("{}\n\n", shown.trim());
    if let Some(problem) = &run.comment.comment_problem {
        write!(text, "No comment was written on a pull request: {}", explained(problem))
            .expect("a String takes everything");
    }
    let steps = match run.only() {
        Some(report) => &report.steps,
        None => &run.steps,
    };
    if !steps.is_empty() {
        text += "<details><summary>Times</summary>\n\n| | |\n|---|---|\n";
        for step in steps {
            writeln!(text, "| {} | {:.2} s |", plain(&step.name), step.seconds).expect("a String takes everything");
        }
        text += "\n</details>\n";
    }
    text
}

/// The longest table of findings: a job summary has 1 MiB for everything, and the JSON of a run has all of them.
const FINDINGS: usize = 200;

/// The worst findings come first, each in full length.
fn findings(report: &Report, docs: Option<&str>) -> String {
    let all: Vec<&Finding> = report.listed_findings().collect();
    if all.is_empty() {
        return String::new();
    }
    let mut text = "| finding | about | what to do |\n|---|---|---|\n".to_owned();
    for finding in all.iter().take(FINDINGS) {
        let (sign, code) = (findings::sign(finding.severity), finding.linked_code(docs));
        let (subject, said, help) = (plain(&finding.subject), message(&finding.message), message(&finding.help));
        writeln!(text, "| {sign} {code} | {subject} | {said}: {help} |").expect("a String takes everything");
    }
    text.push('\n');
    if all.len() > FINDINGS {
        writeln!(text, "{} more are in the output `result`.\n", all.len() - FINDINGS)
            .expect("a String takes everything");
    }
    text
}

/// The section of a run that failed before it had anything to report.
pub fn failure_summary(explanation: &Explanation) -> String {
    format!("### ❌ {}\n\n{}", plain(&explanation.error), causes_and_hint(explanation))
}

fn explained(explanation: &Explanation) -> String {
    format!("{}\n\n{}", plain(&explanation.error), causes_and_hint(explanation))
}

fn causes_and_hint(explanation: &Explanation) -> String {
    let mut text = String::new();
    for cause in &explanation.causes {
        writeln!(text, "- {}", message(cause)).expect("a String takes everything");
    }
    if let Some(hint) = &explanation.hint {
        write!(text, "\n**Hint:** {}\n", message(hint)).expect("a String takes everything");
    }
    text
}

pub(super) fn icon(report: &Report) -> &'static str {
    match report.verdict() {
        "unchanged" | "adopted" | "not in use" => "💤",
        "published" | "built" | "checked" | "shared" | "attached" | "labelled" | "cleaned up" | "released"
        | "in use" => "✅",
        _ => "📝",
    }
}

/// The longest table of changes; the output `result` has all of them.
const CHANGES: usize = 200;

/// What was done with versions; failures come first.
fn changes(report: &Report) -> String {
    let mut text = String::from("| outcome | where | what | details |\n|---|---|---|---|\n");
    let mut rows: Vec<&Change> = report.changes.iter().collect();
    rows.sort_by_key(|change| change.outcome != ChangeOutcome::Failed);
    for change in rows.iter().take(CHANGES) {
        let (place, subject, detail) = (change.place(), message(&change.subject), message(&change.detail));
        writeln!(text, "| {} | {place} | {subject} | {detail} |", change.outcome.word())
            .expect("a String takes everything");
    }
    if let Some(more) = rows.len().checked_sub(CHANGES).filter(|more| *more > 0) {
        writeln!(text, "| | | and {more} more | |").expect("a String takes everything");
    }
    text
}

fn destination_row(destination: &DestinationReport) -> String {
    let arn = destination.layer_version_arn.as_ref().map_or_else(String::new, |arn| format!("`{arn}`"));
    format!("| {} | {} | {arn} |", destination.outcome.word(), destination.place())
}
