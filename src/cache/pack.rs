//! The files of one distribution in one file: an index, and behind it the compressed bytes.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | the name of the format |
//! | 8 | length of the index in bytes, little-endian |
//! | 32 | SHA-256 of the index |
//! | … | the index, JSON |
//! | … | deflate streams, where the index says |

use std::collections::BTreeMap;
use std::io::{BufWriter, Read as _, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::entries;
use crate::layer::{CacheMiss, Learned, Stored, Stream, StreamRange};
use crate::types::{ByteSize, Digest};

const MAGIC: &[u8; 8] = b"LLPACK\x00\x01";
const HEADER: usize = 48;
/// The longest index, in bytes; that of a distribution with 20,000 files has 8 MB.
const LONGEST_INDEX: u64 = 256 << 20;

/// A distribution of the cache.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Its files by their paths from the folder where it was installed.
    pub files: BTreeMap<Utf8PathBuf, Row>,
}

/// A file of a distribution.
#[derive(Clone, Debug)]
pub struct Row {
    pub executable: bool,
    pub file: Arc<Stored>,
    /// For a module, what a Python made of it.
    pub bytecode: Option<Bytecode>,
}

/// The bytecode of a module.
#[derive(Clone, Debug)]
pub struct Bytecode {
    /// The interpreter that compiled it, as its `sys.version`.
    pub python: String,
    /// `None` if it refused to.
    pub file: Option<Arc<Stored>>,
}

/// A file to be kept.
#[derive(Debug)]
pub struct NewFile<'a> {
    pub path: &'a Utf8Path,
    pub executable: bool,
    pub file: NewContent,
    pub bytecode: Option<NewBytecode>,
}

/// What is to be kept of a file's content.
#[derive(Debug)]
pub struct NewContent {
    pub digest: Digest,
    pub size: ByteSize,
    pub content: Content,
    pub learned: Learned,
}

/// Bytecode to be kept.
#[derive(Debug)]
pub struct NewBytecode {
    /// The interpreter, as its `sys.version`.
    pub python: String,
    /// `None` if it refused to compile the module.
    pub file: Option<NewContent>,
}

/// The compressed bytes of a file.
#[derive(Clone, Debug)]
pub enum Content {
    Absent,
    /// They stand in another file.
    Copied(Stream),
    /// They are here, with the CRC-32 of the file's bytes.
    Here(Vec<u8>, u32),
}

#[derive(Serialize, Deserialize)]
struct Index {
    /// Of all streams, in bytes.
    length: u64,
    files: Vec<IndexRow>,
}

#[derive(Serialize, Deserialize)]
struct IndexRow {
    path: Utf8PathBuf,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    executable: bool,
    content: IndexContent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytecode: Option<IndexBytecode>,
}

#[derive(Serialize, Deserialize)]
struct IndexContent {
    digest: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<StreamRange>,
    #[serde(default, skip_serializing_if = "Learned::is_nothing")]
    learned: Learned,
}

#[derive(Serialize, Deserialize)]
struct IndexBytecode {
    python: String,
    file: Option<IndexContent>,
}

impl Content {
    /// Where the stream is in its file, if there is one; for one that is here, all but the place.
    fn range(&self) -> Option<StreamRange> {
        match self {
            Self::Absent => None,
            Self::Copied(stream) => Some(stream.range),
            Self::Here(deflated, crc) => {
                let (length, check) = (deflated.len() as u64, libdeflater::crc32(deflated));
                Some(StreamRange { offset: 0, length, crc: *crc, check })
            }
        }
    }
}

impl Learned {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Pack {
    /// Opens a pack; `None` if there is none.
    ///
    /// # Errors
    /// It is not what was written.
    pub(super) fn read(path: &Utf8Path) -> anyhow::Result<Option<Self>> {
        if !path.symlink_metadata().is_ok_and(|file| file.is_file()) {
            return Ok(None);
        }
        let mut file = fs_err::File::open(path)?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(CacheMiss::damaged)?;
        let length = u64::from_le_bytes(header[8..16].try_into()?);
        anyhow::ensure!(&header[..8] == MAGIC && length <= LONGEST_INDEX, CacheMiss::Damaged);
        let mut index = vec![0; usize::try_from(length)?];
        file.read_exact(&mut index).map_err(CacheMiss::damaged)?;
        let sum: [u8; 32] = header[16..].try_into()?;
        anyhow::ensure!(Digest::of(&index).is(sum), CacheMiss::Damaged);
        let index: Index = serde_json::from_slice(&index).map_err(CacheMiss::damaged)?;
        let start = HEADER as u64 + length;
        anyhow::ensure!(file.metadata()?.len() == start + index.length, CacheMiss::Damaged);
        // Its age decides when it is removed. One that cannot be written to is as good.
        file.file().set_modified(SystemTime::now()).ok();
        let file = Arc::new(file);
        let stored = |content: IndexContent| {
            let stream = content.stream.map(|range| Stream {
                file: Arc::clone(&file),
                range: StreamRange { offset: start + range.offset, ..range },
            });
            Arc::new(Stored { digest: content.digest, size: ByteSize(content.size), stream, learned: content.learned })
        };
        let files = index.files.into_iter().map(|row| {
            let bytecode = row.bytecode.map(|made| Bytecode { python: made.python, file: made.file.map(&stored) });
            (row.path, Row { executable: row.executable, file: stored(row.content), bytecode })
        });
        Ok(Some(Self { files: files.collect() }))
    }
}

impl Pack {
    /// Checks each file against its digest.
    ///
    /// # Errors
    /// A file is not what it should be.
    pub(super) fn verify(&self) -> anyhow::Result<()> {
        let bytecode = self.files.values().filter_map(|row| row.bytecode.as_ref()?.file.as_ref());
        for file in self.files.values().map(|row| &row.file).chain(bytecode) {
            if file.stream.is_some() {
                anyhow::ensure!(Digest::of(&file.bytes()?) == file.digest, CacheMiss::Damaged);
            }
        }
        Ok(())
    }
}

/// Writes a pack, which replaces an older one at once.
///
/// # Errors
/// It cannot be written, or a stream cannot be read.
pub(super) fn write<'a>(path: &Utf8Path, files: &'a [NewFile<'_>]) -> anyhow::Result<()> {
    let mut length = 0;
    let mut streams = Vec::new();
    let mut placed = |file: &'a NewContent| {
        let stream = file.content.range().map(|range| {
            streams.push(&file.content);
            let offset = length;
            length += range.length;
            StreamRange { offset, ..range }
        });
        IndexContent { digest: file.digest, size: file.size.0, stream, learned: file.learned.clone() }
    };
    let rows = files.iter().map(|file| {
        let made = |made: &'a NewBytecode| (made.python.clone(), made.file.as_ref().map(&mut placed));
        let bytecode = file.bytecode.as_ref().map(made).map(|(python, file)| IndexBytecode { python, file });
        let content = placed(&file.file);
        IndexRow { path: file.path.to_owned(), executable: file.executable, content, bytecode }
    });
    let files = rows.collect();
    let index = serde_json::to_vec(&Index { length, files })?;
    let temporary = entries::temporary_file(path)?;
    let mut writer = BufWriter::with_capacity(1 << 20, temporary.as_file());
    writer.write_all(MAGIC)?;
    writer.write_all(&(index.len() as u64).to_le_bytes())?;
    writer.write_all(&Digest::of(&index).bytes())?;
    writer.write_all(&index)?;
    let mut memory = Vec::new();
    for content in streams {
        match content {
            Content::Absent => {}
            Content::Copied(stream) => {
                memory = stream.read_into(memory)?;
                writer.write_all(&memory)?;
            }
            Content::Here(deflated, _) => writer.write_all(deflated)?,
        }
    }
    writer.flush().with_context(|| format!("could not write `{path}`"))?;
    drop(writer);
    entries::persist(temporary, path)
}
