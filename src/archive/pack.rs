//! Packs a tree into a zip: the same tree gives the same bytes on any machine.
//!
//! What could differ is fixed: entries sorted by path, folders included; dates 1980-01-01 00:00 UTC; modes 755 for
//! folders, programs and 644 for other files; one compressor, on files as a whole, so that the number of threads changes
//! nothing. Files are compressed side by side, and written in order. Until it is its turn, what larger
//! ones were compressed to waits on disk.
//!
//! libdeflater compresses and rawzip writes what is compressed already; the `zip` crate's own parallel writing puts
//! entries in the order in which they are done. libdeflate is faster and its zips are smaller than zlib-rs's at the
//! same level (`benches/README.md`). All entries are deflated: some readers that stream a zip refuse stored entries
//! whose size stands behind them.

mod queue;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::BTreeMap;
use std::io::{BufWriter, Read as _, Write};
use std::num::NonZero;
use std::sync::mpsc;

use anyhow::Context as _;
use camino::Utf8Path;
use indicatif::ProgressBar;
use libdeflater::crc32;
use rawzip::path::EntryPath;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, ZipArchiveWriter};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use self::queue::Queue;
use self::waiting::{Deflated, WaitingRoom};
use super::deflate::{Deflater, KEPT_MEMORY};
use crate::error::Failure;
use crate::files;
use crate::layer::scan::Observed;
use crate::layer::scan::leaks::Scan;
use crate::layer::{Entry, Source, Stored, StreamRange, Tree};
use crate::types::{ByteSize, ContentHash, Digest};

/// Compressed files of this size in bytes, or larger, wait on disk.
const WAITS: usize = 1 << 18;
/// Files go to the writer when there are this many bytes of them: waking it for each small one takes a processor's time.
const HANDED_OVER: u64 = 1 << 19;
const FOLDER_MODE: u32 = 0o040_755;
const PROGRAM_MODE: u32 = 0o100_755;
const FILE_MODE: u32 = 0o100_644;
const LINK_MODE: u32 = 0o120_777;

/// A finished zip. The file is removed with this value unless it is kept.
#[derive(Debug)]
pub struct Archive {
    file: NamedTempFile,
    pub content: ContentHash,
    pub zipped_size: ByteSize,
    pub unzipped_size: ByteSize,
    /// Files and links.
    pub entries: usize,
    /// What was seen of its files, where there was something to see, by their names.
    pub observed: BTreeMap<String, Observed>,
    /// Where the zip has the compressed bytes of files that were not in the cache.
    pub streams: BTreeMap<String, StreamRange>,
}

impl Archive {
    pub fn path(&self) -> &Utf8Path {
        files::utf8(self.file.path()).expect("was made in a folder with such a name")
    }

    /// The file, to be brought elsewhere.
    pub fn into_file(self) -> NamedTempFile {
        self.file
    }
}

#[cfg(test)]
impl Archive {
    /// Something to publish that is no zip, for tests that do not look inside.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut file = NamedTempFile::new().expect("can be made");
        file.write_all(bytes).expect("can be written");
        let size = ByteSize(bytes.len() as u64);
        let content = ContentHash(Digest::of(bytes));
        Self {
            file,
            content,
            zipped_size: size,
            unzipped_size: size,
            entries: 1,
            observed: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }
}

/// One compressed file, ready to be written.
struct Packed {
    deflated: Deflated,
    crc: u32,
    /// CRC-32 of the compressed bytes, if the cache does not have them.
    check: Option<u32>,
    size: u64,
    mode: u32,
    observed: Observed,
}

/// Packs into a temporary file in `folder`, and looks at the very bytes that it packs.
///
/// # Errors
/// What reading the tree's files or writing the zip says.
pub fn pack(tree: &Tree, scan: &Scan, folder: &Utf8Path, progress: &ProgressBar) -> anyhow::Result<Archive> {
    let file = temporary_file(folder)?;
    let (seen, hasher, written) = {
        let mut hashing = HashingWriter {
            inner: BufWriter::with_capacity(1 << 20, file.as_file()),
            hasher: Sha256::new(),
            written: 0,
        };
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let seen = write_zip(tree, scan, &mut hashing, progress, threads)?;
        hashing.flush()?;
        (seen, hashing.hasher, hashing.written)
    };
    Ok(Archive {
        content: ContentHash(Digest::finish(hasher)),
        zipped_size: ByteSize(written),
        unzipped_size: tree.unzipped_size(),
        entries: tree.entries.len(),
        file,
        observed: seen.observed,
        streams: seen.streams,
    })
}

/// An empty file that nobody takes for a finished zip.
pub fn temporary_file(folder: &Utf8Path) -> anyhow::Result<NamedTempFile> {
    let file = tempfile::Builder::new().prefix(".lambda-layer-").suffix(".zip").tempfile_in(folder);
    file.with_context(|| format!("could not write to `{folder}`"))
}

/// What a zip's files showed, and where they are.
#[derive(Debug, Default)]
struct Seen {
    observed: BTreeMap<String, Observed>,
    streams: BTreeMap<String, StreamRange>,
}

fn write_zip(
    tree: &Tree,
    scan: &Scan,
    writer: &mut impl Write,
    progress: &ProgressBar,
    threads: usize,
) -> anyhow::Result<Seen> {
    let files = tree.entries.iter().map(|(path, entry)| (path.as_path(), entry));
    let queue = Queue::of(files.filter(|(_, entry)| only_copied(entry, scan).is_none()));
    let room = WaitingRoom::default();
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for worker in 0..threads {
            let (sender, queue, room) = (sender.clone(), &queue, &room);
            scope.spawn(move || {
                let (mut deflater, mut memory) = (Deflater::of_layers(), Vec::new());
                let (mut done, mut size) = (Vec::new(), 0);
                while let Some((path, entry)) = queue.next(worker) {
                    let packed = compress(path, entry, scan, &mut deflater, &mut memory);
                    let packed = packed.and_then(|packed| packed.waiting(room));
                    if memory.capacity() > KEPT_MEMORY {
                        memory = Vec::new();
                    }
                    size += entry.size.0;
                    let is_time = size >= HANDED_OVER || packed.is_err();
                    done.push((path, packed));
                    if is_time {
                        // Nobody listens any more if writing failed.
                        if sender.send(std::mem::take(&mut done)).is_err() {
                            return;
                        }
                        size = 0;
                    }
                }
                sender.send(done).ok();
            });
        }
        // The channel ends when the last worker does.
        drop(sender);
        write_in_order(tree, scan, &receiver, &room, writer, progress)
    })
}

/// The names in the zip, in their order: folders, and files with their entries. Names of folders end in `/`, so that each
/// stands before what is in it.
fn names(tree: &Tree) -> BTreeMap<String, Option<(&Utf8Path, &Entry)>> {
    let mut names = BTreeMap::new();
    let mut last = Utf8Path::new("");
    for (path, entry) in &tree.entries {
        // Files of one folder follow each other.
        let folder = path.parent().unwrap_or(last);
        if folder != last {
            let folders = folder.ancestors().filter(|folder| !folder.as_str().is_empty());
            names.extend(folders.map(|folder| (format!("{folder}/"), None)));
            last = folder;
        }
        names.insert(path.to_string(), Some((path.as_path(), entry)));
    }
    names
}

/// rawzip takes a colon for the end of a drive's name and a backslash for a separator, unless it gets bytes, which it
/// does not mark as UTF-8.
fn entry_path(name: &str) -> Result<EntryPath<'_>, Failure> {
    if name.contains('\\') {
        return Err(Failure::user(format!("`{name}` contains a backslash, which names in a zip cannot contain"))
            .hint("rename it"));
    }
    match (name.contains(':'), name.is_ascii()) {
        (false, _) => Ok(EntryPath::conformant(name)),
        (true, true) => Ok(EntryPath::verbatim(name.as_bytes())),
        (true, false) => Err(Failure::user(format!("`{name}` contains a colon and non-ASCII characters"))
            .hint("rename it; programs interpret such names in a zip differently")),
    }
}

fn write_in_order(
    tree: &Tree,
    scan: &Scan,
    packed: &mpsc::Receiver<Vec<(&Utf8Path, anyhow::Result<Packed>)>>,
    room: &WaitingRoom,
    writer: &mut impl Write,
    progress: &ProgressBar,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let mut zip = ZipArchiveWriter::new(writer);
    let date = UtcDateTime::from_components(1980, 1, 1, 0, 0, 0, 0).expect("is the first date that a zip can hold");
    let mut waiting: BTreeMap<&str, Packed> = BTreeMap::new();
    let mut memory = Vec::new();
    for (name, file) in names(tree) {
        let Some((path, entry)) = file else {
            zip.new_dir(entry_path(&name)?).last_modified(date).unix_permissions(FOLDER_MODE).create()?;
            continue;
        };
        let kept = only_copied(entry, scan);
        let found = loop {
            if let Some((file, executable)) = kept {
                progress.inc(entry.size.0);
                let memory = std::mem::take(&mut memory);
                break copy(path, entry, (file, executable), scan, memory)
                    .with_context(|| format!("could not pack `{path}`"))?;
            }
            if let Some(found) = waiting.remove(path.as_str()) {
                break found;
            }
            for (path, result) in packed.recv().context("packing stopped before the end")? {
                let packed = result.with_context(|| format!("could not pack `{path}`"))?;
                // Compressing is the work; writing waits for the file whose turn it is.
                progress.inc(packed.size);
                waiting.insert(path.as_str(), packed);
            }
        };
        if !found.observed.is_nothing() {
            seen.observed.insert(name.clone(), found.observed);
        }
        let builder = zip.new_file(entry_path(&name)?).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, _) = builder.last_modified(date).unix_permissions(found.mode).start()?;
        let deflated = room.take(found.deflated).with_context(|| format!("could not pack `{path}`"))?;
        if let Some(check) = found.check {
            let (offset, length) = (entry.stream_offset(), deflated.len() as u64);
            seen.streams.insert(name.clone(), StreamRange { offset, length, crc: found.crc, check });
        }
        entry.write_all(&deflated)?;
        entry.finish(DataDescriptorOutput::new(found.crc, found.size))?;
        memory = deflated;
        if memory.capacity() > KEPT_MEMORY {
            memory = Vec::new();
        }
    }
    zip.finish()?;
    Ok(seen)
}

/// A file of the cache of which everything is known, so that copying it is all that there is to do.
fn only_copied<'a>(entry: &'a Entry, scan: &Scan) -> Option<(&'a Stored, bool)> {
    match &entry.source {
        Source::Stored { file, executable } if !scan.has_secrets() && file.learned.observed.is_some() => {
            Some((file, *executable))
        }
        _ => None,
    }
}

/// Files are read into `memory`, in place of what it had before.
fn compress(
    path: &Utf8Path,
    entry: &Entry,
    scan: &Scan,
    deflater: &mut Deflater,
    memory: &mut Vec<u8>,
) -> anyhow::Result<Packed> {
    if let Source::Stored { file, executable } = &entry.source {
        return copy(path, entry, (file, *executable), scan, Vec::new());
    }
    let (bytes, mode): (&[u8], u32) = match &entry.source {
        Source::File { path, executable } => {
            memory.clear();
            memory.reserve_exact(usize::try_from(entry.size.0)?);
            fs_err::File::open(path)?.read_to_end(memory)?;
            (memory, if *executable { PROGRAM_MODE } else { FILE_MODE })
        }
        Source::Bytes { bytes, executable } => (bytes, if *executable { PROGRAM_MODE } else { FILE_MODE }),
        Source::Link { target } => (target.as_str().as_bytes(), LINK_MODE),
        Source::Stored { .. } => unreachable!("is copied"),
    };
    let observed = match &entry.source {
        Source::Link { target } => Observed::of_link(path, &entry.owner, target, scan),
        _ => Observed::of(path, &entry.owner, bytes, scan),
    };
    let deflated = deflater.deflate(bytes)?;
    let check = Some(crc32(&deflated));
    let deflated = Deflated::Here(deflated);
    Ok(Packed { deflated, crc: crc32(bytes), check, size: bytes.len() as u64, mode, observed })
}

impl Packed {
    /// The same, less the memory that a large file would take while it waits.
    fn waiting(self, room: &WaitingRoom) -> anyhow::Result<Self> {
        match self.deflated {
            Deflated::Here(bytes) if bytes.len() >= WAITS => Ok(Self { deflated: room.put(&bytes)?, ..self }),
            _ => Ok(self),
        }
    }
}

/// The same for a file of the cache: nothing is compressed, and only what is unknown is worked out. What was secret in
/// an earlier run says nothing about this run's secrets, so these are searched for in any case. The compressed bytes are
/// read into `memory`, in place of what it had before.
fn copy(
    path: &Utf8Path,
    entry: &Entry,
    (file, executable): (&Stored, bool),
    scan: &Scan,
    memory: Vec<u8>,
) -> anyhow::Result<Packed> {
    let stream = file.stream()?;
    let deflated = stream.read_into(memory)?;
    let mut observed = match &file.learned.observed {
        Some(known) => known.clone(),
        None => Observed::of(path, &entry.owner, &file.inflated(&deflated)?, scan),
    };
    if scan.has_secrets() {
        observed.leak = scan.look_for_secrets(path, &entry.owner, &file.inflated(&deflated)?).or(observed.leak);
    }
    let mode = if executable { PROGRAM_MODE } else { FILE_MODE };
    let deflated = Deflated::Here(deflated);
    Ok(Packed { deflated, crc: stream.range.crc, check: None, size: file.size.0, mode, observed })
}

/// Hashes what passes through.
struct HashingWriter<W> {
    inner: W,
    hasher: Sha256,
    written: u64,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..length]);
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
