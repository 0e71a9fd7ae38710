//! Reads `poetry.lock` (<https://python-poetry.org/docs/basic-usage/#installing-with-poetrylock>).

use camino::Utf8Path;
use serde::Deserialize;

use super::{Contents, File, Locked, used_indexes};
use crate::error::Failure;
use crate::manifest::project::{IndexTable, Project, normalized};
use crate::manifest::{Selection, text};

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
    version: String,
    source: Option<Source>,
    #[serde(default)]
    files: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    file: String,
    hash: String,
}

#[derive(Deserialize)]
struct Source {
    r#type: String,
    url: String,
    /// The name of the index.
    reference: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    lock_version: Option<String>,
}

pub(super) fn contents(path: &Utf8Path, text: &str, project: &Project) -> Result<Contents, Failure> {
    let lock: Lock = text::toml(path, text)?;
    let index = |package: &Package| match &package.source {
        None => Some(None),
        Some(source) if source.r#type == "legacy" => Some(Some(IndexTable::new(source.reference.clone(), &source.url))),
        Some(_) => None,
    };
    let locked = |package: &Package| {
        let source = package.source.as_ref();
        let is_on_index = source.is_none_or(|source| source.r#type == "legacy");
        is_on_index.then(|| Locked {
            name: normalized(&package.name),
            version: package.version.clone(),
            index: source.map(|source| source.url.clone()),
            files: package.files.iter().map(|file| File::named(&file.file, [file.hash.clone()].into())).collect(),
            forks: Vec::new(),
        })
    };
    let local = lock.packages.iter().filter_map(|package| {
        let source = package.source.as_ref()?;
        matches!(source.r#type.as_str(), "directory" | "file").then(|| source.url.clone())
    });
    Ok(Contents {
        version: lock.metadata.lock_version.clone(),
        local: local.collect(),
        locked: lock.packages.iter().filter_map(locked).collect(),
        indexes: used_indexes(lock.packages.iter().filter_map(index)),
        known: Selection { groups: project.groups(), extras: project.extras() },
        ..Contents::default()
    })
}
