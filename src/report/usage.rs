//! Who uses the versions of a layer, as a table for the terminal and for the job summary.

use std::fmt::Write as _;

use super::escape::{code, plain};
use crate::error::counted;
use crate::versions::usage::{FunctionUsage, LayerUsage, VersionUsage, shown_place};
use crate::vulnerabilities::VersionVulnerabilities;

/// The most functions on the terminal; the output `result` has more, and the files of `results` have all.
const FUNCTIONS: usize = 100;
/// The most functions in a job summary, which has 1 MiB for everything.
const ROWS: usize = 500;
/// The most published versions of one function that are named.
const VERSIONS: usize = 10;

/// The columns of a version, before its users.
fn columns(usage: &LayerUsage, version: &VersionUsage) -> [String; 7] {
    let labels: Vec<&str> = version.labels.iter().map(crate::types::Label::as_str).collect();
    [
        shown_place(&version.arn, usage.has_accounts()),
        format!("version {}", version.arn.version()),
        version.status.word().to_owned(),
        version.age(usage.read).unwrap_or_else(|| "age unknown".to_owned()),
        version.zipped_size.map_or_else(|| "size unknown".to_owned(), |size| size.to_string()),
        labels.join(", "),
        version.known_vulnerabilities.as_ref().map(VersionVulnerabilities::shown).unwrap_or_default(),
    ]
}

/// For example `2 functions, 3 published function versions, 1 parameter`.
pub(super) fn users(version: &VersionUsage) -> String {
    let counts = [
        (version.function_count, "function"),
        (version.function_version_count, "published function version"),
        (version.parameters.len(), "parameter"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun));
    let users = counts.collect::<Vec<_>>().join(", ");
    match (users.as_str(), version.is_complete) {
        ("", true) => "no function".to_owned(),
        ("", false) => "functions not read".to_owned(),
        (_, true) => users,
        (_, false) => format!("{users}; some functions were not read"),
    }
}

/// The function with its account, if that is not the account of the layer.
pub(super) fn name(version: &VersionUsage, function: &FunctionUsage) -> String {
    let account = function.account.as_ref().filter(|account| account.as_str() != version.arn.destination().account);
    account.map_or_else(|| function.function.clone(), |account| format!("{account}/{}", function.function))
}

/// For example `$LATEST, 7, 8 and 12 more`.
pub(super) fn versions(function: &FunctionUsage) -> String {
    match function.versions.split_at_checked(VERSIONS) {
        Some((shown, rest)) if rest.len() > 1 => format!("{} and {} more", shown.join(", "), rest.len()),
        _ => function.versions.join(", "),
    }
}

/// The versions that are shown one by one, and the number of the others: old ones that nobody uses.
pub(super) fn shown(usage: &LayerUsage) -> (Vec<&VersionUsage>, usize) {
    let (shown, rest): (Vec<_>, Vec<_>) = usage.versions.iter().partition(|version| version.is_of_interest());
    (shown, rest.len())
}

pub(super) fn more_versions(count: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb} not in use", counted(count, "older version"))
}

/// Each version, with its functions below it.
pub(super) fn text(usage: &LayerUsage) -> Vec<String> {
    let (shown, unused) = shown(usage);
    let mut cells: Vec<[String; 7]> = shown.iter().map(|version| columns(usage, version)).collect();
    for known in cells.iter_mut().map(|[.., known]| known).filter(|known| !known.is_empty()) {
        // The table has no head here.
        known.insert_str(0, "known vulnerabilities: ");
    }
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let names = shown.iter().flat_map(|version| version.functions.iter().map(|function| name(version, function)));
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    let (mut lines, mut rest, mut hidden) = (vec![String::new()], FUNCTIONS, 0);
    for (version, cells) in shown.iter().zip(&cells) {
        let padded = cells.iter().zip(widths).filter(|(_, width)| *width > 0);
        let padded: Vec<String> = padded.map(|(cell, width)| format!("{cell:<width$}")).collect();
        lines.push(format!("  {}  {}", padded.join("  "), users(version)));
        for function in version.functions.iter().take(rest) {
            lines.push(format!("      {:<longest$}  {}", name(version, function), versions(function)));
        }
        hidden += version.functions.len().saturating_sub(rest);
        rest = rest.saturating_sub(version.functions.len());
        lines.extend(version.parameters.iter().map(|parameter| format!("      parameter {parameter}")));
    }
    if hidden > 0 {
        lines.push(format!("  and {}", counted(hidden, "more function")));
    }
    if unused > 0 {
        lines.push(format!("  {}", more_versions(unused)));
    }
    lines.push(String::new());
    lines
}

/// A table of the versions, and a folded one of the functions.
pub(super) fn markdown(usage: &LayerUsage) -> String {
    let (shown, unused) = shown(usage);
    let is_looked_up = shown.iter().any(|version| version.known_vulnerabilities.is_some());
    let mut text = String::new();
    let mut line = |content: &str| writeln!(text, "{content}").expect("a String takes everything");
    if !shown.is_empty() {
        let (head, rule) = if is_looked_up { (" known vulnerabilities |", "---|") } else { ("", "") };
        line(&format!(
            "| layer version | status | age | zipped | labels |{head} used by |\n|---|---|---|--:|---|{rule}---|"
        ));
    }
    for version in &shown {
        let [place, number, status, age, size, labels, known] = columns(usage, version).map(|cell| plain(&cell));
        let known = if is_looked_up { format!(" {known} |") } else { String::new() };
        line(&format!("| {place} {number} | {status} | {age} | {size} | {labels} |{known} {} |", users(version)));
    }
    if unused > 0 {
        line(&format!("\n{}.", more_versions(unused)));
    }
    let rows = shown.iter().flat_map(|version| version.functions.iter().map(move |function| (version, function)));
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        line(
            "\n<details open><summary>Functions</summary>\n\n| function | its versions | layer version | status |\n|---|---|---|---|",
        );
        for (version, function) in rows.iter().take(ROWS) {
            let (name, versions) = (code(&name(version, function)), plain(&versions(function)));
            let place = shown_place(&version.arn, usage.has_accounts());
            let status = version.status.word();
            line(&format!("| {name} | {versions} | {place} version {} | {status} |", version.arn.version()));
        }
        if rows.len() > ROWS {
            line(&format!("| {} more | | | |", rows.len() - ROWS));
        }
        line("\n</details>");
    }
    let parameters = shown.iter().flat_map(|version| version.parameters.iter().map(move |name| (version, name)));
    for (version, parameter) in parameters.take(ROWS) {
        let place = shown_place(&version.arn, usage.has_accounts());
        line(&format!("\nThe parameter {} contains version {} in {place}.", code(parameter), version.arn.version()));
    }
    text
}
