//! uv's settings that decide how a project's requirements are resolved (`[tool.uv]`, `uv.toml`,
//! <https://docs.astral.sh/uv/concepts/configuration-files/>). Each setting is either applied or refused by its name.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

use super::meaning::marker_environment;
use super::sources::Sources;
use super::wanted::Wanted;
use super::workspace::above;
use super::{Asked, ManifestFile, text};
use crate::error::{Failure, Problems, nearest};
use crate::facts;
use crate::secrets::without_credentials;
use crate::types::{Digest, Target, pep508};

/// The settings that resolving and building need.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The file that has them, for messages.
    pub file: Utf8PathBuf,
    /// The settings in the form of a `uv.toml`, without paths and credentials.
    pub table: Table,
    /// The markers of the environments that the project supports; empty if it supports all.
    pub environments: Vec<String>,
    /// Normalized names of the projects that were read; they are not looked for on an index.
    pub projects: BTreeSet<String>,
}

impl Settings {
    /// The settings that belong to the fingerprint, by name. Constraints are left out: they are among the requirements.
    /// So are settings that a variable stands for.
    pub(super) fn meaning(&self) -> BTreeMap<String, String> {
        let is_elsewhere =
            |name: &String| name == "constraint-dependencies" || facts::uv_settings().choices.contains_key(name);
        let texts = self.table.iter().filter(|(name, _)| !is_elsewhere(name)).map(|(name, value)| {
            let mut value = value.clone();
            if let Value::Array(values) = &mut value
                && values.iter().all(Value::is_str)
            {
                values.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
            }
            (name.clone(), format!("={}", serde_json::to_string(&value).unwrap_or_default()))
        });
        let projects = self.projects.iter().map(|name| (format!("project {name}"), String::new()));
        texts.chain(projects).collect()
    }

    /// Whether the project supports this target.
    pub fn is_for(&self, target: Target) -> bool {
        let environment = marker_environment(target);
        let is_true = |marker: &String| pep508::marker(marker).is_ok_and(|marker| marker.evaluate(&environment, &[]));
        self.environments.is_empty() || self.environments.iter().any(is_true)
    }

    /// Merges the settings of two projects.
    ///
    /// # Errors
    /// Both have settings, and these differ.
    pub(super) fn join(&mut self, other: Self) -> Result<(), Failure> {
        self.projects.extend(other.projects);
        if other.table.is_empty() && other.environments.is_empty() {
            return Ok(());
        }
        let is_new = self.table.is_empty() && self.environments.is_empty();
        if !is_new && (self.table != other.table || self.environments != other.environments) {
            let failure = Failure::user(format!("`{}` and `{}` have different uv settings", self.file, other.file));
            return Err(
                failure.hint("build a separate layer from each, or use the same settings in `[tool.uv]` of both")
            );
        }
        (self.file, self.table, self.environments) = (other.file, other.table, other.environments);
        Ok(())
    }
}

/// The settings of a project, from its own file or from one above.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// `pyproject.toml` or `uv.toml`, relative to the working directory.
    pub(super) file: Utf8PathBuf,
    table: Table,
    /// Settings files that were read besides the project's own file.
    pub(super) files: Vec<ManifestFile>,
}

/// Settings that `uv lock` takes from the project's own file, even if there is a `uv.toml`.
const OF_PROJECT: &[&str] = &[
    "build-constraint-dependencies",
    "constraint-dependencies",
    "environments",
    "exclude-dependencies",
    "override-dependencies",
];

/// Searches as uv does: the folder and its parents, for the first with a `uv.toml` or a `[tool.uv]`. Variables may name
/// another file or turn the search off; settings of the project itself are read in any case.
pub(super) fn find(home: &Utf8Path, asked: &Asked<'_>, problems: &mut Problems) -> Found {
    for folder in above(home, asked) {
        let read = |name: &str| {
            let path = if name.contains('/') { name.into() } else { folder.join(name) };
            asked.folder.join(&path).is_file().then(|| text::read(asked.folder, &path).map(|text| (path, text)))
        };
        let mut found = Found::default();
        let named = asked.environment.get("UV_CONFIG_FILE");
        for name in ["pyproject.toml", named.unwrap_or("uv.toml")] {
            if name != "pyproject.toml" && named.is_none() && asked.environment.is_on("UV_NO_CONFIG") {
                found.table.retain(|name, _| OF_PROJECT.contains(&name));
                continue;
            }
            let Some((path, text)) = read(name).and_then(|read| problems.check(read)) else { continue };
            let table =
                text::toml::<Table>(&path, &text).map_err(|failure| failure.hint("correct the file at this position"));
            let Some(mut table) = problems.check(table) else { continue };
            if name == "pyproject.toml" {
                let tool = table.remove("tool").and_then(|mut tool| tool.as_table_mut()?.remove("uv"));
                let Some(Value::Table(tool)) = tool else { continue };
                table = tool;
            } else {
                // uv takes all other settings from that file alone.
                found.table.retain(|name, _| OF_PROJECT.contains(&name));
            }
            for (name, value) in table {
                found.table.entry(name).or_insert(value);
            }
            found.files.push(ManifestFile { path: path.clone(), digest: Digest::of(text.as_bytes()) });
            found.file = path;
        }
        if !found.files.is_empty() {
            return found;
        }
    }
    Found::default()
}

impl Found {
    /// The settings for a project without a lock, and what can be said in lines of a requirements file.
    pub(super) fn of_project(&self, sources: &Sources, problems: &mut Problems) -> (Settings, Vec<String>) {
        let facts = facts::uv_projects();
        self.refuse_unsupported(problems);
        let is_handed = |name: &String| facts.resolving.contains(name) || facts.building.contains(name);
        let settings = self.handed_on(&is_handed, sources, problems);
        let mut lines = self.lines_of_builds(problems);
        if self.is_true("no-index") {
            lines.push("--no-index".to_owned());
        }
        if self.table.get("prerelease").and_then(Value::as_str) == Some("allow") {
            lines.push("--pre".to_owned());
        }
        lines.extend(
            self.texts("find-links", problems).iter().map(|place| format!("--find-links {}", self.placed(place))),
        );
        let hosts = self.texts("allow-insecure-host", problems);
        lines.extend(hosts.iter().map(|host| format!("--trusted-host {host}")));
        (settings, lines)
    }

    /// The same for a locked project: `uv lock` has applied the other settings already.
    pub(super) fn of_lock(&self, sources: &Sources, problems: &mut Problems) -> (Settings, Vec<String>) {
        let is_handed = |name: &String| facts::uv_projects().building.contains(name);
        let settings = self.handed_on(&is_handed, sources, problems);
        (Settings { environments: Vec::new(), ..settings }, self.lines_of_builds(problems))
    }

    fn handed_on(&self, is_handed: &dyn Fn(&String) -> bool, sources: &Sources, problems: &mut Problems) -> Settings {
        let facts = facts::uv_projects();
        let is_default = |name: &str, value: &Value| facts.defaults.get(name).map(String::as_str) == value.as_str();
        let mut table = Table::new();
        for (name, value) in self.table.iter().filter(|(name, _)| is_handed(name)) {
            // Written as a line of the requirements file, because pip reads that, too.
            let is_line = name == "prerelease" && value.as_str() == Some("allow");
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            if value.is_str() && is_default(name, value) || is_line || is_empty {
                continue;
            }
            if has_credentials(value) {
                let failure = Failure::user(format!(
                    "{} contains a password in a URL, which would be written to a file",
                    self.named(name)
                ));
                problems
                    .push(failure.hint("remove it from the URL, and put it in a netrc file or git's credential store"));
            }
            if let Some(value) = problems.check(self.with_sources(name, value, sources)) {
                table.insert(name.clone(), value);
            }
        }
        let environments = match self.table.get("environments") {
            Some(Value::String(marker)) => vec![marker.clone()],
            Some(_) => self.texts("environments", problems),
            None => Vec::new(),
        };
        for marker in &environments {
            if let Err(error) = pep508::marker(marker) {
                let failure = Failure::user(format!(
                    "{} contains `{marker}`, which is not a valid marker",
                    self.named("environments")
                ));
                problems.push(
                    failure
                        .cause(error.message.to_string())
                        .hint("use the syntax of PEP 508, for example `sys_platform == 'linux'`"),
                );
            }
        }
        Settings { file: self.file.clone(), table, environments, projects: BTreeSet::new() }
    }

    /// Lines that say which distributions may be built from source, and which must be.
    fn lines_of_builds(&self, problems: &mut Problems) -> Vec<String> {
        let mut lines = Vec::new();
        for (setting, option) in [("no-binary", "--no-binary"), ("no-build", "--only-binary")] {
            if self.is_true(setting) {
                lines.push(format!("{option} :all:"));
            }
            let names = self.texts(&format!("{setting}-package"), problems);
            lines.extend(names.iter().map(|name| format!("{option} {name}")));
        }
        lines
    }

    /// Refuses settings that change the layer but are not supported.
    fn refuse_unsupported(&self, problems: &mut Problems) {
        let facts = facts::uv_projects();
        let known = || facts.resolving.iter().chain(&facts.building).chain(&facts.heeded).chain(&facts.idle);
        for name in self.table.keys().filter(|name| *name != "pip" && known().all(|known| known != *name)) {
            if let Some(instead) = facts.refused.get(name) {
                problems.push(Failure::user(format!("{} is not supported", self.named(name))).hint(instead.clone()));
                continue;
            }
            let failure = Failure::user(format!("{} is not a known uv setting", self.named(name)));
            problems.push(failure.hint(match nearest(name, known().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "remove it, or run `uv lock` and commit `uv.lock`, which makes it unnecessary".to_owned(),
            }));
        }
        let of_pip = self.table.get("pip").and_then(Value::as_table).into_iter().flat_map(|table| table.keys());
        for name in of_pip.filter(|name| !facts.idle_of_pip.contains(name)) {
            let failure = Failure::user(format!("{} is read only by `uv pip`", self.named(&format!("pip.{name}"))));
            problems.push(failure.hint("move it to `[tool.uv]` if it is meant for the project, or remove it"));
        }
    }

    /// Requirements in a setting, with the sources that `[tool.uv.sources]` gives them.
    fn with_sources(&self, name: &str, value: &Value, sources: &Sources) -> Result<Value, Failure> {
        let text = |value: &Value| {
            let Some(text) = value.as_str() else { return Ok(vec![value.clone()]) };
            let lines = sources.lines(&Wanted::of_project(text))?;
            if let Some(path) = lines.iter().find(|line| **line != text && !line.contains("://")) {
                let failure =
                    Failure::user(format!("{} contains `{text}`, whose source is the path `{path}`", self.named(name)));
                return Err(failure.hint("run `uv lock` and commit `uv.lock`"));
            }
            Ok(lines.into_iter().map(Value::String).collect())
        };
        let list = |value: &Value| -> Result<Value, Failure> {
            let Value::Array(values) = value else { return Ok(value.clone()) };
            Ok(Value::Array(values.iter().map(text).collect::<Result<Vec<_>, _>>()?.concat()))
        };
        match (name, value) {
            ("extra-build-dependencies", Value::Table(table)) => {
                let lists = table.iter().map(|(name, value)| Ok((name.clone(), list(value)?)));
                Ok(Value::Table(lists.collect::<Result<Table, Failure>>()?))
            }
            (name, _) if name.ends_with("-dependencies") && name != "exclude-dependencies" => list(value),
            _ => Ok(value.clone()),
        }
    }

    fn is_true(&self, name: &str) -> bool {
        self.table.get(name).and_then(Value::as_bool) == Some(true)
    }

    fn texts(&self, name: &str, problems: &mut Problems) -> Vec<String> {
        let Some(value) = self.table.get(name) else { return Vec::new() };
        let texts: Option<Vec<String>> =
            value.as_array().and_then(|values| values.iter().map(|value| Some(value.as_str()?.to_owned())).collect());
        let failure = || Failure::user(format!("{} is not a list of strings", self.named(name)));
        problems
            .check(texts.ok_or_else(|| failure().hint("write it as a list, for example `[\"one\", \"two\"]`")))
            .unwrap_or_default()
    }

    /// A path relative to the settings file, made relative to the working directory.
    fn placed(&self, place: &str) -> String {
        if place.contains("://") || place.starts_with('/') {
            return place.to_owned();
        }
        let path = self.file.parent().unwrap_or(Utf8Path::new("")).join(place);
        format!("./{}", crate::files::normalize(&path).unwrap_or(path)).replace("./..", "..")
    }

    /// The name of a setting as people write it.
    fn named(&self, name: &str) -> String {
        let table = if self.file.file_name() == Some("uv.toml") { "" } else { "[tool.uv] " };
        format!("`{table}{name}` in `{}`", self.file)
    }
}

fn has_credentials(value: &Value) -> bool {
    match value {
        Value::String(text) => without_credentials(text) != *text,
        Value::Array(values) => values.iter().any(has_credentials),
        Value::Table(table) => table.values().any(has_credentials),
        _ => false,
    }
}
