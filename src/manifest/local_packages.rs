//! Reads packages on this machine that installers may choose from: folders and pages of `--find-links`, and indexes
//! that are folders (<https://pip.pypa.io/en/stable/cli/pip_install/#cmdoption-f>, PEP 503). Any of them may be chosen,
//! so the bytes of all of them are part of the fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use percent_encoding::percent_decode_str;
use walkdir::WalkDir;

use crate::error::Failure;
use crate::files;
use crate::manifest::{ARCHIVES, Place, place_of};
use crate::types::Digest;

/// How a folder of packages is organized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// All packages in one folder; also a single page or file.
    Flat,
    /// Each distribution in a folder with its name, as in an index.
    Index,
}

/// The packages at one path.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// The digest of names and bytes.
    pub(crate) digest: Digest,
    /// The files elsewhere that its pages link to, as absolute paths.
    pub(crate) elsewhere: BTreeMap<Utf8PathBuf, Digest>,
}

/// Paths that were already read: layers of one run often share a folder, which may have hundreds of megabytes.
#[derive(Debug, Default)]
pub(crate) struct KnownPackages(Mutex<BTreeMap<(Utf8PathBuf, Shelf), Offer>>);

impl KnownPackages {
    /// The packages at an absolute path, which is read only once.
    ///
    /// # Errors
    /// The path does not exist, or something in it cannot be read.
    pub(crate) fn offer(&self, place: &Utf8Path, shelf: Shelf) -> Result<Offer, Failure> {
        // A second layer waits instead of reading the same folder.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (place.to_owned(), shelf);
        if let Some(offer) = known.get(&key) {
            return Ok(offer.clone());
        }
        let offer = read(place, shelf).map_err(|error| {
            let failure = Failure::user(format!("could not read the packages in `{place}`"));
            failure.cause(format!("{error:#}")).hint("choose a folder of packages with read permission")
        })?;
        known.insert(key, offer.clone());
        Ok(offer)
    }
}

fn read(place: &Utf8Path, shelf: Shelf) -> anyhow::Result<Offer> {
    let depth = if shelf == Shelf::Flat { 1 } else { 2 };
    let mut files = BTreeSet::new();
    // Folders of an index may be links.
    for entry in WalkDir::new(place).max_depth(depth).follow_links(true) {
        let entry = entry?;
        let path = files::utf8(entry.path())?;
        if entry.file_type().is_file() && (counts(path) || path == place) {
            files.insert(path.to_owned());
        }
    }
    let (mut listed, mut elsewhere) = (Vec::new(), BTreeMap::new());
    for path in &files {
        let digest = files::digest(path, place)?;
        listed.push(format!("{} {}\n", path.strip_prefix(place)?, digest.hex()));
        if !is_page(path) {
            continue;
        }
        let home = path.parent().unwrap_or(place);
        let page = String::from_utf8_lossy(&fs_err::read(path)?).into_owned();
        for target in links(&page).iter().filter_map(|link| files::normalize(&home.join(link))) {
            if !files.contains(&target) && target.is_file() && !elsewhere.contains_key(&target) {
                let digest = files::digest(&target, place)?;
                listed.push(format!("{} {}\n", files::relative(place, &target), digest.hex()));
                elsewhere.insert(target, digest);
            }
        }
    }
    Ok(Offer { digest: Digest::of(listed.concat().as_bytes()), elsewhere })
}

fn counts(path: &Utf8Path) -> bool {
    // PEP 658 puts the metadata of a package beside it.
    let name = path.as_str().trim_end_matches(".metadata");
    is_page(path) || ARCHIVES.iter().any(|ending| name.ends_with(ending))
}

fn is_page(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("html" | "htm"))
}

/// The paths on this machine that a page links to, as written.
fn links(page: &str) -> BTreeSet<Utf8PathBuf> {
    let lower = page.to_ascii_lowercase();
    let values = lower.match_indices("href").filter_map(|(at, name)| {
        let value = page[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|first| "\"'".contains(*first));
        match quote {
            Some(quote) => value[1..].split(quote).next(),
            None => value.split([' ', '>', '\n', '\t']).next(),
        }
    });
    let paths = values.filter_map(|value| {
        let value = value.split(['#', '?']).next().unwrap_or_default();
        if let (true, Place::Local(path)) = (value.starts_with("file:"), place_of(value)) {
            return Some(path);
        }
        let is_path = !value.is_empty() && !value.contains("://") && !value.starts_with("//");
        is_path.then(|| Utf8PathBuf::from(percent_decode_str(value).decode_utf8_lossy().into_owned()))
    });
    paths.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let keep = tempfile::tempdir().expect("can be made");
        let root = Utf8PathBuf::try_from(keep.path().canonicalize().expect("exists")).expect("is UTF-8");
        for (name, text) in files {
            fs_err::create_dir_all(root.join(name).parent().expect("has a parent")).expect("can be made");
            fs_err::write(root.join(name), text).expect("can be written");
        }
        (keep, root)
    }

    fn digest(place: &Utf8Path, shelf: Shelf) -> Digest {
        KnownPackages::default().offer(place, shelf).expect("is readable").digest
    }

    #[test]
    fn packages_of_a_folder_count_and_nothing_else() {
        let (_keep, root) = folder(&[("a-1-py3-none-any.whl", "1"), ("README.md", ""), ("old/a-0.tar.gz", "")]);
        let before = digest(&root, Shelf::Flat);
        fs_err::write(root.join("README.md"), "more").expect("can be written");
        fs_err::write(root.join("old/a-0.tar.gz"), "more").expect("can be written");
        assert_eq!(digest(&root, Shelf::Flat), before);
        fs_err::write(root.join("a-1-py3-none-any.whl"), "2").expect("can be written");
        let edited = digest(&root, Shelf::Flat);
        fs_err::write(root.join("b-1.tar.gz"), "").expect("can be written");
        assert!(before != edited && edited != digest(&root, Shelf::Flat));
    }

    #[test]
    fn a_page_brings_what_it_links_to() {
        let page =
            "<a HREF='../../files/a%2B1.whl#sha256=0'>a</a> <a href=https://h/b.whl>b</a> <a href=\"gone.whl\">c</a>";
        let (_keep, root) = folder(&[("simple/a/index.html", page), ("files/a+1.whl", "1")]);
        let offer = KnownPackages::default().offer(&root.join("simple"), Shelf::Index).expect("is readable");
        assert_eq!(offer.elsewhere.keys().collect::<Vec<_>>(), [&root.join("files/a+1.whl")]);
        fs_err::write(root.join("files/a+1.whl"), "2").expect("can be written");
        assert_ne!(digest(&root.join("simple"), Shelf::Index), offer.digest);
    }

    #[test]
    fn a_place_is_read_once() {
        let (_keep, root) = folder(&[("a.whl", "1")]);
        let known = KnownPackages::default();
        let first = known.offer(&root, Shelf::Flat).expect("is readable").digest;
        fs_err::write(root.join("a.whl"), "2").expect("can be written");
        assert_eq!(known.offer(&root, Shelf::Flat).expect("is known").digest, first);
    }
}
