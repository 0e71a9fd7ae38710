//! Which dependencies, from where, and who installs them.

use std::collections::BTreeMap;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::{Content, Reading};
use crate::credentials;
use crate::error::{Failure, Hintless, alternatives};
use crate::facts;
use crate::files::nearest_sibling;
use crate::indexes;
use crate::manifest::{Asked, Exports, Kind, KindFacts, Manifest, Meaning, PYPI, ParsedLocks, Selection};
use crate::secrets::{SecretUrl, without_credentials};
use crate::types::{CodeArtifactRepository, Target};

#[derive(Debug, Default)]
pub struct Dependencies {
    /// Paths as given, from the working directory; none if there is nothing to install.
    pub requirements: Vec<Utf8PathBuf>,
    pub constraints: Vec<Utf8PathBuf>,
    pub selection: Selection,
    /// What can be known of the files without their tools.
    pub manifest: Manifest,
    /// What people should know of the choice of files.
    pub notes: Vec<String>,
    pub no_deps: bool,
    /// Requirements without a fixed version are resolved again, whether or not a file changed.
    pub refresh: bool,
    pub installer: InstallerChoice,
    pub index_url: Option<SecretUrl>,
    pub extra_index_urls: Vec<SecretUrl>,
    /// Repositories to ask before all other indexes.
    pub codeartifact: Vec<CodeArtifactRepository>,
    /// The installer's own variables that decide what it installs, without credentials.
    pub variables: BTreeMap<String, String>,
}

/// Variables of uv and pip beside those of the indexes that decide what gets installed
/// (<https://docs.astral.sh/uv/reference/environment/>, <https://pip.pypa.io/en/stable/topics/configuration/>).
const DECIDING_VARIABLES: &[&str] = &[
    "UV_BUILD_CONSTRAINT",
    "UV_CONSTRAINT",
    "UV_EXCLUDE",
    "UV_EXCLUDE_NEWER",
    "UV_FIND_LINKS",
    "UV_INDEX_STRATEGY",
    "UV_NO_BINARY",
    "UV_NO_BINARY_PACKAGE",
    "UV_NO_BUILD",
    "UV_NO_BUILD_PACKAGE",
    "UV_OVERRIDE",
    "UV_PRERELEASE",
    "UV_RESOLUTION",
    "UV_TORCH_BACKEND",
    "PIP_CONSTRAINT",
    "PIP_FIND_LINKS",
    "PIP_NO_BINARY",
    "PIP_NO_INDEX",
    "PIP_ONLY_BINARY",
    "PIP_PRE",
    "PIP_PREFER_BINARY",
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InstallerChoice {
    #[default]
    Uv,
    Pip,
}

impl FromStr for InstallerChoice {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "auto" | "uv" => Ok(Self::Uv),
            "pip" => Ok(Self::Pip),
            _ => Err(Failure::user(format!("`installer` is `{text}`")).hint("use `auto`, `uv` or `pip`")),
        }
    }
}

impl InstallerChoice {
    fn prefix(self) -> &'static str {
        match self {
            Self::Uv => "UV_",
            Self::Pip => "PIP_",
        }
    }
}

impl Dependencies {
    /// Adds the indexes that lock files name, behind those that the user names; the user's `index-url` stands for the
    /// one that they ask last, as a mirror does, and CodeArtifact for PyPI.
    pub(super) fn add_locked_indexes(&mut self) {
        let mut locked = self.manifest.indexes.clone();
        if self.index_url.is_none() && !self.codeartifact.is_empty() {
            locked.retain(|url| url.shown().trim_end_matches('/') != PYPI);
        } else if let Some(last) = locked.pop() {
            self.index_url.get_or_insert(last);
        }
        self.extra_index_urls.extend(locked);
    }
}

impl Reading<'_> {
    /// Finds and reads the dependency files; the rest of the value is its default.
    pub(super) fn manifest(
        &mut self,
        requirements: &[String],
        constraints: &[String],
        selection: Selection,
        content: &Content,
        target: Target,
        parsed: &ParsedLocks,
    ) -> Dependencies {
        let mut files: Vec<Utf8PathBuf> = requirements.iter().map(Utf8PathBuf::from).collect();
        let mut notes = Vec::new();
        if files.is_empty() {
            let mut found = find(&self.folder, &self.workspace);
            if content.has_own_files() {
                found.retain(|file| Kind::of(file) != Kind::Pyproject || asks_for_something(&self.folder.join(file)));
            }
            if !content.has_own_code() || found.first().is_some_and(|file| Kind::of(file) != Kind::Pyproject) {
                notes.extend(choice(&found));
                found.truncate(1);
                files = found;
            }
        }
        if files.is_empty() && !content.has_own_code() && self.folder.is_dir() {
            match without_lock(&self.folder) {
                Some(failure) => self.problems.push(failure),
                None if content.has_own_files() => {
                    let near = nearest_sibling(&self.folder, Utf8Path::new(Kind::Requirements.file_name()));
                    notes.extend(near.map(|near| format!("there is no dependency file; did you mean `{near}`?")));
                }
                None => self.problems.push(nothing_found(&self.folder)),
            }
        }
        let constraints: Vec<Utf8PathBuf> = constraints.iter().map(Utf8PathBuf::from).collect();
        let read_so_far = self.problems.len();
        let asked = Asked {
            requirements: &files,
            constraints: &constraints,
            selection: &selection,
            python: target.python,
            folder: &self.folder,
            workspace: &self.workspace,
            environment: self.environment,
            parsed,
        };
        let manifest = Manifest::read(&asked, &Exports::new(), &mut self.problems);
        notes.extend(manifest.locks.iter().filter_map(|lock| lock.note.clone()));
        let is_known = self.problems.len() == read_so_far && manifest.locks.is_empty();
        if is_known && !files.is_empty() && Meaning::of(&manifest, target).is_empty() {
            if !content.has_own_files() {
                let names: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
                let failure = Failure::user(format!("{} has nothing to install for {target}", names.join(", ")));
                self.problems.push(failure.hint("add a requirement, or look at the markers of those there are"));
            }
            files.clear();
        }
        Dependencies { requirements: files, constraints, selection, manifest, notes, ..Dependencies::default() }
    }

    /// uv does not read a requirement's own build settings, and would stop at them in its own words.
    pub(super) fn refuse_settings(&mut self, dependencies: &Dependencies) {
        if dependencies.installer == InstallerChoice::Pip {
            return;
        }
        for requirement in &dependencies.manifest.requirements {
            for setting in &requirement.settings {
                let failure = Failure::user(format!(
                    "{}:{}: uv does not take `{setting}` of a requirement",
                    requirement.file, requirement.line
                ));
                self.problems.push(failure.hint("use `installer: pip`"));
            }
        }
    }

    pub(super) fn variables(&self, installer: InstallerChoice) -> BTreeMap<String, String> {
        let of_installer = DECIDING_VARIABLES.iter().filter(|name| name.starts_with(installer.prefix()));
        let set = of_installer.filter_map(|name| Some((*name, self.environment.get(name)?)));
        set.map(|(name, value)| (name.to_owned(), without_credentials(value))).collect()
    }

    /// The input, else what the tools' own variables say: they decide what gets installed, so they belong to the
    /// fingerprint.
    pub(super) fn index_url(&mut self, value: Option<&str>) -> Option<SecretUrl> {
        let variables = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"];
        let from_environment = || variables.iter().find_map(|name| Some((*name, self.environment.get(name)?)));
        let (name, url) = value.map(|url| ("index-url", url)).or_else(from_environment)?;
        self.index(name, url)
    }

    fn index(&mut self, input: &str, text: &str) -> Option<SecretUrl> {
        let url = self.problems.check(SecretUrl::parse(input, text))?;
        Some(credentials::with_own(url, self.environment))
    }

    pub(super) fn extra_index_urls(&mut self, values: &[String]) -> Vec<SecretUrl> {
        let variables = ["UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"];
        let given: Vec<(&str, &str)> = if values.is_empty() {
            let variable = variables.iter().find_map(|name| Some((*name, self.environment.get(name)?)));
            let (name, urls) = variable.unwrap_or_default();
            urls.split_whitespace().map(|url| (name, url)).collect()
        } else {
            values.iter().map(|url| ("extra-index-urls", url.as_str())).collect()
        };
        given.into_iter().filter_map(|(name, url)| self.index(name, url)).collect()
    }

    /// Of a lock file it is known when it was exported.
    pub(super) fn refuse_merged_indexes(&mut self, dependencies: &Dependencies) {
        let is_extra = |option: &String| option.starts_with("--extra-index-url");
        let several = !dependencies.extra_index_urls.is_empty()
            || dependencies.manifest.options.iter().any(is_extra)
            || dependencies.codeartifact.len() + usize::from(dependencies.index_url.is_some()) > 1;
        if dependencies.installer == InstallerChoice::Pip && several && dependencies.manifest.locks.is_empty() {
            self.problems.check(indexes::check_merged(&dependencies.manifest));
        }
    }

    pub(super) fn codeartifact(&mut self, values: &[String], manifest: &Manifest) -> Vec<CodeArtifactRepository> {
        // uv would not ask the file's index, pip no other.
        let own_index = manifest.options.iter().find(|option| option.starts_with("--index-url "));
        if let Some(option) = own_index.filter(|_| !values.is_empty()) {
            let failure = Failure::user(format!("a requirement file has `{option}`, and `codeartifact` is given"));
            self.problems.push(failure.hint("move it to the input `index-url`: it is then asked after CodeArtifact"));
        }
        values.iter().filter_map(|value| self.problems.check(value.parse())).collect()
    }
}

/// The dependency files of a folder in the order in which they are preferred. A project without a lock file of its own
/// may be one of a workspace of uv, which has its lock file further up.
fn find(folder: &Utf8Path, workspace: &Utf8Path) -> Vec<Utf8PathBuf> {
    let is_there = |facts: &&KindFacts| folder.join(&facts.file).is_file();
    let mut found: Vec<Utf8PathBuf> =
        facts::lockfiles().iter().filter(is_there).map(|facts| Utf8PathBuf::from(&facts.file)).collect();
    if found.first().is_some_and(|file| Kind::of(file) == Kind::Pyproject) {
        let mut above = Utf8PathBuf::new();
        for ancestor in folder.ancestors().skip(1).take_while(|ancestor| ancestor.starts_with(workspace)) {
            above.push("..");
            let (lock, root) = (ancestor.join(Kind::Uv.file_name()), ancestor.join("pyproject.toml"));
            let is_workspace = fs_err::read_to_string(root).is_ok_and(|text| text.contains("[tool.uv.workspace]"));
            if lock.is_file() && is_workspace {
                found.insert(0, above.join(Kind::Uv.file_name()));
                break;
            }
        }
    }
    found
}

/// Whether a `pyproject.toml` is there for more than the settings of linters and the like.
fn asks_for_something(file: &Utf8Path) -> bool {
    let Some(table) = fs_err::read_to_string(file).ok().and_then(|text| text.parse::<toml::Table>().ok()) else {
        return true;
    };
    let has_tool = |name: &&str| table.get("tool").is_some_and(|tool| tool.get(*name).is_some());
    ["project", "build-system", "dependency-groups"].iter().any(|name| table.contains_key(*name))
        || ["pdm", "poetry", "uv"].iter().any(has_tool)
}

/// What to say if there was a choice. A project's own file is no other choice beside its lock.
fn choice(found: &[Utf8PathBuf]) -> Option<String> {
    let (taken, others) = found.split_first()?;
    let others: Vec<String> =
        others.iter().filter(|file| Kind::of(file) != Kind::Pyproject).map(|file| format!("`{file}`")).collect();
    (!others.is_empty())
        .then(|| format!("`{taken}` is taken and {} not read; `requirements` chooses another", others.join(", ")))
}

/// A file that is of no use without its lock, where there is none.
fn without_lock(folder: &Utf8Path) -> Option<Failure> {
    let is_alone = |file: &String| Kind::of(Utf8Path::new(file)) != Kind::Pyproject && folder.join(file).is_file();
    let source = |facts: &&KindFacts| facts.beside.as_ref().is_some_and(is_alone);
    let KindFacts { file, beside, refresh, .. } = facts::lockfiles().iter().find(source)?;
    let (beside, refresh) = (beside.as_ref()?, refresh.as_ref()?);
    let hint = format!("`{beside}` has no lock: run `{refresh}` and commit `{file}`");
    Some(no_dependency_file(folder).hint(hint))
}

fn nothing_found(folder: &Utf8Path) -> Failure {
    let near = names().find_map(|name| nearest_sibling(folder, Utf8Path::new(name)));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let advice = "name the dependency file with `requirements`, or its folder with `working-directory`";
    no_dependency_file(folder).hint(format!("{near}{advice}"))
}

fn no_dependency_file(folder: &Utf8Path) -> Hintless {
    let failure = Failure::user(format!("there is no dependency file in `{folder}`"));
    failure.cause(format!("looked for {}", alternatives(names())))
}

fn names() -> impl Iterator<Item = &'static str> {
    facts::lockfiles().iter().map(|facts| facts.file.as_str())
}
