//! The inputs as strings, before validation. Command line, `INPUT_*` and `action.yml` follow from this list.

mod parse;
mod step;

use std::collections::BTreeMap;

use clap::{Args, Parser, Subcommand};

use crate::facts;

pub use parse::{InputArgument, command_names, input_arguments, parser};

pub const DEFAULT_COMMAND: &str = "publish";
pub const DEFAULT_ARCHITECTURE: &str = "x86_64";
pub const DEFAULT_INSTALLER: &str = "auto";
pub const DEFAULT_LAYOUT: &str = "python";
pub const DEFAULT_RUNTIME_PACKAGES: &str = "keep";
pub const DEFAULT_SLIM: &str = "safe";
pub const DEFAULT_BYTECODE: &str = "auto";
pub const DEFAULT_SMOKE_TEST: &str = "auto";
pub const DEFAULT_FAIL_ON: &str = "error";
pub const DEFAULT_COMMENT: &str = "auto";
pub const DEFAULT_NATIVE: &str = "auto";
pub const DEFAULT_RELEASE_TAG: &str = "layer/{layer}/v{version}";

/// Keeps AWS Lambda layers for Python in step with a repository's dependency files.
#[derive(Debug, Parser)]
#[command(name = "lambda-layer", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// What was really given; the rest of the inputs are defaults.
    #[arg(skip)]
    pub given: Given,
}

/// Inputs by their names, each with its values as they were given: one for most, several for lists.
pub type Given = BTreeMap<String, Vec<String>>;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Decide, build, check and publish.
    Publish(Box<Inputs>),
    /// Build a checked zip at `--output` and nothing else.
    Build(Box<Inputs>),
    /// Say what `publish` would do and why, without building.
    Plan(Box<Inputs>),
    /// Build, compare with what is published, and comment on the pull request.
    Preview(Box<Inputs>),
    /// Check a layer that something else made, and change nothing.
    Audit(Box<AuditInputs>),
    /// Say who may use a version, and revoke it from all others.
    Share(Box<Inputs>),
    /// Put a version on functions, in the place of the one they have.
    Attach(Box<Inputs>),
    /// Put labels on a version, or take them away.
    Label(Box<Inputs>),
    /// Say which old versions nobody needs; remove them with `--apply`.
    Cleanup(Box<Inputs>),
    /// Make a git tag and a GitHub release for a version, or bring them up to date.
    Release(Box<Inputs>),
    /// Gather the results of several jobs into one summary, one comment and one release.
    Merge(Box<Inputs>),
    /// Write a first `lambda-layers.yml` from what is in the repository.
    Init(Box<Inputs>),
    /// Print the JSON Schema of `lambda-layers.yml`.
    Schema(Box<Inputs>),
}

impl Command {
    /// As it is given.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Publish(_) => "publish",
            Self::Build(_) => "build",
            Self::Plan(_) => "plan",
            Self::Preview(_) => "preview",
            Self::Audit(_) => "audit",
            Self::Share(_) => "share",
            Self::Attach(_) => "attach",
            Self::Label(_) => "label",
            Self::Cleanup(_) => "cleanup",
            Self::Release(_) => "release",
            Self::Merge(_) => "merge",
            Self::Init(_) => "init",
            Self::Schema(_) => "schema",
        }
    }

    pub fn inputs(&self) -> &Inputs {
        match self {
            Self::Publish(inputs)
            | Self::Build(inputs)
            | Self::Plan(inputs)
            | Self::Preview(inputs)
            | Self::Share(inputs)
            | Self::Attach(inputs)
            | Self::Label(inputs)
            | Self::Cleanup(inputs)
            | Self::Release(inputs)
            | Self::Merge(inputs)
            | Self::Init(inputs)
            | Self::Schema(inputs) => inputs,
            Self::Audit(audit) => &audit.inputs,
        }
    }

    fn inputs_mut(&mut self) -> &mut Inputs {
        match self {
            Self::Publish(inputs)
            | Self::Build(inputs)
            | Self::Plan(inputs)
            | Self::Preview(inputs)
            | Self::Share(inputs)
            | Self::Attach(inputs)
            | Self::Label(inputs)
            | Self::Cleanup(inputs)
            | Self::Release(inputs)
            | Self::Merge(inputs)
            | Self::Init(inputs)
            | Self::Schema(inputs) => inputs,
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
    /// File that lists the layers; `lambda-layers.yml` when omitted, if there is one
    #[arg(long, help_heading = "What", value_name = "PATH")]
    pub config: Option<String>,
    /// Layers of that file to act on, by name or glob; all when omitted
    #[arg(long, help_heading = "What", value_name = "LIST")]
    pub layers: Vec<String>,
    /// Name of the layer: letters, digits, `-` and `_`
    #[arg(long, help_heading = "What", value_name = "NAME")]
    pub layer_name: Option<String>,
    /// Version to act on, by its number in the first destination or by a label; the current one when omitted (`share`, `attach`, `label`)
    #[arg(long, help_heading = "What", value_name = "NUMBER|LABEL")]
    pub layer_version: Option<String>,
    /// Layer to `audit`: a zip, a folder laid out as `/opt`, or the ARN of a layer version; what is current of `layer-name` when omitted
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

    /// Python version of the Lambda runtime, e.g. `3.13`; as `.python-version` or the project's `requires-python` say when omitted, else the default, with a warning
    #[arg(long, help_heading = "Target", value_name = "VERSION", default_value = facts::default_python())]
    pub python_version: Option<String>,
    /// Architecture of the functions: `x86_64` or `arm64`
    #[arg(long, help_heading = "Target", value_name = "NAME", default_value = DEFAULT_ARCHITECTURE)]
    pub architecture: Option<String>,
    /// Runtimes to declare on the version, which gets a new one if they change; that of `python-version` when omitted
    #[arg(long, help_heading = "Target", value_name = "LIST")]
    pub compatible_runtimes: Vec<String>,
    /// Architectures to declare on the version, likewise, or `none`; `architecture` when omitted
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
    /// Python bytecode: `compile` (beside the sources), `only` (in place of them), `none`, or `auto` (`compile` where the layer's Python is to be had)
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
    /// Roles to assume, one for each other account to publish to; with GitHub's OpenID Connect where there are no credentials
    #[arg(long, help_heading = "Destination", value_name = "LIST")]
    pub roles: Vec<String>,
    /// External id that the trust policies of `roles` ask for
    #[arg(long, help_heading = "Destination", value_name = "TEXT")]
    pub external_id: Option<String>,
    /// Accounts that may be published to: any other one stops the run before anything happens
    #[arg(long, help_heading = "Destination", value_name = "LIST")]
    pub allowed_account_ids: Vec<String>,
    /// S3 bucket the zip is published from; may contain `{region}` and `{account}`
    #[arg(long, help_heading = "Destination", value_name = "BUCKET")]
    pub bucket: Option<String>,
    /// Where the state is kept: `s3://bucket/prefix` or a folder; beside the zips when omitted
    #[arg(long, help_heading = "Destination", value_name = "PLACE")]
    pub state: Option<String>,
    /// Description of the version; fingerprint, content hash and label are added
    #[arg(long, help_heading = "Destination", value_name = "TEXT")]
    pub description: Option<String>,
    /// Licence of the version: an SPDX expression, a URL or a text; those of all its distributions when omitted
    #[arg(long, help_heading = "Destination", value_name = "TEXT")]
    pub license: Option<String>,
    /// Publish a new version also if only `description` or `license` changed
    #[arg(long, help_heading = "Destination", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub republish: Option<String>,
    /// Profile of AWS Signer that signs the zip
    #[arg(long, help_heading = "Destination", value_name = "NAME")]
    pub signing_profile: Option<String>,

    /// Who may use the version: account ids, `org:o-…`, `public`, or `nobody`; whoever is not named any more loses it
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub share_with: Vec<String>,
    /// Functions that get the version in the place of the one they have: by name, ARN, or `tag:KEY=VALUE`
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub attach_to: Vec<String>,
    /// Name of an SSM parameter for the ARN: `{layer}`, `{python}`, `{arch}` and `{label}` are filled in
    #[arg(long, help_heading = "After", value_name = "TEMPLATE")]
    pub ssm_parameter: Option<String>,
    /// Labels for the version, such as `production`
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub labels: Vec<String>,
    /// Take the labels from the versions that have them
    #[arg(long = "move", help_heading = "After", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub move_labels: Option<String>,
    /// Labels to take from the version (`label`)
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub remove_labels: Vec<String>,
    /// Clean-up: keep the newest so many versions
    #[arg(long, help_heading = "After", value_name = "NUMBER")]
    pub keep_versions: Option<String>,
    /// Clean-up: keep versions that are younger than so many days
    #[arg(long, help_heading = "After", value_name = "NUMBER")]
    pub keep_days: Option<String>,
    /// Clean-up: keep versions with these labels
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub keep_labels: Vec<String>,
    /// Clean-up: also versions that something else published
    #[arg(long, help_heading = "After", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub include_unknown: Option<String>,
    /// Clean-up: remove, and not only say what would be removed
    #[arg(long, help_heading = "After", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub apply: Option<String>,

    /// Comment of `preview` on the pull request: `auto` (where something changed and the token may), `always` or `never`
    #[arg(long, help_heading = "Report", value_name = "WHEN", default_value = DEFAULT_COMMENT)]
    pub comment: Option<String>,
    /// Smallest change of the unzipped size that is worth a comment, e.g. `100 KB`
    #[arg(long, help_heading = "Report", value_name = "SIZE")]
    pub comment_threshold: Option<String>,
    /// What `preview` compares with where it cannot read the state: a zip, or the output `result` of the base branch in a file
    #[arg(long, help_heading = "Report", value_name = "PATH")]
    pub baseline: Option<String>,
    /// Token for comments and releases; on the command line rather the variable `GITHUB_TOKEN`
    #[arg(long, help_heading = "Report", value_name = "TOKEN")]
    pub github_token: Option<String>,
    /// Path of an HTML page that shows what is in the layer
    #[arg(long, help_heading = "Report", value_name = "PATH")]
    pub report: Option<String>,
    /// Path of a bill of materials (CycloneDX JSON) of what is in the layer
    #[arg(long, help_heading = "Report", value_name = "PATH")]
    pub sbom: Option<String>,
    /// Path of a text with the licences of all that is in the layer
    #[arg(long, help_heading = "Report", value_name = "PATH")]
    pub third_party_licenses: Option<String>,
    /// Make a git tag and a GitHub release of what was published
    #[arg(long, help_heading = "Report", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub release: Option<String>,
    /// Name of that tag: `{layer}`, `{version}`, `{python}` and `{arch}` are filled in
    #[arg(long, help_heading = "Report", value_name = "TEMPLATE", default_value = DEFAULT_RELEASE_TAG)]
    pub release_tag: Option<String>,
    /// Write the job summary
    #[arg(long, help_heading = "Report", value_name = "BOOLEAN", default_value = "true", default_missing_value = "true", num_args = 0..=1)]
    pub summary: Option<String>,

    /// Do everything but publish
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub dry_run: Option<String>,
    /// Ask the destinations in `plan` too whether the published versions still exist
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub verify: Option<String>,
    /// Only layers whose files changed in git since this revision; what is published is not asked about the others (`plan`)
    #[arg(long, help_heading = "Run", value_name = "REVISION")]
    pub since: Option<String>,
    /// Runners for the output `matrix`, as `architecture=label` lines; several labels with commas between them
    #[arg(long, help_heading = "Run", value_name = "LIST")]
    pub runs_on: Vec<String>,
    /// Whether the layer needs the image of its Python, for the outputs `matrix-wheels` and `matrix-native`: `true`, `false`, or `auto` (as its inputs and lock files say)
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = DEFAULT_NATIVE, default_missing_value = "true", num_args = 0..=1)]
    pub native: Option<String>,
    /// How many layers are built at once; as many as processors and memory allow when omitted
    #[arg(long, help_heading = "Run", value_name = "NUMBER")]
    pub jobs: Option<String>,
    /// Folder for the result of each layer as JSON, which `merge` in a later job reads
    #[arg(long, help_heading = "Run", value_name = "PATH")]
    pub results: Option<String>,
    /// Path of the finished zip
    #[arg(long, help_heading = "Run", value_name = "PATH")]
    pub output: Option<String>,
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
