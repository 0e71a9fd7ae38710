//! Whether everything is where the runtime looks for it.

use camino::Utf8Path;

use super::Finding;
use crate::build::{Entry, Owner, Source, Tree};
use crate::facts;
use crate::spec::Layout;
use crate::types::Target;

/// A layer without anything to import, or with files outside of the folders of a layer.
pub(crate) fn check(tree: &Tree, layout: Layout, target: Target) -> Vec<Finding> {
    let packages = layout.packages(target.python);
    let is_importable = |path: &Utf8Path| {
        let in_metadata = path.components().any(|part| part.as_str().ends_with(".dist-info"));
        path.starts_with(&packages) && matches!(path.extension(), Some("py" | "so" | "pyc")) && !in_metadata
    };
    let mut findings = Vec::new();
    if !tree.entries.keys().any(|path| is_importable(path)) {
        findings.push(Finding::error(
            "nothing-importable",
            packages.as_str(),
            "there is nothing in the layer that Python could import",
            "add requirements or `source`, or look at what `exclude` leaves",
        ));
    }
    // What the user places with `include` they place on purpose; they were warned.
    let misplaced = tree.entries.iter().filter(|(path, entry)| entry.owner != Owner::Include && !is_searched(path));
    findings.extend(misplaced.map(|(path, entry)| {
        Finding::error(
            "top-level-folder",
            path.as_str(),
            format!("`{path}` of {} is in none of the folders of a layer", entry.owner),
            "leave it out with `exclude`",
        )
    }));
    findings
}

/// Lambda starts every file of `extensions`, with the rights that it has in the zip.
pub(crate) fn check_extensions(tree: &Tree) -> Vec<Finding> {
    let is_idle = |(path, entry): &(&camino::Utf8PathBuf, &Entry)| {
        let is_executable = match &entry.source {
            Source::File { executable, .. } | Source::Bytes { executable, .. } => *executable,
            Source::Link { .. } => true,
        };
        path.parent().is_some_and(|folder| folder == "extensions") && !is_executable
    };
    let findings = tree.entries.iter().filter(is_idle).map(|(path, entry)| {
        Finding::warning(
            "extension-not-executable",
            path.as_str(),
            format!("`{path}` of {} is not executable, so Lambda cannot start it as an extension", entry.owner),
            "run `git update-index --chmod=+x` on it, or `chmod +x` before this step; files that are no extensions belong elsewhere",
        )
    });
    findings.collect()
}

fn is_searched(path: &Utf8Path) -> bool {
    let top = path.components().next().map(|part| part.as_str().to_owned()).unwrap_or_default();
    facts::lambda().top_level_folders.contains(&top)
}

impl Finding {
    /// A place of `include` that the runtime does not search by itself.
    pub(crate) fn unsearched_folder(place: &Utf8Path) -> Option<Self> {
        (!is_searched(place)).then(|| {
            Self::warning(
                "unsearched-folder",
                place.as_str(),
                format!("the runtime does not look into `{place}` by itself"),
                format!(
                    "that is fine if your code opens it as `/opt/{place}`; programs belong in `bin`, libraries in `lib`"
                ),
            )
        })
    }
}
