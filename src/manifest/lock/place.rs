//! Writes the requirement of a locked distribution, with the place that its lock names.
//!
//! With hashes, a distribution may come from any index, because other bytes are refused. A distribution in a folder, at
//! a URL or on a page of links is fetched from there, and so is one without hashes.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::Version;
use pep508_rs::VersionOrUrl;

use super::locked::{Declared, File, Locked, Place};
use super::wheel::Fit;
use crate::error::{Failure, Problems};
use crate::facts::Kind;
use crate::files;
use crate::manifest::marker_environment;
use crate::manifest::requirement::{marker_of, split_options};
use crate::secrets::SecretUrl;
use crate::types::normalized;
use crate::types::{Digest, Target, pep508};

/// What all requirements of a lock have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placing<'a> {
    pub(crate) path: &'a Utf8Path,
    /// The folder of the lock, absolute.
    pub(crate) folder: &'a Utf8Path,
    pub(crate) target: Target,
    pub(crate) declared: &'a Declared,
    /// All indexes in the lock, with their credentials.
    pub(crate) indexes: &'a [SecretUrl],
    /// The command that updates the lock.
    pub(crate) refresh: &'a str,
}

/// How many distributions without a file are named.
const NAMED: usize = 10;
const NAMED_AT_ONCE: usize = 3;

/// Why a distribution cannot be installed.
#[derive(Debug)]
pub(crate) enum Unplaced {
    /// The lock has no file of it for the target: its name, and what there is.
    NoFile(String, String),
    Failed(Failure),
}

/// The lines whose distributions could be found, each with the number of the line that it comes from. Problems: the
/// other lines, with those that lack a file for the target as one problem.
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
    /// A line of a requirement file, `name==version ; marker --hash=…`, with the place of the distribution if the name
    /// is not enough. Lines with a place, and lines for other targets, stay as they are.
    ///
    /// # Errors
    /// The lock has no file for the target, or the place of the file is unknown.
    pub(crate) fn line(&self, line: &str, locked: &[&Locked]) -> Result<String, Unplaced> {
        let (text, options) = split_options(line)?;
        if let Some(path) = path_of(text) {
            if marker_of(text)?.evaluate(&marker_environment(self.target), &[]) {
                self.check(path)?;
            }
            return Ok(line.to_owned());
        }
        let Ok(asked) = pep508::requirement(text) else { return Ok(line.to_owned()) };
        let Some(VersionOrUrl::VersionSpecifier(versions)) = &asked.version_or_url else { return Ok(line.to_owned()) };
        if !asked.marker.evaluate(&marker_environment(self.target), &[]) {
            return Ok(line.to_owned());
        }
        let name = normalized(asked.name.as_ref());
        let is_asked = |known: &&&Locked| {
            known.name == name
                // `==2.5` also allows `2.5+cpu`, which is another distribution.
                && known.version.parse::<Version>().is_ok_and(|own| versions.iter().all(|asked| *asked.version() == own))
        };
        let found: Vec<&Locked> = locked.iter().filter(is_asked).copied().collect();
        let Some(known) = self.only(&found, &options.hashes)? else { return Ok(line.to_owned()) };
        let (fit, file) = known.best(self.target).unzip();
        if fit == Some(Fit::No) {
            return Err(Unplaced::NoFile(known.name.clone(), files_of(known)));
        }
        let is_on_index = file.is_none_or(|file| known.is_on_index(file, self.declared));
        let is_hashed = !options.hashes.is_empty();
        let marker = asked.marker.contents().map(|marker| format!(" ; {marker}")).unwrap_or_default();
        match file.and_then(|file| Some((file, file.place.as_ref()?))) {
            // Other bytes are refused.
            _ if is_on_index && is_hashed => Ok(line.to_owned()),
            Some((file, place)) => Ok(self.placed(&known.name, file, place, &marker)?),
            // A page of links, whose files the lock does not list: the installer reads it.
            None if is_hashed => Ok(line.to_owned()),
            // The installer asks no other index.
            None if is_on_index && self.indexes.len() < 2 => Ok(line.to_owned()),
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

    /// The distribution that is meant, if several have the same name and version but different places.
    fn only<'a>(&self, found: &[&'a Locked], hashes: &BTreeSet<String>) -> Result<Option<&'a Locked>, Failure> {
        let environment = marker_environment(self.target);
        let has_hashes = |known: &&&'a Locked| {
            let own: BTreeSet<&String> = known.files.iter().flat_map(|file| &file.hashes).collect();
            hashes.iter().all(|hash| own.contains(hash)) && hashes.is_empty() == own.is_empty()
        };
        let is_fork = |known: &&&'a Locked| {
            let mut markers = known.forks.iter().filter_map(|text| pep508::marker(text).ok());
            known.forks.is_empty() || markers.any(|marker| marker.evaluate(&environment, &[]))
        };
        // If the bytes are the same, the place does not matter.
        let same: Vec<&Locked> = found.iter().filter(has_hashes).copied().collect();
        let is_on_index =
            |known: &&&Locked| known.best(self.target).is_none_or(|(_, file)| known.is_on_index(file, self.declared));
        if !hashes.is_empty() && !same.is_empty() {
            return Ok(same.iter().find(is_on_index).or(same.first()).copied());
        }
        let forks: Vec<&Locked> = found.iter().filter(is_fork).copied().collect();
        let found = if forks.is_empty() { found.to_vec() } else { forks };
        match found.as_slice() {
            [] => Ok(None),
            [first, others @ ..] if others.iter().all(|other| other.index == first.index) => Ok(Some(first)),
            [first, others @ ..] => {
                let places = std::iter::once(first).chain(others).map(|known| known.origin());
                let places = places.map(|place| format!("`{place}`")).collect::<Vec<_>>().join(" and ");
                let Locked { name, version, .. } = first;
                let failure = format!(
                    "`{}` contains `{name} {version}` from {places}, without a marker to choose between them",
                    self.path
                );
                Err(Failure::user(failure)
                    .hint("give the package one source in `pyproject.toml`, and lock the project again"))
            }
        }
    }

    /// A requirement `name @ URL`, or a path, with the hashes of the file.
    pub(crate) fn placed(&self, name: &str, file: &File, place: &Place, marker: &str) -> Result<String, Failure> {
        let fragment = file.subdirectory.as_ref().map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
        let mut hashes = file.hashes.clone();
        let what = match place {
            Place::Url(url) => {
                let url = url.split('#').next().unwrap_or(url);
                format!("{name} @ {}{fragment}", self.with_credentials(url))
            }
            Place::Path(path) => {
                self.check(path)?;
                if hashes.is_empty() {
                    // The bytes of the file are an input, and pip wants hashes for all requirements or for none.
                    let bytes =
                        fs_err::read(self.folder.join(path)).map_err(|error| files::unreadable(path, &error))?;
                    hashes.insert(format!("sha256:{}", Digest::of(&bytes).hex()));
                }
                format!("{}{fragment}", local(path))
            }
        };
        let hashes = hashes.iter().map(|hash| format!(" --hash={hash}"));
        Ok([what, marker.to_owned()].into_iter().chain(hashes).collect())
    }

    /// Checks that a path in the lock exists.
    ///
    /// # Errors
    /// The path in the lock does not exist.
    pub(crate) fn check(&self, path: &Utf8Path) -> Result<(), Failure> {
        if self.folder.join(path).exists() {
            return Ok(());
        }
        let failure = Failure::user(format!("`{}` does not exist", path.strip_prefix(".").unwrap_or(path)));
        Err(failure
            .hint("check it out or create it before this step, or do not select the group or extra that needs it"))
    }

    /// The URL with the user and password of the index, if the file is on the index's host.
    fn with_credentials(&self, url: &str) -> String {
        let origin = |url: &str| url::Url::parse(url).ok().map(|url| url.origin());
        let mut index = self.indexes.iter().filter(|index| origin(index.exposed()) == origin(url));
        let pair = |index: &SecretUrl| {
            let index = url::Url::parse(index.exposed()).ok()?;
            let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
            (!index.username().is_empty() || index.password().is_some())
                .then(|| (decoded(index.username()), decoded(index.password().unwrap_or_default())))
        };
        let Some((user, password)) = index.find_map(pair) else { return url.to_owned() };
        let plain = SecretUrl::parse(self.path.as_str(), url).map(|url| url.with_credentials(&user, &password));
        plain.map_or_else(|_| url.to_owned(), |url| url.exposed().to_owned())
    }

    fn no_file(&self, without: &[(String, String)]) -> Failure {
        let Self { path, target, refresh, .. } = self;
        let names: Vec<String> = without.iter().take(NAMED_AT_ONCE).map(|(name, _)| format!("`{name}`")).collect();
        let more = |shown: usize| (without.len() > shown).then(|| format!("and {} more", without.len() - shown));
        let names = [names.join(", ")].into_iter().chain(more(NAMED_AT_ONCE)).collect::<Vec<_>>().join(" ");
        let failure = Failure::user(format!("`{path}` contains no files of {names} for {target}"));
        let causes = without.iter().take(NAMED).map(|(_, what)| what.clone()).chain(more(NAMED));
        failure.causes(causes).hint(if Kind::of(path) == Kind::Pylock {
            format!("lock the project on {target}, or for all platforms, for example with `uv lock` and `uv export --format pylock.toml`: this file was locked for another Python or platform")
        } else {
            format!("require versions that have such a wheel, and lock them with `{refresh}`")
        })
    }

    fn unknown_place(&self, known: &Locked) -> Failure {
        let Locked { name, version, .. } = known;
        let asked: Vec<&str> = self.indexes.iter().map(SecretUrl::shown).collect();
        let failure = Failure::user(format!(
            "`{}` contains no hash for `{name} {version}`, which comes from `{}`",
            self.path,
            crate::secrets::without_credentials(known.origin())
        ));
        let failure = failure.cause(format!(
            "other packages come from other indexes, and any of these could offer a package of the same name: {}",
            asked.join(", ")
        ));
        failure.hint(format!("lock the project again with `{}`, which adds hashes", self.refresh))
    }
}

/// A path in a form that no tool takes for a name.
pub(crate) fn local(path: &Utf8Path) -> Utf8PathBuf {
    if path.as_str().starts_with(['.', '/']) { path.to_owned() } else { Utf8Path::new(".").join(path) }
}

/// The path in a requirement that consists of one, as tools and `local` write it.
pub(crate) fn path_of(text: &str) -> Option<&Utf8Path> {
    let end = text.find([' ', '#', '[']).unwrap_or(text.len());
    text.starts_with(['.', '/']).then(|| Utf8Path::new(&text[..end]))
}

fn files_of(known: &Locked) -> String {
    let Locked { name, version, files, .. } = known;
    match files.as_slice() {
        [only] => format!("`{name} {version}` has only `{}`", only.name),
        files => format!("`{name} {version}` has {} wheels, all of them for other targets", files.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(line: &str, locked: &[Locked], indexes: &[&str]) -> String {
        let indexes: Vec<SecretUrl> = indexes.iter().map(|url| SecretUrl::parse("x", url).expect("is a URL")).collect();
        let placing = Placing {
            path: "poetry.lock".into(),
            folder: "/none".into(),
            target: Target::of_tests(),
            declared: &Declared::default(),
            indexes: &indexes,
            refresh: "poetry lock",
        };
        match placing.line(line, &locked.iter().collect::<Vec<_>>()) {
            Ok(line) => line,
            Err(Unplaced::NoFile(_, what)) => what,
            Err(Unplaced::Failed(failure)) => [vec![failure.message], failure.causes].concat().join("\n"),
        }
    }

    fn locked(version: &str, index: Option<&str>, files: Vec<File>) -> Locked {
        Locked { name: "a".into(), version: version.into(), index: index.map(str::to_owned), files, forks: Vec::new() }
    }

    fn hash(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    #[test]
    fn what_has_no_hash_comes_from_its_own_place_alone() {
        let unknown = [locked("1", Some("https://h/simple"), Vec::new())];
        assert_eq!(placed("a==1", &unknown, &["https://h/simple"]), "a==1");
        insta::assert_snapshot!(placed("a==1", &unknown, &["https://h/simple", "https://pypi.org/simple"]), @r"
        `poetry.lock` contains no hash for `a 1`, which comes from `https://h/simple`
        other packages come from other indexes, and any of these could offer a package of the same name: https://h/simple, https://pypi.org/simple
        ");
        let known =
            [locked("1", Some("https://h/simple"), vec![File::at_url("https://h/f/a-1.tar.gz", BTreeSet::new())])];
        assert_eq!(placed("a==1", &known, &["https://u:p%40s@h/simple"]), "a @ https://u:p%40s@h/f/a-1.tar.gz");
        assert_eq!(placed("a==1 ; sys_platform == 'win32'", &known, &[]), "a==1 ; sys_platform == 'win32'");
    }

    #[test]
    fn of_two_places_the_one_with_the_hash_is_meant() {
        let file = |place: &str, digit: &str| {
            vec![File::at_url(&format!("{place}/a-1-py3-none-any.whl"), [hash(digit)].into())]
        };
        let locked = [
            locked("1", Some("https://h/simple"), file("https://h/simple/a", "0")),
            locked("1", Some("https://h/flat"), file("https://h/flat", "1")),
            locked("1+cpu", Some("https://h/cpu"), file("https://h/cpu", "2")),
        ];
        let line = |version: &str, digit: &str| format!("a=={version} --hash={}", hash(digit));
        assert_eq!(placed(&line("1", "0"), &locked, &[]), line("1", "0"));
        let url =
            |place: &str, digit: &str| format!("a @ https://h/{place}/a-1-py3-none-any.whl --hash={}", hash(digit));
        assert_eq!(placed(&line("1", "1"), &locked, &[]), url("flat", "1"));
        assert_eq!(placed(&line("1+cpu", "2"), &locked, &[]), url("cpu", "2"));
        let same = [locked[1].clone(), Locked { index: Some("https://h/more".to_owned()), ..locked[1].clone() }];
        assert_eq!(placed(&line("1", "1"), &same, &[]), line("1", "1"));
        let said = placed("a==1", &locked, &[]);
        assert_eq!(
            said,
            "`poetry.lock` contains `a 1` from `https://h/simple` and `https://h/flat`, without a marker to choose between them"
        );
    }

    #[test]
    fn the_file_that_fits_best_is_taken() {
        let names = ["a-1.tar.gz", "a-1-cp313-cp313-win_amd64.whl", "a-1-cp313-cp313-manylinux2014_x86_64.whl"];
        let files = |count: usize| -> Vec<File> {
            names[..count].iter().map(|name| File::at_url(&format!("https://h/{name}"), BTreeSet::new())).collect()
        };
        let placed = |files| placed("a==1", &[locked("1", None, files)], &[]);
        assert_eq!(placed(files(3)), "a @ https://h/a-1-cp313-cp313-manylinux2014_x86_64.whl");
        assert_eq!(placed(files(2)), "a @ https://h/a-1.tar.gz");
        assert_eq!(placed(files(2).split_off(1)), "`a 1` has only `a-1-cp313-cp313-win_amd64.whl`");
    }
}
