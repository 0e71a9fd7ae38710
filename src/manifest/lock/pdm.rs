//! `pdm.lock` (<https://pdm-project.org/latest/usage/lockfile/>).

use std::collections::BTreeSet;
use std::str::FromStr as _;

use camino::Utf8Path;
use pep508_rs::{Requirement, VerbatimUrl};
use serde::Deserialize;

use super::{Contents, used_indexes};
use crate::error::Failure;
use crate::manifest::project::{Project, normalized};
use crate::manifest::{Selection, marker_environment, text};
use crate::types::{Architecture, PythonVersion, Target};

#[derive(Deserialize)]
struct Lock {
    #[serde(default, rename = "package")]
    packages: Vec<Package>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    dependencies: Vec<String>,
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

pub(super) fn contents(
    path: &Utf8Path,
    text: &str,
    project: &Project,
    python: PythonVersion,
) -> Result<Contents, Failure> {
    let lock: Lock = text::toml(path, text)?;
    check_complete(path, &lock, project, python)?;
    let extras = project.extras();
    let groups = lock.metadata.groups.iter().filter(|group| *group != "default").map(|group| normalized(group));
    let groups = groups.chain(project.groups()).filter(|group| !extras.contains(group));
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

/// Refuses a lock without something that is required: `metadata` stands first, so that a file that ends between two
/// packages says nothing of it itself, and PDM exports what is left.
fn check_complete(path: &Utf8Path, lock: &Lock, project: &Project, python: PythonVersion) -> Result<(), Failure> {
    if lock.metadata.lock_version.is_none() || project.tool.pdm.resolution.contains_key("excludes") {
        return Ok(());
    }
    let metadata = project.metadata.as_ref();
    let own = metadata.and_then(|metadata| metadata.name.as_deref()).map(normalized);
    let locked: BTreeSet<String> = lock.packages.iter().map(|package| normalized(&package.name)).chain(own).collect();
    let targets = [Architecture::X86_64, Architecture::Arm64].map(|architecture| Target { python, architecture });
    let environments = targets.map(marker_environment);
    let missing = |line: &String| {
        let asked = Requirement::<VerbatimUrl>::from_str(line).ok()?;
        // A lock may leave out what is for other platforms.
        let is_for_lambda = environments.iter().all(|environment| asked.marker.evaluate(environment, &[]));
        let name = asked.name.to_string();
        (is_for_lambda && !locked.contains(&name)).then_some(name)
    };
    if let Some(name) = metadata.and_then(|metadata| metadata.dependencies.iter().find_map(missing)) {
        let failure =
            Failure::user(format!("`{path}` does not fit `pyproject.toml`")).cause(format!("it lacks `{name}`"));
        return Err(failure.hint("run `pdm lock` and commit the result"));
    }
    for package in &lock.packages {
        if let Some(name) = package.dependencies.iter().find_map(missing) {
            let by = &package.name;
            let failure = Failure::user(format!("`{path}` lacks `{name}`, which `{by}` requires: it is cut short"));
            return Err(failure.hint("restore it, or write it anew with `pdm lock`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_ends_between_two_packages_is_cut_short() {
        let project =
            "[project]\nname = \"app\"\ndependencies = [\"Rich\", \"pywin32; sys_platform == 'win32'\", \"app[x]\"]\n";
        let lock = "[metadata]\nlock_version = \"4.5.1\"\n[[package]]\nname = \"rich\"\ndependencies = [\"pygments<3; python_version >= '3.9'\", \"tomli; python_version < '3.11'\"]\n";
        let read = |lock: &str| {
            let project = text::toml("pyproject.toml".into(), project).expect("is TOML");
            contents("pdm.lock".into(), lock, &project, "3.13".parse().expect("is known"))
                .map_err(|failure| failure.message)
        };
        let said = "`pdm.lock` lacks `pygments`, which `rich` requires: it is cut short";
        assert_eq!(read(lock).expect_err("is cut"), said);
        assert!(read(&format!("{lock}[[package]]\nname = \"Pygments\"\n")).is_ok());
        let said = "`pdm.lock` does not fit `pyproject.toml`";
        assert_eq!(read("[metadata]\nlock_version = \"4.5.1\"\n").expect_err("is cut"), said);
    }
}
