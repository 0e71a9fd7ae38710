//! Removes versions and zips of a layer from AWS, and reads the account's code storage.

use std::time::Duration;

use anyhow::Context as _;
use aws_config::timeout::TimeoutConfig;
use jiff::Timestamp;

use super::listing::is_whole;
use super::{AwsRegistry, ZIP, zip_prefix};
use crate::aws::errors;
use crate::types::{ByteSize, ContentHash, Digest, LayerName, LayerVersionArn, Place};

/// The timeout for removing one version, with all attempts.
const REMOVE_TIMEOUT: Duration = Duration::from_mins(1);

/// A version that could not be removed.
#[derive(Debug)]
pub(crate) struct Unremoved {
    pub(crate) error: anyhow::Error,
    /// Whether there was no answer, so that it may be removed nevertheless.
    pub(crate) may_be_removed: bool,
}

/// A zip in a bucket that this program put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredZip {
    pub(crate) key: String,
    pub(crate) content: ContentHash,
    pub(crate) size: ByteSize,
    /// When it was last written (UTC).
    pub(crate) modified: Option<Timestamp>,
}

impl AwsRegistry {
    pub(in crate::registry) async fn remove(
        &self,
        place: &Place,
        layer: &LayerName,
        arn: &LayerVersionArn,
    ) -> Result<(), Unremoved> {
        let unsent = |error: anyhow::Error| Unremoved { error, may_be_removed: false };
        let number = i64::try_from(arn.version()).map_err(|error| unsent(error.into()))?;
        let request = self.clients(place).lambda.delete_layer_version().layer_name(layer.as_str());
        let timeout = TimeoutConfig::builder().operation_timeout(REMOVE_TIMEOUT).build();
        let in_time = aws_sdk_lambda::config::Builder::new().timeout_config(timeout);
        let sent = request.version_number(number).customize().config_override(in_time).send().await;
        sent.map(drop).map_err(|error| {
            let is_refused = error.raw_response().is_some_and(|reply| reply.status().as_u16() < 500);
            let error = errors::explain("lambda:DeleteLayerVersion", &arn.to_string(), &error);
            Unremoved { error, may_be_removed: !is_refused }
        })
    }

    /// The code storage that all functions and layers of the account use in the region.
    pub(crate) async fn code_storage(&self, place: &Place) -> anyhow::Result<ByteSize> {
        let settings = self.clients(place).lambda.get_account_settings().send().await;
        let settings = settings.map_err(|error| errors::explain("lambda:GetAccountSettings", "*", &error))?;
        let usage = settings.account_usage.context("AWS did not return the code storage of the account")?;
        Ok(ByteSize(u64::try_from(usage.total_code_size)?))
    }

    /// The zips of a layer in the bucket of a place; other objects are left out.
    pub(crate) async fn stored_zips(&self, place: &Place, layer: &LayerName) -> anyhow::Result<Vec<StoredZip>> {
        let Some(bucket) = self.bucket(place) else { return Ok(Vec::new()) };
        let prefix = zip_prefix(layer);
        let s3 = &self.clients(place).s3;
        let mut pages = s3.list_objects_v2().bucket(&bucket).prefix(&prefix).into_paginator().send();
        let (mut zips, mut rest) = (Vec::new(), None);
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| errors::explain("s3:ListBucket", &errors::s3_arn(&place.region, &bucket), &error))?;
            rest = page.next_continuation_token.filter(|_| page.is_truncated == Some(true));
            for object in page.contents.unwrap_or_default() {
                let digest = object.key().and_then(|key| digest(key.strip_prefix(&prefix)?));
                let Some(digest) = digest else { continue };
                let modified = object.last_modified().and_then(|time| Timestamp::from_second(time.secs()).ok());
                zips.push(StoredZip {
                    key: object.key().unwrap_or_default().to_owned(),
                    content: ContentHash(digest),
                    size: ByteSize(object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0)),
                    modified,
                });
            }
        }
        is_whole("s3:ListBucket", rest.as_deref())?;
        Ok(zips)
    }

    /// Removes a zip from the bucket of a place.
    pub(crate) async fn remove_zip(&self, place: &Place, zip: &StoredZip) -> anyhow::Result<()> {
        let Some(bucket) = self.bucket(place) else { return Ok(()) };
        let sent = self.clients(place).s3.delete_object().bucket(&bucket).key(&zip.key).send().await;
        sent.map_err(|error| {
            let arn = errors::s3_arn(&place.region, &format!("{bucket}/{}", zip.key));
            errors::explain("s3:DeleteObject", &arn, &error)
        })?;
        Ok(())
    }
}

/// The digest in a key: `<sha256>.zip`, or `signed/<profile>/<sha256>/<job>.zip`.
fn digest(name: &str) -> Option<Digest> {
    let name = name.strip_suffix(ZIP)?;
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [digest] | ["signed", _, digest, _] => Digest::from_hex(digest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zips_of_ours_are_known() {
        let hex = "ab".repeat(32);
        for name in [format!("{hex}.zip"), format!("signed/acme/{hex}/1f2e.zip")] {
            assert_eq!(digest(&name).map(|digest| digest.hex()), Some(hex.clone()));
        }
        for name in ["shared.json", "ab.zip", "backup/ab.zip"] {
            assert_eq!(digest(name), None);
        }
        assert_eq!(digest(&format!("backup/{hex}.zip")), None);
        assert_eq!(digest(&format!("{hex}.json")), None);
    }
}
