//! The package indexes and pages of links that a lock file names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::SecretString;

use super::locked::{self, Declared, Locked, is_remote};
use super::uv;
use super::variables::filled_in;
use crate::environment::Environment;
use crate::error::Problems;
use crate::manifest::project::{IndexTable, PYPI};
use crate::manifest::text;
use crate::secrets::{SecretUrl, credentials};

/// Separates indexes from pages of links, which installers read in another way. Folders are neither.
pub(in crate::manifest) fn split(
    indexes: Vec<IndexTable>,
    locked: &[Locked],
    declared: &Declared,
) -> (Vec<IndexTable>, Vec<IndexTable>) {
    let remote = indexes.into_iter().filter(|index| index.url.as_deref().is_none_or(is_remote));
    remote.partition(|index| {
        let url = index.url.as_deref().unwrap_or(PYPI);
        let of_index =
            locked.iter().filter(|locked| locked.index.as_deref().is_some_and(|own| locked::is_same(own, url)));
        let mut files = of_index.flat_map(|locked| locked.files.iter().map(move |file| (locked, file))).peekable();
        if files.peek().is_none() {
            return !declared.has_page(url);
        }
        files.any(|(locked, file)| locked.is_on_index(file, declared))
    })
}

/// The indexes of the distributions, with the one to ask last at the end; empty if that is only PyPI.
///
/// `used` has the index of each distribution, `None` for PyPI.
pub(in crate::manifest) fn used_indexes(used: impl Iterator<Item = Option<IndexTable>>) -> Vec<IndexTable> {
    let mut indexes: BTreeMap<String, IndexTable> = BTreeMap::new();
    let mut uses_pypi = false;
    for index in used {
        match index.as_ref().and_then(|index| index.url.as_deref()).map(|url| url.trim_end_matches('/')) {
            None | Some(PYPI) => uses_pypi = true,
            Some(url) => {
                indexes.entry(url.to_owned()).or_insert_with(|| index.expect("has a URL"));
            }
        }
    }
    let mut indexes: Vec<IndexTable> = indexes.into_values().collect();
    if uses_pypi && !indexes.is_empty() {
        indexes.push(IndexTable::new(None, PYPI));
    }
    indexes
}

/// The URLs of the indexes in a file, with variables filled in.
pub(in crate::manifest) fn index_urls(
    path: &Utf8Path,
    indexes: &[IndexTable],
    environment: &Environment,
    problems: &mut Problems,
) -> Vec<SecretUrl> {
    let urls = indexes.iter().filter_map(|index| {
        let url = filled_in(index.url.as_deref()?, environment);
        let named = index.name.as_ref().map_or_else(|| url.clone(), |name| format!("{name}={url}"));
        let url = problems.check(SecretUrl::parse(path.as_str(), &named))?;
        Some(credentials::with_own(url, environment))
    });
    urls.collect()
}

/// All pages and folders of a lock, as the value of uv's variable, if some of them are not declared: they were given on
/// the command line when the project was locked.
pub(super) fn foreign_links(locked: &[Locked], pages: &[SecretUrl], declared: &Declared) -> Option<SecretString> {
    let places: BTreeSet<&str> = locked.iter().filter_map(|known| known.index.as_deref()).collect();
    let link = |place: &&str| match pages.iter().find(|page| locked::is_same(page.shown(), place)) {
        Some(page) => Some(page.exposed().to_owned()),
        // uv requires the same form as in the lock.
        None => (!is_remote(place)).then(|| (*place).to_owned()),
    };
    let (links, is_declared): (Vec<_>, Vec<_>) =
        places.iter().filter_map(|place| Some((link(place)?, declared.names_page(place)))).unzip();
    is_declared.contains(&false).then(|| links.join(",").into())
}

/// The indexes and pages that these files and uv's variable declare.
pub(super) fn declared_to_uv(folder: &Utf8Path, paths: &[&Utf8Path], environment: &Environment) -> Declared {
    let texts = paths.iter().filter_map(|path| text::read(folder, path).ok());
    let mut declared = Declared::default();
    for found in texts.map(|text| uv::declared(&text)) {
        declared.indexes.extend(found.indexes);
        declared.pages.extend(found.pages);
    }
    let links = environment.get("UV_FIND_LINKS").unwrap_or_default();
    declared.pages.extend(links.split([',', ' ']).filter(|link| !link.is_empty()).map(str::to_owned));
    declared
}

/// Adds the paths of files in the folders that the project declares instead of indexes.
pub(super) fn in_folders(locked: Arc<[Locked]>, home: &Utf8Path, declared: &Declared) -> Arc<[Locked]> {
    let folder = |page: &String| {
        let page = page.replace("${PROJECT_ROOT}", home.as_str());
        match page.strip_prefix("file://") {
            // `file:///${PROJECT_ROOT}` has one slash too many.
            Some(path) => Some(Utf8PathBuf::from(format!("/{}", path.trim_start_matches('/')))),
            None => (!is_remote(&page)).then(|| Utf8PathBuf::from(page)),
        }
    };
    let folders: Vec<Utf8PathBuf> = declared.pages.iter().filter_map(folder).collect();
    let folders: Vec<_> = folders.iter().map(|path| path.strip_prefix(home).unwrap_or(path).to_owned()).collect();
    if folders.is_empty() {
        return locked;
    }
    locked.iter().map(|known| known.clone().in_folders(home, &folders)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pypi_alone_is_no_index() {
        let index = |url: &str| Some(IndexTable::new(None, url));
        assert!(used_indexes([None, index("https://pypi.org/simple/")].into_iter()).is_empty());
        let urls = |used: Vec<IndexTable>| used.into_iter().filter_map(|index| index.url).collect::<Vec<_>>();
        assert_eq!(urls(used_indexes([None, index("https://h/simple")].into_iter())), ["https://h/simple", PYPI]);
        assert_eq!(urls(used_indexes([index("https://h/a"), index("https://h/a/")].into_iter())), ["https://h/a"]);
    }
}
