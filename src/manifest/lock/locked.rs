//! The files of a locked distribution, and where each of them is.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::wheel::Fit;
use crate::manifest::hashes;
use crate::manifest::project::{PYPI, PYPI_FILES};
use crate::types::Target;

/// A distribution of a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// Normalized.
    pub(crate) name: String,
    pub(crate) version: String,
    /// URL or folder of the index that it is from, as far as the lock says it.
    pub(crate) index: Option<String>,
    /// As far as they are known by their names.
    pub(crate) files: Vec<File>,
    /// One of these markers has to be true where a lock has several of the same name; none if it is for all.
    pub(crate) forks: Vec<String>,
}

/// One of its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    /// Where it is; `None` if only its index knows.
    pub(crate) place: Option<Place>,
    /// `algorithm:digits`; all of them are of this file.
    pub(crate) hashes: BTreeSet<String>,
    /// Of the project in it.
    pub(crate) subdirectory: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Url(String),
    /// From the lock's folder, or absolute.
    Path(Utf8PathBuf),
}

impl File {
    /// A file at a URL; `file://` is a path.
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
            // PyPI's files are on a host of its own.
            (None, Some(Place::Url(url))) => url.starts_with(PYPI_FILES),
            (None, None) => true,
            (Some(index), _) if declared.has_index(index) => true,
            // An index has a folder for each name; where a file lies beside the others it is a page.
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

    /// The file that an installer takes for the target, the first of equals, and how well it fits; `None` if the lock names
    /// none.
    pub(super) fn best(&self, target: Target) -> Option<(Fit, &File)> {
        let files = self.files.iter().rev().map(|file| (Fit::of(&file.name, target), file));
        files.max_by(|left, right| left.0.cmp(&right.0))
    }

    /// Whether it has to be built for the target: the lock knows its files, and has no wheel of it that fits.
    pub(crate) fn is_source_for(&self, target: Target) -> bool {
        self.best(target).is_some_and(|(fit, _)| fit == Fit::Source)
    }

    /// With the files that lie in one of these folders, as their hashes show.
    pub(super) fn in_folders(mut self, home: &Utf8Path, folders: &[Utf8PathBuf]) -> Self {
        for file in &mut self.files {
            let is_known = match &file.place {
                None => false,
                Some(Place::Url(_)) => true,
                // Its place on the machine that made the lock.
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

/// Whether it is asked over the network; else it is a folder.
pub(crate) fn is_remote(index: &str) -> bool {
    index.starts_with("http://") || index.starts_with("https://")
}

/// What a project says of its places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub(super) indexes: Vec<String>,
    /// Lists of links, which have all files on one page and know no names.
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

/// Without what does not say where it is.
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
