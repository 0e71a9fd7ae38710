//! Zips and state in S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::ChecksumMode;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

use super::*;
use crate::error::{Failure, Kind};

/// A place in the account that the buckets are named after.
fn place() -> Place {
    Place { account: Some("123456789012".parse().expect("is valid")), ..Place::own(REGION) }
}

fn registry(bucket: &str, rules: &[&Rule]) -> AwsRegistry {
    let nothing: [&Rule; 0] = [];
    let lambda = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, nothing);
    let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, rules);
    AwsRegistry::with_clients([(REGION, lambda, s3)], Some(bucket), Some("123456789012"))
}

async fn check(heading: Rule) -> anyhow::Result<()> {
    registry("layers-{account}-{region}", &[&heading]).check_buckets().await
}

fn kind(error: &anyhow::Error) -> Option<Kind> {
    error.downcast_ref::<Failure>().map(|failure| failure.kind)
}

#[tokio::test]
async fn a_buckets_name_is_filled_in() {
    let heading = mock!(Client::head_bucket)
        .match_requests(|request| request.bucket() == Some("layers-123456789012-eu-west-1"))
        .then_http_response(|| reply(200, &[("x-amz-bucket-region", REGION)], ""));
    check(heading).await.expect("is there");
}

#[tokio::test]
async fn a_bucket_of_another_region_is_refused_with_both_names() {
    // 301 for an old client, 400 for a signature of the wrong region; both name the bucket's region.
    for status in [301, 400, 403] {
        let heading = mock!(Client::head_bucket)
            .then_http_response(move || reply(status, &[("x-amz-bucket-region", "us-east-1")], ""));
        let error = check(heading).await.expect_err("is elsewhere");
        assert_eq!(kind(&error), Some(Kind::User));
        insta::allow_duplicates! {
            insta::assert_snapshot!(explained(&error), @"
            error: the bucket `layers-123456789012-eu-west-1` is in us-east-1, but Lambda in eu-west-1 reads only from buckets in its own region
            hint: use a bucket in that region, for example with `{region}` in `bucket`
            ");
        }
    }
}

#[tokio::test]
async fn a_bucket_that_may_not_be_listed_is_no_obstacle() {
    let heading = mock!(Client::head_bucket).then_http_response(|| reply(403, &[("x-amz-bucket-region", REGION)], ""));
    check(heading).await.expect("publishing does not need s3:ListBucket");
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_the_users() {
    let heading = mock!(Client::head_bucket).then_http_response(|| reply(404, &[], ""));
    let error = check(heading).await.expect_err("is missing");
    assert_eq!(kind(&error), Some(Kind::User));
    insta::assert_snapshot!(explained(&error), @"
    error: the bucket `layers-123456789012-eu-west-1` does not exist
    hint: create it, or correct `bucket`
    ");
}

#[tokio::test]
async fn a_zip_that_is_there_is_not_uploaded_again() {
    let heading = mock!(Client::head_object)
        .match_requests(|request| {
            let key = format!("lambda-layers/shared/{}.zip", identity().content.0.hex());
            request.key() == Some(&key) && request.checksum_mode() == Some(&ChecksumMode::Enabled)
        })
        .then_http_response(|| {
            let checksum = identity().content.to_string();
            reply(200, &[("content-length", "3"), ("x-amz-checksum-sha256", &checksum)], "")
        });
    registry("zips", &[&heading]).upload(&place(), &layer(), &archive()).await.expect("has nothing to do");
    assert_eq!(heading.num_calls(), 1);
}

#[tokio::test]
async fn what_is_not_known_to_be_the_zip_is_uploaded_again_with_its_checksum() {
    const OTHER: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for checksum in [None, Some(OTHER), Some("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-2")] {
        let heading = mock!(Client::head_object).then_http_response(move || {
            let headers = [Some(("content-length", "3")), checksum.map(|sum| ("x-amz-checksum-sha256", sum))];
            reply(200, &headers.into_iter().flatten().collect::<Vec<_>>(), "")
        });
        let putting = mock!(Client::put_object)
            .match_requests(|request| request.checksum_sha256() == Some(&identity().content.to_string()))
            .then_http_response(|| reply(200, &[], ""));
        registry("zips", &[&heading, &putting]).upload(&place(), &layer(), &archive()).await.expect("uploads");
        assert_eq!(putting.num_calls(), 1, "{checksum:?}");
    }
}

#[tokio::test]
async fn a_denied_upload_names_the_statement() {
    let heading = mock!(Client::head_object).then_http_response(|| reply(403, &[], ""));
    let putting = mock!(Client::put_object).then_http_response(|| refused_by_s3(403, "AccessDenied", "Access Denied"));
    let error = registry("zips", &[&heading, &putting]).upload(&place(), &layer(), &archive()).await;
    let error = error.expect_err("is denied");
    assert_eq!(kind(&error), Some(Kind::System));
    insta::assert_snapshot!(explained(&error).replace(&identity().content.0.hex(), "HASH"), @r#"
    error: s3:PutObject failed for `arn:aws:s3:::zips/lambda-layers/shared/HASH.zip`
    cause: AccessDenied (HTTP 403): Access Denied (request 4F2A)
    hint: allow it: {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::zips/lambda-layers/shared/*"}
    "#);
}
