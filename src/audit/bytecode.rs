//! Whether Python can use the bytecode files of a layer.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::listed;
use crate::error::counted;
use crate::facts;
use crate::layer::scan::Bytecode;
use crate::layer::{Finding, Layer};
use crate::types::{ByteSize, DistributionName, Target};

pub(crate) fn check(layer: &Layer, target: Target) -> Vec<Finding> {
    let magic = target.python.runtime().bytecode_magic;
    let mut foreign: BTreeMap<Option<&DistributionName>, Vec<(&Utf8Path, u16)>> = BTreeMap::new();
    let (mut others, mut timed, mut size) = (0, 0, 0);
    for (path, file) in layer.files.iter().filter(|(path, _)| path.starts_with("python")) {
        let Some(Bytecode { magic: found, has_time }) = file.observed.bytecode else { continue };
        let is_cached = path.parent().is_some_and(|folder| folder.file_name() == Some("__pycache__"));
        if !is_cached && found != magic && !layer.files.contains_key(&path.with_extension("py")) {
            foreign.entry(file.distribution()).or_default().push((path, found));
        } else if is_cached && (found != magic || has_time) {
            let count = if found == magic { &mut timed } else { &mut others };
            *count += 1;
            size += file.size.0;
        }
    }
    let findings = foreign.into_iter().map(|(distribution, files)| unloadable(distribution, &files, target));
    findings.chain(stale(others, timed, size, target)).collect()
}

/// Bytecode without its source: Python has to be able to read it, or the import fails.
fn unloadable(distribution: Option<&DistributionName>, files: &[(&Utf8Path, u16)], target: Target) -> Finding {
    let (first, magic) = files[0];
    let made_by = facts::runtimes().iter().find(|runtime| runtime.bytecode_magic == magic);
    let made_by = made_by.map_or_else(|| "another Python".to_owned(), |runtime| format!("Python {}", runtime.python));
    Finding::error(
        "foreign-bytecode",
        first.as_str(),
        format!(
            "{} cannot be imported: compiled by {made_by}, without source, but the layer is for Python {}",
            listed(files.iter().map(|(path, _)| path.to_string())),
            target.python
        ),
        "compile with the layer's Python version, or include the sources",
    )
    .blames(distribution)
}

/// Bytecode that Python ignores: it compiles the source again at every cold start, because `/opt` is read-only.
fn stale(others: usize, timed: usize, size: u64, target: Target) -> Option<Finding> {
    if others + timed == 0 {
        return None;
    }
    let mut causes = Vec::new();
    if others > 0 {
        causes.push(format!("{others} compiled for a Python version other than {}", target.python));
    }
    if timed > 0 {
        causes.push(format!("{timed} validated by the modification time of the source, which a zip does not keep"));
    }
    let message = format!(
        "{} ({}) will not be used: {}",
        counted(others + timed, "bytecode file"),
        ByteSize(size),
        causes.join(", ")
    );
    let help = "build with `bytecode: compile`, or leave out `__pycache__`";
    Some(Finding::notice("stale-bytecode", "layer", message, help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::as_lines;
    use crate::layer::scan::Observed;

    fn found(files: &[(&str, u16, bool)]) -> String {
        let paths: Vec<&str> = files.iter().map(|(path, _, _)| *path).collect();
        let mut layer = Layer::of_paths(&paths);
        for (path, magic, has_time) in files {
            let file = layer.files.get_mut(Utf8Path::new(path)).expect("is there");
            let bytecode = Some(Bytecode { magic: *magic, has_time: *has_time }).filter(|_| *magic > 0);
            file.observed = Observed { bytecode, ..Observed::default() };
        }
        as_lines(&check(&layer, Target::of_tests()))
    }

    #[test]
    fn bytecode_is_for_the_python_of_the_layer() {
        let own = [("python/a/b.pyc", 3571, true), ("python/__pycache__/c.cpython-313.pyc", 3571, false)];
        assert_eq!(found(&own), "");
        insta::assert_snapshot!(found(&[("python/a/b.pyc", 3531, false), ("python/a/c.pyc", 3531, false)]), @"Error foreign-bytecode: `python/a/b.pyc`, `python/a/c.pyc` cannot be imported: compiled by Python 3.12, without source, but the layer is for Python 3.13");
        assert_eq!(found(&[("python/a/b.pyc", 3531, false), ("python/a/b.py", 0, false)]), "");
        let cached = [
            ("python/__pycache__/c.cpython-312.pyc", 3531, false),
            ("python/__pycache__/c.cpython-313.pyc", 3571, true),
        ];
        insta::assert_snapshot!(found(&cached), @"Notice stale-bytecode: 2 bytecode files (0 B) will not be used: 1 compiled for a Python version other than 3.13, 1 validated by the modification time of the source, which a zip does not keep");
    }
}
