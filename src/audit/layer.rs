//! A layer as the checks see it: what is in it and what its bytes say, wherever it comes from.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::{Distribution, Owner, Source, Tree};
use crate::observe::Observed;
use crate::types::{ByteSize, DistributionName};

#[derive(Debug, Default)]
pub struct Layer {
    /// Path seen from `/opt` to what is there; no folders.
    pub files: BTreeMap<Utf8PathBuf, File>,
    /// Sorted by name.
    pub distributions: Vec<Distribution>,
}

#[derive(Clone, Debug)]
pub struct File {
    pub kind: Kind,
    /// Unzipped; 0 for a link.
    pub size: ByteSize,
    pub owner: Owner,
    pub observed: Observed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File { executable: bool },
    Link { target: Utf8PathBuf },
}

impl Layer {
    /// A tree that was built here, with what was seen of its files while they were packed.
    pub fn of(tree: &Tree, mut observed: BTreeMap<Utf8PathBuf, Observed>) -> Self {
        let files = tree.entries.iter().map(|(path, entry)| {
            let kind = match &entry.source {
                Source::File { executable, .. } | Source::Bytes { executable, .. } => {
                    Kind::File { executable: *executable }
                }
                Source::Link { target } => Kind::Link { target: target.clone() },
            };
            let observed = observed.remove(path).unwrap_or_default();
            (path.clone(), File { kind, size: entry.size, owner: entry.owner.clone(), observed })
        });
        Self { files: files.collect(), distributions: tree.distributions.clone() }
    }

    /// Bytes by owner.
    pub fn sizes(&self) -> BTreeMap<Owner, ByteSize> {
        let mut sizes = BTreeMap::new();
        for file in self.files.values() {
            sizes.entry(file.owner.clone()).or_insert(ByteSize(0)).0 += file.size.0;
        }
        sizes
    }

    pub fn unzipped_size(&self) -> ByteSize {
        ByteSize(self.files.values().map(|file| file.size.0).sum())
    }
}

impl File {
    /// The distribution that it is of.
    pub fn distribution(&self) -> Option<&DistributionName> {
        match &self.owner {
            Owner::Distribution(name) => Some(name),
            Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => None,
        }
    }
}

/// Whether this is below one of the folders that hold packages, in any layout.
pub fn is_package_path(path: &Utf8Path) -> bool {
    path.starts_with("python")
}
