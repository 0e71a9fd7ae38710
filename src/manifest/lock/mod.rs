//! Reads lock files that their own tool exports, as far as possible without running it.

mod checks;
mod indexes;
mod locked;
mod parsed;
mod pdm;
mod pipenv;
pub(super) mod place;
mod poetry;
mod unused;
pub(crate) mod uv;
mod variables;
mod wheel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::SecretString;

pub(super) use checks::{check_environments, unused_note};
pub(super) use indexes::{index_urls, split, used_indexes};
pub(super) use locked::{Declared, File, Locked};
pub use parsed::ParsedLocks;

use checks::{check_version, other_python};
use indexes::{declared_to_uv, foreign_links, in_folders};
use place::Placing;

use super::project::{IndexTable, Project};
use super::read::fits_python;
use super::requirement::name_of;
use super::uv_settings::KnownIndexes;
use super::{Asked, ManifestFile, Selection, local_digest, text};
use crate::environment::uv_workspace;
use crate::error::{Failure, Problems};
use crate::facts::Kind;
use crate::files;
use crate::secrets::SecretUrl;
use crate::types::{Digest, PythonVersion};

/// A lock file that was read and passed the checks that need no tool.
#[derive(Clone, Debug)]
pub struct Lock {
    pub kind: Kind,
    /// The path as given, relative to the working directory.
    pub path: Utf8PathBuf,
    /// The folder of the project with these dependencies, absolute: the lock's folder, or that of a member of its
    /// workspace.
    pub project: Utf8PathBuf,
    /// The file of that project, relative to the working directory.
    pub(super) source: Utf8PathBuf,
    /// The versions of Python that the lock is for (PEP 440); empty if it does not say.
    pub(super) python_range: String,
    /// The lock, and the files that it was made from.
    pub files: Vec<ManifestFile>,
    /// Local projects and files in the lock, relative to the lock's folder, with their digests.
    pub local: BTreeMap<Utf8PathBuf, Digest>,
    /// The indexes of its distributions, with the one to ask last at the end; empty if all are from PyPI.
    pub indexes: Vec<SecretUrl>,
    /// Indexes that are in none of the files that uv reads: they were given on the command line when the project was
    /// locked.
    pub foreign: Vec<SecretUrl>,
    /// Pages of links with a URL.
    pages: Vec<SecretUrl>,
    /// The value of uv's own variable for pages and folders, if some of them are in none of the files that uv reads.
    pub foreign_links: Option<SecretString>,
    declared: Declared,
    pub(super) locked: Arc<[Locked]>,
    /// Notes for the user.
    pub notes: Vec<String>,
    pub(super) known: Selection,
}

/// The content that all formats have in common.
#[derive(Clone, Debug, Default)]
struct Contents {
    /// The version of the format; `None` if the file does not contain it.
    version: Option<String>,
    /// The single Python that the lock was made for, `3.13` or `3.13.1`; in other formats locks are for all that a
    /// project allows.
    python: Option<String>,
    /// The versions of Python that the project is for (PEP 440).
    python_range: String,
    /// Markers of which one has to be true; empty if the lock is for all systems.
    environments: Vec<String>,
    local: BTreeSet<String>,
    locked: Arc<[Locked]>,
    declared: Declared,
    indexes: Vec<IndexTable>,
    known: Selection,
}

impl Lock {
    /// Reads a lock file and the files that it was made from, without running a tool.
    ///
    /// Problems: the lock cannot be read, has an unknown version, does not fit the target's Python, or the file that it
    /// was made from is missing.
    pub(super) fn read(path: &Utf8Path, asked: &Asked<'_>, problems: &mut Problems) -> Option<Self> {
        let (kind, folder) = (Kind::of(path), asked.folder);
        let home = path.parent().unwrap_or(Utf8Path::new(""));
        let project = problems.check(project_of(kind, home, folder))?;
        let beside = kind.facts().beside.as_deref().expect("every lock is made from something");
        let source = project.join(beside);
        let lock_text = problems.check(text::read(folder, path))?;
        if !folder.join(&source).exists() {
            let failure =
                Failure::user(format!("the `{beside}` from which `{path}` was locked is not in the same folder"));
            problems.push(failure.hint(format!("commit `{beside}` too, or set `requirements` to another file")));
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
            // A missing path may belong to a group that is not installed. Otherwise a later step refuses it.
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

    /// The exported requirements, each with the place of its distribution.
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
        // Only the installer knows the files on these pages.
        let has_unknown_files = |page: &&SecretUrl| {
            let is_its =
                |locked: &&Locked| locked.index.as_deref().is_none_or(|index| locked::is_same(index, page.shown()));
            self.locked.iter().filter(is_its).flat_map(|locked| &locked.files).any(|file| file.place.is_none())
        };
        let pages =
            self.pages.iter().filter(has_unknown_files).map(|page| (1, format!("--find-links {}", page.exposed())));
        let placed =
            place::all(lines.iter().map(|line| (number(line), placing.line(line, &locked))), &placing, problems);
        pages.chain(placed).collect()
    }

    /// The number of the line, from 1, at which the file lists a distribution, for messages.
    pub(super) fn line_of(&self, name: &str, text: &str) -> Option<usize> {
        let wanted = if self.kind == Kind::Pipenv { format!("\"{name}\": {{") } else { format!("name = \"{name}\"") };
        text.lines().position(|line| line.trim() == wanted).map(|index| index + 1)
    }
}

/// The folder of the project that a lock in `home` is for, both relative to `folder`: a uv lock in a folder above is
/// that of the workspace that the project is a member of.
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
    let failure = Failure::user(format!("`{lock}` is the lock file of a workspace that does not include this project"));
    Err(failure.hint(
        "add this folder to the `members` of the workspace in `[tool.uv.workspace]`, or run `uv lock` in this folder",
    ))
}

/// The contents of a lock, after it was checked.
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
        let project =
            text::toml(source, source_text).map_err(|failure| failure.hint("correct the file at this position"));
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
