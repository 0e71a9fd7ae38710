//! Kinds of dependency files, as `data/lockfiles.yml` lists them.

use std::fmt::{self, Display};
use std::sync::LazyLock;

use camino::Utf8Path;
use serde::Deserialize;

use super::embedded;

/// A kind of dependency file; see `data/lockfiles.yml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Uv,
    Poetry,
    Pdm,
    Pipenv,
    /// PEP 751.
    Pylock,
    Requirements,
    /// A `pyproject.toml` without a lock file.
    Pyproject,
}

/// The facts about a kind of dependency file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KindFacts {
    pub kind: Kind,
    pub file: String,
    /// The file that a lock is made from.
    pub beside: Option<String>,
    /// Versions of the format that are known.
    #[serde(default)]
    pub versions: Vec<String>,
    /// The command that updates a lock file.
    pub refresh: Option<String>,
}

static LOCKFILES: LazyLock<Vec<KindFacts>> = LazyLock::new(|| embedded(include_str!("../../data/lockfiles.yml")));

/// Kinds of dependency files, in the order in which they are looked for.
pub fn lockfiles() -> &'static [KindFacts] {
    &LOCKFILES
}

impl Kind {
    /// A file of any other name is a list of requirements.
    pub fn of(path: &Utf8Path) -> Self {
        let name = path.file_name().unwrap_or_default();
        // PEP 751 allows `pylock.<name>.toml`.
        if name.starts_with("pylock.") && path.extension() == Some("toml") {
            return Self::Pylock;
        }
        lockfiles().iter().find(|facts| facts.file == name).map_or(Self::Requirements, |facts| facts.kind)
    }

    pub fn facts(self) -> &'static KindFacts {
        lockfiles().iter().find(|facts| facts.kind == self).expect("every kind is in the data")
    }

    /// Whether it lists every distribution that is installed.
    pub fn is_lock(self) -> bool {
        !matches!(self, Self::Requirements | Self::Pyproject)
    }

    /// Its default file name.
    pub fn file_name(self) -> &'static str {
        &self.facts().file
    }
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.file_name())
    }
}
