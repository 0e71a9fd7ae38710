//! The comment about several layers: one table of the layers that change or fail, a section for each of them, and one line
//! for all others.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::layer::{Layer, headline, trouble};
use super::{Rows, packages};
use crate::error::counted;
use crate::facts;
use crate::layer::sizes::{percent, signed};
use crate::report::escape::{in_html_block, name, name_as_code, sentence, tight};
use crate::report::headline::range;
use crate::report::{Report, vulnerabilities};

/// How many unchanged layers are named.
const UNCHANGED: usize = 100;
/// Up to so many, their names are not folded.
const FEW: usize = 5;
/// How many changes of a layer are named in its row.
const NAMED: usize = 3;

pub(super) fn sections(layers: &[Layer<'_>], rows: Rows) -> String {
    let (worth, quiet): (Vec<&Layer<'_>>, Vec<&Layer<'_>>) =
        layers.iter().partition(|layer| layer.report.changed || fails(layer.report));
    // Those that need somebody's attention come first.
    let (failed, changed): (Vec<&Layer<'_>>, Vec<&Layer<'_>>) = worth.iter().partition(|layer| fails(layer.report));
    let sign = match (failed.len(), worth.len()) {
        (1.., _) => "❌",
        (0, 1..) => "📦",
        (0, 0) => "💤",
    };
    let tally = [(failed.len(), "failed"), (changed.len(), "changed"), (quiet.len(), "unchanged")];
    let tally: Vec<String> =
        tally.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let mut text =
        format!("### {sign} {}: {}{}\n\n", counted(layers.len(), "Lambda layer"), tally.join(", "), growth(&worth));
    if !worth.is_empty() {
        let has_target = shared_target(layers).is_none();
        text += "| layer | change | unzipped | of\u{a0}250\u{a0}MB | what changes |\n|---|--:|--:|--:|---|\n";
        failed.iter().chain(&changed).take(rows.layers).for_each(|layer| text += &row(layer, has_target));
        text += &more(worth.len(), rows.layers, "| and {} more | | | | |\n");
        text.push('\n');
    }
    let (groups, single) = same_errors(&failed);
    let alone = single.into_iter().chain(changed).map(|layer| {
        let open = if fails(layer.report) { " open" } else { "" };
        (open, headline(layer.report), layer.body(rows))
    });
    for (open, title, body) in groups.into_iter().chain(alone).take(rows.sections) {
        let title = in_html_block(&title);
        // What belongs to the layer is indented.
        let body = body.trim_end();
        writeln!(text, "<details{open}><summary>{title}</summary>\n<dl><dd>\n\n{body}\n\n</dd></dl>\n</details>\n")
            .expect("a String takes everything");
    }
    text += &more(worth.len(), rows.sections, "{} of them are only in the output <code>result</code>.\n\n");
    text + &unchanged(&quiet)
}

/// `python3.13 on x86_64`, if all layers are for that.
pub(super) fn shared_target(layers: &[Layer<'_>]) -> Option<String> {
    let first = target(layers.first()?.report)?;
    layers.iter().all(|layer| target(layer.report).as_ref() == Some(&first)).then_some(first)
}

fn target(report: &Report) -> Option<String> {
    let (python, architecture) = report.python_version.zip(report.architecture)?;
    Some(format!("python{python} on {architecture}"))
}

/// How much all layers together grow.
fn growth(layers: &[&Layer<'_>]) -> String {
    let differences: Vec<i64> = layers.iter().filter_map(|layer| layer.report.size_diff).collect();
    if differences.is_empty() { String::new() } else { format!("; {} in total", signed(differences.iter().sum())) }
}

/// Layers that failed for the same reason are told together.
fn same_errors<'a>(failed: &[&'a Layer<'a>]) -> (Vec<(&'static str, String, String)>, Vec<&'a Layer<'a>>) {
    let mut groups: BTreeMap<String, Vec<&Layer<'_>>> = BTreeMap::new();
    let mut single = Vec::new();
    for layer in failed {
        match &layer.report.error {
            Some(error) => groups.entry(trouble(error)).or_default().push(layer),
            None => single.push(*layer),
        }
    }
    let told = |(body, layers): (String, Vec<&Layer<'_>>)| {
        let names: Vec<String> = layers.iter().take(UNCHANGED).map(|layer| titled(layer.report)).collect();
        let what = if layers.len() == 1 { "Lambda layer" } else { "Lambda layers" };
        let title = format!("❌ {what} {}{} failed", names.join(", "), more(layers.len(), UNCHANGED, " and {} more"));
        (" open", title, body)
    };
    (groups.into_iter().map(told).collect(), single)
}

fn unchanged(quiet: &[&Layer<'_>]) -> String {
    let names: Vec<String> = quiet.iter().take(UNCHANGED).map(|layer| name_as_code(&layer.report.layer_name)).collect();
    let names = format!("{}{}", names.join(", "), more(quiet.len(), UNCHANGED, " and {} more"));
    match quiet.len() {
        0 => String::new(),
        1..=FEW => format!("💤 {} unchanged: {names}\n", quiet.len()),
        count => format!("<details><summary>💤 {count} unchanged</summary>\n\n{names}\n</details>\n"),
    }
}

/// The name of a layer, with its folder if that tells more.
fn titled(report: &Report) -> String {
    let folder = report.folder.as_ref().filter(|folder| **folder != report.layer_name);
    let folder = folder.map(|folder| format!(" ({})", name(folder))).unwrap_or_default();
    format!("{}{folder}", name_as_code(&report.layer_name))
}

fn fails(report: &Report) -> bool {
    report.error.is_some() || report.rejection.is_some()
}

fn row(layer: &Layer<'_>, has_target: bool) -> String {
    let report = layer.report;
    let sign = if fails(report) { "❌" } else { "📦" };
    let target = target(report).filter(|_| has_target).map(|target| format!("<br><sub>{}</sub>", sentence(&target)));
    let before = report.before.as_ref().and_then(|before| before.unzipped_size);
    let (sizes, share) = match report.unzipped_size {
        Some(after) => (
            tight(&before.map_or_else(|| after.to_string(), |before| range(before, after))),
            tight(&percent(after.0, facts::limits().unzipped_size)),
        ),
        None => Default::default(),
    };
    let difference = report.size_diff.map(|diff| tight(&signed(diff))).unwrap_or_default();
    let (layer_name, target) = (name_as_code(&report.layer_name), target.unwrap_or_default());
    format!("| {sign}\u{a0}{layer_name}{target} | {difference} | {sizes} | {share} | {} |\n", outcome(layer))
}

/// Why it fails, or what changes.
fn outcome(layer: &Layer<'_>) -> String {
    let report = layer.report;
    if let Some(error) = &report.error {
        return format!("**failed**: {}", sentence(&error.one_line()));
    }
    if let Some(rejection) = &report.rejection {
        return format!("**would be refused**: {}", sentence(&rejection.error));
    }
    let new = report.vulnerabilities.as_ref().map(vulnerabilities::new_in_a_row).unwrap_or_default();
    let first = &layer.changes.first;
    if first.is_empty() {
        return new + &sentence(&report.reason);
    }
    let names = first.iter().take(NAMED).map(|shown| {
        let sign = packages::sign(&shown.change);
        let sign = sign.split_once(' ').map_or(sign, |(sign, _)| sign);
        format!("{sign}\u{a0}{}", name(&shown.change.name))
    });
    let names: Vec<String> = names.collect();
    let count = first.len() + layer.changes.folded.len();
    format!("{new}{}{}", names.join(", "), more(count, names.len(), " and {} more"))
}

/// `{}` in `text` stands for the number of items that are left out.
fn more(count: usize, shown: usize, text: &str) -> String {
    match count.saturating_sub(shown) {
        0 => String::new(),
        more => text.replace("{}", &more.to_string()),
    }
}
