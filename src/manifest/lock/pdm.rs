//! Reads `pdm.lock` (<https://pdm-project.org/latest/usage/lockfile/>).

use std::collections::BTreeSet;

use camino::Utf8Path;
use serde::Deserialize;

use super::{Contents, Declared, File, Locked, used_indexes};
use crate::error::Failure;
use crate::manifest::project::{IndexTable, Project, normalized};
use crate::manifest::{Selection, allows_python, marker_environment, text};
use crate::types::{Architecture, PythonVersion, Target, pep508};

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
    #[serde(default)]
    version: String,
    /// The path of a local project or file.
    path: Option<String>,
    #[serde(default)]
    files: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    file: Option<String>,
    /// The URL instead of the name, with `--static-urls`.
    url: Option<String>,
    hash: Option<String>,
}

impl Package {
    fn locked(&self) -> Locked {
        let file = |file: &Artifact| {
            let hashes = file.hash.iter().cloned().collect();
            match (&file.url, &file.file) {
                (Some(url), _) => Some(File::at_url(url, hashes)),
                (None, name) => name.as_ref().map(|name| File::named(name, hashes)),
            }
        };
        let files = self.files.iter().filter_map(file).collect();
        Locked { name: normalized(&self.name), version: self.version.clone(), files, ..Locked::default() }
    }
}

#[derive(Default, Deserialize)]
struct Metadata {
    lock_version: Option<String>,
    /// The groups that were locked. Others cannot be installed.
    #[serde(default)]
    groups: Vec<String>,
    /// The targets that the lock was made for; by default one for every platform.
    #[serde(default)]
    targets: Vec<LockTarget>,
}

/// <https://pdm-project.org/latest/usage/lock-targets/>
#[derive(Deserialize)]
struct LockTarget {
    requires_python: Option<String>,
    platform: Option<String>,
}

impl LockTarget {
    /// The target as a marker; its own description if it can never be Lambda with this Python, and empty if it is for
    /// all.
    fn marker(&self, python: PythonVersion) -> String {
        if let Some(range) = self.requires_python.as_deref().filter(|range| !allows_python(range, python)) {
            return format!("Python {range}");
        }
        let platform = self.platform.as_deref().unwrap_or_default();
        if !platform.starts_with("manylinux") && !platform.starts_with("linux") {
            return platform.to_owned();
        }
        let is_arm = ["aarch64", "arm64"].iter().any(|machine| platform.ends_with(machine));
        let machine = if is_arm { "aarch64" } else { "x86_64" };
        format!("sys_platform == 'linux' and platform_machine == '{machine}'")
    }
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
    // The lock does not contain the index of a distribution; the project does.
    let sources = &project.tool.pdm.source;
    let (pages, sources): (Vec<_>, Vec<_>) = sources.iter().partition(|source| source.is_page());
    let replaces_pypi = sources.iter().any(|source| source.name.as_deref() == Some("pypi"));
    let used = sources.iter().copied().cloned().map(Some).chain((!replaces_pypi).then_some(None));
    let pages: Vec<IndexTable> = pages.into_iter().cloned().collect();
    let declared =
        Declared { pages: pages.iter().filter_map(|page| page.url.clone()).collect(), ..Declared::default() };
    let environments = lock.metadata.targets.iter().map(|target| target.marker(python));
    let environments: Vec<String> = environments.collect();
    Ok(Contents {
        // A target without a condition is for all.
        environments: if environments.iter().any(String::is_empty) { Vec::new() } else { environments },
        version: lock.metadata.lock_version.clone(),
        local: lock.packages.iter().filter_map(|package| package.path.clone()).collect(),
        locked: lock.packages.iter().filter(|package| package.path.is_none()).map(Package::locked).collect(),
        indexes: pages.into_iter().chain(used_indexes(used)).collect(),
        declared,
        known: Selection { groups: groups.collect(), extras },
        ..Contents::default()
    })
}

/// Refuses a lock that lacks a required distribution. In a file that is truncated between two packages, `metadata` at
/// the start still looks complete, and PDM exports what is left.
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
        let asked = pep508::requirement(line).ok()?;
        // A lock may leave out distributions for other platforms.
        let is_for_lambda = environments.iter().all(|environment| asked.marker.evaluate(environment, &[]));
        let name = asked.name.to_string();
        (is_for_lambda && !locked.contains(&name)).then_some(name)
    };
    if let Some(name) = metadata.and_then(|metadata| metadata.dependencies.iter().find_map(missing)) {
        let failure = Failure::user(format!("`{path}` does not match `pyproject.toml`"))
            .cause(format!("it does not contain `{name}`"));
        return Err(failure.hint("run `pdm lock` and commit the result"));
    }
    for package in &lock.packages {
        if let Some(name) = package.dependencies.iter().find_map(missing) {
            let by = &package.name;
            let failure = Failure::user(format!(
                "`{path}` does not contain `{name}`, which `{by}` requires: the file is truncated"
            ));
            return Err(failure.hint("restore the file, or create it again with `pdm lock`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_a_lock_are_read() {
        let marker = |requires_python: Option<&str>, platform: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            LockTarget { requires_python: owned(requires_python), platform: owned(platform) }
                .marker("3.13".parse().expect("is known"))
        };
        assert_eq!(marker(Some(">=3.9"), None), "");
        assert_eq!(marker(Some("==3.12.*"), Some("linux")), "Python ==3.12.*");
        assert_eq!(marker(None, Some("macos_14_0_arm64")), "macos_14_0_arm64");
        assert!(marker(None, Some("manylinux_2_40_aarch64")).ends_with("platform_machine == 'aarch64'"));
        assert!(marker(None, Some("linux")).ends_with("platform_machine == 'x86_64'"));
    }

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
        let said = "`pdm.lock` does not contain `pygments`, which `rich` requires: the file is truncated";
        assert_eq!(read(lock).expect_err("is cut"), said);
        assert!(read(&format!("{lock}[[package]]\nname = \"Pygments\"\n")).is_ok());
        let said = "`pdm.lock` does not match `pyproject.toml`";
        assert_eq!(read("[metadata]\nlock_version = \"4.5.1\"\n").expect_err("is cut"), said);
    }
}
