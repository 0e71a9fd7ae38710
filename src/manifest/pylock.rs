//! `pylock.toml` (PEP 751): packages with their files and hashes, as requirements that allow nothing else.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use serde::Deserialize;
use toml::Spanned;

use super::project::{IndexTable, normalized};
use super::{Kind, Selection, text};
use crate::error::{Failure, alternatives};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Pylock {
    lock_version: Option<String>,
    pub(super) requires_python: Option<String>,
    #[serde(default)]
    extras: BTreeSet<String>,
    #[serde(default)]
    dependency_groups: BTreeSet<String>,
    /// Groups that are installed without being asked for.
    #[serde(default)]
    default_groups: BTreeSet<String>,
    #[serde(default)]
    packages: Vec<Spanned<Package>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    version: Option<String>,
    marker: Option<String>,
    index: Option<String>,
    vcs: Option<Vcs>,
    directory: Option<Directory>,
    archive: Option<File>,
    sdist: Option<File>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Vcs {
    r#type: String,
    url: Option<String>,
    commit_id: String,
    subdirectory: Option<String>,
}

#[derive(Deserialize)]
struct Directory {
    path: String,
    subdirectory: Option<String>,
}

#[derive(Deserialize)]
struct File {
    url: Option<String>,
    path: Option<String>,
    subdirectory: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// Algorithms that both uv and pip take, strongest first.
const ALGORITHMS: &[&str] = &["sha512", "sha384", "sha256"];

impl Pylock {
    /// # Errors
    /// It cannot be read or is of another version.
    pub(super) fn read(path: &Utf8Path, text: &str) -> Result<Self, Failure> {
        let lock: Self = text::toml(path, text)
            .map_err(|failure| failure.hint("restore it, or write it anew with the tool that made it"))?;
        let known = &Kind::Pylock.facts().versions;
        match &lock.lock_version {
            Some(version) if known.contains(version) => Ok(lock),
            Some(version) => Err(Failure::user(format!("`{path}` is of lock version {version}, which is not known"))
                .hint(format!("known is {}", alternatives(known.iter().map(String::as_str))))),
            None => Err(Failure::user(format!("`{path}` has no `lock-version`: it is cut short or no lock file"))
                .hint("write it anew with the tool that made it")),
        }
    }

    pub(super) fn known(&self) -> Selection {
        let normalized = |names: &BTreeSet<String>| names.iter().map(|name| normalized(name)).collect();
        Selection { groups: normalized(&self.dependency_groups), extras: normalized(&self.extras) }
    }

    /// The index of each package that is from one, `None` for PyPI.
    pub(super) fn indexes(&self) -> impl Iterator<Item = Option<IndexTable>> {
        let from_index =
            |package: &&Spanned<Package>| !package.as_ref().wheels.is_empty() || package.as_ref().sdist.is_some();
        self.packages
            .iter()
            .filter(from_index)
            .map(|package| package.as_ref().index.as_deref().map(|url| IndexTable::new(None, url)))
    }

    /// Lines of a requirement file, each with the number of the line in the lock that it comes from.
    ///
    /// # Errors
    /// A package of a form that cannot be installed without its author's folders.
    pub(super) fn requirements(
        &self,
        path: &Utf8Path,
        text: &str,
        selection: &Selection,
    ) -> Result<Vec<(usize, String)>, Failure> {
        let groups: BTreeSet<String> =
            self.default_groups.iter().map(|name| normalized(name)).chain(selection.groups.iter().cloned()).collect();
        let lines = self.packages.iter().map(|spanned| {
            let number = text[..spanned.span().start].bytes().filter(|byte| *byte == b'\n').count() + 1;
            let package = spanned.as_ref();
            let line = requirement(package, &groups, &selection.extras).map_err(|failure| Failure {
                message: format!("{path}:{number}: `{}` {}", package.name, failure.message),
                hint: Some("lock it again with a version, a file or a repository to get it from".to_owned()),
                ..failure
            })?;
            Ok((number, line))
        });
        lines.collect()
    }
}

fn requirement(package: &Package, groups: &BTreeSet<String>, extras: &BTreeSet<String>) -> Result<String, Failure> {
    let name = &package.name;
    let fragment = |subdirectory: &Option<String>| {
        subdirectory.as_ref().map(|folder| format!("#subdirectory={folder}")).unwrap_or_default()
    };
    let files = || package.wheels.iter().chain(&package.sdist).chain(&package.archive);
    let (what, hashes) = if let Some(vcs) = &package.vcs {
        let url = vcs
            .url
            .as_ref()
            .ok_or_else(|| Failure::user("is locked to a repository without a URL").hint("lock it again"))?;
        let end = fragment(&vcs.subdirectory);
        (format!("{name} @ {}+{url}@{}{end}", vcs.r#type, vcs.commit_id), BTreeSet::new())
    } else if let Some(directory) = &package.directory {
        let folder = directory.subdirectory.as_ref().map_or_else(
            || directory.path.clone(),
            |subdirectory| format!("{}/{subdirectory}", directory.path.trim_end_matches('/')),
        );
        (local(&folder), BTreeSet::new())
    } else if let Some(archive) = &package.archive {
        let end = fragment(&archive.subdirectory);
        match (&archive.url, &archive.path) {
            (Some(url), _) => (format!("{name} @ {url}{end}"), hashes(files())),
            (None, Some(path)) => (local(path), BTreeSet::new()),
            (None, None) => return Err(Failure::user("is locked to an archive that is nowhere").hint("lock it again")),
        }
    } else if let Some(version) = &package.version {
        match files().find_map(|file| file.path.as_ref().filter(|_| file.url.is_none() && package.index.is_none())) {
            Some(path) if files().count() == 1 => (local(path), BTreeSet::new()),
            _ => (format!("{name}=={version}"), hashes(files())),
        }
    } else {
        return Err(Failure::user("has neither a version nor a place to get it from").hint("lock it again"));
    };
    let marker = package.marker.as_ref().map(|marker| format!(" ; {}", decided(marker, groups, extras)));
    let hashes = hashes.iter().map(|hash| format!(" --hash={hash}"));
    Ok(std::iter::once(what).chain(marker).chain(hashes).collect())
}

/// A path that no tool takes for a name.
fn local(path: &str) -> String {
    if path.starts_with(['.', '/']) { path.to_owned() } else { format!("./{path}") }
}

/// The strongest hash of each file.
fn hashes<'a>(files: impl Iterator<Item = &'a File>) -> BTreeSet<String> {
    let hash = |file: &File| ALGORITHMS.iter().find_map(|name| Some(format!("{name}:{}", file.hashes.get(*name)?)));
    files.filter_map(hash).collect()
}

/// A marker in which `'x' in extras` and `'x' in dependency_groups` are decided: what remains is PEP 508.
fn decided(marker: &str, groups: &BTreeSet<String>, extras: &BTreeSet<String>) -> String {
    let mut text = String::with_capacity(marker.len());
    let mut rest = marker;
    while let Some(start) = rest.find(['\'', '"']) {
        let quote = &rest[start..=start];
        let Some(length) = rest[start + 1..].find(quote) else { break };
        let (value, after) = (&rest[start + 1..start + 1 + length], &rest[start + length + 2..]);
        let words = after.trim_start();
        let (negated, words) = words.strip_prefix("not").map_or((false, words), |words| (true, words.trim_start()));
        let operand = words.strip_prefix("in").map(str::trim_start).unwrap_or_default();
        let names = [("dependency_groups", groups), ("extras", extras)];
        text.push_str(&rest[..start]);
        rest = if let Some((after, names)) =
            names.iter().find_map(|(word, names)| Some((operand.strip_prefix(word)?, names)))
        {
            // Every Python is newer than 2.
            let is_true = names.contains(&normalized(value)) != negated;
            text.push_str(if is_true { "python_version > '2'" } else { "python_version < '2'" });
            after
        } else {
            text.push_str(&rest[start..start + length + 2]);
            after
        };
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
lock-version = "1.0"
created-by = "a tool"
dependency-groups = ["dev", "default"]
default-groups = ["default"]
extras = ["fast"]

[[packages]]
name = "six"
version = "1.17.0"
marker = "'default' in dependency_groups"
wheels = [{ url = "https://h/six-1.17.0-py2.py3-none-any.whl", hashes = { sha256 = "aa", md5 = "bb" } }]
sdist = { url = "https://h/six-1.17.0.tar.gz", hashes = { sha256 = "cc" } }

[[packages]]
name = "orjson"
version = "3"
marker = "('fast' in extras or 'x' not in extras) and python_version >= '3.9'"
wheels = [{ url = "https://h/orjson.whl", hashes = { sha512 = "dd" } }]

[[packages]]
name = "tool"
marker = "\"Dev\" in dependency_groups"
vcs = { type = "git", url = "https://h/tool.git", commit-id = "0123", subdirectory = "py" }

[[packages]]
name = "own"
directory = { path = "packages/own", editable = true }

[[packages]]
name = "archived"
archive = { url = "https://h/archived.zip", hashes = { sha256 = "ee" } }
"#;

    #[test]
    fn packages_become_requirements() {
        let path = Utf8Path::new("pylock.toml");
        let lock = Pylock::read(path, LOCK).expect("is valid");
        let lines = lock.requirements(path, LOCK, &Selection::default()).expect("are valid");
        let lines: Vec<String> = lines.into_iter().map(|(number, line)| format!("{number}: {line}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        8: six==1.17.0 ; python_version > '2' --hash=sha256:aa --hash=sha256:cc
        15: orjson==3 ; (python_version < '2' or python_version > '2') and python_version >= '3.9' --hash=sha512:dd
        21: tool @ git+https://h/tool.git@0123#subdirectory=py ; python_version < '2'
        26: ./packages/own
        30: archived @ https://h/archived.zip --hash=sha256:ee
        ");
    }

    #[test]
    fn other_versions_are_refused() {
        let read =
            |text: &str| Pylock::read("pylock.toml".into(), text).map(|_lock| ()).expect_err("is refused").message;
        assert_eq!(read("lock-version = \"2.0\""), "`pylock.toml` is of lock version 2.0, which is not known");
        assert!(read("created-by = \"x\"").contains("cut short"));
        assert!(read("lock-version = ").starts_with("pylock.toml:1:16: not readable as TOML"));
    }
}
