//! Dependency files: what they say, and what that means for one target.

mod lines;
mod meaning;
mod requirement;
mod requirements;

use camino::Utf8PathBuf;
use pep508_rs::VersionOrUrl;
use secrecy::SecretString;

pub use meaning::Meaning;
pub(crate) use meaning::marker_environment;
pub use requirement::{Requirement, RequirementKind};

use crate::secrets::Secrets;
use crate::types::Digest;

/// All files of a layer's dependencies, read.
#[derive(Debug, Default)]
pub struct Manifest {
    /// The files in the order they were read, by the names they were asked for.
    pub files: Vec<ManifestFile>,
    pub requirements: Vec<Requirement>,
    pub constraints: Vec<Requirement>,
    /// Options that stand on lines of their own, in order, without credentials: `--pre`, `--index-url https://…`.
    pub options: Vec<String>,
    /// A file asks for `--require-hashes`, or a requirement has one, which pip takes for the same.
    pub require_hashes: bool,
    /// A file asks for `--pre`.
    pub pre: bool,
    /// All requirement files as one text, each requirement on one line; only where uv would not join a requirement's
    /// lines. It may hold credentials: for the standard input of a child process alone.
    pub joined: Option<SecretString>,
    /// Hosts of `--trusted-host`.
    pub trusted_hosts: Vec<String>,
    pub secrets: Secrets,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    pub path: Utf8PathBuf,
    pub digest: Digest,
}

impl Manifest {
    /// Whether a folder of the workspace is among the requirements, which has to be built.
    pub fn has_projects(&self) -> bool {
        let is_archive = |text: &str| [".whl", ".tar.gz", ".zip"].iter().any(|ending| text.ends_with(ending));
        let mut paths = self.requirements.iter().filter_map(|requirement| match &requirement.kind {
            RequirementKind::Path { text, .. } => Some(text),
            RequirementKind::Named(_) | RequirementKind::Url { .. } => None,
        });
        paths.any(|text| !is_archive(text))
    }

    /// Names of the requirements that come from an index.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.requirements.iter().filter_map(|requirement| match &requirement.kind {
            RequirementKind::Named(named) if !matches!(named.version_or_url, Some(VersionOrUrl::Url(_))) => {
                Some(named.name.to_string())
            }
            _ => None,
        })
    }
}
