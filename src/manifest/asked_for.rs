//! What people ask for in dependency files, as opposed to what tools add to them because something else needs it.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

use super::project::{GroupEntry, Project, normalized};
use super::{Manifest, Requirement, text};
use crate::facts::Kind;
use crate::types::{DistributionName, pep508};

/// A line that asks for a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFor {
    /// Relative to the working directory.
    pub file: Utf8PathBuf,
    /// From 1.
    pub line: usize,
    /// Whether a person wrote it; otherwise a tool may have.
    pub is_certain: bool,
}

impl Manifest {
    /// The lines that ask for distributions by their names. For a lock file, they are in the file that it was made from.
    pub fn asked_for(&self, folder: &Utf8Path) -> BTreeMap<DistributionName, AskedFor> {
        let mut by_file: BTreeMap<&Utf8Path, Vec<(DistributionName, &Requirement)>> = BTreeMap::new();
        for requirement in &self.requirements {
            if let Some(name) = requirement.name() {
                by_file.entry(&requirement.file).or_default().push((name, requirement));
            }
        }
        let mut found = BTreeMap::new();
        for (file, listed) in by_file {
            let lines = match Kind::of(file) {
                Kind::Pyproject => Listed::ByPeople,
                Kind::Requirements => Listed::of_requirements(&text::read(folder, file).unwrap_or_default()),
                _ => self.source_of(file).map_or(Listed::ByTools, |source| Listed::of_source(folder, source)),
            };
            for (name, requirement) in listed {
                let asked = |file: &Utf8Path, line, is_certain| AskedFor { file: file.to_owned(), line, is_certain };
                let asked = match &lines {
                    Listed::ByPeople => Some(asked(file, requirement.line, true)),
                    Listed::ByTools => Some(asked(file, requirement.line, false)),
                    Listed::Annotated(added) => {
                        (!added.contains(&requirement.line)).then(|| asked(file, requirement.line, true))
                    }
                    Listed::In(source, lines) => lines.get(name.as_str()).map(|line| asked(source, *line, true)),
                };
                if let Some(asked) = asked {
                    found.entry(name).or_insert(asked);
                }
            }
        }
        found
    }

    /// The file that a lock was made from.
    fn source_of(&self, lock: &Utf8Path) -> Option<Utf8PathBuf> {
        let known = self.locks.iter().find(|known| known.path == lock).map(|known| known.source.clone());
        known.or_else(|| Some(lock.with_file_name(Kind::Pyproject.file_name())))
    }
}

/// Who wrote the lines of a file.
#[derive(Debug, PartialEq, Eq)]
enum Listed {
    ByPeople,
    /// All of them, or some: a tool wrote the file, and does not say which.
    ByTools,
    /// A tool wrote the file. These lines are there because another distribution needs them.
    Annotated(BTreeSet<usize>),
    /// People wrote another file: its lines by name.
    In(Utf8PathBuf, BTreeMap<String, usize>),
}

impl Listed {
    /// What pip-compile and uv write after a requirement says who needs it: `# via requests`, `# via -r requirements.in`.
    fn of_requirements(text: &str) -> Self {
        let mut needed_by: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        let mut names = BTreeSet::new();
        let (mut line, mut is_open) = (0, false);
        for (index, raw) in text.lines().enumerate() {
            let (content, comment) = raw.split_once('#').unwrap_or((raw, ""));
            let is_indented = raw.starts_with([' ', '\t']) || content.trim().is_empty();
            if !is_indented && !content.starts_with('-') {
                (line, is_open) = (index + 1, false);
                names.insert(normalized(name_at(content)));
            }
            let comment = comment.trim();
            let entries = match comment.strip_prefix("via") {
                Some(rest) if rest.is_empty() || rest.starts_with(' ') => {
                    is_open = true;
                    rest.trim()
                }
                _ if is_open => comment,
                _ => "",
            };
            let entries = entries.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            needed_by.entry(line).or_default().extend(entries);
        }
        let is_added = |entries: &Vec<&str>| {
            let mut counting = entries.iter().filter(|entry| !entry.starts_with("-c ")).peekable();
            counting.peek().is_some() && counting.all(|entry| names.contains(&normalized(entry)))
        };
        if needed_by.values().any(|entries| !entries.is_empty()) {
            return Self::Annotated(needed_by.iter().filter(|(_, by)| is_added(by)).map(|(line, _)| *line).collect());
        }
        let is_header = |line: &str| line.starts_with('#') && line.contains("autogenerated");
        if text.lines().take(5).any(is_header) { Self::ByTools } else { Self::ByPeople }
    }

    fn of_source(folder: &Utf8Path, source: Utf8PathBuf) -> Self {
        let Ok(text) = text::read(folder, &source) else { return Self::ByTools };
        let names = match Kind::of(&source) {
            Kind::Pyproject => text::toml::<Project>(&source, &text).ok().map(|project| names_of_project(&project)),
            _ => toml::from_str(&text).ok().map(|table| names_of_pipfile(&table)),
        };
        let Some(names) = names else { return Self::ByTools };
        let mut lines = names_by_line(&text);
        lines.retain(|name, _| names.contains(name));
        Self::In(source, lines)
    }
}

/// Normalized names in all tables for dependencies.
fn names_of_project(project: &Project) -> BTreeSet<String> {
    let metadata = project.metadata.iter();
    let of_metadata = metadata.flat_map(|of| of.dependencies.iter().chain(of.optional_dependencies.values().flatten()));
    let of_groups = project.dependency_groups.values().flatten().filter_map(|entry| match entry {
        GroupEntry::Requirement(text) => Some(text),
        GroupEntry::Include { .. } => None,
    });
    let of_uv = project.tool.uv.dev_dependencies.iter().flatten();
    let of_pdm = project.tool.pdm.dev_dependencies.values().filter_map(Value::as_array).flatten();
    let of_pdm = of_pdm.filter_map(Value::as_str);
    let texts = of_metadata.chain(of_groups).chain(of_uv).map(String::as_str).chain(of_pdm);
    let named = texts.filter_map(|text| Some(pep508::requirement(text).ok()?.name.to_string()));
    let poetry = &project.tool.poetry;
    let of_group = |group: &Value| group.get("dependencies").and_then(Value::as_table).cloned();
    let tables = poetry.dependencies.iter().chain(&poetry.dev_dependencies).cloned();
    let tables = tables.chain(poetry.group.values().filter_map(of_group));
    let of_poetry = tables.flat_map(|table| table.into_iter().map(|(name, _)| name));
    named.chain(of_poetry).map(|name| normalized(&name)).collect()
}

/// Every table of a Pipfile is a category of packages, with a few exceptions
/// (<https://pipenv.pypa.io/en/latest/pipfile.html>).
fn names_of_pipfile(pipfile: &Table) -> BTreeSet<String> {
    let is_category = |name: &str| !["source", "requires", "scripts", "pipenv"].contains(&name);
    let tables = pipfile.iter().filter(|(name, _)| is_category(name)).filter_map(|(_, value)| value.as_table());
    tables.flat_map(Table::keys).map(|name| normalized(name)).collect()
}

/// The first line on which each name stands as a key, or at the start of a text in quotes.
fn names_by_line(text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with('#') {
            continue;
        }
        let key = name_at(line);
        let key = line[key.len()..].trim_start().starts_with('=').then_some(key);
        let quoted = line.split(['"', '\'']).skip(1).step_by(2).map(name_at);
        for name in key.into_iter().chain(quoted).filter(|name| !name.is_empty()) {
            found.entry(normalized(name)).or_insert(index + 1);
        }
    }
    found
}

/// The name at the start of a text.
fn name_at(text: &str) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    &text[..text.find(|letter| !is_part(letter)).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_files_say_who_needs_a_line() {
        let text = "# This file was autogenerated by uv\nboto3==1.40.1 \\\n    --hash=sha256:ab\n    # via -r requirements.in\n\
            botocore==1.40.1\n    # via\n    #   boto3\n    #   s3transfer\ns3transfer==0.13 # via boto3\n\
            six==1.17.0\n    # via\n    #   -c limits.txt\n    #   boto3\n    #   app (pyproject.toml)\nidna==3.10\n\
            jmespath==1.0\n    # via boto3, botocore\n";
        assert_eq!(Listed::of_requirements(text), Listed::Annotated([5, 9, 16].into()));
        assert_eq!(Listed::of_requirements("# This file is autogenerated by pip-compile\na==1\n"), Listed::ByTools);
        assert_eq!(Listed::of_requirements("# see via x\na==1 # pinned\n"), Listed::ByPeople);
    }

    #[test]
    fn names_are_found_in_every_form() {
        let text = "[project]\nname = \"app\"\ndependencies = [\"Boto3>=1\", 'six']\n# \"idna\"\n  \"Typing_Extensions[x]; 1\",\n\
            [tool.poetry.dependencies]\nrequests = \"^2\"\n\"numpy\" = {version = \"*\"}\n";
        let lines = names_by_line(text);
        let line = |name: &str| lines.get(name).copied();
        assert_eq!(line("boto3"), Some(3));
        assert_eq!((line("six"), line("idna"), line("typing-extensions")), (Some(3), None, Some(5)));
        assert_eq!((line("requests"), line("numpy")), (Some(7), Some(8)));
        let project: Project = toml::from_str(
            "[project]\nname = \"app\"\nkeywords = [\"idna\"]\ndependencies = [\"Boto3>=1\"]\n[dependency-groups]\n\
                g = [\"six\"]\n[tool.poetry.group.x.dependencies]\nnumpy = \"*\"\n",
        )
        .expect("is valid");
        assert_eq!(names_of_project(&project).into_iter().collect::<Vec<_>>(), ["boto3", "numpy", "six"]);
        let pipfile = "[[source]]\nurl = \"x\"\n[packages]\nFlask = \"*\"\n[dev]\npytest = \"*\"\n[requires]\npython_version = \"3\"\n";
        assert_eq!(
            names_of_pipfile(&toml::from_str(pipfile).expect("is valid")).into_iter().collect::<Vec<_>>(),
            ["flask", "pytest"]
        );
    }
}
