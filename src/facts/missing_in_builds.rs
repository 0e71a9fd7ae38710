//! Things that a function may have and a build does not, as `data/not-in-a-build.yml` lists them.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// Something that a build does not have; see `data/not-in-a-build.yml` for the meaning of each field and the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Need {
    /// What the module needs, such as `settings of Django`.
    pub needs: String,
    /// What the smoke test provides in a second attempt.
    pub given: Option<Given>,
    pub exceptions: Vec<KnownException>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// Django's own defaults, and no applications.
    DjangoSettings,
}

/// An exception that indicates this need.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownException {
    /// The name of its class.
    pub kind: Option<String>,
    /// A regular expression.
    pub message: Option<String>,
    /// A package that raises it, only for readers of the file.
    #[serde(rename = "seen")]
    _seen: String,
}

static NOT_IN_A_BUILD: LazyLock<Vec<Need>> = LazyLock::new(|| embedded(include_str!("../../data/not-in-a-build.yml")));

/// Everything that modules may need while they are imported, and that a build does not have.
pub fn not_in_a_build() -> &'static [Need] {
    &NOT_IN_A_BUILD
}
