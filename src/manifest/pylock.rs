//! Reads `pylock.toml` (PEP 751): packages with their files and hashes, as requirements that allow nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use toml::Spanned;

use super::hashes::ALGORITHMS;
use super::lock::place::{Placing, Unplaced};
use super::lock::{Declared, Locked, place};
use super::project::{IndexTable, normalized};
use super::text::LineStarts;
use super::{Asked, Selection, lock, marker_environment, text};
use crate::error::{Failure, Problems, alternatives};
use crate::facts::Kind;
use crate::secrets::SecretUrl;
use crate::types::{Target, pep508};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Pylock {
    lock_version: Option<String>,
    created_by: Option<String>,
    pub(super) requires_python: Option<String>,
    /// Markers of which one has to be true; empty if the lock is for all systems.
    #[serde(default)]
    pub(super) environments: Vec<String>,
    #[serde(default)]
    extras: BTreeSet<String>,
    #[serde(default)]
    dependency_groups: BTreeSet<String>,
    /// Groups that are installed by default.
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
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    subdirectory: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl Pylock {
    /// Parses the text of a `pylock.toml`.
    ///
    /// # Errors
    /// The file cannot be read, or has another version.
    pub(super) fn read(path: &Utf8Path, text: &str) -> Result<Self, Failure> {
        let lock: Self = text::toml(path, text)
            .map_err(|failure| failure.hint("restore the file, or create it again with the tool that wrote it"))?;
        let known = &Kind::Pylock.facts().versions;
        match &lock.lock_version {
            Some(version) if known.contains(version) => Ok(lock),
            Some(version) => Err(Failure::user(format!("`{path}` has lock version {version}, which is not supported"))
                .hint(format!("write the file with lock version {}", alternatives(known.iter().map(String::as_str))))),
            None => {
                Err(Failure::user(format!("`{path}` contains no `lock-version`: it is truncated or not a lock file"))
                    .hint("create it again with the tool that wrote it"))
            }
        }
    }

    pub(super) fn known(&self) -> Selection {
        let normalized = |names: &BTreeSet<String>| names.iter().map(|name| normalized(name)).collect();
        Selection { groups: normalized(&self.dependency_groups), extras: normalized(&self.extras) }
    }

    /// Selected groups and extras that have nothing for the target.
    pub(super) fn unused(&self, selection: &Selection, target: Target) -> Vec<(&'static str, String)> {
        let none = BTreeSet::new();
        let markers: Vec<&String> =
            self.packages.iter().filter_map(|package| package.as_ref().marker.as_ref()).collect();
        let is_true = |marker: &str, groups: &BTreeSet<String>, extras: &BTreeSet<String>| {
            let marker = pep508::marker(&decided(marker, groups, extras));
            marker.is_ok_and(|marker| marker.evaluate(&marker_environment(target), &[]))
        };
        let has_nothing = |name: &String, what: &str| {
            let own = BTreeSet::from([name.clone()]);
            let (groups, extras) = if what == "group" { (&own, &none) } else { (&none, &own) };
            !markers.iter().any(|marker| is_true(marker, groups, extras) && !is_true(marker, &none, &none))
        };
        let groups = selection.groups.iter().filter(|name| has_nothing(name, "group"));
        let extras = selection.extras.iter().filter(|name| has_nothing(name, "extra"));
        groups.map(|name| ("group", name.clone())).chain(extras.map(|name| ("extra", name.clone()))).collect()
    }

    /// The packages with their files, except those that cannot be read.
    pub(super) fn locked(&self) -> Arc<[Locked]> {
        self.packages.iter().filter_map(|package| locked(package.as_ref()).ok()).collect()
    }

    /// The indexes of the packages that are from one, `None` for PyPI.
    pub(super) fn indexes(&self) -> Vec<IndexTable> {
        let from_index =
            |package: &&Spanned<Package>| !package.as_ref().wheels.is_empty() || package.as_ref().sdist.is_some();
        let packages = self.packages.iter().filter(from_index).map(Spanned::as_ref);
        let indexes = lock::used_indexes(
            packages.clone().map(|package| package.index.as_deref().map(|url| IndexTable::new(None, url))),
        );
        let locked: Vec<Locked> = packages.filter_map(|package| locked(package).ok()).collect();
        lock::split(indexes, &locked, &Declared::default()).0
    }

    /// Lines of a requirement file, each with the number of the line in the lock that it comes from.
    ///
    /// Problems: packages in a form that needs folders of the lock's author, or without a file for the target.
    pub(super) fn requirements(
        &self,
        path: &Utf8Path,
        text: &str,
        asked: &Asked<'_>,
        indexes: &[SecretUrl],
        problems: &mut Problems,
    ) -> Vec<(usize, String)> {
        let selection = asked.selection;
        let groups: BTreeSet<String> =
            self.default_groups.iter().map(|name| normalized(name)).chain(selection.groups.iter().cloned()).collect();
        let placing = Placing {
            path,
            folder: &asked.folder.join(path.parent().unwrap_or(Utf8Path::new(""))),
            target: asked.target,
            declared: &Declared::default(),
            indexes,
            refresh: self.created_by.as_deref().unwrap_or("the tool that wrote it"),
        };
        let starts = LineStarts::of(text);
        let lines = self.packages.iter().map(|spanned| {
            let number = starts.line(spanned.span().start);
            let package = spanned.as_ref();
            let marker =
                package.marker.as_ref().map(|marker| format!(" ; {}", decided(marker, &groups, &selection.extras)));
            (number, requirement(package, &marker.unwrap_or_default(), &placing))
        });
        place::all(lines, &placing, problems)
    }
}

fn requirement(package: &Package, marker: &str, placing: &Placing<'_>) -> Result<String, Unplaced> {
    let name = &package.name;
    if let Some(vcs) = &package.vcs {
        let url = vcs.url.as_ref().ok_or_else(|| nowhere(name, "is locked to a repository without a URL"))?;
        let end = vcs.subdirectory.as_ref().map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
        return Ok(format!("{name} @ {}+{url}@{}{end}{marker}", vcs.r#type, vcs.commit_id));
    }
    if let Some(directory) = &package.directory {
        let folder = Utf8PathBuf::from(directory.path.trim_end_matches('/'));
        let folder = directory.subdirectory.iter().fold(folder, |folder, subdirectory| folder.join(subdirectory));
        let line = format!("{}{marker}", place::local(&folder));
        return placing.line(&line, &[]);
    }
    let locked = locked(package)?;
    if package.archive.is_some() {
        return placing.only_file(&locked, marker);
    }
    if package.version.is_none() {
        return Err(nowhere(name, "is locked without a version or a location").into());
    }
    let hashes: BTreeSet<&String> = locked.files.iter().flat_map(|file| &file.hashes).collect();
    let hashes = hashes.into_iter().map(|hash| format!(" --hash={hash}"));
    let line: String = std::iter::once(format!("{name}=={}{marker}", locked.version)).chain(hashes).collect();
    placing.line(&line, &[&locked])
}

/// The files of a package and where they are.
fn locked(package: &Package) -> Result<Locked, Failure> {
    let files = package.archive.iter().chain(&package.sdist).chain(&package.wheels);
    let files = files.map(|file| place_of(package, file)).collect::<Result<Vec<_>, _>>()?;
    Ok(Locked {
        name: normalized(&package.name),
        version: package.version.clone().unwrap_or_default(),
        index: package.index.clone(),
        files,
        forks: Vec::new(),
    })
}

fn place_of(package: &Package, file: &File) -> Result<lock::File, Failure> {
    // Only the strongest hash of each file.
    let hash = ALGORITHMS.iter().find_map(|name| Some(format!("{name}:{}", file.hashes.get(*name)?)));
    if hash.is_none() && !file.hashes.is_empty() {
        let algorithms = alternatives(file.hashes.keys().map(String::as_str));
        return Err(nowhere(
            &package.name,
            &format!("is locked only with hashes of {algorithms}, which installers do not check"),
        ));
    }
    let hashes = hash.into_iter().collect();
    let placed = match (&file.url, &file.path) {
        (Some(url), _) => lock::File::at_url(url, hashes),
        (None, Some(path)) => lock::File::at_path(path.into(), hashes),
        (None, None) => match &file.name {
            Some(name) => lock::File::named(name, hashes),
            None => return Err(nowhere(&package.name, "is locked to a file without a URL, a path or a name")),
        },
    };
    let name = file.name.clone().unwrap_or(placed.name);
    Ok(lock::File { name, subdirectory: file.subdirectory.clone(), ..placed })
}

fn nowhere(name: &str, what: &str) -> Failure {
    Failure::user(format!("`{name}` {what}")).hint("lock it again with a version, a file or a repository")
}

/// Evaluates `'x' in extras` and `'x' in dependency_groups` in a marker. The result is a marker of PEP 508.
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
            // Always true or false: every Python is newer than 2.
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
    use crate::environment::Environment;
    use crate::manifest::ParsedLocks;

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
index = "https://h/simple"
wheels = [{ url = "https://h/six-1.17.0-py2.py3-none-any.whl", hashes = { sha256 = "aa", md5 = "bb" } }]
sdist = { url = "https://h/six-1.17.0.tar.gz", hashes = { sha256 = "cc" } }

[[packages]]
name = "orjson"
version = "3"
marker = "('fast' in extras or 'x' not in extras) and python_version >= '3.9'"
wheels = [{ url = "https://h/orjson-3-cp313-cp313-manylinux2014_x86_64.whl", hashes = { sha512 = "dd" } }]

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
        let whole = ["aa", "cc", "dd", "ee"].iter().fold(LOCK.to_owned(), |lock, hash| {
            lock.replace(&format!("\"{hash}\""), &format!("\"{}\"", hash.repeat(32)))
        });
        let whole = whole.replace("sha512", "sha256");
        let lock = Pylock::read(path, &whole).expect("is valid");
        let (selection, environment, parsed) = (Selection::default(), Environment::default(), ParsedLocks::default());
        let keep = tempfile::tempdir().expect("can be made");
        let folder = Utf8Path::from_path(keep.path()).expect("is UTF-8");
        fs_err::create_dir_all(folder.join("packages/own")).expect("can be made");
        let asked = Asked {
            requirements: &[],
            constraints: &[],
            selection: &selection,
            target: Target::of_tests(),
            folder,
            workspace: folder,
            environment: &environment,
            parsed: &parsed,
        };
        let mut problems = Problems::default();
        let lines = lock.requirements(path, &whole, &asked, &[], &mut problems);
        problems.into_result().expect("are valid");
        let lines: Vec<String> = lines.into_iter().map(|(number, line)| format!("{number}: {line}")).collect();
        let lines = lines.join("\n");
        let lines = ["aa", "cc", "dd", "ee"].iter().fold(lines, |lines, hash| lines.replace(&hash.repeat(32), hash));
        insta::assert_snapshot!(lines, @r"
        8: six==1.17.0 ; python_version > '2' --hash=sha256:aa --hash=sha256:cc
        16: orjson @ https://h/orjson-3-cp313-cp313-manylinux2014_x86_64.whl ; python_full_version >= '3.9' --hash=sha256:dd
        22: tool @ git+https://h/tool.git@0123#subdirectory=py ; python_version < '2'
        27: ./packages/own
        31: archived @ https://h/archived.zip --hash=sha256:ee
        ");
    }

    #[test]
    fn groups_and_extras_with_nothing_for_the_target_are_found() {
        let lock = LOCK.replace("python_version >= '3.9'", "python_version < '3.9'");
        let lock = Pylock::read("pylock.toml".into(), &lock).expect("is valid");
        let selection = Selection::new(&["dev".to_owned(), "default".to_owned()], &["fast".to_owned()]);
        assert_eq!(lock.unused(&selection, Target::of_tests()), [("extra", "fast".to_owned())]);
    }

    #[test]
    fn other_versions_are_refused() {
        let read =
            |text: &str| Pylock::read("pylock.toml".into(), text).map(|_lock| ()).expect_err("is refused").message;
        assert_eq!(read("lock-version = \"2.0\""), "`pylock.toml` has lock version 2.0, which is not supported");
        assert!(read("created-by = \"x\"").contains("it is truncated"));
        assert!(read("lock-version = ").starts_with("pylock.toml:1:16: this is not valid TOML"));
    }
}
