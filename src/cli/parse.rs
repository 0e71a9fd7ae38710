//! Reads the inputs from the command line, or from the `INPUT_*` variables of a workflow.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};

use super::step::StepInputs;
use super::{Cli, Command, Given};
use crate::error::Failure;

impl Cli {
    /// Reads the command line, or in a step of a workflow, where the action is started without arguments, its inputs.
    ///
    /// `Err(Ok(text))` is a text to print and leave (`--help`, `--version`).
    pub fn read(
        arguments: Vec<OsString>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, Result<String, Failure>> {
        let arguments = match StepInputs::read(variables) {
            Some(inputs) if arguments.len() <= 1 => inputs.arguments().map_err(Err)?,
            Some(inputs) => inputs.check_beside_arguments().map(|()| arguments).map_err(Err)?,
            None => arguments,
        };
        Self::parse_arguments(&mut Self::command(), arguments)
    }

    /// The inputs of one layer of a file, by the same rules. `parser` is [`parser`]'s, to be made once for many.
    ///
    /// # Errors
    /// There is no such input, or a value that is none of its values.
    pub fn of(parser: &mut clap::Command, command: &str, given: &Given) -> Result<Self, Failure> {
        let values =
            given.iter().flat_map(|(name, values)| values.iter().map(move |value| format!("--{name}={value}")));
        let arguments = ["lambda-layer".to_owned(), command.to_owned()].into_iter().chain(values);
        Self::parse_arguments(parser, arguments.map(OsString::from).collect()).map_err(|other| {
            let help = || Failure::user("`help` is not an input of a layer").hint("remove `help`");
            other.err().unwrap_or_else(help)
        })
    }

    fn parse_arguments(parser: &mut clap::Command, arguments: Vec<OsString>) -> Result<Self, Result<String, Failure>> {
        let read = parser.try_get_matches_from_mut(arguments).and_then(|matches| {
            let cli = Self::from_arg_matches(&matches)?;
            Ok((cli, matches))
        });
        let (mut cli, matches) = read.map_err(|error| explain(&error))?;
        cli.given = matches.subcommand().map(|(name, matches)| given(parser, name, matches)).unwrap_or_default();
        if let Command::Audit(audit) = &mut cli.command {
            audit.inputs.subject = audit.inputs.subject.take().or(audit.positional.take());
            cli.given.extend(audit.inputs.subject.iter().map(|subject| ("subject".to_owned(), vec![subject.clone()])));
        }
        let (given, inputs) = (&cli.given, cli.command.inputs_mut());
        // A published layer declares its own targets, which stand in for those that nobody named.
        inputs.python_version = inputs.python_version.take().filter(|_| given.contains_key("python-version"));
        inputs.architecture = inputs.architecture.take().filter(|_| given.contains_key("architecture"));
        Ok(cli)
    }
}

/// The parser of the command line.
pub fn parser() -> clap::Command {
    Cli::command()
}

/// The inputs that were given and are not empty, without defaults.
fn given(parser: &clap::Command, command: &str, matches: &clap::ArgMatches) -> Given {
    let arguments = parser.find_subcommand(command).into_iter().flat_map(clap::Command::get_arguments);
    let named = arguments.filter_map(|argument| Some((argument.get_long()?, argument.get_id().as_str())));
    let was_given = named.filter(|(_, id)| {
        matches.try_contains_id(id).is_ok_and(|is_there| is_there)
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    let values = was_given.map(|(name, id)| {
        let values = matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned());
        (name.to_owned(), values.filter(|value| !value.trim().is_empty()).collect::<Vec<_>>())
    });
    values.filter(|(_, values)| !values.is_empty()).collect()
}

/// One input, as `action.yml` and the README list it.
#[derive(Debug)]
pub struct InputArgument {
    pub name: String,
    pub group: String,
    pub description: String,
    pub default: String,
    pub is_list: bool,
    pub is_boolean: bool,
}

/// Commands that a workflow has use for, in the order of the help.
pub fn command_names() -> Vec<String> {
    let names = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect::<Vec<_>>();
    names.into_iter().filter(|name| !["init", "schema"].contains(&name.as_str())).collect()
}

/// All inputs but `command`, in the order of their groups.
pub fn input_arguments() -> Vec<InputArgument> {
    let mut cli = Cli::command();
    cli.build();
    let publish = cli.find_subcommand("publish").expect("is declared above");
    let described = publish.get_arguments().filter_map(|argument| {
        let group = argument.get_help_heading()?.to_owned();
        Some(InputArgument {
            name: argument.get_long()?.to_owned(),
            group,
            description: argument.get_help().map(ToString::to_string).unwrap_or_default(),
            default: argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect(),
            is_list: matches!(argument.get_action(), clap::ArgAction::Append),
            is_boolean: argument.get_value_names().is_some_and(|names| names[0].as_str() == "BOOLEAN"),
        })
    });
    described.collect()
}

/// clap's error in this program's words; exit code 1 instead of clap's 2.
fn explain(error: &clap::Error) -> Result<String, Failure> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join("`, `")),
        _ => None,
    };
    let wrong = |kind| context(kind).unwrap_or_default().trim().to_owned();
    let failure = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Ok(error.render().to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Failure::user("no command was given"),
        ErrorKind::InvalidSubcommand => {
            Failure::user(format!("`{}` is not a command", wrong(ContextKind::InvalidSubcommand)))
        }
        ErrorKind::UnknownArgument => Failure::user(format!("`{}` is not an input", wrong(ContextKind::InvalidArg))),
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            Failure::user(first.strip_prefix("error: ").unwrap_or(first))
        }
    };
    let suggestion = context(ContextKind::SuggestedSubcommand).or_else(|| context(ContextKind::SuggestedArg));
    let advice = match suggestion {
        Some(name) => format!("did you mean `{name}`?"),
        None => {
            "`lambda-layer --help` lists all commands, and `lambda-layer publish --help` lists all inputs".to_owned()
        }
    };
    Err(failure.hint(advice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::list;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Cli, Result<String, Failure>> {
        let step = [("GITHUB_ACTIONS", "true"), ("INPUT_COMMAND", "")];
        Cli::read(vec!["lambda-layer".into()], &variables(&[&step[..], pairs].concat()))
    }

    #[test]
    fn inputs_of_a_workflow_become_arguments() {
        let cli = read(&[
            ("INPUT_COMMAND", "plan"),
            ("INPUT_LAYER-NAME", "shared"),
            ("INPUT_REGIONS", "eu-west-1\nus-east-1, eu-north-1\n"),
            ("INPUT_DRY-RUN", "true"),
            ("INPUT_LICENSE", ""),
        ])
        .expect("is valid");
        let Command::Plan(inputs) = cli.command else { panic!("is a plan") };
        assert_eq!(inputs.layer_name.as_deref(), Some("shared"));
        assert_eq!(list(&inputs.regions), ["eu-west-1", "us-east-1", "eu-north-1"]);
        assert_eq!(inputs.dry_run.as_deref(), Some("true"));
        assert_eq!(inputs.license, None);
    }

    #[test]
    fn a_value_cannot_become_a_flag() {
        let cli = read(&[("INPUT_LAYER-NAME", "--dry-run")]).expect("is parsed");
        assert_eq!(cli.command.inputs().layer_name.as_deref(), Some("--dry-run"));
        let failure = read(&[("INPUT_COMMAND", "--help")]).expect_err("is no command").expect_err("is refused");
        assert_eq!(failure.message, "`--help` is not a command");
    }

    #[test]
    fn booleans_are_flags_or_have_a_value() {
        for (given, value) in [("--dry-run", "true"), ("--dry-run=false", "false"), ("--dry-run true", "true")] {
            let arguments = ["lambda-layer", "publish"].into_iter().chain(given.split(' ')).chain(["--output", "x"]);
            let cli = Cli::read(arguments.map(OsString::from).collect(), &BTreeMap::new()).expect("is valid");
            assert_eq!(cli.command.inputs().dry_run.as_deref(), Some(value));
        }
    }

    #[test]
    fn slips_are_named() {
        let failure = read(&[("INPUT_COMMAND", "publsh")]).expect_err("is no command").expect_err("is refused");
        assert_eq!(failure.hint.as_deref(), Some("did you mean `publish`?"));
        let arguments = ["lambda-layer", "build", "--layr-name", "x"].map(OsString::from).to_vec();
        let failure = Cli::read(arguments, &BTreeMap::new()).expect_err("is no flag").expect_err("is refused");
        assert_eq!(
            (failure.message.as_str(), failure.hint.as_deref()),
            ("`--layr-name` is not an input", Some("did you mean `--layer-name`?"))
        );
    }
}
