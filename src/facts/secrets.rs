//! Formats of credentials, from `data/secrets.yml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// The forms of credentials; see `data/secrets.yml` for the meaning of each field and the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Secrets {
    pub url_parameters: UrlParameters,
    /// Git hosts with public repositories of everybody.
    pub public_hosts: Vec<String>,
    pub tokens: Vec<TokenFormat>,
    pub private_keys: Vec<String>,
    pub files: Vec<CredentialFile>,
    pub weak: Weak,
}

/// Values that occur in unrelated files by chance. Every number is a number of characters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weak {
    pub shortest: usize,
    pub long: usize,
    pub changes: usize,
    pub distinct: usize,
    pub rest: usize,
    /// The words, grouped in lines.
    pub words: Vec<Vec<String>>,
}

/// Names in lower case, with `_` instead of `-`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlParameters {
    /// Names whose values are credentials.
    pub secrets: Vec<String>,
    /// Names that belong to a signature, and mean nothing without it.
    pub signed: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFormat {
    /// What it is, for messages: `a GitHub token`.
    pub kind: String,
    pub pattern: String,
    pub near: Option<String>,
    #[serde(default)]
    pub checksum: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFile {
    /// What it is, for messages: `a netrc file with a password`.
    pub kind: String,
    pub paths: Vec<String>,
    pub holds: Option<String>,
}

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| embedded(include_str!("../../data/secrets.yml")));

pub fn secrets() -> &'static Secrets {
    &SECRETS
}
