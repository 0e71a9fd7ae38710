//! The versions of a layer as Lambda lists them.

use anyhow::Context as _;
use aws_sdk_lambda::operation::list_layer_versions::ListLayerVersionsError;
use aws_sdk_lambda::types::LayerVersionsListItem;
use jiff::Timestamp;

use super::{AwsRegistry, layer_arn};
use crate::aws::errors;
use crate::error::Failure;
use crate::registry::Listed;
use crate::types::description::{Declared, Identity};
use crate::types::{LayerName, LayerVersionArn, Place};

impl AwsRegistry {
    pub(in crate::registry) async fn list(&self, place: &Place, layer: &LayerName) -> anyhow::Result<Vec<Listed>> {
        let lambda = &self.clients(place).lambda;
        let mut pages = lambda.list_layer_versions().layer_name(layer.as_str()).into_paginator().send();
        let (mut listed, mut rest) = (Vec::new(), None);
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
                    let arn = layer_arn(&place.region, layer);
                    return Err(errors::explain("lambda:ListLayerVersions", &arn, &error));
                }
            };
            rest = page.next_marker;
            for version in page.layer_versions.unwrap_or_default() {
                listed.push(read(&version)?);
            }
        }
        is_whole("lambda:ListLayerVersions", rest.as_deref())?;
        // AWS lists the newest first; that order is not relied on.
        listed.sort_by_key(|listed| std::cmp::Reverse(listed.arn.version()));
        Ok(listed)
    }
}

/// Refuses a list of which the SDK may have read only a part: it stops without an error if two pages in a row name the
/// same next page.
pub(crate) fn is_whole(action: &str, rest: Option<&str>) -> anyhow::Result<()> {
    if rest.is_some_and(|marker| !marker.is_empty()) {
        let failure = Failure::system(format!("{action} returned the same next page twice"));
        return Err(failure.hint("run again: this is a fault in the service").into());
    }
    Ok(())
}

fn read(version: &LayerVersionsListItem) -> anyhow::Result<Listed> {
    let arn = version.layer_version_arn().context("AWS listed a version without an ARN")?;
    let arn: LayerVersionArn = arn.parse().map_err(anyhow::Error::msg)?;
    let identity = version.description().and_then(Identity::from_description);
    let declares = Declared::of(
        version.description().unwrap_or_default(),
        version.license_info(),
        version.compatible_runtimes().iter().map(|runtime| runtime.as_str().to_owned()),
        version.compatible_architectures().iter().map(|name| name.as_str().to_owned()),
    );
    let created = version.created_date().and_then(created);
    Ok(Listed { arn, identity, created, size: None, declares: Some(declares) })
}

/// Parses ISO 8601 with a time zone of four digits, `2018-11-27T15:10:45.123+0000` (Lambda API,
/// `LayerVersionsListItem`).
fn created(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_lambda_are_read() {
        let time = created("2018-11-27T15:10:45.123+0000").expect("is a date");
        assert_eq!(time.to_string(), "2018-11-27T15:10:45.123Z");
        assert_eq!(created("2018-11-27T17:10:45.123+02:00"), Some(time));
        assert_eq!(created("last year"), None);
    }
}
