//! Finds selected groups and extras that have nothing for a target, which is usually a mistake.

use toml::Value;

use crate::manifest::project::{GroupEntry, Project, Tools, normalized};
use crate::manifest::read::{allows_python, of_poetry};
use crate::manifest::{Selection, marker_environment};
use crate::types::{Target, pep508};

/// The selected groups and extras that have nothing for the target, each with its kind.
pub(super) fn of_project(project: &Project, selection: &Selection, target: Target) -> Vec<(&'static str, String)> {
    let groups = selection.groups.iter().filter(|name| project.groups().contains(*name));
    let groups = groups.filter(|name| !has_any(&group(project, name, &mut Vec::new()), target));
    let extras = selection.extras.iter().filter(|name| project.extras().contains(*name));
    let extras = extras.filter(|name| !has_any(&extra(project, name), target));
    groups.map(|name| ("group", name.clone())).chain(extras.map(|name| ("extra", name.clone()))).collect()
}

/// One requirement, in the form of any tool.
enum Entry<'a> {
    Line(&'a str),
    /// Poetry's form: a version, a table or a list of tables.
    Table(&'a Value),
    /// A form that only its tool can read.
    Other,
}

fn has_any(entries: &[Entry<'_>], target: Target) -> bool {
    entries.iter().any(|entry| match entry {
        Entry::Line(line) => is_for(line, target),
        Entry::Table(value) => is_for_in_poetry(value, target),
        Entry::Other => true,
    })
}

/// Whether a requirement is for the target. Its tool judges lines that cannot be read here.
pub(super) fn is_for(line: &str, target: Target) -> bool {
    pep508::requirement(line).map_or(true, |requirement| requirement.marker.evaluate(&marker_environment(target), &[]))
}

/// <https://python-poetry.org/docs/dependency-specification/>
fn is_for_in_poetry(value: &Value, target: Target) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    match value {
        Value::Array(values) => values.iter().any(|value| is_for_in_poetry(value, target)),
        _ => {
            text("markers").is_none_or(|marker| is_for(&format!("x ; {marker}"), target))
                && text("python").is_none_or(|range| allows_python(&of_poetry(range), target.python))
                && text("platform").is_none_or(|platform| platform == "linux")
        }
    }
}

/// The entries of a group, including those of the groups that it includes.
fn group<'a>(project: &'a Project, wanted: &str, seen: &mut Vec<String>) -> Vec<Entry<'a>> {
    if seen.iter().any(|name| name == wanted) {
        return Vec::new();
    }
    seen.push(wanted.to_owned());
    let mut found = Vec::new();
    for (_, entries) in project.dependency_groups.iter().filter(|(name, _)| normalized(name) == wanted) {
        for entry in entries {
            match entry {
                GroupEntry::Requirement(line) => found.push(Entry::Line(line)),
                GroupEntry::Include { group: name } => found.extend(group(project, &normalized(name), seen)),
            }
        }
    }
    let is_it = |(name, _): &(&String, &Value)| normalized(name) == wanted;
    let Tools { uv, poetry, pdm } = &project.tool;
    found.extend(uv.dev_dependencies.iter().flatten().filter(|_| wanted == "dev").map(|line| Entry::Line(line)));
    let lists = pdm.dev_dependencies.iter().filter(is_it).map(|(_, list)| list);
    found.extend(
        lists.filter_map(Value::as_array).flatten().map(|line| line.as_str().map_or(Entry::Other, Entry::Line)),
    );
    let of_poetry: Vec<&Value> = poetry.group.iter().filter(is_it).map(|(_, group)| group).collect();
    let includes = of_poetry.iter().any(|group| group.get("include-groups").is_some());
    let tables = of_poetry.into_iter().filter_map(|group| group.get("dependencies")?.as_table());
    let tables = tables.chain(poetry.dev_dependencies.as_ref().filter(|_| wanted == "dev"));
    found.extend(tables.flat_map(toml::Table::values).map(Entry::Table));
    found.extend(includes.then_some(Entry::Other));
    found
}

fn extra<'a>(project: &'a Project, wanted: &str) -> Vec<Entry<'a>> {
    let optional = project.metadata.iter().flat_map(|metadata| &metadata.optional_dependencies);
    let lines = optional.filter(|(name, _)| normalized(name) == wanted).flat_map(|(_, lines)| lines);
    let lines = lines.map(|line| Entry::Line(line.as_str()));
    let poetry = &project.tool.poetry;
    let names = poetry.extras.iter().filter(|(name, _)| normalized(name) == wanted);
    let names = names.filter_map(|(_, names)| names.as_array()).flatten().filter_map(Value::as_str);
    let table = |name: &str| {
        let mut known = poetry.dependencies.iter().flatten();
        known
            .find(|(known, _)| normalized(known) == normalized(name))
            .map_or(Entry::Other, |(_, value)| Entry::Table(value))
    };
    lines.chain(names.map(table)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_extras_with_nothing_for_the_target_are_found() {
        let project = r#"
[project.optional-dependencies]
win = ["pywin32; sys_platform == 'win32'"]
both = ["pywin32; sys_platform == 'win32'", "six"]
[dependency-groups]
none = []
outer = [{ include-group = "none" }, { include-group = "outer" }]
full = ["six", { include-group = "none" }]
[tool.pdm.dev-dependencies]
Own_Path = ["-e file:///${PROJECT_ROOT}/own"]
[tool.poetry.dependencies]
old = { version = "*", python = "<3.11", optional = true }
new = [{ version = "1", python = "<3.11" }, { version = "2", python = "^3.11" }]
mac = { version = "*", markers = "sys_platform == 'darwin'" }
[tool.poetry.extras]
old = ["old", "mac"]
new = ["new"]
[tool.poetry.group.mac.dependencies]
x = { version = "*", platform = "darwin" }
[tool.poetry.group.tests.dependencies]
pytest = "^8"
"#;
        let project: Project = toml::from_str(project).expect("is TOML");
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let selection = Selection {
            groups: names(&["none", "outer", "full", "own-path", "mac", "tests", "missing"]),
            extras: names(&["win", "both", "old", "new"]),
        };
        let found = of_project(&project, &selection, Target::of_tests());
        let found: Vec<String> = found.into_iter().map(|(kind, name)| format!("{kind} {name}")).collect();
        assert_eq!(found, ["group mac", "group none", "group outer", "extra old", "extra win"]);
    }
}
