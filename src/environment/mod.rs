//! The process environment as a value: read once in `main.rs`, then passed on.

pub mod certificates;
pub mod home;
pub mod installer_variables;
pub mod pip_configuration;
pub mod uv_workspace;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::types::PythonVersion;

/// Prefixes of variables that are hidden from untrusted build scripts: credentials of the run, and the runner's files.
const HIDDEN_PREFIXES: &[&str] = &["AWS_", "ACTIONS_", "INPUT_", "STATE_"];
const HIDDEN: &[&str] =
    &["GITHUB_TOKEN", "GH_TOKEN", "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];

/// Whether a variable is hidden from installers and the builds that they run.
pub fn is_hidden(name: &str) -> bool {
    HIDDEN.contains(&name) || HIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// The folder that the program was started in, absolute.
    pub current_directory: Utf8PathBuf,
}

impl Environment {
    pub fn new(variables: BTreeMap<String, String>, current_directory: Utf8PathBuf) -> Self {
        Self { variables, current_directory }
    }

    /// The value of a variable. An empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a switch of uv is set to one of the values that uv treats as true.
    pub fn is_on(&self, name: &str) -> bool {
        let value = self.get(name).map(str::to_lowercase);
        value.is_some_and(|value| ["y", "yes", "t", "true", "on", "1"].contains(&value.as_str()))
    }

    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Adds these values for variables that are unset or empty.
    #[must_use]
    pub fn with_defaults(&self, defaults: BTreeMap<String, String>) -> Self {
        let mut variables = self.variables.clone();
        for (name, value) in defaults {
            let current = variables.entry(name).or_default();
            if current.is_empty() {
                *current = value;
            }
        }
        Self { variables, current_directory: self.current_directory.clone() }
    }

    /// The Python that the user chose with the image. In the action without a version in its path, the variable is
    /// empty (`action.yml`), because the user did not choose the Python that its image happens to have.
    pub fn image_python(&self) -> Option<PythonVersion> {
        self.get("LAMBDA_LAYER_PYTHON_VERSION")?.parse().ok()
    }

    /// Whether this is a step of a GitHub Actions workflow.
    pub fn in_actions(&self) -> bool {
        self.get("GITHUB_ACTIONS") == Some("true")
    }

    /// Whether to print more than usual. "Enable debug logging" in a workflow sets `RUNNER_DEBUG`.
    pub fn is_verbose(&self) -> bool {
        self.get("RUNNER_DEBUG") == Some("1") || self.get("LAMBDA_LAYER_DEBUG").is_some()
    }

    /// The checked-out repository, which `include` and `source` may read from. Outside of runners also the uv workspace
    /// that the folder belongs to, which need not be a repository.
    pub fn workspace(&self, working_directory: &Utf8Path) -> Utf8PathBuf {
        if let Some(workspace) = self.runner_workspace() {
            return workspace.to_owned();
        }
        let repository = working_directory.ancestors().find(|folder| folder.join(".git").exists());
        let repository = repository.unwrap_or(working_directory);
        let of_uv = uv_workspace::above(working_directory).filter(|root| repository.starts_with(root));
        of_uv.unwrap_or_else(|| repository.to_owned())
    }

    /// The folder into which the runner of a workflow has checked out the repository.
    pub fn runner_workspace(&self) -> Option<&Utf8Path> {
        self.get("GITHUB_WORKSPACE").filter(|_| self.in_actions()).map(Utf8Path::new)
    }

    /// The folder for files that can be downloaded again (XDG Base Directory Specification); `None` without a home.
    pub fn cache_directory(&self) -> Option<Utf8PathBuf> {
        let base = self.get("XDG_CACHE_HOME").map(Utf8PathBuf::from);
        let base = base.or_else(|| self.get("HOME").map(|home| Utf8Path::new(home).join(".cache")))?;
        Some(base.join("lambda-layer"))
    }

    /// uv's cache folder, by uv's own rules (<https://docs.astral.sh/uv/concepts/cache/#cache-directory>); `None`
    /// without a home.
    pub fn uv_cache(&self) -> Option<Utf8PathBuf> {
        let given = self.get("UV_CACHE_DIR").map(|path| self.current_directory.join(path));
        let of_user = || self.get("XDG_CACHE_HOME").map(|folder| Utf8Path::new(folder).join("uv"));
        let of_home = || self.get("HOME").map(|home| Utf8Path::new(home).join(".cache/uv"));
        given.or_else(of_user).or_else(of_home)
    }

    /// A folder for temporary files: usually on the file system that has uv's cache, so that uv can link files instead of
    /// copying them; without a home the system's.
    pub fn scratch_directory(&self) -> Utf8PathBuf {
        let cache = self.cache_directory().filter(|cache| fs_err::create_dir_all(cache).is_ok());
        cache.unwrap_or_else(|| Utf8PathBuf::from(self.get("TMPDIR").unwrap_or("/tmp")))
    }
}
