//! Plans what to remove, from what was read and the state. A pure function, so it can be repeated when the state
//! changes.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::decide::{Candidate, Decision, Inventory, decide};
use super::read::{Bucket, PlaceRead, Read};
use crate::registry::Listed;
use crate::registry::aws::removing::StoredZip;
use crate::registry::claim::Owner;
use crate::registry::state::State;
use crate::spec::Retention;
use crate::types::{ByteSize, ContentHash, Label, LayerVersionArn, Place};

/// Younger zips are kept, because a run uploads before it publishes.
const ZIP_GRACE: SignedDuration = SignedDuration::from_hours(1);

#[derive(Debug)]
pub(super) struct Plan {
    /// The places in the user's order.
    pub places: Vec<PlacePlan>,
    pub buckets: Vec<BucketPlan>,
}

#[derive(Debug)]
pub(super) struct PlacePlan {
    pub place: Place,
    /// The decisions about versions, newest first.
    pub decisions: Vec<Decision>,
}

/// Zips that no version needs.
#[derive(Debug)]
pub(super) struct BucketPlan {
    pub name: String,
    pub place: Place,
    pub zips: Vec<StoredZip>,
}

impl PlacePlan {
    pub(super) fn going(&self) -> impl Iterator<Item = &Candidate> {
        self.decisions.iter().filter(|decision| decision.goes()).map(|decision| &decision.version)
    }
}

pub(super) fn plan(read: &Read, state: &State, retention: &Retention, owner: &Owner, now: Timestamp) -> Plan {
    let facts = Facts::of(state, &read.buckets, owner, now);
    let places = read.places.iter().map(|place| {
        let inventory = facts.inventory(place);
        let decisions = decide(&inventory, &read.usage, retention, now);
        PlacePlan { place: place.place.clone(), decisions }
    });
    let places: Vec<PlacePlan> = places.collect();
    let needed = needed(&places, &facts);
    let buckets = read.buckets.iter().filter_map(|bucket| superfluous(bucket, read, &needed, now));
    Plan { buckets: buckets.collect(), places }
}

/// What the state says about versions.
pub(in crate::versions) struct Facts<'a> {
    state: &'a State,
    versions: BTreeMap<&'a LayerVersionArn, (ContentHash, Timestamp)>,
    labels: BTreeMap<ContentHash, BTreeSet<Label>>,
    sizes: BTreeMap<ContentHash, ByteSize>,
    current: Option<ContentHash>,
    /// Contents that another run is publishing, or may have published.
    claimed: BTreeSet<ContentHash>,
}

impl<'a> Facts<'a> {
    pub(in crate::versions) fn of(state: &'a State, buckets: &[Bucket], owner: &Owner, now: Timestamp) -> Self {
        let versions = state.contents.iter().flat_map(|(hash, content)| {
            content.versions.values().map(|version| (&version.arn, (*hash, version.recorded)))
        });
        let mut labels: BTreeMap<ContentHash, BTreeSet<Label>> = BTreeMap::new();
        for (label, contents) in &state.labels {
            for content in contents {
                labels.entry(*content).or_default().insert(label.clone());
            }
        }
        let zips = buckets.iter().flat_map(|bucket| bucket.zips.as_ref().map_or(&[][..], Vec::as_slice));
        let zips = zips.map(|zip| (zip.content, zip.size));
        let known = state.contents.iter().filter_map(|(hash, content)| Some((*hash, content.zipped_size?)));
        let claim = state.claim.as_ref().filter(|claim| claim.owner != *owner && !claim.is_abandoned(now));
        Self {
            state,
            versions: versions.collect(),
            labels,
            sizes: zips.chain(known).collect(),
            current: state.current.and_then(|current| state.content_of(current)),
            claimed: claim
                .map(|claim| claim.content)
                .into_iter()
                .chain(state.unanswered.iter().filter(|request| !request.removes).filter_map(|request| request.content))
                .collect(),
        }
    }

    fn inventory(&self, read: &PlaceRead) -> Inventory {
        Inventory {
            versions: read.listed.iter().map(|listed| self.candidate(listed)).collect(),
            unread: read.unread.clone(),
            rebuilt: self.state.rebuilt,
            known_labels: self.state.labels.keys().cloned().collect(),
        }
    }

    pub(in crate::versions) fn candidate(&self, listed: &Listed) -> Candidate {
        let known = self.versions.get(&listed.arn);
        let by_state = known.map(|(content, _)| *content);
        let contents: BTreeSet<ContentHash> =
            by_state.into_iter().chain(listed.identity.map(|identity| identity.content)).collect();
        let has = |content: Option<ContentHash>| content.is_some_and(|content| contents.contains(&content));
        let current_here = self.state.current_in.get(&listed.arn.destination()).copied();
        // For a version that a rebuilt state has from the list, the recorded time is only that of reading.
        let recorded = known.map(|(_, recorded)| *recorded);
        let recorded = recorded.filter(|recorded| self.state.rebuilt.is_none_or(|rebuilt| *recorded > rebuilt));
        let labels = contents.iter().filter_map(|content| self.labels.get(content)).flatten().cloned();
        Candidate {
            arn: listed.arn.clone(),
            created: listed.created,
            size: listed.size.or_else(|| contents.iter().find_map(|content| self.sizes.get(content).copied())),
            labels: labels.collect(),
            is_current: has(self.current) || has(current_here),
            is_claimed: !self.claimed.is_disjoint(&contents),
            recorded,
            contents,
        }
    }
}

/// Contents whose zip is needed: a version with it is kept here, exists in a place that this run does not read, or is
/// being published.
fn needed(places: &[PlacePlan], facts: &Facts<'_>) -> BTreeSet<ContentHash> {
    let going: BTreeSet<&LayerVersionArn> =
        places.iter().flat_map(PlacePlan::going).map(|version| &version.arn).collect();
    let decisions = places.iter().flat_map(|place| &place.decisions);
    let staying = decisions.filter(|decision| !decision.goes()).flat_map(|decision| &decision.version.contents);
    let recorded = facts.versions.iter().filter(|(arn, _)| !going.contains(*arn)).map(|(_, (content, _))| content);
    let current = facts.current.iter().chain(facts.state.current_in.values());
    staying.chain(recorded).chain(current).chain(&facts.claimed).copied().collect()
}

/// The zips that are not needed; none unless all versions from the bucket are known.
fn superfluous(bucket: &Bucket, read: &Read, needed: &BTreeSet<ContentHash>, now: Timestamp) -> Option<BucketPlan> {
    let users = read.places.iter().filter(|place| bucket.places.contains(&place.place));
    if users.into_iter().any(|place| !place.unread.is_empty()) {
        return None;
    }
    let is_old = |zip: &&StoredZip| zip.modified.is_some_and(|time| now.duration_since(time) >= ZIP_GRACE);
    let zips = bucket.zips.as_ref().ok()?.iter().filter(is_old).filter(|zip| !needed.contains(&zip.content));
    let zips: Vec<StoredZip> = zips.cloned().collect();
    (!zips.is_empty()).then(|| BucketPlan { name: bucket.name.clone(), place: bucket.places[0].clone(), zips })
}
