//! Removes versions that no rule keeps and nobody uses, and the zips that no version needs.

pub(super) mod decide;
mod forget;
pub(super) mod plan;
pub(super) mod read;
mod remove;
pub(super) mod rows;

use crate::console::Console;
use crate::error::{Failure, Problems, counted, nearest};
use crate::registry::claim::Owner;
use crate::registry::publish::Known;
use crate::registry::state::State;
use crate::registry::store::StateStore;
use crate::registry::{Registry, publish};
use crate::spec::{Retention, Spec, VersionCommandSpec};
use crate::types::{ByteSize, Label, LayerName, ParameterTemplate};
use crate::versions::{Change, ChangeKind, ChangeOutcome};

/// The input of a clean-up.
struct Cleaner<'a> {
    retention: &'a Retention,
    layer: &'a LayerName,
    ssm_parameter: Option<&'a ParameterTemplate>,
    owner: Owner,
    /// Whether it removes anything, or only plans.
    applies: bool,
    registry: &'a Registry,
    console: &'a Console,
}

/// For the command `cleanup`.
///
/// # Errors
/// A failure that prevents the whole clean-up.
pub async fn run(
    retention: &Retention,
    spec: &VersionCommandSpec,
    known: &Known,
    owner: Owner,
    registry: &Registry,
    store: &mut StateStore,
    console: &Console,
) -> anyhow::Result<Vec<Change>> {
    let cleaner = Cleaner {
        retention,
        layer: &spec.layer,
        ssm_parameter: spec.ssm_parameter.as_ref(),
        owner,
        applies: retention.applies && !spec.dry_run,
        registry,
        console,
    };
    clean(&cleaner, known, store).await
}

/// The clean-up after publishing. If it fails, the published versions stay.
pub async fn follow(
    retention: &Retention,
    spec: &Spec,
    owner: Owner,
    registry: &Registry,
    store: &mut StateStore,
    console: &Console,
) -> Vec<Change> {
    let cleaner = Cleaner {
        retention,
        layer: &spec.layer,
        ssm_parameter: spec.follow_up.ssm_parameter.as_ref(),
        owner,
        applies: retention.applies && !spec.dry_run,
        registry,
        console,
    };
    let cleaned = match publish::read(registry, store, &spec.layer, console).await {
        Ok(known) => clean(&cleaner, &known, store).await,
        Err(error) => Err(error),
    };
    cleaned.unwrap_or_else(|error| {
        let place = &registry.places()[0];
        vec![
            Change::new(place, ChangeKind::Cleanup, "clean-up", "nothing was removed", ChangeOutcome::Failed)
                .failed(&error),
        ]
    })
}

async fn clean(cleaner: &Cleaner<'_>, known: &Known, store: &mut StateStore) -> anyhow::Result<Vec<Change>> {
    check(&known.state, cleaner, store)?;
    let step = cleaner.console.step("Find versions in use");
    let mut read = read::read(cleaner.registry, cleaner.layer, cleaner.ssm_parameter, &known.state).await;
    let listed = read.places.iter().map(|place| place.listed.len()).sum();
    step.done(format!("{}, {} in use", counted(listed, "version"), read.usage.functions.len()));
    let before: Vec<Option<ByteSize>> = read.places.iter().map(|place| place.storage).collect();
    let mut state = known.state.clone();
    state.settle(cleaner.registry.settling(), store.now());
    let plan = plan::plan(&read, &state, cleaner.retention, &cleaner.owner, store.now());
    if !cleaner.applies {
        return Ok(rows::rows(cleaner, &read, &plan, &before, None));
    }
    let step = cleaner.console.step("Remove");
    let (plan, removed) = remove::remove(cleaner, &mut read, plan, store).await;
    if let (Some(aws), false) = (cleaner.registry.aws(), removed.done.is_empty()) {
        for place in read.places.iter_mut().filter(|place| place.storage.is_some()) {
            place.storage = aws.code_storage(&place.place).await.ok();
        }
    }
    step.done(counted(removed.done.len(), "version"));
    Ok(rows::rows(cleaner, &read, &plan, &before, Some(&removed)))
}

/// Checks that a clean-up can rely on the state, and warns about labels that may be misspelt.
fn check(state: &State, cleaner: &Cleaner<'_>, store: &StateStore) -> Result<(), Failure> {
    let place = store.place(cleaner.layer);
    if !state.contents.is_empty() && state.current_content().is_none() {
        let failure = Failure::user(format!("`{place}` does not contain the current version"));
        return Err(failure.hint(format!("correct or remove the file, then publish `{}` once", cleaner.layer)));
    }
    let mut problems = Problems::default();
    let kept = &cleaner.retention.labels;
    for label in kept.iter().filter(|label| !state.labels.contains_key(*label) && state.rebuilt.is_none()) {
        let message = format!("`keep-labels` contains `{label}`, but no version of `{}` has this label", cleaner.layer);
        let others = state.labels.keys().filter(|known| !kept.contains(known)).map(Label::as_str);
        match nearest(label.as_str(), others) {
            Some(known) => problems.push(Failure::user(message).hint(format!("did you mean `{known}`?"))),
            None => cleaner.console.warning(&message),
        }
    }
    problems.into_result()
}

/// A summary such as `12 would be removed, 8 kept: 34.1 MB`.
pub fn count(changes: &[Change]) -> String {
    rows::count(changes)
}
