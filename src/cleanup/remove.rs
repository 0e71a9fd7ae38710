//! Removes what a plan says, while no other run publishes.
//!
//! A claim in the state keeps publishers waiting, as theirs keep a clean-up waiting. What goes is forgotten by the
//! state before it is removed, in the same write as the claim: whoever read the state before cannot write it any more,
//! and whoever reads it after does not find the version. A run that is killed in between leaves versions that the next
//! one finds in the list.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Cleaner;
use super::forget::{Forgotten, forget, forget_vanished, prune, restore};
use super::plan::{BucketPlan, PlacePlan, Plan, plan};
use super::read::Read;
use crate::error::Failure;
use crate::publish::{self, Known};
use crate::registry::aws::removing::REMOVE_TIMEOUT;
use crate::registry::claim::{Claim, LIFETIME, PUBLISH_WINDOW};
use crate::registry::description::Identity;
use crate::registry::state::State;
use crate::registry::store::{StateStore, Stored, Tag, Written};
use crate::types::{ByteSize, ContentHash, Digest, Fingerprint, LayerVersionArn, Place};
use crate::version_list;

/// How often the state is read while another run has it.
const POLL: Duration = Duration::from_millis(500);
/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_mins(5);
/// Versions that are removed in one place under one claim: the limit of requests lets as many through while it holds.
const BATCH: usize = 300;
/// Requests that are under way in one place.
const AT_ONCE: usize = 16;

/// What became of a plan.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub done: BTreeSet<LayerVersionArn>,
    pub failed: BTreeMap<LayerVersionArn, anyhow::Error>,
    /// By bucket: how many zips went, how many bytes, and the first error.
    pub zips: BTreeMap<String, RemovedZips>,
    /// Why the rest of the plan was not done.
    pub ended: Option<anyhow::Error>,
}

#[derive(Debug, Default)]
pub(super) struct RemovedZips {
    pub count: usize,
    pub bytes: ByteSize,
    pub error: Option<anyhow::Error>,
}

/// Gives the plan as it was in the end, too: other runs may have come in between.
pub(super) async fn remove(
    cleaner: &Cleaner<'_>,
    read: &mut Read,
    first: Plan,
    tag: &Tag,
    store: &mut StateStore,
) -> (Plan, Removed) {
    let (mut last, mut removed) = (first, Removed::default());
    if let Err(error) = versions(cleaner, read, &mut last, tag, store, &mut removed).await {
        removed.ended = Some(error);
        return (last, removed);
    }
    if !removed.failed.is_empty() {
        return (last, removed);
    }
    removed.zips = join_all(last.buckets.iter().map(|bucket| zips(cleaner, bucket))).await.into_iter().collect();
    (last, removed)
}

async fn versions(
    cleaner: &Cleaner<'_>,
    read: &mut Read,
    last: &mut Plan,
    tag: &Tag,
    store: &mut StateStore,
    removed: &mut Removed,
) -> anyhow::Result<()> {
    let mut seen = tag.clone();
    while last.places.iter().flat_map(PlacePlan::going).any(|version| removed.is_open(&version.arn)) {
        let Known { mut state, tag, .. } = quiet(cleaner, store).await?;
        if tag != seen {
            read.refresh(cleaner.registry, cleaner.layer).await;
        }
        // What is gone from the list stands in the first plan alone.
        let next = plan(read, &state, cleaner.retention, &cleaner.owner, Timestamp::now());
        let batches = removed.batches(&next);
        last.take_over(next, removed);
        let arns: BTreeSet<LayerVersionArn> = batches.iter().flat_map(|(_, arns)| arns.iter().cloned()).collect();
        if arns.is_empty() {
            break;
        }
        let forgotten = forget(&mut state, &arns);
        state.claim = Some(claim(&state, cleaner));
        let start = Instant::now();
        let Written::Done(written) = store.write(&state, &tag).await? else { continue };
        let results = join_all(batches.iter().map(|(place, arns)| batch(cleaner, place, arns, start))).await;
        let mut stays = BTreeSet::new();
        for (arn, result) in results.into_iter().flatten() {
            match result {
                Some(Ok(())) => {
                    removed.done.insert(arn);
                }
                Some(Err(error)) => {
                    stays.insert(arn.clone());
                    removed.failed.insert(arn, error);
                }
                None => {
                    stays.insert(arn);
                }
            }
        }
        read.places.iter_mut().for_each(|place| place.listed.retain(|listed| !removed.done.contains(&listed.arn)));
        let gone: BTreeSet<LayerVersionArn> = arns.difference(&stays).cloned().collect();
        let forgotten: Vec<Forgotten> =
            forgotten.into_iter().filter(|forgotten| stays.contains(&forgotten.version.arn)).collect();
        seen = release(cleaner, read, state, written, store, &gone, &forgotten).await?;
        // What one request was refused, the others are refused as well.
        if !removed.failed.is_empty() {
            break;
        }
    }
    Ok(())
}

impl Removed {
    fn is_open(&self, arn: &LayerVersionArn) -> bool {
        !self.done.contains(arn) && !self.failed.contains_key(arn)
    }

    /// The next to go in each place, oldest first.
    fn batches(&self, plan: &Plan) -> Vec<(Place, Vec<LayerVersionArn>)> {
        let of_place = |place: &PlacePlan| {
            let mut open: Vec<LayerVersionArn> =
                place.going().map(|version| version.arn.clone()).filter(|arn| self.is_open(arn)).collect();
            open.reverse();
            open.truncate(BATCH);
            (place.place.clone(), open)
        };
        plan.places.iter().map(of_place).collect()
    }
}

impl Plan {
    /// The newer plan, with the rows of what is done already.
    fn take_over(&mut self, next: Self, removed: &Removed) {
        for (place, mut newer) in self.places.iter_mut().zip(next.places) {
            let known: BTreeSet<LayerVersionArn> =
                newer.decisions.iter().map(|decision| decision.version.arn.clone()).collect();
            let done = place.decisions.drain(..).filter(|decision| {
                let arn = &decision.version.arn;
                removed.done.contains(arn) && !known.contains(arn)
            });
            newer.decisions.extend(done);
            newer.decisions.sort_by_key(|decision| std::cmp::Reverse(decision.version.arn.version()));
            *place = newer;
        }
        self.buckets = next.buckets;
    }
}

/// The state, once no other run works on the layer.
async fn quiet(cleaner: &Cleaner<'_>, store: &mut StateStore) -> anyhow::Result<Known> {
    let (mut ticks, start, mut told) = (tokio::time::interval(POLL), Instant::now(), false);
    while start.elapsed() < PATIENCE {
        ticks.tick().await;
        let known = publish::read(cleaner.registry, store, cleaner.layer, cleaner.console).await?;
        let claim = known.state.claim.as_ref();
        let Some(claim) = claim.filter(|claim| claim.owner != cleaner.owner && !claim.is_abandoned(Timestamp::now()))
        else {
            return Ok(known);
        };
        if !told {
            cleaner.console.note(&format!("waiting for {}, which works on `{}`", claim.owner.run, cleaner.layer));
            told = true;
        }
    }
    let failure = Failure::system(format!("other runs have been working on `{}` for too long", cleaner.layer));
    Err(failure.hint(format!("look at `{}`; a claim of a dead run ends by itself", store.place(cleaner.layer))).into())
}

/// It has no other content than the current one: nothing is being published.
fn claim(state: &State, cleaner: &Cleaner<'_>) -> Claim {
    let current =
        state.current.and_then(|fingerprint| Some(Identity { fingerprint, content: state.content_of(fingerprint)? }));
    let nothing = || {
        let digest = Digest::of(cleaner.layer.as_str().as_bytes());
        Identity { fingerprint: Fingerprint(digest), content: ContentHash(digest) }
    };
    Claim::new(current.unwrap_or_else(nothing), cleaner.owner.clone(), Timestamp::now())
}

/// `None` for what was not tried any more.
async fn batch(
    cleaner: &Cleaner<'_>,
    place: &Place,
    arns: &[LayerVersionArn],
    start: Instant,
) -> Vec<(LayerVersionArn, Option<anyhow::Result<()>>)> {
    const { assert!(PUBLISH_WINDOW.as_secs() + REMOVE_TIMEOUT.as_secs() < LIFETIME.as_secs().unsigned_abs()) };
    let has_failed = Cell::new(false);
    let requests = arns.iter().map(|arn| {
        let has_failed = &has_failed;
        async move {
            if has_failed.get() || start.elapsed() > PUBLISH_WINDOW {
                return (arn.clone(), None);
            }
            let result = cleaner.registry.remove(place, cleaner.layer, arn).await;
            has_failed.set(has_failed.get() || result.is_err());
            (arn.clone(), Some(result))
        }
    });
    stream::iter(requests).buffer_unordered(AT_ONCE).collect().await
}

/// Ends the claim; the state then knows what is there and nothing else.
async fn release(
    cleaner: &Cleaner<'_>,
    read: &Read,
    mut state: State,
    mut tag: Tag,
    store: &mut StateStore,
    gone: &BTreeSet<LayerVersionArn>,
    stays: &[Forgotten],
) -> anyhow::Result<Tag> {
    let mut ticks = tokio::time::interval(POLL);
    loop {
        ticks.tick().await;
        forget(&mut state, gone);
        restore(&mut state, stays);
        forget_vanished(&mut state, read.places.iter().map(|place| place.listed.as_slice()), Timestamp::now());
        prune(&mut state);
        state.claim.take_if(|claim| claim.owner == cleaner.owner);
        // Before the claim ends with the write of the state: a run that is killed in between does both again.
        let listed = version_list::write(&state, store).await;
        if let Written::Done(tag) = store.write(&state, &tag).await? {
            return listed.map(|()| tag);
        }
        let Stored { state: stored, tag: newer } = store.read(cleaner.layer).await?;
        // Whoever removed the state, or broke it, has it made anew.
        let Some(stored) = stored else { return Ok(newer) };
        (state, tag) = (stored, newer);
    }
}

async fn zips(cleaner: &Cleaner<'_>, bucket: &BucketPlan) -> (String, RemovedZips) {
    let mut removed = RemovedZips::default();
    if let Some(aws) = cleaner.registry.aws() {
        let requests = bucket.zips.iter().map(|zip| async move { (zip, aws.remove_zip(&bucket.place, zip).await) });
        let mut results = stream::iter(requests).buffer_unordered(AT_ONCE);
        while let Some((zip, result)) = results.next().await {
            match result {
                Ok(()) => {
                    removed.count += 1;
                    removed.bytes.0 += zip.size.0;
                }
                Err(error) => {
                    removed.error = Some(error);
                    break;
                }
            }
        }
    }
    (bucket.name.clone(), removed)
}
