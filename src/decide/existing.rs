//! Whether the versions that the state names still exist.

use crate::decide::plan::Match;
use crate::error::Explanation;
use crate::registry::Registry;
use crate::registry::publish::Unreadable;
use crate::registry::state::{State, Version};
use crate::spec::{Spec, Task};
use crate::types::Place;
use crate::types::description::Difference;

/// Whether the version that the state names in a place can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    pub place: Place,
    pub status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Exists(Version),
    /// It exists, but its declaration differs from the wanted one.
    Declares(Version, Vec<Difference>),
    /// The state names it, but it is gone.
    Vanished(Version),
    /// The state names it, but it is gone or lacks the signature that is asked for.
    Unsigned(Version),
    /// The state names none here.
    Missing,
    /// The region does not answer. The others continue without it.
    Unreadable(Explanation),
}

/// Asks each region whether the version still exists. The command `plan` relies on the state, unless `verify` is set.
///
/// # Errors
/// None of the places answers.
pub async fn ask(
    spec: &Spec,
    matched: Match,
    registry: &Registry,
    state: &State,
    mut unreadable: Unreadable,
) -> anyhow::Result<Vec<Existing>> {
    let (Match::SameInputs(content) | Match::SameMeaning(content)) = matched else { return Ok(Vec::new()) };
    let ask = spec.task == Task::Publish || spec.verify;
    let signing = spec.registry.signing_profile().is_some();
    let places = registry.places();
    let asked = places.iter().map(|place| async move {
        let Some(version) = state.version_in(content, place).cloned() else { return Ok(Status::Missing) };
        let version = if ask {
            match registry.declared_by(place, &spec.layer, &version, content).await? {
                Some(declares) => Version { declares: Some(declares), ..version },
                None if signing => return Ok(Status::Unsigned(version)),
                None => return Ok(Status::Vanished(version)),
            }
        } else {
            version
        };
        let grave = |declares| spec.declaration.grave_differences(declares);
        let differences = version.declares.as_ref().map(grave).unwrap_or_default();
        Ok(if differences.is_empty() { Status::Exists(version) } else { Status::Declares(version, differences) })
    });
    let answers = futures::future::join_all(asked).await;
    let (mut existing, mut last_error) = (Vec::new(), None);
    for (place, answer) in places.into_iter().zip(answers) {
        match unreadable.remove(&place).map_or(answer, Err) {
            Ok(status) => existing.push(Existing { place, status }),
            Err(error) => {
                existing.push(Existing { place, status: Status::Unreadable(Explanation::of(&error)) });
                last_error = Some(error);
            }
        }
    }
    let nothing_answers = existing.iter().all(|existing| matches!(existing.status, Status::Unreadable(_)));
    match last_error.filter(|_| nothing_answers) {
        Some(error) => Err(error),
        None => Ok(existing),
    }
}
