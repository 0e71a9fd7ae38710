//! Reads from `pyproject.toml` what a project depends on: its dependencies, groups, extras and indexes
//! (<https://packaging.python.org/en/latest/specifications/pyproject-toml/>, PEP 735, and the tables of the tools).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::{Table, Value};

pub(crate) use crate::types::{PYPI, normalized};

/// Where PyPI's files are (<https://docs.pypi.org/api/#endpoints>).
pub(crate) const PYPI_FILES: &str = "https://files.pythonhosted.org/";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Project {
    #[serde(rename = "project")]
    pub(super) metadata: Option<Metadata>,
    #[serde(default)]
    pub(super) dependency_groups: BTreeMap<String, Vec<GroupEntry>>,
    #[serde(default)]
    pub(super) tool: Tools,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    /// The version; `None` if it is `dynamic`.
    pub(super) version: Option<String>,
    pub(super) requires_python: Option<String>,
    #[serde(default)]
    pub(super) dependencies: Vec<String>,
    #[serde(default)]
    pub(super) optional_dependencies: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) dynamic: Vec<String>,
}

/// An entry of a dependency group (PEP 735).
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an entry of a dependency group must be a requirement or `{include-group = \"name\"}`")]
pub(super) enum GroupEntry {
    Requirement(String),
    Include {
        #[serde(rename = "include-group")]
        group: String,
    },
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Tools {
    #[serde(default)]
    pub(super) uv: Uv,
    #[serde(default)]
    pub(super) poetry: Poetry,
    #[serde(default)]
    pub(super) pdm: Pdm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Uv {
    #[serde(default)]
    pub(super) index: Vec<IndexTable>,
    #[serde(default)]
    pub(super) sources: BTreeMap<String, Value>,
    /// The older form of the group `dev`, which consists of both.
    pub(super) dev_dependencies: Option<Vec<String>>,
    /// Settings of groups, by their names: `requires-python`.
    #[serde(default)]
    pub(super) dependency_groups: BTreeMap<String, Value>,
    /// Sets of extras and groups of which no two can be combined, each one as a table.
    #[serde(default)]
    pub(super) conflicts: Vec<Vec<Table>>,
    #[serde(default)]
    pub(super) no_sources: bool,
    #[serde(default)]
    pub(super) no_sources_package: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Poetry {
    pub(super) dependencies: Option<Table>,
    #[serde(default)]
    pub(super) group: Table,
    #[serde(default)]
    pub(super) extras: Table,
    pub(super) dev_dependencies: Option<Table>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Pdm {
    #[serde(default)]
    pub(super) dev_dependencies: Table,
    #[serde(default)]
    pub(super) resolution: Table,
    #[serde(default)]
    pub(super) source: Vec<IndexTable>,
}

/// A package index as uv, Poetry, PDM and Pipenv name it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct IndexTable {
    pub(super) name: Option<String>,
    /// The URL; Poetry allows `PyPI` without one.
    pub(super) url: Option<String>,
    /// Whether uv asks it last, in place of PyPI.
    #[serde(default)]
    pub(super) default: bool,
    /// Whether uv asks it only for distributions whose source names it.
    #[serde(default)]
    pub(super) explicit: bool,
    /// The type; `find_links` of PDM is a list of links.
    pub(super) r#type: Option<String>,
}

impl IndexTable {
    pub(super) fn new(name: Option<String>, url: &str) -> Self {
        Self { name, url: Some(url.to_owned()), default: false, explicit: false, r#type: None }
    }

    pub(super) fn is_page(&self) -> bool {
        self.r#type.as_deref() == Some("find_links")
    }
}

impl Project {
    /// The project's groups, from the tables of all tools. `dev` stands for dependencies that are installed only on
    /// request.
    pub(super) fn groups(&self) -> BTreeSet<String> {
        let Tools { uv, poetry, pdm } = &self.tool;
        let old = uv.dev_dependencies.is_some() || poetry.dev_dependencies.is_some();
        let names = self.dependency_groups.keys().chain(poetry.group.keys()).chain(pdm.dev_dependencies.keys());
        names.map(|name| normalized(name)).chain(old.then(|| "dev".to_owned())).collect()
    }

    pub(super) fn extras(&self) -> BTreeSet<String> {
        let optional = self.metadata.iter().flat_map(|project| project.optional_dependencies.keys());
        optional.chain(self.tool.poetry.extras.keys()).map(|name| normalized(name)).collect()
    }
}
