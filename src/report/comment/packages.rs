//! The tables of packages: those that changed, and all that are in the layer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::layer::Layer;
use super::links;
use crate::layer::sizes::{bar, signed};
use crate::report::changes::ShownChange;
use crate::report::escape::{name, name_as_code, tight};
use crate::report::{PackageChange, PackageChangeKind, Report};

const BAR: usize = 20;
/// How many packages are named in one cell.
const NAMED: usize = 6;
/// How many removed packages have a row of their own.
const REMOVED: usize = 5;

/// The changes that are always shown: what was asked for with what it brings, and what nobody should overlook. Nothing is
/// left out but the rows beyond `count`.
pub(super) fn changes(layer: &Layer<'_>, count: usize) -> String {
    if layer.changes.first.is_empty() || count == 0 {
        return String::new();
    }
    let brought_by = layer.report.brought_by();
    let is_removed = |shown: &&ShownChange| shown.change.kind == PackageChangeKind::Removed;
    let (removed, others): (Vec<&ShownChange>, Vec<&ShownChange>) = layer.changes.first.iter().partition(is_removed);
    let has_brings = others.iter().any(|shown| !shown.brings.is_empty());
    let mut text = if has_brings {
        "| change | package | version | unzipped | brings |\n|---|---|---|--:|---|\n".to_owned()
    } else {
        "| change | package | version | unzipped |\n|---|---|---|--:|\n".to_owned()
    };
    let (alone, together) = removed.split_at(removed.len().min(REMOVED));
    for shown in others.iter().chain(alone).take(count) {
        let brings = if has_brings { format!(" {} |", brings(layer.report, shown)) } else { String::new() };
        writeln!(text, "{}{brings}", row(layer, shown, &brought_by)).expect("a String takes everything");
    }
    if !together.is_empty() {
        let growth = together.iter().map(|shown| shown.growth()).sum();
        let names: Vec<String> = together
            .iter()
            .take(count)
            .map(|shown| format!("{} {}", name_as_code(&shown.change.name), name(&shown.change.from)))
            .collect();
        let more = more(together.len(), count);
        writeln!(
            text,
            "| {} | {}{more} | | {} |{}",
            tight(sign(&together[0].change)),
            names.join(", "),
            signed(growth),
            if has_brings { " |" } else { "" }
        )
        .expect("a String takes everything");
    }
    text + "\n"
}

fn row(layer: &Layer<'_>, shown: &ShownChange, brought_by: &BTreeMap<&str, Vec<&str>>) -> String {
    let change = &shown.change;
    let Layer { report, links, .. } = layer;
    let of_others = brought_by.get(change.name.as_str()).map(|names| {
        let names: Vec<String> = names.iter().take(NAMED).map(|other| name(other)).collect();
        format!("for {}", names.join(", "))
    });
    let why = report.place_of(&change.name).map(|place| links.line(place)).or(of_others);
    let why = why.map(|why| format!("<br><sub>{why}</sub>")).unwrap_or_default();
    format!(
        "| {} | {}{why} | {} | {} |",
        tight(sign(change)),
        links::package(report, &change.name),
        versions(report, change),
        tight(&signed(shown.growth()))
    )
}

fn brings(report: &Report, shown: &ShownChange) -> String {
    let mut largest: Vec<&PackageChange> = shown.brings.iter().collect();
    largest.sort_by_key(|brought| std::cmp::Reverse(brought.growth()));
    let names: Vec<String> = largest.iter().take(NAMED).map(|brought| links::name_of(report, &brought.name)).collect();
    format!("{}{}", names.join(", "), more(largest.len(), NAMED))
}

/// The changes that nobody asked for, each with its own size.
pub(in crate::report) fn folded(layer: &Layer<'_>, count: usize) -> String {
    let folded = &layer.changes.folded;
    if folded.is_empty() || count == 0 {
        return String::new();
    }
    let mut text = "| change | package | version | unzipped |\n|---|---|---|--:|\n".to_owned();
    for change in folded.iter().take(count) {
        let package = links::package(layer.report, &change.name);
        let (versions, growth) = (versions(layer.report, change), tight(&signed(change.growth())));
        writeln!(text, "| {} | {package} | {versions} | {growth} |", tight(sign(change)))
            .expect("a String takes everything");
    }
    text + "\n"
}

/// Everything that is in the layer, the largest first.
pub(in crate::report) fn contents(report: &Report, count: usize) -> String {
    if report.distributions.is_empty() || count == 0 {
        return String::new();
    }
    let largest = report.distributions.first().map_or(1, |row| row.size.0);
    let mut text = "| package | version | unzipped | compared with the largest |\n|---|---|--:|---|\n".to_owned();
    for row in report.distributions.iter().take(count) {
        let bar = bar(row.size.0, largest, BAR);
        let (package, version) = (name_as_code(&row.name), name(&row.version));
        writeln!(text, "| {package} | {version} | {} | `{bar:<BAR$}` |", row.size).expect("a String takes everything");
    }
    text + "\n"
}

pub(super) fn sign(change: &PackageChange) -> &'static str {
    match change.kind {
        PackageChangeKind::Added => "➕ added",
        PackageChangeKind::Removed => "➖ removed",
        PackageChangeKind::Upgraded if change.is_major() => "⬆️ upgraded, major",
        PackageChangeKind::Upgraded => "⬆️ upgraded",
        PackageChangeKind::Downgraded => "⬇️ downgraded",
        PackageChangeKind::Resized => "🔁 different files",
    }
}

fn versions(report: &Report, change: &PackageChange) -> String {
    let to = links::version(report, &change.name, &change.to);
    match change.kind {
        PackageChangeKind::Added | PackageChangeKind::Resized => to,
        PackageChangeKind::Removed => name(&change.from),
        PackageChangeKind::Upgraded | PackageChangeKind::Downgraded => {
            let changelog = links::changelog(report, &change.name);
            let changelog = changelog.map(|link| format!("<br><sub>{link}</sub>")).unwrap_or_default();
            format!("{}\u{a0}→ {to}{changelog}", name(&change.from))
        }
    }
}

fn more(count: usize, shown: usize) -> String {
    match count.saturating_sub(shown) {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}
