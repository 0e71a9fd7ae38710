use aws_sdk_s3::config::http::HttpResponse;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

use super::*;
use crate::error::{Explanation, Failure, Kind};
use crate::registry::aws::tests::{REGION, explained, layer, refused_by_s3, reply};

fn store(rules: &[&Rule]) -> StateStore {
    let client = mock_client!(aws_sdk_s3, RuleMode::MatchAny, rules, |config| config
        .region(aws_sdk_s3::config::Region::from_static(REGION)));
    StateStore::in_s3(vec![Bucket { client, name: "layers".to_owned() }], "lambda-layers/state".to_owned())
}

async fn read(answer: fn() -> HttpResponse) -> anyhow::Result<Stored> {
    store(&[&mock!(Client::get_object).then_http_response(answer)]).read(&layer()).await
}

async fn write(tag: &Tag, answer: fn() -> HttpResponse) -> anyhow::Result<Written> {
    let state = State::new(&layer());
    store(&[&mock!(Client::put_object).then_http_response(answer)]).write(&state, tag).await
}

fn etag(tag: &str) -> Tag {
    Tag::Present(tag.to_owned())
}

#[tokio::test]
async fn what_was_never_written_is_absent() {
    let stored =
        read(|| refused_by_s3(404, "NoSuchKey", "The specified key does not exist.")).await.expect("is answered");
    assert_eq!((stored.state, stored.tag), (None, Tag::Absent));
}

#[tokio::test]
async fn a_state_comes_with_its_tag() {
    let stored = read(|| {
        let json = String::from_utf8(State::new(&layer()).to_json()).expect("is UTF-8");
        reply(200, &[("etag", "\"a1\"")], json)
    });
    let stored = stored.await.expect("is answered");
    assert_eq!((stored.state, stored.tag), (Some(State::new(&layer())), etag("\"a1\"")));
}

#[tokio::test]
async fn what_is_no_state_can_be_overwritten_and_nothing_else() {
    let stored = read(|| reply(200, &[("etag", "\"a1\"")], "{\"format\": 1, \"lay")).await.expect("is answered");
    assert_eq!((stored.state, stored.tag), (None, etag("\"a1\"")));
}

#[tokio::test]
async fn a_denied_read_names_the_statement_and_why_it_can_be_another() {
    let error = read(|| refused_by_s3(403, "AccessDenied", "Access Denied")).await.expect_err("is denied");
    assert_eq!(error.downcast_ref::<Failure>().map(|failure| failure.kind), Some(Kind::System));
    insta::assert_snapshot!(explained(&error), @r#"
    error: s3:GetObject failed for `arn:aws:s3:::layers/lambda-layers/state/shared.json`
    cause: AccessDenied (HTTP 403): Access Denied (request 4F2A)
    hint: allow it: {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::layers/lambda-layers/state/shared.json"}, and `s3:ListBucket` on `arn:aws:s3:::layers`, without which S3 denies access to objects that do not exist yet
    "#);
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_the_users() {
    let error = read(|| refused_by_s3(404, "NoSuchBucket", "The specified bucket does not exist")).await;
    let error = error.expect_err("has no bucket");
    assert_eq!(Explanation::of(&error).exit_code(), 1);
    insta::assert_snapshot!(explained(&error), @"
    error: s3:GetObject failed for `arn:aws:s3:::layers/lambda-layers/state/shared.json`
    cause: NoSuchBucket (HTTP 404): The specified bucket does not exist (request 4F2A)
    hint: create the bucket, or correct `bucket` or `state`
    ");
}

#[tokio::test]
async fn a_bucket_of_another_region_is_the_users() {
    let error = read(|| {
        let answer =
            refused_by_s3(301, "PermanentRedirect", "The bucket must be addressed using the specified endpoint.");
        with_region(answer, "us-east-1")
    });
    let error = error.await.expect_err("is elsewhere");
    assert_eq!(Explanation::of(&error).exit_code(), 1);
    insta::assert_snapshot!(explained(&error), @"
    error: s3:GetObject failed for `arn:aws:s3:::layers/lambda-layers/state/shared.json`
    cause: PermanentRedirect (HTTP 301): The bucket must be addressed using the specified endpoint. (request 4F2A)
    hint: use a bucket in the first region that you publish to: this bucket is in us-east-1, not in eu-west-1
    ");
}

fn with_region(mut answer: HttpResponse, region: &'static str) -> HttpResponse {
    answer.headers_mut().insert("x-amz-bucket-region", region);
    answer
}

#[tokio::test]
async fn a_write_depends_on_what_was_read() {
    for tag in [Tag::Absent, etag("\"a1\"")] {
        let (match_tag, none_tag) = match &tag {
            Tag::Absent => (None, Some("*")),
            Tag::Present(etag) => (Some(etag.clone()), None),
        };
        let putting = mock!(Client::put_object)
            .match_requests(move |request| {
                request.if_match() == match_tag.as_deref() && request.if_none_match() == none_tag
            })
            .then_http_response(|| reply(200, &[("etag", "\"b2\"")], ""));
        let written = store(&[&putting]).write(&State::new(&layer()), &tag).await.expect("is answered");
        assert_eq!(written, Written::Done(etag("\"b2\"")));
    }
}

#[tokio::test]
async fn a_write_that_comes_too_late_is_a_conflict() {
    let failed =
        || refused_by_s3(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    let at_once =
        || refused_by_s3(409, "ConditionalRequestConflict", "A conflicting conditional operation is in progress");
    let gone = || refused_by_s3(404, "NoSuchKey", "The specified key does not exist.");
    assert_eq!(write(&Tag::Absent, failed).await.expect("is answered"), Written::Conflict);
    assert_eq!(write(&etag("\"a1\""), failed).await.expect("is answered"), Written::Conflict);
    assert_eq!(write(&etag("\"a1\""), at_once).await.expect("is answered"), Written::Conflict);
    assert_eq!(write(&etag("\"a1\""), gone).await.expect("is answered"), Written::Conflict);
}

#[tokio::test]
async fn a_denied_write_names_the_statement() {
    let error =
        write(&Tag::Absent, || refused_by_s3(403, "AccessDenied", "Access Denied")).await.expect_err("is denied");
    insta::assert_snapshot!(explained(&error), @r#"
    error: s3:PutObject failed for `arn:aws:s3:::layers/lambda-layers/state/shared.json`
    cause: AccessDenied (HTTP 403): Access Denied (request 4F2A)
    hint: allow it: {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::layers/lambda-layers/state/shared.json"}
    "#);
}
