//! How long the imports of a layer take: a line and a table for Markdown, and rows for the terminal.

use std::fmt::Write as _;

use super::escape::{name, name_as_code};
use crate::layer::import_times::{ImportTime, ImportTimes, ImportedModule, Milliseconds};

/// A change of less than this is noise: milliseconds, and a share of the time before (one in …).
const NOISE: u64 = 20;
const NOISE_SHARE: u64 = 10;
/// The most requirements that a line names.
const NAMED: usize = 3;
/// The most requirements in a table, and the most modules below each on the terminal, with their deepest level.
const ROWS: usize = 30;
const MODULES: usize = 8;
const DEPTH: usize = 2;

fn is_notable(before: Milliseconds, after: Milliseconds) -> bool {
    let difference = before.0.abs_diff(after.0);
    difference >= NOISE && difference * NOISE_SHARE >= before.0
}

/// Requirements whose time changed notably, the largest change first: name, time before, time after. One that was there
/// before counts only if it goes with a notable change of the whole: alone it is more likely due to the machine.
fn changes<'a>(times: &'a ImportTimes, before: &'a ImportTimes) -> Vec<(&'a str, Milliseconds, Milliseconds)> {
    let after = times
        .requirements
        .iter()
        .map(|time| (time.name.as_str(), before.of(&time.name).unwrap_or_default(), time.milliseconds));
    let gone = before.requirements.iter().filter(|time| times.of(&time.name).is_none());
    let gone = gone.map(|time| (time.name.as_str(), time.milliseconds, Milliseconds(0)));
    let (whole_before, whole) = (before.milliseconds, times.milliseconds);
    let goes_with_whole =
        |was: Milliseconds, is: Milliseconds| is_notable(whole_before, whole) && (is > was) == (whole > whole_before);
    let counts = |was: Milliseconds, is: Milliseconds| {
        is_notable(was, is) && (was.0 == 0 || is.0 == 0 || goes_with_whole(was, is))
    };
    let mut changes: Vec<_> = after.chain(gone).filter(|(_, was, is)| counts(*was, *is)).collect();
    changes.sort_by_key(|(name, was, is)| (std::cmp::Reverse(was.0.abs_diff(is.0)), *name));
    changes
}

fn signed(before: Milliseconds, after: Milliseconds) -> String {
    let sign = if after >= before { "+" } else { "−" };
    format!("{sign}{}", Milliseconds(before.0.abs_diff(after.0)))
}

/// For example `**Imports:** 412 → 655 ms, pandas +240 ms`. Without a layer to compare with, the time is a rough one of
/// this machine, and is called so.
pub(super) fn line(times: &ImportTimes) -> String {
    let Some(before) = &times.before else {
        let slowest = times.requirements.iter().filter(|time| time.milliseconds.0 >= NOISE).take(NAMED);
        let slowest: Vec<String> =
            slowest.map(|time| format!("{} {}", name_as_code(&time.name), time.milliseconds)).collect();
        let slowest = if slowest.is_empty() { String::new() } else { format!(": {}", slowest.join(", ")) };
        return format!("**Imports:** about {} on the machine of this run{slowest}", times.milliseconds);
    };
    let changes = changes(times, before);
    let mut named: Vec<String> = changes
        .iter()
        .take(NAMED)
        .map(|(name, was, is)| format!("{} {}", name_as_code(name), signed(*was, *is)))
        .collect();
    if changes.len() > NAMED {
        named.push(format!("{} more", changes.len() - NAMED));
    }
    let named = if named.is_empty() { String::new() } else { format!(", {}", named.join(", ")) };
    let note = if is_notable(before.milliseconds, times.milliseconds) || !named.is_empty() {
        named
    } else {
        ", no notable change".to_owned()
    };
    format!("**Imports:** {} → {}{note}", before.milliseconds.0, times.milliseconds)
}

/// A table with the slowest modules of each requirement, and its title.
pub(super) fn table(times: &ImportTimes) -> (String, String) {
    let before = times.before.as_deref();
    let (head, line) = if before.is_some() { ("| before | now |", "|--:|--:|") } else { ("| time |", "|--:|") };
    let mut text = format!("| imports {head} slowest modules |\n|---{line}---|\n");
    let mut row = |name: &str, was: Option<Milliseconds>, is: Milliseconds, slowest: &str| {
        let was = match before {
            Some(_) => format!(" {} |", was.map(|was| was.to_string()).unwrap_or_default()),
            None => String::new(),
        };
        writeln!(text, "| {name} |{was} {is} | {slowest} |").expect("a String takes everything");
    };
    row("all in one process", before.map(|before| before.milliseconds), times.milliseconds, "");
    for time in times.requirements.iter().take(ROWS) {
        let was = before.and_then(|before| before.of(&time.name));
        row(&name_as_code(&time.name), was, time.milliseconds, &slowest(time));
    }
    if times.requirements.len() > ROWS {
        writeln!(text, "\n{} more are in the output `result`.", times.requirements.len() - ROWS)
            .expect("a String takes everything");
    }
    (format!("Import times: {}", times.milliseconds), text + "\n")
}

/// What a requirement imports from elsewhere, for example `numpy 98 ms, pytz 12 ms`: the topmost modules of each package.
fn slowest(time: &ImportTime) -> String {
    let top = |module: &str| module.split('.').next().unwrap_or_default().to_owned();
    let roots: Vec<String> = time.tree.iter().filter(|row| row.depth == 0).map(|row| top(&row.module)).collect();
    let mut seen = roots;
    let mut named: Vec<(&ImportedModule, String)> = Vec::new();
    for row in &time.tree {
        let package = top(&row.module);
        if !seen.contains(&package) {
            seen.push(package.clone());
            named.push((row, package));
        }
    }
    named.sort_by_key(|(row, _)| std::cmp::Reverse(row.milliseconds));
    let named = named.iter().take(NAMED).map(|(row, _)| format!("{} {}", name(&row.module), row.milliseconds));
    named.collect::<Vec<_>>().join(", ")
}

/// One line, or each requirement with the modules that it imports below it.
pub(super) fn text(times: &ImportTimes, is_detailed: bool) -> Vec<String> {
    let before = times.before.as_ref().map(|before| format!("{} → ", before.milliseconds.0)).unwrap_or_default();
    let whole = format!("  imports       {before}{} on this machine", times.milliseconds);
    if !is_detailed {
        return vec![whole];
    }
    let shown = &times.requirements[..times.requirements.len().min(ROWS)];
    let width = shown.iter().map(|time| time.name.chars().count()).max().unwrap_or(0);
    let mut rows = vec![format!("{whole}, in one process; each on its own:")];
    for time in shown {
        rows.push(format!("    {:<width$}  {:>8}", time.name, time.milliseconds));
        let inner = time.tree.iter().filter(|row| (1..=DEPTH).contains(&row.depth));
        rows.extend(
            inner
                .take(MODULES)
                .map(|row| format!("      {}{} {}", "  ".repeat(row.depth - 1), row.module, row.milliseconds)),
        );
    }
    if times.requirements.len() > shown.len() {
        rows.push(format!("    and {} more", times.requirements.len() - shown.len()));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(whole: u64, requirements: &[(&str, u64)]) -> ImportTimes {
        let requirement = |(name, milliseconds): &(&str, u64)| ImportTime {
            name: (*name).to_owned(),
            milliseconds: Milliseconds(*milliseconds),
            tree: Vec::new(),
        };
        let requirements = requirements.iter().map(requirement).collect();
        ImportTimes { milliseconds: Milliseconds(whole), requirements, before: None }
    }

    fn compared(before: ImportTimes, after: ImportTimes) -> String {
        line(&ImportTimes { before: Some(Box::new(before)), ..after })
    }

    #[test]
    fn a_change_names_what_makes_it_and_noise_is_none() {
        let before = times(412, &[("boto3", 300), ("six", 12)]);
        let after = times(655, &[("boto3", 310), ("pandas", 240), ("six", 11)]);
        assert_eq!(compared(before.clone(), after), "**Imports:** 412 → 655 ms, <code>pandas</code> +240 ms");
        let gone = times(120, &[("six", 14)]);
        assert_eq!(compared(before.clone(), gone), "**Imports:** 412 → 120 ms, <code>boto3</code> −300 ms");
        let noise = times(400, &[("boto3", 363), ("six", 12)]);
        assert_eq!(compared(before.clone(), noise), "**Imports:** 412 → 400 ms, no notable change");
        let same = times(420, &[("boto3", 306), ("six", 13)]);
        assert_eq!(compared(before, same), "**Imports:** 412 → 420 ms, no notable change");
    }

    #[test]
    fn without_a_comparison_the_time_is_called_rough() {
        let one = times(655, &[("pandas|<b>", 640), ("six", 3)]);
        assert_eq!(
            line(&one),
            "**Imports:** about 655 ms on the machine of this run: <code>pandas\\|&lt;b&gt;</code> 640 ms"
        );
    }

    #[test]
    fn the_table_says_what_else_is_imported() {
        let mut one = times(655, &[("pandas", 640)]);
        let row = |module: &str, depth, milliseconds| ImportedModule {
            module: module.to_owned(),
            depth,
            milliseconds: Milliseconds(milliseconds),
        };
        one.requirements[0].tree = vec![
            row("pandas", 0, 640),
            row("pandas.core", 1, 500),
            row("numpy", 2, 98),
            row("numpy.linalg", 3, 20),
            row("pytz", 1, 120),
        ];
        let (title, table) = table(&one);
        assert_eq!(title, "Import times: 655 ms");
        insta::assert_snapshot!(table, @r"
        | imports | time | slowest modules |
        |---|--:|---|
        | all in one process | 655 ms |  |
        | <code>pandas</code> | 640 ms | pytz 120 ms, numpy 98 ms |
        ");
        insta::assert_snapshot!(text(&one, true).join("\n"), @r"
          imports       655 ms on this machine, in one process; each on its own:
            pandas    640 ms
              pandas.core 500 ms
                numpy 98 ms
              pytz 120 ms
        ");
    }
}
