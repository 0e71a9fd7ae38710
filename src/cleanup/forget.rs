//! What a state forgets with the versions that go, and remembers of those that could not be removed.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::decide::GRACE;
use crate::registry::Listed;
use crate::registry::state::{State, Version};
use crate::types::{ContentHash, Destination, LayerVersionArn};

/// An entry that was taken out of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forgotten {
    pub content: ContentHash,
    pub destination: Destination,
    pub version: Version,
}

pub(super) fn forget(state: &mut State, arns: &BTreeSet<LayerVersionArn>) -> Vec<Forgotten> {
    let mut forgotten = Vec::new();
    for (hash, content) in &mut state.contents {
        content.versions.retain(|destination, version| {
            let stays = !arns.contains(&version.arn);
            if !stays {
                let (destination, version) = (destination.clone(), version.clone());
                forgotten.push(Forgotten { content: *hash, destination, version });
            }
            stays
        });
    }
    forgotten
}

/// Puts back what is there still.
pub(super) fn restore(state: &mut State, forgotten: &[Forgotten]) {
    for Forgotten { content, destination, version } in forgotten {
        let versions = &mut state.contents.entry(*content).or_default().versions;
        versions.entry(destination.clone()).or_insert_with(|| version.clone());
    }
}

/// Versions that a whole list does not have: somebody removed them by hand, or a clean-up was killed.
///
/// A list tells its account by its versions, so an empty one says nothing.
pub(super) fn forget_vanished<'a>(state: &mut State, lists: impl Iterator<Item = &'a [Listed]>, now: Timestamp) {
    for listed in lists {
        let Some(destination) = listed.first().map(|listed| listed.arn.destination()) else { continue };
        let there: BTreeSet<&LayerVersionArn> = listed.iter().map(|listed| &listed.arn).collect();
        for content in state.contents.values_mut() {
            content.versions.retain(|place, version| {
                // A list may be older than the newest entries.
                let is_young = now.duration_since(version.recorded) < GRACE;
                *place != destination || is_young || there.contains(&version.arn)
            });
        }
    }
}

/// Contents that have no version any more, with their labels and builds; the current one stays.
pub(super) fn prune(state: &mut State) {
    let current = state.current.and_then(|current| state.content_of(current));
    state.contents.retain(|hash, content| Some(*hash) == current || !content.versions.is_empty());
    for contents in state.labels.values_mut() {
        contents.retain(|content| state.contents.contains_key(content));
    }
    state.labels.retain(|_, contents| !contents.is_empty());
    let (contents, current) = (&state.contents, state.current);
    state.builds.retain(|fingerprint, build| Some(*fingerprint) == current || contents.contains_key(&build.content));
}
