//! `uv.lock` (<https://docs.astral.sh/uv/concepts/resolution/#lockfile-versioning>).

use camino::Utf8Path;
use serde::Deserialize;

use super::{Contents, used_indexes};
use crate::error::Failure;
use crate::manifest::Selection;
use crate::manifest::project::{IndexTable, Project};
use crate::manifest::text;

#[derive(Deserialize)]
struct Lock {
    version: Option<u32>,
    #[serde(default, rename = "package")]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    source: Source,
}

#[derive(Default, Deserialize)]
struct Source {
    registry: Option<String>,
    editable: Option<String>,
    directory: Option<String>,
    r#virtual: Option<String>,
    path: Option<String>,
}

impl Source {
    fn local(&self) -> Option<&String> {
        [&self.editable, &self.directory, &self.r#virtual, &self.path].into_iter().find_map(Option::as_ref)
    }
}

pub(super) fn contents(path: &Utf8Path, text: &str, project: &Project) -> Result<Contents, Failure> {
    let lock: Lock = text::toml(path, text)?;
    let sources = || lock.packages.iter().map(|package| &package.source);
    // Its name is what `UV_INDEX_<NAME>_PASSWORD` goes by.
    let named = |url: &str| {
        let same = |index: &&IndexTable| {
            index.url.as_deref().is_some_and(|known| known.trim_end_matches('/') == url.trim_end_matches('/'))
        };
        let name = project.tool.uv.index.iter().find(same).and_then(|index| index.name.clone());
        Some(IndexTable { name, url: Some(url.to_owned()) })
    };
    // A registry may be a folder, too.
    let registries = sources().filter_map(|source| source.registry.as_deref()).filter(|place| place.contains("://"));
    Ok(Contents {
        version: lock.version.map(|version| version.to_string()),
        local: sources().filter_map(Source::local).cloned().collect(),
        indexes: used_indexes(registries.map(named)),
        known: Selection { groups: project.groups(), extras: project.extras() },
    })
}
