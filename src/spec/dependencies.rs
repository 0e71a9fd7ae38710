//! Which dependencies are installed, from which indexes, and by which installer.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::SecretString;
use serde::Serialize;

use super::packages::index_of_folder;
use super::{Content, Reading};
use crate::environment::{Environment, uv_workspace};
use crate::error::{Failure, Hintless, alternatives};
use crate::facts;
use crate::facts::{Kind, KindFacts};
use crate::files::nearest_sibling;
use crate::manifest::local_packages::KnownPackages;
use crate::manifest::{Asked, Exports, Manifest, Meaning, ParsedLocks, Selection};
use crate::secrets::{SecretUrl, credentials};
use crate::spec::indexes;
use crate::types::PYPI;
use crate::types::{CodeArtifactRepository, Digest, Target};

#[derive(Debug, Default)]
pub struct Dependencies {
    /// Paths as given, relative to the working directory; empty if there is nothing to install.
    pub requirements: Vec<Utf8PathBuf>,
    pub constraints: Vec<Utf8PathBuf>,
    pub selection: Selection,
    /// The content of the files, as far as it is known without running their tools.
    pub manifest: Manifest,
    /// Notices about how the files were chosen.
    pub notes: Vec<String>,
    pub no_deps: bool,
    /// Whether requirements without a fixed version are resolved again even if no file changed.
    pub refresh: bool,
    pub installer: InstallerChoice,
    pub index_url: Option<SecretUrl>,
    pub extra_index_urls: Vec<SecretUrl>,
    /// Repositories that are asked before all other indexes.
    pub codeartifact: Vec<CodeArtifactRepository>,
    /// Folders and files of this machine that packages are installed from, relative to the working directory, with
    /// their digests.
    pub packages: BTreeMap<Utf8PathBuf, Digest>,
    /// The installer's own variables that affect what it installs, without credentials.
    pub variables: BTreeMap<String, String>,
    /// The settings of uv's configuration files, as variables that uv gets instead.
    pub configured: BTreeMap<String, SecretString>,
    /// Further files and folders that affect what is installed: uv's configuration files in the workspace, and those
    /// that variables name. Absolute.
    pub places: BTreeSet<Utf8PathBuf>,
}

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
            _ => Err(Failure::user(format!("`installer` is `{text}`, which is not a valid value"))
                .hint("use `auto`, `uv` or `pip`")),
        }
    }
}

impl Dependencies {
    /// Adds the indexes that lock files name, after those that the user names. The user's `index-url` replaces the one
    /// that the lock files ask last, as a mirror does, and CodeArtifact replaces PyPI.
    fn add_locked_indexes(&mut self) {
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
    /// Finds and reads the dependency files. The other fields keep their defaults.
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
            } else if let Some(project) = found.first().filter(|file| has_dependencies(&self.folder.join(file)))
                // The missing dependencies of a project of `source` are found when its metadata exists.
                && content.projects.is_empty()
            {
                notes.push(format!(
                    "because `source` is given, `{project}` is not read, and the layer does not contain its dependencies; list it in `requirements` to install them"
                ));
            }
        }
        if files.is_empty() && !content.has_own_code() && self.folder.is_dir() {
            match without_lock(&self.folder) {
                Some(failure) => self.problems.push(failure),
                None if content.has_own_files() => {
                    let near = nearest_sibling(&self.folder, Utf8Path::new(Kind::Requirements.file_name()));
                    notes.extend(near.map(|near| format!("no dependency file was found; did you mean `{near}`?")));
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
            target,
            folder: &self.folder,
            workspace: &self.workspace,
            environment: self.environment,
            parsed,
        };
        let mut manifest = Manifest::read(&asked, &Exports::new(), &mut self.problems);
        manifest.python_ranges.extend(self.ranges_of(&content.projects));
        notes.extend(manifest.locks.iter().flat_map(|lock| lock.notes.clone()));
        notes.extend(manifest.notes.iter().cloned());
        let target = Target { python: manifest.python(target.python), ..target };
        let is_known = self.problems.len() == read_so_far && manifest.locks.is_empty();
        if is_known {
            self.problems.extend(manifest.nothing_for(target, &files, content.has_own_files()));
            if Meaning::of(&manifest, target).is_empty() {
                files.clear();
            }
        }
        Dependencies { requirements: files, constraints, selection, manifest, notes, ..Dependencies::default() }
    }

    /// The versions of Python that own projects are for, as far as these state them in a form that can be read here;
    /// their build reports problems.
    fn ranges_of(&self, projects: &[Utf8PathBuf]) -> Vec<(Utf8PathBuf, String)> {
        let range = |project: &Utf8PathBuf| {
            let file = project.join("pyproject.toml");
            let table = fs_err::read_to_string(self.folder.join(&file)).ok()?.parse::<toml::Table>().ok()?;
            let range = table.get("project")?.get("requires-python")?.as_str()?.to_owned();
            Some((file, range))
        };
        projects.iter().filter_map(range).collect()
    }

    /// uv does not support build settings of a requirement, and would fail with its own message.
    pub(super) fn refuse_settings(&mut self, dependencies: &Dependencies) {
        if dependencies.installer == InstallerChoice::Pip {
            return;
        }
        for requirement in &dependencies.manifest.requirements {
            for setting in &requirement.settings {
                let failure = Failure::user(format!(
                    "{}:{}: uv does not support `{setting}` for a single requirement",
                    requirement.file, requirement.line
                ));
                self.problems.push(failure.hint("use `installer: pip`"));
            }
        }
    }

    /// Reads the indexes that distributions come from, from all inputs and variables.
    pub(super) fn indexes(
        &mut self,
        dependencies: &mut Dependencies,
        index_url: Option<&str>,
        extra_index_urls: &[String],
        codeartifact: &[String],
        builds_projects: bool,
        known: &KnownPackages,
    ) {
        let installer = dependencies.installer;
        let settings = self.settings(dependencies, builds_projects, known);
        dependencies.index_url = self.index_url(index_url, installer, &settings);
        dependencies.extra_index_urls = self.extra_index_urls(extra_index_urls, installer, &settings);
        dependencies.codeartifact = self.codeartifact(codeartifact, &dependencies.manifest);
        dependencies.add_locked_indexes();
        self.refuse_merged_indexes(dependencies);
        dependencies.packages = self.packages(dependencies, known);
    }

    /// The input, or otherwise the tools' own variables, the installer's first. They affect what is installed, so they
    /// belong to the fingerprint.
    fn index_url(
        &mut self,
        value: Option<&str>,
        installer: InstallerChoice,
        settings: &Environment,
    ) -> Option<SecretUrl> {
        let (of_uv, of_pip) = (["UV_DEFAULT_INDEX", "UV_INDEX_URL"], ["PIP_INDEX_URL", "PIP_PYPI_URL"]);
        let mut variables = match installer {
            InstallerChoice::Uv => of_uv.into_iter().chain(of_pip),
            InstallerChoice::Pip => of_pip.into_iter().chain(of_uv),
        };
        let from_settings = || variables.find_map(|name| Some((name, settings.get(name)?)));
        let (name, url) = value.map(|url| ("index-url", url)).or_else(from_settings)?;
        self.index(name, url)
    }

    fn index(&mut self, input: &str, text: &str) -> Option<SecretUrl> {
        let text = index_of_folder(text, &self.folder);
        let url = self.problems.check(SecretUrl::parse(input, &text))?;
        Some(credentials::with_own(url, self.environment))
    }

    fn extra_index_urls(
        &mut self,
        values: &[String],
        installer: InstallerChoice,
        settings: &Environment,
    ) -> Vec<SecretUrl> {
        let urls_of = |names: &[&'static str]| -> Vec<(&'static str, String)> {
            let set = names.iter().filter_map(|name| Some((*name, settings.get(name)?)));
            set.flat_map(|(name, urls)| urls.split_whitespace().map(move |url| (name, url.to_owned()))).collect()
        };
        let given: Vec<(&str, String)> = values.iter().map(|url| ("extra-index-urls", url.clone())).collect();
        let (of_uv, of_pip) = (urls_of(&["UV_INDEX", "UV_EXTRA_INDEX_URL"]), urls_of(&["PIP_EXTRA_INDEX_URL"]));
        let order = match installer {
            InstallerChoice::Uv => [given, of_uv, of_pip],
            InstallerChoice::Pip => [given, of_pip, of_uv],
        };
        let first = order.into_iter().find(|urls| !urls.is_empty()).unwrap_or_default();
        first.into_iter().filter_map(|(name, url)| self.index(name, &url)).collect()
    }

    /// Lock files are checked after the export.
    fn refuse_merged_indexes(&mut self, dependencies: &Dependencies) {
        let is_extra = |option: &String| option.starts_with("--extra-index-url");
        let several = !dependencies.extra_index_urls.is_empty()
            || dependencies.manifest.options.iter().any(is_extra)
            || dependencies.codeartifact.len() + usize::from(dependencies.index_url.is_some()) > 1;
        if dependencies.installer == InstallerChoice::Pip && several && dependencies.manifest.locks.is_empty() {
            self.problems.check(indexes::check_merged(&dependencies.manifest));
        }
    }

    fn codeartifact(&mut self, values: &[String], manifest: &Manifest) -> Vec<CodeArtifactRepository> {
        // uv would not ask the index in the file, and pip would ask no other.
        let own_index = manifest.options.iter().find(|option| option.starts_with("--index-url "));
        if let Some(option) = own_index.filter(|_| !values.is_empty()) {
            let failure =
                Failure::user(format!("a requirements file contains `{option}`, but `codeartifact` is also given"));
            self.problems
                .push(failure.hint("move it to the input `index-url`: this index is then searched after CodeArtifact"));
        }
        values.iter().filter_map(|value| self.problems.check(value.parse())).collect()
    }
}

/// The dependency files of a folder, in the order of preference. A project without its own lock file may belong to a uv
/// workspace, whose lock file is in a folder above.
pub(super) fn find(folder: &Utf8Path, workspace: &Utf8Path) -> Vec<Utf8PathBuf> {
    let is_there = |facts: &&KindFacts| folder.join(&facts.file).is_file();
    let mut found: Vec<Utf8PathBuf> =
        facts::lockfiles().iter().filter(is_there).map(|facts| Utf8PathBuf::from(&facts.file)).collect();
    let is_member = found.first().is_some_and(|file| Kind::of(file) == Kind::Pyproject);
    let root = if is_member { uv_workspace::above(folder) } else { None };
    if let Some(root) = root.filter(|root| root.starts_with(workspace) && root.join(Kind::Uv.file_name()).is_file()) {
        let up = folder.strip_prefix(&root).expect("is above").components().map(|_| "..");
        found.insert(0, up.chain([Kind::Uv.file_name()]).collect());
    }
    found
}

/// Whether a `pyproject.toml` lists dependencies of its project.
fn has_dependencies(file: &Utf8Path) -> bool {
    let table = fs_err::read_to_string(file).ok().and_then(|text| text.parse::<toml::Table>().ok());
    let table = table.unwrap_or_default();
    let listed = table.get("project").and_then(|project| project.get("dependencies")?.as_array());
    let of_poetry = table.get("tool").and_then(|tool| tool.get("poetry")?.get("dependencies")?.as_table());
    listed.is_some_and(|list| !list.is_empty())
        || of_poetry.is_some_and(|table| table.keys().any(|name| name != "python"))
}

/// Whether a `pyproject.toml` contains more than settings of linters and similar tools.
fn asks_for_something(file: &Utf8Path) -> bool {
    let Some(table) = fs_err::read_to_string(file).ok().and_then(|text| text.parse::<toml::Table>().ok()) else {
        return true;
    };
    let has_tool = |name: &&str| table.get("tool").is_some_and(|tool| tool.get(*name).is_some());
    ["project", "build-system", "dependency-groups"].iter().any(|name| table.contains_key(*name))
        || ["pdm", "poetry", "uv"].iter().any(has_tool)
}

/// A notice, if several files could have been used. A project file and its own lock count as one.
fn choice(found: &[Utf8PathBuf]) -> Option<String> {
    let (taken, others) = found.split_first()?;
    let others: Vec<String> =
        others.iter().filter(|file| Kind::of(file) != Kind::Pyproject).map(|file| format!("`{file}`")).collect();
    (!others.is_empty())
        .then(|| format!("`{taken}` is used, not {}; set `requirements` to choose another file", others.join(", ")))
}

/// The failure for a file that cannot be used because its lock file is missing.
fn without_lock(folder: &Utf8Path) -> Option<Failure> {
    let is_alone = |file: &String| Kind::of(Utf8Path::new(file)) != Kind::Pyproject && folder.join(file).is_file();
    let source = |facts: &&KindFacts| facts.beside.as_ref().is_some_and(is_alone);
    let KindFacts { file, beside, refresh, .. } = facts::lockfiles().iter().find(source)?;
    let (beside, refresh) = (beside.as_ref()?, refresh.as_ref()?);
    let hint = format!("`{beside}` has no lock file: run `{refresh}` and commit `{file}`");
    Some(no_dependency_file(folder).hint(hint))
}

fn nothing_found(folder: &Utf8Path) -> Failure {
    let near = names().find_map(|name| nearest_sibling(folder, Utf8Path::new(name)));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let advice = "set `requirements` to the dependency file, or `working-directory` to its folder";
    no_dependency_file(folder).hint(format!("{near}{advice}"))
}

fn no_dependency_file(folder: &Utf8Path) -> Hintless {
    let failure = Failure::user(format!("`{folder}` contains no dependency file"));
    failure.cause(format!("looked for {}", alternatives(names())))
}

fn names() -> impl Iterator<Item = &'static str> {
    facts::lockfiles().iter().map(|facts| facts.file.as_str())
}
