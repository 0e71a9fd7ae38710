//! Reads a `pyproject.toml` without a lock: its dependencies, with groups (PEP 735) and extras, as a list of
//! requirements.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use camino::Utf8Path;
use toml::Value;

use super::Selection;
use super::project::{GroupEntry, Project, normalized};
use super::read::fits_python;
use super::sources::Sources;
use super::text::LineStarts;
use super::wanted::{Wanted, without_itself};
use crate::error::Failure;
use crate::facts::Kind;
use crate::types::PythonVersion;

/// Lines of a requirement file, each with the number of the line in the project's file that it comes from.
///
/// # Errors
/// The project does not state its dependencies in a form that is the same for every tool.
pub(super) fn requirements(
    path: &Utf8Path,
    text: &str,
    project: &Project,
    sources: &Sources,
    selection: &Selection,
    python: PythonVersion,
) -> Result<Vec<(usize, String)>, Failure> {
    refuse_conflicts(path, project, selection)?;
    let mut wanted = Vec::new();
    if let Some(metadata) = &project.metadata {
        if metadata.dynamic.iter().any(|field| field == "dependencies") {
            return Err(Failure::user(format!("`{path}` declares its dependencies as `dynamic`, in another file"))
                .hint("set `requirements` to that file, or lock the project"));
        }
        wanted.extend(metadata.dependencies.iter().map(|text| Wanted::of_project(text)));
        for (extra, list) in &metadata.optional_dependencies {
            let is_asked = selection.extras.contains(&normalized(extra));
            wanted.extend(list.iter().filter(|_| is_asked).map(|text| Wanted::of_extra(text, extra)));
        }
    } else if selection.groups.is_empty() || project.groups().is_empty() {
        return Err(without_metadata(path, project));
    }
    wanted.extend(of_groups(path, project, selection, python)?);
    if let Some(metadata) = &project.metadata {
        wanted = without_itself(path, metadata, wanted)?;
    }
    let (mut lines, mut known) = (Vec::new(), BTreeSet::new());
    for (wanted, number) in wanted.iter().zip(lines_of(text, &wanted)) {
        for line in sources.lines(wanted)? {
            // Extras and groups may have the same requirements.
            if known.insert(line.clone()) {
                lines.push((number, line));
            }
        }
    }
    Ok(lines)
}

/// Refuses extras and groups that the project declares as conflicting (`[tool.uv] conflicts`).
fn refuse_conflicts(path: &Utf8Path, project: &Project, selection: &Selection) -> Result<(), Failure> {
    let own = project.metadata.as_ref().and_then(|metadata| metadata.name.as_deref()).map(normalized);
    for set in &project.tool.uv.conflicts {
        let text = |table: &toml::Table, key: &str| table.get(key).and_then(Value::as_str).map(normalized);
        let of_project = set.iter().filter(|table| text(table, "package").is_none_or(|name| Some(name) == own));
        let asked = of_project.filter_map(|table| {
            let extra = text(table, "extra").filter(|name| selection.extras.contains(name));
            let group = text(table, "group").filter(|name| selection.groups.contains(name));
            Some(match (extra, group) {
                (Some(extra), _) => format!("the extra `{extra}`"),
                (None, Some(group)) => format!("the group `{group}`"),
                (None, None) => return None,
            })
        });
        let asked: BTreeSet<String> = asked.collect();
        if asked.len() > 1 {
            let failure = Failure::user(format!(
                "`groups` and `extras` select a combination that `{path}` declares as conflicting"
            ));
            return Err(failure.causes(asked).hint("remove one of them"));
        }
    }
    Ok(())
}

fn without_metadata(path: &Utf8Path, project: &Project) -> Failure {
    if project.tool.poetry.dependencies.is_some() {
        return Failure::user(format!(
            "`{path}` declares its dependencies in Poetry's own format, but there is no lock file"
        ))
        .hint(format!("run `poetry lock` and commit `{}`", Kind::Poetry));
    }
    Failure::user(format!("`{path}` has no `[project]` table, so it declares no dependencies"))
        .hint("set `requirements` to the dependency file")
}

/// The line of each requirement in the file, from 1; the first line if the file writes it in another form. All are
/// searched at once.
fn lines_of(text: &str, wanted: &[Wanted]) -> Vec<usize> {
    let mut lines = vec![None; wanted.len()];
    let starts = LineStarts::of(text);
    if let Ok(finder) = AhoCorasick::new(wanted.iter().map(|wanted| &wanted.text)) {
        for found in finder.find_overlapping_iter(text) {
            lines[found.pattern()].get_or_insert_with(|| starts.line(found.start()));
        }
    }
    lines.into_iter().map(|line| line.unwrap_or(1)).collect()
}

/// The requirements of the selected groups, and of those that they include.
fn of_groups(
    path: &Utf8Path,
    project: &Project,
    selection: &Selection,
    python: PythonVersion,
) -> Result<Vec<Wanted>, Failure> {
    let groups: BTreeMap<String, &Vec<GroupEntry>> =
        project.dependency_groups.iter().map(|(name, entries)| (normalized(name), entries)).collect();
    let ranges: BTreeMap<String, &str> = (project.tool.uv.dependency_groups.iter())
        .filter_map(|(name, settings)| Some((normalized(name), settings.get("requires-python")?.as_str()?)))
        .collect();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = selection.groups.iter().cloned().collect();
    while let Some(group) = open.pop() {
        if !seen.insert(group.clone()) {
            continue;
        }
        fits_python(path, ranges.get(&group).copied(), python).map_err(|failure| {
            let range = ranges.get(&group).copied().unwrap_or_default();
            let message = format!(
                "the group `{group}` in `{path}` requires Python {range}, but the layer is for Python {python}"
            );
            Failure { message, ..failure }.hint("change `python-version`, or remove the group from `groups`")
        })?;
        let older = project.tool.uv.dev_dependencies.as_ref().filter(|_| group == "dev");
        found.extend(older.into_iter().flatten().map(|text| Wanted::of_group(text, &group)));
        let Some(entries) = groups.get(&group) else {
            if older.is_some() {
                continue;
            }
            if selection.groups.contains(&group) {
                let failure = Failure::user(format!("`{path}` declares the group `{group}` in a tool-specific format"));
                return Err(failure
                    .hint("lock the project and commit the lock file, or declare the group in `[dependency-groups]`"));
            }
            return Err(Failure::user(format!("`{path}` includes the group `{group}`, which does not exist"))
                .hint("correct `include-group`"));
        };
        for entry in *entries {
            match entry {
                GroupEntry::Requirement(requirement) => found.push(Wanted::of_group(requirement, &group)),
                GroupEntry::Include { group } => open.push(normalized(group)),
            }
        }
    }
    Ok(found)
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
        let sources = Sources::read("pyproject.toml".into(), &project, None).expect("are valid");
        let selection = Selection::new(&owned(groups), &owned(extras));
        let python = "3.13".parse().expect("is known");
        match requirements("pyproject.toml".into(), text, &project, &sources, &selection, python) {
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
        6: orjson
        7: idna
        9: pytest
        10: mypy
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
        `pyproject.toml` declares its dependencies as `dynamic`, in another file
        set `requirements` to that file, or lock the project
        ");
        insta::assert_snapshot!(lines("[tool.poetry.dependencies]\nsix = \"*\"\n", &[], &[]), @r"
        `pyproject.toml` declares its dependencies in Poetry's own format, but there is no lock file
        run `poetry lock` and commit `poetry.lock`
        ");
        let workspace =
            "[project]\nname = \"x\"\ndependencies = [\"own\"]\n[tool.uv.sources]\nown = { workspace = true }\n";
        insta::assert_snapshot!(lines(workspace, &[], &[]), @r"
        `pyproject.toml` installs `own` from a source that only uv's lock file supports
        run `uv lock` and commit `uv.lock`
        ");
    }
}
