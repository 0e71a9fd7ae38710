//! The Python version that a folder is written for, if Lambda has it.

use camino::Utf8Path;

use crate::environment::Environment;
use crate::spec::python::{ChosenPython, Project, PythonOrigin};
use crate::types::PythonVersion;

/// The Python that a run would choose by the files of the folder and of those above it up to `root`; `None` if that is
/// `default`, or if the project allows `default`.
pub(super) fn of(folder: &Utf8Path, root: &Utf8Path, file: &str, default: &str) -> Option<String> {
    let project = Project { folder, workspace: root, requirements: &[file.to_owned()], sources: &[] };
    // The image's Python is only a default, too.
    let chosen = ChosenPython::of(&project, &Environment::default()).ok()?;
    let default = default.parse::<PythonVersion>().ok();
    let is_allowed = match &chosen.origin {
        PythonOrigin::Allowed { by: ranges, .. } | PythonOrigin::Default { among: ranges } => {
            default.is_some_and(|default| ranges.iter().all(|range| range.allows(default)))
        }
        PythonOrigin::Named { .. } | PythonOrigin::Pinned(_) => default == Some(chosen.version),
    };
    (!is_allowed).then(|| chosen.version.to_string())
}
