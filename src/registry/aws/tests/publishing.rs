//! One version is published, however often AWS has to be asked.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::http::HttpResponse;
use std::time::Duration;
use tokio::time::Instant;

use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

use super::*;
use crate::environment::Environment;
use crate::error::{Failure, Kind};
use crate::registry::NewVersion;
use crate::registry::claim::Owner;
use crate::registry::lease::Lease;
use crate::registry::state::{State, Version};
use crate::registry::store::{StateStore, Tag};
use crate::types::LayerVersionArn;

/// The longest time that a publish may take.
const SETTLING: Duration = Duration::from_mins(1);

type Reply = fn() -> HttpResponse;

/// Replies to `PublishLayerVersion`, one per call.
fn publish_replies(replies: &'static [Reply]) -> Rule {
    let mut sequence = mock!(Client::publish_layer_version).sequence().http_response(replies[0]);
    for reply in &replies[1..] {
        sequence = sequence.http_response(*reply);
    }
    sequence.build()
}

fn pages(replies: &'static [Reply]) -> Rule {
    let mut sequence = mock!(Client::list_layer_versions).sequence().http_response(replies[0]);
    for reply in &replies[1..] {
        sequence = sequence.http_response(*reply);
    }
    sequence.build()
}

fn lists_nothing() -> Rule {
    mock!(Client::list_layer_versions).then_http_response(nothing_listed)
}

fn getting() -> Rule {
    mock!(Client::get_layer_version).then_http_response(published)
}

fn registry(rules: &[&Rule]) -> AwsRegistry {
    let lambda = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, rules);
    let nothing: [&Rule; 0] = [];
    AwsRegistry::with_clients([(REGION, lambda, mock_client!(aws_sdk_s3, RuleMode::MatchAny, nothing))], None, None)
}

async fn publish(registry: &AwsRegistry) -> anyhow::Result<LayerVersionArn> {
    let (layer, archive, declaration) = (layer(), archive(), declaration());
    let version =
        NewVersion { layer: &layer, archive: &archive, declaration: &declaration, identity: identity(), signed: None };
    let store = StateStore::Nowhere;
    let owner = Owner::this_run(&Environment::default());
    let lease = Lease::unclaimed(&store, State::new(&layer), Tag::Absent, owner);
    registry.publish(&place(), &version, &lease).await.map(|made| made.arn)
}

fn throttled() -> HttpResponse {
    refused(429, "TooManyRequestsException", "Rate exceeded")
}

fn fault() -> HttpResponse {
    refused(500, "ServiceException", "An error occurred and the request cannot be processed.")
}

fn published() -> HttpResponse {
    made(4, &identity().content)
}

fn listed() -> HttpResponse {
    page(&[(4, &declaration().description(identity()))], None)
}

fn nothing_listed() -> HttpResponse {
    page(&[], None)
}

#[tokio::test(start_paused = true)]
async fn a_throttled_publish_is_repeated() {
    let publishing = publish_replies(&[throttled, throttled, published]);
    let made = publish(&registry(&[&publishing])).await.expect("the third try is fine");
    assert_eq!(made.to_string(), arn(4));
    assert_eq!(publishing.num_calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn throttled_for_ever_is_an_error_that_says_so() {
    let publishing = publish_replies(&[throttled as Reply; 5]);
    let error = publish(&registry(&[&publishing])).await.expect_err("never gets through");
    assert_eq!(publishing.num_calls(), 5);
    insta::assert_snapshot!(explained(&error), @"
    error: lambda:PublishLayerVersion failed for `arn:aws:lambda:eu-west-1:*:layer:shared`
    cause: TooManyRequestsException (HTTP 429): Rate exceeded (request 8f3c)
    hint: run again later: AWS is throttling requests, and nothing published is lost
    ");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_made_although_the_answer_was_a_fault_is_adopted() {
    let publishing = publish_replies(&[fault]);
    let listing = pages(&[nothing_listed, listed]);
    let made = publish(&registry(&[&publishing, &listing, &getting()])).await.expect("finds what it made");
    assert_eq!(made.to_string(), arn(4));
    assert_eq!(publishing.num_calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_made_nothing_is_repeated() {
    let publishing = publish_replies(&[fault, published]);
    let (listing, start) = (lists_nothing(), Instant::now());
    let made = publish(&registry(&[&publishing, &listing])).await.expect("the second try is fine");
    assert_eq!(made.to_string(), arn(4));
    assert_eq!(publishing.num_calls(), 2);
    assert!(start.elapsed() >= SETTLING, "the first request may be under way all the while");
}

#[tokio::test(start_paused = true)]
async fn faults_for_ever_are_an_error_and_the_list_has_the_last_word() {
    let publishing = publish_replies(&[fault as Reply; 5]);
    let (listing, start) = (lists_nothing(), Instant::now());
    let error = publish(&registry(&[&publishing, &listing])).await.expect_err("never gets through");
    assert_eq!(publishing.num_calls(), 5);
    assert!(start.elapsed() >= SETTLING * 5);
    insta::assert_snapshot!(explained(&error), @"
    error: lambda:PublishLayerVersion failed for `arn:aws:lambda:eu-west-1:*:layer:shared`
    cause: ServiceException (HTTP 500): An error occurred and the request cannot be processed. (request 8f3c)
    hint: run again: this is a fault in the service, and nothing published is lost
    ");
}

#[tokio::test(start_paused = true)]
async fn other_bytes_than_those_sent_are_an_error() {
    let publishing = publish_replies(&[|| made(4, &ContentHash(Digest::of(b"other")))]);
    let error = publish(&registry(&[&publishing])).await.expect_err("is not what was sent");
    insta::assert_snapshot!(explained(&error), @"
    error: Lambda in eu-west-1 published `arn:aws:lambda:eu-west-1:123456789012:layer:shared:4` with a content that differs from what was sent
    cause: sent SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I=, published 2SmKENGwc1g33EvYXaxkGw887yekfl1TpU8vP1svz/o=
    hint: delete that version and run again
    ");
}

#[tokio::test(start_paused = true)]
async fn a_denied_publish_is_not_repeated_and_names_the_statement() {
    let publishing = publish_replies(&[|| {
        refused(
            403,
            "AccessDeniedException",
            "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:PublishLayerVersion",
        )
    }]);
    let error = publish(&registry(&[&publishing])).await.expect_err("is denied");
    assert_eq!(publishing.num_calls(), 1);
    assert_eq!(error.downcast_ref::<Failure>().map(|failure| failure.kind), Some(Kind::System));
    insta::assert_snapshot!(explained(&error), @r#"
    error: lambda:PublishLayerVersion failed for `arn:aws:lambda:eu-west-1:*:layer:shared`
    cause: AccessDeniedException (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:PublishLayerVersion (request 8f3c)
    hint: allow it: {"Effect": "Allow", "Action": "lambda:PublishLayerVersion", "Resource": "arn:aws:lambda:eu-west-1:*:layer:shared"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_lambda_refuses_is_the_users() {
    let publishing = publish_replies(&[|| {
        refused(
            400,
            "InvalidParameterValueException",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        )
    }]);
    let error = publish(&registry(&[&publishing])).await.expect_err("is refused");
    assert_eq!(publishing.num_calls(), 1);
    assert_eq!(error.downcast_ref::<Failure>().map(|failure| failure.kind), Some(Kind::User));
    insta::assert_snapshot!(explained(&error), @"
    error: lambda:PublishLayerVersion failed for `arn:aws:lambda:eu-west-1:*:layer:shared`
    cause: InvalidParameterValueException (HTTP 400): Could not unzip uploaded file. Please check your file, then try to upload again. (request 8f3c)
    hint: correct the input that the message mentions: Lambda does not accept its value
    ");
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let listing = pages(&[
        || page(&[(3, "by hand"), (2, &declaration().description(identity()))], Some("more")),
        || page(&[(1, "")], None),
    ]);
    let versions = registry(&[&listing]).list(&place(), &layer()).await.expect("is fine");
    let found: Vec<_> = versions.iter().map(|version| (version.arn.version(), version.identity)).collect();
    assert_eq!(found, [(3, None), (2, Some(identity())), (1, None)]);
    assert_eq!(listing.num_calls(), 2);
}

#[tokio::test]
async fn a_layer_that_never_was_has_no_versions() {
    let listing = pages(&[|| refused(404, "ResourceNotFoundException", "The resource you requested does not exist.")]);
    assert_eq!(registry(&[&listing]).list(&place(), &layer()).await.expect("is fine"), []);
}

fn recorded() -> Version {
    Version {
        arn: arn(4).parse().expect("is valid"),
        version: 4,
        recorded: jiff::Timestamp::UNIX_EPOCH,
        declares: None,
    }
}

async fn exists(reply: Reply) -> anyhow::Result<bool> {
    let getting = mock!(Client::get_layer_version).then_http_response(reply);
    registry(&[&getting])
        .declared_by(&place(), &layer(), &recorded(), identity().content)
        .await
        .map(|found| found.is_some())
}

#[tokio::test]
async fn a_version_exists_if_it_is_the_recorded_one() {
    assert!(exists(published).await.expect("is answered"));
    assert!(!exists(|| made(4, &ContentHash(Digest::of(b"other")))).await.expect("is answered"));
    let gone = exists(|| refused(404, "ResourceNotFoundException", "The resource you requested does not exist."));
    assert!(!gone.await.expect("is answered"));
    let denied = exists(|| refused(403, "AccessDeniedException", "not authorized")).await.expect_err("is no answer");
    insta::assert_snapshot!(explained(&denied), @r#"
    error: lambda:GetLayerVersion failed for `arn:aws:lambda:eu-west-1:123456789012:layer:shared:4`
    cause: AccessDeniedException (HTTP 403): not authorized (request 8f3c)
    hint: allow it: {"Effect": "Allow", "Action": "lambda:GetLayerVersion", "Resource": "arn:aws:lambda:eu-west-1:123456789012:layer:shared:*"}
    "#);
}
