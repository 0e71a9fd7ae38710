//! Reads single inputs and collects their problems.

use camino::{Utf8Path, Utf8PathBuf};

use super::Task;
use crate::cli::{self, list};
use crate::environment::Environment;
use crate::error::{Failure, Problems};
use crate::facts;
use crate::types::{Architecture, LayerName};

/// The context in which inputs are read, and the problems so far. An invalid input is replaced by its default, so that
/// all problems are found in one run; with a problem there is no [`Spec`](super::Spec).
pub(super) struct Reading<'a> {
    pub(super) environment: &'a Environment,
    pub(super) folder: Utf8PathBuf,
    pub(super) workspace: Utf8PathBuf,
    pub(super) problems: Problems,
}

impl<'a> Reading<'a> {
    pub(super) fn new(working_directory: Option<&str>, environment: &'a Environment) -> Self {
        let given = working_directory.unwrap_or(".");
        let folder = environment.current_directory.join(given);
        let folder = folder.canonicalize_utf8().unwrap_or(folder);
        let mut problems = Problems::default();
        if !folder.is_dir() {
            let failure = Failure::user(format!("`working-directory` is `{given}`, which is not a folder"));
            problems.push(
                failure.hint(
                    "check the path, and that the repository is checked out before this step (`actions/checkout`)",
                ),
            );
        }
        let workspace = environment.workspace(&folder);
        Self { environment, folder, workspace, problems }
    }

    /// The parsed value; the default if it is missing or invalid.
    pub(super) fn parsed<T: std::str::FromStr<Err = Failure>>(&mut self, value: Option<&str>, default: &str) -> T {
        let parsed = value.and_then(|value| self.problems.check(value.parse()));
        parsed.unwrap_or_else(|| default.parse().expect("defaults are valid"))
    }

    pub(super) fn boolean(&mut self, name: &str, value: Option<&str>, default: bool) -> bool {
        match value.map(str::to_lowercase).as_deref() {
            None => default,
            Some("true") => true,
            Some("false") => false,
            Some(other) => {
                let failure = Failure::user(format!("`{name}` is `{other}`, which is neither true nor false"));
                self.problems.push(failure.hint("write `true` or `false`"));
                default
            }
        }
    }

    pub(super) fn layer(&mut self, task: Task, name: Option<&str>) -> LayerName {
        const FALLBACK: &str = "layer";
        if name.is_none() && task != Task::Build {
            let failure = Failure::user("`layer-name` is missing");
            self.problems.push(failure.hint("give the layer a name, for example `layer-name: shared-dependencies`"));
        }
        self.parsed(name, FALLBACK)
    }

    pub(super) fn refuse_layer_version(&mut self, version: Option<&str>) {
        if let Some(version) = version {
            let failure =
                Failure::user(format!("`layer-version` is `{version}`, but this command creates a new version"));
            self.problems.push(failure.hint("remove it; the registry assigns the number"));
        }
    }

    /// The labels of the runner. The default has the architecture of the layer, because on another one code can neither
    /// be compiled nor imported.
    pub(super) fn runs_on(&mut self, values: &[String], wanted: Architecture) -> Vec<String> {
        let mut labels = vec![facts::github().runners[&wanted.to_string()].clone()];
        for value in values {
            let parts = value
                .split_once('=')
                .map(|(architecture, labels)| (architecture.trim().parse::<Architecture>(), labels));
            let named = parts.map(|(architecture, labels)| (architecture, list(&[labels.to_owned()])));
            match named {
                Some((Ok(architecture), given)) if !given.is_empty() => {
                    if architecture == wanted {
                        labels = given;
                    }
                }
                _ => {
                    let failure = Failure::user(format!(
                        "`runs-on` contains `{value}`, which is not an `architecture=label` line"
                    ));
                    self.problems
                        .push(failure.hint("write it as `architecture=label`, for example `arm64=ubuntu-24.04-arm`"));
                }
            }
        }
        labels
    }

    pub(super) fn native(&mut self, given: Option<&str>) -> Option<bool> {
        match given.map(str::to_lowercase).as_deref() {
            None | Some(cli::DEFAULT_NATIVE) => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => {
                self.problems.push(
                    Failure::user(format!("`native` is `{other}`, which is not a valid value"))
                        .hint("use `auto`, `true` or `false`"),
                );
                None
            }
        }
    }

    /// The path of the zip, relative to the working directory, as outputs and messages show it.
    pub(super) fn output(&mut self, task: Task, given: Option<&str>, layer: &LayerName) -> Option<Utf8PathBuf> {
        let path = match (given, task) {
            (Some(path), _) => Utf8PathBuf::from(path),
            (None, Task::Build) => Utf8PathBuf::from(format!("{layer}.zip")),
            (None, _) => return None,
        };
        let full = self.folder.join(&path);
        if full.is_dir() {
            let failure = Failure::user(format!("`output` is `{path}`, which is a folder"));
            self.problems.push(
                failure
                    .hint(format!("give the path of a file in this folder, for example `{}`", path.join("layer.zip"))),
            );
        } else {
            self.check_writable("output", full.parent().unwrap_or(&self.folder).to_owned().as_path());
        }
        Some(path)
    }

    /// Checks that a file can be created in `folder`, which need not exist yet. Leaves nothing behind.
    pub(super) fn check_writable(&mut self, input: &str, folder: &Utf8Path) {
        let existing = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Utf8Path::new("/"));
        if let Err(error) = tempfile::tempfile_in(existing) {
            let failure = Failure::user(format!("`{input}` cannot be written to `{folder}`")).cause(error.to_string());
            self.problems.push(failure.hint("choose a folder with write permission"));
        }
    }
}
