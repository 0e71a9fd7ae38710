//! Distributions that the runtimes bring, from `data/runtime-packages.yml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// What the runtimes bring; see `data/runtime-packages.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuntimePackages {
    /// When it was seen, UTC.
    pub date: jiff::civil::Date,
    pub packages: Vec<RuntimePackage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuntimePackage {
    pub name: String,
    pub version: String,
    /// As in `Requires-Dist`.
    pub requires: Vec<String>,
}

static RUNTIME_PACKAGES: LazyLock<RuntimePackages> =
    LazyLock::new(|| embedded(include_str!("../../data/runtime-packages.yml")));

pub fn runtime_packages() -> &'static RuntimePackages {
    &RUNTIME_PACKAGES
}
