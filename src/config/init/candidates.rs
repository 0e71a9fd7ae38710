//! Folders that have a dependency file.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::{DirEntry, WalkDir};

use crate::facts::Kind;
use crate::{facts, files};

/// A folder and its dependency file, relative to where the search began.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) folder: Utf8PathBuf,
    pub(super) file: String,
}

/// A file that becomes no layer, and the reason.
pub(super) type LeftOut = (Utf8PathBuf, String);

/// Folders of other people's code, of build results, and of tools.
const FOREIGN: &[&str] = &[
    "__pycache__",
    "_vendor",
    "build",
    "cdk.out",
    "dist",
    "node_modules",
    "site-packages",
    "third_party",
    "vendor",
    "vendored",
    "venv",
];
/// Folders whose dependencies are not those of a function.
const OTHER: &[&str] = &["doc", "docs", "test", "tests"];

/// Gives the candidates in the order of their paths, and the files that were left out with their reasons.
pub(super) fn find(root: &Utf8Path) -> anyhow::Result<(Vec<Candidate>, Vec<LeftOut>)> {
    let mut candidates = Vec::new();
    let mut left_out = Vec::new();
    let mut members = BTreeSet::new();
    let walk = WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(|entry| !is_foreign(entry));
    // Folders that cannot be read are skipped.
    for entry in walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_dir()) {
        let path = files::utf8(entry.path())?;
        let Some(file) = preferred(path) else { continue };
        let folder = path.strip_prefix(root).unwrap_or(path).to_owned();
        if file == Kind::Uv.file_name() {
            members.extend(
                members_of(&path.join(&file)).into_iter().filter_map(|member| files::normalize(&folder.join(member))),
            );
        }
        let of_folder = folder.file_name().unwrap_or_default().to_lowercase();
        let reason = if Kind::of(Utf8Path::new(&file)) == Kind::Pyproject && members.contains(&folder) {
            Some("it belongs to the uv.lock in a folder above it".to_owned())
        } else if OTHER.contains(&of_folder.as_str()) {
            Some(format!("folders called `{of_folder}` are skipped"))
        } else if folder.as_str().contains(['{', '$']) {
            Some("its path contains a character that has a special meaning in the configuration file".to_owned())
        } else {
            None
        };
        match reason {
            Some(reason) => left_out.push((folder.join(file), reason)),
            None => candidates.push(Candidate { folder, file }),
        }
    }
    Ok((candidates, left_out))
}

fn is_foreign(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let is_folder = entry.file_type().is_dir();
    let is_known = name.starts_with('.') || FOREIGN.contains(&name.as_ref()) || name.ends_with(".egg-info");
    entry.depth() > 0 && is_folder && (is_known || entry.path().join("pyvenv.cfg").exists())
}

/// The file that would be chosen if the input names none.
fn preferred(folder: &Utf8Path) -> Option<String> {
    let known = facts::lockfiles().iter().find(|facts| folder.join(&facts.file).is_file());
    known.map(|facts| facts.file.clone())
}

/// Folders of the members of the workspace, relative to the lock file.
fn members_of(lock: &Utf8Path) -> Vec<Utf8PathBuf> {
    let table = fs_err::read_to_string(lock).ok().and_then(|text| text.parse::<toml::Table>().ok());
    let packages = table.and_then(|mut table| table.remove("package"));
    let packages = packages.as_ref().and_then(toml::Value::as_array).into_iter().flatten();
    let places = packages.filter_map(|package| {
        let source = package.get("source")?;
        ["editable", "virtual", "directory"].iter().find_map(|kind| source.get(*kind)?.as_str())
    });
    places.filter(|place| *place != ".").map(Utf8PathBuf::from).collect()
}
