//! A bare `pyproject.toml`: its dependencies, with groups (PEP 735) and extras, as a list of requirements.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use toml::Value;

use super::project::{GroupEntry, Project, normalized};
use super::requirement::name_of;
use super::{Kind, Selection};
use crate::error::Failure;

/// Lines of a requirement file, each with the number of the line in the project's file that it comes from.
///
/// # Errors
/// The project does not say its dependencies in a way that is the same for every tool.
pub(super) fn requirements(
    path: &Utf8Path,
    text: &str,
    project: &Project,
    selection: &Selection,
) -> Result<Vec<(usize, String)>, Failure> {
    let has_groups = !selection.groups.is_empty() && !project.dependency_groups.is_empty();
    let Some(metadata) = &project.metadata else {
        if has_groups {
            return Ok(numbered(text, &of_groups(path, project, selection)?));
        }
        return Err(without_metadata(path, project));
    };
    if metadata.dynamic.iter().any(|field| field == "dependencies") {
        return Err(Failure::user(format!("`{path}` has its dependencies in another file (`dynamic`)"))
            .hint("name that file with `requirements`, or lock the project"));
    }
    let asked = metadata.optional_dependencies.iter().filter(|(name, _)| selection.extras.contains(&normalized(name)));
    let optional = asked.flat_map(|(_, requirements)| requirements);
    let mut found: Vec<String> = metadata.dependencies.iter().chain(optional).cloned().collect();
    found.extend(of_groups(path, project, selection)?);
    let own = metadata.name.as_deref().map(normalized);
    // An extra that lists other extras of its own project.
    let (of_itself, found): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|line| own.is_some() && name_of(line).map(|name| normalized(&name)) == own);
    let mut found = found;
    for extra in of_itself.iter().flat_map(|line| extras_of(line)) {
        let named = metadata.optional_dependencies.iter().filter(|(name, _)| normalized(name) == normalized(&extra));
        found.extend(named.flat_map(|(_, requirements)| requirements.iter().cloned()));
    }
    let sources: BTreeMap<String, &Value> =
        project.tool.uv.sources.iter().map(|(name, source)| (normalized(name), source)).collect();
    let placed = found.iter().map(|line| placed(path, line, &sources)).collect::<Result<Vec<_>, _>>()?;
    let numbers = found.iter().map(|line| line_of(text, line));
    Ok(numbers.zip(placed).collect())
}

fn without_metadata(path: &Utf8Path, project: &Project) -> Failure {
    if project.tool.poetry.dependencies.is_some() {
        return Failure::user(format!("`{path}` has its dependencies in a form of Poetry's own, and no lock file"))
            .hint(format!("run `poetry lock` and commit `{}`", Kind::Poetry));
    }
    Failure::user(format!("`{path}` has no `[project]`, so it names no dependencies"))
        .hint("name the dependency file with `requirements`")
}

fn numbered(text: &str, lines: &[String]) -> Vec<(usize, String)> {
    lines.iter().map(|line| (line_of(text, line), line.clone())).collect()
}

/// Where a string stands in the file, from 1; the first line if it is written otherwise.
fn line_of(text: &str, string: &str) -> usize {
    text.lines().position(|line| line.contains(string)).map_or(1, |index| index + 1)
}

fn of_groups(path: &Utf8Path, project: &Project, selection: &Selection) -> Result<Vec<String>, Failure> {
    let groups: BTreeMap<String, &Vec<GroupEntry>> =
        project.dependency_groups.iter().map(|(name, entries)| (normalized(name), entries)).collect();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = selection.groups.iter().cloned().collect();
    while let Some(group) = open.pop() {
        if !seen.insert(group.clone()) {
            continue;
        }
        let entries = groups.get(&group).ok_or_else(|| {
            Failure::user(format!("`{path}` includes the group `{group}`, which it does not have"))
                .hint("correct `include-group`")
        })?;
        for entry in *entries {
            match entry {
                GroupEntry::Requirement(requirement) => found.push(requirement.clone()),
                GroupEntry::Include { group } => open.push(normalized(group)),
            }
        }
    }
    Ok(found)
}

/// `name[a,b]` as `a`, `b`.
fn extras_of(requirement: &str) -> Vec<String> {
    let inside = requirement.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(inside, _)| inside);
    inside.into_iter().flat_map(|inside| inside.split(',')).map(|extra| extra.trim().to_owned()).collect()
}

/// A requirement with the place that `[tool.uv.sources]` gives it.
fn placed(path: &Utf8Path, line: &str, sources: &BTreeMap<String, &Value>) -> Result<String, Failure> {
    let Some(name) = name_of(line) else { return Ok(line.to_owned()) };
    let Some(source) = sources.get(&normalized(&name)) else { return Ok(line.to_owned()) };
    let text = |key: &str| source.get(key).and_then(Value::as_str);
    let extras = extras_of(line);
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    let marker = line.split_once(';').map(|(_, marker)| format!(" ; {}", marker.trim())).unwrap_or_default();
    let fragment = text("subdirectory").map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
    if let Some(url) = text("git") {
        let revision = ["rev", "tag", "branch"].into_iter().find_map(text).map(|name| format!("@{name}"));
        let scheme = if url.starts_with("git+") { "" } else { "git+" };
        return Ok(format!("{name}{extras} @ {scheme}{url}{}{fragment}{marker}", revision.unwrap_or_default()));
    }
    if let Some(url) = text("url") {
        return Ok(format!("{name}{extras} @ {url}{fragment}{marker}"));
    }
    if let Some(place) = text("path") {
        let place = if place.starts_with(['.', '/']) { place.to_owned() } else { format!("./{place}") };
        return Ok(format!("{place}{extras}{marker}"));
    }
    Err(Failure::user(format!("`{path}` takes `{name}` from a source that only uv's lock file can hold"))
        .hint(format!("run `uv lock` and commit `{}`", Kind::Uv)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text;

    const PROJECT: &str = r#"
[project]
name = "Web.App"
dependencies = ["six>=1.16", "own", "tool[x]>1; python_version > '3.9'"]
[project.optional-dependencies]
fast = ["orjson"]
all = ["web-app[fast]", "idna"]
[dependency-groups]
dev = ["pytest", { include-group = "Type_Check" }]
type-check = ["mypy"]
[tool.uv.sources]
own = { path = "packages/own" }
tool = { git = "https://h/tool.git", tag = "v1" }
"#;

    fn lines(text: &str, groups: &[&str], extras: &[&str]) -> String {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let project: Project = text::toml("pyproject.toml".into(), text).expect("is TOML");
        match requirements("pyproject.toml".into(), text, &project, &Selection::new(&owned(groups), &owned(extras))) {
            Ok(lines) => lines.iter().map(|(number, line)| format!("{number}: {line}")).collect::<Vec<_>>().join("\n"),
            Err(failure) => format!("{}\n{}", failure.message, failure.hint.unwrap_or_default()),
        }
    }

    #[test]
    fn dependencies_groups_and_extras() {
        insta::assert_snapshot!(lines(PROJECT, &["dev"], &["all"]), @r"
        4: six>=1.16
        4: ./packages/own
        4: tool[x] @ git+https://h/tool.git@v1 ; python_version > '3.9'
        7: idna
        9: pytest
        10: mypy
        6: orjson
        ");
        insta::assert_snapshot!(lines(PROJECT, &[], &[]), @r"
        4: six>=1.16
        4: ./packages/own
        4: tool[x] @ git+https://h/tool.git@v1 ; python_version > '3.9'
        ");
    }

    #[test]
    fn what_is_not_written_here_is_refused() {
        let dynamic = "[project]\nname = \"x\"\ndynamic = [\"dependencies\"]\n";
        insta::assert_snapshot!(lines(dynamic, &[], &[]), @r"
        `pyproject.toml` has its dependencies in another file (`dynamic`)
        name that file with `requirements`, or lock the project
        ");
        insta::assert_snapshot!(lines("[tool.poetry.dependencies]\nsix = \"*\"\n", &[], &[]), @r"
        `pyproject.toml` has its dependencies in a form of Poetry's own, and no lock file
        run `poetry lock` and commit `poetry.lock`
        ");
        let workspace =
            "[project]\nname = \"x\"\ndependencies = [\"own\"]\n[tool.uv.sources]\nown = { workspace = true }\n";
        insta::assert_snapshot!(lines(workspace, &[], &[]), @r"
        `pyproject.toml` takes `own` from a source that only uv's lock file can hold
        run `uv lock` and commit `uv.lock`
        ");
    }
}
