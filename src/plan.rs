//! Decides what a run has to do, from what is wanted, what is known and what exists. Pure.

use crate::error::Explanation;
use crate::fingerprint::{self, Fingerprinted};
use crate::registry::state::{State, Version};
use crate::types::ContentHash;

/// What to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub action: Action,
    /// One sentence for people, without a full stop.
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Everything is published: nothing to build.
    Unchanged(ContentHash),
    /// Not known, or not everywhere.
    Build,
}

/// Whether the version that the state names in a region can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub region: String,
    pub status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Exists(Version),
    /// The state names it, but it is gone.
    Vanished(Version),
    /// The state names none here.
    Missing,
    /// The region does not answer; the others go on without it.
    Unreadable(Explanation),
}

/// How the inputs compare to those of an earlier build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The inputs are the same to the byte.
    SameInputs(ContentHash),
    /// They mean the same: they were edited, or only what they meant is known.
    SameMeaning(ContentHash),
    New,
}

/// Looks the inputs up, first as they are, then as what they mean.
pub fn compare(wanted: &Fingerprinted, state: &State) -> Match {
    let inputs = wanted.inputs.hex();
    let same = state.builds.iter().find(|(_, build)| build.inputs.as_ref() == Some(&inputs));
    match (same, state.content_of(wanted.fingerprint)) {
        // The recorded digest must belong to this fingerprint, or the state is not of this program's making.
        (Some((fingerprint, build)), _) if *fingerprint == wanted.fingerprint => Match::SameInputs(build.content),
        (_, Some(content)) => Match::SameMeaning(content),
        _ => Match::New,
    }
}

/// `presence` is about the content that `compare` found, one entry a region; none for `Match::New`.
pub fn decide(matched: Match, wanted: &Fingerprinted, state: &State, presence: &[Presence]) -> Plan {
    let content = match matched {
        Match::SameInputs(content) | Match::SameMeaning(content) => content,
        Match::New => return Plan { action: Action::Build, reason: what_is_new(wanted, state) },
    };
    let vanished: Vec<String> = presence
        .iter()
        .filter_map(|presence| match &presence.status {
            Status::Vanished(version) => Some(format!("version {} is gone from {}", version.version, presence.region)),
            Status::Exists(_) | Status::Missing | Status::Unreadable(_) => None,
        })
        .collect();
    let missing: Vec<&str> = presence
        .iter()
        .filter(|presence| presence.status == Status::Missing)
        .map(|presence| presence.region.as_str())
        .collect();
    if !vanished.is_empty() || !missing.is_empty() {
        let missing = (!missing.is_empty()).then(|| format!("not yet published to {}", missing.join(", ")));
        let reason = vanished.into_iter().chain(missing).collect::<Vec<_>>().join("; ");
        return Plan { action: Action::Build, reason };
    }
    let version = version_of(presence);
    let reason = match matched {
        Match::SameInputs(_) => format!("the inputs are those of {version}"),
        Match::SameMeaning(_) | Match::New => {
            // A state made anew from the list of versions does not know the inputs themselves.
            let is_edited = state.builds.get(&wanted.fingerprint).is_some_and(|build| build.inputs.is_some());
            let edited = if is_edited { "were edited but " } else { "" };
            format!("the inputs {edited}mean the same as those of {version}")
        }
    };
    Plan { action: Action::Unchanged(content), reason }
}

fn what_is_new(wanted: &Fingerprinted, state: &State) -> String {
    let Some(current) = state.current.and_then(|fingerprint| state.builds.get(&fingerprint)) else {
        return if state.builds.is_empty() {
            "the layer was never published".to_owned()
        } else {
            "the inputs are not those of any published version".to_owned()
        };
    };
    let Some(recipe) = &current.recipe else {
        return "the inputs are not those of the current version, of which only the fingerprint is known".to_owned();
    };
    let mut differences = fingerprint::differences(recipe, &wanted.recipe.to_json());
    let more = differences.len().saturating_sub(8);
    differences.truncate(8);
    if more > 0 {
        differences.push(format!("and {more} more"));
    }
    if differences.is_empty() {
        "the inputs are not those of the current version".to_owned()
    } else {
        differences.join("; ")
    }
}

/// `version 3`, `version 3 (eu-west-1) and 5 (us-east-1)`
fn version_of(presence: &[Presence]) -> String {
    let mut numbers: Vec<(u64, &str)> = presence
        .iter()
        .filter_map(|presence| match &presence.status {
            Status::Exists(version) => Some((version.version, presence.region.as_str())),
            Status::Vanished(_) | Status::Missing | Status::Unreadable(_) => None,
        })
        .collect();
    numbers.sort_unstable();
    match numbers.as_slice() {
        [] => "a published version".to_owned(),
        [(first, _), rest @ ..] if rest.iter().all(|(number, _)| number == first) => format!("version {first}"),
        several => {
            let texts: Vec<String> = several.iter().map(|(number, region)| format!("{number} in {region}")).collect();
            format!("version {}", texts.join(", "))
        }
    }
}
