//! Publishes a content everywhere it is missing, once, whatever other runs do and wherever a run is killed.
//!
//! A run claims the publish in the state, publishes, and records what it published. While another run holds the claim
//! this one waits, then finds the work done or does its own. A claim whose run died is taken over. Before anything is
//! published the lists of versions are read: what a run published that died, or that got no answer, is there alone.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use crate::console::Console;
use crate::error::{Failure, Kind, Problems, counted};
use crate::registry::aws::SignedZips;
use crate::registry::claim::{Claim, Owner};
use crate::registry::state::{Build, Content, State};
use crate::registry::store::{StateStore, Stored, Tag, Written};
use crate::registry::{NewVersion, Registry};
use crate::types::{LayerName, LayerVersionArn, Place};
use crate::version_list;

#[cfg(test)]
mod tests;

/// How often the state is read while another run publishes.
const POLL: Duration = Duration::from_millis(500);
/// When to give up waiting for others.
const PATIENCE: Duration = Duration::from_mins(20);

/// What to publish, and what to remember of it.
#[derive(Debug)]
pub struct Publication<'a> {
    pub version: NewVersion<'a>,
    pub build: Build,
    pub content: Content,
    pub owner: Owner,
}

/// What was done.
#[derive(Debug)]
pub struct Published {
    /// In the order of the places.
    pub outcomes: Vec<PlaceOutcome>,
    /// Whether the state tells of it. If not, the next run reads it off the lists of versions.
    pub recorded: anyhow::Result<()>,
    /// With what was published in it; `None` if no place could be uploaded to.
    pub state: Option<State>,
}

/// What became of one place.
#[derive(Debug)]
pub struct PlaceOutcome {
    pub place: Place,
    pub result: anyhow::Result<Placed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub arn: LayerVersionArn,
    /// By this run; else it was there already, or another run was faster.
    pub published: bool,
}

/// Places that did not answer, and why.
pub type Unreadable = BTreeMap<Place, anyhow::Error>;

/// Places on their way: one that fails stays behind, and the others go on.
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
/// What keeps all of it from being done; what fails in one place stands in its outcome.
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
    let mut claimed = claim(&mut places, publication, registry, store, console).await?;
    let mut outcomes = publish_missing(&places.ready, publication, &signed, registry, &claimed.state).await;
    let recorded = record(&outcomes, publication, &mut claimed, store).await;
    let made = outcomes.iter().filter(|outcome| outcome.result.as_ref().is_ok_and(|placed| placed.published)).count();
    step.done(if made == 0 { "nothing new".to_owned() } else { counted(made, "version") });
    outcomes.extend(places.failed);
    let order = registry.places();
    outcomes.sort_by_key(|outcome| order.iter().position(|place| *place == outcome.place));
    Ok(Published { outcomes, recorded, state: Some(claimed.state) })
}

/// Brings the zip to every place, and has it signed there if that is asked for: before the claim, which does not last.
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
    state: &State,
) -> Vec<PlaceOutcome> {
    let published = places.iter().map(|place| async move {
        let version = NewVersion { signed: signed.get(place), ..publication.version };
        let result = if let Some(known) = state.version_in(version.identity.content, place) {
            Ok(Placed { arn: known.arn.clone(), published: false })
        } else {
            let arn = registry.publish(place, &version).await;
            arn.map(|arn| Placed { arn, published: true })
        };
        PlaceOutcome { place: place.clone(), result }
    });
    join_all(published).await
}

/// The state with this run's claim in it, or without any if nothing is missing.
struct Claimed {
    state: State,
    /// What the store has, to know whether there is anything to write.
    stored: Option<State>,
    tag: Tag,
}

async fn claim(
    places: &mut Places,
    publication: &Publication<'_>,
    registry: &Registry,
    store: &mut StateStore,
    console: &Console,
) -> anyhow::Result<Claimed> {
    let layer = publication.version.layer;
    let mut ticks = tokio::time::interval(POLL);
    let start = tokio::time::Instant::now();
    let mut told = false;
    while start.elapsed() < PATIENCE {
        ticks.tick().await;
        let Known { mut state, tag, unreadable } = read(registry, store, layer, console).await?;
        places.fail(unreadable);
        let stored = Some(state.clone()).filter(|_| tag != Tag::Absent);
        state.claim.take_if(|claim| claim.is_abandoned(Timestamp::now()));
        if is_everywhere(places, publication, registry, &mut state).await {
            // Not when this job decided: another one was faster.
            if !told && is_of_this_run(state.publisher.as_deref(), &publication.owner) {
                warn_of_twin(layer, console);
            }
            return Ok(Claimed { state, stored, tag });
        }
        if let Some(other) = state.claim.as_ref().filter(|claim| claim.owner != publication.owner) {
            if !told {
                console.note(&format!("waiting for {}, which works on `{layer}`", other.owner.run));
                if is_of_this_run(other.owner.workflow_run(), &publication.owner) {
                    warn_of_twin(layer, console);
                }
                told = true;
            }
            continue;
        }
        // A state that was not stored comes from the lists already.
        if stored.is_some() {
            places.fail(recover(registry, &places.ready, &mut state).await);
            if is_everywhere(places, publication, registry, &mut state).await {
                return Ok(Claimed { state, stored, tag });
            }
        }
        state.claim = Some(Claim::new(publication.version.identity, publication.owner.clone(), Timestamp::now()));
        if let Written::Done(tag) = store.write(&state, &tag).await? {
            return Ok(Claimed { stored: Some(state.clone()), state, tag });
        }
    }
    Err(Failure::system(format!("other runs have been publishing `{layer}` for {} minutes", PATIENCE.as_secs() / 60))
        .hint(format!("look at `{}`; a claim of a dead run ends by itself", store.place(layer)))
        .into())
}

fn is_of_this_run(run: Option<&str>, owner: &Owner) -> bool {
    run.is_some() && run == owner.workflow_run()
}

fn warn_of_twin(layer: &LayerName, console: &Console) {
    console
        .warning(&format!("another job of this run published `{layer}` at the same time: is it in the matrix twice?"));
}

/// Whether each place has the content; forgets versions that are gone.
async fn is_everywhere(
    places: &mut Places,
    publication: &Publication<'_>,
    registry: &Registry,
    state: &mut State,
) -> bool {
    let content = publication.version.identity.content;
    let known = &*state;
    let asked = places.ready.iter().map(|place| async move {
        let Some(version) = known.version_in(content, place) else { return (place, None, Ok(false)) };
        let exists = registry.exists(place, publication.version.layer, version, content).await;
        (place, Some(version.arn.clone()), exists)
    });
    let (mut everywhere, mut gone, mut unreadable) = (true, Vec::new(), Unreadable::new());
    for (place, arn, exists) in join_all(asked).await {
        match exists {
            Ok(true) => {}
            Ok(false) => {
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
    places.fail(unreadable);
    everywhere
}

/// What the state says, or the lists of versions where there is none.
#[derive(Debug)]
pub struct Known {
    pub state: State,
    /// Of what is stored.
    pub tag: Tag,
    /// Places whose list was needed and could not be read.
    pub unreadable: Unreadable,
}

/// The stored state; without one, what the lists of versions say.
///
/// # Errors
/// The store cannot be read; without a state, not one list can, or one cannot for a reason that the user has to mend.
pub async fn read(
    registry: &Registry,
    store: &mut StateStore,
    layer: &LayerName,
    console: &Console,
) -> anyhow::Result<Known> {
    let Stored { state, tag } = store.read(layer).await?;
    if let Some(state) = state {
        return Ok(Known { state, tag, unreadable: Unreadable::new() });
    }
    if tag != Tag::Absent {
        console.warning(&format!("`{}` is not a state; it is made anew from the list of versions", store.place(layer)));
    }
    let mut state = State::new(layer);
    let places = registry.places();
    let mut unreadable = recover(registry, &places, &mut state).await;
    if unreadable.len() == places.len() {
        return Err(unreadable.remove(&places[0]).expect("all places are in it"));
    }
    let mut problems = Problems::default();
    let failures = unreadable.values().filter_map(|error| error.downcast_ref::<Failure>());
    for failure in failures.filter(|failure| failure.kind == Kind::User) {
        problems.push(failure.clone());
    }
    problems.into_result()?;
    state.rebuilt = (!state.contents.is_empty()).then(Timestamp::now);
    Ok(Known { state, tag, unreadable })
}

/// Records the versions of the lists that carry an identity; gives the places whose list cannot be read.
async fn recover(registry: &Registry, places: &[Place], state: &mut State) -> Unreadable {
    let layer = state.layer.clone();
    let now = Timestamp::now();
    let mut newest = None;
    let mut unreadable = Unreadable::new();
    let lists = join_all(places.iter().map(|place| registry.list(place, &layer))).await;
    for (place, listed) in places.iter().zip(lists) {
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                unreadable.insert(place.clone(), error);
                continue;
            }
        };
        for version in listed.iter().rev() {
            if let Some(identity) = version.identity {
                state.record_version(identity, &version.arn, now);
                newest = (Some(place) == places.first()).then_some(identity.fingerprint).or(newest);
            }
        }
    }
    state.current = state.current.or(newest);
    unreadable
}

/// Writes what was published into the state, as it is by then, and ends the claim.
async fn record(
    outcomes: &[PlaceOutcome],
    publication: &Publication<'_>,
    claimed: &mut Claimed,
    store: &mut StateStore,
) -> anyhow::Result<()> {
    let placed: Vec<&Placed> = outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok()).collect();
    let mut ticks = tokio::time::interval(POLL);
    loop {
        ticks.tick().await;
        let state = &mut claimed.state;
        for placed in &placed {
            state.record_version(publication.version.identity, &placed.arn, Timestamp::now());
        }
        if !placed.is_empty() {
            remember_content(state, publication);
        }
        if placed.iter().any(|placed| placed.published) {
            state.publisher = publication.owner.workflow_run().map(str::to_owned);
        }
        state.claim.take_if(|claim| claim.owner == publication.owner);
        if claimed.stored.as_ref() == Some(state) {
            return Ok(());
        }
        // Before the claim ends with this write: a run that is killed in between does both again.
        let listed = version_list::write(state, store).await;
        match store.write(state, &claimed.tag).await? {
            Written::Done(_) => return listed,
            Written::Conflict => {
                let Stored { state: stored, tag } = store.read(publication.version.layer).await?;
                let state = stored.clone().unwrap_or_else(|| State::new(publication.version.layer));
                *claimed = Claimed { state, stored, tag };
            }
        }
    }
}

fn remember_content(state: &mut State, publication: &Publication<'_>) {
    state.set_current(publication.version.identity.fingerprint, publication.build.clone());
    if let Some(content) = state.contents.get_mut(&publication.version.identity.content) {
        content.zipped_size = publication.content.zipped_size;
        content.unzipped_size = publication.content.unzipped_size;
        content.distributions.clone_from(&publication.content.distributions);
        content.findings.clone_from(&publication.content.findings);
        content.python.clone_from(&publication.content.python);
        content.architecture.clone_from(&publication.content.architecture);
    }
}
