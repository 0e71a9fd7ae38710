//! Lock files whose own tool says what they mean: what can be known of them without starting it.

mod locked;
mod parsed;
mod pdm;
mod pipenv;
pub(super) mod place;
mod poetry;
mod unused;
pub(crate) mod uv;
mod wheel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

pub use parsed::ParsedLocks;

use super::project::{IndexTable, PYPI, Project};
use super::read::fits_python;
use super::requirement::name_of;
use super::uv_settings::KnownIndexes;
use super::{Asked, ManifestFile, Selection, local_digest, marker_environment, text};
use crate::environment::{Environment, uv_workspace};
use crate::error::{Failure, Problems, alternatives};
use crate::facts::Kind;
use crate::files;
use crate::manifest::lock::locked::is_remote;
use crate::manifest::lock::place::Placing;
use crate::secrets::{SecretUrl, credentials, end_of_credentials};
use crate::types::{Digest, PythonVersion, Target, pep508};
pub(super) use locked::{Declared, File, Locked};

/// A lock file that was read and has nothing wrong as far as that shows.
#[derive(Clone, Debug)]
pub struct Lock {
    pub kind: Kind,
    /// As asked for, from the working directory.
    pub path: Utf8PathBuf,
    /// Folder of the project that the dependencies are of, absolute: the lock's, or that of a member of its workspace.
    pub project: Utf8PathBuf,
    /// The file of that project, from the working directory.
    pub(super) source: Utf8PathBuf,
    /// The versions of Python that it is for (PEP 440); empty if it does not say.
    pub(super) python_range: String,
    /// The lock, and what it was made from.
    pub files: Vec<ManifestFile>,
    /// Projects and files beside it that are locked by their place, from the lock's folder.
    pub local: BTreeMap<Utf8PathBuf, Digest>,
    /// Where its distributions come from; the last is asked last. None if all are from PyPI.
    pub indexes: Vec<SecretUrl>,
    /// Those among them that stand in none of the files that uv reads: they were given from outside when it was locked.
    pub foreign: Vec<SecretUrl>,
    /// Pages and folders of files that are no indexes, those of them that a URL leads to.
    pages: Vec<SecretUrl>,
    /// Pages and folders for uv's own variable, some of which stand in none of the files that it reads.
    pub foreign_links: Option<SecretString>,
    declared: Declared,
    locked: Arc<[Locked]>,
    /// What people should know of it.
    pub notes: Vec<String>,
    pub(super) known: Selection,
}

/// What the formats have in common.
#[derive(Clone, Debug, Default)]
struct Contents {
    /// Of the format; `None` if the file does not say.
    version: Option<String>,
    /// The one Python that it was made for, `3.13` or `3.13.1`; the other formats are for all that a project allows.
    python: Option<String>,
    /// The versions of Python that the project is for (PEP 440).
    python_range: String,
    /// Markers of which one has to be true; none if it is for all systems.
    environments: Vec<String>,
    local: BTreeSet<String>,
    locked: Arc<[Locked]>,
    declared: Declared,
    indexes: Vec<IndexTable>,
    known: Selection,
}

impl Lock {
    /// Reads a lock file and what it was made from; nothing is started.
    ///
    /// Problems: it cannot be read, is of an unknown version, does not fit the target's Python, or lacks the file that it
    /// was made from.
    pub(super) fn read(path: &Utf8Path, asked: &Asked<'_>, problems: &mut Problems) -> Option<Self> {
        let (kind, folder) = (Kind::of(path), asked.folder);
        let home = path.parent().unwrap_or(Utf8Path::new(""));
        let project = problems.check(project_of(kind, home, folder))?;
        let beside = kind.facts().beside.as_deref().expect("every lock is made from something");
        let source = project.join(beside);
        let lock_text = problems.check(text::read(folder, path))?;
        if !folder.join(&source).exists() {
            let failure = Failure::user(format!("`{path}` has no `{beside}` beside it, which it was made from"));
            problems.push(failure.hint(format!("commit `{beside}` too, or name another file with `requirements`")));
            return None;
        }
        let source_text = problems.check(text::read(folder, &source))?;
        let key = parsed::Key::of((path, &lock_text), (&source, &source_text), asked.target.python);
        let parse = || contents(path, &lock_text, &source, &source_text, asked.target.python);
        let contents = problems.check(asked.parsed.get(key, parse))?;
        let sources = [source.clone(), home.join(beside)].into_iter().collect::<BTreeSet<_>>();
        let texts = sources.into_iter().filter_map(|path| Some((text::read(folder, &path).ok()?, path)));
        let unused = match kind {
            Kind::Pipenv => pipenv::unused(&lock_text, asked.selection, asked.target),
            _ => toml::from_str(&source_text)
                .map_or_else(|_| Vec::new(), |project| unused::of_project(&project, asked.selection, asked.target)),
        };
        let unused = unused.into_iter().map(|(what, name)| unused_note(what, &name, path, asked.target));
        let other_python = contents.python.and_then(|python| other_python(path, &python, asked.target.python));
        problems.check(check_environments(path, &contents.environments, asked.target))?;
        let texts = std::iter::once((lock_text, path.to_owned())).chain(texts);
        let files = texts.map(|(text, path)| ManifestFile { path, digest: Digest::of(text.as_bytes()) });
        let mut local = BTreeMap::new();
        for name in &contents.local {
            let path = home.join(name);
            let path = if path.starts_with("..") { path } else { files::normalize(&path).unwrap_or(path) };
            // The project itself is not installed from its lock.
            let is_project =
                folder.join(&path).canonicalize_utf8().ok() == folder.join(project).canonicalize_utf8().ok();
            // What is missing may be of a group that nobody asked for; else it is missed when it is asked for.
            let is_there = folder.join(&path).exists();
            if is_there
                && !is_project
                && let Some(digest) = problems.check(local_digest(folder, asked.workspace, &path))
            {
                local.insert(path, digest);
            }
        }
        let declared = match kind {
            Kind::Uv => {
                declared_to_uv(folder, &[&source, &home.join(beside), &home.join("uv.toml")], asked.environment)
            }
            _ => contents.declared,
        };
        let locked = in_folders(contents.locked, &folder.join(home), &declared);
        let (indexes, pages) = split(contents.indexes, &locked, &declared);
        let known = KnownIndexes::of(&folder.join(project), asked.environment);
        let tables = |places: &[IndexTable]| -> Vec<IndexTable> {
            places.iter().map(|index| known.known(index, asked.environment)).collect()
        };
        let (indexes, pages) = (tables(&indexes), tables(&pages));
        let foreign: Vec<_> = indexes.iter().filter(|index| !known.is_configured(index)).cloned().collect();
        let foreign = index_urls(path, &foreign, asked.environment, &mut Problems::default());
        let indexes = index_urls(path, &indexes, asked.environment, problems);
        let pages = index_urls(path, &pages, asked.environment, problems);
        Some(Self {
            kind,
            path: path.to_owned(),
            project: folder.join(project),
            python_range: contents.python_range,
            source,
            indexes,
            foreign,
            foreign_links: foreign_links(&locked, &pages, &declared),
            pages,
            declared,
            locked,
            files: files.collect(),
            local,
            notes: other_python.into_iter().chain(unused).collect(),
            known: contents.known,
        })
    }

    /// The requirements that its tool names, each from its place.
    pub(super) fn place(&self, lines: &[String], asked: &Asked<'_>, problems: &mut Problems) -> Vec<(usize, String)> {
        let text = text::read(asked.folder, &self.path).unwrap_or_default();
        let places: Vec<SecretUrl> = self.indexes.iter().chain(&self.pages).cloned().collect();
        let placing = Placing {
            path: &self.path,
            folder: &asked.folder.join(self.path.parent().unwrap_or(Utf8Path::new(""))),
            target: asked.target,
            declared: &self.declared,
            indexes: &places,
            refresh: self.kind.facts().refresh.as_deref().unwrap_or_default(),
        };
        let locked: Vec<&Locked> = self.locked.iter().collect();
        let number = |line: &str| {
            let bare = line.split(" --").next().unwrap_or(line).trim();
            let of_path = || {
                let path = place::path_of(bare)?;
                let written = format!("{}\"", path.strip_prefix(".").unwrap_or(path));
                text.lines().position(|line| line.contains(&written)).map(|index| index + 1)
            };
            name_of(bare).and_then(|name| self.line_of(&name, &text)).or_else(of_path).unwrap_or(1)
        };
        // What these pages have is known to the installer alone.
        let unread = |page: &&SecretUrl| {
            let is_its =
                |locked: &&Locked| locked.index.as_deref().is_none_or(|index| locked::is_same(index, page.shown()));
            self.locked.iter().filter(is_its).flat_map(|locked| &locked.files).any(|file| file.place.is_none())
        };
        let pages = self.pages.iter().filter(unread).map(|page| (1, format!("--find-links {}", page.exposed())));
        let placed =
            place::all(lines.iter().map(|line| (number(line), placing.line(line, &locked))), &placing, problems);
        pages.chain(placed).collect()
    }

    /// The line, from 1, at which a distribution stands in the file, for messages.
    pub(super) fn line_of(&self, name: &str, text: &str) -> Option<usize> {
        let wanted = if self.kind == Kind::Pipenv { format!("\"{name}\": {{") } else { format!("name = \"{name}\"") };
        text.lines().position(|line| line.trim() == wanted).map(|index| index + 1)
    }
}

/// Indexes, and pages of links among them, which installers ask in another way. Folders are neither.
pub(super) fn split(
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

/// All pages and folders of a lock, as uv's variable has them, if some of them are declared nowhere: they were given from
/// outside when it was locked.
fn foreign_links(locked: &[Locked], pages: &[SecretUrl], declared: &Declared) -> Option<SecretString> {
    let places: BTreeSet<&str> = locked.iter().filter_map(|known| known.index.as_deref()).collect();
    let link = |place: &&str| match pages.iter().find(|page| locked::is_same(page.shown(), place)) {
        Some(page) => Some(page.exposed().to_owned()),
        // uv wants it as it was given.
        None => (!is_remote(place)).then(|| (*place).to_owned()),
    };
    let (links, is_declared): (Vec<_>, Vec<_>) =
        places.iter().filter_map(|place| Some((link(place)?, declared.names_page(place)))).unzip();
    is_declared.contains(&false).then(|| links.join(",").into())
}

/// What the settings of uv say of places, in any of these files and in its variable.
fn declared_to_uv(folder: &Utf8Path, paths: &[&Utf8Path], environment: &Environment) -> Declared {
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

/// With the files of folders that the project names in place of indexes.
fn in_folders(locked: Arc<[Locked]>, home: &Utf8Path, declared: &Declared) -> Arc<[Locked]> {
    let folder = |page: &String| {
        let page = page.replace("${PROJECT_ROOT}", home.as_str());
        match page.strip_prefix("file://") {
            // `file:///${PROJECT_ROOT}` has a slash too many.
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

/// The folder of the project that a lock in `home` is of, both from `folder`: one of uv above a project is that of the
/// workspace that the project is a member of.
fn project_of<'a>(kind: Kind, home: &'a Utf8Path, folder: &Utf8Path) -> Result<&'a Utf8Path, Failure> {
    let is_above = !home.as_str().is_empty() && home.components().all(|part| part.as_str() == "..");
    if kind != Kind::Uv || !is_above || !folder.join("pyproject.toml").is_file() {
        return Ok(home);
    }
    let root = folder.join(home).canonicalize_utf8().ok();
    if root.is_some() && root == uv_workspace::above(folder) {
        return Ok(Utf8Path::new(""));
    }
    let lock = home.join(kind.file_name());
    let failure = Failure::user(format!("`{lock}` is not the lock of the project here, which is no member there"));
    Err(failure.hint("name this folder in `members` of `[tool.uv.workspace]` there, or run `uv lock` here"))
}

/// A lock for one Python has what the markers of that Python left over, and nothing that another one needs beside.
fn other_python(path: &Utf8Path, locked: &str, python: PythonVersion) -> Option<String> {
    let is_same = locked.splitn(3, '.').take(2).collect::<Vec<_>>().join(".") == python.to_string();
    (!is_same).then(|| {
        format!(
            "`{path}` was made for Python {locked} and may miss what Python {python} needs: lock it for that Python"
        )
    })
}

/// What a lock holds, if it can be used.
fn contents(
    path: &Utf8Path,
    lock: &str,
    source: &Utf8Path,
    source_text: &str,
    python: PythonVersion,
) -> Result<Contents, Failure> {
    let kind = Kind::of(path);
    let contents = if kind == Kind::Pipenv {
        pipenv::contents(path, lock)
    } else {
        let project = text::toml(source, source_text).map_err(|failure| failure.hint("correct the file there"));
        let project: Project = project?;
        let range = project.metadata.as_ref().and_then(|metadata| metadata.requires_python.as_deref());
        let of_poetry = || project.tool.poetry.dependencies.as_ref()?.get("python")?.as_str();
        let range = range.or_else(|| of_poetry().filter(|_| kind == Kind::Poetry));
        let range = fits_python(source, range, python)?;
        let contents = match kind {
            Kind::Poetry => poetry::contents(path, lock, &project),
            Kind::Pdm => pdm::contents(path, lock, &project, python),
            _ => uv::contents(path, lock, &project),
        };
        contents.map(|contents| Contents { python_range: range, ..contents })
    };
    let contents = contents?;
    check_version(kind, path, contents.version.as_deref())?;
    Ok(contents)
}

fn check_version(kind: Kind, path: &Utf8Path, version: Option<&str>) -> Result<(), Failure> {
    let known = &kind.facts().versions;
    let refresh = kind.facts().refresh.as_deref().unwrap_or_default();
    match version {
        Some(version) if known.iter().any(|known| known == version) => Ok(()),
        Some(version) => Err(Failure::user(format!("`{path}` is of lock version {version}, which is not known"))
            .hint(format!("known is {}; `{refresh}` writes it", alternatives(known.iter().map(String::as_str))))),
        None => Err(Failure::user(format!("`{path}` does not say its lock version: it is cut short or no lock file"))
            .hint(format!("restore it, or write it anew with `{refresh}`"))),
    }
}

/// What to say of a group or an extra, which it is, that has nothing for the target.
pub(super) fn unused_note(what: &str, name: &str, path: &Utf8Path, target: Target) -> String {
    format!("the {what} `{name}` of `{path}` has nothing to install for {target}")
}

/// Whether one of the environments that a lock was made for is the target; without any it is for all.
pub(super) fn check_environments(path: &Utf8Path, environments: &[String], target: Target) -> Result<(), Failure> {
    let is_it =
        |marker: &String| pep508::marker(marker).is_ok_and(|marker| marker.evaluate(&marker_environment(target), &[]));
    if environments.is_empty() || environments.iter().any(is_it) {
        return Ok(());
    }
    let failure = Failure::user(format!(
        "`{path}` was not made for {target}, but for {}",
        alternatives(environments.iter().map(String::as_str))
    ));
    Err(failure.hint(match Kind::of(path) {
        Kind::Uv => "add the target to `environments` of `[tool.uv]`, and lock it again with `uv lock`".to_owned(),
        Kind::Pdm => "lock it again for all platforms: `pdm lock` without `--platform`".to_owned(),
        _ => "lock it again for the target".to_owned(),
    }))
}

/// The indexes that distributions are from, the one to be asked last at the end; none if that is PyPI alone.
///
/// `used` has the index of each distribution, `None` for PyPI.
pub(super) fn used_indexes(used: impl Iterator<Item = Option<IndexTable>>) -> Vec<IndexTable> {
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

/// URLs of the indexes that a file names, with what its variables stand for.
pub(super) fn index_urls(
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

/// A URL with what its variables stand for, encoded where that is a user or a password, as Pipenv and PDM do.
fn filled_in(url: &str, environment: &Environment) -> String {
    let place = |value: &str| value.to_owned();
    let Some((scheme, rest)) = url.split_once("://") else { return expand(url, environment, place) };
    let (credentials, rest) = rest.split_at(end_of_credentials(rest).unwrap_or_default());
    // One variable may stand for both.
    let is_both = !credentials.contains(':');
    let encoded = |value: &str| {
        let parts: Vec<&str> = if is_both { value.splitn(2, ':').collect() } else { vec![value] };
        let parts = parts.into_iter().map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
        parts.collect::<Vec<_>>().join(":")
    };
    format!("{scheme}://{}{}", expand(credentials, environment, encoded), expand(rest, environment, place))
}

/// `${NAME}` and `$NAME` with the variables' values, written by `written`; unset ones stay.
fn expand(text: &str, environment: &Environment, written: impl Fn(&str) -> String) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        expanded.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let braced = after.strip_prefix('{').and_then(|braced| braced.split_once('}'));
        let bare = after.find(|character| !is_name(character)).unwrap_or(after.len());
        let (name, length) = braced.map_or((&after[..bare], bare), |(name, _)| (name, name.len() + 2));
        let value = environment.get(name).filter(|_| !crate::environment::is_hidden(name));
        expanded.push_str(&value.map_or_else(|| rest[start..=start + length].to_owned(), &written));
        rest = &after[length..];
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_urls_are_filled_in() {
        let variables = [("PASS", "s3/cr%t"), ("BOTH", "me:a@b"), ("HOST", "h:80/x")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::new(variables.into(), Utf8PathBuf::new());
        for (written, expected) in [
            ("https://u%40x:${PASS}@h/$NONE/x", "https://u%40x:s3%2Fcr%25t@h/$NONE/x"),
            ("https://u:$PASS@h/${", "https://u:s3%2Fcr%25t@h/${"),
            ("https://${BOTH}@${HOST}", "https://me:a%40b@h:80/x"),
            ("https://${HOST}/simple", "https://h:80/x/simple"),
        ] {
            assert_eq!(filled_in(written, &environment), expected);
        }
    }

    #[test]
    fn pypi_alone_is_no_index() {
        let index = |url: &str| Some(IndexTable::new(None, url));
        assert!(used_indexes([None, index("https://pypi.org/simple/")].into_iter()).is_empty());
        let urls = |used: Vec<IndexTable>| used.into_iter().filter_map(|index| index.url).collect::<Vec<_>>();
        assert_eq!(urls(used_indexes([None, index("https://h/simple")].into_iter())), ["https://h/simple", PYPI]);
        assert_eq!(urls(used_indexes([index("https://h/a"), index("https://h/a/")].into_iter())), ["https://h/a"]);
    }
}
