//! The tree of a layer before it is packed: each path with its source and its owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::{Distribution, Learned, Stored, paths};
use crate::error::Failure;
use crate::layer::Finding;
use crate::types::{ByteSize, Digest, DistributionName};

#[derive(Debug)]
pub struct Tree {
    /// Path in the layer, seen from `/opt`, to what is there; no folders.
    pub entries: BTreeMap<Utf8PathBuf, Entry>,
    /// Those that are in the layer, sorted by name.
    pub distributions: Vec<Distribution>,
    /// Findings of the build.
    pub findings: Vec<Finding>,
    /// What the build found out about files that the cache does not know yet, by their paths in the layer; also about
    /// files that were left out.
    pub(crate) learned: BTreeMap<Utf8PathBuf, Learned>,
    /// The bytecode of modules, by the modules' paths.
    pub(crate) compiled: BTreeMap<Utf8PathBuf, Compiled>,
    /// Bytecode that the layer has no room for. Imports that are tried are faster with it.
    pub(crate) spare: BTreeMap<Utf8PathBuf, Entry>,
    /// Hold the installed files and what was made of them; removed with the tree.
    pub(crate) folders: Vec<TempDir>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub source: Source,
    pub owner: Owner,
    /// Bytes; 0 for a link.
    pub size: ByteSize,
    /// SHA-256 of the bytes, if it is known already.
    pub digest: Option<Digest>,
}

/// What a Python made of a module.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The interpreter, as its `sys.version`.
    pub python: String,
    /// `None` if the Python refused to compile the module.
    pub made: Option<Made>,
}

/// The bytecode of a module.
#[derive(Clone, Debug)]
pub struct Made {
    pub digest: Digest,
    pub size: ByteSize,
    /// What the cache has of it.
    pub stored: Option<Arc<Stored>>,
    /// Where it is in the layer, if it is there.
    pub place: Option<Utf8PathBuf>,
}

#[derive(Clone, Debug)]
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
    /// In the cache.
    Stored {
        file: Arc<Stored>,
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

impl Tree {
    /// An empty tree.
    pub(crate) fn new(folders: Vec<TempDir>) -> Self {
        Self {
            entries: BTreeMap::new(),
            distributions: Vec::new(),
            findings: Vec::new(),
            learned: BTreeMap::new(),
            compiled: BTreeMap::new(),
            spare: BTreeMap::new(),
            folders,
        }
    }
}

#[cfg(test)]
impl Tree {
    pub(crate) fn empty() -> Self {
        Self::new(Vec::new())
    }
}

impl Tree {
    /// A new folder for files of a later step; it is removed with the tree.
    pub(crate) fn new_folder(&self, name: &str) -> anyhow::Result<Utf8PathBuf> {
        let folder = self.folders.first().context("a tree without a folder cannot grow")?;
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

    /// The first entries of a tree, all at once: finding the place of each takes far longer.
    ///
    /// # Errors
    /// As for [`Tree::add`].
    pub(crate) fn fill(&mut self, mut entries: Vec<(Utf8PathBuf, Entry)>) -> Result<(), Failure> {
        debug_assert!(self.entries.is_empty(), "would be overwritten");
        entries.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut kept: Vec<(Utf8PathBuf, Entry)> = Vec::with_capacity(entries.len());
        for (path, entry) in entries {
            match kept.last() {
                Some((last, taken)) if path.starts_with(last) => {
                    if *last != path || !taken.source.is_the_same(&entry.source) {
                        return Err(conflict((last, &taken.owner), (&path, &entry.owner)));
                    }
                }
                _ => kept.push((path, entry)),
            }
        }
        self.entries = kept.into_iter().collect();
        Ok(())
    }

    /// # Errors
    /// Something else is already there, or is needed as a folder there.
    pub(crate) fn add(&mut self, path: Utf8PathBuf, entry: Entry) -> Result<(), Failure> {
        // A folder stands right before what is in it.
        let next = self.entries.range::<Utf8PathBuf, _>(&path..).next();
        let last = self.entries.range::<Utf8PathBuf, _>(..&path).next_back();
        match (next, last) {
            (Some((next, taken)), _) if *next == path && taken.source.is_the_same(&entry.source) => Ok(()),
            (Some((other, taken)), _) if other.starts_with(&path) => {
                Err(conflict((other, &taken.owner), (&path, &entry.owner)))
            }
            (_, Some((other, taken))) if path.starts_with(other) => {
                Err(conflict((other, &taken.owner), (&path, &entry.owner)))
            }
            _ => {
                self.entries.insert(path, entry);
                Ok(())
            }
        }
    }
}

/// Two files that cannot both be there: `taken` came first.
fn conflict(taken: (&Utf8Path, &Owner), new: (&Utf8Path, &Owner)) -> Failure {
    let failure = match (taken, new) {
        ((path, taken), (same, new)) if path == same => {
            format!("`{path}` in the layer would come from both {taken} and {new}")
        }
        ((file, of_file), (path, owner)) | ((path, owner), (file, of_file)) if path.starts_with(file) => {
            format!("`{path}` from {owner} needs a folder where there is already a file from {of_file}")
        }
        _ => unreachable!("each has room"),
    };
    Failure::user(failure).hint("rename or leave out one of them")
}

impl Source {
    pub(crate) fn is_executable(&self) -> bool {
        matches!(
            self,
            Self::File { executable: true, .. }
                | Self::Bytes { executable: true, .. }
                | Self::Stored { executable: true, .. }
        )
    }

    fn is_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path: one, executable: left }, Self::File { path: two, executable: right }) => {
                one == two && left == right
            }
            (Self::Bytes { bytes: one, executable: left }, Self::Bytes { bytes: two, executable: right }) => {
                one == two && left == right
            }
            (Self::Stored { file: one, executable: left }, Self::Stored { file: two, executable: right }) => {
                one.digest == two.digest && left == right
            }
            (Self::Link { target: one }, Self::Link { target: two }) => one == two,
            _ => false,
        }
    }
}

impl Entry {
    /// The file on disk; what is in the cache is written to `place` first.
    ///
    /// # Errors
    /// The file cannot be written, or the cache does not have it.
    pub(crate) fn on_disk(&self, place: &Utf8Path) -> std::io::Result<Option<Utf8PathBuf>> {
        match &self.source {
            Source::File { path, .. } => Ok(Some(path.clone())),
            Source::Stored { file, .. } => {
                if let Some(folder) = place.parent() {
                    fs_err::create_dir_all(folder)?;
                }
                fs_err::write(place, file.bytes()?)?;
                Ok(Some(place.to_owned()))
            }
            Source::Bytes { .. } | Source::Link { .. } => Ok(None),
        }
    }

    /// Those of a link are none.
    pub(crate) fn bytes(&self) -> std::io::Result<Vec<u8>> {
        match &self.source {
            Source::File { path, .. } => fs_err::read(path),
            Source::Bytes { bytes, .. } => Ok(bytes.clone()),
            Source::Stored { file, .. } => file.bytes(),
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
