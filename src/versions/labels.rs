//! Puts labels on versions and takes them off. The state stores labels, and SSM parameters follow them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::list;
use crate::console::Console;
use crate::error::Failure;
use crate::registry::publish::Known;
use crate::registry::state::State;
use crate::registry::store::{StateStore, Written};
use crate::registry::{Registry, publish};
use crate::spec::{Labelling, Spec, VersionCommandSpec};
use crate::types::{ContentHash, Label, LayerName, ParameterTemplate, Place, Target};
use crate::versions::select::Choice;
use crate::versions::{Change, ChangeKind, ChangeOutcome, parameters};

/// How often the state is read while others write it.
const POLL: Duration = Duration::from_millis(300);
/// The number of attempts.
const ATTEMPTS: usize = 30;

/// What to label, whichever command asks for it.
struct Wish<'a> {
    labelling: &'a Labelling,
    choice: &'a Choice,
    layer: &'a LayerName,
    template: Option<&'a ParameterTemplate>,
    /// The target, if it is known: a rebuilt state does not contain it.
    target: Option<Target>,
    dry_run: bool,
}

/// Changes labels for the command `label`.
///
/// # Errors
/// There is no state for labels, it cannot be written, or the version was not published by this program.
pub async fn apply(
    labelling: &Labelling,
    choice: &Choice,
    spec: &VersionCommandSpec,
    known: Known,
    registry: &Registry,
    store: &mut StateStore,
    console: &Console,
) -> anyhow::Result<Vec<Change>> {
    let VersionCommandSpec { layer, ssm_parameter, dry_run, .. } = spec;
    let wish = Wish { labelling, choice, layer, template: ssm_parameter.as_ref(), target: None, dry_run: *dry_run };
    wish.fulfil(known, registry, store, console).await
}

/// Changes labels after publishing. If they cannot be written, a row says so, because the versions are published.
pub async fn follow(
    labelling: &Labelling,
    choice: &Choice,
    spec: &Spec,
    registry: &Registry,
    store: &mut StateStore,
    console: &Console,
) -> Vec<Change> {
    let Spec { layer, follow_up, dry_run, target, .. } = spec;
    if choice.versions.is_empty() {
        return Vec::new();
    }
    let wish = Wish {
        labelling,
        choice,
        layer,
        template: follow_up.ssm_parameter.as_ref(),
        target: Some(*target),
        dry_run: *dry_run,
    };
    let done = match publish::read(registry, store, layer, console).await {
        Ok(known) => wish.fulfil(known, registry, store, console).await,
        Err(error) => Err(error),
    };
    done.unwrap_or_else(|error| {
        let place = &choice.versions[0].place;
        let failed = |label: &Label| row(place, label, "", ChangeOutcome::Failed).failed(&error);
        labelling.add.iter().map(failed).collect()
    })
}

impl Wish<'_> {
    async fn fulfil(
        &self,
        known: Known,
        registry: &Registry,
        store: &mut StateStore,
        console: &Console,
    ) -> anyhow::Result<Vec<Change>> {
        if let StateStore::Nowhere = store {
            let failure = Failure::user("labels are stored in the state, but there is no state");
            return Err(failure.hint("set `bucket`, or set `state` to a location for the state").into());
        }
        let place = &self.choice.versions[0].place;
        let content = self.choice.content.ok_or_else(|| self.is_foreign())?;
        let mut known = known;
        let mut ticks = tokio::time::interval(POLL);
        for _ in 0..ATTEMPTS {
            ticks.tick().await;
            let Known { state: before, tag, .. } = known;
            let mut after = before.clone();
            self.record(content, &mut after, registry).await?;
            relabel(self.labelling, content, &mut after);
            let changes = self.rows(place, &before, &after);
            let is_written = self.dry_run || after == before || {
                // The claim of another run stays as it is.
                matches!(store.write(&after, &tag).await?, Written::Done(_))
            };
            if is_written {
                return Ok(self.follow_up(changes, (&before, &after), content, registry, store).await);
            }
            known = publish::read(registry, store, self.layer, console).await?;
        }
        let failure = Failure::system(format!("other runs keep changing `{}`", store.place(self.layer)));
        Err(failure.hint("run again").into())
    }

    async fn follow_up(
        &self,
        mut changes: Vec<Change>,
        states: (&State, &State),
        content: ContentHash,
        registry: &Registry,
        store: &StateStore,
    ) -> Vec<Change> {
        if let Some(template) = self.template {
            let labels = self.labelling.add.union(&self.labelling.remove).cloned().collect();
            let named = parameters::follow_labels(template, &labels, content, states, registry, store, self.dry_run);
            changes.extend(named.await);
        }
        if !self.dry_run {
            changes.extend(list::bring_up_to_date(self.layer, &self.choice.versions[0].place, store).await);
        }
        changes
    }

    /// Records the selected versions if the state does not know them: a run was killed, or the state was lost.
    async fn record(&self, content: ContentHash, state: &mut State, registry: &Registry) -> anyhow::Result<()> {
        for chosen in &self.choice.versions {
            let Ok(arn) = &chosen.arn else { continue };
            if state.content_of_version(arn).is_some() {
                continue;
            }
            let listed = registry.list(&chosen.place, self.layer).await?;
            let found = listed.iter().find(|listed| listed.arn == *arn).and_then(|listed| listed.identity);
            if let Some(identity) = found.filter(|identity| identity.content == content) {
                state.record_version(identity, arn, Timestamp::now());
            }
        }
        if !state.contents.contains_key(&content) {
            return Err(self.is_foreign().into());
        }
        if let Some(target) = self.target {
            state.note_target(content, target);
        }
        Ok(())
    }

    fn is_foreign(&self) -> Failure {
        let chosen = self.choice.versions.iter().find_map(|chosen| chosen.arn.as_ref().ok());
        let version = chosen.map(|arn| format!("version {} of ", arn.version())).unwrap_or_default();
        let failure = Failure::user(format!("{version}`{}` was not published by lambda-layer", self.layer));
        failure.hint("publish the layer with lambda-layer first: only versions that it published can have labels")
    }

    fn rows(&self, place: &Place, before: &State, after: &State) -> Vec<Change> {
        let labels = self.labelling.add.union(&self.labelling.remove);
        let rows = labels.map(|label| {
            let (was, is) = (before.labels.get(label), after.labels.get(label));
            if was == is {
                let detail = versions_of(label, after, place).unwrap_or_else(|| "no version".to_owned());
                return row(place, label, detail, ChangeOutcome::Unchanged);
            }
            let outcome = if self.dry_run { ChangeOutcome::Would } else { ChangeOutcome::Done };
            let detail = match (versions_of(label, before, place), versions_of(label, after, place)) {
                (None, Some(is)) => is,
                (was, is) => {
                    let or_none = |versions: Option<String>| versions.unwrap_or_else(|| "no version".to_owned());
                    format!("{} → {}", or_none(was), or_none(is))
                }
            };
            row(place, label, detail, outcome)
        });
        rows.collect()
    }
}

fn relabel(labelling: &Labelling, content: ContentHash, state: &mut State) {
    for label in &labelling.add {
        let contents = state.labels.entry(label.clone()).or_default();
        if labelling.moves {
            contents.clear();
        }
        contents.insert(content);
    }
    for label in &labelling.remove {
        if let Some(contents) = state.labels.get_mut(label) {
            contents.remove(&content);
        }
    }
    state.labels.retain(|_, contents| !contents.is_empty());
}

/// For example `version 6`, or `version 6 and 7`: the numbers in a place, or the content if it has none there.
fn versions_of(label: &Label, state: &State, place: &Place) -> Option<String> {
    let contents = state.labels.get(label)?;
    let numbers: BTreeSet<u64> = contents
        .iter()
        .filter_map(|content| state.version_in(*content, place))
        .map(|version| version.version)
        .collect();
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    match numbers.as_slice() {
        [] => Some(format!("content {}", contents.first()?)),
        numbers => Some(format!("version {}", list(numbers))),
    }
}

fn list(numbers: &[String]) -> String {
    match numbers {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        numbers => numbers.concat(),
    }
}

fn row(place: &Place, label: &Label, detail: impl Into<String>, outcome: ChangeOutcome) -> Change {
    Change::new(place, ChangeKind::Label, format!("label {label}"), detail, outcome)
}
