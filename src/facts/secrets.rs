//! Formats of credentials, from `data/secrets.yml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// What credentials look like; see `data/secrets.yml` for the meaning of each and the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Secrets {
    pub url_parameters: UrlParameters,
    /// Hosts of git on which everybody has repositories that all can read.
    pub public_hosts: Vec<String>,
    pub tokens: Vec<TokenFormat>,
    pub private_keys: Vec<String>,
    pub files: Vec<CredentialFile>,
    pub weak: Weak,
}

/// Values that appear in unrelated files by chance. Every number is a number of characters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weak {
    pub shortest: usize,
    pub long: usize,
    pub changes: usize,
    pub distinct: usize,
    pub rest: usize,
    /// In lines.
    pub words: Vec<Vec<String>>,
}

/// Names in small letters, with `_` for `-`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlParameters {
    /// Their values are credentials.
    pub secrets: Vec<String>,
    /// They belong to a signature and mean nothing without it.
    pub signed: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFormat {
    /// `a GitHub token`
    pub kind: String,
    pub pattern: String,
    pub near: Option<String>,
    #[serde(default)]
    pub checksum: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFile {
    /// `a netrc file with a password`
    pub kind: String,
    pub paths: Vec<String>,
    pub holds: Option<String>,
}

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| embedded(include_str!("../../data/secrets.yml")));

pub fn secrets() -> &'static Secrets {
    &SECRETS
}
