//! Removes the versions and zips of a plan, while no other run publishes.
//!
//! A claim in the state makes publishers wait, as theirs make a clean-up wait. Under the claim, the clean-up reads
//! again who uses what. Versions are taken out of the state before they are removed: a run that read the state earlier
//! can no longer write it, and a run that reads it later does not find them. If the clean-up is killed in between, the
//! next one finds the versions in the list.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Cleaner;
use super::decide::Candidate;
use super::forget::{Forgotten, forget, forget_vanished, prune, restore};
use super::plan::{BucketPlan, PlacePlan, Plan, plan};
use super::read::Read;
use crate::error::Failure;
use crate::registry::aws::removing::Unremoved;
use crate::registry::claim::Claim;
use crate::registry::lease::Lease;
use crate::registry::publish;
use crate::registry::publish::Known;
use crate::registry::state::State;
use crate::registry::store::StateStore;
use crate::types::description::Identity;
use crate::types::{ByteSize, ContentHash, Digest, Fingerprint, LayerVersionArn, Place};

/// How often the state is read while another run holds a claim.
const POLL: Duration = Duration::from_millis(500);
/// How long to wait for another run.
const PATIENCE: Duration = Duration::from_mins(5);
/// How many versions are removed in one place before their uses are read again: about ten seconds of requests, at the
/// limited rate.
const BATCH: usize = 100;
/// How many requests are under way in one place.
const AT_ONCE: usize = 16;

/// The result of executing a plan.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub done: BTreeSet<LayerVersionArn>,
    pub failed: BTreeMap<LayerVersionArn, anyhow::Error>,
    /// For each bucket, the number of removed zips, their bytes, and the first error.
    pub zips: BTreeMap<String, RemovedZips>,
    /// Why the rest of the plan was not executed.
    pub ended: Option<anyhow::Error>,
}

#[derive(Debug, Default)]
pub(super) struct RemovedZips {
    pub count: usize,
    pub bytes: ByteSize,
    pub error: Option<anyhow::Error>,
}

/// Executes a plan. Also returns the final plan, because other runs may have changed something meanwhile.
pub(super) async fn remove(cleaner: &Cleaner<'_>, read: &mut Read, first: Plan, store: &StateStore) -> (Plan, Removed) {
    let (mut last, mut removed) = (first, Removed::default());
    if let Err(error) = versions(cleaner, read, &mut last, store, &mut removed).await {
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
    store: &StateStore,
    removed: &mut Removed,
) -> anyhow::Result<()> {
    while last.places.iter().flat_map(PlacePlan::going).any(|version| removed.is_open(&version.arn)) {
        let lease = claim(cleaner, store).await?;
        let mut batch = Batch::default();
        let work = Box::pin(next_batch(cleaner, read, last, removed, &lease, &mut batch));
        let worked = lease.during(work).await.unwrap_or_else(|| {
            // Requests that were sent may be executed. The state names none of these versions, and the next publish
            // finds those that still exist.
            batch.is_interrupted = true;
            Err(Failure::system("the run was interrupted").hint("run it again").into())
        });
        let known = &*read;
        let (_, listed) = lease
            .end(|state, now, _| {
                forget(state, &batch.gone);
                restore(state, &batch.stays());
                forget_vanished(state, known.places.iter().map(|place| place.listed.as_slice()), now);
                prune(state);
            })
            .await?;
        worked?;
        listed?;
        // If one request was refused, the others would be, too.
        if batch.gone.is_empty() || !removed.failed.is_empty() {
            break;
        }
    }
    Ok(())
}

/// The versions that were taken out of the state, and those of them that were removed.
#[derive(Default)]
struct Batch {
    forgotten: Vec<Forgotten>,
    gone: BTreeSet<LayerVersionArn>,
    /// Versions whose removal had no answer; no run may rely on them.
    perhaps_gone: BTreeSet<LayerVersionArn>,
    /// Whether the run was interrupted before all answers arrived.
    is_interrupted: bool,
}

impl Batch {
    fn stays(&self) -> Vec<Forgotten> {
        let stays = |forgotten: &&Forgotten| {
            let arn = &forgotten.version.arn;
            !self.is_interrupted && !self.gone.contains(arn) && !self.perhaps_gone.contains(arn)
        };
        self.forgotten.iter().filter(stays).cloned().collect()
    }
}

/// Reads again who uses what, decides again, and removes a batch, which is taken out of the state first.
async fn next_batch(
    cleaner: &Cleaner<'_>,
    read: &mut Read,
    last: &mut Plan,
    removed: &mut Removed,
    lease: &Lease<'_>,
    batch: &mut Batch,
) -> anyhow::Result<()> {
    read.look_again(cleaner.registry, cleaner.layer, cleaner.ssm_parameter, &lease.state()).await;
    let mut decided = None;
    lease
        .update(|state| {
            let now = state.claim.as_ref().and_then(|claim| claim.renewed).unwrap_or_else(Timestamp::now);
            let next = plan(read, state, cleaner.retention, &cleaner.owner, now);
            let going = removed.batches(&next);
            let arns =
                going.iter().flat_map(|(_, versions)| versions.iter().map(|version| version.arn.clone())).collect();
            batch.forgotten = forget(state, &arns);
            decided = Some((next, going));
            Ok(())
        })
        .await?;
    let Some((next, going)) = decided else { return Ok(()) };
    last.take_over(next, removed);
    let results = join_all(going.iter().map(|(place, versions)| remove_some(cleaner, place, versions, lease))).await;
    for (arn, result) in results.into_iter().flatten() {
        match result {
            Some(Ok(())) => {
                batch.gone.insert(arn.clone());
                removed.done.insert(arn);
            }
            Some(Err(unremoved)) => {
                if unremoved.may_be_removed {
                    batch.perhaps_gone.insert(arn.clone());
                }
                removed.failed.insert(arn, unremoved.error);
            }
            None => {}
        }
    }
    read.places.iter_mut().for_each(|place| place.listed.retain(|listed| !removed.done.contains(&listed.arn)));
    Ok(())
}

impl Removed {
    fn is_open(&self, arn: &LayerVersionArn) -> bool {
        !self.done.contains(arn) && !self.failed.contains_key(arn)
    }

    /// The next versions to remove in each place, oldest first.
    fn batches(&self, plan: &Plan) -> Vec<(Place, Vec<Candidate>)> {
        let of_place = |place: &PlacePlan| {
            let mut open: Vec<Candidate> =
                place.going().filter(|version| self.is_open(&version.arn)).cloned().collect();
            open.reverse();
            open.truncate(BATCH);
            (place.place.clone(), open)
        };
        plan.places.iter().map(of_place).collect()
    }
}

impl Plan {
    /// Takes over a newer plan, with the rows of what was already removed.
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

/// Claims the layer as soon as no other run works on it.
async fn claim<'a>(cleaner: &Cleaner<'_>, store: &'a StateStore) -> anyhow::Result<Lease<'a>> {
    let (mut ticks, start, mut told) = (tokio::time::interval(POLL), Instant::now(), false);
    while start.elapsed() < PATIENCE {
        ticks.tick().await;
        let Known { mut state, tag, .. } =
            publish::read(cleaner.registry, store, cleaner.layer, cleaner.console).await?;
        state.settle(cleaner.registry.settling(), store.now());
        if let Some(other) = state.claim.as_ref().filter(|claim| claim.owner != cleaner.owner) {
            if !told {
                cleaner
                    .console
                    .note(&format!("waiting for {}, which is working on `{}`", other.owner.run, cleaner.layer));
                told = true;
            }
            continue;
        }
        let claim = own_claim(&state, cleaner, store.now());
        if let Some(lease) = Lease::claim(store, state, &tag, claim).await? {
            return Ok(lease);
        }
    }
    let failure = Failure::system(format!("other runs have been working on `{}` for too long", cleaner.layer));
    Err(failure
        .hint(format!("check `{}`; the claim of a run that died expires by itself", store.place(cleaner.layer)))
        .into())
}

/// A claim with the current content, because nothing is published.
fn own_claim(state: &State, cleaner: &Cleaner<'_>, now: Timestamp) -> Claim {
    let current =
        state.current.and_then(|fingerprint| Some(Identity { fingerprint, content: state.content_of(fingerprint)? }));
    let nothing = || {
        let digest = Digest::of(cleaner.layer.as_str().as_bytes());
        Identity { fingerprint: Fingerprint(digest), content: ContentHash(digest) }
    };
    Claim { removes: true, ..Claim::new(current.unwrap_or_else(nothing), cleaner.owner.clone(), now) }
}

/// Removes some versions; the result is `None` for those that were no longer tried.
async fn remove_some(
    cleaner: &Cleaner<'_>,
    place: &Place,
    versions: &[Candidate],
    lease: &Lease<'_>,
) -> Vec<(LayerVersionArn, Option<Result<(), Unremoved>>)> {
    let has_failed = Cell::new(false);
    let requests = versions.iter().map(|version| {
        let (has_failed, arn, content) = (&has_failed, &version.arn, version.contents.first().copied());
        async move {
            if has_failed.get() {
                return (arn.clone(), None);
            }
            if let Err(error) = lease.send(arn, content) {
                has_failed.set(true);
                return (arn.clone(), Some(Err(Unremoved { error, may_be_removed: false })));
            }
            let result = cleaner.registry.remove(place, cleaner.layer, arn).await;
            let may_be_removed = result.as_ref().is_err_and(|unremoved| unremoved.may_be_removed);
            if !may_be_removed {
                lease.answered(arn, content);
            }
            has_failed.set(has_failed.get() || result.is_err());
            (arn.clone(), Some(result))
        }
    });
    stream::iter(requests).buffer_unordered(AT_ONCE).collect().await
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
