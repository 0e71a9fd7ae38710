//! A file whose content the cache has: its compressed bytes, and what earlier builds found out about it.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use libdeflater::{Decompressor, crc32};
use serde::{Deserialize, Serialize};

use crate::layer::scan::Observed;
use crate::types::{ByteSize, Digest};

/// The content of a file, and what is known about it. What is unknown was not needed so far.
#[derive(Clone, Debug)]
pub struct Stored {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    pub size: ByteSize,
    /// `None` if the file was in no layer so far.
    pub stream: Option<Stream>,
    pub learned: Learned,
}

/// What builds found out about a file from its bytes alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// What the scan for the checks saw, at the file's path in the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// For a module, what its code mentions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
    /// The first 64 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Vec<u8>>,
}

/// What the code of a module mentions that decides which files a layer can do without. Most modules mention nothing of
/// that kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mentions {
    /// Full names of modules, or of objects in them, that it imports or names, as paths (`a/tests/b`); only those with
    /// the name of a folder that a layer may do without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    /// Packages whose data it reads, as paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
    /// Folders from which it reads files, seen from its own folder or from those packages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enters: Vec<String>,
    /// Names and endings of files of its distribution.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub habits: BTreeSet<Habit>,
}

/// What the code of a module does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Habit {
    /// It finds files or modules without an import.
    FindsFiles,
    AttachesStub,
    /// It processes stubs as files.
    HandlesStubs,
    /// It reads the long description of a distribution.
    ReadsDescriptions,
}

/// The raw deflate stream (RFC 1951) of a file, as it stands in a zip.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The file that contains it, and where.
    pub file: Arc<fs_err::File>,
    pub range: StreamRange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRange {
    /// In bytes, from the start of the file.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
    /// CRC-32 of the inflated bytes, as a zip has it.
    pub crc: u32,
    /// CRC-32 of the stream itself.
    pub check: u32,
}

/// The cache cannot give what the build needs; a build without it can.
#[derive(Debug)]
pub enum CacheMiss {
    /// A file was never in a layer, so that its bytes were not kept.
    Absent,
    /// The cache does not contain what it contained when it was written.
    Damaged,
}

impl Display for CacheMiss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "the cache does not contain this file",
            Self::Damaged => "the cache is damaged",
        })
    }
}

impl std::error::Error for CacheMiss {}

impl CacheMiss {
    /// For errors that only damage can explain.
    pub fn damaged<E>(_: E) -> Self {
        Self::Damaged
    }

    /// The miss that an error tells of, at any depth.
    pub fn of(error: &anyhow::Error) -> Option<&Self> {
        error.chain().find_map(|cause| {
            let of_input = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            cause.downcast_ref().or_else(|| of_input?.downcast_ref())
        })
    }
}

impl From<CacheMiss> for std::io::Error {
    fn from(miss: CacheMiss) -> Self {
        Self::other(miss)
    }
}

impl Stream {
    /// The compressed bytes.
    ///
    /// # Errors
    /// They cannot be read, or are not what was written.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        self.read_into(Vec::new())
    }

    /// The same, in memory that was used before, whatever it has.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn read_into(&self, mut bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
        bytes.resize(usize::try_from(self.range.length).map_err(std::io::Error::other)?, 0);
        self.file.file().read_exact_at(&mut bytes, self.range.offset).map_err(CacheMiss::damaged)?;
        if crc32(&bytes) == self.range.check { Ok(bytes) } else { Err(CacheMiss::Damaged.into()) }
    }
}

impl Stored {
    /// The stream, or why there is none.
    ///
    /// # Errors
    /// It was not kept.
    pub fn stream(&self) -> Result<&Stream, CacheMiss> {
        self.stream.as_ref().ok_or(CacheMiss::Absent)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// They were not kept, or are damaged.
    pub fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let stream = self.stream()?;
        self.inflated(&stream.read()?)
    }

    /// The bytes of the file, from its compressed bytes.
    ///
    /// # Errors
    /// They are damaged.
    pub fn inflated(&self, deflated: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.size.0).map_err(std::io::Error::other)?];
        let length = Decompressor::new().deflate_decompress(deflated, &mut bytes).map_err(CacheMiss::damaged)?;
        let is_whole = length == bytes.len() && self.stream.as_ref().is_some_and(|own| own.range.crc == crc32(&bytes));
        if is_whole { Ok(bytes) } else { Err(CacheMiss::Damaged.into()) }
    }
}
