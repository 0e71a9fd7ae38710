//! A cache of parsed lock files: layers of one run often share a lock, which may have a megabyte.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use super::Contents;
use crate::error::Failure;
use crate::manifest::local_packages::KnownPackages;
use crate::types::{Digest, PythonVersion};

/// Results by the texts of the lock and its project: the same texts give the same result.
#[derive(Debug, Default)]
pub struct ParsedLocks(Mutex<BTreeMap<Key, Contents>>, pub(crate) KnownPackages);

/// Everything that the result depends on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The path, which is in messages and determines the kind of the lock.
    path: Utf8PathBuf,
    source: Utf8PathBuf,
    /// The digests of both texts.
    texts: [Digest; 2],
    python: String,
}

impl Key {
    pub(super) fn of(
        (path, text): (&Utf8Path, &str),
        (source, made_from): (&Utf8Path, &str),
        python: PythonVersion,
    ) -> Self {
        let texts = [text, made_from].map(|text| Digest::of(text.as_bytes()));
        Self { path: path.to_owned(), source: source.to_owned(), texts, python: python.to_string() }
    }
}

impl ParsedLocks {
    /// Returns the cached result, or parses.
    pub(super) fn get(&self, key: Key, parse: impl FnOnce() -> Result<Contents, Failure>) -> Result<Contents, Failure> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(contents) = known().get(&key) {
            return Ok(contents.clone());
        }
        let contents = parse()?;
        known().insert(key, contents.clone());
        Ok(contents)
    }
}
