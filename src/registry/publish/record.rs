//! Records in the state what was published or found. If another run wrote the state meanwhile, it is read again.

use jiff::Timestamp;

use super::{PlaceOutcome, Placed, Publication};
use crate::console::Console;
use crate::error::Explanation;
use crate::registry::Registry;
use crate::registry::lease::Lease;
use crate::registry::state::State;
use crate::types::{LayerName, LayerVersionArn, Place};

/// The result of recording.
pub(super) struct Recorded {
    pub outcomes: Vec<PlaceOutcome>,
    /// Whether a clean-up removed a version that was to be adopted, so that it has to be published.
    pub is_lost: bool,
    pub twins: Vec<Twin>,
    pub state: State,
    /// Whether the list of versions could be written.
    pub listed: anyhow::Result<()>,
}

/// A second version with the same content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Twin {
    pub place: Place,
    pub extra: LayerVersionArn,
    pub kept: LayerVersionArn,
    /// Whether this run published the second version, so that nobody uses it yet.
    pub is_ours: bool,
}

/// Records the outcomes. `made` are the versions that this run published, in this turn or an earlier one.
///
/// # Errors
/// The state cannot be written; the error names the versions that are published nevertheless.
pub(super) async fn record(
    outcomes: Vec<PlaceOutcome>,
    made: &[LayerVersionArn],
    publication: &Publication<'_>,
    lease: Lease<'_>,
) -> Result<Recorded, (Vec<PlaceOutcome>, anyhow::Error)> {
    let placed: Vec<(Place, Placed)> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.place.clone(), outcome.result.as_ref().ok()?.clone())))
        .collect();
    let mut noted = Noted::default();
    let ended = lease.end(|state, now, is_again| noted = note(&placed, made, publication, state, now, is_again)).await;
    let (state, listed) = match ended {
        Ok(ended) => ended,
        Err(error) => return Err((outcomes, error)),
    };
    let outcomes = outcomes.into_iter().map(|outcome| {
        let kept = noted.kept.iter().find(|(place, _)| *place == outcome.place);
        match (outcome.result, kept) {
            (Ok(_), Some((_, arn))) => {
                let declares = state.declared(arn).cloned();
                let placed = Placed { arn: arn.clone(), declares, published: made.contains(arn) };
                PlaceOutcome { place: outcome.place, result: Ok(placed) }
            }
            (result, _) => PlaceOutcome { place: outcome.place, result },
        }
    });
    Ok(Recorded { outcomes: outcomes.collect(), is_lost: noted.is_lost, twins: noted.twins, state, listed })
}

#[derive(Default)]
struct Noted {
    kept: Vec<(Place, LayerVersionArn)>,
    twins: Vec<Twin>,
    is_lost: bool,
}

fn note(
    placed: &[(Place, Placed)],
    made: &[LayerVersionArn],
    publication: &Publication<'_>,
    state: &mut State,
    now: Timestamp,
    is_again: bool,
) -> Noted {
    let identity = publication.version.identity;
    let mut noted = Noted::default();
    for (place, placed) in placed {
        let known = publication.version.fitting(state, place).map(|version| version.arn.clone());
        match known {
            Some(known) if known == placed.arn => noted.kept.push((place.clone(), known)),
            // Another run published one, too, which could not be noticed: the lower number counts.
            Some(known) if placed.published => {
                let is_ours_first = placed.arn.version() < known.version();
                let (kept, extra) =
                    if is_ours_first { (placed.arn.clone(), known) } else { (known, placed.arn.clone()) };
                state.forget(&extra);
                state.record_declared(identity, &kept, placed.declares.clone(), now);
                noted.kept.push((place.clone(), kept.clone()));
                let is_ours = !is_ours_first;
                noted.twins.push(Twin { place: place.clone(), extra, kept, is_ours });
            }
            Some(known) => noted.kept.push((place.clone(), known)),
            None if placed.published || made.contains(&placed.arn) || !is_again => {
                // A version with another declaration also has the content.
                if let Some(other) = state.version_in(identity.content, place).map(|version| version.arn.clone()) {
                    state.forget(&other);
                }
                state.record_declared(identity, &placed.arn, placed.declares.clone(), now);
                noted.kept.push((place.clone(), placed.arn.clone()));
            }
            None => noted.is_lost = true,
        }
    }
    for (_, arn) in &noted.kept {
        let is_known = state.touch(identity.content, arn, now);
        debug_assert!(is_known, "was recorded above");
    }
    if !noted.kept.is_empty() && !noted.is_lost {
        let destinations = noted.kept.iter().map(|(_, arn)| arn.destination());
        state.set_current(identity.fingerprint, publication.build.clone(), destinations, now);
        remember_content(state, publication);
    }
    if placed.iter().any(|(_, placed)| placed.published) {
        state.publisher = publication.owner.workflow_run().map(str::to_owned);
    }
    noted
}

fn remember_content(state: &mut State, publication: &Publication<'_>) {
    if let Some(content) = state.contents.get_mut(&publication.version.identity.content) {
        content.zipped_size = publication.content.zipped_size;
        content.unzipped_size = publication.content.unzipped_size;
        content.distributions.clone_from(&publication.content.distributions);
        content.standings.clone_from(&publication.content.standings);
        content.findings.clone_from(&publication.content.findings);
        content.python.clone_from(&publication.content.python);
        content.architecture.clone_from(&publication.content.architecture);
    }
}

/// Warns that there are two versions, and removes the one that nobody uses yet.
pub(super) async fn remove_twins(twins: &[Twin], layer: &LayerName, registry: &Registry, console: &Console) {
    for Twin { place, extra, kept, is_ours } in twins {
        let (number, first) = (extra.version(), kept.version());
        let doubled =
            format!("version {number} of `{layer}` in {place} has the same content as version {first}, which is kept");
        if !is_ours {
            console.warning(&format!(
                "{doubled}; version {number} is kept too, because another run published it and may have reported it"
            ));
            continue;
        }
        match registry.remove_unused(place, layer, extra).await {
            Ok(true) => console.warning(&format!("{doubled}; version {number} was removed")),
            Ok(false) => {
                console.warning(&format!("{doubled}; version {number} is kept too, because a function uses it"));
            }
            Err(error) => {
                let text = Explanation::of(&error).one_line();
                console.warning(&format!("{doubled}; could not remove version {number}: {text}"));
            }
        }
    }
}
