//! Changes the layers of one function, if it still has the revision that was checked, and waits until Lambda has done
//! it.

use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_lambda::operation::update_function_configuration::UpdateFunctionConfigurationError as UpdateError;
use aws_sdk_lambda::types::{
    FunctionConfiguration, LastUpdateStatus, LastUpdateStatusReasonCode, State, StateReasonCode,
};
use tokio::time::Instant;

use super::decide::{Offer, Placed, has};
use super::find::{Found, ask, function_arn, settings};
use crate::aws::errors;
use crate::error::Failure;

/// How often another program may change the function while a run updates it.
const CONFLICTS: usize = 5;
/// The longest time for an update; for a function in a VPC it can take minutes.
const PATIENCE: Duration = Duration::from_mins(5);
/// The time between two reads of the function: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Attaches the version to one function, and waits for the end of the update.
///
/// # Errors
/// Lambda refuses the update, the update fails, or the function is busy for too long.
pub(super) async fn update(found: &Found<'_>, offer: &Offer) -> anyhow::Result<()> {
    let (version, lambda) = (found.target.version, &found.target.clients.lambda);
    let mut current = found.settings.clone();
    for _ in 0..CONFLICTS {
        current = settle(found, current).await?;
        // Another run was faster.
        if has(&current, version) {
            return Ok(());
        }
        offer.refuse(&current)?;
        let layers = Placed::new(&current, version).after;
        let request = lambda.update_function_configuration().function_name(&found.name).set_layers(Some(layers));
        match request.set_revision_id(current.revision_id().map(str::to_owned)).send().await {
            Ok(reply) if reply.last_update_status() == Some(&LastUpdateStatus::Successful) => return Ok(()),
            Ok(_) => return verdict(&settle(found, look(found).await?).await?),
            Err(error) => {
                let is = |kind: fn(&UpdateError) -> bool| error.as_service_error().is_some_and(kind);
                if !is(UpdateError::is_resource_conflict_exception)
                    && !is(UpdateError::is_precondition_failed_exception)
                {
                    let arn = function_arn(version, &found.name);
                    return Err(errors::explain("lambda:UpdateFunctionConfiguration", &arn, &error));
                }
                tokio::time::sleep(PAUSES.0).await;
                current = look(found).await?;
            }
        }
    }
    let failure = Failure::system("something else keeps changing the function");
    Err(failure.hint("run again when it is done").into())
}

/// Waits for the end of an update that is under way.
///
/// # Errors
/// The same as for [`update`].
pub(super) async fn finish(found: &Found<'_>) -> anyhow::Result<()> {
    if is_busy(&found.settings) { verdict(&settle(found, found.settings.clone()).await?) } else { Ok(()) }
}

async fn look(found: &Found<'_>) -> anyhow::Result<FunctionConfiguration> {
    let output = ask(&found.target.clients.lambda, found.target.version, &found.name).await?;
    settings(&output.context("it was deleted")?, &found.name)
}

/// Waits until no update is under way.
async fn settle(found: &Found<'_>, mut current: FunctionConfiguration) -> anyhow::Result<FunctionConfiguration> {
    let (start, mut pause) = (Instant::now(), PAUSES.0);
    while is_busy(&current) {
        if start.elapsed() > PATIENCE {
            let minutes = PATIENCE.as_secs() / 60;
            let failure = Failure::system(format!("it is still being updated after {minutes} minutes"));
            return Err(failure.hint("run again when it is done").into());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
        current = look(found).await?;
    }
    Ok(current)
}

fn is_busy(settings: &FunctionConfiguration) -> bool {
    settings.state() == Some(&State::Pending) || settings.last_update_status() == Some(&LastUpdateStatus::InProgress)
}

/// The result of an update that has ended.
fn verdict(settings: &FunctionConfiguration) -> anyhow::Result<()> {
    let (code, reason) = match (settings.last_update_status(), settings.state()) {
        (Some(LastUpdateStatus::Failed), _) => (
            settings.last_update_status_reason_code().map(LastUpdateStatusReasonCode::as_str),
            settings.last_update_status_reason(),
        ),
        (_, Some(State::Failed)) => {
            (settings.state_reason_code().map(StateReasonCode::as_str), settings.state_reason())
        }
        _ => return Ok(()),
    };
    let failure = Failure::system("Lambda could not update it");
    let failure =
        failure.cause(format!("{}: {}", code.unwrap_or("no error code"), reason.unwrap_or("no reason given")));
    Err(failure.hint("correct the cause and run again; the function still has its previous layers").into())
}
