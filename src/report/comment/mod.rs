//! The comment on a pull request: what a change costs, readable in ten seconds. Details are folded.

mod several;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::markdown::{message, plain};
use super::{DestinationReport, Outcome, PackageChange, PackageChangeKind, Report};
use crate::error::counted;
use crate::facts;
use crate::layer::sizes::{bar, percent, signed};
use crate::layer::{Finding, Severity};
use crate::types::{ByteSize, Digest};

/// In bytes. GitHub's limit is this many characters.
const LONGEST: usize = 65_536;
const BAR: usize = 20;
/// Rows that are shown unfolded.
const SHOWN: usize = 10;
/// The longest name and the longest sentence, in characters.
const NAME: usize = 80;
const SENTENCE: usize = 300;
/// Where the footer begins; `says_the_same` ignores it.
const FOOTER: &str = "\n<sub>";

/// How many rows each table has. When the comment is too long, the least important tables are shortened first.
#[derive(Clone, Copy, Debug)]
struct Rows {
    /// Packages, folded.
    packages: usize,
    /// Packages that changed.
    changes: usize,
    findings: usize,
    /// In a comment about several layers: layers with a section, and layers with a row.
    sections: usize,
    layers: usize,
}

impl Rows {
    const ALL: Self = Self { packages: 200, changes: 200, findings: 100, sections: 100, layers: 200 };

    /// The next shorter set of limits; `None` if there is none.
    fn fewer(self) -> Option<Self> {
        match self {
            Self { packages: 1.., .. } => Some(Self { packages: self.packages / 2, ..self }),
            Self { changes, .. } if changes > SHOWN => Some(Self { changes: changes / 2, ..self }),
            Self { findings, .. } if findings > SHOWN => Some(Self { findings: findings / 2, ..self }),
            Self { changes: 0, findings: 0, sections: 0, layers: 0, .. } => None,
            Self { changes: 0, findings: 0, sections: 0, layers, .. } => Some(Self { layers: layers / 2, ..self }),
            Self { changes: 0, findings: 0, sections, .. } => Some(Self { sections: sections / 2, ..self }),
            _ => Some(Self { changes: self.changes / 2, findings: self.findings / 2, ..self }),
        }
    }
}

/// The first line of a comment about one layer, by which it is found again.
pub fn marker(layer: &str) -> String {
    format!("<!-- lambda-layer-action:v1:{layer} -->")
}

/// The first line of a comment about several layers: the same for all selections from one file. It cannot be that of a
/// layer, whose name never has a `+`.
pub fn set_marker(config: &str) -> String {
    marker(&format!("+{}", &Digest::of(config.as_bytes()).hex()[..16]))
}

/// Whether two comments differ only in their footers, so that an update would gain nothing: links to runs differ in
/// each run.
pub fn says_the_same(left: &str, right: &str) -> bool {
    let said = |text: &str| text.rsplit_once(FOOTER).map_or(text, |(said, _)| said).replace("\r\n", "\n");
    said(left).trim() == said(right).trim()
}

/// The whole comment. `run` is the URL of the workflow run, `docs` the address of this program's documentation.
pub fn comment(reports: &[&Report], marker: &str, run: Option<&str>, docs: Option<&str>) -> String {
    let layers: Vec<Layer<'_>> = reports.iter().map(|report| Layer::of(report, docs)).collect();
    let mut rows = Rows::ALL;
    loop {
        let text = written(&layers, marker, run, rows);
        if text.len() <= LONGEST {
            return text;
        }
        match rows.fewer() {
            Some(fewer) => rows = fewer,
            None => return text[..text.floor_char_boundary(LONGEST)].to_owned(),
        }
    }
}

/// A layer with what is computed from its report.
struct Layer<'a> {
    report: &'a Report,
    /// The largest change first.
    changes: Vec<PackageChange>,
    /// New findings above the severity `notice`.
    serious: Vec<&'a Finding>,
    other: Vec<&'a Finding>,
    docs: Option<&'a str>,
}

impl<'a> Layer<'a> {
    fn of(report: &'a Report, docs: Option<&'a str>) -> Self {
        let new = report.new_findings();
        let (serious, notices): (Vec<&Finding>, Vec<&Finding>) =
            new.iter().copied().partition(|finding| finding.severity < Severity::Notice);
        let known = report.findings.iter().filter(|finding| !new.iter().any(|new| std::ptr::eq(*new, *finding)));
        let other = notices.into_iter().chain(known).collect();
        Self { report, changes: report.package_changes(), serious, other, docs }
    }
}

fn written(layers: &[Layer<'_>], marker: &str, run: Option<&str>, rows: Rows) -> String {
    let mut text = format!("{marker}\n");
    match layers {
        [layer] => {
            write!(text, "### {}\n\n{}", headline(layer.report), body(layer, rows)).expect("a String takes everything");
        }
        several => text += &several::sections(several, rows),
    }
    let reports = || layers.iter().map(|layer| layer.report);
    let run =
        run.filter(|run| !run.contains(|character: char| character.is_whitespace() || "()<>".contains(character)));
    let mut links = Vec::new();
    if let Some(run) = run {
        links.push(format!("[run]({run})"));
        if reports().any(|report| report.documents.page.is_some()) {
            links.push(format!("[report page, if it was uploaded]({run}#artifacts)"));
        }
    }
    if let [Layer { report, .. }] = layers {
        let target = report.python_version.zip(report.architecture);
        links.extend(target.map(|(python, architecture)| format!("python{python} on {architecture}")));
    }
    text + &format!("{FOOTER}{}</sub>\n", links.join(" · "))
}

fn body(layer: &Layer<'_>, rows: Rows) -> String {
    let report = layer.report;
    let mut text = report.error.as_ref().map(several::trouble).unwrap_or_default();
    let is_refused = report.rejection.is_some();
    if report.error.is_some() {
        return text;
    }
    if !report.changed && !is_refused {
        writeln!(text, "{}\n", sentence(&report.reason)).expect("a String takes everything");
        text += &sizes(report);
        return text;
    }
    if report.before.is_none() {
        writeln!(text, "{}\n", sentence(&report.reason)).expect("a String takes everything");
    }
    text += &sizes(report);
    text += &tally(&layer.changes);
    text += &changes_table(&layer.changes, 0, rows.changes.min(SHOWN));
    text += &findings(layer, rows);
    text += &places(&report.destinations, is_refused);
    text + &details(layer, rows)
}

fn headline(report: &Report) -> String {
    let name = code(&report.layer_name);
    if report.error.is_some() {
        return format!("❌ {name} failed");
    }
    if report.rejection.is_some() {
        return format!("❌ {name} would be refused");
    }
    match (report.changed, report.size_diff, report.unzipped_size) {
        (false, ..) => format!("💤 {name} does not change"),
        (true, Some(diff), _) => format!("📦 {name} {}", signed(diff)),
        (true, None, Some(size)) => format!("📦 {name} {size}"),
        (true, None, None) => format!("📦 {name}"),
    }
}

/// The sizes before and after, and their share of Lambda's limit.
fn sizes(report: &Report) -> String {
    let Some(unzipped) = report.unzipped_size else { return String::new() };
    let limit = facts::limits().unzipped_size;
    let before = report.before.as_ref().and_then(|before| Some((before, before.unzipped_size?)));
    let zipped = report.zipped_size.map(|size| format!(", {size} zipped")).unwrap_or_default();
    let bar = format!("`{:<BAR$}` {} of 250 MB", bar(unzipped.0, limit, BAR), percent(unzipped.0, limit));
    let Some((before, size)) = before else {
        return format!("**{unzipped}** unzipped{zipped}\n{bar}\n\n");
    };
    let mut text = format!("| | {} | this change | |\n|---|--:|--:|--:|\n", name(&before.name));
    let mut row = |what: &str, before: ByteSize, after: ByteSize| {
        let diff = signed(after.0.cast_signed() - before.0.cast_signed());
        writeln!(text, "| {what} | {before} | **{after}** | {diff} |").expect("a String takes everything");
    };
    row("unzipped", size, unzipped);
    if let Some((before, after)) = before.zipped_size.zip(report.zipped_size) {
        row("zipped", before, after);
    }
    format!("{text}\n{bar} ({} before)\n\n", percent(size.0, limit))
}

/// `1 added, 2 upgraded; the largest growth is …`
fn tally(changes: &[PackageChange]) -> String {
    let count = |kind: PackageChangeKind, word: &str| {
        let count = changes.iter().filter(|change| change.kind == kind).count();
        (count > 0).then(|| format!("{count} {word}"))
    };
    let parts = [
        count(PackageChangeKind::Added, "added"),
        count(PackageChangeKind::Removed, "removed"),
        count(PackageChangeKind::Upgraded, "upgraded"),
        count(PackageChangeKind::Downgraded, "downgraded"),
        count(PackageChangeKind::Resized, "with the same version but different files"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return String::new();
    }
    let largest = changes.iter().filter(|change| change.growth() > 0).max_by_key(|change| change.growth());
    let largest = largest
        .filter(|_| changes.len() > 1)
        .map(|change| format!("; the largest growth is {} {}", code(&change.name), signed(change.growth())));
    format!("{}{}\n\n", parts.join(", "), largest.unwrap_or_default())
}

/// `count` rows, starting with row `skip`.
fn changes_table(changes: &[PackageChange], skip: usize, count: usize) -> String {
    let shown = changes.get(skip..).unwrap_or_default();
    if shown.is_empty() || count == 0 {
        return String::new();
    }
    let mut text = "| | package | before | after | unzipped |\n|---|---|---|---|--:|\n".to_owned();
    for change in shown.iter().take(count) {
        let sign = match change.kind {
            PackageChangeKind::Added => "➕ added",
            PackageChangeKind::Removed => "➖ removed",
            PackageChangeKind::Upgraded => "⬆️ upgraded",
            PackageChangeKind::Downgraded => "⬇️ downgraded",
            PackageChangeKind::Resized => "🔁 different files",
        };
        let (from, to) = (version(&change.from), version(&change.to));
        writeln!(text, "| {sign} | {} | {from} | {to} | {} |", code(&change.name), signed(change.growth()))
            .expect("a String takes everything");
    }
    text + "\n"
}

fn findings(layer: &Layer<'_>, rows: Rows) -> String {
    let Layer { report, serious, .. } = layer;
    if serious.is_empty() {
        return String::new();
    }
    let is_known = report.before.as_ref().is_some_and(|before| before.findings.is_some());
    let title = match (is_known, serious.len()) {
        (true, 1) => "1 new finding".to_owned(),
        (true, count) => format!("{count} new findings"),
        (false, count) => counted(count, "finding"),
    };
    format!("**{title}**\n\n{}", findings_table(serious, rows.findings.min(SHOWN), layer.docs))
}

fn findings_table(findings: &[&Finding], count: usize, docs: Option<&str>) -> String {
    if findings.is_empty() || count == 0 {
        return String::new();
    }
    let mut text = "| finding | about | |\n|---|---|---|\n".to_owned();
    for finding in findings.iter().take(count) {
        let sign = match finding.severity {
            Severity::Error => "❌",
            Severity::Warning => "⚠️",
            Severity::Notice => "ℹ️",
        };
        let about = finding.linked_code(docs);
        let (subject, said) = (name(&finding.subject), sentence(&finding.message));
        writeln!(text, "| {sign} {about} | {subject} | {said}: {} |", sentence(&finding.help))
            .expect("a String takes everything");
    }
    text + "\n"
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

fn details(layer: &Layer<'_>, rows: Rows) -> String {
    let Layer { report, changes, .. } = layer;
    let mut text = String::new();
    if report.before.is_some() {
        write!(text, "Why: {}\n\n", sentence(&report.reason)).expect("a String takes everything");
    }
    if changes.len() > SHOWN {
        text += &changes_table(changes, SHOWN, rows.changes.saturating_sub(SHOWN));
        text += &more(changes.len(), rows.changes, "changed package");
    }
    let rest: Vec<&Finding> = layer.serious.iter().skip(SHOWN).chain(&layer.other).copied().collect();
    let shown = rows.findings.saturating_sub(SHOWN);
    text += &findings_table(&rest, shown, layer.docs);
    text += &more(rest.len(), shown, "finding");
    text += &packages_table(report, rows.packages);
    text += &more(report.distributions.len(), rows.packages, "package");
    if text.is_empty() {
        return text;
    }
    let packages = counted(report.distributions.len(), "package");
    let findings = if rest.is_empty() { String::new() } else { format!(", {}", counted(rest.len(), "other finding")) };
    format!("<details><summary>Details: {packages}{findings}</summary>\n\n{text}</details>\n")
}

/// A line that counts the rows which a table leaves out.
fn more(count: usize, shown: usize, what: &str) -> String {
    match count.checked_sub(shown) {
        None | Some(0) => String::new(),
        Some(more) => {
            format!("{} not shown here; the output <code>result</code> contains all of them.\n\n", counted(more, what))
        }
    }
}

fn packages_table(report: &Report, count: usize) -> String {
    if report.distributions.is_empty() || count == 0 {
        return String::new();
    }
    let largest = report.distributions.first().map_or(1, |row| row.size.0);
    let mut text = "| package | version | unzipped | |\n|---|---|--:|---|\n".to_owned();
    for row in report.distributions.iter().take(count) {
        let bar = bar(row.size.0, largest, BAR);
        writeln!(text, "| {} | {} | {} | `{bar:<BAR$}` |", code(&row.name), version(&row.version), row.size)
            .expect("a String takes everything");
    }
    text + "\n"
}

/// Text from outside, as code, in which GitHub finds no mentions, issue numbers or emoji.
fn code(text: &str) -> String {
    format!("<code>{}</code>", name(text))
}

fn version(text: &str) -> String {
    if text.is_empty() { String::new() } else { name(text) }
}

fn name(text: &str) -> String {
    inert(&plain(&clipped(text, NAME)))
}

/// A message of this program that may have text from outside in it.
fn sentence(text: &str) -> String {
    inert(&message(&clipped(text, SENTENCE)))
}

fn clipped(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Markdown in which GitHub finds no mentions, issues, URLs or emoji. GitHub looks for them after it has rendered the
/// Markdown, when backslashes are gone, so escaping is not enough.
fn inert(markdown: &str) -> String {
    const INVISIBLE: char = '\u{200b}';
    let mut text = String::with_capacity(markdown.len());
    let mut characters = markdown.chars().peekable();
    while let Some(character) = characters.next() {
        text.push(character);
        let next = characters.peek().copied().unwrap_or(' ');
        let starts_something = match character {
            '@' | '#' => true,
            ':' => !next.is_whitespace(),
            '-' => next.is_ascii_digit() && text.to_uppercase().ends_with("GH-"),
            '.' => text.to_lowercase().ends_with("www."),
            _ => false,
        };
        if starts_something {
            text.push(INVISIBLE);
        }
    }
    text
}
