//! Signs a zip with AWS Signer. The signed zip is published in place of the original.
//!
//! A version is identified by the unsigned zip, because the signed one has other bytes each time. AWS reports that a
//! version is signed, and the version's description says which zip was signed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_lambda::operation::get_layer_version::GetLayerVersionOutput;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{BucketVersioningStatus, ChecksumMode};
use aws_sdk_signer::Client;
use aws_sdk_signer::error::ProvideErrorMetadata as _;
use aws_sdk_signer::operation::describe_signing_job::DescribeSigningJobOutput;
use aws_sdk_signer::operation::get_signing_profile::GetSigningProfileOutput;
use aws_sdk_signer::types::{Destination, S3Destination, S3Source, SigningProfileStatus, SigningStatus, Source};
use sha2::{Digest as _, Sha256};

use super::{AwsRegistry, zip_key};
use crate::aws::errors;
use crate::error::{Failure, Kind};
use crate::facts;
use crate::spec::BUCKET_PREFIX;
use crate::types::description::Identity;
use crate::types::{ContentHash, Digest, LayerName, Place};

/// The platform that signs for Lambda.
const PLATFORM: &str = "AWSLambda-SHA384-ECDSA";
/// How often the status of a job is requested, and for how long.
const POLL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(10);

/// An object that AWS Signer wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedZip {
    pub(super) key: String,
    /// The object's version: in a bucket that keeps versions, writing an object again creates another one.
    pub(super) version: Option<String>,
    pub(super) hash: ContentHash,
}

/// The signed zip for each place that needs one.
pub type SignedZips = BTreeMap<Place, SignedZip>;

impl AwsRegistry {
    /// Checks that zips can be signed: each bucket keeps versions, and the profile is one for Lambda.
    pub(super) async fn check_signing(&self) -> Vec<Failure> {
        let Some(profile) = &self.signing_profile else { return Vec::new() };
        let checks = self.clients.iter().map(|clients| async move {
            let place = &clients.place;
            let bucket = self.bucket(place).unwrap_or_default();
            let versioning = clients.s3.get_bucket_versioning().bucket(&bucket).send().await;
            let versioning = versioning.map_err(|error| {
                errors::failure_of("s3:GetBucketVersioning", &errors::s3_arn(&place.region, &bucket), &error)
            })?;
            if versioning.status() != Some(&BucketVersioningStatus::Enabled) {
                let failure = Failure::user(format!("the bucket `{bucket}` has no versioning, which AWS Signer requires"));
                return Err(failure.hint(format!(
                    "run `aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled`"
                )));
            }
            match self.signer(place).get_signing_profile().profile_name(profile).send().await {
                Ok(found) => check_profile(profile, place, &found),
                Err(error) if error.code() == Some("ResourceNotFoundException") => {
                    let failure = Failure::user(format!("the signing profile `{profile}` does not exist in {place}"));
                    Err(failure.hint(format!(
                        "run `aws signer put-signing-profile --profile-name {profile} --platform-id {PLATFORM} --region {}`",
                        place.region
                    )))
                }
                Err(error) => Err(errors::failure_of("signer:GetSigningProfile", &profile_arn(place, profile), &error)),
            }
        });
        futures::future::join_all(checks).await.into_iter().filter_map(Result::err).collect()
    }

    /// Signs an uploaded zip, or finds the zip that an earlier run signed.
    ///
    /// # Errors
    /// AWS Signer refuses, or does not finish in time.
    pub(in crate::registry) async fn sign(
        &self,
        place: &Place,
        layer: &LayerName,
        content: ContentHash,
    ) -> anyhow::Result<Option<SignedZip>> {
        let (Some(profile), Some(bucket)) = (&self.signing_profile, self.bucket(place)) else { return Ok(None) };
        let prefix = format!("{BUCKET_PREFIX}/{layer}/signed/{profile}/{}/", content.0.hex());
        let key = match self.signed_before(place, &bucket, &prefix).await? {
            Some(key) => key,
            None => self.sign_now(place, &bucket, (&zip_key(layer, content), content), &prefix, profile).await?,
        };
        Ok(Some(self.look_at(place, &bucket, key).await?))
    }

    async fn signed_before(&self, place: &Place, bucket: &str, prefix: &str) -> anyhow::Result<Option<String>> {
        let listed = self.clients(place).s3.list_objects_v2().bucket(bucket).prefix(prefix).send().await;
        let arn = errors::s3_arn(&place.region, bucket);
        let listed = listed.map_err(|error| errors::explain("s3:ListBucket", &arn, &error))?;
        let newest = listed.contents().iter().max_by_key(|object| object.last_modified().map(DateTime::as_nanos));
        Ok(newest.and_then(|object| object.key()).map(str::to_owned))
    }

    async fn sign_now(
        &self,
        place: &Place,
        bucket: &str,
        (key, content): (&str, ContentHash),
        prefix: &str,
        profile: &str,
    ) -> anyhow::Result<String> {
        let arn = errors::s3_arn(&place.region, &format!("{bucket}/{key}"));
        let unsigned = self.clients(place).s3.head_object().bucket(bucket).key(key);
        let unsigned = unsigned.checksum_mode(ChecksumMode::Enabled).send().await;
        let unsigned = unsigned.map_err(|error| errors::explain("s3:GetObject", &arn, &error))?;
        // A signature vouches for the bytes, so they must be ours.
        if unsigned.checksum_sha256() != Some(&content.to_string()) {
            let failure = Failure::system(format!("`{key}` in `{bucket}` was replaced after the upload"));
            let found = unsigned.checksum_sha256().unwrap_or("no SHA-256");
            let failure = failure.cause(format!("uploaded {content}, S3 has {found}"));
            return Err(failure.hint("find out what else writes to the bucket, and run again").into());
        }
        let version = unsigned.version_id().with_context(|| format!("S3 returned no version ID for `{key}`"))?;
        let source = S3Source::builder().bucket_name(bucket).key(key).version(version).build()?;
        let destination = S3Destination::builder().bucket_name(bucket).prefix(prefix).build();
        let signer = self.signer(place);
        let request = signer.start_signing_job().profile_name(profile).source(Source::builder().s3(source).build());
        let request = request.destination(Destination::builder().s3(destination).build());
        // The SDK generates a token for each request; another run's token would return that run's failure.
        let started = request.send().await;
        let started = started.map_err(|error| {
            let failed = errors::failure_of("signer:StartSigningJob", &profile_arn(place, profile), &error);
            let is_users = matches!(error.code(), Some("ResourceNotFoundException" | "ValidationException"));
            Failure { kind: if is_users { Kind::User } else { failed.kind }, ..failed }
        })?;
        let job = started.job_id().context("AWS Signer started a job, but did not return its ID")?;
        let start = tokio::time::Instant::now();
        while start.elapsed() < PATIENCE {
            let asked = signer.describe_signing_job().job_id(job).send().await;
            let asked = asked.map_err(|error| errors::explain("signer:DescribeSigningJob", "*", &error))?;
            if let Some(key) = signed(&asked, profile, place)? {
                return Ok(key);
            }
            tokio::time::sleep(POLL).await;
        }
        let failure =
            Failure::system(format!("AWS Signer did not sign `{key}` within {} minutes", PATIENCE.as_secs() / 60));
        Err(failure.hint(format!("check the signing job {job}, then run again")).into())
    }

    /// Reads the signed zip, so that the version that AWS publishes can be compared with it.
    async fn look_at(&self, place: &Place, bucket: &str, key: String) -> anyhow::Result<SignedZip> {
        let arn = errors::s3_arn(&place.region, &format!("{bucket}/{key}"));
        let object = self.clients(place).s3.get_object().bucket(bucket).key(&key).send().await;
        let GetObjectOutput { mut body, version_id, .. } =
            object.map_err(|error| errors::explain("s3:GetObject", &arn, &error))?;
        let mut hasher = Sha256::new();
        while let Some(piece) = body.next().await {
            hasher.update(&piece.with_context(|| format!("the download of `{key}` was interrupted"))?);
        }
        Ok(SignedZip { key, version: version_id, hash: ContentHash(Digest::finish(hasher)) })
    }

    fn signer(&self, place: &Place) -> Client {
        Client::new(&self.clients(place).config)
    }

    /// Whether a version has this content, unsigned or signed; with a signing profile, it must be signed by that.
    pub(super) fn has_content(&self, found: &GetLayerVersionOutput, content: ContentHash) -> bool {
        let code = found.content();
        let is_signed = code.is_some_and(|code| code.signing_job_arn().is_some());
        if !is_signed {
            let hash = code.and_then(|code| code.code_sha256());
            return self.signing_profile.is_none() && hash == Some(&content.to_string());
        }
        let described = found.description().and_then(Identity::from_description);
        let by = code.and_then(|code| code.signing_profile_version_arn()).unwrap_or_default();
        let is_by = |profile: &String| by.split('/').nth(2) == Some(profile);
        described.is_some_and(|identity| identity.content == content) && self.signing_profile.as_ref().is_none_or(is_by)
    }
}

fn check_profile(profile: &str, place: &Place, found: &GetSigningProfileOutput) -> Result<(), Failure> {
    if found.platform_id().is_some_and(|platform| platform != PLATFORM) {
        let platform = found.platform_id().unwrap_or_default();
        let failure = Failure::user(format!("the signing profile `{profile}` in {place} is for {platform}"));
        return Err(failure.hint(format!("set `signing-profile` to a profile for {PLATFORM}")));
    }
    if found.status().is_some_and(|status| *status != SigningProfileStatus::Active) {
        let failure = Failure::user(format!("the signing profile `{profile}` in {place} is no longer active"));
        return Err(failure.hint("set `signing-profile` to another one: a cancelled profile cannot be reactivated"));
    }
    Ok(())
}

/// The key of the object that a finished job wrote.
fn signed(job: &DescribeSigningJobOutput, profile: &str, place: &Place) -> anyhow::Result<Option<String>> {
    match job.status() {
        Some(SigningStatus::Succeeded) => {
            let object = job.signed_object().and_then(|object| object.s3()).and_then(|object| object.key());
            Ok(Some(
                object.context("AWS Signer finished, but did not return the location of the signed zip")?.to_owned(),
            ))
        }
        Some(SigningStatus::Failed) => {
            let failure = Failure::user(format!("AWS Signer could not sign with the profile `{profile}` in {place}"));
            let reason = job.status_reason().unwrap_or("AWS Signer gave no reason");
            Err(failure
                .cause(reason)
                .hint("check the profile and its permissions to read and write in the bucket")
                .into())
        }
        _ => Ok(None),
    }
}

fn profile_arn(place: &Place, profile: &str) -> String {
    let account = place.account.as_ref().map_or("*", |account| account.as_str());
    format!("arn:{}:signer:{}:{account}:/signing-profiles/{profile}", facts::partition(&place.region), place.region)
}
