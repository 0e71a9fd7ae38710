//! The files of a locked distribution, and where each one is.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::wheel::Fit;
use crate::manifest::hashes;
use crate::manifest::project::{PYPI, PYPI_FILES};
use crate::types::Target;

/// A distribution of a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// The normalized name.
    pub(crate) name: String,
    pub(crate) version: String,
    /// The URL or folder of its index, if the lock contains it.
    pub(crate) index: Option<String>,
    /// Its files, as far as their names are known.
    pub(crate) files: Vec<File>,
    /// Markers of which one has to be true, if a lock has several distributions of the same name; empty if it is for
    /// all.
    pub(crate) forks: Vec<String>,
}

/// One of its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    /// Where the file is; `None` if only its index knows.
    pub(crate) place: Option<Place>,
    /// The hashes of the file, as `algorithm:digits`.
    pub(crate) hashes: BTreeSet<String>,
    /// The folder of the project in the file.
    pub(crate) subdirectory: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Url(String),
    /// A path relative to the lock's folder, or absolute.
    Path(Utf8PathBuf),
}

impl File {
    /// A file at a URL. A `file://` URL becomes a path.
    pub(crate) fn at_url(url: &str, hashes: BTreeSet<String>) -> Self {
        let parsed = url::Url::parse(url).ok();
        let path = parsed.as_ref().filter(|url| url.scheme() == "file").and_then(|url| url.to_file_path().ok());
        if let Some(path) = path.and_then(|path| Utf8PathBuf::try_from(path).ok()) {
            return Self::at_path(path, hashes);
        }
        let last = parsed.as_ref().and_then(|url| url.path_segments()?.next_back()).unwrap_or(url);
        let name = percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned();
        Self { name, place: Some(Place::Url(url.to_owned())), hashes, subdirectory: None }
    }

    pub(crate) fn at_path(path: Utf8PathBuf, hashes: BTreeSet<String>) -> Self {
        let name = path.file_name().unwrap_or_default().to_owned();
        Self { name, place: Some(Place::Path(path)), hashes, subdirectory: None }
    }

    /// A file of an index.
    pub(crate) fn named(name: &str, hashes: BTreeSet<String>) -> Self {
        Self { name: name.to_owned(), place: None, hashes, subdirectory: None }
    }
}

impl Locked {
    /// Whether an index can be asked for this file by the distribution's name.
    pub(super) fn is_on_index(&self, file: &File, declared: &Declared) -> bool {
        match (&self.index, &file.place) {
            (_, Some(Place::Path(_))) => false,
            // PyPI has its files on another host.
            (None, Some(Place::Url(url))) => url.starts_with(PYPI_FILES),
            (None, None) => true,
            (Some(index), _) if declared.has_index(index) => true,
            // An index has a folder for each name. If files of all names are in one folder, it is a page of links.
            (Some(index), Some(Place::Url(url))) if lies_in(url, index) => false,
            (Some(index), _) => is_remote(index) && !declared.has_page(index),
        }
    }

    /// Where it comes from, for messages.
    pub(super) fn origin(&self) -> &str {
        let urls = self.files.iter().filter_map(|file| match &file.place {
            Some(Place::Url(url)) => Some(url.as_str()),
            _ => None,
        });
        self.index.as_deref().or_else(|| urls.into_iter().next()).unwrap_or(PYPI)
    }

    /// The file that an installer chooses for the target, the first of equal ones, and how well it fits; `None` if the
    /// lock names no files.
    pub(super) fn best(&self, target: Target) -> Option<(Fit, &File)> {
        let files = self.files.iter().rev().map(|file| (Fit::of(&file.name, target), file));
        files.max_by(|left, right| left.0.cmp(&right.0))
    }

    /// Whether it has to be built for the target: the lock has its files, and none is a wheel that fits.
    pub(crate) fn is_source_for(&self, target: Target) -> bool {
        self.best(target).is_some_and(|(fit, _)| fit == Fit::Source)
    }

    /// Adds the paths of files in these folders, which are recognized by their hashes.
    pub(super) fn in_folders(mut self, home: &Utf8Path, folders: &[Utf8PathBuf]) -> Self {
        for file in &mut self.files {
            let is_known = match &file.place {
                None => false,
                Some(Place::Url(_)) => true,
                // The path may be one of the machine that made the lock.
                Some(Place::Path(path)) => home.join(path).exists(),
            };
            let same = |path: &Utf8PathBuf| matches!(hashes::compare(&home.join(path), &file.hashes), Ok(Some(true)));
            if !is_known && let Some(path) = folders.iter().map(|folder| folder.join(&file.name)).find(same) {
                file.place = Some(Place::Path(path));
            }
        }
        self
    }
}

/// Whether the index is on the network, and not a folder.
pub(crate) fn is_remote(index: &str) -> bool {
    index.starts_with("http://") || index.starts_with("https://")
}

/// The indexes and pages that a project declares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub(super) indexes: Vec<String>,
    /// Pages of links, with the files of all names on one page.
    pub(super) pages: Vec<String>,
}

impl Declared {
    fn has_index(&self, url: &str) -> bool {
        is_remote(url) && self.indexes.iter().any(|index| is_same(index, url))
    }

    pub(super) fn has_page(&self, url: &str) -> bool {
        let url = plain(url);
        matches!(Utf8Path::new(&url).extension(), Some("html" | "htm")) || self.names_page(&url)
    }

    pub(super) fn names_page(&self, url: &str) -> bool {
        self.pages.iter().any(|page| is_same(page, url))
    }
}

fn lies_in(url: &str, index: &str) -> bool {
    plain(url).rsplit_once('/').is_some_and(|(folder, _)| folder == plain(index))
}

/// Whether two URLs or folders are the same place.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// The URL without the parts that do not affect where it leads.
fn plain(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    crate::secrets::without_credentials(&url[..end]).trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(index: Option<&str>, url: &str) -> Locked {
        let files = vec![File::at_url(url, BTreeSet::new())];
        Locked { index: index.map(str::to_owned), files, ..Locked::default() }
    }

    #[test]
    fn only_indexes_are_asked_by_name() {
        let declared =
            Declared { pages: vec!["https://h/expanded/v1/".to_owned()], indexes: vec!["https://h/whl/".to_owned()] };
        for (index, url, is_on_index) in [
            (None, "https://files.pythonhosted.org/packages/a/a-1.tar.gz", true),
            (None, "https://h/a-1.tar.gz", false),
            (Some("https://h/simple"), "https://h/simple/a/a-1.tar.gz", true),
            (Some("https://h/simple"), "https://cdn/a-1.tar.gz", true),
            (Some("https://h/flat/"), "https://h/flat/a-1.tar.gz", false),
            (Some("https://h/flat"), "https://u:p@h/flat/a-1.tar.gz", false),
            (Some("https://h/whl"), "https://h/whl/a-1.tar.gz", true),
            (Some("https://h/links.html"), "https://cdn/a-1.tar.gz", false),
            (Some("https://h/expanded/v1"), "https://h/v1/a-1.tar.gz", false),
            (Some("wheels"), "file:///w/wheels/a-1.tar.gz", false),
            (Some("file:///w/simple"), "https://h/a-1.tar.gz", false),
        ] {
            let locked = locked(index, url);
            assert_eq!(locked.is_on_index(&locked.files[0], &declared), is_on_index, "{index:?} {url}");
        }
    }

    #[test]
    fn files_have_the_names_of_their_urls() {
        let name = |url: &str| File::at_url(url, BTreeSet::new()).name;
        assert_eq!(
            name("https://h/torch-2.5.1%2Bcpu-cp313-cp313-linux_x86_64.whl#sha256=aa"),
            "torch-2.5.1+cpu-cp313-cp313-linux_x86_64.whl"
        );
        assert_eq!(name("file:///w/a%20b/six-1.tar.gz"), "six-1.tar.gz");
    }
}
