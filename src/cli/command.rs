//! The commands, each with its inputs.

use clap::{Args, Subcommand};

use super::Inputs;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Decide whether anything changed, build, check and publish.
    Publish(Box<Inputs>),
    /// Build and check a zip at `--output`, without publishing it.
    Build(Box<Inputs>),
    /// Show what `publish` would do and why, without building.
    Plan(Box<Inputs>),
    /// Build, compare with the published version, and comment on the pull request.
    Preview(Box<Inputs>),
    /// Check any zip, folder or published layer version, without changing anything.
    Audit(Box<AuditInputs>),
    /// Share a version with accounts or organisations, and revoke access from all others.
    Share(Box<Inputs>),
    /// Attach a version to functions, replacing the version that they use.
    Attach(Box<Inputs>),
    /// Add labels to a version, or remove them.
    Label(Box<Inputs>),
    /// List old versions that are no longer needed, and remove them with `--apply`.
    Cleanup(Box<Inputs>),
    /// List the functions that use the layer, by version, without changing anything.
    Usage(Box<Inputs>),
    /// Create or update the git tag and the GitHub release for a version.
    Release(Box<Inputs>),
    /// Combine the results of several jobs into one summary, one comment and one release.
    Merge(Box<Inputs>),
    /// Create a first `lambda-layers.yml` from the dependency files in the repository.
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
            Self::Usage(_) => "usage",
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
            | Self::Usage(inputs)
            | Self::Release(inputs)
            | Self::Merge(inputs)
            | Self::Init(inputs)
            | Self::Schema(inputs) => inputs,
            Self::Audit(audit) => &audit.inputs,
        }
    }

    pub(super) fn inputs_mut(&mut self) -> &mut Inputs {
        match self {
            Self::Publish(inputs)
            | Self::Build(inputs)
            | Self::Plan(inputs)
            | Self::Preview(inputs)
            | Self::Share(inputs)
            | Self::Attach(inputs)
            | Self::Label(inputs)
            | Self::Cleanup(inputs)
            | Self::Usage(inputs)
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
    /// Zip, folder with the structure of /opt, or ARN of a layer version; the same as `--subject`
    #[arg(value_name = "FILE|FOLDER|ARN", conflicts_with = "subject")]
    pub(super) positional: Option<String>,
    #[command(flatten)]
    pub inputs: Inputs,
}
