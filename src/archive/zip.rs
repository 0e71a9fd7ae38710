//! Opens a zip without trusting its headers.
//!
//! The central directory is what counts, as for Lambda; an entry whose own header says something else is told.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use rawzip::{CompressionMethod, CreatorSystem, ErrorKind, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};

use super::capped::Noticed;
use super::contents::{Contents, Found};
use super::inflate::{Place, bomb, corrupt, inflate};
use super::{Opened, contents, modes, names, unpack};
use crate::error::Failure;
use crate::facts;
use crate::layer::{Finding, Kind};
use crate::secrets::Secrets;
use crate::types::{ByteSize, ContentHash, Digest};

const DIRECTORY: u32 = 0o040_000;
const TYPE: u32 = 0o170_000;
/// `PATH_MAX` of Linux.
const LONGEST_LINK: u64 = 4096;

/// # Errors
/// It is no zip, or no layer. `shown` is what to call it.
pub fn open(bytes: &[u8], shown: &str, secrets: &Secrets) -> Result<Opened, Failure> {
    let zip = ZipArchive::from_slice(bytes).map_err(|error| not_a_zip(bytes, shown, &error))?;
    let mut noticed = Noticed::default();
    let mut directory = Directory::default();
    directory.read(&zip, &mut noticed);
    refuse_wheel(&directory.contents, shown)?;
    directory.check(&mut noticed);
    let is_read = directory.may_be_unpacked(&mut noticed);
    let layer = if is_read {
        directory.read_links(&zip, &mut noticed);
        directory.refuse_what_is_behind_links(&mut noticed);
        let bytes_of = |path: &Utf8Path, place: &Place| inflate(&zip, *place, path.as_str());
        contents::read(&directory.contents, secrets, &mut noticed, bytes_of)
    } else {
        contents::listed(&directory.contents)
    };
    Ok(Opened {
        layer,
        findings: noticed.finish(),
        is_read,
        content: Some(ContentHash(Digest::of(bytes))),
        zipped_size: Some(ByteSize(bytes.len() as u64)),
    })
}

/// Unpacks it to a new folder, `opt`, without what an opening refuses.
///
/// # Errors
/// As of [`open`], and what the file system says.
pub fn lay_out(bytes: &[u8], shown: &str, opt: &Utf8Path) -> anyhow::Result<()> {
    let zip = ZipArchive::from_slice(bytes).map_err(|error| not_a_zip(bytes, shown, &error))?;
    let (mut noticed, mut directory) = (Noticed::default(), Directory::default());
    directory.read(&zip, &mut noticed);
    if !directory.may_be_unpacked(&mut noticed) {
        let failure = Failure::user(format!(
            "`{shown}` is a zip bomb: it would fill up the disk or memory of a program that unpacks it"
        ));
        return Err(failure.hint("do not unpack it; find out who created it").into());
    }
    directory.read_links(&zip, &mut noticed);
    directory.refuse_what_is_behind_links(&mut noticed);
    unpack::write(&directory.contents, opt, |path, place| inflate(&zip, *place, path.as_str()))
}

/// What gives the bytes of one file after another, of those that an opening takes.
///
/// # Errors
/// As of [`open`].
pub fn reader<'a>(bytes: &'a [u8], shown: &str) -> Result<impl Fn(&Utf8Path) -> Option<Vec<u8>> + 'a, Failure> {
    let zip = ZipArchive::from_slice(bytes).map_err(|error| not_a_zip(bytes, shown, &error))?;
    let (mut noticed, mut directory) = (Noticed::default(), Directory::default());
    directory.read(&zip, &mut noticed);
    // What may not be unpacked is not read either.
    let may_be_read = directory.may_be_unpacked(&mut noticed);
    Ok(move |path: &Utf8Path| {
        let found = directory.contents.get(path).filter(|_| may_be_read)?;
        inflate(&zip, found.place, path.as_str()).ok()
    })
}

/// What the central directory lists.
#[derive(Default)]
struct Directory {
    contents: Contents<Place>,
    folders: BTreeSet<Utf8PathBuf>,
    /// Where the bytes of each entry are, from its header to its end, with its name.
    ranges: Vec<(u64, u64, String)>,
    /// Of all entries, as declared.
    total: u64,
}

impl Directory {
    fn read(&mut self, zip: &ZipSliceArchive<&[u8]>, noticed: &mut Noticed) {
        let (mut entries, mut count) = (zip.entries(), 0_u64);
        loop {
            match entries.next_entry() {
                Ok(Some(entry)) => self.add(zip, &entry, noticed),
                Ok(None) if count == zip.entries_hint() => return,
                Ok(None) => {
                    let why = format!("its directory has {count} entries, but declares {}", zip.entries_hint());
                    return noticed.push(corrupt("layer", &why));
                }
                Err(_broken) => {
                    let why = format!("its directory cannot be read after entry {count}");
                    return noticed.push(corrupt("layer", &why));
                }
            }
            count += 1;
            if count > facts::opening().entries {
                return noticed.push(bomb("layer", &format!("it has more than {} entries", facts::opening().entries)));
            }
        }
    }

    fn add(&mut self, zip: &ZipSliceArchive<&[u8]>, entry: &ZipFileHeaderRecord<'_>, noticed: &mut Noticed) {
        let raw = entry.file_path();
        let name = names::shown(raw.as_bytes());
        self.total = self.total.saturating_add(entry.uncompressed_size_hint());
        match zip.get_entry(entry.wayfinder()) {
            Ok(found) => {
                let (_, end) = found.compressed_data_range();
                self.ranges.push((entry.local_header_offset(), end, name.clone()));
                if found.local_header().file_path().as_bytes() != raw.as_bytes() {
                    let own = names::shown(found.local_header().file_path().as_bytes());
                    noticed.push(corrupt(&name, &format!("its own header calls it `{own}`")));
                }
            }
            Err(_outside) => return noticed.push(corrupt(&name, "its data is not in the zip")),
        }
        let path = match names::path(raw.as_bytes()) {
            Ok(path) if path.as_str().is_empty() => return,
            Ok(path) => path,
            Err(why) => return noticed.push(names::refused(&name, why)),
        };
        let mode = mode(entry);
        if entry.is_dir() || mode.is_some_and(|mode| mode & TYPE == DIRECTORY) {
            noticed.extend(modes::of_folder(&path, mode));
            if !self.folders.insert(path) {
                noticed.push(duplicate(&name, "is in the zip more than once"));
            }
            return;
        }
        if entry.flags().is_encrypted() {
            return noticed.push(Finding::error(
                "encrypted-entry",
                &name,
                format!("`{name}` is encrypted, so Lambda cannot unpack it"),
                "create the zip without a password",
            ));
        }
        if ![CompressionMethod::STORE, CompressionMethod::DEFLATE].contains(&entry.compression_method()) {
            return noticed.push(Finding::error(
                "unsupported-compression",
                &name,
                format!(
                    "`{name}` is compressed with {}, which Lambda cannot unpack",
                    method(entry.compression_method())
                ),
                "create the zip with deflate, as `zip -r` does",
            ));
        }
        noticed.extend(modes::of_file(&path, mode));
        let place = Place { wayfinder: entry.wayfinder(), method: entry.compression_method(), crc: entry.crc32() };
        let kind = match mode {
            Some(mode) if mode & TYPE == modes::LINK => Kind::Link { target: Utf8PathBuf::new() },
            mode => Kind::File { executable: mode.is_some_and(|mode| mode & 0o111 != 0) },
        };
        let size = entry.uncompressed_size_hint();
        // The last one is what unpacking leaves.
        if self.contents.insert(path, Found { kind, size, place }).is_some() {
            noticed.push(duplicate(&name, "is in the zip more than once"));
        }
    }

    /// What is both a file and a folder.
    fn check(&mut self, noticed: &mut Noticed) {
        let mut parents: Vec<&Utf8Path> = self.contents.keys().filter_map(|path| path.parent()).collect();
        parents.dedup();
        let implied = parents.into_iter().flat_map(Utf8Path::ancestors);
        let folders: BTreeSet<&Utf8Path> = implied.chain(self.folders.iter().map(Utf8PathBuf::as_path)).collect();
        let is_both = |(path, found): &(&Utf8PathBuf, &Found<Place>)| {
            matches!(found.kind, Kind::File { .. }) && folders.contains(path.as_path())
        };
        for (path, _) in self.contents.iter().filter(is_both) {
            noticed.push(duplicate(path.as_str(), "is both a file and a folder"));
        }
    }

    /// Whether unpacking it costs what a layer may cost.
    fn may_be_unpacked(&mut self, noticed: &mut Noticed) -> bool {
        let limit = facts::opening().total;
        if self.total > limit {
            let why = format!("it declares {} unzipped, over the limit of {}", ByteSize(self.total), ByteSize(limit));
            noticed.push(bomb("layer", &why));
            return false;
        }
        self.ranges.sort();
        let mut overlaps = self.ranges.windows(2).filter(|pair| pair[0].1 > pair[1].0);
        let Some([first, second]) = overlaps.next() else { return true };
        noticed.push(bomb("layer", &format!("`{}` and `{}` overlap in the zip", first.2, second.2)));
        false
    }

    /// A link's content is where it leads.
    fn read_links(&mut self, zip: &ZipSliceArchive<&[u8]>, noticed: &mut Noticed) {
        self.contents.retain(|path, found| {
            let Kind::Link { target } = &mut found.kind else { return true };
            let read = if found.size > LONGEST_LINK {
                Err(names::refused(path.as_str(), "is a link to a path that is longer than Linux allows"))
            } else {
                inflate(zip, found.place, path.as_str())
            };
            found.size = 0;
            let text = read.and_then(|bytes| {
                let text = String::from_utf8(bytes).ok().filter(|text| !text.is_empty() && !text.contains('\0'));
                text.ok_or_else(|| names::refused(path.as_str(), "is a link without a valid target"))
            });
            match text {
                Ok(text) => *target = text.into(),
                Err(finding) => noticed.push(finding),
            }
            !target.as_str().is_empty()
        });
    }

    /// Whoever unpacks such a zip writes through the link, to wherever it leads.
    fn refuse_what_is_behind_links(&mut self, noticed: &mut Noticed) {
        let links: BTreeMap<Utf8PathBuf, Utf8PathBuf> = self
            .contents
            .iter()
            .filter_map(|(path, found)| match &found.kind {
                Kind::Link { target } => Some((path.clone(), target.clone())),
                Kind::File { .. } => None,
            })
            .collect();
        if links.is_empty() {
            return;
        }
        self.contents.retain(|path, _| {
            let link = path.ancestors().skip(1).find_map(|folder| links.get_key_value(folder));
            if let Some((link, target)) = link {
                let why = format!(
                    "is behind the link `{link}`, which points to `{}`",
                    names::shown(target.as_str().as_bytes())
                );
                noticed.push(names::refused(path.as_str(), &why));
            }
            link.is_none()
        });
    }
}

/// As on Unix, with the type; `None` from systems that have none.
fn mode(entry: &ZipFileHeaderRecord<'_>) -> Option<u32> {
    let system = entry.version_made_by().creator_system();
    [CreatorSystem::UNIX, CreatorSystem::MACOS].contains(&system).then_some(entry.external_attributes() >> 16)
}

fn method(method: CompressionMethod) -> String {
    // https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.5
    match method.as_u16() {
        9 => "Deflate64".to_owned(),
        12 => "bzip2".to_owned(),
        14 => "LZMA".to_owned(),
        93 => "Zstandard".to_owned(),
        95 => "XZ".to_owned(),
        other => format!("method {other}"),
    }
}

fn duplicate(name: &str, why: &str) -> Finding {
    Finding::error(
        "duplicate-entry",
        name,
        format!("`{name}` {why}"),
        "create the zip from scratch: adding to an existing zip leaves such entries behind",
    )
}

/// A wheel is a zip, and what Lambda would do with it is nothing.
fn refuse_wheel(contents: &Contents<Place>, shown: &str) -> Result<(), Failure> {
    let is_wheel = contents.keys().any(|path| {
        path.file_name() == Some("WHEEL")
            && path.components().count() == 2
            && path.parent().is_some_and(|info| info.extension() == Some("dist-info"))
    });
    if !is_wheel || contents.keys().any(|path| path.starts_with("python")) {
        return Ok(());
    }
    let failure =
        Failure::user(format!("`{shown}` is not a layer, but a wheel or packages without their `python/` folder"));
    Err(failure.hint("put packages into `python/`, or list the wheel in `requirements` and run `lambda-layer build`"))
}

fn not_a_zip(bytes: &[u8], shown: &str, error: &rawzip::Error) -> Failure {
    let start = &bytes[..bytes.len().min(512)];
    let text = String::from_utf8_lossy(start).trim_start().to_ascii_lowercase();
    let what = if bytes.is_empty() {
        "it is empty"
    } else if text.starts_with("<!doctype html") || text.starts_with("<html") {
        "it is a web page, perhaps because it was downloaded without logging in or from the wrong link"
    } else if text.starts_with("<?xml") {
        "it is XML, perhaps a server's error message instead of the file"
    } else if start.starts_with(b"\x1f\x8b") {
        "it is compressed with gzip, like a `.tar.gz` file"
    } else if start.get(257..262) == Some(b"ustar") {
        "it is a tar archive"
    } else if start.starts_with(b"PK\x03\x04") && matches!(error.kind(), ErrorKind::MissingEndOfCentralDirectory) {
        "it begins like a zip, but its end is missing: the copy or download is incomplete"
    } else if start.starts_with(b"PK") {
        "it begins like a zip, but its directory is broken"
    } else {
        "it has no zip directory at its end"
    };
    Failure::user(format!("`{shown}` is not a zip")).cause(what).hint("give the zip of a layer, a folder, or an ARN")
}
