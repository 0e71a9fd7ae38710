//! What was imported by whom, as `python -X importtime` prints it on standard error
//! (<https://docs.python.org/3/using/cmdline.html#cmdoption-X>):
//!
//! ```text
//! import time: self [us] | cumulative | imported package
//! import time:       124 |        124 |   numpy
//! import time:       312 |        436 | pandas
//! ```
//!
//! A module stands after those that it imports, two spaces to the left of them.

use crate::layer::import_times::{ImportedModule, Milliseconds};

/// What every such line begins with.
const START: &str = "import time:";
/// The line that the script prints before its first import: the modules before are Python's own.
pub(super) const BEGIN: &str = "import time: begin";
/// The longest tree, in modules, and its deepest level.
const MODULES: usize = 40;
const DEEPEST: usize = 8;
/// Modules that take less than this share of the whole are left out.
const SMALLEST: u64 = 50;
/// The longest name that is kept, in characters.
const NAME: usize = 120;

struct Node {
    module: String,
    depth: usize,
    microseconds: u64,
    imports: Vec<Self>,
}

/// The slowest modules, each before those that it imports.
pub(super) fn tree(output: &str) -> Vec<ImportedModule> {
    let (_, own) = output.rsplit_once(BEGIN).unwrap_or(("", output));
    let mut open: Vec<Node> = Vec::new();
    for (depth, microseconds, module) in own.lines().filter_map(line) {
        let deeper = open.iter().rposition(|node| node.depth <= depth).map_or(0, |last| last + 1);
        let imports = open.split_off(deeper);
        open.push(Node { module, depth, microseconds, imports });
    }
    let whole: u64 = open.iter().map(|node| node.microseconds).sum();
    let mut rows = Vec::new();
    flatten(open, 0, (whole / SMALLEST).max(1000), &mut rows);
    // A module takes at least as long as each one that it imports, so whatever is left out takes those below it along.
    let mut slowest: Vec<u64> = rows.iter().map(|(_, microseconds)| *microseconds).collect();
    slowest.sort_unstable_by(|left, right| right.cmp(left));
    let least = slowest.get(MODULES - 1).copied().unwrap_or_default();
    rows.retain(|(_, microseconds)| *microseconds >= least);
    rows.truncate(MODULES);
    rows.into_iter().map(|(module, _)| module).collect()
}

fn flatten(mut nodes: Vec<Node>, depth: usize, smallest: u64, rows: &mut Vec<(ImportedModule, u64)>) {
    nodes.retain(|node| node.microseconds >= smallest);
    nodes
        .sort_by(|left, right| right.microseconds.cmp(&left.microseconds).then_with(|| left.module.cmp(&right.module)));
    for node in nodes {
        let milliseconds = Milliseconds((node.microseconds + 500) / 1000);
        rows.push((ImportedModule { module: node.module, depth, milliseconds }, node.microseconds));
        if depth < DEEPEST {
            flatten(node.imports, depth + 1, smallest, rows);
        }
    }
}

/// Depth, microseconds with all that it imports, and name. A module may print something before the line.
fn line(line: &str) -> Option<(usize, u64, String)> {
    let (_, rest) = line.split_once(START)?;
    let mut columns = rest.splitn(3, '|');
    columns.next()?.trim().parse::<u64>().ok()?;
    let microseconds = columns.next()?.trim().parse().ok()?;
    let name = columns.next()?;
    let spaces = name.len() - name.trim_start().len();
    let module: String = name.trim().chars().filter(|character| !character.is_control()).take(NAME).collect();
    Some((spaces.saturating_sub(1) / 2, microseconds, module)).filter(|(.., module)| !module.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(output: &str) -> String {
        let rows = tree(output);
        let lines = rows.iter().map(|row| format!("{}{} {}\n", "  ".repeat(row.depth), row.module, row.milliseconds));
        lines.collect()
    }

    #[test]
    fn a_module_stands_before_those_that_it_imports() {
        let output = "\
import time:      9000 |       9000 | json
import time: begin
import time: self [us] | cumulative | imported package
hello import time:      2000 |       2000 |     numpy.core
import time:       100 |        100 |     small
import time:      3000 |       5100 |   numpy
some text | of a | module
import time:      1400 |       1400 |   pytz
import time:     20000 |      26500 | pandas
import time:      4000 |       4000 | pandas.more
";
        insta::assert_snapshot!(shown(output), @r"
        pandas 27 ms
          numpy 5 ms
            numpy.core 2 ms
          pytz 1 ms
        pandas.more 4 ms
        ");
    }

    #[test]
    fn damaged_and_hostile_lines_are_no_danger() {
        assert_eq!(shown(""), "");
        assert_eq!(shown("import time: x | y | z\nimport time: 1 | 99999999999999999999 | z\nimport time: 1 | 1"), "");
        let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().join("\n");
        let whole: String = lines(45, &|number| format!("import time: 1 | {} | m{number}", 100_000 + number));
        assert_eq!(tree(&whole).len(), MODULES);
        let same: String = lines(45, &|number| format!("import time: 1 | 100000 | m{number}"));
        assert_eq!(tree(&same).len(), MODULES);
        let deep = lines(2000, &|number| format!("import time: 1 | 900000 | {}a", "  ".repeat(2000 - number)));
        assert!(tree(&deep).len() <= MODULES);
        let wide = lines(5000, &|number| format!("import time: 1 | 5000000 | m{number}"));
        assert!(tree(&wide).len() <= MODULES);
    }
}
