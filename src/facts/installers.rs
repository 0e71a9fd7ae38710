//! Settings of uv and pip and the version of uv: `data/installer-variables.yml`, `data/uv-settings.yml`,
//! `data/uv-projects.yml` and `data/tools.yml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// Versions of the tools that this program installs; see `data/tools.yml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tools {
    pub uv: String,
}

/// Variables of installers and lock tools by how they are treated; see `data/installer-variables.yml` for the meaning
/// of each and the sources. In a name `*` stands for any letters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstallerVariables {
    /// Prefixes of the variables' names.
    pub families: Vec<String>,
    pub access: Vec<String>,
    pub builds: Vec<String>,
    pub places: Vec<String>,
    pub choices: Vec<String>,
    pub files: Vec<String>,
    pub configuration: Vec<String>,
    pub read_here: Vec<String>,
}

/// Settings of uv's configuration files; see `data/uv-settings.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UvSettings {
    /// The settings about access, with the variables that have the same meaning.
    pub access: BTreeMap<String, String>,
    pub choices: BTreeMap<String, String>,
    pub not_heeded: Vec<String>,
}

/// Settings of a project for uv, by how they are treated; see `data/uv-projects.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UvProjects {
    /// Passed on: they decide how requirements resolve.
    pub resolving: Vec<String>,
    /// Passed on, for locked requirements as well.
    pub building: Vec<String>,
    /// Applied by this program itself.
    pub heeded: Vec<String>,
    /// Values that change nothing.
    pub defaults: BTreeMap<String, String>,
    pub idle: Vec<String>,
    /// Refused settings, each with what to do instead.
    pub refused: BTreeMap<String, String>,
    /// Settings of the table `pip` that change nothing.
    pub idle_of_pip: Vec<String>,
    /// Settings of those passed on that pip also supports.
    pub known_to_pip: Vec<String>,
}

static INSTALLER_VARIABLES: LazyLock<InstallerVariables> =
    LazyLock::new(|| embedded(include_str!("../../data/installer-variables.yml")));

static UV_PROJECTS: LazyLock<UvProjects> = LazyLock::new(|| embedded(include_str!("../../data/uv-projects.yml")));

static UV_SETTINGS: LazyLock<UvSettings> = LazyLock::new(|| embedded(include_str!("../../data/uv-settings.yml")));

static TOOLS: LazyLock<Tools> = LazyLock::new(|| embedded(include_str!("../../data/tools.yml")));

pub fn installer_variables() -> &'static InstallerVariables {
    &INSTALLER_VARIABLES
}

pub fn uv_projects() -> &'static UvProjects {
    &UV_PROJECTS
}

pub fn uv_settings() -> &'static UvSettings {
    &UV_SETTINGS
}

pub fn tools() -> &'static Tools {
    &TOOLS
}
