//! `poetry.lock` (<https://python-poetry.org/docs/basic-usage/#installing-with-poetrylock>).

use camino::Utf8Path;
use serde::Deserialize;

use super::{Contents, used_indexes};
use crate::error::Failure;
use crate::manifest::Selection;
use crate::manifest::project::{IndexTable, Project};
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
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    r#type: String,
    url: String,
    /// Name of the index.
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
    let local = lock.packages.iter().filter_map(|package| {
        let source = package.source.as_ref()?;
        matches!(source.r#type.as_str(), "directory" | "file").then(|| source.url.clone())
    });
    Ok(Contents {
        version: lock.metadata.lock_version.clone(),
        local: local.collect(),
        indexes: used_indexes(lock.packages.iter().filter_map(index)),
        known: Selection { groups: project.groups(), extras: project.extras() },
        ..Contents::default()
    })
}
