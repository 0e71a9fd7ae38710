//! Selects the versions for a command: one in each place, all with the same content.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::error::Failure;
use crate::registry::state::State;
use crate::registry::{Listed, Registry};
use crate::spec::VersionChoice;
use crate::types::{ContentHash, LayerName, LayerVersionArn, Place};

/// After this time, lists should show a new version.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// The version of one place.
#[derive(Debug)]
pub struct Chosen {
    pub place: Place,
    /// The version's ARN; `Err` if there is none, or the list cannot be read.
    pub arn: anyhow::Result<LayerVersionArn>,
}

/// The selected versions, in the order of the places.
#[derive(Debug)]
pub struct Choice {
    /// `None` for a version that another tool published.
    pub content: Option<ContentHash>,
    pub versions: Vec<Chosen>,
}

/// Selects the versions. The first place decides; the others follow with the version that has the same content.
///
/// # Errors
/// The first place has no such version, or no version has the label.
pub async fn choose(
    choice: &VersionChoice,
    layer: &LayerName,
    state: &State,
    registry: &Registry,
    console: &Console,
) -> anyhow::Result<Choice> {
    let places = registry.places();
    let lists = join_all(places.iter().map(|place| list(place, layer, state, registry))).await;
    let mut lists: Vec<(Place, anyhow::Result<Vec<Listed>>)> = places.into_iter().zip(lists).collect();
    let (first, list) = lists.remove(0);
    let first_list = list?;
    let found = match choice {
        VersionChoice::Newest => {
            let current = current(&first_list, state);
            if let Some((current, newest)) = current.zip(first_list.first()).filter(|(one, other)| one.arn != other.arn)
            {
                console.notice(&format!(
                    "version {} of `{layer}` is current in {first}, not {}, which has the highest number; set `layer-version` to choose another version",
                    current.arn.version(),
                    newest.arn.version(),
                ));
            }
            current.or_else(|| first_list.first())
        }
        VersionChoice::Number(number) => first_list.iter().find(|listed| listed.arn.version() == *number),
        VersionChoice::Labelled(label) => {
            let contents = state.labels.get(label);
            let has_label = |content: Option<ContentHash>| {
                content.is_some_and(|content| contents.is_some_and(|contents| contents.contains(&content)))
            };
            first_list.iter().find(|listed| has_label(content_of(listed, state)))
        }
    };
    let Some(found) = found else {
        let failure = missing(choice, layer, &first, &first_list);
        return Err(busy(state).unwrap_or(failure).into());
    };
    let content = content_of(found, state);
    let others = lists.into_iter().map(|(place, list)| {
        let arn = list.and_then(|list| {
            let same = |listed: &&Listed| match content {
                Some(content) => content_of(listed, state) == Some(content),
                None => listed.arn.version() == found.arn.version(),
            };
            let is_named = |listed: &&Listed| state.content_of_version(&listed.arn).is_some();
            // Of two versions with the same content, the state says which counts.
            let listed = list.iter().find(|listed| same(listed) && is_named(listed)).or_else(|| list.iter().find(same));
            let version = found.arn.version();
            Ok(listed.map(|listed| listed.arn.clone()).ok_or_else(|| {
                let failure = Failure::user(format!(
                    "the content of version {version} of `{layer}` in {first} is not published in {place}"
                ));
                busy(state).unwrap_or_else(|| failure.hint("publish it there first"))
            })?)
        });
        Chosen { place, arn }
    });
    let others: Vec<Chosen> = others.collect();
    let versions = std::iter::once(Chosen { place: first.clone(), arn: Ok(found.arn.clone()) }).chain(others).collect();
    Ok(Choice { content, versions })
}

/// The list of versions, with recent ones from the state, because lists show new versions late.
async fn list(place: &Place, layer: &LayerName, state: &State, registry: &Registry) -> anyhow::Result<Vec<Listed>> {
    let mut listed = registry.list(place, layer).await?;
    let newest = listed.first().map_or(0, |listed| listed.arn.version());
    let now = Timestamp::now();
    let versions =
        state.contents.iter().flat_map(|(content, known)| known.versions.iter().map(move |of| (content, of)));
    for (content, (destination, version)) in versions {
        let is_new = version.version > newest && now.duration_since(version.recorded).abs() < LATE;
        if place.is(destination) && is_new && registry.exists(place, layer, version, *content).await? {
            let (arn, declares) = (version.arn.clone(), version.declares.clone());
            listed.push(Listed { arn, identity: None, created: None, size: None, declares });
        }
    }
    listed.sort_by_key(|listed| std::cmp::Reverse(listed.arn.version()));
    Ok(listed)
}

/// The failure for a missing version that may still appear: a run that is publishing writes all places into the state
/// together.
fn busy(state: &State) -> Option<Failure> {
    let claim = state.claim.as_ref().filter(|claim| !claim.owner.is_dead())?;
    let failure = Failure::system(format!(
        "{} is working on `{}`, and not all versions are known yet",
        claim.owner.run, state.layer
    ));
    Some(failure.hint("run again when it is done"))
}

/// The current version according to the state; `None` if the state has none, or the version no longer exists.
fn current<'a>(list: &'a [Listed], state: &State) -> Option<&'a Listed> {
    let destination = list.first()?.arn.destination();
    let content = state.current_of(&destination)?;
    let version = state.contents.get(&content)?.versions.get(&destination)?;
    list.iter().find(|listed| listed.arn == version.arn)
}

/// The content of a version, according to the state or to the version's own description.
fn content_of(listed: &Listed, state: &State) -> Option<ContentHash> {
    state.content_of_version(&listed.arn).or_else(|| Some(listed.identity?.content))
}

fn missing(choice: &VersionChoice, layer: &LayerName, place: &Place, list: &[Listed]) -> Failure {
    let known = match list {
        [] => {
            return Failure::user(format!("`{layer}` has no versions in {place}"))
                .hint("publish it first, or correct `layer-name` or the region");
        }
        [only] => format!("use version {}", only.arn.version()),
        [newest, .., oldest] => format!("use one of the versions {} to {}", oldest.arn.version(), newest.arn.version()),
    };
    match choice {
        VersionChoice::Number(number) => {
            Failure::user(format!("`{layer}` has no version {number} in {place}")).hint(known)
        }
        VersionChoice::Labelled(label) => {
            Failure::user(format!("no version of `{layer}` in {place} has the label `{label}`"))
                .hint(format!("{known}, or use the command `label` to add the label to a version"))
        }
        VersionChoice::Newest => {
            Failure::user(format!("`{layer}` has no versions in {place}")).hint("publish it first")
        }
    }
}
