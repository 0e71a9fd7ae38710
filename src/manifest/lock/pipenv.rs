//! Reads `Pipfile.lock` (<https://github.com/pypa/pipfile>): JSON with one key for each category of packages.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Deserialize;

use super::unused::is_for;
use super::{Contents, Locked, used_indexes};
use crate::error::Failure;
use crate::manifest::project::{IndexTable, normalized};
use crate::manifest::{Selection, text};
use crate::types::Target;

#[derive(Deserialize)]
struct Lock {
    #[serde(rename = "_meta")]
    meta: Option<Meta>,
    #[serde(flatten)]
    categories: BTreeMap<String, BTreeMap<String, Package>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Meta {
    pipfile_spec: Option<u32>,
    #[serde(default)]
    requires: Requires,
    #[serde(default)]
    sources: Vec<IndexTable>,
}

#[derive(Default, Deserialize)]
struct Requires {
    python_version: Option<String>,
    python_full_version: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    /// The name of a source.
    index: Option<String>,
    path: Option<String>,
    file: Option<String>,
    version: Option<String>,
    markers: Option<String>,
}

/// Pipenv's name in the lock for the packages that are installed by default.
const MAIN: &str = "default";
/// Its name for packages for development, which are `dev-packages` in the `Pipfile`.
const DEVELOPMENT: &str = "develop";

pub(super) fn contents(path: &Utf8Path, text: &str) -> Result<Contents, Failure> {
    let lock: Lock = text::json(path, text)?;
    let Some(meta) = lock.meta else { return Ok(Contents::default()) };
    let packages = || lock.categories.values().flat_map(BTreeMap::values);
    // A package without an index is from the first source.
    let index = |package: &Package| {
        let name = package.index.as_deref();
        let source = meta.sources.iter().find(|source| name.is_none() || source.name.as_deref() == name);
        package.version.as_ref().map(|_| source.cloned())
    };
    let locked = lock.categories.values().flatten().filter_map(|(name, package)| {
        let version = package.version.as_ref()?.trim_start_matches('=').to_owned();
        let index = index(package).flatten().and_then(|source| source.url);
        Some(Locked { name: normalized(name), version, index, ..Locked::default() })
    });
    let is_local = |place: &&String| !place.contains("://") || place.starts_with("file:");
    let local = packages().filter_map(|package| package.path.as_ref().or(package.file.as_ref()).filter(is_local));
    let groups = lock
        .categories
        .keys()
        .filter(|name| *name != MAIN)
        .map(|name| if name == DEVELOPMENT { "dev".to_owned() } else { normalized(name) });
    let Requires { python_version, python_full_version } = meta.requires;
    Ok(Contents {
        python_range: python_full_version.as_ref().map(|version| format!("=={version}")).unwrap_or_default(),
        python: python_version.or(python_full_version),
        version: meta.pipfile_spec.map(|version| version.to_string()),
        local: local.cloned().collect(),
        locked: locked.collect(),
        indexes: used_indexes(packages().filter_map(index)),
        known: Selection { groups: groups.collect(), ..Selection::default() },
        ..Contents::default()
    })
}

/// Selected groups that have nothing for the target.
pub(super) fn unused(text: &str, selection: &Selection, target: Target) -> Vec<(&'static str, String)> {
    let lock: Option<Lock> = serde_json::from_str(text).ok();
    let categories = lock.into_iter().flat_map(|lock| lock.categories);
    let categories = categories
        .map(|(name, packages)| (if name == DEVELOPMENT { "dev".to_owned() } else { normalized(&name) }, packages));
    let is_for =
        |package: &Package| package.markers.as_ref().is_none_or(|marker| is_for(&format!("x ; {marker}"), target));
    let unused =
        categories.filter(|(name, packages)| selection.groups.contains(name) && !packages.values().any(is_for));
    unused.map(|(name, _)| ("group", name)).collect()
}
