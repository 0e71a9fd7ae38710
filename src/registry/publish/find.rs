//! Finds out what is published, from the state or otherwise from the lists of versions, and which versions can be
//! adopted.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jiff::Timestamp;

use super::{Places, Publication};
use crate::console::Console;
use crate::error::{Failure, Kind, Problems};
use crate::registry::state::{State, Version};
use crate::registry::store::{StateStore, Stored, Tag};
use crate::registry::{Listed, Registry};
use crate::types::description::Declared;
use crate::types::{ContentHash, LayerName, Place};

/// The places that did not answer, with their errors.
pub type Unreadable = BTreeMap<Place, anyhow::Error>;
/// The versions of each place that answered, newest first.
pub(super) type Lists = BTreeMap<Place, Vec<Listed>>;

/// The stored state, or one from the lists of versions if there is none.
#[derive(Debug)]
pub struct Known {
    pub state: State,
    /// The tag of the stored state.
    pub tag: Tag,
    /// Places whose list was needed but could not be read.
    pub unreadable: Unreadable,
    /// The lists, if they were needed.
    pub(super) lists: Option<Lists>,
}

impl Known {
    /// The Pythons of the current version, such as `3.13`: the one that it was built for, or those that it declares.
    /// For a layer without a state, those that the newest versions declare. Empty if that is not known.
    pub fn pythons(&self) -> BTreeSet<String> {
        let current = self.state.current_content().map(|(_, content)| content);
        if let Some(python) = current.and_then(|content| content.python.clone()) {
            return [python].into();
        }
        let of_current = current.into_iter().flat_map(|content| content.versions.values());
        let newest = self.lists.iter().flat_map(BTreeMap::values).filter_map(|listed| listed.first());
        let runtimes = |declared: Option<&Declared>| -> Vec<String> {
            let names = declared.into_iter().flat_map(|declared| &declared.compatible_runtimes);
            names.filter_map(|name| name.strip_prefix("python")).map(str::to_owned).collect()
        };
        let of_current: BTreeSet<String> = of_current.flat_map(|version| runtimes(version.declares.as_ref())).collect();
        if of_current.is_empty() {
            newest.flat_map(|listed| runtimes(listed.declares.as_ref())).collect()
        } else {
            of_current
        }
    }
}

/// Reads the state, or makes one from the lists of versions.
///
/// # Errors
/// The store cannot be read. Without a state, no list can be read, or one cannot for a reason that the user has to fix.
pub async fn read(
    registry: &Registry,
    store: &StateStore,
    layer: &LayerName,
    console: &Console,
) -> anyhow::Result<Known> {
    let Stored { state, tag } = store.read(layer).await?;
    if let Some(state) = state {
        return Ok(Known { state, tag, unreadable: Unreadable::new(), lists: None });
    }
    if tag != Tag::Absent {
        console.warning(&format!(
            "`{}` is not a valid state; it is rebuilt from the list of versions",
            store.place(layer)
        ));
    }
    let mut state = State::new(layer);
    let places = registry.places();
    let (lists, mut unreadable) = recover(registry, &places, None, &mut state, store.now()).await;
    if unreadable.len() == places.len() {
        return Err(unreadable.remove(&places[0]).expect("all places are in it"));
    }
    let mut problems = Problems::default();
    let failures = unreadable.values().filter_map(|error| error.downcast_ref::<Failure>());
    for failure in failures.filter(|failure| failure.kind == Kind::User) {
        problems.push(failure.clone());
    }
    problems.into_result()?;
    state.rebuilt = (!state.contents.is_empty()).then(|| store.now());
    Ok(Known { state, tag, unreadable, lists: Some(lists) })
}

/// Records the versions of the lists that have an identity. Versions with the content that is being published are left
/// out, because AWS is asked which of them counts. AWS is also asked whether versions exist that an existing state does
/// not know, because lists show removed versions for a while.
pub(super) async fn recover(
    registry: &Registry,
    places: &[Place],
    left_open: Option<ContentHash>,
    state: &mut State,
    now: Timestamp,
) -> (Lists, Unreadable) {
    let layer = state.layer.clone();
    let mut newest = None;
    let (mut lists, mut unreadable) = (Lists::new(), Unreadable::new());
    let answers = join_all(places.iter().map(|place| registry.list(place, &layer))).await;
    for (place, listed) in places.iter().zip(answers) {
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                unreadable.insert(place.clone(), error);
                continue;
            }
        };
        // Oldest first: of two versions with the same content, the first counts.
        for version in listed.iter().rev() {
            if let Some(identity) = version.identity {
                let is_unknown =
                    left_open != Some(identity.content) && state.version_in(identity.content, place).is_none();
                // A new state records the latest declaration for each content.
                if left_open.is_none() || (is_unknown && is_there(registry, place, version, &layer, now).await) {
                    state.record_declared(identity, &version.arn, version.declares.clone(), now);
                }
                newest = (Some(place) == places.first()).then_some(identity.fingerprint).or(newest);
            }
        }
        lists.insert(place.clone(), listed);
    }
    state.current = state.current.or(newest);
    (lists, unreadable)
}

/// Whether a version exists. `false` if the place does not answer; the next run asks again.
async fn is_there(registry: &Registry, place: &Place, listed: &Listed, layer: &LayerName, now: Timestamp) -> bool {
    let Some(identity) = listed.identity else { return false };
    let version = Version { arn: listed.arn.clone(), version: listed.arn.version(), recorded: now, declares: None };
    registry.exists(place, layer, &version, identity.content).await.unwrap_or(false)
}

/// The highest version number in each list.
pub(super) fn highest(lists: &Lists) -> BTreeMap<Place, u64> {
    let newest = lists.iter().filter_map(|(place, listed)| Some((place.clone(), listed.first()?.arn.version())));
    newest.collect()
}

/// For each place where the state has no version with the content and the wanted declaration, records the first
/// existing one in the list. Returns whether all places have one then.
pub(super) async fn adopt(
    places: &mut Places,
    publication: &Publication<'_>,
    registry: &Registry,
    lists: &Lists,
    state: &mut State,
    now: Timestamp,
) -> bool {
    let identity = publication.version.identity;
    let known = &*state;
    let asked = places.ready.iter().map(|place| async move {
        if publication.version.fitting(known, place).is_some() {
            return (place, Ok(None));
        }
        let listed = lists.get(place).map(Vec::as_slice).unwrap_or_default();
        let fits = |listed: &&Listed| listed.identity.is_some_and(|listed| listed.content == identity.content);
        for listed in listed.iter().rev().filter(fits) {
            let (arn, version) = (listed.arn.clone(), listed.arn.version());
            let version = Version { arn, version, recorded: now, declares: None };
            match registry.declared_by(place, publication.version.layer, &version, identity.content).await {
                Ok(Some(declares)) if publication.version.declaration.fits(Some(&declares)) => {
                    return (place, Ok(Some((listed.clone(), declares))));
                }
                Ok(_) => {}
                Err(error) => return (place, Err(error)),
            }
        }
        (place, Ok(None))
    });
    let mut unreadable = Unreadable::new();
    for (place, found) in join_all(asked).await {
        match found {
            Ok(Some((listed, declares))) => {
                if let Some(other) = state.version_in(identity.content, place).map(|version| version.arn.clone()) {
                    state.forget(&other);
                }
                state.record_declared(listed.identity.unwrap_or(identity), &listed.arn, Some(declares), now);
            }
            Ok(None) => {}
            Err(error) => drop(unreadable.insert(place.clone(), error)),
        }
    }
    places.fail(unreadable);
    places.ready.iter().all(|place| publication.version.fitting(state, place).is_some())
}
