//! Chooses the Python of a layer without the input `python-version`: from the project's own files, or the default.

mod pin;
mod range;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use self::pin::Pin;
use self::range::Range;
use super::Reading;
use super::dependencies::find;
use crate::environment::Environment;
use crate::error::Failure;
use crate::facts;
use crate::types::PythonVersion;

/// The file in which uv and pyenv record the Python of a folder.
pub const PIN: &str = ".python-version";

/// The project whose Python is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Project<'a> {
    /// The working directory, absolute.
    pub folder: &'a Utf8Path,
    /// The repository, absolute.
    pub workspace: &'a Utf8Path,
    /// The inputs `requirements` and `source`.
    pub requirements: &'a [String],
    pub sources: &'a [String],
}

/// A Python, and the origin of this choice.
#[derive(Clone, Debug)]
pub struct ChosenPython {
    pub version: PythonVersion,
    pub origin: PythonOrigin,
    /// The files that were read to find out, absolute.
    pub files: BTreeSet<Utf8PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PythonOrigin {
    /// Named by the input `python-version`, or by the image of a Python; with another one that the project pins.
    Named {
        not: Option<Pin>,
    },
    Pinned(Pin),
    /// The only supported version that the project allows, or the newest that it allows at all.
    Allowed {
        by: Vec<Range>,
        is_only: bool,
    },
    /// The default, because the project does not decide it.
    Default {
        among: Vec<Range>,
    },
}

impl ChosenPython {
    pub(super) fn named(version: PythonVersion) -> Self {
        Self { version, origin: PythonOrigin::Named { not: None }, files: BTreeSet::new() }
    }

    /// Chooses by the files of the project, unless the image is that of a Python.
    ///
    /// A range decides if no future release of Python can change the result: it ends with a Python that Lambda has, or
    /// it contains only one supported Python. Every other range would change with each new runtime, so the default is
    /// used, which does not change.
    ///
    /// # Errors
    /// The project pins a Python that Lambda has no runtime for.
    pub fn of(project: &Project<'_>, environment: &Environment) -> Result<Self, Failure> {
        let image = environment.image_python();
        let pin = match pin::find(project.folder, project.workspace) {
            Err(_) if image.is_some() => None,
            pin => pin?,
        };
        let mut files: BTreeSet<Utf8PathBuf> = pin.iter().map(|pin| pin.file.clone()).collect();
        if let Some(version) = image {
            let not = pin.filter(|pin| pin.version != version);
            return Ok(Self { version, origin: PythonOrigin::Named { not }, files });
        }
        if let Some(pin) = pin {
            return Ok(Self { version: pin.version, origin: PythonOrigin::Pinned(pin), files });
        }
        let ranges = range::of(&dependency_files(project), project);
        files.extend(ranges.iter().map(|range| range.file.clone()));
        let (version, origin) = among(ranges);
        Ok(Self { version, origin, files })
    }

    /// Whether it is only the default.
    pub fn is_default(&self) -> bool {
        matches!(self.origin, PythonOrigin::Default { .. })
    }

    /// Paths where a pin would take precedence over the current choice, absolute.
    pub fn pins_of(&self, folder: &Utf8Path, workspace: &Utf8Path) -> Vec<Utf8PathBuf> {
        match self.origin {
            PythonOrigin::Named { .. } => Vec::new(),
            _ => pin::candidates(folder, workspace).collect(),
        }
    }

    /// The origin of the choice, unless that is in the inputs.
    pub fn notice(&self) -> Option<String> {
        let version = self.version;
        match &self.origin {
            PythonOrigin::Named { not: None } | PythonOrigin::Default { .. } => None,
            PythonOrigin::Named { not: Some(pin) } => Some(format!(
                "`python-version` is {version}, the version of this image, although `{}` contains {}",
                pin.place, pin.version
            )),
            PythonOrigin::Pinned(pin) => Some(format!("`python-version` is {version}, as set in `{}`", pin.place)),
            PythonOrigin::Allowed { by, is_only } => {
                let which = if *is_only { "only supported one" } else { "newest" };
                Some(format!("`python-version` is {version}, the {which} that {}", shown(by, "allow")))
            }
        }
    }

    /// The warning that the Python is only the default.
    pub fn warning(&self) -> Option<String> {
        let PythonOrigin::Default { among } = &self.origin else { return None };
        let version = self.version;
        let (why, what) = if among.is_empty() {
            (format!("neither `{PIN}` nor `requires-python` determines it"), "the default")
        } else if version == PythonVersion::default() {
            (format!("{} several versions", shown(among, "allow")), "the default")
        } else {
            (format!("{} several versions", shown(among, "allow")), "the newest of them")
        };
        Some(format!(
            "`python-version` is not given, and {why}: the layer is built for Python {version}, {what}; set `python-version`, or write the version into `{PIN}`"
        ))
    }
}

/// The files and their ranges, with a verb; of equal ranges only the first.
fn shown(ranges: &[Range], verb: &str) -> String {
    let mut texts = BTreeSet::new();
    let different = ranges.iter().filter(|range| texts.insert(&range.text));
    let each: Vec<String> = different.map(|range| format!("`{}` (`{}`)", range.place, range.text)).collect();
    format!("{} {verb}{}", each.join(" and "), if each.len() == 1 { "s" } else { "" })
}

/// Chooses among the Pythons that all ranges allow. If there is none, the default is refused later, with the file that
/// excludes it.
fn among(ranges: Vec<Range>) -> (PythonVersion, PythonOrigin) {
    let allowed: Vec<PythonVersion> =
        PythonVersion::supported().filter(|python| ranges.iter().all(|range| range.allows(*python))).collect();
    let default = PythonVersion::default();
    let Some(newest) = allowed.first().copied().filter(|_| !ranges.is_empty()) else {
        return (default, PythonOrigin::Default { among: Vec::new() });
    };
    let is_last = ranges.iter().any(|range| range.ends_with(newest));
    if is_last || allowed.len() == 1 {
        return (newest, PythonOrigin::Allowed { by: ranges, is_only: allowed.len() == 1 });
    }
    let version = if allowed.contains(&default) { default } else { newest };
    (version, PythonOrigin::Default { among: ranges })
}

/// The dependency files of the inputs, or the one that is found by its name; relative to the working directory.
fn dependency_files(project: &Project<'_>) -> Vec<Utf8PathBuf> {
    if project.requirements.is_empty() {
        return find(project.folder, project.workspace).into_iter().take(1).collect();
    }
    project.requirements.iter().map(Utf8PathBuf::from).collect()
}

impl Reading<'_> {
    /// The Python of the input, or of the project.
    pub(super) fn python(&mut self, value: Option<&str>, requirements: &[String], sources: &[String]) -> ChosenPython {
        let default = facts::default_python();
        if let Some(value) = value {
            return ChosenPython::named(self.parsed(Some(value), default));
        }
        let project = Project { folder: &self.folder, workspace: &self.workspace, requirements, sources };
        let chosen = ChosenPython::of(&project, self.environment);
        self.problems.check(chosen).unwrap_or_else(|| ChosenPython::named(PythonVersion::default()))
    }
}
