//! The inputs as given: strings only, nothing checked. Command line, `INPUT_*` and `action.yml` are this one list.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::error::Failure;

pub const DEFAULT_COMMAND: &str = "publish";
pub const DEFAULT_PYTHON_VERSION: &str = "3.14";
pub const DEFAULT_ARCHITECTURE: &str = "x86_64";
pub const DEFAULT_INSTALLER: &str = "auto";
pub const DEFAULT_LAYOUT: &str = "python";
pub const DEFAULT_RUNTIME_PACKAGES: &str = "keep";
pub const DEFAULT_SLIM: &str = "safe";
pub const DEFAULT_BYTECODE: &str = "compile";
pub const DEFAULT_SMOKE_TEST: &str = "auto";
pub const DEFAULT_FAIL_ON: &str = "error";

/// Keeps AWS Lambda layers for Python in step with a repository's dependency files.
#[derive(Debug, Parser)]
#[command(name = "lambda-layer", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Decide, build, check and publish.
    Publish(Box<Inputs>),
    /// Build a checked zip at `--output` and nothing else.
    Build(Box<Inputs>),
    /// Say what `publish` would do and why, without building.
    Plan(Box<Inputs>),
    /// Check a layer that something else made, and change nothing.
    Audit(Box<AuditInputs>),
}

impl Command {
    pub fn inputs(&self) -> &Inputs {
        match self {
            Self::Publish(inputs) | Self::Build(inputs) | Self::Plan(inputs) => inputs,
            Self::Audit(audit) => &audit.inputs,
        }
    }

    fn inputs_mut(&mut self) -> &mut Inputs {
        match self {
            Self::Publish(inputs) | Self::Build(inputs) | Self::Plan(inputs) => inputs,
            Self::Audit(audit) => &mut audit.inputs,
        }
    }
}

/// What is audited stands on the command line without a name.
#[derive(Args, Clone, Debug, Default)]
pub struct AuditInputs {
    /// Zip, folder laid out as /opt, or ARN of a layer version; the same as `--subject`
    #[arg(value_name = "FILE|FOLDER|ARN", conflicts_with = "subject")]
    positional: Option<String>,
    #[command(flatten)]
    pub inputs: Inputs,
}

/// An empty string means "not given", as in a workflow.
#[derive(Args, Clone, Debug, Default)]
pub struct Inputs {
    /// Names of the layers to act on; all when omitted
    #[arg(long, help_heading = "What", value_name = "LIST")]
    pub layers: Vec<String>,
    /// Name of the layer: letters, digits, `-` and `_`
    #[arg(long, help_heading = "What", value_name = "NAME")]
    pub layer_name: Option<String>,
    /// Version to act on, for commands that change a published version
    #[arg(long, help_heading = "What", value_name = "NUMBER")]
    pub layer_version: Option<String>,
    /// Layer to `audit`: a zip, a folder laid out as `/opt`, or the ARN of a layer version
    #[arg(long, help_heading = "What", value_name = "FILE|FOLDER|ARN")]
    pub subject: Option<String>,
    /// Folder that all relative paths start from
    #[arg(long, help_heading = "What", value_name = "FOLDER", default_value = ".")]
    pub working_directory: Option<String>,

    /// Dependency files: lock files of uv, Poetry, PDM, Pipenv or PEP 751, requirement files, or a `pyproject.toml`; found by name when omitted
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub requirements: Vec<String>,
    /// Dependency groups to install beside the main dependencies; those of development are left out unless named
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub groups: Vec<String>,
    /// Extras of the project whose dependencies are installed
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub extras: Vec<String>,
    /// Install exactly what is listed and none of its dependencies
    #[arg(long, help_heading = "Dependencies", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub no_deps: Option<String>,
    /// Program that resolves and installs: `auto` (uv), `uv` or `pip`
    #[arg(long, help_heading = "Dependencies", value_name = "PROGRAM", default_value = DEFAULT_INSTALLER)]
    pub installer: Option<String>,
    /// Package index to use in place of PyPI
    #[arg(long, help_heading = "Dependencies", value_name = "URL")]
    pub index_url: Option<String>,
    /// Package indexes that are asked before `index-url`; the first that has a name wins
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub extra_index_urls: Vec<String>,
    /// CodeArtifact repositories, `domain/repository` or `owner/domain/repository`, asked first; the last takes PyPI's place if there is no `index-url`
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub codeartifact: Vec<String>,
    /// Constraint files: versions to keep to, for whatever gets installed
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub constraints: Vec<String>,
    /// Resolve requirements without a fixed version again although no file changed, for scheduled runs
    #[arg(long, help_heading = "Dependencies", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub refresh: Option<String>,

    /// Python version of the Lambda runtime, e.g. `3.13`
    #[arg(long, help_heading = "Target", value_name = "VERSION", default_value = DEFAULT_PYTHON_VERSION)]
    pub python_version: Option<String>,
    /// Architecture of the functions: `x86_64` or `arm64`
    #[arg(long, help_heading = "Target", value_name = "NAME", default_value = DEFAULT_ARCHITECTURE)]
    pub architecture: Option<String>,
    /// Runtimes to declare on the version; that of `python-version` when omitted
    #[arg(long, help_heading = "Target", value_name = "LIST")]
    pub compatible_runtimes: Vec<String>,
    /// Architectures to declare on the version; `architecture` when omitted
    #[arg(long, help_heading = "Target", value_name = "LIST")]
    pub compatible_architectures: Vec<String>,

    /// Files and folders to add, as `from=to` lines; `to` is seen from `/opt`, e.g. `tools/ffmpeg=bin/ffmpeg`
    #[arg(long, help_heading = "Content", value_name = "LIST")]
    pub include: Vec<String>,
    /// Own code to place beside the dependencies: a project (built as a wheel), a package folder, a module, or a folder of them
    #[arg(long, help_heading = "Content", value_name = "LIST")]
    pub source: Vec<String>,
    /// Script to run before the install: its path, or the commands themselves, e.g. `dnf install -y libpq-devel`
    #[arg(long, help_heading = "Content", value_name = "SCRIPT")]
    pub build_script: Option<String>,
    /// Distributions to leave out, by name
    #[arg(long, help_heading = "Content", value_name = "LIST")]
    pub exclude: Vec<String>,
    /// Files to leave out, as globs: `*.txt` by name anywhere, `python/numpy/f2py/**` by path in the layer
    #[arg(long, help_heading = "Content", value_name = "LIST")]
    pub exclude_files: Vec<String>,
    /// Distributions that the Lambda runtime has itself (boto3 and what it needs): `keep` or `drop`
    #[arg(long, help_heading = "Content", value_name = "NAME", default_value = DEFAULT_RUNTIME_PACKAGES)]
    pub runtime_packages: Option<String>,
    /// How much to leave out that a function does not need: `none`, `safe` (tests, stubs, headers, …) or `max`
    #[arg(long, help_heading = "Content", value_name = "LEVEL", default_value = DEFAULT_SLIM)]
    pub slim: Option<String>,
    /// Remove symbols from shared objects, where they still load without
    #[arg(long, help_heading = "Content", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub strip: Option<String>,
    /// Python bytecode: `none`, `compile` (beside the sources) or `only` (in place of them)
    #[arg(long, help_heading = "Content", value_name = "NAME", default_value = DEFAULT_BYTECODE)]
    pub bytecode: Option<String>,
    /// Where packages go: `python` (every Python) or `site-packages` (`python/lib/pythonX.Y/site-packages`)
    #[arg(long, help_heading = "Content", value_name = "NAME", default_value = DEFAULT_LAYOUT)]
    pub layout: Option<String>,

    /// Import what is in the layer before it is published: `auto` (where this machine can), `import` (or fail), `off`, or the modules to import; with `auto`, `audit` imports nothing
    #[arg(long, help_heading = "Checks", value_name = "LIST", default_value = DEFAULT_SMOKE_TEST)]
    pub smoke_test: Vec<String>,
    /// The least severe finding that fails the run: `error`, `warning`, or `never`
    #[arg(long, help_heading = "Checks", value_name = "SEVERITY", default_value = DEFAULT_FAIL_ON)]
    pub fail_on: Option<String>,
    /// Largest zip to accept, e.g. `40 MB`
    #[arg(long, help_heading = "Checks", value_name = "SIZE")]
    pub max_zipped_size: Option<String>,
    /// Largest unzipped layer to accept, e.g. `200 MB`; Lambda's own limit is 250 MB with the function and its other layers
    #[arg(long, help_heading = "Checks", value_name = "SIZE")]
    pub max_unzipped_size: Option<String>,
    /// Functions, by name or ARN, whose code and other layers have to fit beside this layer
    #[arg(long, help_heading = "Checks", value_name = "LIST")]
    pub budget_functions: Vec<String>,

    /// Where versions are published: `aws` or a folder; `aws` in a workflow, else the folder `.lambda-layers`
    #[arg(long, help_heading = "Destination", value_name = "REGISTRY")]
    pub registry: Option<String>,
    /// AWS regions to publish to; that of the AWS configuration when omitted
    #[arg(long, help_heading = "Destination", value_name = "LIST")]
    pub regions: Vec<String>,
    /// S3 bucket the zip is published from; may contain `{region}` and `{account}`
    #[arg(long, help_heading = "Destination", value_name = "BUCKET")]
    pub bucket: Option<String>,
    /// Where the state is kept: `s3://bucket/prefix` or a folder; beside the zips when omitted
    #[arg(long, help_heading = "Destination", value_name = "PLACE")]
    pub state: Option<String>,
    /// Description of the version; fingerprint, content hash and label are added
    #[arg(long, help_heading = "Destination", value_name = "TEXT")]
    pub description: Option<String>,
    /// Licence of the version: an SPDX expression, a URL or a text
    #[arg(long, help_heading = "Destination", value_name = "TEXT")]
    pub license: Option<String>,

    /// Write the job summary
    #[arg(long, help_heading = "Report", value_name = "BOOLEAN", default_value = "true", default_missing_value = "true", num_args = 0..=1)]
    pub summary: Option<String>,

    /// Do everything but publish
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub dry_run: Option<String>,
    /// Ask the destinations in `plan` too whether the published versions still exist
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub verify: Option<String>,
    /// Path of the finished zip
    #[arg(long, help_heading = "Run", value_name = "PATH")]
    pub output: Option<String>,
}

impl Cli {
    /// Reads the command line, or in a workflow, where the action is started without arguments, the `INPUT_*` variables.
    ///
    /// `Err(Ok(text))` is a text to print and leave (`--help`, `--version`).
    pub fn read(
        arguments: Vec<OsString>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, Result<String, Failure>> {
        let from_inputs = arguments.len() <= 1 && variables.keys().any(|name| name.starts_with("INPUT_"));
        let arguments = if from_inputs { arguments_of_inputs(variables) } else { arguments };
        let read = Self::command().try_get_matches_from(arguments).and_then(|matches| {
            let cli = Self::from_arg_matches(&matches)?;
            Ok((cli, matches))
        });
        let (mut cli, matches) = read.map_err(|error| explain(&error))?;
        let given = matches.subcommand().map(|(_, matches)| matches);
        let is_given = |name| given.is_some_and(|given| given.value_source(name) != Some(ValueSource::DefaultValue));
        if let Command::Audit(audit) = &mut cli.command {
            audit.inputs.subject = audit.inputs.subject.take().or(audit.positional.take());
        }
        let inputs = cli.command.inputs_mut();
        // A published layer declares its own targets, which stand in for those that nobody named.
        inputs.python_version = inputs.python_version.take().filter(|_| is_given("python_version"));
        inputs.architecture = inputs.architecture.take().filter(|_| is_given("architecture"));
        Ok(cli)
    }
}

/// `INPUT_LAYER-NAME=x` becomes `--layer-name=x`, so that no value can become a flag.
fn arguments_of_inputs(variables: &BTreeMap<String, String>) -> Vec<OsString> {
    let given = |name: &str| {
        let variable = format!("INPUT_{}", name.to_uppercase().replace(' ', "_"));
        variables.get(&variable).map(|value| value.trim()).filter(|value| !value.is_empty())
    };
    let command = given("command").unwrap_or(DEFAULT_COMMAND);
    let names = input_arguments().into_iter().map(|argument| argument.name);
    let options = names.filter_map(|name| given(&name).map(|value| format!("--{name}={value}")));
    // A command that looks like a flag stays a (wrong) command.
    let command = if command.starts_with('-') { format!(" {command}") } else { command.to_owned() };
    ["lambda-layer".to_owned(), command].into_iter().chain(options).map(OsString::from).collect()
}

/// One input, as `action.yml` and the README list it.
#[derive(Debug)]
pub struct InputArgument {
    pub name: String,
    pub group: String,
    pub description: String,
    pub default: String,
    pub is_list: bool,
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
        })
    });
    described.collect()
}

/// The values of a list input: one a line, or separated by commas where a value cannot contain one.
pub fn list(values: &[String]) -> Vec<String> {
    split(values, &['\n', ','])
}

/// The values of a list input whose values may contain commas: one a line.
pub fn lines(values: &[String]) -> Vec<String> {
    split(values, &['\n'])
}

fn split(values: &[String], separators: &[char]) -> Vec<String> {
    let parts = values.iter().flat_map(|value| value.split(separators));
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// An input's value, if it was given.
pub fn given(value: Option<&String>) -> Option<&str> {
    value.map(|value| value.trim()).filter(|value| !value.is_empty())
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
        None => "`lambda-layer --help` lists commands, `lambda-layer publish --help` inputs".to_owned(),
    };
    Err(failure.hint(advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Cli, Result<String, Failure>> {
        Cli::read(vec!["lambda-layer".into()], &variables(pairs))
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
