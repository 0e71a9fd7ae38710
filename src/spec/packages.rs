//! The folders and files of this machine from which the installer takes packages. They decide what is in the layer,
//! like a file of the repository.

use std::borrow::Cow;
use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

use super::{Dependencies, Reading};
use crate::error::Failure;
use crate::files;
use crate::manifest::local_packages::{KnownPackages, Shelf};
use crate::manifest::{Place, place_of};
use crate::types::Digest;

impl Reading<'_> {
    /// The digests of all these locations, by their paths relative to the working directory.
    pub(super) fn packages(
        &mut self,
        dependencies: &Dependencies,
        known: &KnownPackages,
    ) -> BTreeMap<Utf8PathBuf, Digest> {
        if dependencies.requirements.is_empty() {
            return BTreeMap::new();
        }
        let urls = dependencies.index_url.iter().chain(&dependencies.extra_index_urls);
        let indexes = urls.filter_map(|url| match place_of(url.exposed()) {
            Place::Local(path) => Some(("an index is".to_owned(), path, Shelf::Index)),
            Place::Url => None,
        });
        let named = dependencies.manifest.packages.iter();
        let named = named.map(|(path, shelf)| ("a dependency file refers to".to_owned(), path.clone(), *shelf));
        let mut found = BTreeMap::new();
        for (who, path, shelf) in indexes.chain(named) {
            let full = self.folder.join(&path);
            if !full.exists() {
                let failure = Failure::user(format!("{who} `{path}`, which does not exist"));
                self.problems.push(failure.hint("paths are relative to the working directory"));
                continue;
            }
            if let Some(offer) = self.problems.check(known.offer(&files::normalize(&full).unwrap_or(full), shelf)) {
                found.insert(path, offer.digest);
                found.extend(offer.elsewhere);
            }
        }
        found
    }
}

/// An index that is the path of a folder, in the form that uv and pip accept: `file:///…`, with its name if it has one.
pub(super) fn index_of_folder<'a>(text: &'a str, folder: &Utf8Path) -> Cow<'a, str> {
    let named = text.split_once('=').filter(|(name, _)| !name.contains(['/', ':', '.']));
    let (name, path) = named.map_or(("", text), |(name, path)| (name, path));
    let is_path = !path.contains("://") && folder.join(path).is_dir();
    let place = is_path.then(|| files::normalize(&folder.join(path))).flatten();
    match place.and_then(|place| Url::from_file_path(place).ok()) {
        Some(url) if name.is_empty() => url.to_string().into(),
        Some(url) => format!("{name}={url}").into(),
        None => text.into(),
    }
}
