//! `poetry.lock`, said by Poetry with its export plugin.

use std::collections::BTreeSet;

use camino::Utf8Path;
use secrecy::{ExposeSecret as _, SecretString};
use toml::Table;

use super::tool::{Ready, Tool};
use super::{failed, paths, stale};
use crate::manifest::{Lock, Selection, normalized, text};

pub(super) static POETRY: Tool = Tool {
    name: "poetry",
    plugin: Some("poetry-plugin-export"),
    versions: include_str!("../../data/exporters/poetry.txt"),
};

/// What Poetry says of a lock that was made from another `pyproject.toml`.
const STALE: &str = "changed significantly since poetry.lock was last generated";

pub(super) fn requirements(lock: &Lock, selection: &Selection, tool: &Ready<'_>) -> anyhow::Result<SecretString> {
    // Groups are named as they are written, and extras as one likes.
    let project = text::read(&lock.project, Utf8Path::new("pyproject.toml"))?;
    let groups = groups(&project, &selection.groups).join(",");
    let mut command = vec!["poetry", "export", "--format", "requirements.txt", "--without-urls", "--no-ansi"];
    if !groups.is_empty() {
        command.extend(["--with", &groups]);
    }
    for extra in &selection.extras {
        command.extend(["--extras", extra]);
    }
    let own = tool.place("poetry");
    let answer = tool.ask(
        &command,
        &[
            ("POETRY_CONFIG_DIR", own.as_str()),
            ("POETRY_DATA_DIR", own.as_str()),
            ("POETRY_CACHE_DIR", own.as_str()),
            ("POETRY_NO_INTERACTION", "1"),
            ("POETRY_VIRTUALENVS_CREATE", "false"),
            ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring"),
        ],
    )?;
    match answer.status.success() {
        true => Ok(paths::from_project(answer.text.expose_secret(), &lock.project).into()),
        false if answer.said.contains(STALE) => Err(stale(lock).into()),
        false => Err(failed("Poetry", lock, &answer).into()),
    }
}

/// The names of the wanted groups as `pyproject.toml` has them.
fn groups(project: &str, wanted: &BTreeSet<String>) -> Vec<String> {
    let project: Table = project.parse().unwrap_or_default();
    let poetry = project.get("tool").and_then(|tool| tool.get("poetry")?.get("group"));
    let tables = project.get("dependency-groups").into_iter().chain(poetry).filter_map(toml::Value::as_table);
    let written: BTreeSet<&String> = tables.flat_map(Table::keys).collect();
    // `dev-dependencies` of old projects is the group `dev` without being written.
    let implied = wanted.iter().filter(|name| !written.iter().any(|written| normalized(written) == **name));
    written.iter().copied().filter(|name| wanted.contains(&normalized(name))).chain(implied).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_as_they_are_written() {
        let project = "[dependency-groups]\nDocs_Site = []\n[tool.poetry.group.test.dependencies]\nsix = \"*\"\n";
        let wanted = ["dev", "docs-site"].map(str::to_owned).into();
        assert_eq!(groups(project, &wanted), ["Docs_Site", "dev"]);
    }
}
