//! Names of licences, from `data/licences.yml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// See `data/licences.yml` for the sources. Identifiers are those of the SPDX licence list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Licences {
    /// The identifiers by the last part of a classifier.
    pub classifiers: BTreeMap<String, String>,
    /// The names that authors write for an identifier, in lower case.
    pub names: BTreeMap<String, Vec<String>>,
    /// Expressions for identifiers that the list no longer has, in lower case.
    pub replaced: BTreeMap<String, String>,
    pub unknown_to_cyclonedx: Vec<String>,
}

static LICENCES: LazyLock<Licences> = LazyLock::new(|| embedded(include_str!("../../data/licences.yml")));

pub fn licences() -> &'static Licences {
    &LICENCES
}
