//! Exports `poetry.lock` with Poetry and its export plugin.

use std::collections::BTreeSet;

use camino::Utf8Path;
use secrecy::{ExposeSecret as _, SecretString};
use toml::Table;

use super::export::{failed, stale};
use super::paths;
use super::tool::{Ready, Tool};
use crate::manifest::{Lock, Selection, text};
use crate::process::child::Answer;
use crate::types::normalized;

pub(crate) static POETRY: Tool = Tool {
    name: "poetry",
    plugin: Some("poetry-plugin-export"),
    setting: "requires-poetry",
    versions: include_str!("../../data/exporters/poetry.txt"),
};

/// Poetry's message about a lock that was made from another `pyproject.toml`.
const STALE: &str = "changed significantly since poetry.lock was last generated";

pub(crate) fn requirements(lock: &Lock, selection: &Selection, tool: &Ready<'_>) -> anyhow::Result<SecretString> {
    fs_err::write(tool.place("export.py"), include_str!("poetry.py"))?;
    let mut answer = export(None, lock, selection, tool)?;
    if let Some(range) = required(&answer.said) {
        answer = export(Some(&range), lock, selection, tool)?;
    }
    match answer.status.success() {
        true => Ok(paths::from_project(answer.text.expose_secret(), &lock.project).into()),
        false if answer.said.contains(STALE) => Err(stale(lock).into()),
        false => Err(failed("Poetry", lock, &answer).into()),
    }
}

/// The versions of Poetry that a project allows (`requires-poetry`), if Poetry says that its own is not one of them.
fn required(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("This project requires Poetry ")?;
    rest.split_once(", but you are using").map(|(range, _)| range.to_owned())
}

fn export(range: Option<&str>, lock: &Lock, selection: &Selection, tool: &Ready<'_>) -> anyhow::Result<Answer> {
    // Poetry expects groups as they are written, and extras in any spelling.
    let project = text::read(&lock.project, Utf8Path::new("pyproject.toml"))?;
    let groups = groups(&project, &selection.groups).join(",");
    let script = tool.place("export.py");
    let mut command = vec!["python", "-I", script.as_str(), "export", "--format", "requirements.txt", "--without-urls"];
    command.push("--no-ansi");
    if !groups.is_empty() {
        command.extend(["--with", &groups]);
    }
    for extra in &selection.extras {
        command.extend(["--extras", extra]);
    }
    let own = tool.place("poetry");
    let python = tool.target.python.release();
    let target = serde_json::json!({ "python": python.release(), "machine": tool.target.architecture.machine() });
    tool.ask_version(
        range,
        &command,
        &[
            ("EXPORT_TARGET", &target.to_string()),
            ("POETRY_CONFIG_DIR", own.as_str()),
            ("POETRY_DATA_DIR", own.as_str()),
            ("POETRY_CACHE_DIR", own.as_str()),
            ("POETRY_NO_INTERACTION", "1"),
            ("POETRY_VIRTUALENVS_CREATE", "false"),
            ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring"),
        ],
    )
}

/// The names of the wanted groups as `pyproject.toml` writes them.
fn groups(project: &str, wanted: &BTreeSet<String>) -> Vec<String> {
    let project: Table = project.parse().unwrap_or_default();
    let poetry = project.get("tool").and_then(|tool| tool.get("poetry")?.get("group"));
    let tables = project.get("dependency-groups").into_iter().chain(poetry).filter_map(toml::Value::as_table);
    let written: BTreeSet<&String> = tables.flat_map(Table::keys).collect();
    // `dev-dependencies` in old projects is the group `dev`, although no group of this name is written.
    let implied = wanted.iter().filter(|name| !written.iter().any(|written| normalized(written) == **name));
    written.iter().copied().filter(|name| wanted.contains(&normalized(name))).chain(implied).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_that_a_project_takes_are_read() {
        let said = "\nThis project requires Poetry >=1.8,<2.0, but you are using Poetry 2.4.3\n";
        assert_eq!(required(said).as_deref(), Some(">=1.8,<2.0"));
        assert_eq!(required("poetry.lock is stale"), None);
    }

    #[test]
    fn groups_are_named_as_they_are_written() {
        let project = "[dependency-groups]\nDocs_Site = []\n[tool.poetry.group.test.dependencies]\nsix = \"*\"\n";
        let wanted = ["dev", "docs-site"].map(str::to_owned).into();
        assert_eq!(groups(project, &wanted), ["Docs_Site", "dev"]);
    }
}
