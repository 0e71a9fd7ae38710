//! In which folder of a layer its packages are.

use camino::Utf8PathBuf;
use serde::Serialize;
use std::str::FromStr;

use crate::error::Failure;
use crate::types::PythonVersion;

/// Where packages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    Python,
    SitePackages,
}

impl FromStr for Layout {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "python" => Ok(Self::Python),
            "site-packages" => Ok(Self::SitePackages),
            _ => Err(Failure::user(format!("`layout` is `{text}`")).hint("use `python` or `site-packages`")),
        }
    }
}

impl Layout {
    /// Folder of the packages in the layer.
    pub fn packages(self, python: PythonVersion) -> Utf8PathBuf {
        match self {
            Self::Python => "python".into(),
            Self::SitePackages => format!("python/lib/python{python}/site-packages").into(),
        }
    }
}
