//! The table: inputs, and the layers to be built of each. `tests/fixtures/comparison/README.md` says how to add one.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Deserialize;

use super::fixture;

/// Files whose own tool says what they mean.
pub(super) const LOCKS: &[&str] = &["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml"];

/// A workspace.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Row {
    /// What is tried.
    pub(super) input: String,
    /// Texts, by path. A wheel is made from its name, and its text is what it requires.
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    /// Folders with a project of the folder's name; lines of `[project]` and other tables.
    #[serde(default)]
    pub(super) projects: BTreeMap<String, String>,
    /// The working directory.
    #[serde(default)]
    pub(super) folder: String,
    /// The command that makes the lock there.
    pub(super) lock: Option<String>,
    /// What is changed after that: texts by path, each with what takes the place of what a regular expression finds.
    #[serde(default)]
    pub(super) edited: BTreeMap<String, BTreeMap<String, String>>,
    /// Folders that are removed after that.
    #[serde(default)]
    pub(super) removed: Vec<String>,
    /// Dependency files where they are not found by name.
    #[serde(default)]
    pub(super) requirements: Vec<String>,
    #[serde(default)]
    pub(super) constraints: Vec<String>,
    /// The last is asked last. Locks and projects name theirs.
    #[serde(default)]
    pub(super) indexes: Option<Vec<String>>,
    /// Whether the second day changes nothing, as with locks.
    #[serde(default)]
    pub(super) fixed: bool,
    /// Not tried again on the second day: the tools of some locks are slow.
    #[serde(default)]
    pub(super) one_day: bool,
    #[serde(default = "one_build")]
    pub(super) builds: Vec<Build>,
}

fn one_build() -> Vec<Build> {
    vec![Build::default()]
}

impl Row {
    pub(super) fn is_lock(&self) -> bool {
        self.manifests().iter().all(|file| LOCKS.contains(&file.rsplit('/').next().unwrap_or_default()))
    }

    /// Name of the first dependency file: `uv.lock`, `pyproject.toml`; all lists of requirements are `requirements`.
    pub(super) fn kind(&self) -> String {
        let manifests = self.manifests();
        let name = manifests[0].rsplit('/').next().unwrap_or_default();
        if name == "pyproject.toml" || LOCKS.contains(&name) { name.to_owned() } else { "requirements".to_owned() }
    }

    /// URLs of the indexes that are given from outside.
    pub(super) fn indexes(&self) -> Vec<String> {
        let usual = if self.is_lock() { Vec::new() } else { vec!["public".to_owned()] };
        let names = self.indexes.clone().unwrap_or(usual);
        names.iter().map(|name| format!("http://localhost/{name}/simple/")).collect()
    }

    /// The dependency files, seen from the working directory.
    pub(super) fn manifests(&self) -> Vec<String> {
        if !self.requirements.is_empty() {
            return self.requirements.clone();
        }
        let lock = self.lock.as_deref().map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [.., "--output-file" | "--output", file] => (*file).to_owned(),
            ["uv", ..] => "uv.lock".to_owned(),
            ["poetry" | "poetry-1", ..] => "poetry.lock".to_owned(),
            ["pdm", ..] => "pdm.lock".to_owned(),
            ["pipenv", ..] => "Pipfile.lock".to_owned(),
            _ => "pylock.toml".to_owned(),
        });
        let has = |file: &&str| {
            let path = Utf8Path::new(&self.folder).join(file);
            self.files.contains_key(path.as_str())
                || (*file == "pyproject.toml" && self.projects.contains_key(&self.folder))
        };
        let found = LOCKS.iter().chain(&["requirements.txt", "pyproject.toml"]).find(|file| has(file));
        vec![lock.or(found.map(|file| (*file).to_owned())).expect("has a dependency file")]
    }
}

/// A layer of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Build {
    /// That of this machine when omitted, for which both installers work.
    pub(super) python: Option<String>,
    pub(super) architecture: Option<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    #[serde(default)]
    pub(super) extras: Vec<String>,
    /// More of the program's.
    #[serde(default)]
    pub(super) arguments: Vec<String>,
    /// Variables, for the program and for the tool.
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    /// Variables that must change nothing: the program alone has them.
    #[serde(default)]
    pub(super) noise: BTreeMap<String, String>,
    /// One of them where they differ.
    pub(super) installer: Option<String>,
    /// What is in the layer, `name version` or `name version origin`: the tool's answer has to agree.
    pub(super) layer: Option<Vec<String>>,
    /// Where the tool has no answer of its own, or a wrong one, for which there has to be a reason.
    pub(super) tool_cannot: Option<String>,
    /// What is said, if it is not built.
    #[serde(default)]
    pub(super) refused: Vec<String>,
    /// What is said, if it is.
    #[serde(default)]
    pub(super) says: Vec<String>,
    /// What is not said in any case.
    #[serde(default)]
    pub(super) never_says: Vec<String>,
    /// Names for which no index may be asked; those of this row alone.
    #[serde(default)]
    pub(super) never_asks: Vec<String>,
}

/// The rows of a file of the table.
pub(super) fn of_file(file: &str) -> Vec<Row> {
    serde_yaml::from_str(&fixture(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
