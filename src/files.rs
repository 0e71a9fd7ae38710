//! Reads files and folders of the workspace in a fixed order, and follows or refuses links by one rule.
//!
//! The rule: a link that stays in the folder it was found in is kept as a link; one that leaves the
//! folder but not the workspace is replaced by what it points to; one that leaves the workspace is refused, but for
//! links to `/opt`: that is where the layer will be, so they are kept for the audit to follow.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::error::{Failure, nearest};
use crate::types::Digest;

/// Something in a folder. Folders themselves are implied by their content.
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

pub(crate) fn is_ignored_name(name: &str) -> bool {
    IGNORED.contains(&name)
}

/// All files and links below `folder`, sorted by path.
///
/// # Errors
/// A name that is not UTF-8, a link that leaves `workspace` or points nowhere, or what the file system says.
pub fn walk(folder: &Utf8Path, workspace: &Utf8Path) -> anyhow::Result<Vec<FileEntry>> {
    walk_by(Rule { root: folder, workspace, may_dangle: false, takes_all: false })
}

/// The same of a folder of packages, whatever their files are named: that somebody put them there is meant.
///
/// # Errors
/// As of [`walk`].
pub fn walk_all(folder: &Utf8Path) -> anyhow::Result<Vec<FileEntry>> {
    walk_by(Rule { root: folder, workspace: folder, may_dangle: false, takes_all: true })
}

/// The same of a folder that is laid out as the layer, where links may lead to what other things of the layer bring.
///
/// # Errors
/// As of [`walk`].
pub fn walk_layer(folder: &Utf8Path) -> anyhow::Result<Vec<FileEntry>> {
    walk_by(Rule { root: folder, workspace: folder, may_dangle: true, takes_all: false })
}

/// What is done about links.
#[derive(Clone, Copy)]
struct Rule<'a> {
    /// Links that stay in it are kept.
    root: &'a Utf8Path,
    /// Links that stay in it are followed.
    workspace: &'a Utf8Path,
    /// Whether there may be nothing where a link leads.
    may_dangle: bool,
    /// Whether names of [`IGNORED`] are as good as others.
    takes_all: bool,
}

fn walk_by(rule: Rule<'_>) -> anyhow::Result<Vec<FileEntry>> {
    let mut entries = Vec::new();
    collect(rule.root, Utf8Path::new(""), rule, 0, &mut entries)?;
    entries.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(entries)
}

/// The files of a project that its build may read, sorted by path: all but what builds leave behind.
///
/// # Errors
/// As of [`walk`].
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

fn collect(
    folder: &Utf8Path,
    prefix: &Utf8Path,
    rule: Rule<'_>,
    depth: usize,
    entries: &mut Vec<FileEntry>,
) -> anyhow::Result<()> {
    // Links to folders that hold links to folders: as deep as the kernel's own limit on links (path_resolution(7)).
    if depth > 40 {
        let failure = Failure::user(format!("`{folder}` is behind links that never end"));
        return Err(failure.hint("remove one of these links").into());
    }
    let is_taken = |entry: &DirEntry| rule.takes_all || !is_ignored(entry);
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_taken) {
        let entry = entry.with_context(|| format!("cannot read `{folder}`"))?;
        let path = utf8(entry.path())?;
        let inside = prefix.join(path.strip_prefix(folder).expect("walkdir stays in its folder"));
        if entry.file_type().is_symlink() {
            match resolve_link(path, &inside, rule)? {
                // Below a link that was followed, and on its way through other folders, a link would point elsewhere
                // in the layer than it does here.
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

fn climbs(link: &Utf8Path, target: &Utf8Path) -> bool {
    normalize(&link.parent().unwrap_or(Utf8Path::new("")).join(target)).is_none()
}

/// Takes what a link points to in place of the link.
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
        return Err(Failure::user(format!("the link `{link}` points to a folder that it is in: `{target}`"))
            .hint("remove it, or copy what is needed")
            .into());
    }
    collect(target, inside, rule, depth + 1, entries)
}

/// A file or folder that is there and cannot be read.
pub(crate) fn unreadable(path: &Utf8Path, error: &std::io::Error) -> Failure {
    let failure = Failure::user(format!("`{path}` cannot be read")).cause(error.to_string());
    failure.hint("give the user that runs this the right to read it (`ls -l` shows who has it)")
}

pub fn file_kind(path: &Utf8Path) -> anyhow::Result<FileKind> {
    let executable = fs_err::metadata(path)?.permissions().mode() & 0o111 != 0;
    Ok(FileKind::File { source: path.to_owned(), executable })
}

enum Link {
    Keep {
        target: Utf8PathBuf,
        resolved: Utf8PathBuf,
    },
    /// Where it leads shows in the layer alone.
    OfLayer(Utf8PathBuf),
    Follow(Utf8PathBuf),
}

fn resolve_link(link: &Utf8Path, inside: &Utf8Path, rule: Rule<'_>) -> anyhow::Result<Link> {
    let target = fs_err::read_link(link)?;
    let target = utf8(&target)?.to_owned();
    let resolved = link.canonicalize_utf8();
    let stays_in = |folder: &Utf8Path| {
        let folder = folder.canonicalize_utf8();
        resolved.as_ref().is_ok_and(|resolved| folder.is_ok_and(|folder| resolved.starts_with(folder)))
    };
    let (in_root, in_workspace) = (stays_in(rule.root), stays_in(rule.workspace));
    match resolved {
        Ok(resolved) if target.is_relative() && in_root => Ok(Link::Keep { target, resolved }),
        Ok(resolved) if in_workspace => Ok(Link::Follow(resolved)),
        _ if target.starts_with("/opt") => Ok(Link::OfLayer(target)),
        Err(_) if rule.may_dangle && target.is_relative() && !climbs(inside, &target) => Ok(Link::OfLayer(target)),
        Ok(_) => Err(Failure::user(format!("the link `{link}` leaves the workspace: it points to `{target}`"))
            .hint("copy what it points to into the repository; if that is in the layer, let it point to `/opt/…`")
            .into()),
        Err(error) => Err(Failure::user(format!("the link `{link}` points to `{target}`, which cannot be read"))
            .cause(error.to_string())
            .hint("put that into the repository, or remove the link; if it is in the layer, let it point to `/opt/…`")
            .into()),
    }
}

/// Digest of a file, or of a folder's paths, modes and bytes.
pub fn digest(path: &Utf8Path, workspace: &Utf8Path) -> anyhow::Result<Digest> {
    if path.is_file() {
        let mut hasher = Sha256::new();
        hash_file(&mut hasher, path)?;
        return Ok(Digest::finish(hasher));
    }
    digest_of_entries(&walk(path, workspace)?)
}

/// In pieces, so that a large file costs no memory.
fn hash_file(hasher: &mut Sha256, path: &Utf8Path) -> anyhow::Result<()> {
    let mut file = fs_err::File::open(path)?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            length => hasher.update(&piece[..length]),
        }
    }
}

/// Each entry adds a tag, its path and its bytes, each with its length in front, so no two folders look alike.
pub fn digest_of_entries(entries: &[FileEntry]) -> anyhow::Result<Digest> {
    let mut hasher = Sha256::new();
    let add = |hasher: &mut Sha256, bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for entry in entries {
        add(&mut hasher, entry.path.as_str().as_bytes());
        match &entry.kind {
            FileKind::File { source, executable } => {
                add(&mut hasher, if *executable { b"executable" } else { b"file" });
                hasher.update(fs_err::metadata(source)?.len().to_le_bytes());
                hash_file(&mut hasher, source)?;
            }
            FileKind::Link { target } => {
                add(&mut hasher, b"link");
                add(&mut hasher, target.as_str().as_bytes());
            }
        }
    }
    Ok(Digest::finish(hasher))
}

pub fn utf8(path: &std::path::Path) -> Result<&Utf8Path, Failure> {
    Utf8Path::from_path(path)
        .ok_or_else(|| Failure::user(format!("`{}` is not a name in UTF-8", path.display())).hint("rename it"))
}

/// The path that exists and is nearest to a missing one, in one of its names, for "did you mean".
pub fn nearest_sibling(folder: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let first_missing = path.ancestors().take_while(|part| !folder.join(part).exists()).last()?;
    let parent = folder.join(first_missing).parent()?.to_owned();
    let names: Vec<String> =
        parent.read_dir_utf8().ok()?.filter_map(|entry| Some(entry.ok()?.file_name().to_owned())).collect();
    let near = nearest(first_missing.file_name()?, names.iter().map(String::as_str))?;
    let rest = path.strip_prefix(first_missing).ok().filter(|rest| !rest.as_str().is_empty());
    let near = first_missing.with_file_name(near);
    let near = rest.map_or_else(|| near.clone(), |rest| near.join(rest));
    folder.join(&near).exists().then_some(near)
}

/// "`path` does not exist", with the nearest name that does.
pub fn missing(what: &str, folder: &Utf8Path, path: &Utf8Path) -> Failure {
    let failure = Failure::user(format!("{what}`{path}` does not exist"));
    match nearest_sibling(folder, path) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("paths start from the working directory"),
    }
}

/// `a/../b` as `b`, without asking the file system; `None` if it climbs above where it starts.
pub fn normalize(path: &Utf8Path) -> Option<Utf8PathBuf> {
    use camino::Utf8Component;
    let mut normal = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            other => normal.push(other.as_str()),
        }
    }
    Some(normal)
}

/// The way from one folder to another place, both absolute and without `..`.
pub fn way(from: &Utf8Path, to: &Utf8Path) -> Utf8PathBuf {
    let common = from.components().zip(to.components()).take_while(|(left, right)| left == right).count();
    let up = from.components().count() - common;
    let down = to.components().skip(common).map(|component| component.as_str());
    let way: Utf8PathBuf = std::iter::repeat_n("..", up).chain(down).collect();
    if way.as_str().is_empty() { ".".into() } else { way }
}

/// A place as it may be hashed and published: seen from the working directory, and by its name alone if it is not in the
/// workspace.
pub fn shown(path: &Utf8Path, folder: &Utf8Path, workspace: &Utf8Path) -> Utf8PathBuf {
    let path = normalize(path).unwrap_or_else(|| path.to_owned());
    if path.starts_with(workspace) { way(folder, &path) } else { path.file_name().unwrap_or("/").into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().expect("can be made");
        let path = Utf8PathBuf::try_from(folder.path().canonicalize().expect("exists")).expect("is UTF-8");
        (folder, path)
    }

    #[test]
    fn links_are_kept_followed_or_refused() {
        let (_keep, workspace) = folder();
        let package = workspace.join("package");
        fs_err::create_dir_all(package.join("lib")).expect("can be made");
        fs_err::write(package.join("lib/liba.so.1"), "a").expect("can be written");
        fs_err::write(workspace.join("shared.txt"), "s").expect("can be written");
        symlink("liba.so.1", package.join("lib/liba.so")).expect("can be made");
        symlink("../shared.txt", package.join("shared.txt")).expect("can be made");
        let entries = walk(&package, &workspace).expect("is readable");
        let kinds: Vec<_> =
            entries.iter().map(|entry| (entry.path.as_str(), matches!(entry.kind, FileKind::Link { .. }))).collect();
        assert_eq!(kinds, [("lib/liba.so", true), ("lib/liba.so.1", false), ("shared.txt", false)]);

        symlink("/etc/passwd", package.join("passwd")).expect("can be made");
        let error = walk(&package, &workspace).expect_err("leaves the workspace");
        assert!(error.to_string().contains("leaves the workspace"), "{error}");
    }

    #[test]
    fn a_link_that_would_point_elsewhere_in_the_layer_is_followed() {
        let (_keep, workspace) = folder();
        let (package, other) = (workspace.join("package"), workspace.join("other"));
        fs_err::create_dir_all(&package).expect("can be made");
        fs_err::create_dir_all(&other).expect("can be made");
        fs_err::write(package.join("a.txt"), "a").expect("can be written");
        // Through another folder and back, and in a folder that is itself behind a link.
        symlink("../package/a.txt", other.join("back")).expect("can be made");
        symlink("../other/back", package.join("round")).expect("can be made");
        symlink("../other", package.join("more")).expect("can be made");
        let entries = walk(&package, &workspace).expect("is readable");
        let kinds: Vec<_> =
            entries.iter().map(|entry| (entry.path.as_str(), matches!(entry.kind, FileKind::Link { .. }))).collect();
        assert_eq!(kinds, [("a.txt", false), ("more/back", false), ("round", false)]);

        symlink("..", package.join("up")).expect("can be made");
        let error = walk(&package, &workspace).expect_err("never ends");
        assert!(error.to_string().contains("points to a folder that it is in"), "{error}");
    }

    #[test]
    fn the_digest_sees_names_modes_and_bytes() {
        let (_keep, workspace) = folder();
        let file = workspace.join("a.py");
        fs_err::write(&file, "x = 1").expect("can be written");
        let before = digest(&workspace, &workspace).expect("is readable");
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("can be changed");
        let executable = digest(&workspace, &workspace).expect("is readable");
        fs_err::rename(&file, workspace.join("b.py")).expect("can be renamed");
        let renamed = digest(&workspace, &workspace).expect("is readable");
        assert!(before != executable && executable != renamed);
    }

    #[test]
    fn what_builds_leave_behind_is_not_of_the_project() {
        let (_keep, folder) = folder();
        let kept = ["pyproject.toml", "src/app/build/a.py", "src/app/dist.py"];
        let left =
            ["build/lib/app/a.py", "dist/app-1.0.tar.gz", "src/app.egg-info/PKG-INFO", "env/pyvenv.cfg", "env/x"];
        for path in kept.into_iter().chain(left) {
            fs_err::create_dir_all(folder.join(path).parent().expect("has a parent")).expect("can be made");
            fs_err::write(folder.join(path), "").expect("can be written");
        }
        let entries = project(&folder, &folder).expect("is readable");
        assert_eq!(entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), kept);
    }

    #[test]
    fn places_are_shown_from_the_working_directory() {
        let shown = |path: &str| shown(path.into(), "/w/app".into(), "/w".into()).into_string();
        assert_eq!(
            ["/w/app/wheels", "/w/wheels", "/w/app", "/w/app/../x", "/opt/wheels"].map(shown),
            ["wheels", "../wheels", ".", "../x", "wheels"]
        );
    }

    #[test]
    fn paths_are_normalized_without_the_file_system() {
        assert_eq!(normalize("a/./b/../c".into()).as_deref(), Some(Utf8Path::new("a/c")));
        assert_eq!(normalize("../a".into()), None);
    }
}
