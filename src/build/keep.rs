//! Keeps in the cache what a build has worked out about distributions.

use std::sync::Arc;

use camino::Utf8Path;
use libdeflater::crc32;

use super::install::{Keys, wanted};
use super::installed::{Installed, Known, bytes_of};
use super::slim::start;
use super::{assemble, installed};
use crate::archive::deflate::Deflater;
use crate::archive::pack::Archive;
use crate::cache::{Bytecode, Cache, Content, NewBytecode, NewContent, NewFile, Row};
use crate::console::Console;
use crate::layer::scan::Observed;
use crate::layer::scan::leaks::Leak;
use crate::layer::{Distribution, Learned, Made, Source, Stored, Stream, Tree, paths};
use crate::process::side_by_side;
use crate::spec::Spec;
use crate::types::{ByteSize, Digest};

/// A finished layer, of which something may be kept.
pub(super) struct Finished<'a> {
    pub(super) tree: &'a Tree,
    pub(super) installed: &'a Installed,
    pub(super) archive: &'a Archive,
    pub(super) keys: &'a Keys,
}

impl Finished<'_> {
    /// Keeps each distribution that the cache does not know, or of which something new is known. One with a credential
    /// is not kept.
    ///
    /// # Errors
    /// The zip or an installed file cannot be read. What the cache says is no error.
    pub(super) fn keep(&self, spec: &Spec, cache: &Cache, console: &Console) -> anyhow::Result<()> {
        if !cache.is_there() {
            return Ok(());
        }
        let packages = spec.content.layout.packages(spec.target.python);
        let zip = Arc::new(fs_err::File::open(self.archive.path())?);
        let variant = installed::variant(spec);
        let are_new = side_by_side(&self.installed.distributions, |distribution| {
            let Some(known) = self.installed.known.get(&distribution.name) else { return Ok(false) };
            let builder = Builder { finished: self, distribution, known, packages: &packages, zip: &zip };
            let Some(files) = builder.files()? else { return Ok(false) };
            let is_new = !known.has_all(&files);
            if is_new {
                cache.keep_pack(known.content, variant, &files, console);
            }
            if let Some(keys) = self.keys.get(&distribution.name) {
                wanted::remember(keys, known.content, cache, console);
            }
            Ok(is_new)
        });
        if are_new?.contains(&true) {
            cache.sweep();
        }
        Ok(())
    }
}

/// Collects what is known about the files of one distribution.
struct Builder<'a> {
    finished: &'a Finished<'a>,
    distribution: &'a Distribution,
    known: &'a Known,
    packages: &'a Utf8Path,
    zip: &'a Arc<fs_err::File>,
}

impl<'a> Builder<'a> {
    /// `None` if it must not be kept.
    fn files(&self) -> anyhow::Result<Option<Vec<NewFile<'a>>>> {
        let mut files = Vec::new();
        for path in installed::paths(self.distribution) {
            let place = paths::place(path, Some(self.distribution), self.packages);
            let leak = self.finished.archive.observed.get(place.as_str()).and_then(|observed| observed.leak);
            if leak.is_some_and(|leak| leak != Leak::KnownByChance) {
                return Ok(None);
            }
            files.extend(self.file(path, &place)?);
        }
        Ok(Some(files))
    }

    fn file(&self, path: &'a Utf8Path, place: &Utf8Path) -> anyhow::Result<Option<NewFile<'a>>> {
        let row = self.known.pack.as_ref().and_then(|pack| pack.files.get(path));
        if installed::is_entry_point(path, self.distribution) {
            let (digest, size) = (Digest::of(b""), ByteSize(0));
            let file = NewContent { digest, size, content: Content::Absent, learned: Learned::default() };
            return Ok(Some(NewFile { path, executable: true, file, bytecode: None }));
        }
        let Some(file) = self.finished.installed.files.get(path) else { return Ok(None) };
        let Some((digest, size)) = file.content else { return Ok(None) };
        let tree = self.finished.tree;
        let mut learned = row.map(|row| row.file.learned.clone()).unwrap_or_default();
        let new = tree.learned.get(place);
        learned.mentions = new.and_then(|new| new.mentions.clone()).or(learned.mentions);
        let entry = tree.entries.get(place).filter(|entry| entry.digest == Some(digest));
        let mut content = row.map_or(Content::Absent, |row| of_stored(&row.file));
        if let Some(entry) = entry {
            content = self.in_layer(place, &entry.source, content);
            learned.observed = Some(self.observed(place));
        } else if matches!(content, Content::Absent) && is_read(path) {
            let bytes = bytes_of(&file.source)?;
            let mut deflater = if assemble::is_noise(path) { Deflater::quick() } else { Deflater::of_layers() };
            content = Content::Here(deflater.deflate(&bytes)?, crc32(&bytes));
        }
        if matches!(content, Content::Absent) && learned.start.is_none() {
            learned.start = Some(start(&file.source)?);
        }
        let executable = row.map_or_else(|| file.source.is_executable(), |row| row.executable);
        let file = NewContent { digest, size, content, learned };
        Ok(Some(NewFile { path, executable, file, bytecode: self.bytecode(place, row) }))
    }

    /// What the zip has of a file, or what the cache had of it.
    fn in_layer(&self, place: &Utf8Path, source: &Source, known: Content) -> Content {
        match (source, self.finished.archive.streams.get(place.as_str())) {
            (Source::Stored { file, .. }, _) => of_stored(file),
            (_, Some(range)) => Content::Copied(Stream { file: Arc::clone(self.zip), range: *range }),
            (_, None) => known,
        }
    }

    fn observed(&self, place: &Utf8Path) -> Observed {
        let observed = self.finished.archive.observed.get(place.as_str());
        observed.map_or_else(Observed::default, |observed| Observed { leak: None, ..observed.clone() })
    }

    fn bytecode(&self, place: &Utf8Path, row: Option<&Row>) -> Option<NewBytecode> {
        let Some(compiled) = self.finished.tree.compiled.get(place) else {
            let Bytecode { python, file } = row?.bytecode.clone()?;
            return Some(NewBytecode { python, file: file.map(|file| known(&file)) });
        };
        let file = compiled.made.as_ref().map(|Made { digest, size, stored, place }| {
            let kept =
                NewContent { digest: *digest, size: *size, content: Content::Absent, learned: Learned::default() };
            let kept = stored.as_ref().map_or(kept, |stored| known(stored));
            let Some(entry) = place.as_ref().and_then(|place| self.finished.tree.entries.get(place)) else {
                return kept;
            };
            let place = place.as_ref().expect("has an entry");
            let learned = Learned { observed: Some(self.observed(place)), ..kept.learned };
            NewContent { content: self.in_layer(place, &entry.source, kept.content), learned, ..kept }
        });
        Some(NewBytecode { python: compiled.python.clone(), file })
    }
}

fn known(file: &Stored) -> NewContent {
    NewContent { digest: file.digest, size: file.size, content: of_stored(file), learned: file.learned.clone() }
}

fn of_stored(file: &Stored) -> Content {
    file.stream.clone().map_or(Content::Absent, Content::Copied)
}

/// Whether builds read a file that may not be in the layer as it is: metadata, and scripts.
fn is_read(path: &Utf8Path) -> bool {
    path.starts_with("bin") || path.components().next().is_some_and(|top| top.as_str().ends_with(".dist-info"))
}

impl Known {
    /// Whether the cache has all of this already.
    fn has_all(&self, files: &[NewFile<'_>]) -> bool {
        let Some(pack) = &self.pack else { return false };
        let is_known = |file: &NewFile<'_>| {
            let Some(row) = pack.files.get(file.path) else { return false };
            let bytecode = match (&row.bytecode, &file.bytecode) {
                (None, None) => true,
                (Some(old), Some(new)) => {
                    let is_same = match (&old.file, &new.file) {
                        (None, None) => true,
                        (Some(old), Some(new)) => has(old, new),
                        _ => false,
                    };
                    old.python == new.python && is_same
                }
                _ => false,
            };
            bytecode && has(&row.file, &file.file)
        };
        files.len() == pack.files.len() && files.iter().all(is_known)
    }
}

/// Whether the cache has all of a file that is to be kept.
fn has(old: &Stored, new: &NewContent) -> bool {
    let has_stream = old.stream.is_some() || matches!(new.content, Content::Absent);
    old.digest == new.digest && old.learned == new.learned && has_stream
}
