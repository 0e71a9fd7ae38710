//! What a build does not have and a function may have, as `data/not-in-a-build.yml` lists it.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// What a build does not have; see `data/not-in-a-build.yml` for the meaning of each and the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Need {
    /// `settings of Django`
    pub needs: String,
    /// What the smoke test gives in a second try.
    pub given: Option<Given>,
    pub exceptions: Vec<KnownException>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// Django's own defaults, and no applications.
    DjangoSettings,
}

/// An exception that shows this need.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownException {
    /// The name of its class.
    pub kind: Option<String>,
    /// A regular expression.
    pub message: Option<String>,
    /// A package that raises it, for readers of the file.
    #[serde(rename = "seen")]
    _seen: String,
}

static NOT_IN_A_BUILD: LazyLock<Vec<Need>> = LazyLock::new(|| embedded(include_str!("../../data/not-in-a-build.yml")));

/// What modules want while they are imported, and a build does not have.
pub fn not_in_a_build() -> &'static [Need] {
    &NOT_IN_A_BUILD
}
