//! The tree of a layer before it is packed: each path with its source and its owner.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::{Distribution, paths};
use crate::error::Failure;
use crate::layer::Finding;
use crate::types::{ByteSize, DistributionName};

#[derive(Debug)]
pub struct Tree {
    /// Path in the layer, seen from `/opt`, to what is there; no folders.
    pub entries: BTreeMap<Utf8PathBuf, Entry>,
    /// Those that are in the layer, sorted by name.
    pub distributions: Vec<Distribution>,
    /// Findings of the build.
    pub findings: Vec<Finding>,
    /// Holds the installed files; removed with the tree.
    pub(crate) folder: Option<TempDir>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub source: Source,
    pub owner: Owner,
    /// Bytes; 0 for a link.
    pub size: ByteSize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File {
        path: Utf8PathBuf,
        executable: bool,
    },
    /// Written by this program.
    Bytes {
        bytes: Vec<u8>,
        executable: bool,
    },
    Link {
        target: Utf8PathBuf,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    Distribution(DistributionName),
    /// The input `source`.
    Source,
    /// The input `include`.
    Include,
    /// What `build-script` made.
    BuildScript,
    /// In no distribution's `RECORD`.
    Unknown,
}

#[cfg(test)]
impl Tree {
    pub(crate) fn empty() -> Self {
        Self { entries: BTreeMap::new(), distributions: Vec::new(), findings: Vec::new(), folder: None }
    }
}

impl Tree {
    /// A new folder for files of a later step; it is removed with the tree.
    pub(crate) fn new_folder(&self, name: &str) -> anyhow::Result<Utf8PathBuf> {
        let folder = self.folder.as_ref().context("a tree without a folder cannot grow")?;
        let place = crate::files::utf8(folder.path())?.join(name);
        fs_err::create_dir(&place)?;
        Ok(place)
    }

    pub fn unzipped_size(&self) -> ByteSize {
        ByteSize(self.entries.values().map(|entry| entry.size.0).sum())
    }

    /// Bytes by owner.
    pub fn sizes(&self) -> BTreeMap<Owner, ByteSize> {
        let mut sizes = BTreeMap::new();
        for entry in self.entries.values() {
            sizes.entry(entry.owner.clone()).or_insert(ByteSize(0)).0 += entry.size.0;
        }
        sizes
    }

    /// Removes distributions with their files, and returns these by path. A file that a remaining distribution records,
    /// too, stays and belongs to that one.
    pub(crate) fn take_distributions(
        &mut self,
        names: &BTreeSet<DistributionName>,
        packages: &Utf8Path,
    ) -> BTreeMap<Utf8PathBuf, Entry> {
        self.distributions.retain(|distribution| !names.contains(&distribution.name));
        let is_out = |owner: &Owner| matches!(owner, Owner::Distribution(name) if names.contains(name));
        let shared = self.distributions.iter().flat_map(|distribution| {
            let places = distribution.record.keys().map(|path| paths::place(path, Some(distribution), packages));
            places.map(|place| (place, distribution.name.clone()))
        });
        let shared: Vec<_> = shared.collect();
        for (place, name) in shared {
            if let Some(entry) = self.entries.get_mut(&place).filter(|entry| is_out(&entry.owner)) {
                entry.owner = Owner::Distribution(name);
            }
        }
        let (out, kept) = std::mem::take(&mut self.entries).into_iter().partition(|(_, entry)| is_out(&entry.owner));
        self.entries = kept;
        out
    }

    /// # Errors
    /// Something else is already there, or is needed as a folder there.
    pub(crate) fn add(&mut self, path: Utf8PathBuf, entry: Entry) -> Result<(), Failure> {
        if let Some(taken) = self.entries.get(&path) {
            if taken.source == entry.source {
                return Ok(());
            }
            let failure = Failure::user(format!(
                "`{path}` in the layer would come from both {} and {}",
                taken.owner, entry.owner
            ));
            return Err(failure.hint("rename or leave out one of them"));
        }
        let is_in_the_way = |folder: &Utf8Path| self.entries.get(folder).map(|taken| taken.owner.clone());
        if let Some(taken) = path.ancestors().skip(1).find_map(is_in_the_way) {
            let failure = Failure::user(format!(
                "`{path}` from {} needs a folder where there is already a file from {taken}",
                entry.owner
            ));
            return Err(failure.hint("rename or leave out one of them"));
        }
        self.entries.insert(path, entry);
        Ok(())
    }
}

impl Source {
    pub(crate) fn is_executable(&self) -> bool {
        matches!(self, Self::File { executable: true, .. } | Self::Bytes { executable: true, .. })
    }
}

impl Entry {
    /// Those of a link are none.
    pub(crate) fn bytes(&self) -> std::io::Result<Vec<u8>> {
        match &self.source {
            Source::File { path, .. } => fs_err::read(path),
            Source::Bytes { bytes, .. } => Ok(bytes.clone()),
            Source::Link { .. } => Ok(Vec::new()),
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Distribution(name) => write!(formatter, "{name}"),
            Self::Source => formatter.write_str("own source"),
            Self::Include => formatter.write_str("included files"),
            Self::BuildScript => formatter.write_str("the build script"),
            Self::Unknown => formatter.write_str("files outside distributions"),
        }
    }
}
