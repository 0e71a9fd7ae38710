//! The registries where versions are published: AWS or a directory, with the same guarantees.

pub mod aws;
pub mod claim;
mod clock;
pub mod connections;
pub mod directory;
pub mod fetch;
pub(crate) mod homes;
pub(crate) mod lease;
pub mod publish;
pub mod recipe;
pub mod state;
pub mod store;
pub mod version_list;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::archive::pack::Archive;
use crate::registry::aws::functions::Freshness;
use crate::registry::aws::removing::Unremoved;
use crate::registry::aws::{AwsRegistry, SignedZip};
use crate::registry::directory::DirectoryRegistry;
use crate::registry::lease::Lease;
use crate::registry::state::{State, Version};
use crate::registry::store::StateStore;
use crate::types::description::{Declaration, Declared, Identity};
use crate::types::{ByteSize, ContentHash, LayerName, LayerVersionArn, Place};

/// A version in a registry's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub arn: LayerVersionArn,
    /// `None` for a version that another tool published.
    pub identity: Option<Identity>,
    /// When it was published (UTC).
    pub created: Option<Timestamp>,
    /// The size of the zip in bytes; the lists of AWS lack it.
    pub size: Option<ByteSize>,
    pub declares: Option<Declared>,
}

/// A version to publish.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    pub layer: &'a LayerName,
    pub archive: &'a Archive,
    pub declaration: &'a Declaration,
    pub identity: Identity,
    /// The signed zip that is published instead of the archive.
    pub signed: Option<&'a SignedZip>,
}

impl NewVersion<'_> {
    /// The version in the state that has the content and the wanted declaration, so that none has to be published.
    pub fn fitting<'a>(&self, state: &'a State, place: &Place) -> Option<&'a Version> {
        let fits = |version: &&Version| self.declaration.fits(version.declares.as_ref());
        state.version_in(self.identity.content, place).filter(fits)
    }
}

/// A version that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub arn: LayerVersionArn,
    pub declares: Declared,
}

/// A registry that versions are published to.
#[derive(Debug)]
pub enum Registry {
    Aws(Arc<AwsRegistry>),
    Directory(DirectoryRegistry),
}

impl Registry {
    /// The places to publish to, in the user's order; a directory has the single region `local`.
    pub fn places(&self) -> Vec<Place> {
        match self {
            Self::Aws(aws) => aws.places(),
            Self::Directory(_) => vec![Place::own(directory::REGION)],
        }
    }

    /// Requests the account of the run's own identity if the state could name versions of another account: two accounts
    /// may share one state.
    ///
    /// # Errors
    /// AWS refuses the request, or does not answer.
    pub async fn identify(&mut self, state: &State) -> anyhow::Result<()> {
        let Self::Aws(aws) = self else { return Ok(()) };
        if state.needs_accounts(&aws.places()) {
            let aws = Arc::make_mut(aws);
            aws.identify().await?;
            if state.has_accounts_besides(&aws.places()) {
                aws.show_accounts();
            }
        }
        Ok(())
    }

    /// The same before something is published, because the state may have other versions by then.
    ///
    /// # Errors
    /// AWS refuses the request, or does not answer.
    pub(crate) async fn identify_publisher(&mut self, store: &StateStore) -> anyhow::Result<()> {
        match self {
            Self::Aws(aws) if !matches!(store, StateStore::Nowhere) => Arc::make_mut(aws).identify().await,
            Self::Aws(_) | Self::Directory(_) => Ok(()),
        }
    }

    /// How long after a request its version may still appear; zero for a directory.
    pub(crate) fn settling(&self) -> SignedDuration {
        self.aws().map_or(SignedDuration::ZERO, AwsRegistry::settling)
    }

    /// The AWS registry, for features that a directory does not have.
    pub(crate) fn aws(&self) -> Option<&AwsRegistry> {
        match self {
            Self::Aws(aws) => Some(aws),
            Self::Directory(_) => None,
        }
    }

    /// Whether a recorded version still exists, belongs to this account, and has the recorded bytes.
    pub async fn exists(
        &self,
        place: &Place,
        layer: &LayerName,
        version: &Version,
        content: ContentHash,
    ) -> anyhow::Result<bool> {
        Ok(self.declared_by(place, layer, version, content).await?.is_some())
    }

    /// The declaration of a recorded version; `None` if it does not exist, belongs to another account, or has other
    /// bytes.
    pub async fn declared_by(
        &self,
        place: &Place,
        layer: &LayerName,
        version: &Version,
        content: ContentHash,
    ) -> anyhow::Result<Option<Declared>> {
        match self {
            Self::Aws(aws) => aws.declared_by(place, layer, version, content).await,
            Self::Directory(directory) => Ok(directory.declared_by(layer, version, content)),
        }
    }

    /// All versions of a layer in a region, newest first.
    pub async fn list(&self, place: &Place, layer: &LayerName) -> anyhow::Result<Vec<Listed>> {
        match self {
            Self::Aws(aws) => aws.list(place, layer).await,
            Self::Directory(directory) => directory.list(layer),
        }
    }

    /// Removes a version. It is no error if the version no longer exists.
    ///
    /// # Errors
    /// The registry refuses the request or does not answer; the version may still exist.
    pub(crate) async fn remove(
        &self,
        place: &Place,
        layer: &LayerName,
        arn: &LayerVersionArn,
    ) -> Result<(), Unremoved> {
        match self {
            Self::Aws(aws) => aws.remove(place, layer, arn).await,
            Self::Directory(directory) => {
                let removed = directory.remove(layer, arn.version());
                removed.map_err(|error| Unremoved { error, may_be_removed: false })
            }
        }
    }

    /// Checks, before anything is built, whether publishing can work.
    pub async fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Aws(aws) => aws.check_buckets().await,
            Self::Directory(_) => Ok(()),
        }
    }

    /// Whether the zip has to be uploaded before it can be published.
    pub fn needs_upload(&self) -> bool {
        matches!(self, Self::Aws(aws) if aws.has_bucket())
    }

    /// Uploads the zip for publishing, and returns a signed one if versions are signed. Several runs may do this at
    /// once, and repeat it.
    pub async fn upload(
        &self,
        place: &Place,
        layer: &LayerName,
        archive: &Archive,
    ) -> anyhow::Result<Option<SignedZip>> {
        match self {
            Self::Aws(aws) => {
                aws.upload(place, layer, archive).await?;
                aws.sign(place, layer, archive.content).await
            }
            Self::Directory(_) => Ok(None),
        }
    }

    /// Publishes exactly one new version.
    pub(crate) async fn publish(
        &self,
        place: &Place,
        version: &NewVersion<'_>,
        lease: &Lease<'_>,
    ) -> anyhow::Result<Receipt> {
        match self {
            Self::Aws(aws) => aws.publish(place, version, lease).await,
            Self::Directory(directory) => directory.publish(version),
        }
    }

    /// A version with the same content whose number is between the highest known one and that of `arn`.
    pub(crate) async fn earlier_twin(
        &self,
        place: &Place,
        version: &NewVersion<'_>,
        arn: &LayerVersionArn,
        highest: u64,
    ) -> anyhow::Result<Option<LayerVersionArn>> {
        match self {
            Self::Aws(aws) => aws.earlier_twin(place, version, arn, highest).await,
            Self::Directory(_) => Ok(None),
        }
    }

    /// Removes a version, unless a function uses it. Returns whether it was removed.
    pub(crate) async fn remove_unused(
        &self,
        place: &Place,
        layer: &LayerName,
        arn: &LayerVersionArn,
    ) -> anyhow::Result<bool> {
        let users = match self {
            Self::Aws(aws) => aws.functions_with(place, layer, Freshness::Now).await?,
            Self::Directory(_) => Vec::new(),
        };
        if users.iter().any(|(used, _)| used == arn) {
            return Ok(false);
        }
        self.remove(place, layer, arn).await.map_err(|unremoved| unremoved.error)?;
        Ok(true)
    }
}
