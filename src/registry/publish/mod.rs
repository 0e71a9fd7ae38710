//! Publishes a content everywhere it is missing, exactly once, whatever other runs do and whenever a run is killed.
//!
//! A run writes its claim into the state, publishes, and records what it published. If another run holds a claim, this
//! one waits, and then finds the work done or does its own. If a run has died, its claim is taken over.
//!
//! A request may still be under way after its run died or gave up on the answer. So before anything is sent, the lists
//! of versions are watched for as long as a publish can take: only they show what such a run published.

mod find;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;

use crate::console::Console;
use crate::error::{Explanation, Failure, counted};
use crate::registry::aws::SignedZips;
use crate::registry::claim::{Claim, Owner};
use crate::registry::lease::Lease;
use crate::registry::publish::find::{Lists, adopt, highest, recover};
use crate::registry::state::{Build, Content, State};
use crate::registry::store::StateStore;
use crate::registry::{NewVersion, Receipt, Registry};
use crate::types::description::Declared;
use crate::types::{LayerName, LayerVersionArn, Place};
pub use find::{Known, Unreadable, read};

/// How often the state is read while another run publishes.
const POLL: Duration = Duration::from_millis(500);
/// The additional time between two reads of the lists of versions.
const WATCH: Duration = Duration::from_secs(1);
/// When to give up waiting for others.
const PATIENCE: Duration = Duration::from_mins(20);

/// What to publish, and what to record about it.
#[derive(Debug)]
pub struct Publication<'a> {
    pub version: NewVersion<'a>,
    pub build: Build,
    pub content: Content,
    pub owner: Owner,
}

/// The result of publishing.
#[derive(Debug)]
pub struct Published {
    /// In the order of the places.
    pub outcomes: Vec<PlaceOutcome>,
    /// Whether the state was written. If not, the next run finds the versions in the lists.
    pub recorded: anyhow::Result<()>,
    /// The state with the published versions; `None` if no upload succeeded.
    pub state: Option<State>,
}

/// The outcome in one place.
#[derive(Debug)]
pub struct PlaceOutcome {
    pub place: Place,
    pub result: anyhow::Result<Placed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub arn: LayerVersionArn,
    /// The declaration, as far as it is known.
    pub declares: Option<Declared>,
    /// Whether this run published it; otherwise it existed already, or another run was faster.
    pub published: bool,
}

/// The places that are being published to: if one fails, the others continue.
#[derive(Debug)]
struct Places {
    ready: Vec<Place>,
    failed: Vec<PlaceOutcome>,
}

impl Places {
    fn fail(&mut self, mut unreadable: Unreadable) {
        for place in std::mem::take(&mut self.ready) {
            match unreadable.remove(&place) {
                Some(error) => self.failed.push(PlaceOutcome { place, result: Err(error) }),
                None => self.ready.push(place),
            }
        }
    }
}

/// Publishes to each place that lacks the content.
///
/// # Errors
/// A failure that affects all places. A failure in one place is in its outcome.
pub async fn publish(
    publication: &Publication<'_>,
    registry: &Registry,
    store: &mut StateStore,
    console: &Console,
) -> anyhow::Result<Published> {
    let (mut places, signed) = upload(publication, registry, console).await;
    if places.ready.is_empty() {
        return Ok(Published { outcomes: places.failed, recorded: Ok(()), state: None });
    }
    let step = console.step("Publish");
    let mut made = Vec::new();
    let (mut outcomes, recorded, state) = loop {
        let turn = claim(&mut places, publication, registry, store, console).await?;
        let missing = publish_missing(&places.ready, publication, &signed, registry, &turn, console);
        let outcomes = turn.lease.during(missing).await.unwrap_or_else(|| interrupted(&places.ready));
        made.extend(outcomes.iter().filter_map(PlaceOutcome::published).cloned());
        let state = turn.lease.state();
        match record::record(outcomes, &made, publication, turn.lease).await {
            Ok(recorded) if recorded.is_lost => {}
            Ok(recorded) => {
                record::remove_twins(&recorded.twins, publication.version.layer, registry, console).await;
                break (recorded.outcomes, recorded.listed, recorded.state);
            }
            Err((outcomes, error)) => break (outcomes, Err(error), state),
        }
    };
    let new = outcomes.iter().filter_map(PlaceOutcome::published).count();
    step.done(if new == 0 { "nothing new".to_owned() } else { counted(new, "version") });
    outcomes.extend(places.failed);
    let order = registry.places();
    outcomes.sort_by_key(|outcome| order.iter().position(|place| *place == outcome.place));
    Ok(Published { outcomes, recorded, state: Some(state) })
}

impl PlaceOutcome {
    /// The version that this run published in the place.
    fn published(&self) -> Option<&LayerVersionArn> {
        self.result.as_ref().ok().filter(|placed| placed.published).map(|placed| &placed.arn)
    }
}

fn interrupted(places: &[Place]) -> Vec<PlaceOutcome> {
    let failed = |place: &Place| {
        let failure = Failure::system("the run was interrupted")
            .hint("run it again; versions that were already published remain");
        PlaceOutcome { place: place.clone(), result: Err(failure.into()) }
    };
    places.iter().map(failed).collect()
}

/// Uploads the zip to every place, and has it signed there if that is configured. This is done before the claim, which
/// is valid only for a short time.
async fn upload(publication: &Publication<'_>, registry: &Registry, console: &Console) -> (Places, SignedZips) {
    let mut places = Places { ready: registry.places(), failed: Vec::new() };
    let mut signed = SignedZips::new();
    if registry.needs_upload() {
        let step = console.step("Upload");
        let upload = |place: Place| async move {
            let uploaded = registry.upload(&place, publication.version.layer, publication.version.archive).await;
            (place, uploaded)
        };
        let mut unreadable = Unreadable::new();
        for (place, uploaded) in join_all(places.ready.iter().cloned().map(upload)).await {
            match uploaded {
                Ok(Some(zip)) => drop(signed.insert(place, zip)),
                Ok(None) => {}
                Err(error) => drop(unreadable.insert(place, error)),
            }
        }
        places.fail(unreadable);
        let size = publication.version.archive.zipped_size.to_string();
        step.done(if signed.is_empty() { size } else { format!("{size}, signed") });
    }
    (places, signed)
}

async fn publish_missing(
    places: &[Place],
    publication: &Publication<'_>,
    signed: &SignedZips,
    registry: &Registry,
    turn: &Turn<'_>,
    console: &Console,
) -> Vec<PlaceOutcome> {
    let state = turn.lease.state();
    let published = places.iter().map(|place| async {
        let version = NewVersion { signed: signed.get(place), ..publication.version };
        let result = match version.fitting(&state, place) {
            Some(known) => Ok(Placed { arn: known.arn.clone(), declares: known.declares.clone(), published: false }),
            None => publish_in(place, &version, registry, turn, console).await,
        };
        PlaceOutcome { place: place.clone(), result }
    });
    join_all(published).await
}

/// Publishes in one place. Meanwhile a request that was thought to be lost may have published a version with the same
/// content. Its number is between the known ones and the new one, and the lower number counts.
async fn publish_in(
    place: &Place,
    version: &NewVersion<'_>,
    registry: &Registry,
    turn: &Turn<'_>,
    console: &Console,
) -> anyhow::Result<Placed> {
    let Receipt { arn, declares } = registry.publish(place, version, &turn.lease).await?;
    if declares.compatible_architectures.is_empty() && !version.declaration.compatible_architectures.is_empty() {
        console.notice(&format!(
            "{place} does not support `compatible-architectures`: `{arn}` was published without them"
        ));
    }
    let declares = Some(declares);
    let highest = turn.highest.get(place).copied().unwrap_or(0);
    match registry.earlier_twin(place, version, &arn, highest).await {
        Ok(None) => Ok(Placed { arn, declares, published: true }),
        Ok(Some(twin)) => {
            let twins = [record::Twin { place: place.clone(), extra: arn, kept: twin.clone(), is_ours: true }];
            record::remove_twins(&twins, version.layer, registry, console).await;
            Ok(Placed { arn: twin, declares, published: false })
        }
        Err(error) => {
            let text = Explanation::of(&error).one_line();
            console.warning(&format!("could not check whether `{arn}` is the only version with this content: {text}"));
            Ok(Placed { arn, declares, published: true })
        }
    }
}

/// A claim of this run, under which it publishes or records what exists.
struct Turn<'a> {
    lease: Lease<'a>,
    /// The highest version number in each list.
    highest: BTreeMap<Place, u64>,
}

async fn claim<'a>(
    places: &mut Places,
    publication: &Publication<'_>,
    registry: &Registry,
    store: &'a StateStore,
    console: &Console,
) -> anyhow::Result<Turn<'a>> {
    let (layer, content) = (publication.version.layer, publication.version.identity.content);
    let mut ticks = tokio::time::interval(POLL);
    let start = tokio::time::Instant::now();
    let (mut told, mut told_of_watch) = (false, false);
    while start.elapsed() < PATIENCE {
        ticks.tick().await;
        let Known { mut state, tag, unreadable, lists } = read(registry, store, layer, console).await?;
        places.fail(unreadable);
        state.settle(registry.settling(), store.now());
        let unclaimed = |state, tag| Turn {
            lease: Lease::unclaimed(store, state, tag, publication.owner.clone()),
            highest: BTreeMap::new(),
        };
        if is_everywhere(places, publication, registry, &mut state).await {
            // When this job decided, the version was missing, so another job was faster.
            if !told && is_of_this_run(state.publisher.as_deref(), &publication.owner) {
                warn_of_twin(layer, console);
            }
            return Ok(unclaimed(state, tag));
        }
        if let Some(other) = state.claim.as_ref().filter(|claim| claim.owner != publication.owner) {
            if !told {
                console.note(&format!("waiting for {}, which is working on `{layer}`", other.owner.run));
                if is_of_this_run(other.owner.workflow_run(), &publication.owner) {
                    warn_of_twin(layer, console);
                }
                told = true;
            }
            continue;
        }
        // Versions that may be removed right now are not adopted.
        let is_open = state.may_go(content);
        let lists = match lists {
            _ if is_open => Lists::new(),
            // A state that was not stored was made from the lists.
            Some(lists) => lists,
            None => {
                let (lists, unreadable) =
                    recover(registry, &places.ready, Some(content), &mut state, store.now()).await;
                places.fail(unreadable);
                lists
            }
        };
        if adopt(places, publication, registry, &lists, &mut state, store.now()).await {
            return Ok(unclaimed(state, tag));
        }
        if is_open || state.may_come(content) {
            if !told_of_watch {
                let seconds = registry.settling().as_secs();
                console.note(&format!(
                    "a request of an earlier run may still be in progress: watching the versions of `{layer}` for up to {seconds} seconds"
                ));
                told_of_watch = true;
            }
            tokio::time::sleep(WATCH).await;
            continue;
        }
        let claim = Claim::new(publication.version.identity, publication.owner.clone(), store.now());
        if let Some(lease) = Lease::claim(store, state, &tag, claim).await? {
            return Ok(Turn { lease, highest: highest(&lists) });
        }
    }
    Err(Failure::system(format!("other runs have been publishing `{layer}` for {} minutes", PATIENCE.as_secs() / 60))
        .hint(format!("check `{}`; the claim of a run that died expires by itself", store.place(layer)))
        .into())
}

fn is_of_this_run(run: Option<&str>, owner: &Owner) -> bool {
    run.is_some() && run == owner.workflow_run()
}

fn warn_of_twin(layer: &LayerName, console: &Console) {
    console.warning(&format!(
        "another job of this run published `{layer}` at the same time: check whether the matrix contains it twice"
    ));
}

/// Whether each place has the content with the wanted declaration. Versions that no longer exist are taken out of the
/// state.
async fn is_everywhere(
    places: &mut Places,
    publication: &Publication<'_>,
    registry: &Registry,
    state: &mut State,
) -> bool {
    let content = publication.version.identity.content;
    let known = &*state;
    let asked = places.ready.iter().map(|place| async move {
        let Some(version) = known.version_in(content, place) else { return (place, None, Ok(None)) };
        let declares = registry.declared_by(place, publication.version.layer, version, content).await;
        (place, Some(version.arn.clone()), declares)
    });
    let (mut everywhere, mut gone, mut unreadable) = (true, Vec::new(), Unreadable::new());
    let mut there = Vec::new();
    for (place, arn, declares) in join_all(asked).await {
        match declares {
            Ok(Some(declares)) => {
                everywhere &= publication.version.declaration.fits(Some(&declares));
                there.extend(arn.map(|arn| (arn, declares)));
            }
            Ok(None) => {
                gone.extend(arn);
                everywhere = false;
            }
            Err(error) => {
                unreadable.insert(place.clone(), error);
            }
        }
    }
    for arn in &gone {
        state.forget(arn);
    }
    for (arn, declares) in &there {
        state.note_declared(arn, Some(declares));
    }
    places.fail(unreadable);
    everywhere
}
