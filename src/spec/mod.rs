//! The validated inputs. A [`Spec`] that exists is valid; otherwise all problems are reported at once.

mod build_script;
mod checks;
pub mod conflicts;
mod content;
mod declaration;
mod dependencies;
mod destination;
mod documents;
mod follow_up;
pub mod indexes;
pub mod input_paths;
mod installer_settings;
mod merge;
pub mod ownership;
mod packages;
mod project_settings;
pub mod python;
mod reading;
mod resolve;
mod subject;
mod version_command;
mod vulnerabilities;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::ExposeSecret as _;

use crate::environment::Environment;
use crate::files;
use crate::files::FileEntry;
use crate::manifest::{Asked, ParsedLocks};
use crate::secrets::Secrets;
use crate::types::description::Declaration;
use crate::types::{LayerName, Target};
pub use build_script::BuildScript;
pub use checks::{Checks, FailOn, SmokeTest};
pub use content::{Bytecode, Content, Include, RuntimePackages, SlimLevel};
pub use dependencies::{Dependencies, InstallerChoice};
pub use destination::{AwsDestinations, BUCKET_PREFIX, REGISTRY_FOLDER, RegistryChoice, StatePlace};
pub use documents::{CommentWhen, Documents, GithubChoice};
pub use follow_up::{FollowUp, Labelling, Retention};
pub use merge::MergeSpec;
pub use python::{ChosenPython, PythonOrigin};
use reading::Reading;
pub use subject::{AuditSpec, Subject};
pub use version_command::{UsageChoice, Verb, VersionChoice, VersionCommand, VersionCommandSpec};
pub(crate) use vulnerabilities::is_id as is_vulnerability_id;
pub use vulnerabilities::{IgnoredVulnerability, VulnerabilityCheck, VulnerabilityLevel};

/// A command that works on the inputs of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Publish,
    Build,
    Plan,
    /// Builds and compares; publishes nothing.
    Preview,
}

impl Task {
    pub fn command(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Build => "build",
            Self::Plan => "plan",
            Self::Preview => "preview",
        }
    }
}

/// The inputs of one layer, validated.
#[derive(Debug)]
pub struct Spec {
    pub task: Task,
    pub layer: LayerName,
    pub target: Target,
    /// The Python of `target`, and the origin of this choice.
    pub python: ChosenPython,
    /// The working directory, absolute. Relative paths start here.
    pub folder: Utf8PathBuf,
    /// The repository, absolute. Nothing outside of it gets into a layer.
    pub workspace: Utf8PathBuf,
    /// The folder where the program was started, absolute. Paths are shown relative to it.
    pub start: Utf8PathBuf,
    pub dependencies: Dependencies,
    pub content: Content,
    pub checks: Checks,
    pub declaration: Declaration,
    pub registry: RegistryChoice,
    pub state: StatePlace,
    pub follow_up: FollowUp,
    /// The documents about the layer.
    pub documents: Documents,
    /// The choices about comments and releases.
    pub github: GithubChoice,
    /// The path for the finished zip, as given, relative to the working directory.
    pub output: Option<Utf8PathBuf>,
    pub dry_run: bool,
    pub verify: bool,
    /// The path for the result of the run as JSON, absolute.
    pub results: Option<Utf8PathBuf>,
    /// The runner labels for the job that builds this layer.
    pub runs_on: Vec<String>,
    /// Whether that job needs the image of the layer's Python; `None` if the plan has to find out.
    pub native: Option<bool>,
}

impl Spec {
    /// The request to read the dependency files.
    pub(crate) fn asked<'a>(&'a self, parsed: &'a ParsedLocks, environment: &'a Environment) -> Asked<'a> {
        Asked {
            parsed,
            requirements: &self.dependencies.requirements,
            constraints: &self.dependencies.constraints,
            selection: &self.dependencies.selection,
            target: self.target,
            folder: &self.folder,
            workspace: &self.workspace,
            environment,
        }
    }

    /// Whether the run needs a Python on this machine.
    pub fn needs_interpreter(&self) -> bool {
        let installs = !self.dependencies.requirements.is_empty() || !self.content.projects.is_empty();
        let is_plain = self.content.bytecode == Bytecode::None && self.checks.smoke_test == SmokeTest::Off;
        installs || self.content.strip || !is_plain
    }

    /// Whether the times of imports are measured: only if something shows or limits them, because that takes time.
    pub fn measures_imports(&self) -> bool {
        let is_shown = self.task == Task::Preview || self.documents.page.is_some();
        self.checks.smoke_test != SmokeTest::Off && (is_shown || self.checks.max_import_time.is_some())
    }

    /// A path relative to the folder where the program was started, for messages and later workflow steps.
    pub fn shown(&self, path: &Utf8Path) -> Utf8PathBuf {
        path.strip_prefix(&self.start).unwrap_or(path).to_owned()
    }

    /// The working directory from the root of the repository; `None` for the root itself.
    pub fn folder_in_repository(&self) -> Option<String> {
        let folder = files::normalize(&self.folder)?;
        let folder = folder.strip_prefix(&self.workspace).ok()?.to_string();
        (!folder.is_empty()).then_some(folder)
    }

    /// The files that a project of `source` is built from, without those of earlier runs.
    ///
    /// # Errors
    /// The same as for [`files::project`].
    pub fn project_files(&self, path: &Utf8Path) -> anyhow::Result<Vec<FileEntry>> {
        let folder = self.folder.join(path).canonicalize_utf8()?;
        let mut entries = files::project(&folder, &self.workspace)?;
        let registry = match &self.registry {
            RegistryChoice::Directory(folder) => Some(folder),
            RegistryChoice::Aws(_) => None,
        };
        let state = match &self.state {
            StatePlace::Directory(folder) => Some(folder),
            StatePlace::S3 { .. } | StatePlace::Nowhere => None,
        };
        let written = [self.output.as_ref().map(|output| self.folder.join(output)), registry.cloned(), state.cloned()];
        let written = written
            .into_iter()
            .flatten()
            .chain(self.documents.paths().cloned())
            .chain(self.results.clone())
            .filter_map(|path| files::normalize(&path));
        let written: Vec<Utf8PathBuf> = written.filter(|path| path.starts_with(&folder) && *path != folder).collect();
        entries.retain(|entry| !written.iter().any(|path| folder.join(&entry.path).starts_with(path)));
        Ok(entries)
    }

    /// The user's secrets, from inputs and requirement files.
    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        let dependencies = &self.dependencies;
        let urls = dependencies.index_url.iter().chain(&dependencies.extra_index_urls);
        // Includes the indexes that the user's inputs replace.
        let urls = urls.chain(&dependencies.manifest.indexes);
        urls.for_each(|url| secrets.add_urls_in(url.exposed()));
        secrets.extend(&dependencies.manifest.secrets);
        if let Some(token) = &self.github.token {
            secrets.add("", token.expose_secret());
        }
        secrets
    }
}
