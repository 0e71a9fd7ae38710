//! AWS as registry: Lambda in one or several regions, the zip from a bucket or inside the request.

use std::time::Duration;

use tokio::time::Instant;

use anyhow::Context as _;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_lambda::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_lambda::operation::get_layer_version::GetLayerVersionError;
use aws_sdk_lambda::operation::list_layer_versions::ListLayerVersionsError;
use aws_sdk_lambda::operation::publish_layer_version::{PublishLayerVersionError, PublishLayerVersionOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture as DeclaredArchitecture, LayerVersionContentInput, Runtime};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;

use super::aws_error;
use super::claim::{PUBLISH_TIMEOUT, PUBLISH_WINDOW};
use super::description::Identity;
use super::state::Version;
use super::store::StateStore;
use super::{Listed, NewVersion};
use crate::archive::Archive;
use crate::environment::Environment;
use crate::error::{Failure, Kind, Problems};
use crate::facts;
use crate::spec::{BUCKET_PREFIX, StatePlace};
use crate::types::{ContentHash, LayerName, LayerVersionArn, Region};

/// How often any other call is tried, unless AWS_MAX_ATTEMPTS says otherwise.
const ATTEMPTS: u32 = 5;
/// How often a publish that was throttled, or whose answer got lost, is tried.
const PUBLISH_ATTEMPTS: u32 = 5;

#[cfg(test)]
pub(crate) mod tests;

#[derive(Debug)]
pub struct AwsRegistry {
    /// In the user's order.
    clients: Vec<RegionClients>,
    /// May contain `{region}` and `{account}`.
    bucket: Option<String>,
    /// Known if a bucket's name contains it.
    account: Option<String>,
}

#[derive(Debug)]
struct RegionClients {
    region: String,
    lambda: aws_sdk_lambda::Client,
    s3: aws_sdk_s3::Client,
}

/// The AWS configuration: region, endpoint, and the run's identity, which is asked for when it is needed.
pub(crate) async fn configuration(environment: &Environment) -> SdkConfig {
    let attempts = environment.get("AWS_MAX_ATTEMPTS").and_then(|attempts| attempts.parse().ok());
    let attempts = attempts.filter(|attempts| *attempts > 0).unwrap_or(ATTEMPTS);
    let retries = RetryConfig::standard().with_max_attempts(attempts);
    aws_config::defaults(BehaviorVersion::latest()).retry_config(retries).load().await
}

impl AwsRegistry {
    /// Reads the AWS configuration; asks AWS nothing unless a bucket's name needs the account.
    ///
    /// # Errors
    /// The user's if there is no region.
    pub async fn connect(
        regions: &[Region],
        bucket: Option<&str>,
        state: &StatePlace,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let config = configuration(environment).await;
        let regions: Vec<String> = if regions.is_empty() {
            let region = config.region().map(ToString::to_string).ok_or_else(|| {
                Failure::user("there is no region to publish to").hint("name one with `regions`, or set AWS_REGION")
            })?;
            // The same rules as for one that was given.
            vec![region.parse::<Region>()?.to_string()]
        } else {
            regions.iter().map(ToString::to_string).collect()
        };
        // Servers other than AWS seldom have a name for each bucket.
        let path_style = environment.get("AWS_ENDPOINT_URL_S3").is_some() || config.endpoint_url().is_some();
        let clients = regions.into_iter().map(|region| RegionClients::new(&config, region, path_style)).collect();
        let in_state = matches!(state, StatePlace::S3 { bucket, .. } if bucket.contains("{account}"));
        let account = if in_state || bucket.is_some_and(|bucket| bucket.contains("{account}")) {
            Some(caller_account(&config).await?)
        } else {
            None
        };
        Ok(Self { clients, bucket: bucket.map(str::to_owned), account })
    }

    /// The store for the state in S3, in the first region's bucket where the name depends on it.
    pub fn state_store(&self, bucket: &str, prefix: &str) -> StateStore {
        let first = &self.clients[0];
        StateStore::S3 { client: first.s3.clone(), bucket: self.fill(bucket, &first.region), prefix: prefix.to_owned() }
    }

    fn fill(&self, template: &str, region: &str) -> String {
        template.replace("{region}", region).replace("{account}", self.account.as_deref().unwrap_or_default())
    }

    fn clients(&self, region: &str) -> &RegionClients {
        self.clients.iter().find(|clients| clients.region == region).expect("only configured regions are asked for")
    }

    pub(super) fn has_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    pub(super) fn regions(&self) -> Vec<String> {
        self.clients.iter().map(|clients| clients.region.clone()).collect()
    }

    pub(super) async fn exists(
        &self,
        region: &str,
        layer: &LayerName,
        version: &Version,
        content: ContentHash,
    ) -> anyhow::Result<bool> {
        let number = i64::try_from(version.version)?;
        match self
            .clients(region)
            .lambda
            .get_layer_version()
            .layer_name(layer.as_str())
            .version_number(number)
            .send()
            .await
        {
            Ok(found) => {
                let hash = found.content().and_then(|found| found.code_sha256());
                // Another account has versions of that number, too.
                Ok(found.layer_version_arn() == Some(&version.arn.to_string()) && hash == Some(&content.to_string()))
            }
            Err(error)
                if error.as_service_error().is_some_and(GetLayerVersionError::is_resource_not_found_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(aws_error::explain("lambda:GetLayerVersion", &version.arn.to_string(), &error)),
        }
    }

    pub(super) async fn list(&self, region: &str, layer: &LayerName) -> anyhow::Result<Vec<Listed>> {
        let mut pages =
            self.clients(region).lambda.list_layer_versions().layer_name(layer.as_str()).into_paginator().send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(ListLayerVersionsError::is_resource_not_found_exception) =>
                {
                    break;
                }
                Err(error) => {
                    return Err(aws_error::explain("lambda:ListLayerVersions", &layer_arn(region, layer), &error));
                }
            };
            for version in page.layer_versions.unwrap_or_default() {
                let arn = version.layer_version_arn().context("AWS lists a version without an ARN")?;
                let arn: LayerVersionArn = arn.parse().map_err(anyhow::Error::msg)?;
                listed.push(Listed { arn, identity: version.description().and_then(Identity::from_description) });
            }
        }
        // AWS lists the newest first; that order is not relied on.
        listed.sort_by_key(|listed| std::cmp::Reverse(listed.arn.version()));
        Ok(listed)
    }

    pub(super) async fn check_buckets(&self) -> anyhow::Result<()> {
        let Some(template) = &self.bucket else { return Ok(()) };
        let checks = self.clients.iter().map(|clients| async move {
            let bucket = self.fill(template, &clients.region);
            let region = match clients.s3.head_bucket().bucket(&bucket).send().await {
                Ok(found) => found.bucket_region().map(str::to_owned),
                Err(error) => {
                    match (aws_error::bucket_region(&error), error.raw_response().map(|raw| raw.status().as_u16())) {
                        (_, Some(404)) => {
                            return Err(Failure::user(format!("there is no bucket `{bucket}`"))
                                .hint("create it, or correct `bucket`"));
                        }
                        // Without `s3:ListBucket` the answer is 403 and still names the region; publishing needs no such permission.
                        (region, Some(301 | 400 | 403)) => region,
                        _ => {
                            return Err(aws_error::failure_of(
                                "s3:ListBucket",
                                &aws_error::s3_arn(&clients.region, &bucket),
                                &error,
                            ));
                        }
                    }
                }
            };
            match region {
                Some(region) if region != clients.region => {
                    let failure = Failure::user(format!(
                        "the bucket `{bucket}` is in {region}, but Lambda in {} reads only buckets of its own region",
                        clients.region
                    ));
                    Err(failure.hint("name a bucket in that region, e.g. with `{region}` in `bucket`"))
                }
                _ => Ok(()),
            }
        });
        let (mut problems, mut faults) = (Problems::default(), Vec::new());
        for failure in futures::future::join_all(checks).await.into_iter().filter_map(Result::err) {
            match failure.kind {
                Kind::User => problems.push(failure),
                Kind::System => faults.push(failure),
            }
        }
        problems.into_result()?;
        // The regions that answer go on without those that do not.
        match faults.pop() {
            Some(fault) if faults.len() + 1 == self.clients.len() => Err(fault.into()),
            _ => Ok(()),
        }
    }

    /// The key is the content's hash, so a second upload writes the same bytes to the same place.
    pub(super) async fn upload(&self, region: &str, layer: &LayerName, archive: &Archive) -> anyhow::Result<()> {
        let Some(template) = &self.bucket else { return Ok(()) };
        let clients = self.clients(region);
        let (bucket, key) = (self.fill(template, region), zip_key(layer, archive.content));
        let there = clients.s3.head_object().bucket(&bucket).key(&key).send().await;
        if there.is_ok_and(|object| {
            object.content_length().and_then(|length| u64::try_from(length).ok()) == Some(archive.zipped_size.0)
        }) {
            return Ok(());
        }
        let body = ByteStream::from_path(archive.path()).await.context("cannot read the zip")?;
        let request = clients.s3.put_object().bucket(&bucket).key(&key).content_type("application/zip").body(body);
        // S3 refuses the object if other bytes arrive.
        let request =
            request.checksum_algorithm(ChecksumAlgorithm::Sha256).checksum_sha256(archive.content.to_string());
        request.send().await.map_err(|error| {
            aws_error::explain("s3:PutObject", &aws_error::s3_arn(region, &format!("{bucket}/{key}")), &error)
        })?;
        Ok(())
    }

    /// The SDK must not repeat this call by itself: when an answer gets lost the version may have been made.
    pub(super) async fn publish(&self, region: &str, version: &NewVersion<'_>) -> anyhow::Result<LayerVersionArn> {
        let NewVersion { layer, archive, identity, .. } = *version;
        let start = Instant::now();
        for attempt in 1.. {
            let error = match self.publish_once(region, version).await? {
                Ok(reply) => return published(&reply, archive, region),
                Err(error) => error,
            };
            let last = attempt == PUBLISH_ATTEMPTS || start.elapsed() > PUBLISH_WINDOW;
            match lost_or_refused(&error) {
                Sent::Throttled if !last => {}
                Sent::Unknown => {
                    let found = self.find(region, layer, identity).await;
                    if let Ok(Some(arn)) = found {
                        return Ok(arn);
                    }
                    if last || found.is_err() {
                        return Err(explain_publish(region, layer, &error));
                    }
                }
                Sent::Throttled | Sent::Refused => return Err(explain_publish(region, layer, &error)),
            }
            back_off(attempt).await;
        }
        unreachable!("the last attempt returns")
    }

    async fn publish_once(
        &self,
        region: &str,
        version: &NewVersion<'_>,
    ) -> anyhow::Result<Result<PublishLayerVersionOutput, SdkError<PublishLayerVersionError>>> {
        let NewVersion { layer, archive, declaration, identity } = *version;
        let content = match &self.bucket {
            Some(template) => LayerVersionContentInput::builder()
                .s3_bucket(self.fill(template, region))
                .s3_key(zip_key(layer, archive.content)),
            None => LayerVersionContentInput::builder().zip_file(Blob::new(fs_err::read(archive.path())?)),
        };
        let runtimes = declaration.compatible_runtimes.iter().map(|runtime| Runtime::from(runtime.as_str())).collect();
        let architectures = declaration
            .compatible_architectures
            .iter()
            .map(|name| DeclaredArchitecture::from(name.to_string().as_str()))
            .collect();
        let request =
            self.clients(region).lambda.publish_layer_version().layer_name(layer.as_str()).content(content.build());
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
        region: &str,
        layer: &LayerName,
        identity: Identity,
    ) -> anyhow::Result<Option<LayerVersionArn>> {
        let listed = self.list(region, layer).await?;
        Ok(listed.into_iter().find(|listed| listed.identity == Some(identity)).map(|listed| listed.arn))
    }
}

async fn caller_account(config: &SdkConfig) -> anyhow::Result<String> {
    let identity = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let identity = identity.map_err(|error| aws_error::explain("sts:GetCallerIdentity", "*", &error))?;
    identity.account.context("AWS does not say whose credentials these are")
}

impl RegionClients {
    fn new(config: &SdkConfig, region: String, path_style: bool) -> Self {
        let config = config.to_builder().region(aws_config::Region::new(region.clone())).build();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style).build();
        Self { region, lambda: aws_sdk_lambda::Client::new(&config), s3: aws_sdk_s3::Client::from_conf(s3) }
    }
}

/// Key of a zip in its bucket: `lambda-layers/<layer>/<sha256>.zip`.
fn zip_key(layer: &LayerName, content: ContentHash) -> String {
    format!("{BUCKET_PREFIX}/{layer}/{}.zip", content.0.hex())
}

fn layer_arn(region: &str, layer: &LayerName) -> String {
    format!("arn:{}:lambda:{region}:*:layer:{layer}", facts::partition(region))
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

fn published(reply: &PublishLayerVersionOutput, archive: &Archive, region: &str) -> anyhow::Result<LayerVersionArn> {
    let arn = reply.layer_version_arn().context("AWS published a version and did not say which")?;
    let hash = reply.content().and_then(|content| content.code_sha256()).unwrap_or_default();
    if hash != archive.content.to_string() {
        let failure = Failure::system(format!("{region} published other bytes as `{arn}` than it was given"));
        return Err(failure
            .cause(format!("sent {}, published {hash}", archive.content))
            .hint("delete that version and run again")
            .into());
    }
    arn.parse().map_err(anyhow::Error::msg)
}

/// Waits twice as long each time, and not as long as others do (a second at first, at most 16).
async fn back_off(attempt: u32) {
    let jitter = f64::from(std::process::id() % 1000) / 1000.0;
    let seconds = f64::from(2_u32.pow(attempt.min(4) - 1)) * (0.5 + jitter / 2.0);
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
