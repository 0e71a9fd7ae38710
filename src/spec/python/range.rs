//! Reads which Pythons a project is for, from its own file and from its lock file.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::VersionSpecifiers;

use super::Project;
use crate::facts::Kind;
use crate::files;
use crate::manifest::of_poetry;
use crate::types::PythonVersion;

/// A range of Python versions, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// File and line, such as `pyproject.toml:4`, relative to the working directory.
    pub place: String,
    /// The text as it is written.
    pub text: String,
    versions: VersionSpecifiers,
    /// The file, absolute.
    pub(super) file: Utf8PathBuf,
}

impl Range {
    pub fn allows(&self, python: PythonVersion) -> bool {
        python.within(&self.versions).is_some()
    }

    /// Whether the range allows no Python that is newer than this one, released or not.
    pub(super) fn ends_with(&self, python: PythonVersion) -> bool {
        !python.later_releases().any(|release| self.versions.contains(&release))
    }
}

/// Where ranges are written: the kind of file, the table of TOML, and the key.
const PLACES: &[(Kind, &str, &str)] = &[
    (Kind::Uv, "", "requires-python"),
    (Kind::Poetry, "metadata", "python-versions"),
    (Kind::Pylock, "", "requires-python"),
    (Kind::Pyproject, "project", "requires-python"),
    (Kind::Pyproject, "tool.poetry.dependencies", "python"),
];

/// The ranges of these dependency files (relative to the working directory), of the files that they were made from, and
/// of the projects in the working directory and in `source`. Unreadable files are ignored here and reported where they
/// are used.
pub(super) fn of(dependency_files: &[Utf8PathBuf], project: &Project<'_>) -> Vec<Range> {
    let beside =
        dependency_files.iter().filter_map(|file| Some(file.with_file_name(Kind::of(file).facts().beside.as_deref()?)));
    let projects = std::iter::once(".").chain(project.sources.iter().map(String::as_str));
    let projects = projects.map(|folder| Utf8Path::new(folder).join("pyproject.toml"));
    let files = dependency_files.iter().cloned().chain(beside).chain(projects);
    let mut known = BTreeSet::new();
    let files = files.filter_map(|file| files::normalize(&project.folder.join(file)));
    files.filter(|file| known.insert(file.clone())).filter_map(|file| read(file, project.folder)).collect()
}

fn read(file: Utf8PathBuf, folder: &Utf8Path) -> Option<Range> {
    let kind = Kind::of(&file);
    let places = || PLACES.iter().filter(|(of, ..)| *of == kind);
    if kind != Kind::Pipenv && places().next().is_none() {
        return None;
    }
    let text = fs_err::read_to_string(&file).ok()?;
    let (line, text) = match kind {
        Kind::Pipenv => of_pipenv(&text),
        _ => places().find_map(|(_, table, key)| of_toml(&text, table, key)),
    }?;
    let versions = of_poetry(&text).parse().ok()?;
    Some(Range { place: format!("{}:{line}", files::relative(folder, &file)), text, versions, file })
}

/// The text of a key in a table, with its line. The file is read line by line, because lock files are large.
fn of_toml(text: &str, table: &str, key: &str) -> Option<(usize, String)> {
    let mut current = "";
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            current = header.split(']').next().unwrap_or_default().trim();
        } else if current == table && line.starts_with(key) {
            let value = line.parse::<toml::Table>().ok().and_then(|mut pair| pair.remove(key));
            if let Some(value) = value.as_ref().and_then(toml::Value::as_str) {
                return Some((number, value.to_owned()));
            }
        }
    }
    None
}

/// The value of `"python_version": "3.12"` in `_meta.requires`.
fn of_pipenv(text: &str) -> Option<(usize, String)> {
    text.lines().zip(1..).find_map(|(line, number)| {
        let (key, value) = line.trim().trim_end_matches(',').split_once(':')?;
        let version = value.trim().trim_matches('"');
        match key.trim().trim_matches('"') {
            "python_version" => Some((number, format!("=={version}.*"))),
            "python_full_version" => Some((number, format!("=={version}"))),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_with_their_lines() {
        let text = "version = 1\nrequires-python = \">=3.9\" # all\n\n[[package]]\nname = \"requires-python\"\n";
        assert_eq!(of_toml(text, "", "requires-python"), Some((2, ">=3.9".to_owned())));
        let text = "[tool.other]\nrequires-python = '3'\n[ project ]\nname = 'a'\nrequires-python-x = '1'\nrequires-python='==3.12.*'\n";
        assert_eq!(of_toml(text, "project", "requires-python"), Some((6, "==3.12.*".to_owned())));
        assert_eq!(of_toml(text, "tool.poetry.dependencies", "python"), None);
        let text = "{\n \"_meta\": {\n  \"requires\": {\n   \"python_version\": \"3.12\"\n  },\n";
        assert_eq!(of_pipenv(text), Some((4, "==3.12.*".to_owned())));
    }

    #[test]
    fn a_range_ends_where_nothing_newer_is_allowed() {
        let python: PythonVersion = "3.13".parse().unwrap();
        for (text, ends) in [
            (">=3.11,<3.14", true),
            ("==3.13.*", true),
            ("~=3.13.0", true),
            ("==3.13.2", true),
            ("<=3.14", false),
            (">=3.11", false),
            (">=3.11,<4", false),
            (">=3.11,!=3.14.*", false),
            (">=3.11,<3.15,!=3.14.*", true),
        ] {
            let (place, file) = (String::new(), Utf8PathBuf::new());
            let range = Range { place, text: text.to_owned(), versions: text.parse().unwrap(), file };
            assert_eq!(range.ends_with(python), ends, "{text}");
        }
    }
}
