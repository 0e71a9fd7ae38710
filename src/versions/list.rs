//! Updates the published list of versions from the state.

use crate::registry::store::StateStore;
use crate::registry::version_list::follow;
use crate::types::{LayerName, Place};
use crate::versions::{Change, ChangeKind, ChangeOutcome};

/// Writes the list for the stored state, if the stored list differs.
pub async fn bring_up_to_date(layer: &LayerName, place: &Place, store: &StateStore) -> Option<Change> {
    let change =
        |outcome| Change::new(place, ChangeKind::Manifest, "list of versions", store.list_place(layer), outcome);
    match follow(layer, store).await {
        Ok(true) => Some(change(ChangeOutcome::Done)),
        Ok(false) => None,
        Err(error) => Some(change(ChangeOutcome::Failed).failed(&error)),
    }
}
