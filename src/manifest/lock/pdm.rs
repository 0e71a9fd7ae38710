//! `pdm.lock` (<https://pdm-project.org/latest/usage/lockfile/>).

use camino::Utf8Path;
use serde::Deserialize;

use super::{Contents, used_indexes};
use crate::error::Failure;
use crate::manifest::Selection;
use crate::manifest::project::Project;
use crate::manifest::text;

#[derive(Deserialize)]
struct Lock {
    #[serde(default, rename = "package")]
    packages: Vec<Package>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Package {
    /// A project or file by its place.
    path: Option<String>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    lock_version: Option<String>,
    /// What was locked; a group that is not cannot be installed.
    #[serde(default)]
    groups: Vec<String>,
}

pub(super) fn contents(path: &Utf8Path, text: &str, project: &Project) -> Result<Contents, Failure> {
    let lock: Lock = text::toml(path, text)?;
    let extras = project.extras();
    let groups = lock.metadata.groups.iter().filter(|group| *group != "default");
    let groups = groups.map(|group| super::super::project::normalized(group)).filter(|group| !extras.contains(group));
    // The lock does not say which index a distribution is from; the project does.
    let sources = &project.tool.pdm.source;
    let replaces_pypi = sources.iter().any(|source| source.name.as_deref() == Some("pypi"));
    let used = sources.iter().cloned().map(Some).chain((!replaces_pypi).then_some(None));
    Ok(Contents {
        version: lock.metadata.lock_version.clone(),
        local: lock.packages.iter().filter_map(|package| package.path.clone()).collect(),
        indexes: used_indexes(used),
        known: Selection { groups: groups.collect(), extras },
        ..Contents::default()
    })
}
