//! The validated inputs of the commands on published versions.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use secrecy::ExposeSecret;

use super::follow_up::AfterInputs;
use super::{
    Documents, FailOn, GithubChoice, Labelling, Reading, RegistryChoice, Retention, StatePlace, Task,
    VulnerabilityCheck,
};
use crate::cli::{DEFAULT_FAIL_ON, Inputs, given, list};
use crate::environment::Environment;
use crate::error::Failure;
use crate::types::{FunctionSelector, Label, LayerName, ParameterTemplate, Principal};

/// A command on versions of one layer.
#[derive(Debug)]
pub struct VersionCommandSpec {
    pub act: VersionCommand,
    pub layer: LayerName,
    pub version: VersionChoice,
    pub registry: RegistryChoice,
    pub state: StatePlace,
    /// The template for parameters, which follow labels, and which a clean-up must not leave behind.
    pub ssm_parameter: Option<ParameterTemplate>,
    /// The documents about the layer, for a release.
    pub documents: Documents,
    pub github: GithubChoice,
    /// For `usage`; `None` if known vulnerabilities are not looked up.
    pub vulnerabilities: Option<VulnerabilityCheck>,
    pub fail_on: FailOn,
    pub dry_run: bool,
    /// The repository, whose owner also gets the files that are written there.
    pub workspace: Utf8PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionCommand {
    Share(BTreeSet<Principal>),
    Attach(Vec<FunctionSelector>),
    Label(Labelling),
    Cleanup(Retention),
    Usage(UsageChoice),
    Release,
}

impl VersionCommand {
    pub fn command(&self) -> &'static str {
        match self {
            Self::Share(_) => "share",
            Self::Attach(_) => "attach",
            Self::Label(_) => "label",
            Self::Cleanup(_) => "cleanup",
            Self::Usage(_) => "usage",
            Self::Release => "release",
        }
    }
}

/// Which versions `usage` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageChoice {
    All,
    /// Versions that are not the current one, and that something uses.
    Outdated,
}

/// `layer-version`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionChoice {
    Newest,
    /// The number in the first destination; in the others, the version with the same content is meant.
    Number(u64),
    Labelled(Label),
}

/// The commands that act on versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Share,
    Attach,
    Label,
    Cleanup,
    Usage,
    Release,
}

impl VersionCommandSpec {
    /// Validates the inputs of a command.
    ///
    /// # Errors
    /// One user error that lists every problem.
    pub fn resolve(verb: Verb, inputs: &Inputs, environment: &Environment) -> Result<Self, Failure> {
        let mut reading = Reading::new(given(inputs.working_directory.as_ref()), environment);
        let layer = reading.layer(Task::Publish, given(inputs.layer_name.as_ref()));
        let version = reading.version(verb, given(inputs.layer_version.as_ref()));
        let accounts = reading.accounts(
            &list(&inputs.roles),
            given(inputs.external_id.as_ref()),
            &list(&inputs.allowed_account_ids),
        );
        let (regions, bucket) = (list(&inputs.regions), given(inputs.bucket.as_ref()));
        let registry = reading.registry(Task::Plan, given(inputs.registry.as_ref()), &regions, bucket, accounts);
        let state = reading.state(given(inputs.state.as_ref()), &registry);
        let after = reading.follow_up(
            &AfterInputs {
                share_with: &inputs.share_with,
                attach_to: &inputs.attach_to,
                ssm_parameter: inputs.ssm_parameter.as_ref(),
                labels: &inputs.labels,
                move_labels: inputs.move_labels.as_ref(),
                keep_versions: inputs.keep_versions.as_ref(),
                keep_days: inputs.keep_days.as_ref(),
                keep_labels: &inputs.keep_labels,
                include_unknown: inputs.include_unknown.as_ref(),
                apply: inputs.apply.as_ref(),
            },
            &registry,
        );
        reading.refuse_kept_labels_without_state(&after, &state);
        let documents = reading.documents(inputs);
        let github = reading.github(Task::Publish, inputs);
        let fail_on = reading.parsed(given(inputs.fail_on.as_ref()), DEFAULT_FAIL_ON);
        let vulnerabilities = if verb == Verb::Usage { reading.vulnerabilities(inputs, false) } else { None };
        let act = match verb {
            Verb::Share => {
                after.share_with.map(VersionCommand::Share).ok_or(("share-with", "list who may use the version"))
            }
            Verb::Attach if after.attach_to.is_empty() => Err(("attach-to", "list the functions")),
            Verb::Attach => Ok(VersionCommand::Attach(after.attach_to)),
            Verb::Label => {
                let remove = reading.all("remove-labels", &list(&inputs.remove_labels));
                let labelling = Labelling { remove, ..after.labelling };
                reading.refuse_both(&labelling);
                reading.refuse_labels_without_state(&labelling, &state);
                if labelling.add.is_empty() && labelling.remove.is_empty() {
                    Err(("labels", "set `labels` to the labels for the version, or `remove-labels` to those to remove"))
                } else {
                    Ok(VersionCommand::Label(labelling))
                }
            }
            Verb::Cleanup => after.retention.map(VersionCommand::Cleanup).ok_or((
                "keep-versions",
                "set `keep-versions`, `keep-days` or `keep-labels` to choose which versions to keep",
            )),
            Verb::Usage => {
                let is_outdated = reading.boolean("outdated", given(inputs.outdated.as_ref()), false);
                Ok(VersionCommand::Usage(if is_outdated { UsageChoice::Outdated } else { UsageChoice::All }))
            }
            Verb::Release => {
                reading.check_release(github.token.as_ref().map(ExposeSecret::expose_secret));
                Ok(VersionCommand::Release)
            }
        };
        let act = act.map_err(|(input, advice)| Failure::user(format!("`{input}` is missing")).hint(advice));
        // A missing value may be an invalid one, which was already reported.
        let act = if reading.problems.len() == 0 { reading.problems.check(act) } else { act.ok() };
        let dry_run = reading.boolean("dry-run", given(inputs.dry_run.as_ref()), false);
        reading.boolean("summary", given(inputs.summary.as_ref()), true);
        let Reading { workspace, problems, .. } = reading;
        problems.into_result()?;
        let nothing = || Failure::user("there is nothing to do").hint("`lambda-layer --help` lists all commands");
        let act = act.ok_or_else(nothing)?;
        let ssm_parameter = after.ssm_parameter;
        #[rustfmt::skip]
        let spec = Self {
            act, layer, version, registry, state, ssm_parameter, documents, github, vulnerabilities, fail_on, dry_run,
            workspace,
        };
        Ok(spec)
    }
}

impl Reading<'_> {
    fn version(&mut self, verb: Verb, text: Option<&str>) -> VersionChoice {
        let Some(text) = text else { return VersionChoice::Newest };
        if let Verb::Cleanup | Verb::Usage = verb {
            let command = if verb == Verb::Usage { "usage" } else { "cleanup" };
            let failure = Failure::user(format!("`layer-version` is `{text}`, but `{command}` acts on all versions"));
            self.problems.push(failure.hint("remove it"));
        }
        if let Ok(number) = text.parse::<u64>() {
            return VersionChoice::Number(number);
        }
        self.problems.check(text.parse()).map_or(VersionChoice::Newest, VersionChoice::Labelled)
    }

    fn refuse_both(&mut self, labelling: &Labelling) {
        for label in labelling.add.intersection(&labelling.remove) {
            let failure = Failure::user(format!("`{label}` is in both `labels` and `remove-labels`"));
            self.problems.push(failure.hint("remove it from one of them"));
        }
    }
}
