//! The comment about several layers: a table of the layers that change, a folded section for each of them, and one line
//! for all others.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::{Layer, Rows, body, code, headline, sentence};
use crate::error::{Explanation, counted};
use crate::layer::sizes::signed;
use crate::report::Report;
use crate::report::markdown::in_html_block;

/// How many unchanged layers are named.
const UNCHANGED: usize = 100;

pub(super) fn sections(layers: &[Layer<'_>], rows: Rows) -> String {
    let (worth, quiet): (Vec<&Layer<'_>>, Vec<&Layer<'_>>) =
        layers.iter().partition(|layer| layer.report.changed || fails(layer.report));
    let failed = worth.iter().filter(|layer| fails(layer.report)).count();
    let sign = match (failed, worth.len()) {
        (1.., _) => "❌",
        (0, 1..) => "📦",
        (0, 0) => "💤",
    };
    let tally = [(failed, "failed"), (worth.len() - failed, "changed"), (quiet.len(), "unchanged")];
    let tally: Vec<String> =
        tally.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let mut text = format!("### {sign} {}: {}\n\n", counted(layers.len(), "layer"), tally.join(", "));
    if !worth.is_empty() {
        text += "| | layer | target | before | after | | |\n|---|---|---|--:|--:|--:|---|\n";
        worth.iter().take(rows.layers).for_each(|layer| text += &row(layer.report));
        text += &more(worth.len(), rows.layers, "| | and {} more | | | | | |\n");
        text.push('\n');
    }
    // If there is no room for all, those that need somebody's attention come first.
    let (first, rest): (Vec<&Layer<'_>>, Vec<&Layer<'_>>) = worth.iter().partition(|layer| fails(layer.report));
    for layer in first.iter().chain(&rest).take(rows.sections) {
        let (title, body) = (in_html_block(&headline(layer.report)), body(layer, rows));
        writeln!(text, "<details><summary>{title}</summary>\n\n{}\n</details>\n", body.trim_end())
            .expect("a String takes everything");
    }
    text += &more(worth.len(), rows.sections, "{} of them are only in the output <code>result</code>.\n\n");
    if !quiet.is_empty() {
        let names: Vec<String> = quiet.iter().take(UNCHANGED).map(|layer| code(&layer.report.layer_name)).collect();
        let more = more(quiet.len(), UNCHANGED, " and {} more");
        writeln!(
            text,
            "<details><summary>💤 {} unchanged</summary>\n\n{}{more}\n</details>\n",
            counted(quiet.len(), "layer"),
            names.join(", ")
        )
        .expect("a String takes everything");
    }
    text
}

fn fails(report: &Report) -> bool {
    report.error.is_some() || report.rejection.is_some()
}

fn row(report: &Report) -> String {
    let sign = if fails(report) { "❌" } else { "📦" };
    let target = match (report.python_version, report.architecture) {
        (Some(python), Some(architecture)) => format!("python{python} {}", sentence(&architecture.to_string())),
        _ => String::new(),
    };
    let size = |size: Option<_>| size.map(|size: crate::types::ByteSize| size.to_string()).unwrap_or_default();
    let before = size(report.before.as_ref().and_then(|before| before.unzipped_size));
    let after = size(report.unzipped_size);
    let diff = report.size_diff.map(signed).unwrap_or_default();
    let verdict = report.verdict();
    format!("| {sign} | {} | {target} | {before} | {after} | {diff} | {verdict} |\n", code(&report.layer_name))
}

/// `{}` in `text` stands for the number of items that are left out.
fn more(count: usize, shown: usize, text: &str) -> String {
    count
        .checked_sub(shown)
        .filter(|more| *more > 0)
        .map(|more| text.replace("{}", &more.to_string()))
        .unwrap_or_default()
}

/// Why there is nothing to compare with.
pub(super) fn trouble(error: &Explanation) -> String {
    let hint = error.hint.as_deref().map(|hint| format!("\n\n**Hint:** {}", sentence(hint))).unwrap_or_default();
    format!("{}{hint}\n\n", sentence(&error.one_line()))
}
