//! One call to publish, and what becomes of it when the answer gets lost.

use std::time::Duration;

use anyhow::Context as _;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_lambda::operation::publish_layer_version::{PublishLayerVersionError, PublishLayerVersionOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture as DeclaredArchitecture, LayerVersionContentInput, Runtime};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{AwsRegistry, fill, layer_arn, zip_key};
use crate::error::Failure;
use crate::registry::claim::{PUBLISH_TIMEOUT, PUBLISH_WINDOW};
use crate::registry::description::Identity;
use crate::registry::state::Version;
use crate::registry::{NewVersion, aws_error};
use crate::types::{ContentHash, LayerName, LayerVersionArn, Place};

/// How often a publish that was throttled, or whose answer got lost, is tried.
const PUBLISH_ATTEMPTS: u32 = 5;

impl AwsRegistry {
    /// The SDK must not repeat this call by itself: when an answer gets lost the version may have been made.
    pub(in crate::registry) async fn publish(
        &self,
        place: &Place,
        version: &NewVersion<'_>,
    ) -> anyhow::Result<LayerVersionArn> {
        let NewVersion { layer, archive, identity, signed, .. } = *version;
        let start = Instant::now();
        for attempt in 1.. {
            let error = match self.publish_once(place, version).await? {
                Ok(reply) => {
                    if signed.is_some() {
                        check_signed(&reply, &place.region)?;
                    }
                    let hash = signed.map_or(archive.content, |signed| signed.hash);
                    return published(&reply, hash, &place.region);
                }
                Err(error) => error,
            };
            let last = attempt == PUBLISH_ATTEMPTS || start.elapsed() > PUBLISH_WINDOW;
            match lost_or_refused(&error) {
                Sent::Throttled if !last => {}
                Sent::Unknown => {
                    let found = self.find(place, layer, identity).await;
                    if let Ok(Some(arn)) = found {
                        return Ok(arn);
                    }
                    if last || found.is_err() {
                        return Err(explain_publish(&place.region, layer, &error));
                    }
                }
                Sent::Throttled | Sent::Refused => return Err(explain_publish(&place.region, layer, &error)),
            }
            back_off(attempt).await;
        }
        unreachable!("the last attempt returns")
    }

    async fn publish_once(
        &self,
        place: &Place,
        version: &NewVersion<'_>,
    ) -> anyhow::Result<Result<PublishLayerVersionOutput, SdkError<PublishLayerVersionError>>> {
        let NewVersion { layer, archive, declaration, identity, signed } = *version;
        let content = match (&self.bucket, signed) {
            (Some(template), Some(signed)) => LayerVersionContentInput::builder()
                .s3_bucket(fill(template, place))
                .s3_key(&signed.key)
                .set_s3_object_version(signed.version.clone()),
            (Some(template), None) => LayerVersionContentInput::builder()
                .s3_bucket(fill(template, place))
                .s3_key(zip_key(layer, archive.content)),
            (None, _) => LayerVersionContentInput::builder().zip_file(Blob::new(fs_err::read(archive.path())?)),
        };
        let runtimes = declaration.compatible_runtimes.iter().map(|runtime| Runtime::from(runtime.as_str())).collect();
        let architectures = declaration
            .compatible_architectures
            .iter()
            .map(|name| DeclaredArchitecture::from(name.to_string().as_str()))
            .collect();
        let request =
            self.clients(place).lambda.publish_layer_version().layer_name(layer.as_str()).content(content.build());
        let request =
            request.description(declaration.description(identity)).set_license_info(declaration.license.clone());
        let request = request.set_compatible_runtimes(Some(runtimes)).set_compatible_architectures(Some(architectures));
        let once = aws_sdk_lambda::config::Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(PUBLISH_TIMEOUT).build());
        Ok(request.customize().config_override(once).send().await)
    }

    async fn find(
        &self,
        place: &Place,
        layer: &LayerName,
        identity: Identity,
    ) -> anyhow::Result<Option<LayerVersionArn>> {
        for listed in self.list(place, layer).await?.into_iter().filter(|listed| listed.identity == Some(identity)) {
            let (arn, version) = (listed.arn.clone(), listed.arn.version());
            let known = Version { arn, version, recorded: Timestamp::UNIX_EPOCH };
            // An earlier one may be there that was not signed.
            if self.signing_profile.is_none() || self.exists(place, layer, &known, identity.content).await? {
                return Ok(Some(listed.arn));
            }
        }
        Ok(None)
    }
}

/// What became of a request that failed.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// Nothing was done, and it may be asked again.
    Throttled,
    /// Nothing was done, and asking again changes nothing.
    Refused,
    /// The version may have been made.
    Unknown,
}

fn lost_or_refused(error: &SdkError<PublishLayerVersionError>) -> Sent {
    match error {
        SdkError::ConstructionFailure(_) => Sent::Refused,
        SdkError::ServiceError(service) => match service.raw().status().as_u16() {
            429 => Sent::Throttled,
            500.. => Sent::Unknown,
            _ if matches!(error.code(), Some("Throttling" | "ThrottlingException" | "TooManyRequestsException")) => {
                Sent::Throttled
            }
            _ => Sent::Refused,
        },
        // A connection that breaks while the answer is awaited looks like one that was never made.
        _ => Sent::Unknown,
    }
}

fn explain_publish(region: &str, layer: &LayerName, error: &SdkError<PublishLayerVersionError>) -> anyhow::Error {
    aws_error::explain("lambda:PublishLayerVersion", &layer_arn(region, layer), error)
}

fn published(reply: &PublishLayerVersionOutput, sent: ContentHash, region: &str) -> anyhow::Result<LayerVersionArn> {
    let arn = reply.layer_version_arn().context("AWS published a version and did not say which")?;
    let hash = reply.content().and_then(|content| content.code_sha256()).unwrap_or_default();
    if hash != sent.to_string() {
        let failure = Failure::system(format!("{region} published other bytes as `{arn}` than it was given"));
        return Err(failure
            .cause(format!("sent {sent}, published {hash}"))
            .hint("delete that version and run again")
            .into());
    }
    arn.parse().map_err(anyhow::Error::msg)
}

/// That Lambda found the signature: who writes to the bucket could have put something else in the place of the zip.
fn check_signed(reply: &PublishLayerVersionOutput, region: &str) -> Result<(), Failure> {
    let is_signed = reply.content().is_some_and(|content| content.signing_job_arn().is_some());
    if is_signed {
        return Ok(());
    }
    let arn = reply.layer_version_arn().unwrap_or_default();
    Err(Failure::system(format!("{region} published `{arn}` and found no signature of AWS Signer in it"))
        .hint("delete that version and what is under `signed/` in the bucket, find out who wrote it, and run again"))
}

/// Waits twice as long each time, and not as long as others do (a second at first, at most 16).
async fn back_off(attempt: u32) {
    let jitter = f64::from(std::process::id() % 1000) / 1000.0;
    let seconds = f64::from(2_u32.pow(attempt.min(4) - 1)) * (0.5 + jitter / 2.0);
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
