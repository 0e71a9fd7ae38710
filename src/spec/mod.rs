//! The inputs, validated: if a [`Spec`] exists it can be worked with, and all that was wrong was said at once.

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
mod subject;
mod version_command;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::ExposeSecret as _;

use crate::cli::{Inputs, given, lines, list};
use crate::environment::Environment;
use crate::error::{Failure, Problems};
use crate::files::FileEntry;
use crate::manifest::{Asked, ParsedLocks, Selection};
use crate::secrets::Secrets;
use crate::spec::checks::CheckInputs;
use crate::spec::follow_up::AfterInputs;
use crate::types::description::Declaration;
use crate::types::{Architecture, LayerName, Target};
use crate::{cli, facts, files};
pub use build_script::BuildScript;
pub use checks::{Checks, FailOn, SmokeTest};
pub use content::{Bytecode, Content, Include, RuntimePackages, SlimLevel};
pub use dependencies::{Dependencies, InstallerChoice};
pub use destination::{AwsDestinations, BUCKET_PREFIX, REGISTRY_FOLDER, RegistryChoice, StatePlace};
pub use documents::{CommentWhen, Documents, GithubChoice};
pub use follow_up::{FollowUp, Labelling, Retention};
pub use merge::MergeSpec;
pub use subject::{AuditSpec, Subject};
pub use version_command::{Verb, VersionChoice, VersionCommand, VersionCommandSpec};

/// The command a run was started with.
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

    /// # Errors
    /// The task builds, and this image has nothing to build with.
    pub fn check(self, environment: &Environment) -> Result<(), Failure> {
        if self == Self::Plan || !environment.is_lite() {
            return Ok(());
        }
        let failure =
            Failure::user(format!("`{}` builds, and the small image has no Python to build with", self.command()));
        Err(failure.hint("use the action itself and not its `lite`, which is for what comes before and after builds"))
    }
}

/// One layer, and what to do with it.
#[derive(Debug)]
pub struct Spec {
    pub task: Task,
    pub layer: LayerName,
    pub target: Target,
    /// The working directory, absolute; relative paths start here.
    pub folder: Utf8PathBuf,
    /// The repository, absolute; nothing outside gets into a layer.
    pub workspace: Utf8PathBuf,
    /// Where the program was started, absolute: paths are shown from here.
    pub start: Utf8PathBuf,
    pub dependencies: Dependencies,
    pub content: Content,
    pub checks: Checks,
    pub declaration: Declaration,
    pub registry: RegistryChoice,
    pub state: StatePlace,
    pub follow_up: FollowUp,
    /// Files about the layer.
    pub documents: Documents,
    /// Comments and releases.
    pub github: GithubChoice,
    /// Where the finished zip goes, as given and from the working directory.
    pub output: Option<Utf8PathBuf>,
    pub dry_run: bool,
    pub verify: bool,
    /// Where the result of the run goes as JSON, absolute.
    pub results: Option<Utf8PathBuf>,
    /// Labels of the runner for a job that builds it.
    pub runs_on: Vec<String>,
}

/// What inputs are read against, and what was wrong with them so far. A wrong input leaves a default
/// behind, so that reading goes on; no [`Spec`] comes of it.
struct Reading<'a> {
    environment: &'a Environment,
    folder: Utf8PathBuf,
    workspace: Utf8PathBuf,
    problems: Problems,
}

impl Spec {
    /// # Errors
    /// One failure of the user's with everything that is wrong.
    pub fn resolve(
        task: Task,
        inputs: &Inputs,
        parsed: &ParsedLocks,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        // Taken apart completely: an input that nothing handles does not compile.
        #[rustfmt::skip]
        let Inputs {
            layer_name, layer_version, subject, working_directory,
            requirements, groups, extras, no_deps, installer, index_url, extra_index_urls, codeartifact, constraints,
            refresh,
            python_version, architecture, compatible_runtimes, compatible_architectures,
            include, source, build_script, exclude, exclude_files, runtime_packages, slim, strip, bytecode, layout,
            smoke_test, fail_on, max_zipped_size, max_unzipped_size, budget_functions,
            registry, regions, roles, external_id, allowed_account_ids, bucket, state, description, license,
            republish, signing_profile,
            share_with, attach_to, ssm_parameter, labels, move_labels, remove_labels,
            keep_versions, keep_days, keep_labels, include_unknown, apply,
            // Read by `papers` and `github`.
            report: _, sbom: _, third_party_licenses: _,
            comment: _, comment_threshold: _, baseline: _, github_token: _, release: _, release_tag: _,
            summary, dry_run, verify, output, runs_on,
            // Of the run as a whole: `config`, `layers`, `merge` and `since`.
            config: _, layers: _, since: _, jobs: _, results,
        } = inputs;
        let mut reading = Reading::new(given(working_directory.as_ref()), environment);
        let layer = reading.layer(task, given(layer_name.as_ref()));
        reading.refuse_layer_version(given(layer_version.as_ref()));
        reading.refuse_subject(given(subject.as_ref()));
        let target = Target {
            python: reading.parsed(given(python_version.as_ref()), environment.default_python()),
            architecture: reading.parsed(given(architecture.as_ref()), cli::DEFAULT_ARCHITECTURE),
        };
        let layout = reading.parsed(given(layout.as_ref()), cli::DEFAULT_LAYOUT);
        let mut content = reading.content(&lines(include), &list(source), &list(exclude), layout);
        content.build_script = reading.build_script(given(build_script.as_ref()));
        content.exclude_files = reading.globs("exclude-files", &lines(exclude_files));
        content.runtime_packages = reading.parsed(given(runtime_packages.as_ref()), cli::DEFAULT_RUNTIME_PACKAGES);
        content.slim = reading.parsed(given(slim.as_ref()), cli::DEFAULT_SLIM);
        content.strip = reading.boolean("strip", given(strip.as_ref()), false);
        content.bytecode = reading.parsed(given(bytecode.as_ref()), cli::DEFAULT_BYTECODE);
        let checks = reading.checks(&CheckInputs {
            smoke_test,
            fail_on: fail_on.as_ref(),
            max_zipped_size: max_zipped_size.as_ref(),
            max_unzipped_size: max_unzipped_size.as_ref(),
            budget_functions,
        });
        let selection = Selection::new(&list(groups), &list(extras));
        let constraints = list(constraints);
        let mut dependencies = reading.manifest(&list(requirements), &constraints, selection, &content, target, parsed);
        let target = Target { python: dependencies.manifest.python(target.python), ..target };
        dependencies.no_deps = reading.boolean("no-deps", given(no_deps.as_ref()), false);
        dependencies.refresh = reading.boolean("refresh", given(refresh.as_ref()), false);
        dependencies.installer = reading.parsed(given(installer.as_ref()), cli::DEFAULT_INSTALLER);
        reading.refuse_settings(&dependencies);
        let builds_projects = !content.projects.is_empty();
        let (extra, repositories, known) = (list(extra_index_urls), list(codeartifact), &parsed.1);
        let index_url = given(index_url.as_ref());
        reading.indexes(&mut dependencies, index_url, &extra, &repositories, builds_projects, known);
        reading.refuse_settings_of_uv(&dependencies, target);
        let declaration = reading.declaration(
            &list(compatible_runtimes),
            &list(compatible_architectures),
            (given(description.as_ref()), given(license.as_ref()), given(republish.as_ref())),
            target,
        );
        let accounts = reading.accounts(&list(roles), given(external_id.as_ref()), &list(allowed_account_ids));
        let mut registry =
            reading.registry(task, given(registry.as_ref()), &list(regions), given(bucket.as_ref()), accounts);
        reading.refuse_removed_labels(&list(remove_labels));
        reading.signing_profile(given(signing_profile.as_ref()), &mut registry);
        let follow_up = reading.follow_up(
            &AfterInputs {
                share_with,
                attach_to,
                ssm_parameter: ssm_parameter.as_ref(),
                labels,
                move_labels: move_labels.as_ref(),
                keep_versions: keep_versions.as_ref(),
                keep_days: keep_days.as_ref(),
                keep_labels,
                include_unknown: include_unknown.as_ref(),
                apply: apply.as_ref(),
            },
            &registry,
        );
        let state = reading.state(given(state.as_ref()), &registry);
        reading.refuse_labels_without_state(&follow_up.labelling, &state);
        reading.refuse_kept_labels_without_state(&follow_up, &state);
        let output = reading.output(task, given(output.as_ref()), &layer);
        let documents = reading.documents(inputs);
        let github = reading.github(task, inputs);
        let dry_run = reading.boolean("dry-run", given(dry_run.as_ref()), false);
        let verify = reading.boolean("verify", given(verify.as_ref()), false);
        let runs_on = reading.runs_on(&lines(runs_on), target.architecture);
        // Whether to write the summary is for whoever writes it, which is done for a failed run, too.
        reading.boolean("summary", given(summary.as_ref()), true);
        let Reading { folder, workspace, problems, .. } = reading;
        let start = environment.current_directory.clone();
        let results = given(results.as_ref()).map(|folder| start.join(folder));
        problems.into_result()?;
        #[rustfmt::skip]
        let spec = Self {
            task, layer, target, folder, workspace, start, dependencies, content, checks, declaration,
            registry, state, follow_up, documents, github, output, dry_run, verify, results, runs_on,
        };
        Ok(spec)
    }

    /// The dependency files, to be read.
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

    /// Whether a Python of this machine has something to do.
    pub fn needs_interpreter(&self) -> bool {
        let installs = !self.dependencies.requirements.is_empty() || !self.content.projects.is_empty();
        let is_plain = self.content.bytecode == Bytecode::None && self.checks.smoke_test == SmokeTest::Off;
        installs || self.content.strip || !is_plain
    }

    /// A path as people and the next steps of a workflow can use it.
    pub fn shown(&self, path: &Utf8Path) -> Utf8PathBuf {
        path.strip_prefix(&self.start).unwrap_or(path).to_owned()
    }

    /// What a project of `source` is built from: its files, but for what earlier runs may have written among them.
    ///
    /// # Errors
    /// As of [`files::project`].
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
        // Also of those that the user's own stand in for.
        let urls = urls.chain(&dependencies.manifest.indexes);
        urls.for_each(|url| secrets.add_urls_in(url.exposed()));
        secrets.extend(&dependencies.manifest.secrets);
        if let Some(token) = &self.github.token {
            secrets.add("", token.expose_secret());
        }
        secrets
    }
}

impl<'a> Reading<'a> {
    fn new(working_directory: Option<&str>, environment: &'a Environment) -> Self {
        let given = working_directory.unwrap_or(".");
        let folder = environment.current_directory.join(given);
        let folder = folder.canonicalize_utf8().unwrap_or(folder);
        let mut problems = Problems::default();
        if !folder.is_dir() {
            let failure = Failure::user(format!("`working-directory` is `{given}`, which is not a folder"));
            problems.push(failure.hint("was the repository checked out before this step (`actions/checkout`)?"));
        }
        let workspace = environment.workspace(&folder);
        Self { environment, folder, workspace, problems }
    }

    /// The value, or what its type reads the default as.
    fn parsed<T: std::str::FromStr<Err = Failure>>(&mut self, value: Option<&str>, default: &str) -> T {
        let parsed = value.and_then(|value| self.problems.check(value.parse()));
        parsed.unwrap_or_else(|| default.parse().expect("defaults are valid"))
    }

    fn boolean(&mut self, name: &str, value: Option<&str>, default: bool) -> bool {
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

    fn layer(&mut self, task: Task, name: Option<&str>) -> LayerName {
        const FALLBACK: &str = "layer";
        if name.is_none() && task != Task::Build {
            let failure = Failure::user("`layer-name` is missing");
            self.problems.push(failure.hint("name the layer, e.g. `layer-name: shared-dependencies`"));
        }
        self.parsed(name, FALLBACK)
    }

    fn refuse_layer_version(&mut self, version: Option<&str>) {
        if let Some(version) = version {
            let failure = Failure::user(format!(
                "`layer-version` is `{version}`, but this command makes a version and does not act on one"
            ));
            self.problems.push(failure.hint("leave it out; the number comes from the registry"));
        }
    }

    /// Native by default: a machine of the other architecture cannot compile or import.
    fn runs_on(&mut self, values: &[String], wanted: Architecture) -> Vec<String> {
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
                    let failure = Failure::user(format!("`runs-on` has `{value}`, which names no runner"));
                    self.problems.push(failure.hint("write e.g. `arm64=ubuntu-24.04-arm`"));
                }
            }
        }
        labels
    }

    /// Relative to the working directory, as outputs and messages show it.
    fn output(&mut self, task: Task, given: Option<&str>, layer: &LayerName) -> Option<Utf8PathBuf> {
        let path = match (given, task) {
            (Some(path), _) => Utf8PathBuf::from(path),
            (None, Task::Build) => Utf8PathBuf::from(format!("{layer}.zip")),
            (None, _) => return None,
        };
        let full = self.folder.join(&path);
        if full.is_dir() {
            let failure = Failure::user(format!("`output` is `{path}`, which is a folder"));
            self.problems.push(failure.hint(format!("name a file in it, e.g. `{}`", path.join("layer.zip"))));
        } else {
            self.check_writable("output", full.parent().unwrap_or(&self.folder).to_owned().as_path());
        }
        Some(path)
    }

    /// Whether a file could be made in `folder`, which need not exist yet; makes nothing that stays.
    fn check_writable(&mut self, input: &str, folder: &Utf8Path) {
        let existing = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Utf8Path::new("/"));
        if let Err(error) = tempfile::tempfile_in(existing) {
            let failure = Failure::user(format!("`{input}` cannot be written: `{folder}`")).cause(error.to_string());
            self.problems.push(failure.hint("choose a folder that can be written to"));
        }
    }
}
