//! The requirement of a locked distribution, from the place that its lock names.
//!
//! With its hashes a distribution may come from any index: other bytes are refused. What lies in a folder, behind a URL or
//! on a page of links is fetched from there, and so is what has no hash.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::Version;
use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};

use super::locked::{Declared, File, Locked, Place};
use super::wheel::Fit;
use crate::error::{Failure, Problems};
use crate::manifest::requirement::{marker_of, split_options};
use crate::manifest::{Kind, marker_environment, normalized};
use crate::secrets::SecretUrl;
use crate::types::{Digest, Target};

/// What all requirements of a lock have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placing<'a> {
    pub(crate) path: &'a Utf8Path,
    /// Of the lock, absolute.
    pub(crate) folder: &'a Utf8Path,
    pub(crate) target: Target,
    pub(crate) declared: &'a Declared,
    /// All that the lock names, with their credentials.
    pub(crate) indexes: &'a [SecretUrl],
    /// The command that writes the lock anew.
    pub(crate) refresh: &'a str,
}

/// As many are named of those without a file.
const NAMED: usize = 10;
const NAMED_AT_ONCE: usize = 3;

/// Why a distribution cannot be had.
#[derive(Debug)]
pub(crate) enum Unplaced {
    /// The lock has no file of it for the target: its name, and what there is.
    NoFile(String, String),
    Failed(Failure),
}

/// All lines that could be placed, each with the number of the line that it comes from. Problems: the others, those
/// without a file for the target as one.
pub(crate) fn all(
    lines: impl Iterator<Item = (usize, Result<String, Unplaced>)>,
    placing: &Placing<'_>,
    problems: &mut Problems,
) -> Vec<(usize, String)> {
    let (mut placed, mut without) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        match line {
            Ok(line) => placed.push((number, line)),
            Err(Unplaced::NoFile(name, what)) => without.push((name, what)),
            Err(Unplaced::Failed(failure)) => {
                let message = format!("{}:{number}: {}", placing.path, failure.message);
                problems.push(Failure { message, ..failure });
            }
        }
    }
    if !without.is_empty() {
        problems.push(placing.no_file(&without));
    }
    placed
}

impl From<Failure> for Unplaced {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Placing<'_> {
    /// A line of a requirement file, `name==version ; marker --hash=…`, with the place of the distribution where its name
    /// is not enough. Lines that name a place, and those of other targets, stay as they are.
    ///
    /// # Errors
    /// The lock has no file for the target, or one that can be found nowhere.
    pub(crate) fn line(&self, line: &str, locked: &[&Locked]) -> Result<String, Unplaced> {
        let (text, options) = split_options(line)?;
        let Ok(asked) = Requirement::<VerbatimUrl>::from_str(text) else { return Ok(line.to_owned()) };
        let Some(VersionOrUrl::VersionSpecifier(versions)) = &asked.version_or_url else { return Ok(line.to_owned()) };
        if !asked.marker.evaluate(&marker_environment(self.target), &[]) {
            return Ok(line.to_owned());
        }
        let is_asked = |known: &&&Locked| {
            known.name == normalized(asked.name.as_ref())
                // `==2.5` takes a `2.5+cpu`, which is another one.
                && known.version.parse::<Version>().is_ok_and(|own| versions.iter().all(|asked| *asked.version() == own))
        };
        let found: Vec<&Locked> = locked.iter().filter(is_asked).copied().collect();
        let Some(known) = self.only(&found, &options.hashes)? else { return Ok(line.to_owned()) };
        let (fit, file) = known.best(self.target).unzip();
        if fit == Some(Fit::No) {
            return Err(Unplaced::NoFile(known.name.clone(), files_of(known)));
        }
        let is_on_index = file.is_none_or(|file| known.is_on_index(file, self.declared));
        // Where nothing else is asked, it can come from nowhere else.
        if is_on_index && (!options.hashes.is_empty() || self.indexes.len() < 2) {
            return Ok(line.to_owned());
        }
        let marker = asked.marker.contents().map(|marker| format!(" ; {marker}")).unwrap_or_default();
        match file.and_then(|file| Some((file, file.place.as_ref()?))) {
            Some((file, place)) => Ok(self.placed(&known.name, file, place, &marker)?),
            // A page of links, of which the lock does not say what they lead to, is read by the installer.
            None if !options.hashes.is_empty() => Ok(line.to_owned()),
            None => Err(self.unknown_place(known).into()),
        }
    }

    /// The requirement of a distribution that consists of one file and may have no version.
    pub(crate) fn only_file(&self, known: &Locked, marker: &str) -> Result<String, Unplaced> {
        let Some(file) = known.files.first() else { return Err(self.unknown_place(known).into()) };
        let is_asked = marker_of(marker)?.evaluate(&marker_environment(self.target), &[]);
        if is_asked && Fit::of(&file.name, self.target) == Fit::No {
            return Err(Unplaced::NoFile(known.name.clone(), files_of(known)));
        }
        match &file.place {
            Some(place) => Ok(self.placed(&known.name, file, place, marker)?),
            None => Err(self.unknown_place(known).into()),
        }
    }

    /// The one that is meant of those with the same name and version, which are from different places.
    fn only<'a>(&self, found: &[&'a Locked], hashes: &BTreeSet<String>) -> Result<Option<&'a Locked>, Failure> {
        let environment = marker_environment(self.target);
        let has_hashes = |known: &&&'a Locked| {
            let own: BTreeSet<&String> = known.files.iter().flat_map(|file| &file.hashes).collect();
            hashes.iter().all(|hash| own.contains(hash)) && hashes.is_empty() == own.is_empty()
        };
        let is_fork = |known: &&&'a Locked| {
            let mut markers = known.forks.iter().filter_map(|text| pep508_rs::MarkerTree::from_str(text).ok());
            known.forks.is_empty() || markers.any(|marker| marker.evaluate(&environment, &[]))
        };
        let mut found = found.to_vec();
        for narrower in [
            found.iter().filter(has_hashes).copied().collect::<Vec<_>>(),
            found.iter().filter(has_hashes).filter(is_fork).copied().collect(),
        ] {
            if found.len() > 1 && !narrower.is_empty() {
                found = narrower;
            }
        }
        match found.as_slice() {
            [] => Ok(None),
            [first, others @ ..] if others.iter().all(|other| other.index == first.index) => Ok(Some(first)),
            [first, others @ ..] => {
                let places = std::iter::once(first).chain(others).map(|known| known.origin());
                let places = places.map(|place| format!("`{place}`")).collect::<Vec<_>>().join(" and ");
                let Locked { name, version, .. } = first;
                let failure =
                    format!("`{}` has `{name} {version}` from {places}, and does not say which is meant", self.path);
                Err(Failure::user(failure).hint("give it one source in `pyproject.toml`, and lock it again"))
            }
        }
    }

    /// `name @ URL` or a path, with the hashes of the file.
    pub(crate) fn placed(&self, name: &str, file: &File, place: &Place, marker: &str) -> Result<String, Failure> {
        let fragment = file.subdirectory.as_ref().map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
        let mut hashes = file.hashes.clone();
        let what = match place {
            Place::Url(url) => {
                let url = url.split('#').next().unwrap_or(url);
                format!("{name} @ {}{fragment}", self.with_credentials(url))
            }
            Place::Path(path) => {
                if hashes.is_empty() {
                    // Its bytes are an input, and pip wants a hash of all or of none.
                    hashes.insert(format!("sha256:{}", self.digest(name, path)?.hex()));
                }
                format!("{}{fragment}", local(path))
            }
        };
        let hashes = hashes.iter().map(|hash| format!(" --hash={hash}"));
        Ok([what, marker.to_owned()].into_iter().chain(hashes).collect())
    }

    fn digest(&self, name: &str, path: &Utf8Path) -> Result<Digest, Failure> {
        fs_err::read(self.folder.join(path)).map(|bytes| Digest::of(&bytes)).map_err(|error| {
            let failure = format!("`{path}`, from which `{}` takes `{name}`, cannot be read", self.path);
            Failure::user(failure).cause(error.to_string()).hint("commit the file, or make it before this step")
        })
    }

    /// A file on the host of an index is fetched with the index's user and password.
    fn with_credentials(&self, url: &str) -> String {
        let origin = |url: &str| url::Url::parse(url).ok().map(|url| url.origin());
        let index = self.indexes.iter().filter(|index| origin(index.exposed()) == origin(url));
        let pair = |index: &SecretUrl| {
            let index = url::Url::parse(index.exposed()).ok()?;
            let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            (!index.username().is_empty() || index.password().is_some())
                .then(|| (decoded(index.username()), decoded(index.password().unwrap_or_default())))
        };
        let Some((user, password)) = index.filter_map(pair).next() else { return url.to_owned() };
        let plain = SecretUrl::parse(self.path.as_str(), url).map(|url| url.with_credentials(&user, &password));
        plain.map_or_else(|_| url.to_owned(), |url| url.exposed().to_owned())
    }

    fn no_file(&self, without: &[(String, String)]) -> Failure {
        let Self { path, target, refresh, .. } = self;
        let names: Vec<String> = without.iter().take(NAMED_AT_ONCE).map(|(name, _)| format!("`{name}`")).collect();
        let more = |shown: usize| (without.len() > shown).then(|| format!("and {} more", without.len() - shown));
        let names = [names.join(", ")].into_iter().chain(more(NAMED_AT_ONCE)).collect::<Vec<_>>().join(" ");
        let failure = Failure::user(format!("`{path}` has no file for {target} of {names}"));
        let causes = without.iter().take(NAMED).map(|(_, what)| what.clone()).chain(more(NAMED));
        failure.causes(causes).hint(if Kind::of(path) == Kind::Pylock {
            format!("it was made for another Python or platform: lock it on {target}, or for all of them, as `uv lock` and `uv export --format pylock.toml` do")
        } else {
            format!("take versions that have a wheel for it, and lock them with `{refresh}`")
        })
    }

    fn unknown_place(&self, known: &Locked) -> Failure {
        let Locked { name, version, .. } = known;
        let asked: Vec<&str> = self.indexes.iter().map(SecretUrl::shown).collect();
        let failure = Failure::user(format!(
            "`{}` has no hash of `{name} {version}`, which is from `{}`",
            self.path,
            crate::secrets::without_credentials(known.origin())
        ));
        let failure = failure.cause(format!(
            "others of its packages are from elsewhere, so that any of these could have that name: {}",
            asked.join(", ")
        ));
        failure.hint(format!("lock it again with `{}`, which writes hashes", self.refresh))
    }
}

/// A path that no tool takes for a name.
pub(crate) fn local(path: &Utf8Path) -> Utf8PathBuf {
    if path.as_str().starts_with(['.', '/']) { path.to_owned() } else { Utf8Path::new(".").join(path) }
}

fn files_of(known: &Locked) -> String {
    let Locked { name, version, files, .. } = known;
    match files.as_slice() {
        [only] => format!("`{name} {version}` has only `{}`", only.name),
        files => format!("`{name} {version}` has {} wheels, all for others", files.len()),
    }
}
