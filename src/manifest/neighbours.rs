//! Finds the local projects and files that a local project depends on: uv follows the `[tool.uv.sources]` of a project
//! that is required by its path, and pip the `file:` URLs.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use pep508_rs::VersionOrUrl;
use toml::Value;

use super::options::{Place, place_of};
use super::project::{Project, normalized};
use super::workspace::{members, project_in};
use crate::files;
use crate::types::pep508;

/// The direct and indirect local dependencies of the project in a folder. All paths are absolute, and `limit` is the
/// repository's.
pub(super) fn of(folder: &Utf8Path, limit: &Utf8Path) -> BTreeSet<Utf8PathBuf> {
    let start = files::normalize(folder).unwrap_or_else(|| folder.to_owned());
    let mut found = BTreeSet::from([start.clone()]);
    let mut open = vec![start.clone()];
    while let Some(folder) = open.pop() {
        let Some(project) = project_in(&folder) else { continue };
        for path in beside(&folder, &project, limit) {
            if path.exists() && found.insert(path.clone()) {
                open.push(path);
            }
        }
    }
    found.remove(&start);
    found
}

fn beside(folder: &Utf8Path, project: &Project, limit: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for (name, value) in &project.tool.uv.sources {
        let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for source in list {
            let path = source.get("path").and_then(Value::as_str).filter(|_| source.get("git").is_none());
            found.extend(path.and_then(|path| files::normalize(&folder.join(path))));
            if source.get("workspace").and_then(Value::as_bool) == Some(true) {
                found.extend(members(folder, limit).remove(&normalized(name)));
            }
        }
    }
    let metadata = project.metadata.iter();
    let lines = metadata.flat_map(|of| of.dependencies.iter().chain(of.optional_dependencies.values().flatten()));
    let named = lines.filter_map(|line| pep508::requirement(line).ok());
    found.extend(named.filter_map(|requirement| match requirement.version_or_url {
        Some(VersionOrUrl::Url(url)) => match place_of(url.raw().as_str()) {
            Place::Local(path) => files::normalize(&folder.join(path)),
            Place::Url => None,
        },
        _ => None,
    }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_followed_from_one_to_the_next() {
        let keep = tempfile::tempdir().expect("can be made");
        let root = Utf8PathBuf::try_from(keep.path().canonicalize().expect("exists")).expect("is UTF-8");
        let write = |path: &str, text: &str| {
            fs_err::create_dir_all(root.join(path).parent().expect("has a parent")).expect("can be made");
            fs_err::write(root.join(path), text).expect("can be written");
        };
        write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"libs/*\"]\n");
        write("libs/a/pyproject.toml", "[project]\nname = \"a\"\n[tool.uv.sources]\nb = { workspace = true }\n");
        let b = format!("[project]\nname = \"B\"\ndependencies = [\"c @ file://{root}/c.whl\"]\n");
        write("libs/b/pyproject.toml", &format!("{b}[tool.uv.sources]\na = [{{ path = \"../a\", marker = \"x\" }}]\n"));
        write("c.whl", "");
        assert_eq!(of(&root.join("libs/a"), &root), [root.join("c.whl"), root.join("libs/b")].into());
    }
}
