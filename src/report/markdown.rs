//! The report for a job summary: the result first, then the table, findings and times; details are folded.

use std::fmt::Write as _;

use super::{DestinationReport, Report, RunReport, table};
use crate::error::Explanation;
use crate::facts;
use crate::layer::Severity;
use crate::layer::sizes::{bar, percent, signed};
use crate::types::ByteSize;
use crate::versions::{Change, ChangeOutcome};

const BAR: usize = 20;
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
    let mut text = String::new();
    let mut line = |content: &str| writeln!(text, "{content}").expect("a String takes everything");
    let failure = report.failure();
    let icon = if failure.is_some() { "❌" } else { icon(report) };
    line(&format!("### {icon} `{}` {}\n", report.layer_name.replace(['`', '\n'], " "), report.headline()));
    match &failure {
        // The table of findings has the causes already.
        Some(failure) if report.rejection.is_some() && !report.findings.is_empty() => {
            if !report.has_error(&failure.error) {
                line(&format!("{}\n", plain(&failure.error)));
            }
        }
        Some(failure) => line(&explained(failure)),
        None => line(&format!("{}\n", plain(&report.reason))),
    }
    if !report.destinations.is_empty() {
        line("| | region | layer version |\n|---|---|---|");
        report.destinations.iter().for_each(|destination| line(&destination_row(destination)));
        line("");
    }
    if !report.changes.is_empty() {
        line(&changes(report));
    }
    if let Some(url) = &report.release_url {
        line(&format!("[The release on GitHub]({})\n", address(url)));
    }
    if let Some(unzipped) = report.unzipped_size {
        let limit = facts::limits().unzipped_size;
        let diff = report.size_diff.map(|diff| format!(" ({})", signed(diff))).unwrap_or_default();
        let zipped = report.zipped_size.map(|size| format!(", {size} zipped")).unwrap_or_default();
        let percent = percent(unzipped.0, limit);
        line(&format!(
            "**{unzipped}** unzipped{diff}{zipped} · `{:<BAR$}` {percent} of 250 MB\n",
            bar(unzipped.0, limit, BAR)
        ));
    }
    for text in findings(report, docs) {
        line(&text);
    }
    if !report.distributions.is_empty() {
        let largest = report.distributions.first().map_or(1, |row| row.size.0);
        line(
            "<details open><summary>Distributions</summary>\n\n| distribution | version | size | |\n|---|---|--:|---|",
        );
        for row in &report.distributions {
            line(&format!(
                "| {} | {} | {} | `{:<BAR$}` |",
                plain(&row.name),
                plain(&row.version),
                row.size,
                bar(row.size.0, largest, BAR)
            ));
        }
        line("\n</details>\n");
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

/// The worst findings come first.
fn findings(report: &Report, docs: Option<&str>) -> Vec<String> {
    if report.findings.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["| finding | about | |\n|---|---|---|".to_owned()];
    for finding in report.findings.iter().take(FINDINGS) {
        let sign = match finding.severity {
            Severity::Error => "❌",
            Severity::Warning => "⚠️",
            Severity::Notice => "ℹ️",
        };
        let code = finding.linked_code(docs);
        let (subject, said) = (plain(&finding.subject), message(&finding.message));
        lines.push(format!("| {sign} {code} | {subject} | {said}: {} |", message(&finding.help)));
    }
    lines.push(String::new());
    if report.findings.len() > FINDINGS {
        lines.push(format!("{} more are in the output `result`.\n", report.findings.len() - FINDINGS));
    }
    lines
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
        "unchanged" | "adopted" => "💤",
        "published" | "built" | "checked" | "shared" | "attached" | "labelled" | "cleaned up" | "released" => "✅",
        _ => "📝",
    }
}

/// The longest table of changes; the output `result` has all of them.
const CHANGES: usize = 200;

/// What was done with versions; failures come first.
fn changes(report: &Report) -> String {
    let mut text = String::from("| | where | what | details |\n|---|---|---|---|\n");
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

/// A message of this program: what stands between backticks is shown as code, everything else as text.
pub(super) fn message(text: &str) -> String {
    let mut parts: Vec<&str> = text.split('`').collect();
    // A last backtick without a partner is plain text.
    let rest = if parts.len().is_multiple_of(2) { parts.pop() } else { None };
    let shown = parts.iter().enumerate().map(|(index, part)| match index % 2 {
        0 => plain(part),
        _ => format!("<code>{}</code>", plain(part)),
    });
    shown.chain(rest.map(|rest| plain(&format!("`{rest}")))).collect()
}

/// A URL for a Markdown link: characters that could end the link are encoded.
pub(super) fn address(url: &str) -> String {
    const ENDS: &percent_encoding::AsciiSet =
        &percent_encoding::CONTROLS.add(b' ').add(b'(').add(b')').add(b'<').add(b'>').add(b'"').add(b'\\').add(b'`');
    percent_encoding::utf8_percent_encode(url, ENDS).to_string()
}

/// Text as code, in HTML: backticks would not keep a `|` from ending a table cell.
pub(crate) fn code(text: &str) -> String {
    format!("<code>{}</code>", plain(text))
}

/// Escaped text for a line that starts with an HTML block, such as `<details>`: no Markdown is read there, so the
/// backslash before the `_` of a name would be shown (<https://github.github.com/gfm/#html-blocks>).
pub(crate) fn in_html_block(escaped: &str) -> String {
    escaped.replace("\\_", "_")
}

/// Text escaped for both Markdown and HTML.
pub(crate) fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '@' => {
                escaped.push('\\');
                escaped.push(character);
            }
            character if character.is_control() => escaped.push(' '),
            // Characters that change the direction of the text after them.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            character => escaped.push(character),
        }
    }
    escaped
}
