//! Compares a revision of a git repository with the files on disk, without starting git or reading its index.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use gix::hash::ObjectId;
use gix::objs::tree::EntryKind;
use walkdir::WalkDir;

use crate::error::{Failure, nearest};
use crate::files;

/// Links behind links, as many as the kernel follows (path_resolution(7)).
const LINKS: usize = 40;

pub(super) struct Revision {
    /// As given.
    name: String,
    /// Of the work tree.
    root: Utf8PathBuf,
    repository: gix::Repository,
    tree: ObjectId,
    /// What was compared: layers have files in common.
    known: BTreeMap<Utf8PathBuf, Option<String>>,
}

/// Something in a tree.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Blob {
    kind: EntryKind,
    id: ObjectId,
}

impl Revision {
    /// # Errors
    /// There is no repository around `folder`, or no such revision in it.
    pub(super) fn open(folder: &Utf8Path, name: &str) -> Result<Self, Failure> {
        let Some(root) = folder.ancestors().find(|folder| folder.join(".git").exists()) else {
            let failure = Failure::user(format!("`since` is `{name}`, but `{folder}` is not in a git repository"));
            return Err(failure.hint("check it out with `actions/checkout` before this step"));
        };
        // In a container the owner is another user. Nothing that the repository configures is started.
        let options = gix::open::Options::isolated().with(gix::sec::Trust::Full);
        let mut repository = gix::open_opts(root, options).map_err(|error| {
            let failure =
                Failure::user(format!("`since` is `{name}`, but the git repository in `{root}` cannot be read"));
            failure.causes(causes(&error)).hint("check it out with `actions/checkout` before this step")
        })?;
        // Layers have folders in common.
        repository.object_cache_size_if_unset(4 << 20);
        let Ok(id) = repository.rev_parse_single(name) else { return Err(unknown(name, &repository)) };
        let commit = id.object().and_then(gix::Object::peel_to_commit);
        let Ok(commit) = commit.and_then(|commit| Ok(commit.tree_id()?.detach())) else {
            return Err(unknown(name, &repository));
        };
        let tree = repository.find_object(commit).and_then(gix::Object::peel_to_tree).map(|tree| tree.id).map_err(
            |error| {
                let failure = Failure::user(format!("`since` is `{name}`, whose files are not in this clone"));
                failure.causes(causes(&error)).hint("check it out without `filter`, or with `filter: blob:none`")
            },
        )?;
        Ok(Self { name: name.to_owned(), root: root.to_owned(), repository, tree, known: BTreeMap::new() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The first thing at `path` (absolute) or below that is not as it was, from the root of the repository; what cannot
    /// be compared counts as changed.
    pub(super) fn difference(&mut self, path: &Utf8Path) -> Option<String> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let found = self.compare(path).unwrap_or_else(|error| Some(format!("{path} ({error:#})")));
        self.known.insert(path.to_owned(), found.clone());
        found
    }

    fn compare(&self, path: &Utf8Path) -> anyhow::Result<Option<String>> {
        let mut waiting = VecDeque::from([path.to_owned()]);
        let mut seen = BTreeSet::new();
        while let Some(path) = waiting.pop_front() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let place = match self.place_of(&path)? {
                Place::At(place) => place,
                Place::Changed(link) => return Ok(Some(link.into_string())),
            };
            let full = self.root.join(&place);
            if !full.is_dir() {
                if self.on_disk(&full)? != self.in_tree(&place)? {
                    return Ok(Some(place.into_string()));
                }
                continue;
            }
            let (here, targets) = self.folder_on_disk(&full)?;
            let there = self.folder_in_tree(&place)?;
            let names: BTreeSet<&Utf8PathBuf> = here.keys().chain(there.keys()).collect();
            if let Some(name) = names.into_iter().find(|name| here.get(*name) != there.get(*name)) {
                return Ok(Some(place.join(name).into_string()));
            }
            waiting.extend(targets);
        }
        Ok(None)
    }

    /// Where a path leads to through links, none of which changed.
    fn place_of(&self, path: &Utf8Path) -> anyhow::Result<Place> {
        let inside = |path: &Utf8Path| path.strip_prefix(&self.root).map(Utf8Path::to_owned);
        let Ok(rest) = inside(path) else { return Ok(Place::Changed(path.to_owned())) };
        let mut rest: VecDeque<String> = rest.components().map(|part| part.to_string()).collect();
        let (mut place, mut links) = (Utf8PathBuf::new(), 0);
        while let Some(part) = rest.pop_front() {
            match part.as_str() {
                "." => continue,
                ".." if place.pop() => continue,
                ".." => return Ok(Place::Changed(path.to_owned())),
                _ => place.push(part),
            }
            let full = self.root.join(&place);
            if !full.is_symlink() {
                continue;
            }
            links += 1;
            if links > LINKS || self.on_disk(&full)? != self.in_tree(&place)? {
                return Ok(Place::Changed(place));
            }
            let target = Utf8PathBuf::try_from(fs_err::read_link(&full)?)?;
            place.pop();
            let target = if target.is_absolute() {
                let Ok(target) = inside(&target) else { return Ok(Place::Changed(path.to_owned())) };
                place = Utf8PathBuf::new();
                target
            } else {
                target
            };
            for part in target.components().rev() {
                rest.push_front(part.to_string());
            }
        }
        Ok(Place::At(place))
    }

    /// `None` if there is nothing.
    fn on_disk(&self, full: &Utf8Path) -> anyhow::Result<Option<Blob>> {
        let Ok(metadata) = fs_err::symlink_metadata(full) else { return Ok(None) };
        let (kind, bytes) = if metadata.is_symlink() {
            (EntryKind::Link, fs_err::read_link(full)?.into_os_string().into_encoded_bytes())
        } else {
            let is_executable = metadata.permissions().mode() & 0o100 != 0;
            (if is_executable { EntryKind::BlobExecutable } else { EntryKind::Blob }, fs_err::read(full)?)
        };
        let id = gix::objs::compute_hash(self.repository.object_hash(), gix::objs::Kind::Blob, &bytes)?;
        Ok(Some(Blob { kind, id }))
    }

    fn in_tree(&self, place: &Utf8Path) -> anyhow::Result<Option<Blob>> {
        let tree = self.repository.find_object(self.tree)?.peel_to_tree()?;
        let entry = tree.lookup_entry_by_path(place)?;
        Ok(entry.map(|entry| Blob { kind: entry.mode().kind(), id: entry.object_id() }))
    }

    /// All files and links below a folder, and what the links point to.
    fn folder_on_disk(&self, folder: &Utf8Path) -> anyhow::Result<(BTreeMap<Utf8PathBuf, Blob>, Vec<Utf8PathBuf>)> {
        let (mut found, mut targets) = (BTreeMap::new(), Vec::new());
        for entry in WalkDir::new(folder).into_iter().filter_entry(|entry| !files::is_ignored(entry)) {
            let entry = entry?;
            let path = files::utf8(entry.path())?;
            if entry.file_type().is_dir() {
                continue;
            }
            if entry.path_is_symlink() {
                let target = Utf8PathBuf::try_from(fs_err::read_link(path)?)?;
                targets.push(path.parent().unwrap_or(folder).join(target));
            }
            if let Some(blob) = self.on_disk(path)? {
                found.insert(path.strip_prefix(folder)?.to_owned(), blob);
            }
        }
        Ok((found, targets))
    }

    fn folder_in_tree(&self, place: &Utf8Path) -> anyhow::Result<BTreeMap<Utf8PathBuf, Blob>> {
        let mut found = BTreeMap::new();
        let root = match place.as_str() {
            "" => Some(Blob { kind: EntryKind::Tree, id: self.tree }),
            _ => self.in_tree(place)?,
        };
        let mut trees: Vec<(Utf8PathBuf, Blob)> = root.into_iter().map(|blob| (Utf8PathBuf::new(), blob)).collect();
        while let Some((path, blob)) = trees.pop() {
            if blob.kind != EntryKind::Tree {
                // Also another repository, of which nothing is known here.
                found.insert(path, blob);
                continue;
            }
            let tree = self.repository.find_object(blob.id)?.peel_to_tree()?;
            for entry in tree.iter() {
                let entry = entry?;
                let name = std::str::from_utf8(entry.filename())?;
                if !files::is_ignored_name(name) {
                    trees.push((path.join(name), Blob { kind: entry.kind(), id: entry.object_id() }));
                }
            }
        }
        Ok(found)
    }
}

enum Place {
    /// From the root of the repository, without links.
    At(Utf8PathBuf),
    Changed(Utf8PathBuf),
}

const DEPTH: &str = "fetch the history too: set `fetch-depth: 0` for `actions/checkout`";

fn unknown(name: &str, repository: &gix::Repository) -> Failure {
    let failure = Failure::user(format!("`since` is `{name}`, which is not a revision in this repository"));
    if repository.is_shallow().unwrap_or(false) {
        return failure.cause("the clone is shallow: it has no history").hint(DEPTH);
    }
    let names = references(repository);
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("use a branch, a tag or a commit, such as `origin/main` or `HEAD~1`"),
    }
}

/// Branches and tags, as they are called.
fn references(repository: &gix::Repository) -> Vec<String> {
    let Ok(platform) = repository.references() else { return Vec::new() };
    let Ok(all) = platform.all() else { return Vec::new() };
    all.flatten().map(|reference| reference.name().shorten().to_string()).collect()
}

fn causes(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).take(4).collect()
}
