//! Finds the uv workspace of a project without a lock file (<https://docs.astral.sh/uv/concepts/projects/workspaces/>).
//! Its root has settings for all members.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use super::project::{Project, normalized};
use super::{Asked, text};
use crate::environment::uv_workspace;
use crate::files;

/// The root of a workspace.
#[derive(Debug)]
pub(super) struct Root {
    /// Its `pyproject.toml`, relative to the working directory.
    pub(super) file: Utf8PathBuf,
    pub(super) project: Project,
}

/// The root above a project, within the repository; `None` if the project is not a member of a workspace.
pub(super) fn root_of(file: &Utf8Path, asked: &Asked<'_>) -> Option<Root> {
    let home = files::normalize(&asked.folder.join(file.parent().unwrap_or(Utf8Path::new(""))))?;
    let root = uv_workspace::above(&home).filter(|root| root.starts_with(asked.workspace))?;
    let file = files::relative(asked.folder, &root.join("pyproject.toml"));
    let text = text::read(asked.folder, &file).ok()?;
    Some(Root { project: text::toml(&file, &text).ok()?, file })
}

/// A folder and those above it within the repository, relative to the working directory.
pub(super) fn above(home: &Utf8Path, asked: &Asked<'_>) -> Vec<Utf8PathBuf> {
    let mut folders = Vec::new();
    let mut folder = home.to_owned();
    while let Some(full) = files::normalize(&asked.folder.join(&folder)) {
        if !full.starts_with(asked.workspace) {
            break;
        }
        folders.push(files::normalize(&folder).unwrap_or_else(|| folder.clone()));
        if full == asked.workspace {
            break;
        }
        folder.push("..");
    }
    folders
}

/// The members of the workspace that a folder is in, by their normalized names; all paths are absolute.
pub(super) fn members(folder: &Utf8Path, limit: &Utf8Path) -> BTreeMap<String, Utf8PathBuf> {
    let root = uv_workspace::root(folder);
    if !root.starts_with(limit) {
        return BTreeMap::new();
    }
    let walk = WalkDir::new(&root).max_depth(DEPTH).into_iter().filter_entry(|entry| !files::is_ignored(entry));
    let folders = walk.flatten().filter(|entry| entry.file_type().is_dir());
    let folders = folders.filter_map(|entry| files::utf8(entry.path()).ok().map(Utf8Path::to_owned));
    let members = folders.filter(|folder| *folder == root || uv_workspace::above(folder).as_ref() == Some(&root));
    members.filter_map(|folder| Some((normalized(&project_in(&folder)?.metadata?.name?), folder))).collect()
}

/// The deepest folders that are searched for members.
const DEPTH: usize = 5;

/// The project of a folder; `None` if there is none that can be read.
pub(super) fn project_in(folder: &Utf8Path) -> Option<Project> {
    let text = fs_err::read_to_string(folder.join("pyproject.toml")).ok()?;
    toml::from_str(&text).ok()
}
