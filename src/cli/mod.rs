//! The inputs as strings, before validation. Command line, `INPUT_*` and `action.yml` follow from this list.

mod command;
mod parse;
mod step;

use std::collections::BTreeMap;

use clap::{Args, Parser};

use crate::facts;

pub use command::{AuditInputs, Command};
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

/// An empty string means "not given", as in a workflow.
#[derive(Args, Clone, Debug, Default)]
pub struct Inputs {
    /// Configuration file that lists the layers; `lambda-layers.yml` when omitted, if that file exists
    #[arg(long, help_heading = "What", value_name = "PATH")]
    pub config: Option<String>,
    /// Layers in the configuration file to act on, by name or glob; all when omitted
    #[arg(long, help_heading = "What", value_name = "LIST")]
    pub layers: Vec<String>,
    /// Name of the layer: letters, digits, `-` and `_`
    #[arg(long, help_heading = "What", value_name = "NAME")]
    pub layer_name: Option<String>,
    /// Version to act on: its number in the first destination, or a label; the current version when omitted (`share`, `attach`, `label`, `release`)
    #[arg(long, help_heading = "What", value_name = "NUMBER|LABEL")]
    pub layer_version: Option<String>,
    /// Layer to `audit`: a zip, a folder with the structure of `/opt`, or the ARN of a layer version; the current version of `layer-name` when omitted
    #[arg(long, help_heading = "What", value_name = "FILE|FOLDER|ARN")]
    pub subject: Option<String>,
    /// Folder that relative paths start from
    #[arg(long, help_heading = "What", value_name = "FOLDER", default_value = ".")]
    pub working_directory: Option<String>,

    /// Dependency files: lock files of uv, Poetry, PDM or Pipenv, a `pylock.toml` (PEP 751), requirements files, or a `pyproject.toml`; found by name when omitted
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub requirements: Vec<String>,
    /// Dependency groups to install in addition to the main dependencies; development groups are installed only if listed
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub groups: Vec<String>,
    /// Extras of the project to install
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub extras: Vec<String>,
    /// Install only the listed packages, without their dependencies
    #[arg(long, help_heading = "Dependencies", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub no_deps: Option<String>,
    /// Program that resolves and installs: `auto` (uv), `uv` or `pip`
    #[arg(long, help_heading = "Dependencies", value_name = "PROGRAM", default_value = DEFAULT_INSTALLER)]
    pub installer: Option<String>,
    /// Package index to use instead of PyPI
    #[arg(long, help_heading = "Dependencies", value_name = "URL")]
    pub index_url: Option<String>,
    /// Package indexes to search before `index-url`; the first index that contains a package is used for it
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub extra_index_urls: Vec<String>,
    /// CodeArtifact repositories to search first, as `domain/repository` or `owner/domain/repository`; without `index-url`, the last one replaces PyPI
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub codeartifact: Vec<String>,
    /// Constraint files that limit the versions of the installed packages
    #[arg(long, help_heading = "Dependencies", value_name = "LIST")]
    pub constraints: Vec<String>,
    /// Resolve requirements without a fixed version again, even if no file changed; for scheduled runs
    #[arg(long, help_heading = "Dependencies", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub refresh: Option<String>,

    /// Python version of the Lambda runtime, for example `3.13`; when omitted, taken from `.python-version` or the project's `requires-python`, otherwise the default, with a warning
    #[arg(long, help_heading = "Target", value_name = "VERSION", default_value = facts::default_python())]
    pub python_version: Option<String>,
    /// Architecture of the functions: `x86_64` or `arm64`
    #[arg(long, help_heading = "Target", value_name = "NAME", default_value = DEFAULT_ARCHITECTURE)]
    pub architecture: Option<String>,
    /// Runtimes that the version declares; the runtime of `python-version` when omitted; a change publishes a new version
    #[arg(long, help_heading = "Target", value_name = "LIST")]
    pub compatible_runtimes: Vec<String>,
    /// Architectures that the version declares, or `none`; `architecture` when omitted; a change publishes a new version
    #[arg(long, help_heading = "Target", value_name = "LIST")]
    pub compatible_architectures: Vec<String>,

    /// Files and folders to add, as `from=to` lines; `to` is relative to `/opt`, for example `tools/ffmpeg=bin/ffmpeg`
    #[arg(long, help_heading = "Content", value_name = "LIST")]
    pub include: Vec<String>,
    /// Your own code to add to the dependencies: a project (built as a wheel), a package folder, a module, or a folder of packages and modules
    #[arg(long, help_heading = "Content", value_name = "LIST")]
    pub source: Vec<String>,
    /// Script to run before the installation: its path, or the commands themselves, for example `dnf install -y libpq-devel`
    #[arg(long, help_heading = "Content", value_name = "SCRIPT")]
    pub build_script: Option<String>,
    /// Distributions to exclude, by name
    #[arg(long, help_heading = "Content", value_name = "LIST")]
    pub exclude: Vec<String>,
    /// Files to exclude, as globs: `*.txt` matches names in any folder, `python/numpy/f2py/**` matches a path in the layer
    #[arg(long, help_heading = "Content", value_name = "LIST")]
    pub exclude_files: Vec<String>,
    /// What to do with distributions that the Lambda runtime includes (boto3 and its dependencies): `keep` or `drop`
    #[arg(long, help_heading = "Content", value_name = "NAME", default_value = DEFAULT_RUNTIME_PACKAGES)]
    pub runtime_packages: Option<String>,
    /// How aggressively to remove files that functions do not need: `none`, `safe` (tests, stubs, headers, …) or `max`
    #[arg(long, help_heading = "Content", value_name = "LEVEL", default_value = DEFAULT_SLIM)]
    pub slim: Option<String>,
    /// Remove symbols from shared objects, if they can still be loaded without them
    #[arg(long, help_heading = "Content", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub strip: Option<String>,
    /// Python bytecode: `compile` (in addition to the sources), `only` (instead of the sources), `none`, or `auto` (`compile` if the layer's Python version is available)
    #[arg(long, help_heading = "Content", value_name = "NAME", default_value = DEFAULT_BYTECODE)]
    pub bytecode: Option<String>,
    /// Folder for packages in the layer: `python` (for every Python version) or `site-packages` (`python/lib/pythonX.Y/site-packages`)
    #[arg(long, help_heading = "Content", value_name = "NAME", default_value = DEFAULT_LAYOUT)]
    pub layout: Option<String>,

    /// Import the packages in the layer before it is published: `auto` (if this machine can), `import` (or fail), `off`, or the modules to import; with `auto`, `audit` imports nothing
    #[arg(long, help_heading = "Checks", value_name = "LIST", default_value = DEFAULT_SMOKE_TEST)]
    pub smoke_test: Vec<String>,
    /// Least severe finding that fails the run: `error`, `warning`, or `never`
    #[arg(long, help_heading = "Checks", value_name = "SEVERITY", default_value = DEFAULT_FAIL_ON)]
    pub fail_on: Option<String>,
    /// Maximum size of the zip, for example `40 MB`
    #[arg(long, help_heading = "Checks", value_name = "SIZE")]
    pub max_zipped_size: Option<String>,
    /// Maximum size of the unzipped layer, for example `200 MB`; Lambda's limit is 250 MB together with the function and its other layers
    #[arg(long, help_heading = "Checks", value_name = "SIZE")]
    pub max_unzipped_size: Option<String>,
    /// Maximum time of the imports of all requirements together on the machine of the run, for example `800 ms` or `2 s`; needs the smoke test
    #[arg(long, help_heading = "Checks", value_name = "TIME")]
    pub max_import_time: Option<String>,
    /// Licences that distributions may have, as identifiers or expressions of SPDX; all others are refused, and licences that are not known
    #[arg(long, help_heading = "Checks", value_name = "LIST")]
    pub allow_licenses: Vec<String>,
    /// Licences that no distribution may have, as identifiers or expressions of SPDX, for example `AGPL-3.0-or-later`
    #[arg(long, help_heading = "Checks", value_name = "LIST")]
    pub deny_licenses: Vec<String>,
    /// Functions, by name or ARN, whose code and other layers must fit within Lambda's size limit together with this layer
    #[arg(long, help_heading = "Checks", value_name = "LIST")]
    pub budget_functions: Vec<String>,
    /// Check every file from the cache against its digest, instead of relying on checksums
    #[arg(long, help_heading = "Checks", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub verify_cache: Option<String>,
    /// Whether known vulnerabilities of the packages are looked up in OSV, and how severe such a finding is: `off`, `notice`, `warning` or `error`; when omitted, `notice` in `preview` and `audit`, otherwise `off`
    #[arg(long, help_heading = "Checks", value_name = "SEVERITY")]
    pub vulnerabilities: Option<String>,
    /// Vulnerabilities that are no findings until a date, as lines of ID, date and reason: `CVE-2024-35195 2027-06-30 we send no requests with verify=False`
    #[arg(long, help_heading = "Checks", value_name = "LIST")]
    pub ignore_vulnerabilities: Vec<String>,
    /// Path of OSV's database of PyPI as a zip, to look vulnerabilities up without a network
    #[arg(long, help_heading = "Checks", value_name = "PATH")]
    pub vulnerability_database: Option<String>,

    /// Where versions are published: `aws` or a folder; when omitted, `aws` in a workflow, otherwise the folder `.lambda-layers`
    #[arg(long, help_heading = "Destination", value_name = "REGISTRY")]
    pub registry: Option<String>,
    /// AWS regions to publish to; the region of the AWS configuration when omitted
    #[arg(long, help_heading = "Destination", value_name = "LIST")]
    pub regions: Vec<String>,
    /// ARNs of roles to assume, one for each additional account to publish to; uses GitHub's OpenID Connect if there are no credentials
    #[arg(long, help_heading = "Destination", value_name = "LIST")]
    pub roles: Vec<String>,
    /// External ID that the trust policies of `roles` require
    #[arg(long, help_heading = "Destination", value_name = "TEXT")]
    pub external_id: Option<String>,
    /// IDs of the accounts that may be published to; for any other account, the run fails before it changes anything
    #[arg(long, help_heading = "Destination", value_name = "LIST")]
    pub allowed_account_ids: Vec<String>,
    /// S3 bucket from which the zip is published; may contain `{region}` and `{account}`
    #[arg(long, help_heading = "Destination", value_name = "BUCKET")]
    pub bucket: Option<String>,
    /// Where the state is stored: `s3://bucket/prefix` or a folder; next to the zips when omitted
    #[arg(long, help_heading = "Destination", value_name = "PLACE")]
    pub state: Option<String>,
    /// Description of the version; the fingerprint, the content hash and the label are added to it
    #[arg(long, help_heading = "Destination", value_name = "TEXT")]
    pub description: Option<String>,
    /// Licence of the version: an SPDX expression, a URL or a text; the licences of all its distributions when omitted
    #[arg(long, help_heading = "Destination", value_name = "TEXT")]
    pub license: Option<String>,
    /// Publish a new version even if only `description` or `license` changed
    #[arg(long, help_heading = "Destination", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub republish: Option<String>,
    /// AWS Signer profile that signs the zip
    #[arg(long, help_heading = "Destination", value_name = "NAME")]
    pub signing_profile: Option<String>,

    /// Who may use the version: account IDs, `org:o-…`, `public`, or `nobody`; access is revoked from everybody else
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub share_with: Vec<String>,
    /// Functions to attach the version to, replacing the version that they use: by name, ARN, or `tag:KEY=VALUE`
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub attach_to: Vec<String>,
    /// Name of an SSM parameter that stores the ARN; may contain `{layer}`, `{python}`, `{arch}` and `{label}`
    #[arg(long, help_heading = "After", value_name = "TEMPLATE")]
    pub ssm_parameter: Option<String>,
    /// Labels for the version, such as `production`
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub labels: Vec<String>,
    /// Move the labels from the versions that have them now
    #[arg(long = "move", help_heading = "After", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub move_labels: Option<String>,
    /// Labels to remove from the version (`label`)
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub remove_labels: Vec<String>,
    /// Clean-up: number of newest versions to keep
    #[arg(long, help_heading = "After", value_name = "NUMBER")]
    pub keep_versions: Option<String>,
    /// Clean-up: number of days for which versions are kept
    #[arg(long, help_heading = "After", value_name = "NUMBER")]
    pub keep_days: Option<String>,
    /// Clean-up: labels of versions to keep
    #[arg(long, help_heading = "After", value_name = "LIST")]
    pub keep_labels: Vec<String>,
    /// Clean-up: also remove versions that were not published by lambda-layer
    #[arg(long, help_heading = "After", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub include_unknown: Option<String>,
    /// Clean-up: remove versions, instead of only showing which would be removed
    #[arg(long, help_heading = "After", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub apply: Option<String>,

    /// When `preview` comments on the pull request: `auto` (if something changed and the token has permission), `always` or `never`
    #[arg(long, help_heading = "Report", value_name = "WHEN", default_value = DEFAULT_COMMENT)]
    pub comment: Option<String>,
    /// Minimum change of the unzipped size for a comment, for example `100 KB`
    #[arg(long, help_heading = "Report", value_name = "SIZE")]
    pub comment_threshold: Option<String>,
    /// Path of what `preview` compares with if it cannot read the state: a zip, or a file with the output `result` of the base branch
    #[arg(long, help_heading = "Report", value_name = "PATH")]
    pub baseline: Option<String>,
    /// Token for comments and releases; on the command line, use the environment variable `GITHUB_TOKEN` instead
    #[arg(long, help_heading = "Report", value_name = "TOKEN")]
    pub github_token: Option<String>,
    /// Path of an HTML report on the contents of the layer
    #[arg(long, help_heading = "Report", value_name = "PATH")]
    pub report: Option<String>,
    /// Show in the report page which functions use the layer (`publish`, `preview`, and `audit` of its current version), and in the comment how many; needs permission to list functions
    #[arg(long, help_heading = "Report", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub report_usage: Option<String>,
    /// Address of the uploaded report page, to which the comment links, for example the output `artifact-url` of `actions/upload-artifact`
    #[arg(long, help_heading = "Report", value_name = "URL")]
    pub report_url: Option<String>,
    /// Path of a software bill of materials of the layer (CycloneDX JSON)
    #[arg(long, help_heading = "Report", value_name = "PATH")]
    pub sbom: Option<String>,
    /// Path of a text file with the licences of everything in the layer
    #[arg(long, help_heading = "Report", value_name = "PATH")]
    pub third_party_licenses: Option<String>,
    /// Create a git tag and a GitHub release for what was published
    #[arg(long, help_heading = "Report", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub release: Option<String>,
    /// Name of the git tag; may contain `{layer}`, `{version}`, `{python}` and `{arch}`
    #[arg(long, help_heading = "Report", value_name = "TEMPLATE", default_value = DEFAULT_RELEASE_TAG)]
    pub release_tag: Option<String>,
    /// Write the job summary
    #[arg(long, help_heading = "Report", value_name = "BOOLEAN", default_value = "true", default_missing_value = "true", num_args = 0..=1)]
    pub summary: Option<String>,

    /// Do everything except publish
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub dry_run: Option<String>,
    /// Check in `plan`, too, whether the published versions still exist in each destination
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub verify: Option<String>,
    /// List only what does not use the current version (`usage`)
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    pub outdated: Option<String>,
    /// Git revision: plan only layers whose files changed since then, without checking what is published for the others (`plan`)
    #[arg(long, help_heading = "Run", value_name = "REVISION")]
    pub since: Option<String>,
    /// Runners for the output `matrix`, as `architecture=label` lines; separate several labels with commas
    #[arg(long, help_heading = "Run", value_name = "LIST")]
    pub runs_on: Vec<String>,
    /// Whether the layer needs the image for its Python version, for the outputs `matrix-wheels` and `matrix-native`: `true`, `false`, or `auto` (determined from its inputs and lock files)
    #[arg(long, help_heading = "Run", value_name = "BOOLEAN", default_value = DEFAULT_NATIVE, default_missing_value = "true", num_args = 0..=1)]
    pub native: Option<String>,
    /// Number of layers to build at the same time; as many as processors and memory allow when omitted
    #[arg(long, help_heading = "Run", value_name = "NUMBER")]
    pub jobs: Option<String>,
    /// Folder for the results of the layers as JSON files, which `merge` reads in a later job
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
