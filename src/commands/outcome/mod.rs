//! The outcome of a layer as its report.

mod built;
mod planned;

use camino::Utf8PathBuf;

use crate::registry::state::State;
use crate::registry::store::StateStore;
use crate::registry::{directory, version_list};
use crate::spec::{RegistryChoice, Spec};
use crate::types::LayerVersionArn;
pub(super) use built::{delivered, rehearsed};
pub(super) use planned::{planned, unchanged, unresolved};

/// The list of versions for the output, including what this run changed after publishing.
pub(super) async fn versions(spec: &Spec, known: State, store: &StateStore) -> serde_json::Value {
    let is_other = !spec.follow_up.labelling.add.is_empty() || spec.follow_up.retention.is_some();
    let stored = if is_other { store.read(&spec.layer).await.ok() } else { None };
    version_list::output(&stored.and_then(|stored| stored.state).unwrap_or(known), store)
}

/// The zip of a version in a directory registry.
fn zip_in_registry(spec: &Spec, arn: Option<&LayerVersionArn>) -> Option<Utf8PathBuf> {
    let RegistryChoice::Directory(folder) = &spec.registry else { return None };
    Some(directory::zip_path(folder, &spec.layer, arn?.version()))
}
