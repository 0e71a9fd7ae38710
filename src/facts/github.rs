//! GitHub Actions: runners and limits, from `data/github.yml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// GitHub Actions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GitHub {
    /// Runner labels by architecture.
    pub runners: BTreeMap<String, String>,
    /// The most jobs that a matrix may have.
    pub matrix_jobs: usize,
}

static GITHUB: LazyLock<GitHub> = LazyLock::new(|| embedded(include_str!("../../data/github.yml")));

pub fn github() -> &'static GitHub {
    &GITHUB
}
