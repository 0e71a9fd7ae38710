//! Where versions are published: AWS, or a directory. Both keep the same promises.

pub mod aws;
pub(crate) mod aws_error;
pub mod claim;
pub mod description;
pub mod directory;
pub(crate) mod download;
pub mod state;
pub mod store;

use crate::archive::Archive;
use crate::environment::Environment;
use crate::spec::{RegistryChoice, StatePlace};
use crate::types::{ContentHash, LayerName, LayerVersionArn};
use aws::AwsRegistry;
use description::{Declaration, Identity};
use directory::DirectoryRegistry;
use state::Version;

/// A version in a registry's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub arn: LayerVersionArn,
    /// `None` for a version that something else published.
    pub identity: Option<Identity>,
}

/// A version to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    pub layer: &'a LayerName,
    pub archive: &'a Archive,
    pub declaration: &'a Declaration,
    pub identity: Identity,
}

#[derive(Debug)]
pub enum Registry {
    Aws(AwsRegistry),
    Directory(DirectoryRegistry),
}

impl Registry {
    /// Reads the AWS configuration, for `aws`.
    ///
    /// # Errors
    /// The user's if there is no region.
    pub async fn connect(
        choice: &RegistryChoice,
        state: &StatePlace,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        Ok(match choice {
            RegistryChoice::Aws { regions, bucket } => {
                Self::Aws(AwsRegistry::connect(regions, bucket.as_deref(), state, environment).await?)
            }
            RegistryChoice::Directory(folder) => Self::Directory(DirectoryRegistry { folder: folder.clone() }),
        })
    }

    /// Regions to publish to, in the user's order; a directory is the one region `local`.
    pub fn regions(&self) -> Vec<String> {
        match self {
            Self::Aws(aws) => aws.regions(),
            Self::Directory(_) => vec![directory::REGION.to_owned()],
        }
    }

    /// Whether a recorded version is still there, is this account's, and has the recorded bytes.
    pub async fn exists(
        &self,
        region: &str,
        layer: &LayerName,
        version: &Version,
        content: ContentHash,
    ) -> anyhow::Result<bool> {
        match self {
            Self::Aws(aws) => aws.exists(region, layer, version, content).await,
            Self::Directory(directory) => Ok(directory.exists(layer, version, content)),
        }
    }

    /// All versions of a layer in a region, newest first.
    pub async fn list(&self, region: &str, layer: &LayerName) -> anyhow::Result<Vec<Listed>> {
        match self {
            Self::Aws(aws) => aws.list(region, layer).await,
            Self::Directory(directory) => directory.list(layer),
        }
    }

    /// Finds out, before anything is built, whether publishing could work.
    pub async fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Aws(aws) => aws.check_buckets().await,
            Self::Directory(_) => Ok(()),
        }
    }

    /// Whether the zip has to be somewhere before it can be published.
    pub fn needs_upload(&self) -> bool {
        matches!(self, Self::Aws(aws) if aws.has_bucket())
    }

    /// Brings the zip to where it is published from. Can be done again, by several runs at once.
    pub async fn upload(&self, region: &str, layer: &LayerName, archive: &Archive) -> anyhow::Result<()> {
        match self {
            Self::Aws(aws) => aws.upload(region, layer, archive).await,
            Self::Directory(_) => Ok(()),
        }
    }

    /// Makes a new version, and only one.
    pub async fn publish(&self, region: &str, version: &NewVersion<'_>) -> anyhow::Result<LayerVersionArn> {
        match self {
            Self::Aws(aws) => aws.publish(region, version).await,
            Self::Directory(directory) => directory.publish(version),
        }
    }
}
