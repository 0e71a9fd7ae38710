//! Leaves out the files that `exclude-files` names.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{counted, nearest};
use crate::layer::{Finding, Tree};
use crate::types::FileGlob;

/// The files that the patterns match, and findings about the patterns.
pub(super) fn find(tree: &Tree, globs: &[FileGlob], packages: &Utf8Path) -> (BTreeSet<Utf8PathBuf>, Vec<Finding>) {
    let metadata: BTreeSet<Utf8PathBuf> =
        tree.distributions.iter().map(|distribution| packages.join(&distribution.info).join("METADATA")).collect();
    let (mut out, mut findings) = (BTreeSet::new(), Vec::new());
    for glob in globs {
        let meant = tree.entries.keys().filter(|path| glob.matches(path));
        let (kept, meant): (Vec<_>, Vec<_>) = meant.partition(|path| metadata.contains(*path));
        if kept.is_empty() && meant.is_empty() {
            findings.push(unused(glob, tree, packages));
        }
        if !kept.is_empty() {
            findings.push(Finding::warning(
                "exclude-files-kept",
                glob.as_str(),
                format!(
                    "`{}` in `exclude-files` also matches the `METADATA` of {}, which stays in the layer",
                    glob.as_str(),
                    counted(kept.len(), "distribution")
                ),
                "use a narrower pattern; to leave out a whole distribution, use `exclude`",
            ));
        }
        out.extend(meant.into_iter().cloned());
    }
    (out, findings)
}

fn unused(glob: &FileGlob, tree: &Tree, packages: &Utf8Path) -> Finding {
    let text = glob.as_str();
    let help = if text.contains("__pycache__") || Utf8Path::new(text).extension() == Some("pyc") {
        "the installer's bytecode is never in a layer; use `bytecode` to control the bytecode that this program compiles".to_owned()
    } else if let Some(below) = glob.below(packages).filter(|glob| tree.entries.keys().any(|path| glob.matches(path))) {
        format!("paths are relative to `/opt`: write `{}`", below.as_str())
    } else if let Some(near) = glob.literal().and_then(|literal| near(literal, tree)) {
        format!("did you mean `{near}`?")
    } else {
        "correct it, or remove it from `exclude-files`".to_owned()
    };
    Finding::warning(
        "exclude-files-unused",
        text,
        format!("`exclude-files` contains `{text}`, which matches no file in the layer"),
        help,
    )
}

/// The most similar path or name in the layer.
fn near(literal: &str, tree: &Tree) -> Option<String> {
    let folders = tree.entries.keys().flat_map(|path| path.ancestors()).filter(|path| *path != "");
    let known: BTreeSet<&str> = if literal.contains('/') {
        folders.map(Utf8Path::as_str).collect()
    } else {
        folders.filter_map(Utf8Path::file_name).collect()
    };
    nearest(literal, known).map(str::to_owned)
}
