//! What a layer is built for.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::Serialize;

use super::as_string;
use crate::error::{Failure, alternatives};
use crate::facts;

/// A Python version that Lambda has a runtime for, `3.13`.
#[derive(Clone, Copy, Debug)]
pub struct PythonVersion(&'static facts::Runtime);

impl PythonVersion {
    pub fn runtime(self) -> &'static facts::Runtime {
        self.0
    }

    /// `313`, as in wheel tags.
    pub fn digits(self) -> String {
        self.0.python.replace('.', "")
    }
}

impl PartialEq for PythonVersion {
    fn eq(&self, other: &Self) -> bool {
        self.0.python == other.0.python
    }
}

impl Eq for PythonVersion {}

impl FromStr for PythonVersion {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let known = facts::runtimes();
        let bare = text.strip_prefix("python").unwrap_or(text);
        known.iter().find(|runtime| runtime.python == bare).map(Self).ok_or_else(|| {
            Failure::user(format!("`python-version` is `{text}`, for which there is no supported Lambda runtime"))
                .hint(format!("use {}", alternatives(known.iter().map(|runtime| runtime.python.as_str()))))
        })
    }
}

impl Display for PythonVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.python)
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
        Failure::user(format!("`{text}` is not an architecture of Lambda")).hint(format!("use `{remedy}`"))
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
}

impl Target {
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
        assert_eq!(failure.hint.as_deref(), Some("use `3.14`, `3.13`, `3.12`, `3.11`, `3.10` or `3.9`"));
        assert!("aarch64".parse::<Architecture>().is_err());
    }
}
