//! Lock files whose own tool says what they mean: what can be known of them without starting it.

mod parsed;
mod pdm;
mod pipenv;
mod poetry;
pub(crate) mod uv;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub use parsed::ParsedLocks;

use super::project::{IndexTable, PYPI, Project};
use super::read::fits_python;
use super::{Asked, Kind, ManifestFile, Selection, local_digest, text};
use crate::credentials;
use crate::environment::Environment;
use crate::error::{Failure, Problems, alternatives};
use crate::files;
use crate::secrets::{SecretUrl, end_of_credentials};
use crate::types::{Digest, PythonVersion};

/// A lock file that was read and has nothing wrong as far as that shows.
#[derive(Clone, Debug)]
pub struct Lock {
    pub kind: Kind,
    /// As asked for, from the working directory.
    pub path: Utf8PathBuf,
    /// Folder of the project that the dependencies are of, absolute: the lock's, or that of a member of its workspace.
    pub project: Utf8PathBuf,
    /// The lock, and what it was made from.
    pub files: Vec<ManifestFile>,
    /// Projects and files beside it that are locked by their place, from the lock's folder.
    pub local: BTreeMap<Utf8PathBuf, Digest>,
    /// Where its distributions come from; the last is asked last. None if all are from PyPI.
    pub indexes: Vec<SecretUrl>,
    /// What people should know of it.
    pub note: Option<String>,
    pub(super) known: Selection,
}

/// What the formats have in common.
#[derive(Clone, Debug, Default)]
struct Contents {
    /// Of the format; `None` if the file does not say.
    version: Option<String>,
    /// The one Python that it was made for, `3.13` or `3.13.1`; the other formats are for all that a project allows.
    python: Option<String>,
    local: BTreeSet<String>,
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
        // A lock above the working directory is that of the workspace of the project here.
        let project = if path.starts_with("..") { Utf8Path::new("") } else { home };
        let beside = kind.facts().beside.as_deref().expect("every lock is made from something");
        let source = project.join(beside);
        let lock_text = problems.check(text::read(folder, path))?;
        if !folder.join(&source).exists() {
            let failure = Failure::user(format!("`{path}` has no `{beside}` beside it, which it was made from"));
            problems.push(failure.hint(format!("commit `{beside}` too, or name another file with `requirements`")));
            return None;
        }
        let source_text = problems.check(text::read(folder, &source))?;
        let key = parsed::Key::of((path, &lock_text), (&source, &source_text), asked.python);
        let parse = || contents(path, &lock_text, &source, &source_text, asked.python);
        let contents = problems.check(asked.parsed.get(key, parse))?;
        let sources = [source, home.join(beside)].into_iter().collect::<BTreeSet<_>>();
        let texts = sources.into_iter().filter_map(|path| Some((text::read(folder, &path).ok()?, path)));
        let texts = std::iter::once((lock_text, path.to_owned())).chain(texts);
        let files = texts.map(|(text, path)| ManifestFile { path, digest: Digest::of(text.as_bytes()) });
        let mut local = BTreeMap::new();
        for name in &contents.local {
            let path = home.join(name);
            let path = if path.starts_with("..") { path } else { files::normalize(&path).unwrap_or(path) };
            // The project itself is not installed from its lock.
            let is_project =
                folder.join(&path).canonicalize_utf8().ok() == folder.join(project).canonicalize_utf8().ok();
            if !is_project && let Some(digest) = problems.check(local_digest(folder, asked.workspace, &path)) {
                local.insert(path, digest);
            }
        }
        let indexes = index_urls(path, &contents.indexes, asked.environment, problems);
        Some(Self {
            kind,
            path: path.to_owned(),
            project: folder.join(project),
            indexes,
            files: files.collect(),
            local,
            note: contents.python.and_then(|python| other_python(path, &python, asked.python)),
            known: contents.known,
        })
    }

    /// The line, from 1, at which a distribution stands in the file, for messages.
    pub(super) fn line_of(&self, name: &str, text: &str) -> Option<usize> {
        let wanted = if self.kind == Kind::Pipenv { format!("\"{name}\": {{") } else { format!("name = \"{name}\"") };
        text.lines().position(|line| line.trim() == wanted).map(|index| index + 1)
    }
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
        fits_python(source, range, python)?;
        match kind {
            Kind::Poetry => poetry::contents(path, lock, &project),
            Kind::Pdm => pdm::contents(path, lock, &project, python),
            _ => uv::contents(path, lock, &project),
        }
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
