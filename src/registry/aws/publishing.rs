//! Publishes one version, and finds out whether it exists if the answer is lost.

use std::time::Duration;

use anyhow::Context as _;
use aws_config::retry::RetryConfig;
use aws_sdk_lambda::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_lambda::operation::publish_layer_version::{PublishLayerVersionError, PublishLayerVersionOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture as DeclaredArchitecture, LayerVersionContentInput, Runtime};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{AwsRegistry, fill, layer_arn, zip_key};
use crate::aws::attempts_of;
use crate::aws::errors;
use crate::error::Failure;
use crate::facts;
use crate::process::interrupt;
use crate::registry::lease::Lease;
use crate::registry::state::Version;
use crate::registry::{NewVersion, Receipt};
use crate::types::description::Declaration;
use crate::types::{ContentHash, LayerVersionArn, Place};

/// The number of attempts to publish, if requests are throttled or answers are lost.
const PUBLISH_ATTEMPTS: u32 = 5;
/// The longest time to wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);
/// The time between two requests for a list.
const WATCH: Duration = Duration::from_secs(1);
/// How many numbers before a new version are checked: there are never more requests under way at once.
const TWINS: u64 = 4;

impl AwsRegistry {
    /// Publishes a version. The SDK must not repeat this call by itself: if an answer is lost, the version may exist
    /// already, or soon.
    pub(in crate::registry) async fn publish(
        &self,
        place: &Place,
        version: &NewVersion<'_>,
        lease: &Lease<'_>,
    ) -> anyhow::Result<Receipt> {
        let NewVersion { archive, declaration, identity, signed, .. } = *version;
        let bare = Declaration { compatible_architectures: Vec::new(), ..declaration.clone() };
        let mut version = *version;
        // Zips inside of requests are sent one at a time. A run that waits here has sent nothing.
        let _turn = if self.has_bucket() { None } else { Some(self.direct.acquire().await?) };
        for attempt in 1.. {
            lease.send(place, Some(identity.content))?;
            let error = match self.publish_once(place, &version).await? {
                Ok(reply) => {
                    lease.answered(place, Some(identity.content));
                    if signed.is_some() {
                        check_signed(&reply, &place.region)?;
                    }
                    let hash = signed.map_or(archive.content, |signed| signed.hash);
                    let arn = published(&reply, hash, &place.region)?;
                    return Ok(Receipt { arn, declares: version.declaration.declared() });
                }
                Err(error) => error,
            };
            let sent = lost_or_refused(&error);
            let found = if sent == Sent::Unknown { self.watch(place, &version).await } else { Ok(None) };
            match found {
                Ok(None) => {}
                Ok(Some(made)) => {
                    lease.answered(place, Some(identity.content));
                    return Ok(made);
                }
                // The outcome is unknown, so the request stays recorded as unanswered.
                Err(_) => return Err(self.explain_lost(place, &version, &error)),
            }
            lease.answered(place, Some(identity.content));
            if refuses_architectures(&error) && !version.declaration.compatible_architectures.is_empty() {
                version.declaration = &bare;
                continue;
            }
            if sent == Sent::Refused || attempt == PUBLISH_ATTEMPTS {
                return Err(self.explain_lost(place, &version, &error));
            }
            back_off(attempt).await;
        }
        unreachable!("the last attempt returns")
    }

    /// Looks for a version whose answer was lost, for as long as it may still appear.
    ///
    /// # Errors
    /// The list cannot be read at the end, or the run was interrupted; the outcome is unknown.
    async fn watch(&self, place: &Place, version: &NewVersion<'_>) -> anyhow::Result<Option<Receipt>> {
        let end = Instant::now() + self.settling.unsigned_abs();
        loop {
            let is_last = Instant::now() >= end;
            match self.find(place, version).await {
                Ok(None) if !is_last => {}
                Err(_) if !is_last && !interrupt::is_interrupted() => {}
                found => return found,
            }
            tokio::time::sleep(WATCH.min(end.saturating_duration_since(Instant::now()))).await;
        }
    }

    /// A version with the same content and the wanted declaration that was published after the highest known version
    /// and before `arn`.
    ///
    /// Asks for each number, because the lists may show the version late.
    pub(in crate::registry) async fn earlier_twin(
        &self,
        place: &Place,
        version: &NewVersion<'_>,
        arn: &LayerVersionArn,
        highest: u64,
    ) -> anyhow::Result<Option<LayerVersionArn>> {
        let first = (highest + 1).max(arn.version().saturating_sub(TWINS));
        for number in first..arn.version() {
            let arn: LayerVersionArn = format!("{}:{number}", arn.layer_arn()).parse().map_err(anyhow::Error::msg)?;
            let known = looked_for(&arn);
            let declares = self.declared_by(place, version.layer, &known, version.identity.content).await?;
            if declares.is_some_and(|declares| version.declaration.fits(Some(&declares))) {
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }

    /// Explains a failure, with additional hints if the zip is inside of the request.
    fn explain_lost(
        &self,
        place: &Place,
        version: &NewVersion<'_>,
        error: &SdkError<PublishLayerVersionError>,
    ) -> anyhow::Error {
        let failure = errors::failure_of("lambda:PublishLayerVersion", &layer_arn(&place.region, version.layer), error);
        if self.has_bucket() || !matches!(error, SdkError::TimeoutError(_) | SdkError::DispatchFailure(_)) {
            return failure.into();
        }
        let size = version.archive.zipped_size;
        failure.hint(format!("run again (nothing published is lost), or set `bucket` if the connection is slow: S3 accepts the {size} in parts and retries each of them")).into()
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
        let architectures = Some(architectures).filter(|names: &Vec<_>| !names.is_empty());
        let request = request.set_compatible_runtimes(Some(runtimes)).set_compatible_architectures(architectures);
        let size = if self.has_bucket() { 0 } else { archive.zipped_size.0 };
        let once = aws_sdk_lambda::config::Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(attempts_of(timeout(size)));
        Ok(request.customize().config_override(once).send().await)
    }

    async fn find(&self, place: &Place, version: &NewVersion<'_>) -> anyhow::Result<Option<Receipt>> {
        let NewVersion { layer, declaration, identity, .. } = *version;
        let listed = self.list(place, layer).await?.into_iter().rev();
        for listed in listed.filter(|listed| listed.identity == Some(identity)) {
            // An earlier version with this identity may be unsigned, have other bytes, or have another declaration.
            let declares = self.declared_by(place, layer, &looked_for(&listed.arn), identity.content).await?;
            if let Some(declares) = declares.filter(|declares| declaration.fits(Some(declares))) {
                return Ok(Some(Receipt { arn: listed.arn, declares }));
            }
        }
        Ok(None)
    }
}

fn looked_for(arn: &LayerVersionArn) -> Version {
    Version { arn: arn.clone(), version: arn.version(), recorded: Timestamp::UNIX_EPOCH, declares: None }
}

/// Whether the region does not support architectures.
fn refuses_architectures(error: &SdkError<PublishLayerVersionError>) -> bool {
    error.message().is_some_and(|message| message.contains(&facts::lambda().architectures_refused))
}

/// The effect of a failed request.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// Nothing was published; the request may be repeated.
    Throttled,
    /// Nothing was published, and repeating the request does not help.
    Refused,
    /// The version may have been published.
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
        // A connection that breaks while an answer is awaited looks like one that was never established.
        _ => Sent::Unknown,
    }
}

/// The timeout of one call: the time for the answer, and for sending `size` bytes in Base64 over a slow connection.
pub(super) fn timeout(size: u64) -> Duration {
    ANSWER_TIMEOUT + Duration::from_secs((size / 3 * 4).div_ceil(facts::limits().slowest_upload))
}

fn published(reply: &PublishLayerVersionOutput, sent: ContentHash, region: &str) -> anyhow::Result<LayerVersionArn> {
    let arn = reply.layer_version_arn().context("AWS published a version, but did not return its ARN")?;
    let hash = reply.content().and_then(|content| content.code_sha256()).unwrap_or_default();
    if hash != sent.to_string() {
        let failure = Failure::system(format!(
            "Lambda in {region} published `{arn}` with a content that differs from what was sent"
        ));
        return Err(failure
            .cause(format!("sent {sent}, published {hash}"))
            .hint("delete that version and run again")
            .into());
    }
    arn.parse().map_err(anyhow::Error::msg)
}

/// Checks that Lambda found the signature: whoever can write to the bucket could have replaced the zip.
fn check_signed(reply: &PublishLayerVersionOutput, region: &str) -> Result<(), Failure> {
    let is_signed = reply.content().is_some_and(|content| content.signing_job_arn().is_some());
    if is_signed {
        return Ok(());
    }
    let arn = reply.layer_version_arn().unwrap_or_default();
    Err(Failure::system(format!("Lambda in {region} published `{arn}`, but found no signature of AWS Signer")).hint(
        "delete that version and the objects under `signed/` in the bucket, find out who wrote them, and run again",
    ))
}

/// Waits, up to twice as long after each attempt (a second at first, at most 8). The time differs from process to
/// process, so that runs do not retry together.
async fn back_off(attempt: u32) {
    let jitter = f64::from(std::process::id() % 1000) / 1000.0;
    let seconds = f64::from(2_u32.pow(attempt.min(4) - 1)) * (0.5 + jitter / 2.0);
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_line_has_the_time_that_it_needs() {
        assert_eq!(timeout(0), ANSWER_TIMEOUT);
        // The largest zip in Base64, in seconds, at 1.6 Mbit/s.
        let largest = facts::limits().direct_upload_size;
        assert!(timeout(largest) > ANSWER_TIMEOUT + Duration::from_secs(largest / 3 * 4 / 200_000));
    }
}
