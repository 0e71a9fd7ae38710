//! Removes versions from the state, and restores those that could not be removed from the registry.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::decide::GRACE;
use crate::registry::Listed;
use crate::registry::state::{State, Version};
use crate::types::{ContentHash, Destination, LayerVersionArn};

/// A version that was taken out of a state.
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

/// Restores versions that still exist.
pub(super) fn restore(state: &mut State, forgotten: &[Forgotten]) {
    for Forgotten { content, destination, version } in forgotten {
        let versions = &mut state.contents.entry(*content).or_default().versions;
        versions.entry(destination.clone()).or_insert_with(|| version.clone());
    }
}

/// Takes versions out of the state that a complete list lacks: somebody removed them by hand, or a clean-up was killed.
///
/// An empty list proves nothing, because only the versions in a list show which account it is of.
pub(super) fn forget_vanished<'a>(state: &mut State, lists: impl Iterator<Item = &'a [Listed]>, now: Timestamp) {
    for listed in lists {
        let Some(destination) = listed.first().map(|listed| listed.arn.destination()) else { continue };
        let there: BTreeSet<&LayerVersionArn> = listed.iter().map(|listed| &listed.arn).collect();
        for content in state.contents.values_mut() {
            content.versions.retain(|place, version| {
                // The list may be older than the latest entries of the state.
                let is_young = now.duration_since(version.recorded) < GRACE;
                *place != destination || is_young || there.contains(&version.arn)
            });
        }
    }
}

/// Removes contents without versions, with their labels and builds. The current content stays.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::description::Identity;
    use crate::types::{Digest, Fingerprint};

    fn arn(number: u64) -> LayerVersionArn {
        format!("arn:aws:lambda:eu-west-1:123456789012:layer:shared:{number}").parse().expect("is valid")
    }

    fn identity(number: u64) -> Identity {
        let digest = Digest::of(&number.to_be_bytes());
        Identity { fingerprint: Fingerprint(digest), content: ContentHash(digest) }
    }

    /// A state with versions 1 to 3: 3 is current, 1 has a label.
    fn state() -> State {
        let mut state = State::new(&"shared".parse().expect("is valid"));
        for number in 1..=3 {
            state.record_version(identity(number), &arn(number), Timestamp::UNIX_EPOCH);
        }
        state.current = Some(identity(3).fingerprint);
        state.labels.insert("old".parse().expect("is valid"), BTreeSet::from([identity(1).content]));
        state
    }

    #[test]
    fn what_goes_leaves_nothing_and_what_stays_comes_back() {
        let mut state = state();
        let forgotten = forget(&mut state, &BTreeSet::from([arn(1), arn(2), arn(9)]));
        assert_eq!(forgotten.len(), 2);
        let stays: Vec<Forgotten> = forgotten.into_iter().filter(|forgotten| forgotten.version.arn == arn(2)).collect();
        restore(&mut state, &stays);
        prune(&mut state);
        let contents: BTreeSet<ContentHash> = state.contents.keys().copied().collect();
        assert_eq!(contents, BTreeSet::from([2, 3].map(|number| identity(number).content)));
        assert_eq!((state.builds.len(), state.labels.len()), (2, 0));
    }

    #[test]
    fn the_current_content_stays_even_without_versions() {
        let mut state = state();
        forget(&mut state, &BTreeSet::from([arn(1), arn(2), arn(3)]));
        prune(&mut state);
        assert!(state.current_content().is_some());
        assert_eq!(state.contents.len(), 1);
    }

    #[test]
    fn a_whole_list_tells_what_vanished_in_its_own_account_alone() {
        let mut state = state();
        let other = "arn:aws:lambda:eu-west-1:210987654321:layer:shared:7".parse().expect("is valid");
        state.record_version(identity(2), &other, Timestamp::UNIX_EPOCH);
        let listed = [Listed { arn: arn(3), identity: None, created: None, size: None, declares: None }];
        forget_vanished(&mut state, [&listed[..], &[]].into_iter(), Timestamp::now());
        let left: BTreeSet<&LayerVersionArn> =
            state.contents.values().flat_map(|content| content.versions.values()).map(|version| &version.arn).collect();
        assert_eq!(left, BTreeSet::from([&other, &arn(3)]));
    }
}
