//! Dependency files: their content, and its meaning for one target.

mod asked_for;
mod decided;
mod editable;
mod hashes;
mod kind;
mod lines;
pub mod local_packages;
pub(crate) mod lock;
mod meaning;
mod neighbours;
mod nothing;
mod options;
mod placed;
mod project;
mod pylock;
mod pyproject;
mod read;
mod requirement;
mod requirements;
mod selection;
mod settings;
mod sources;
pub(crate) mod text;
mod undecided;
mod uv_settings;
mod wanted;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::Version;
use pep508_rs::{PackageName, VersionOrUrl};
use secrecy::{ExposeSecret as _, SecretString};

pub use asked_for::AskedFor;
pub use lock::{Lock, ParsedLocks};
pub use meaning::Meaning;
pub(crate) use meaning::marker_environment;
pub(crate) use options::{Place, place_of};
pub use read::{Asked, Exports};
pub(crate) use read::{allows_python, of_poetry};
pub(crate) use requirement::ARCHIVES;
pub use requirement::{Requirement, RequirementKind};
pub use selection::Selection;
pub use settings::Settings;
pub use uv_settings::UvSettings;

use crate::error::{Explanation, Failure};
use crate::facts::Kind;
use crate::files;
use crate::manifest::local_packages::Shelf;
use crate::manifest::lock::Locked;
use crate::secrets::{SecretUrl, Secrets};
use crate::types::{Digest, Target};

/// All files of a layer's dependencies, read.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// The files in the order in which they were read, by the names that they were requested with.
    pub files: Vec<ManifestFile>,
    pub requirements: Vec<Requirement>,
    pub constraints: Vec<Requirement>,
    /// Folders among the requirements, which have to be built; relative to the working directory.
    pub projects: BTreeSet<Utf8PathBuf>,
    /// The same folders, and also files such as wheels.
    pub local: BTreeSet<Utf8PathBuf>,
    /// Folders and pages of this machine with packages to choose from (`--find-links`, local indexes), relative to the
    /// working directory.
    pub packages: BTreeMap<Utf8PathBuf, Shelf>,
    /// Options on lines of their own, in order, without credentials: `--pre`, `--index-url https://…`.
    pub options: Vec<String>,
    /// Settings of uv that affect how the requirements are resolved.
    pub settings: Settings,
    /// Whether a file contains `--require-hashes`, or a requirement in it has a hash, which has the same meaning for
    /// pip.
    pub require_hashes: bool,
    /// Whether a file contains `--pre`.
    pub pre: bool,
    /// Everything to install as one text, with each requirement on one line and paths relative to the working
    /// directory. It may contain credentials: only for the standard input of a child process.
    pub text: SecretString,
    /// The same, only if the files cannot be passed to the installer as they are. It may contain credentials: only for
    /// the standard input of a child process.
    pub joined: Option<SecretString>,
    /// The hosts of `--trusted-host`.
    pub trusted_hosts: Vec<String>,
    /// Lock files, whose requirements are known after their tools have exported them.
    pub locks: Vec<Lock>,
    /// The distributions of all lock files, for every platform and group, with their files as far as these are known.
    pub(crate) locked: Vec<Arc<[Locked]>>,
    /// The indexes of locked distributions, with the one to ask last at the end; empty if that is PyPI.
    pub indexes: Vec<SecretUrl>,
    /// Whether there are only lock files, which list every distribution, so that nothing has to be resolved.
    pub is_locked: bool,
    /// Notes about the files for the user.
    pub notes: Vec<String>,
    /// For each project its file, and the versions of Python that the project is for (PEP 440).
    pub python_ranges: Vec<(Utf8PathBuf, String)>,
    pub secrets: Secrets,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    pub path: Utf8PathBuf,
    pub digest: Digest,
}

impl Manifest {
    /// The lines of `text` that name the indexes and pages of packages. They may contain credentials.
    pub fn places(&self) -> SecretString {
        const OPTIONS: &[&str] = &[
            "-i",
            "--index-url",
            "--pypi-url",
            "--extra-index-url",
            "-f",
            "--find-links",
            "--no-index",
            "--trusted-host",
        ];
        let is_place = |line: &&str| OPTIONS.iter().any(|option| line.split([' ', '=']).next() == Some(*option));
        self.text.expose_secret().lines().filter(is_place).flat_map(|line| [line, "\n"]).collect::<String>().into()
    }

    /// Whether a file forbids with `--only-binary` to build this distribution; the last option counts.
    pub fn forbids_build(&self, name: &str) -> bool {
        let concerns = |names: &str| {
            names.split(',').map(str::trim).any(|given| {
                given == ":all:" || PackageName::new(given.to_owned()).is_ok_and(|given| given.to_string() == name)
            })
        };
        let mut said = self.options.iter().rev().filter_map(|option| option.split_once(' '));
        let last = said.find(|(option, names)| matches!(*option, "--only-binary" | "--no-binary") && concerns(names));
        last.is_some_and(|(option, _)| option == "--only-binary")
    }

    /// Whether a lock contains this version without a wheel that fits, so that it has to be built.
    pub fn is_locked_as_source(&self, name: &str, version: &Version, target: Target) -> bool {
        let is_it = |locked: &&Locked| {
            locked.name == name && locked.version.parse::<Version>().is_ok_and(|own| own == *version)
        };
        self.locked.iter().flat_map(|lock| lock.iter()).filter(is_it).any(|locked| locked.is_source_for(target))
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

    /// The requirement with this name and its versions, if there are any: `numpy>=2.3`.
    pub fn asked_of(&self, name: &str) -> Option<String> {
        self.requirements.iter().find_map(|requirement| match &requirement.kind {
            RequirementKind::Named(named) if named.name.to_string() == name => match &named.version_or_url {
                Some(VersionOrUrl::VersionSpecifier(versions)) => Some(format!("{name}{versions}")),
                _ => None,
            },
            _ => None,
        })
    }

    /// The hashes, `sha256:…`, that lists of requirements allow for a distribution, perhaps only that of its source
    /// distribution; empty if every file is allowed. Lock files are ignored: they have the hashes of all files, so
    /// another hash is an error.
    pub fn listed_hashes_of(&self, name: &str) -> Vec<&str> {
        let is_named = |requirement: &&Requirement| {
            let is_listed = !Kind::of(&requirement.file).is_lock();
            is_listed && requirement.name().is_some_and(|own| own.to_string() == name)
        };
        let requirements = self.requirements.iter().filter(is_named);
        requirements.flat_map(|requirement| &requirement.hashes).map(String::as_str).collect()
    }

    /// Whether each requirement allows only certain bytes, wherever they come from.
    pub fn is_hashed(&self) -> bool {
        self.requirements.iter().all(|requirement| !requirement.hashes.is_empty())
    }

    /// Whether the files leave nothing to choose: they contain every distribution with its version, or with its hash.
    pub fn is_pinned(&self) -> bool {
        self.is_locked || self.require_hashes
    }

    /// The same for requirements that come from an index.
    pub fn names_are_hashed(&self) -> bool {
        let is_named = |requirement: &&Requirement| match &requirement.kind {
            RequirementKind::Named(named) => !matches!(named.version_or_url, Some(VersionOrUrl::Url(_))),
            RequirementKind::Url { .. } | RequirementKind::Path { .. } => false,
        };
        self.requirements.iter().filter(is_named).all(|requirement| !requirement.hashes.is_empty())
    }
}

/// The digest of a file or project in `folder`, without the files that build backends leave behind.
///
/// # Errors
/// The path does not exist, or something in it cannot be read.
pub(crate) fn local_digest(folder: &Utf8Path, workspace: &Utf8Path, path: &Utf8Path) -> Result<Digest, Failure> {
    let full = folder.join(path);
    if !full.exists() {
        return Err(
            Failure::user(format!("`{path}` does not exist")).hint("paths are relative to the working directory")
        );
    }
    let entries = if full.is_dir() {
        files::project(&full, workspace)
    } else {
        files::file_kind(&full).map(|kind| vec![files::FileEntry { path: Utf8PathBuf::new(), kind }])
    };
    entries.and_then(|entries| files::digest_of_entries(&entries)).map_err(|error| {
        let hint = Explanation::of(&error).hint.unwrap_or_default();
        Failure::user(format!("could not read `{path}`")).cause(format!("{error:#}")).hint(hint)
    })
}
