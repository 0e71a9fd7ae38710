//! Attaches a version to functions, in the place of the version of this layer that they have.
//!
//! All functions are checked before the first one is changed. A function that must not have the version, or does not
//! exist, does not stop the others: a tag selects all of them, and the user does not name each one.

mod decide;
mod find;
#[cfg(test)]
mod tests;
mod update;

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::future::join_all;

use crate::audit::budget::Sizes;
use crate::aws::errors;
use crate::error::Failure;
use crate::registry::Registry;
use crate::registry::aws::PlaceClients;
use crate::types::{FunctionSelector, LayerVersionArn, Place};
use crate::versions::attach::decide::Offer;
use crate::versions::attach::find::Found;
use crate::versions::select::Chosen;
use crate::versions::{Change, ChangeKind, ChangeOutcome};

/// How many functions are read or changed at the same time. The rate of requests to Lambda is limited elsewhere.
const AT_ONCE: usize = 16;

/// Where a version can be attached.
#[derive(Clone, Copy)]
struct Target<'a> {
    place: &'a Place,
    version: &'a LayerVersionArn,
    clients: &'a PlaceClients,
}

/// What to do with one function.
enum Decision<'a> {
    /// The function has the version.
    Unchanged,
    Change(&'a Offer),
    /// The function must not have the version.
    Refused(Failure),
    /// It is unknown whether the function may have the version.
    Unknown(&'a anyhow::Error),
}

/// Attaches the version. A failure is reported in the function's row.
pub async fn apply(
    functions: &[FunctionSelector],
    versions: &[Chosen],
    registry: &Registry,
    dry_run: bool,
) -> Vec<Change> {
    let Some(aws) = registry.aws() else { return Vec::new() };
    let (mut targets, mut rows) = (Vec::new(), Vec::new());
    for Chosen { place, arn } in versions {
        match arn {
            Ok(version) => targets.push(Target { place, version, clients: aws.clients(place) }),
            Err(error) => {
                let row = Change::new(place, ChangeKind::Attach, "version", "attach", ChangeOutcome::Failed);
                rows.push(row.failed(error));
            }
        }
    }
    if targets.is_empty() {
        return rows;
    }
    let (found, failed) = find::all(functions, &targets).await;
    let offers = offers(&found).await;
    let decisions = futures::stream::iter(&found).map(|found| decide(found, offers.get(found.target.place)));
    let decisions: Vec<Decision<'_>> = decisions.buffered(AT_ONCE).collect().await;
    rows.extend(failed);
    let acts = found.iter().zip(decisions).map(|(found, decision)| async move {
        let detail = found.detail();
        match decision {
            Decision::Unchanged if dry_run => found.row(detail, ChangeOutcome::Unchanged),
            // A killed run, or another one, may have just sent the update.
            Decision::Unchanged => match update::finish(found).await {
                Ok(()) => found.row(detail, ChangeOutcome::Unchanged),
                Err(error) => found.row(detail, ChangeOutcome::Failed).failed(&error),
            },
            Decision::Refused(failure) => found.row(detail, ChangeOutcome::Failed).failed(&failure.into()),
            Decision::Unknown(error) => found.row(detail, ChangeOutcome::Failed).failed(error),
            Decision::Change(_) if dry_run => found.row(detail, ChangeOutcome::Would),
            Decision::Change(offer) => match update::update(found, offer).await {
                Ok(()) => found.row(detail, ChangeOutcome::Done),
                Err(error) => found.row(detail, ChangeOutcome::Failed).failed(&error),
            },
        }
    });
    rows.extend(futures::stream::iter(acts).buffered(AT_ONCE).collect::<Vec<Change>>().await);
    rows
}

type Offers = BTreeMap<Place, anyhow::Result<Offer>>;

/// The version, with its declaration, for each place that has a function to change.
async fn offers(found: &[Found<'_>]) -> Offers {
    let targets = found.iter().filter(|found| !found.has_it()).map(|found| (found.target.place, found.target));
    let targets: BTreeMap<&Place, Target<'_>> = targets.collect();
    let offers = targets.into_iter().map(|(place, target)| async move { (place.clone(), offer(target).await) });
    join_all(offers).await.into_iter().collect()
}

async fn offer(Target { version, clients, .. }: Target<'_>) -> anyhow::Result<Offer> {
    let request = clients.lambda.get_layer_version().layer_name(version.layer());
    let reply = request.version_number(i64::try_from(version.version())?).send().await;
    let reply = reply.map_err(|error| errors::explain("lambda:GetLayerVersion", &version.to_string(), &error))?;
    Ok(Offer::new(version.clone(), &reply, Sizes::new(clients.config.clone(), clients.lambda.clone())))
}

async fn decide<'a>(found: &Found<'_>, offer: Option<&'a anyhow::Result<Offer>>) -> Decision<'a> {
    let offer = match offer {
        _ if found.has_it() => return Decision::Unchanged,
        None => return Decision::Unchanged,
        Some(Err(error)) => return Decision::Unknown(error),
        Some(Ok(offer)) => offer,
    };
    let judged = match offer.refuse(&found.settings) {
        Ok(()) => offer.refuse_size(&found.output, &found.settings).await,
        refused => refused,
    };
    judged.map_or_else(Decision::Refused, |()| Decision::Change(offer))
}
