//! Several layers in one table, for the terminal and for the job summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::{address, in_html_block, message, plain};
use super::markdown::{failure_summary, icon};
use super::{Report, RunReport, usage};
use crate::error::counted;
use crate::layer::sizes::signed;

/// The most rows for layers with which nothing happened; the output `result` has all.
const UNCHANGED: usize = 40;
/// The most rows for other layers: as many as a matrix can have, with some room.
const ROWS: usize = 300;

/// The most bytes for the sections of layers: a job summary has 1 MiB for everything.
const SECTIONS: usize = 900_000;

/// The rows that are shown, and the number of those that are not.
fn rows(run: &RunReport) -> (Vec<&Report>, usize) {
    let is_quiet = |report: &Report| report.verdict() == "unchanged" && report.failure().is_none();
    let quiet = run.layers.iter().filter(|report| is_quiet(report)).count();
    let shown = run.layers.iter().filter(|report| !is_quiet(report) || quiet <= UNCHANGED);
    let shown: Vec<&Report> = shown.take(ROWS).collect();
    let more = run.layers.len() - shown.len();
    (shown, more)
}

fn size(report: &Report) -> String {
    let Some(unzipped) = report.unzipped_size else { return String::new() };
    match report.size_diff.filter(|diff| *diff != 0) {
        Some(diff) => format!("{unzipped} ({})", signed(diff)),
        None => unzipped.to_string(),
    }
}

fn target(report: &Report) -> String {
    match (report.python_version, report.architecture) {
        (Some(python), Some(architecture)) => format!("python{python} {architecture}"),
        _ => String::new(),
    }
}

/// Why it failed, or else why something was done.
fn why(report: &Report) -> String {
    report.failure().map_or_else(|| report.reason.clone(), |failure| failure.error)
}

/// The table of all layers; the tally comes last, where people look first.
pub(super) fn text(run: &RunReport) -> String {
    let (shown, more) = rows(run);
    let cells: Vec<[String; 4]> = shown
        .iter()
        .map(|report| [report.layer_name.clone(), target(report), report.headline(), size(report)])
        .collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    // A cause that several layers share is told once, by the error that ends the run.
    let causes: Vec<String> = shown.iter().filter_map(|report| Some(report.failure()?.one_line())).collect();
    let is_shared = |report: &Report| {
        let cause = report.failure().map(|failure| failure.one_line());
        cause.is_some_and(|cause| causes.iter().filter(|other| **other == cause).count() > 1)
    };
    let mut text = String::from("\n");
    let mut line = |content: String| writeln!(text, "{}", content.trim_end()).expect("a String takes everything");
    for ([name, target, headline, size], report) in cells.iter().zip(&shown) {
        let [names, targets, headlines, sizes] = widths;
        let why = if is_shared(report) { String::new() } else { why(report) };
        line(format!("  {name:<names$}  {target:<targets$}  {headline:<headlines$}  {size:>sizes$}  {why}"));
        for destination in &report.destinations {
            if let Some(arn) = destination.layer_version_arn.as_ref().filter(|_| report.published) {
                line(format!("  {:<names$}  {arn}", ""));
            }
        }
        report.own_usage().into_iter().flat_map(usage::text).for_each(&mut line);
        for path in report.zip_path.iter().filter(|_| report.command == "build") {
            line(format!("  {:<names$}  {path}", ""));
        }
    }
    if more > 0 {
        line(format!("  and {more} more, unchanged or in the output `result`"));
    }
    line(String::new());
    if let Some(url) = &run.comment.comment_url {
        line(format!("  comment  {url}"));
    }
    line(format!("{}: {}", counted(run.layers.len(), "layer"), run.tally()));
    text.trim_end().to_owned()
}

/// A section for each layer that has more to say, with its title. Layers that failed for the same reason share one.
fn sections(shown: &[&Report], section: impl Fn(&Report) -> String) -> Vec<(Vec<String>, String)> {
    let mut sections: Vec<(Vec<String>, String)> = Vec::new();
    let mut errors: BTreeMap<String, usize> = BTreeMap::new();
    for report in shown.iter().filter(|report| report.verdict() != "unchanged" || report.failure().is_some()) {
        let told = report.error.as_ref().map(failure_summary);
        match told.as_ref().and_then(|told| errors.get(told)) {
            Some(index) => sections[*index].0.push(report.title()),
            None => sections.push((vec![report.title()], told.clone().unwrap_or_else(|| section(report)))),
        }
        if let Some(told) = told {
            errors.entry(told).or_insert(sections.len() - 1);
        }
    }
    sections
}

/// The table first, then a folded section for each layer that has more to say.
pub(super) fn summary(run: &RunReport, section: impl Fn(&Report) -> String) -> String {
    let failed = !run.failures().is_empty();
    let mut text = format!(
        "### {} {}: {}\n\n",
        if failed { "❌" } else { "📚" },
        counted(run.layers.len(), "Lambda layer"),
        run.tally()
    );
    let mut line = |content: &str| writeln!(text, "{content}").expect("a String takes everything");
    if let Some(url) = &run.comment.comment_url {
        line(&format!("[The comment on the pull request]({})\n", address(url)));
    }
    line("| outcome | layer | target | unzipped | layer version | why |\n|---|---|---|--:|---|---|");
    let (shown, more) = rows(run);
    for report in &shown {
        let sign = if report.failure().is_some() { "❌" } else { icon(report) };
        let arn = report.arn().map(|arn| format!("`{arn}`")).unwrap_or_default();
        line(&format!(
            "| {sign} {} | {} | {} | {} | {arn} | {} |",
            report.headline(),
            plain(&report.layer_name),
            target(report),
            size(report),
            message(&why(report))
        ));
    }
    if more > 0 {
        line(&format!("| | and {more} more | | | | |"));
    }
    line("");
    let mut untold = 0;
    for (names, section) in sections(&shown, section) {
        let open = if section.starts_with("### ❌") { " open" } else { "" };
        if text.len() + section.len() > SECTIONS {
            untold += names.len();
            continue;
        }
        let title = names.iter().map(|name| in_html_block(&plain(name))).collect::<Vec<_>>().join(", ");
        writeln!(text, "<details{open}><summary>{title}</summary>\n\n{}\n</details>\n", section.trim_end())
            .expect("a String takes everything");
    }
    if untold > 0 {
        writeln!(text, "{} shown here without details; the output `result` contains them.", counted(untold, "layer"))
            .expect("a String takes everything");
    }
    text
}
