//! The registries that a run is connected to. Layers that go to the same places share one, with its credentials, roles,
//! connections and limits.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::Registry;
use super::aws::{AwsRegistry, Limits};
use super::directory::DirectoryRegistry;
use super::store::StateStore;
use crate::environment::Environment;
use crate::spec::{AwsDestinations, RegistryChoice, StatePlace};

/// The registries that layers of this run are connected to.
#[derive(Debug, Default)]
pub struct Connections {
    /// Locked while a layer connects, so that the next one finds the connection.
    known: Mutex<Vec<Connection>>,
    limits: Limits,
}

#[derive(Debug)]
struct Connection {
    destinations: AwsDestinations,
    state: StatePlace,
    registry: Arc<AwsRegistry>,
}

impl Connections {
    /// Connects to the registry; for `aws`, reads the AWS configuration.
    ///
    /// # Errors
    /// A user error if there is no region.
    pub async fn registry(
        &self,
        choice: &RegistryChoice,
        state: &StatePlace,
        environment: &Environment,
    ) -> anyhow::Result<Registry> {
        Ok(match choice {
            RegistryChoice::Aws(destinations) => Registry::Aws(self.aws(destinations, state, environment).await?),
            RegistryChoice::Directory(folder) => Registry::Directory(DirectoryRegistry { folder: folder.clone() }),
        })
    }

    /// Connects to the store of the state. In S3 it needs an AWS configuration even if the registry is a directory.
    ///
    /// # Errors
    /// The same as for [`Self::registry`].
    pub async fn store(
        &self,
        place: &StatePlace,
        registry: &Registry,
        environment: &Environment,
    ) -> anyhow::Result<StateStore> {
        Ok(match (place, registry) {
            (StatePlace::S3 { bucket, prefix }, Registry::Aws(aws)) => aws.state_store(bucket, prefix),
            (StatePlace::S3 { bucket, prefix }, Registry::Directory(_)) => {
                self.aws(&AwsDestinations::default(), place, environment).await?.state_store(bucket, prefix)
            }
            (StatePlace::Directory(folder), _) => StateStore::Directory(folder.clone()),
            (StatePlace::Nowhere, _) => StateStore::Nowhere,
        })
    }

    async fn aws(
        &self,
        destinations: &AwsDestinations,
        state: &StatePlace,
        environment: &Environment,
    ) -> anyhow::Result<Arc<AwsRegistry>> {
        let mut known = self.known.lock().await;
        let same = |known: &&Connection| known.destinations == *destinations && known.state == *state;
        if let Some(connection) = known.iter().find(same) {
            return Ok(Arc::clone(&connection.registry));
        }
        let registry = Arc::new(AwsRegistry::connect(destinations, state, &self.limits, environment).await?);
        let (destinations, state) = (destinations.clone(), state.clone());
        known.push(Connection { destinations, state, registry: Arc::clone(&registry) });
        Ok(registry)
    }
}
