//! What a layer is built for.

use std::fmt::{self, Display};
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use serde::Serialize;

use super::as_string;
use crate::error::{Failure, alternatives};
use crate::facts;

/// A Python version that Lambda has a runtime for, `3.13`, and the patch release that stands for it.
///
/// Two of the same minor version are equal: a layer is for all its patch releases.
#[derive(Clone, Copy, Debug)]
pub struct PythonVersion {
    runtime: &'static facts::Runtime,
    /// `18` of `3.13.18`
    patch: u32,
}

/// No Python has had more patch releases than this.
const PATCH_RELEASES: u32 = 100;
/// No range ends with a minor version that is so much later than what there is.
const LATER: u64 = 10;

impl PythonVersion {
    pub fn runtime(self) -> &'static facts::Runtime {
        self.runtime
    }

    /// `313`, as in wheel tags.
    pub fn digits(self) -> String {
        self.runtime.python.replace('.', "")
    }

    /// `3.13.18`: what markers, `Requires-Python` and installers are decided by. It is the patch release of the runtime,
    /// unless a project takes only others, see [`Self::within`].
    pub fn release(self) -> Version {
        let minor = self.runtime.python.split('.').filter_map(|part| part.parse::<u64>().ok());
        Version::new(minor.chain([u64::from(self.patch)]))
    }

    /// All that Lambda has for production, newest first.
    pub fn supported() -> impl Iterator<Item = Self> {
        facts::runtimes().iter().filter(|runtime| !runtime.preview).map(Self::of)
    }

    pub(crate) fn of(runtime: &'static facts::Runtime) -> Self {
        Self { runtime, patch: facts::patch_release(runtime) }
    }

    /// Releases of the minor versions after this one, as many as there may be.
    pub fn later_releases(self) -> impl Iterator<Item = Version> {
        let minor = self.release().release().get(1).copied().unwrap_or_default();
        (minor + 1..minor + LATER)
            .flat_map(|minor| (0..u64::from(PATCH_RELEASES)).map(move |patch| (minor, patch)))
            .map(|(minor, patch)| Version::new([3, minor, patch]))
    }

    fn with_patch(self, patch: u32) -> Self {
        Self { patch, ..self }
    }

    /// All patch releases that there may be, oldest first.
    pub fn releases(self) -> impl Iterator<Item = Self> {
        (0..PATCH_RELEASES).map(move |patch| self.with_patch(patch))
    }

    /// This version with a patch release in `range`: its own if possible, else the next older, else the next newer.
    /// `None` if the range contains no release of this minor version.
    pub fn within(self, range: &VersionSpecifiers) -> Option<Self> {
        let older = (0..=self.patch).rev();
        let mut nearest = older.chain(self.patch + 1..PATCH_RELEASES).map(|patch| self.with_patch(patch));
        nearest.find(|python| range.contains(&python.release()))
    }
}

impl PartialEq for PythonVersion {
    fn eq(&self, other: &Self) -> bool {
        self.runtime.python == other.runtime.python
    }
}

impl Eq for PythonVersion {}

impl Default for PythonVersion {
    /// What a layer is for if nobody says so.
    fn default() -> Self {
        facts::default_python().parse().expect("the data files are checked by a test")
    }
}

impl FromStr for PythonVersion {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let known = facts::runtimes();
        let bare = text.strip_prefix("python").unwrap_or(text);
        let found = known.iter().find(|runtime| runtime.python == bare);
        found.map(Self::of).ok_or_else(|| {
            let named = |preview: bool| {
                alternatives(known.iter().filter(|it| it.preview == preview).map(|it| it.python.as_str()))
            };
            let previews = Some(named(true)).filter(|previews| !previews.is_empty());
            let previews =
                previews.map(|previews| format!("; {previews} is available as a preview")).unwrap_or_default();
            Failure::user(format!("`python-version` is `{text}`, for which there is no supported Lambda runtime"))
                .hint(format!("use {}{previews}", named(false)))
        })
    }
}

impl Display for PythonVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.runtime.python)
    }
}

as_string!(PythonVersion);

/// A processor architecture, by Lambda's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    /// As in wheel tags and `platform_machine`: `x86_64`, `aarch64`.
    pub fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// The one this program runs on, if Lambda has it.
    pub fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl FromStr for Architecture {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "x86_64" => Ok(Self::X86_64),
            "arm64" => Ok(Self::Arm64),
            "amd64" | "x64" | "x86-64" => Err(Self::unknown(text, "x86_64")),
            "aarch64" => Err(Self::unknown(text, "arm64")),
            _ => Err(Self::unknown(text, "x86_64` or `arm64")),
        }
    }
}

impl Architecture {
    fn unknown(text: &str, remedy: &str) -> Failure {
        Failure::user(format!("`{text}` is not an architecture that Lambda supports")).hint(format!("use `{remedy}`"))
    }
}

impl Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

as_string!(Architecture);

/// What a layer is built for; the OS generation and its glibc follow from the Python version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    pub python: PythonVersion,
    pub architecture: Architecture,
}

#[cfg(test)]
impl Target {
    pub(crate) fn of_tests() -> Self {
        Self { python: "3.13".parse().expect("is known"), architecture: Architecture::X86_64 }
    }

    /// Of a Python and a system that nobody has heard of.
    pub(crate) fn invented() -> Self {
        Self { python: PythonVersion::of(facts::Runtimes::invented()), architecture: Architecture::Arm64 }
    }
}

impl Target {
    /// `x86_64-manylinux_2_34`, as `uv pip install --python-platform` takes it.
    pub fn uv_platform(self) -> String {
        format!("{}-{}", self.architecture.machine(), self.python.runtime().uv_platform)
    }

    pub fn glibc(self) -> Glibc {
        self.python.runtime().glibc.parse().expect("the data files are checked by a test")
    }
}

impl Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "python{} on {}", self.python, self.architecture)
    }
}

/// A version of the GNU C library, `2.34`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    pub major: u32,
    pub minor: u32,
}

impl FromStr for Glibc {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, rest) = text.split_once('.').ok_or(())?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(Self { major: major.parse().or(Err(()))?, minor: minor.parse().or(Err(()))? })
    }
}

impl Display for Glibc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsupported_version_comes_with_the_list() {
        let failure = "3.7".parse::<PythonVersion>().expect_err("is too old");
        assert_eq!(
            failure.hint.as_deref(),
            Some("use `3.14`, `3.13`, `3.12`, `3.11`, `3.10` or `3.9`; `3.15` is available as a preview")
        );
        assert!("aarch64".parse::<Architecture>().is_err());
    }

    #[test]
    fn a_new_python_is_a_target_like_others() {
        let target = Target::invented();
        assert_eq!(
            (target.python.digits(), target.python.release().to_string()),
            ("398".to_owned(), "3.98.7".to_owned())
        );
        assert_eq!(target.uv_platform(), "aarch64-manylinux_2_61");
        assert_eq!(target.glibc(), Glibc { major: 2, minor: 61 });
        assert_eq!(target.to_string(), "python3.98 on arm64");
    }

    #[test]
    fn a_release_is_taken_that_a_project_is_for() {
        let python: PythonVersion = "3.12".parse().expect("is known");
        let python = python.with_patch(10);
        let within =
            |range: &str| python.within(&range.parse().expect("is a range")).map(|python| python.release().to_string());
        for (range, release) in [
            (">=3.12", Some("3.12.10")),
            ("!=3.12.10", Some("3.12.9")),
            ("==3.12.7", Some("3.12.7")),
            (">=3.12.6,<3.12.9", Some("3.12.8")),
            (">=3.12.11", Some("3.12.11")),
            ("==3.12", Some("3.12.0")),
            (">=3.13", None),
        ] {
            assert_eq!(within(range).as_deref(), release, "{range}");
        }
    }
}
