//! Writes parameters until they name the versions that the state says.
//!
//! The state is read before a write, and again after it. If it has changed, the parameter is written again. So
//! whichever run writes a parameter last has seen the latest state.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::client::{Held, Parameters, Put};
use super::{Names, Wanted};
use crate::error::{Explanation, Failure};
use crate::registry::Registry;
use crate::registry::store::StateStore;
use crate::types::{LayerVersionArn, Place};
use crate::versions::{Change, ChangeKind, ChangeOutcome};

/// How often parameters are written again because the state changes.
const ROUNDS: usize = 10;

/// A parameter that is being written.
struct Parameter<'a> {
    wanted: Wanted<'a>,
    /// The version that it should name, according to the latest state that was read.
    goal: Option<LayerVersionArn>,
    /// Its value before this run.
    before: Option<LayerVersionArn>,
    /// Its latest known value.
    now: Option<LayerVersionArn>,
    error: Option<Explanation>,
}

/// Writes the parameters of all places in parallel, and within a place one after the other.
pub(super) async fn converge(
    wanted: Vec<Wanted<'_>>,
    names: Names<'_>,
    registry: &Registry,
    store: &StateStore,
    dry_run: bool,
) -> Vec<Change> {
    let Some(aws) = registry.aws() else { return Vec::new() };
    let mut by_place: BTreeMap<Place, Vec<Wanted<'_>>> = BTreeMap::new();
    for wanted in wanted {
        by_place.entry(wanted.place.clone()).or_default().push(wanted);
    }
    let read = by_place.into_iter().map(|(place, wanted)| async move {
        let client = Parameters::new(aws.clients(&place), names.layer);
        let parameters = first_look(wanted, &client, names).await;
        (client, parameters)
    });
    let mut places: Vec<(Parameters<'_>, Vec<Parameter<'_>>)> = join_all(read).await;
    if !dry_run {
        settle(&mut places, names, store).await;
    }
    let rows = places.into_iter().flat_map(|(_, parameters)| parameters);
    rows.map(|parameter| parameter.into_row(dry_run)).collect()
}

async fn first_look<'a>(wanted: Vec<Wanted<'a>>, client: &Parameters<'_>, names: Names<'_>) -> Vec<Parameter<'a>> {
    let asked: Vec<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
    let held = client.read(&asked).await.map_err(|error| Explanation::of(&error));
    let looked = wanted.into_iter().map(|wanted| {
        let found = match &held {
            Ok(held) => version(held.get(&wanted.name), &wanted.name, names).map_err(|error| Explanation::of(&error)),
            Err(error) => Err(error.clone()),
        };
        let (before, error) = match found {
            Ok(version) => (version, None),
            Err(error) => (None, Some(error)),
        };
        Parameter { goal: wanted.wish.clone(), before: before.clone(), now: before, wanted, error }
    });
    looked.collect()
}

async fn settle(places: &mut [(Parameters<'_>, Vec<Parameter<'_>>)], names: Names<'_>, store: &StateStore) {
    // If another run changed the current version since, that run writes the parameter. So the state need not be read.
    if are_settled(places) {
        return;
    }
    for _ in 0..ROUNDS {
        follow(places, names, store).await;
        if are_settled(places) {
            return;
        }
        join_all(places.iter_mut().map(|(client, parameters)| async move {
            for parameter in parameters.iter_mut().filter(|parameter| !parameter.is_settled()) {
                if let Err(error) = parameter.write(client, names).await {
                    parameter.error = Some(Explanation::of(&error));
                }
            }
        }))
        .await;
    }
    follow(places, names, store).await;
    for parameter in places.iter_mut().flat_map(|(_, parameters)| parameters) {
        if !parameter.is_settled() {
            let failure =
                Failure::system(format!("other runs keep changing the parameter `{}`", parameter.wanted.name));
            parameter.error = Some(Explanation::of(&failure.hint("run again").into()));
        }
    }
}

fn are_settled(places: &[(Parameters<'_>, Vec<Parameter<'_>>)]) -> bool {
    places.iter().flat_map(|(_, parameters)| parameters).all(Parameter::is_settled)
}

/// Reads the state, and derives from it what each parameter should name. Without a state, that is what this run wants.
async fn follow(places: &mut [(Parameters<'_>, Vec<Parameter<'_>>)], names: Names<'_>, store: &StateStore) {
    let stored = store.read(names.layer).await.map_err(|error| Explanation::of(&error));
    let parameters = places.iter_mut().flat_map(|(_, parameters)| parameters);
    for parameter in parameters.filter(|parameter| parameter.error.is_none()) {
        let goal = match &stored {
            Ok(stored) => match &stored.state {
                Some(state) => {
                    names.by_state(&parameter.wanted, state).map_err(|failure| Explanation::of(&failure.into()))
                }
                None => Ok(parameter.goal.clone()),
            },
            Err(error) => Err(error.clone()),
        };
        match goal {
            Ok(goal) => parameter.goal = goal,
            Err(error) => parameter.error = Some(error),
        }
    }
}

impl Parameter<'_> {
    fn is_settled(&self) -> bool {
        self.error.is_some() || self.now == self.goal
    }

    async fn write(&mut self, client: &Parameters<'_>, names: Names<'_>) -> anyhow::Result<()> {
        let name = self.wanted.name.as_str();
        let written = match &self.goal {
            Some(arn) => client.put(name, arn, self.now.is_some()).await?,
            None => client.delete(name).await.map(|()| Put::Done)?,
        };
        self.now = match written {
            Put::Done => self.goal.clone(),
            Put::Exists => version(client.read(&[name]).await?.get(name), name, names)?,
        };
        Ok(())
    }

    fn into_row(self, dry_run: bool) -> Change {
        let Self { wanted, goal, before, error, .. } = self;
        let outcome = match (before == goal, dry_run) {
            (true, _) => ChangeOutcome::Unchanged,
            (false, true) => ChangeOutcome::Would,
            (false, false) => ChangeOutcome::Done,
        };
        let subject = format!("parameter {}", wanted.name);
        let row = |detail: &str| Change::new(&wanted.place, ChangeKind::Parameter, subject, detail, outcome);
        if error.is_some() {
            return Change { outcome: ChangeOutcome::Failed, error, ..row("") };
        }
        let detail = detail(before.as_ref(), goal.as_ref());
        if goal == wanted.wish { row(&detail) } else { row(&format!("{detail}, because of a change by another run")) }
    }
}

/// The version that a parameter names.
///
/// # Errors
/// The parameter has another kind of value, which this program must not replace.
fn version(held: Option<&Held>, name: &str, names: Names<'_>) -> anyhow::Result<Option<LayerVersionArn>> {
    match held {
        None => Ok(None),
        Some(Held::Version(arn)) => Ok(Some(arn.clone())),
        Some(Held::Other) => {
            let failure =
                Failure::user(format!("the value of the parameter `{name}` is not a version of `{}`", names.layer));
            Err(failure.hint("set `ssm-parameter` to another name, or delete the parameter").into())
        }
    }
}

/// For example `version 6 → 7`.
fn detail(before: Option<&LayerVersionArn>, after: Option<&LayerVersionArn>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before != after => format!("version {} → {}", before.version(), after.version()),
        (_, Some(after)) => format!("version {}", after.version()),
        (Some(before), None) => format!("version {} → removed", before.version()),
        (None, None) => "does not exist".to_owned(),
    }
}
