//! The distributions that the runtimes contain, from `data/runtime-packages.yml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// The distributions that the runtimes contain; see `data/runtime-packages.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuntimePackages {
    /// The date of the observation (UTC).
    pub date: jiff::civil::Date,
    pub packages: Vec<RuntimePackage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuntimePackage {
    pub name: String,
    pub version: String,
    /// The requirements, in the form of `Requires-Dist`.
    pub requires: Vec<String>,
}

static RUNTIME_PACKAGES: LazyLock<RuntimePackages> =
    LazyLock::new(|| embedded(include_str!("../../data/runtime-packages.yml")));

pub fn runtime_packages() -> &'static RuntimePackages {
    &RUNTIME_PACKAGES
}
