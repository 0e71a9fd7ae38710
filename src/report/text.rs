//! The report for a terminal.

use std::fmt::Write as _;

use super::changes::Changes;
use super::run::few;
use super::{CommentResult, PackageChange, Report, RunReport, import_times, table, usage, vulnerabilities};
use crate::error::counted;
use crate::layer::saving::by_rule;
use crate::layer::sizes::{bar, signed};
use crate::versions::Change;

/// The width of the bars of sizes, in columns.
const BAR: usize = 24;

/// How many rules of slimming are shown; the job summary and the output `result` have all.
const SAVINGS: usize = 5;

/// The longest table of findings; the JSON of a run has all.
const FINDINGS: usize = 100;

/// The worst first, each with its file, the reason and the remedy.
fn findings(report: &Report) -> String {
    let shown = &report.findings[..report.findings.len().min(FINDINGS)];
    let width = shown.iter().map(|finding| finding.code.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in shown {
        let severity = finding.severity.word();
        writeln!(text, "\n  {severity:<8} {:<width$}  {}", finding.code, finding.subject).expect("takes everything");
        writeln!(text, "           {}\n           → {}", finding.message, finding.help).expect("takes everything");
    }
    if report.findings.len() > shown.len() {
        writeln!(text, "\n  and {}", counted(report.findings.len() - shown.len(), "more finding"))
            .expect("takes everything");
    }
    if text.is_empty() { text } else { format!("{text}\n") }
}

/// Table, sizes, identity and ARNs; the verdict and its reason come last, where people look first.
pub fn text(run: &RunReport) -> String {
    match run.only() {
        Some(report) => of_layer(report, &run.comment),
        None => table::text(run),
    }
}

fn of_layer(report: &Report, comment: &CommentResult) -> String {
    let mut text = String::new();
    let mut line = |content: String| writeln!(text, "{}", content.trim_end()).expect("a String takes everything");
    if !report.distributions.is_empty() {
        let name = |row: &crate::layer::DistributionSize| format!("{} {}", row.name, row.version).trim_end().to_owned();
        let width = report.distributions.iter().map(|row| name(row).chars().count()).max().unwrap_or(0);
        let largest = report.distributions.first().map_or(1, |row| row.size.0);
        line(String::new());
        for row in &report.distributions {
            line(format!("  {:<width$}  {:>9}  {}", name(row), row.size, bar(row.size.0, largest, BAR)));
        }
        line(String::new());
    }
    if report.command == "preview" {
        differences(report).into_iter().for_each(&mut line);
    }
    for (rule, files, bytes) in by_rule(&report.savings).into_iter().take(SAVINGS) {
        let owners = report.savings.iter().filter(|saving| saving.rule == rule);
        let owners: Vec<&str> = owners.map(|saving| saving.owner.as_str()).collect();
        line(format!("  left out      {bytes:>9}  {rule}: {} of {}", counted(files, "file"), few(&owners)));
    }
    if let Some(cost) = report.cost() {
        let parts: Vec<String> =
            std::iter::once(cost).chain(report.limits_kept(|verdict, _| verdict.to_owned())).collect();
        line(format!("  size          {}", parts.join(", ")));
    }
    if let Some(known) = &report.vulnerabilities {
        line(format!("  osv           {}", vulnerabilities::in_one_line(known)));
    }
    if let Some(fingerprint) = report.fingerprint {
        line(format!("  fingerprint   {fingerprint}"));
    }
    if let Some(hash) = report.code_sha256 {
        line(format!("  content hash  {hash}"));
    }
    if let Some(licences) = report.licences.as_ref().filter(|_| report.command == "audit") {
        line(format!("  licences      {licences}"));
    }
    if let Some(times) = &report.import_times {
        import_times::text(times, report.command == "audit").into_iter().for_each(&mut line);
    }
    if let Some(path) = &report.zip_path {
        line(format!("  zip           {path}"));
    }
    let documents =
        [("page", &report.documents.page), ("sbom", &report.documents.sbom), ("licences", &report.documents.licenses)];
    for (name, path) in documents {
        if let Some(path) = path {
            line(format!("  {name:<13} {path}"));
        }
    }
    for destination in &report.destinations {
        let arn = destination.layer_version_arn.as_ref().map_or_else(|| destination.place(), ToString::to_string);
        line(format!("  {:<13} {arn}", destination.outcome.word()));
    }
    if !report.changes.is_empty() {
        line(String::new());
        for row in changes(report) {
            line(row);
        }
        line(String::new());
    }
    if let Some(usage) = report.own_usage() {
        usage::text(usage).into_iter().for_each(&mut line);
    }
    for (name, url) in [("comment", &comment.comment_url), ("release", &report.release_url)] {
        if let Some(url) = url {
            line(format!("  {name:<13} {url}"));
        }
    }
    if !report.unpinned.is_empty() && report.command != "build" {
        line(format!(
            "  {} without a fixed version: a newer release alone does not count as a change",
            counted(report.unpinned.len(), "requirement")
        ));
    }
    if report.command == "audit" {
        // If it failed, the error after this report gives the reason.
        text += &findings(report);
        let last = if report.failure().is_none() { report.reason.as_str() } else { "" };
        return format!("{text}{last}").trim_end().to_owned();
    }
    // The reason to publish does not explain a failure.
    let reason = if report.failure().is_none() { format!(": {}", report.reason) } else { String::new() };
    line(format!("{} {}{reason}", report.layer_name, report.headline()));
    text.trim_end().to_owned()
}

/// The packages that changed, in columns: first what was asked for, with its line and what it brings.
fn differences(report: &Report) -> Vec<String> {
    let Changes { first, folded } = report.package_groups();
    let Some(before) = report.before.as_ref().filter(|_| !first.is_empty()) else { return Vec::new() };
    let all = first.iter().map(|shown| &shown.change).chain(&folded);
    let width = all.clone().take(FINDINGS).map(|change| change.name.chars().count()).max().unwrap_or(0);
    let row = |change: &PackageChange, growth: i64| {
        format!("  {:<width$}  {:>10}  {}", change.name, signed(growth), versions(change))
    };
    let mut rows = vec![format!("  compared with {}", before.name)];
    rows.extend(first.iter().take(FINDINGS).map(|shown| {
        let place = report.place_of(&shown.change.name).map(|place| format!(", {}:{}", place.file, place.line));
        let names: Vec<&str> = shown.brings.iter().map(|brought| brought.name.as_str()).collect();
        let brings = if names.is_empty() { String::new() } else { format!(", brings {}", few(&names)) };
        format!("{}{}{brings}", row(&shown.change, shown.growth()), place.unwrap_or_default())
    }));
    let room = FINDINGS.saturating_sub(first.len());
    if !folded.is_empty() && room > 0 {
        rows.push(format!("  {}", counted(folded.len(), "other changed package")));
        rows.extend(folded.iter().take(room).map(|change| row(change, change.growth())));
    }
    let count = first.len() + folded.len();
    if count > FINDINGS {
        rows.push(format!("  and {} more", count - FINDINGS));
    }
    rows.push(String::new());
    rows
}

fn versions(change: &PackageChange) -> String {
    let major = if change.is_major() { ", major" } else { "" };
    match (change.from.as_str(), change.to.as_str()) {
        ("", "") => String::new(),
        ("", to) => format!("{to} added"),
        (from, "") => format!("{from} removed"),
        (from, to) if from == to => format!("{to}, different files"),
        (from, to) => format!("{from} → {to}{major}"),
    }
}

/// What was done with versions, in columns.
fn changes(report: &Report) -> Vec<String> {
    let shown = &report.changes[..report.changes.len().min(FINDINGS)];
    let width = |of: fn(&Change) -> String| shown.iter().map(|change| of(change).chars().count()).max().unwrap_or(0);
    let (places, subjects) = (width(Change::place), width(|change| change.subject.clone()));
    let mut rows: Vec<String> = shown
        .iter()
        .map(|change| {
            let (word, place) = (change.outcome.word(), change.place());
            format!("  {word:<13}  {place:<places$}  {:<subjects$}  {}", change.subject, change.detail)
        })
        .collect();
    if report.changes.len() > shown.len() {
        rows.push(format!("  and {} more", report.changes.len() - shown.len()));
    }
    rows
}
