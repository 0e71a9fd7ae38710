//! Lists what is in a folder, sorted by path, with links kept, followed or refused.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use walkdir::{DirEntry, WalkDir};

use super::links::{Link, Rule, climbs, resolve_link};
use super::utf8;
use crate::error::Failure;

/// A file or link in a folder. Folders are implied by their content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Path inside the folder, with `/`.
    pub path: Utf8PathBuf,
    pub kind: FileKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    File { source: Utf8PathBuf, executable: bool },
    Link { target: Utf8PathBuf },
}

/// Names that are never part of a package: version control, caches, virtual environments, this program's registry.
const IGNORED: &[&str] = &[
    ".git",
    ".hg",
    ".lambda-layers",
    ".svn",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".venv",
    ".DS_Store",
];

pub(crate) fn is_ignored(entry: &DirEntry) -> bool {
    let is_environment = || entry.file_type().is_dir() && entry.path().join("pyvenv.cfg").exists();
    entry.depth() > 0 && (is_ignored_name(&entry.file_name().to_string_lossy()) || is_environment())
}

/// `._name` has the attributes that macOS keeps for `name` on the disks of other systems.
pub(crate) fn is_ignored_name(name: &str) -> bool {
    IGNORED.contains(&name) || name.starts_with("._")
}

/// All files and links below `folder`, sorted by path.
///
/// # Errors
/// A name that is not UTF-8, a link that leaves `workspace` or points nowhere, or what the file system says.
pub fn walk(folder: &Utf8Path, workspace: &Utf8Path) -> anyhow::Result<Vec<FileEntry>> {
    walk_by(Rule { root: folder, workspace, may_dangle: false, takes_all: false })
}

/// Like [`walk`] for a folder of packages, without ignored names: somebody put each file there on purpose.
///
/// # Errors
/// As for [`walk`].
pub fn walk_all(folder: &Utf8Path) -> anyhow::Result<Vec<FileEntry>> {
    walk_by(Rule { root: folder, workspace: folder, may_dangle: false, takes_all: true })
}

/// Like [`walk`] for a folder that is laid out like the layer: a link may lead to a file that another input adds.
///
/// # Errors
/// As for [`walk`].
pub fn walk_layer(folder: &Utf8Path) -> anyhow::Result<Vec<FileEntry>> {
    walk_by(Rule { root: folder, workspace: folder, may_dangle: true, takes_all: false })
}

/// The files of a project that its build may read, sorted by path, without the output of earlier builds.
///
/// # Errors
/// As for [`walk`].
pub fn project(folder: &Utf8Path, workspace: &Utf8Path) -> anyhow::Result<Vec<FileEntry>> {
    let mut entries = walk(folder, workspace)?;
    entries.retain(|entry| {
        let mut folders = entry.path.parent().into_iter().flat_map(Utf8Path::components);
        let top = entry.path.components().next().map(|part| part.as_str());
        // Deeper down `build` may be a package.
        let is_output = matches!(top, Some("build" | "dist")) && entry.path.components().count() > 1;
        !is_output && !folders.any(|part| part.as_str().ends_with(".egg-info"))
    });
    Ok(entries)
}

fn walk_by(rule: Rule<'_>) -> anyhow::Result<Vec<FileEntry>> {
    let mut entries = Vec::new();
    collect(rule.root, Utf8Path::new(""), rule, 0, &mut entries)?;
    entries.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(entries)
}

fn collect(
    folder: &Utf8Path,
    prefix: &Utf8Path,
    rule: Rule<'_>,
    depth: usize,
    entries: &mut Vec<FileEntry>,
) -> anyhow::Result<()> {
    // The kernel's own limit on links to follow (path_resolution(7)).
    if depth > 40 {
        let failure = Failure::user(format!("`{folder}` is reached through a loop of links"));
        return Err(failure.hint("remove one of the links").into());
    }
    let is_taken = |entry: &DirEntry| rule.takes_all || !is_ignored(entry);
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_taken) {
        let entry = entry.with_context(|| format!("could not read `{folder}`"))?;
        let path = utf8(entry.path())?;
        let inside = prefix.join(path.strip_prefix(folder).expect("walkdir stays in its folder"));
        if entry.file_type().is_symlink() {
            match resolve_link(path, &inside, rule)? {
                // Below a followed link, or with a path through other folders, the link would point elsewhere in the
                // layer than it does here.
                Link::Keep { target, resolved } if depth > 0 || climbs(&inside, &target) => {
                    follow(&resolved, path, &inside, rule, depth, entries)?;
                }
                Link::Keep { target, .. } | Link::OfLayer(target) => {
                    entries.push(FileEntry { path: inside, kind: FileKind::Link { target } });
                }
                Link::Follow(target) => follow(&target, path, &inside, rule, depth, entries)?,
            }
        } else if entry.file_type().is_file() {
            entries.push(FileEntry { path: inside, kind: file_kind(path)? });
        }
    }
    Ok(())
}

/// Adds the target of a link in place of the link.
fn follow(
    target: &Utf8Path,
    link: &Utf8Path,
    inside: &Utf8Path,
    rule: Rule<'_>,
    depth: usize,
    entries: &mut Vec<FileEntry>,
) -> anyhow::Result<()> {
    if !target.is_dir() {
        entries.push(FileEntry { path: inside.to_owned(), kind: file_kind(target)? });
        return Ok(());
    }
    let home = link.parent().unwrap_or(link).canonicalize_utf8()?;
    if home.starts_with(target) {
        return Err(Failure::user(format!("the link `{link}` points to a folder that contains it: `{target}`"))
            .hint("remove it, or copy what is needed")
            .into());
    }
    collect(target, inside, rule, depth + 1, entries)
}

pub fn file_kind(path: &Utf8Path) -> anyhow::Result<FileKind> {
    let executable = fs_err::metadata(path)?.permissions().mode() & 0o111 != 0;
    Ok(FileKind::File { source: path.to_owned(), executable })
}
