//! The inputs of a step that uses the action, from its `INPUT_*` variables.
//!
//! The runner makes them of the step's own `with` and of the defaults of `action.yml`: upper case, `_` for spaces, and
//! hyphens as they are (actions/runner, `Handler.AddInputsToEnvironment`). Of an input that `action.yml` does not have it
//! warns, and passes it on like the others (`ActionRunner.RunAsync`). Inputs of a composite action that the step is part of
//! are no variables there: the runner has them as a context alone (`CompositeActionHandler`), and act, where they are
//! variables, removes them before a step with `uses` gets its own (nektos/act, `mergeEnv`). So each of these variables was
//! meant for this step, or somebody gave a variable of the workflow (`env`, `GITHUB_ENV`) such a name.
//!
//! The runner sets a variable for each input of `action.yml`, given or not. Without any, on a laptop or in a step with
//! `run`, whatever else is called `INPUT_…` is of no concern here.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::{DEFAULT_COMMAND, input_arguments};
use crate::error::{Failure, Problems, nearest};

const PREFIX: &str = "INPUT_";

/// Inputs that every action in a container has, and that the runner itself acts on.
const OF_THE_RUNNER: &[&str] = &["ARGS", "ENTRYPOINT"];

/// Inputs with a value that nobody gave: `action.yml` has defaults for them.
const WITH_DEFAULTS: &[&str] = &["command", "github-token"];

pub(super) struct StepInputs<'a> {
    /// All inputs there are, in the order of the help.
    names: Vec<String>,
    /// By their variables, without the prefix: `LAYER-NAME`.
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> StepInputs<'a> {
    /// `None` where the program was not started by a runner as an action.
    pub(super) fn read(variables: &'a BTreeMap<String, String>) -> Option<Self> {
        if variables.get("GITHUB_ACTIONS").map(String::as_str) != Some("true") {
            return None;
        }
        let values: BTreeMap<&str, &str> =
            variables.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.trim()))).collect();
        if values.is_empty() {
            return None;
        }
        let inputs = input_arguments().into_iter().map(|argument| argument.name);
        let names: Vec<String> = std::iter::once("command".to_owned()).chain(inputs).collect();
        let is_action = names.iter().any(|name| values.contains_key(name.to_uppercase().as_str()));
        is_action.then_some(Self { names, values })
    }

    fn given(&self, name: &str) -> Option<&'a str> {
        self.values.get(name.to_uppercase().as_str()).copied().filter(|value| !value.is_empty())
    }

    /// `INPUT_LAYER-NAME=x` becomes `--layer-name=x`, so that no value can become a flag.
    ///
    /// # Errors
    /// Something was given that is no input.
    pub(super) fn arguments(&self) -> Result<Vec<OsString>, Failure> {
        self.check()?;
        let command = self.given("command").unwrap_or(DEFAULT_COMMAND);
        // A command that looks like a flag stays a (wrong) command.
        let command = if command.starts_with('-') { format!(" {command}") } else { command.to_owned() };
        let options = self.names.iter().filter(|name| *name != "command");
        let options = options.filter_map(|name| self.given(name).map(|value| format!("--{name}={value}")));
        Ok(["lambda-layer".to_owned(), command].into_iter().chain(options).map(OsString::from).collect())
    }

    /// With `args` the runner starts the program with these alone.
    ///
    /// # Errors
    /// Inputs were given besides, which nothing would read.
    pub(super) fn check_beside_arguments(&self) -> Result<(), Failure> {
        if self.given("args").is_none() {
            return Ok(());
        }
        self.check()?;
        let mut others = self.names.iter().filter(|name| !WITH_DEFAULTS.contains(&name.as_str()));
        match others.find(|name| self.given(name).is_some()) {
            Some(name) => {
                let failure =
                    Failure::user(format!("`args` replaces the whole command line, so `{name}` would be ignored"));
                Err(failure.hint("remove `args`, or write everything in it"))
            }
            None => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let is_known = |variable: &str| {
            OF_THE_RUNNER.contains(&variable) || self.names.iter().any(|name| name.to_uppercase() == variable)
        };
        let mut problems = Problems::default();
        for variable in self.values.keys().filter(|variable| !is_known(variable)) {
            let name = variable.to_lowercase();
            let names = self.names.iter().map(String::as_str);
            let failure = Failure::user(format!("`{name}` is not an input"));
            problems.push(match nearest(&name.replace('_', "-"), names) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!(
                    "remove it from `with`; if it is an environment variable of the workflow, rename it so that it does not begin with `{PREFIX}`"
                )),
            });
        }
        problems.into_result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_no_input_is_named_with_its_neighbour() {
        let variables = read(&[
            ("GITHUB_ACTIONS", "true"),
            ("INPUT_COMMAND", "publish"),
            ("INPUT_LAYER-NAME", "x"),
            ("INPUT_PYTHON_VERSION", "3.12"),
            ("INPUT_EXLUDE", ""),
            ("INPUT_COLOUR", "s3cret"),
            ("INPUT_ARGS", ""),
            ("INPUT_ENTRYPOINT", ""),
        ]);
        let failure = StepInputs::read(&variables).unwrap().arguments().unwrap_err();
        insta::assert_snapshot!([&[failure.message], failure.causes.as_slice()].concat().join("\n"), @r"
        3 problems with the input
        `colour` is not an input (remove it from `with`; if it is an environment variable of the workflow, rename it so that it does not begin with `INPUT_`)
        `exlude` is not an input (did you mean `exclude`?)
        `python_version` is not an input (did you mean `python-version`?)
        ");
    }

    #[test]
    fn variables_of_others_are_no_inputs() {
        // Of a laptop, and of a step with `run`.
        let other = ("INPUT_COLOUR", "red");
        assert!(StepInputs::read(&read(&[other])).is_none());
        assert!(StepInputs::read(&read(&[other, ("INPUT_LAYER-NAME", "x")])).is_none());
        assert!(StepInputs::read(&read(&[other, ("GITHUB_ACTIONS", "true")])).is_none());
    }

    #[test]
    fn inputs_beside_a_command_line_are_refused() {
        let step = [("GITHUB_ACTIONS", "true"), ("INPUT_COMMAND", "publish"), ("INPUT_GITHUB-TOKEN", "x")];
        let check = |more: &[(&str, &str)]| {
            let variables = read(&[&step[..], more].concat());
            StepInputs::read(&variables).unwrap().check_beside_arguments().map_err(|failure| failure.message)
        };
        assert_eq!(check(&[("INPUT_ARGS", "plan"), ("INPUT_LAYER-NAME", "")]), Ok(()));
        assert_eq!(check(&[("INPUT_LAYER-NAME", "x")]), Ok(()));
        let message = "`args` replaces the whole command line, so `layer-name` would be ignored";
        assert_eq!(check(&[("INPUT_ARGS", "plan"), ("INPUT_LAYER-NAME", "x")]), Err(message.to_owned()));
    }
}
