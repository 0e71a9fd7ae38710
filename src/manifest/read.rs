//! Reads all requested dependency files, each in its format, into one manifest.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::VersionSpecifiers;
use secrecy::{ExposeSecret as _, SecretString};
use toml::Value;

use super::lines::logical_lines;
use super::lock::{Lock, ParsedLocks};
use super::project::{Project, normalized};
use super::pylock::Pylock;
use super::requirements::{Reader, Role};
use super::settings::{Found, Settings};
use super::sources::Sources;
use super::uv_settings::KnownIndexes;
use super::{Manifest, ManifestFile, Selection, lock, pyproject, settings, text, workspace};
use crate::environment::Environment;
use crate::error::{Failure, Problems};
use crate::facts::Kind;
use crate::types::{Digest, PythonVersion, Target};

/// Lock files exported as requirement files by their own tools, by path.
pub type Exports = BTreeMap<Utf8PathBuf, SecretString>;

/// The dependency files to read.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Files of any kind, relative to `folder`.
    pub requirements: &'a [Utf8PathBuf],
    pub constraints: &'a [Utf8PathBuf],
    pub selection: &'a Selection,
    pub target: Target,
    /// The folder that paths are relative to, and shown relative to.
    pub folder: &'a Utf8Path,
    /// The folder that local paths must stay in.
    pub workspace: &'a Utf8Path,
    pub environment: &'a Environment,
    /// Lock files that other layers of the run have already parsed.
    pub parsed: &'a ParsedLocks,
}

impl Manifest {
    /// Reads the requested files and all that they refer to. The requirements of a lock file are known if `exports`
    /// contains them; otherwise it is only checked.
    pub fn read(asked: &Asked<'_>, exports: &Exports, problems: &mut Problems) -> Self {
        let mut reader = Reader::new(asked, problems);
        let mut known = Selection::default();
        let mut with_groups = Vec::new();
        let mut is_complete = true;
        for path in asked.requirements {
            let kind = Kind::of(path);
            let found = match kind {
                Kind::Requirements => {
                    reader.read(path, Role::Requirements);
                    continue;
                }
                Kind::Pylock => read_pylock(path, asked, &mut reader),
                Kind::Pyproject => read_pyproject(path, asked, &mut reader),
                Kind::Uv | Kind::Poetry | Kind::Pdm | Kind::Pipenv => read_lock(path, asked, exports, &mut reader),
            };
            let Some(found) = found else {
                is_complete = false;
                continue;
            };
            known.groups.extend(found.groups);
            known.extras.extend(found.extras);
            with_groups.push(path.to_string());
        }
        for path in asked.constraints {
            reader.read(path, Role::Constraints);
        }
        if with_groups.is_empty() {
            with_groups = asked.requirements.iter().map(ToString::to_string).collect();
        }
        // The groups of an unreadable file are unknown.
        if is_complete {
            asked.selection.check(&known, &with_groups, reader.problems);
        }
        reader.settle_own_names();
        let is_lock = |path: &Utf8PathBuf| Kind::of(path).is_lock();
        reader.manifest.is_locked = !asked.requirements.is_empty() && asked.requirements.iter().all(is_lock);
        reader.finish()
    }
}

fn read_pylock(path: &Utf8Path, asked: &Asked<'_>, reader: &mut Reader<'_>) -> Option<Selection> {
    let text = reader.problems.check(text::read(asked.folder, path))?;
    let lock = reader.problems.check(Pylock::read(path, &text))?;
    let range = reader.problems.check(fits_python(path, lock.requires_python.as_deref(), asked.target.python))?;
    reader.manifest.python_ranges.push((path.to_owned(), range));
    reader.problems.check(lock::check_environments(path, &lock.environments, asked.target))?;
    let unused = lock.unused(asked.selection, asked.target).into_iter();
    reader.manifest.notes.extend(unused.map(|(what, name)| lock::unused_note(what, &name, path, asked.target)));
    let home = asked.folder.join(path.parent().unwrap_or(Utf8Path::new("")));
    let known = KnownIndexes::of(&home, asked.environment);
    let indexes: Vec<_> = lock.indexes().iter().map(|index| known.known(index, asked.environment)).collect();
    let indexes = lock::index_urls(path, &indexes, asked.environment, reader.problems);
    let lines = lock.requirements(path, &text, asked, &indexes, reader.problems);
    reader.manifest.locked.push(lock.locked());
    reader.manifest.indexes.extend(indexes);
    reader.take(path, &text, lines);
    Some(lock.known())
}

fn read_pyproject(path: &Utf8Path, asked: &Asked<'_>, reader: &mut Reader<'_>) -> Option<Selection> {
    let text = reader.problems.check(text::read(asked.folder, path))?;
    let project = text::toml(path, &text).map_err(|failure| failure.hint("correct the file at this position"));
    let mut project: Project = reader.problems.check(project)?;
    project.tool.uv.sources.retain(|name, _| !ignores_source(name, asked.environment));
    let range = project.metadata.as_ref().and_then(|metadata| metadata.requires_python.as_deref());
    let range = reader.problems.check(fits_python(path, range, asked.target.python))?;
    reader.manifest.python_ranges.push((path.to_owned(), range));
    let known = Selection { groups: project.groups(), extras: project.extras() };
    // A group that does not exist is reported by the check of all groups.
    let groups: BTreeSet<String> = asked.selection.groups.intersection(&known.groups).cloned().collect();
    let selection = Selection { groups, extras: asked.selection.extras.clone() };
    let root = workspace::root_of(path, asked);
    let sources = Sources::read(path, &project, root.as_ref().map(|root| (root.file.as_path(), &root.project)));
    let sources = reader.problems.check(sources)?;
    let home = root.as_ref().map_or(path, |root| &root.file).parent().unwrap_or(Utf8Path::new(""));
    let found = settings::find(home, asked, reader.problems);
    let (mut settings, lines) = found.of_project(&sources, reader.problems);
    settings.projects =
        project.metadata.iter().filter_map(|metadata| Some(normalized(metadata.name.as_ref()?))).collect();
    reader.take_settings(&found, settings, &lines);
    let lines = pyproject::requirements(path, &text, &project, &sources, &selection, asked.target.python);
    let lines = reader.problems.check(lines)?;
    reader.take(path, &text, lines);
    Some(known)
}

/// Whether uv's variables disable `[tool.uv.sources]` for a distribution.
fn ignores_source(name: &str, environment: &Environment) -> bool {
    let mut names = environment.get("UV_NO_SOURCES_PACKAGE").unwrap_or_default().split_whitespace();
    environment.is_on("UV_NO_SOURCES") || names.any(|ignored| normalized(ignored) == normalized(name))
}

fn read_lock(path: &Utf8Path, asked: &Asked<'_>, exports: &Exports, reader: &mut Reader<'_>) -> Option<Selection> {
    let lock = Lock::read(path, asked, reader.problems)?;
    let known = lock.known.clone();
    if let Some(export) = exports.get(path) {
        reader.take_export(&lock, export, asked);
    }
    if lock.kind == Kind::Uv {
        let root = path.with_file_name("pyproject.toml");
        let text = reader.problems.check(text::read(asked.folder, &root))?;
        let project: Project = reader.problems.check(text::toml(&root, &text))?;
        // uv has read them already when it locked.
        let sources = Sources::read(&root, &project, None).unwrap_or_default();
        let mut found = settings::find(path.parent().unwrap_or(Utf8Path::new("")), asked, reader.problems);
        found.files.retain(|file| !lock.files.contains(file));
        let (settings, lines) = found.of_lock(&sources, reader.problems);
        reader.take_settings(&found, settings, &lines);
    }
    reader.manifest.locked.push(lock.locked.clone());
    reader.manifest.indexes.extend(lock.indexes.iter().cloned());
    reader.manifest.python_ranges.push((lock.source.clone(), lock.python_range.clone()));
    reader.manifest.locks.push(lock);
    Some(known)
}

/// The range in a project's `requires-python`, in the form of PEP 440; empty if there is none.
///
/// # Errors
/// The range allows no release of the target's Python.
pub(super) fn fits_python(path: &Utf8Path, range: Option<&str>, python: PythonVersion) -> Result<String, Failure> {
    let range = range.unwrap_or_default();
    let canonical = of_poetry(range);
    if allows_python(&canonical, python) {
        return Ok(canonical);
    }
    Err(Failure::user(format!("`{path}` requires Python {range}, but the layer is for Python {python}"))
        .hint("change `python-version`, or change the project's `requires-python` and lock it again"))
}

/// Whether a range allows a Python in any of its patch releases. The tools judge ranges that cannot be read here.
pub(crate) fn allows_python(range: &str, python: PythonVersion) -> bool {
    range.parse::<VersionSpecifiers>().map_or(true, |range| python.within(&range).is_some())
}

/// Poetry's `^3.10` and `~3.10` in the form of PEP 440; there is no Python 4.
pub(crate) fn of_poetry(range: &str) -> String {
    let parts = range.split(',').map(str::trim).map(|part| match (part.strip_prefix('^'), part.strip_prefix('~')) {
        (Some(version), _) => format!(">={version}"),
        (None, Some(version)) if !version.starts_with('=') => {
            format!("~={version}{}", if version.matches('.').count() < 2 { ".0" } else { "" })
        }
        // A bare version allows only that one.
        _ if part.starts_with(|first: char| first.is_ascii_digit()) => format!("=={part}"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

impl Reader<'_> {
    /// Adds the lines that replace a file, each with the number of the line that it comes from.
    fn take(&mut self, path: &Utf8Path, text: &str, lines: Vec<(usize, String)>) {
        self.manifest.files.push(ManifestFile { path: path.to_owned(), digest: Digest::of(text.as_bytes()) });
        self.take_lines(path, lines);
    }

    /// Adds settings of uv, and those of them that are lines of a requirement file.
    fn take_settings(&mut self, found: &Found, settings: Settings, lines: &[String]) {
        for file in &found.files {
            if !self.manifest.files.contains(file) {
                self.manifest.files.push(file.clone());
            }
        }
        let constraints = settings.table.get("constraint-dependencies").and_then(Value::as_array);
        for text in constraints.into_iter().flatten().filter_map(Value::as_str) {
            let constraint = self.constraint(&found.file, text);
            self.manifest.constraints.extend(self.problems.check(constraint));
        }
        self.take_options(&found.file, lines);
        self.problems.check(self.manifest.settings.join(settings));
    }

    /// Refuses a requirement that would fetch a project from an index although the project's own file is also read. A
    /// requirement with a place is allowed.
    fn settle_own_names(&mut self) {
        let name_of_local = |path: &Utf8PathBuf| {
            let text = text::read(self.folder, &path.join("pyproject.toml")).ok();
            let project: Option<Project> = text.and_then(|text| text::toml(path, &text).ok());
            let of_archive = || path.file_name().and_then(|name| name.split('-').next()).map(str::to_owned);
            project.and_then(|project| project.metadata?.name).or_else(of_archive).map(|name| normalized(&name))
        };
        let local: BTreeSet<String> = self.manifest.local.iter().filter_map(name_of_local).collect();
        let own = &mut self.manifest.settings.projects;
        own.retain(|name| !local.contains(name));
        for requirement in &self.manifest.requirements {
            let Some(name) = requirement.name().map(|name| normalized(name.as_str())).filter(|name| own.contains(name))
            else {
                continue;
            };
            let (file, line) = (&requirement.file, requirement.line);
            let failure = Failure::user(format!("{file}:{line}: `{name}` is also the name of a project that is read"));
            self.problems.push(failure.hint("use only one of the two files, or give the project another `name`"));
        }
    }

    /// Adds the requirements that a lock file's tool exported.
    fn take_export(&mut self, lock: &Lock, export: &SecretString, asked: &Asked<'_>) {
        let lines = logical_lines(export.expose_secret(), self.environment).into_iter();
        // A layer contains files, not links to the workspace.
        let lines = lines.map(|line| line.as_written.trim_start_matches("-e ").to_owned());
        let lines: Vec<String> = lines.filter(|line| !line.starts_with('-')).collect();
        let lines = lock.place(&lines, asked, self.problems);
        self.take_lines(&lock.path, lines);
    }
}
