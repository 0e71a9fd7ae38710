//! The workspace of uv that a project belongs to, where it has no lock file
//! (<https://docs.astral.sh/uv/concepts/projects/workspaces/>): its root decides what holds for all members.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use toml::Value;
use walkdir::WalkDir;

use super::project::{Project, normalized};
use super::{Asked, text};
use crate::files;

/// The root of a workspace.
#[derive(Debug)]
pub(super) struct Root {
    /// Its `pyproject.toml`, from the working directory.
    pub(super) file: Utf8PathBuf,
    pub(super) project: Project,
}

/// The root above a project, in folders of the repository; `None` if the project is nobody's member.
pub(super) fn root_of(file: &Utf8Path, asked: &Asked<'_>) -> Option<Root> {
    let home = file.parent().unwrap_or(Utf8Path::new(""));
    above(home, asked).into_iter().skip(1).find_map(|folder| {
        let file = folder.join("pyproject.toml");
        let text = text::read(asked.folder, &file).ok()?;
        let project: Project = text::toml(&file, &text).ok()?;
        let workspace = project.tool.uv.workspace.as_ref()?;
        let place = |path: &Utf8Path| files::normalize(&asked.folder.join(path));
        let member = place(home)?.strip_prefix(place(&folder)?).ok()?.to_owned();
        is_member(&member, workspace).then_some(Root { file, project })
    })
}

/// A folder and those above it that belong to the repository, from the working directory.
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
    for root in folder.ancestors().take_while(|folder| folder.starts_with(limit)) {
        let Some(workspace) = project_in(root).and_then(|project| project.tool.uv.workspace) else { continue };
        let walk = WalkDir::new(root).max_depth(DEPTH).into_iter().filter_entry(|entry| !files::is_ignored(entry));
        let folders = walk.flatten().filter(|entry| entry.file_type().is_dir());
        let folders = folders.filter_map(|entry| files::utf8(entry.path()).ok().map(Utf8Path::to_owned));
        let members = folders.filter(|folder| {
            folder.strip_prefix(root).is_ok_and(|member| member.as_str().is_empty() || is_member(member, &workspace))
        });
        return members
            .filter_map(|folder| Some((normalized(&project_in(&folder)?.metadata?.name?), folder)))
            .collect();
    }
    BTreeMap::new()
}

/// Deeper than this nobody keeps members.
const DEPTH: usize = 5;

/// The project of a folder, if it has one that can be read.
pub(super) fn project_in(folder: &Utf8Path) -> Option<Project> {
    let text = fs_err::read_to_string(folder.join("pyproject.toml")).ok()?;
    toml::from_str(&text).ok()
}

fn is_member(member: &Utf8Path, workspace: &Value) -> bool {
    let matches = |key: &str| {
        let patterns = workspace.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut globs = patterns.filter_map(|pattern| {
            let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
            globset::GlobBuilder::new(pattern).literal_separator(true).build().ok()
        });
        globs.any(|glob| glob.compile_matcher().is_match(member))
    };
    matches("members") && !matches("exclude")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_those_of_its_patterns() {
        let workspace: toml::Table =
            toml::from_str("members = [\"libs/*\", \"app\"]\nexclude = [\"libs/old\"]").expect("is TOML");
        let is = |path: &str| is_member(path.into(), &Value::Table(workspace.clone()));
        assert!(is("libs/one") && is("app"));
        assert!(!is("libs/old") && !is("libs/one/deeper") && !is("other"));
    }
}
