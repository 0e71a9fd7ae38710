//! The validated inputs of the command `audit`.

use camino::{Utf8Path, Utf8PathBuf};

use super::{AwsDestinations, Checks, Documents, Reading, RegistryChoice, StatePlace, Task};
use crate::cli::{Inputs, given, list};
use crate::environment::{Environment, pip_configuration};
use crate::error::{Failure, Problems};
use crate::manifest::UvSettings;
use crate::spec::python::{ChosenPython, Project};
use crate::types::{Architecture, LayerName, LayerVersionArn, PYPI, PythonVersion};
use crate::{cli, facts, files};

/// A layer that another tool built, and the target it is checked for.
#[derive(Debug)]
pub struct AuditSpec {
    /// The layer to audit; `None` for the current version.
    pub subject: Option<Subject>,
    /// `None` if it was not given: then it is what a published layer declares, or `python_of_project`.
    pub python: Option<PythonVersion>,
    pub python_of_project: Result<ChosenPython, Failure>,
    /// `None` in the same way, with a default at the end.
    pub architecture: Option<Architecture>,
    pub checks: Checks,
    /// Whether this run names an index other than PyPI, so that nobody can tell where the packages of a layer are from.
    pub has_other_indexes: bool,
    pub registry: RegistryChoice,
    pub state: StatePlace,
    /// The name of the layer, to find it, and to recognize its versions on functions.
    pub layer: Option<String>,
    /// The documents about the layer.
    pub documents: Documents,
    /// The repository, absolute. Its owner also gets the files that are written.
    pub workspace: Utf8PathBuf,
    /// The folder where the program was started, absolute. Paths are shown relative to it.
    pub start: Utf8PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Zip {
        path: Utf8PathBuf,
        /// The path as it was given.
        shown: String,
    },
    /// A folder with the content of `/opt`.
    Folder {
        path: Utf8PathBuf,
        shown: String,
    },
    Published(LayerVersionArn),
}

impl AuditSpec {
    /// Validates the inputs.
    ///
    /// # Errors
    /// One failure that lists every problem.
    pub fn resolve(inputs: &Inputs, environment: &Environment) -> Result<Self, Failure> {
        let mut reading = Reading::new(given(inputs.working_directory.as_ref()), environment);
        let name = given(inputs.layer_name.as_ref());
        let subject = reading.subject(given(inputs.subject.as_ref()), name);
        let is_current = given(inputs.subject.as_ref()).is_none();
        let python = given(inputs.python_version.as_ref());
        let python = python.map(|version| reading.parsed(Some(version), facts::default_python()));
        // An error only if the layer itself does not declare it.
        let project =
            Project { folder: &reading.folder, workspace: &reading.workspace, requirements: &[], sources: &[] };
        let python_of_project = ChosenPython::of(&project, environment);
        let architecture = given(inputs.architecture.as_ref());
        let architecture = architecture.map(|name| reading.parsed(Some(name), cli::DEFAULT_ARCHITECTURE));
        let checks = reading.checks(inputs, true);
        let has_other_indexes = has_other_indexes(inputs, &reading.folder, environment);
        // A subject with an ARN is read with the run's own identity.
        let accounts = if is_current {
            let (roles, allowed) = (list(&inputs.roles), list(&inputs.allowed_account_ids));
            reading.accounts(&roles, given(inputs.external_id.as_ref()), &allowed)
        } else {
            AwsDestinations::default()
        };
        let registry = reading.registry(
            Task::Plan,
            given(inputs.registry.as_ref()),
            &list(&inputs.regions),
            given(inputs.bucket.as_ref()).filter(|_| is_current),
            accounts,
        );
        let state = reading.state(given(inputs.state.as_ref()).filter(|_| is_current), &registry);
        let documents = reading.documents(inputs);
        reading.boolean("summary", given(inputs.summary.as_ref()), true);
        let (workspace, start) = (reading.workspace.clone(), environment.current_directory.clone());
        reading.problems.into_result()?;
        let layer = match &subject {
            Some(Subject::Published(arn)) => Some(arn.layer().to_owned()),
            Some(Subject::Zip { .. } | Subject::Folder { .. }) | None => name.map(str::to_owned),
        };
        Ok(Self {
            subject,
            python,
            python_of_project,
            architecture,
            checks,
            has_other_indexes,
            registry,
            state,
            layer,
            documents,
            workspace,
            start,
        })
    }
}

/// By inputs, variables, and the configuration files of pip and uv; what cannot be read counts as one.
fn has_other_indexes(inputs: &Inputs, folder: &Utf8Path, environment: &Environment) -> bool {
    const PLACES: [&str; 4] = ["INDEX", "INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS"];
    let has_input = given(inputs.index_url.as_ref()).is_some_and(|url| url.trim_end_matches('/') != PYPI)
        || !list(&inputs.extra_index_urls).is_empty()
        || !list(&inputs.codeartifact).is_empty();
    let (Ok(of_pip), Ok(of_uv)) = (pip_configuration::settings(environment), UvSettings::of(folder, environment))
    else {
        return true;
    };
    let named = of_uv.indexes(environment, &mut Problems::default());
    let has_input = has_input || named.iter().any(|url| url.shown().trim_end_matches('/') != PYPI);
    let settings = environment.with_defaults(of_pip).with_defaults(of_uv.variables(false));
    let is_place = |name: &str| {
        let name = name.strip_prefix("UV_").or_else(|| name.strip_prefix("PIP_"));
        name.is_some_and(|name| PLACES.contains(&name.trim_start_matches("DEFAULT_")))
    };
    let mut values = settings.variables().iter().filter(|(name, value)| is_place(name) && !value.is_empty());
    has_input || values.any(|(_, value)| value.trim_end_matches('/') != PYPI)
}

impl Subject {
    /// What to call it in messages, with its path or version.
    pub fn shown(&self) -> String {
        match self {
            Self::Zip { shown, .. } | Self::Folder { shown, .. } => shown.clone(),
            Self::Published(arn) => arn.to_string(),
        }
    }

    /// The layer's name, or that of the file or folder.
    pub fn name(&self) -> String {
        match self {
            Self::Zip { path, .. } | Self::Folder { path, .. } => path.file_name().unwrap_or(path.as_str()).to_owned(),
            Self::Published(arn) => arn.layer().to_owned(),
        }
    }
}

impl Reading<'_> {
    /// Reads the subject; `None` for the current version of the layer.
    fn subject(&mut self, text: Option<&str>, layer: Option<&str>) -> Option<Subject> {
        let Some(text) = text else {
            if let Some(name) = layer {
                self.problems.check(name.parse::<LayerName>());
            } else {
                let failure = Failure::user("there is nothing to audit: `subject` is missing");
                let hint = "set `subject` to a zip, to a folder with the structure of `/opt` or to the ARN of a layer version, or set `layer-name`";
                self.problems.push(failure.hint(hint));
            }
            return None;
        };
        if text.starts_with("arn:") {
            let arn = text.parse().map(Subject::Published).map_err(|_other| {
                Failure::user(format!("`subject` is `{text}`, which is not the ARN of a layer version"))
                    .hint("include the version, for example `arn:aws:lambda:eu-west-1:123456789012:layer:shared:7`")
            });
            return self.problems.check(arn);
        }
        let (path, shown) = (self.folder.join(text), text.to_owned());
        let path = path.canonicalize_utf8().unwrap_or(path);
        if path.is_dir() {
            return Some(Subject::Folder { path, shown });
        }
        if path.is_file() {
            return Some(Subject::Zip { path, shown });
        }
        let failure = if path.exists() {
            Failure::user(format!("`subject` is `{text}`, which is neither a file nor a folder"))
                .hint("give the path of a zip, or of a folder with the structure of `/opt`")
        } else {
            files::missing("`subject` is a path that cannot be read: ", &self.folder, Utf8Path::new(text))
        };
        self.problems.push(failure);
        None
    }

    pub(super) fn refuse_subject(&mut self, subject: Option<&str>) {
        if let Some(subject) = subject {
            let failure = Failure::user(format!("`subject` is `{subject}`, but only `audit` checks a finished layer"));
            self.problems.push(failure.hint("remove it, or use the command `audit`"));
        }
    }
}
