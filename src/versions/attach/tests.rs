//! Tests of what moto does not support: updates that take time, fail, or meet others. They use the SDK's own client
//! with replies in place of the network.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use serde_json::{Value, json};

use super::*;
use crate::error::Explanation;
use crate::registry::aws::AwsRegistry;
use crate::registry::aws::tests::{REGION, arn, place, refused, reply};

const OTHER: &str = "arn:aws:lambda:eu-west-1:210987654321:layer:other:3";

/// The reply of `GetFunction` for a function with these layers.
fn function(revision: &str, layers: &[&str], more: &Value) -> HttpResponse {
    let layers: Vec<Value> = layers.iter().map(|arn| json!({ "Arn": arn, "CodeSize": 100 })).collect();
    let mut settings = json!({
        "FunctionName": "orders", "Runtime": "python3.13", "CodeSize": 100, "RevisionId": revision,
        "State": "Active", "LastUpdateStatus": "Successful", "Layers": layers,
    });
    for (name, value) in more.as_object().expect("is an object") {
        settings[name] = value.clone();
    }
    reply(200, &[], json!({ "Configuration": settings }).to_string())
}

fn with_first(revision: &str, more: &Value) -> HttpResponse {
    function(revision, &[OTHER, &arn(1)], more)
}

fn with_second(more: &Value) -> HttpResponse {
    function("after", &[OTHER, &arn(2)], more)
}

fn in_progress() -> Value {
    json!({ "LastUpdateStatus": "InProgress" })
}

/// Replies to `GetFunction`, one per call.
fn functions(replies: Vec<fn() -> HttpResponse>) -> Rule {
    let mut replies = replies.into_iter();
    let first = replies.next().expect("is one");
    let mut sequence = mock!(Client::get_function).sequence().http_response(first);
    for reply in replies {
        sequence = sequence.http_response(reply);
    }
    sequence.build()
}

/// The reply to an update from this revision to these layers.
fn update(revision: &'static str, layers: Vec<String>, answer: fn() -> HttpResponse) -> Rule {
    let is_it =
        move |request: &aws_sdk_lambda::operation::update_function_configuration::UpdateFunctionConfigurationInput| {
            request.revision_id() == Some(revision) && request.layers() == layers
        };
    mock!(Client::update_function_configuration).match_requests(is_it).sequence().http_response(answer).build()
}

fn sent() -> HttpResponse {
    reply(200, &[], in_progress().to_string())
}

fn version() -> Rule {
    let body = json!({ "Content": { "CodeSize": 100 }, "CompatibleRuntimes": ["python3.13"] });
    mock!(Client::get_layer_version).then_http_response(move || reply(200, &[], body.to_string()))
}

/// The result for the function `orders`, which gets version 2.
async fn attached(rules: &[&Rule]) -> String {
    let version = version();
    let rules: Vec<&Rule> = rules.iter().copied().chain([&version]).collect();
    let lambda = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, &rules);
    let nothing: [&Rule; 0] = [];
    let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, nothing);
    let registry = Registry::Aws(std::sync::Arc::new(AwsRegistry::with_clients([(REGION, lambda, s3)], None, None)));
    let versions = [Chosen { place: place(), arn: Ok(arn(2).parse().expect("is valid")) }];
    let rows = apply(&["orders".parse().expect("is valid")], &versions, &registry, false).await;
    let told = rows.iter().map(|row| {
        let error = row.error.as_ref().map(Explanation::to_string).unwrap_or_default();
        format!("{} {}: {}\n{error}", row.outcome.word(), row.subject, row.detail).trim_end().to_owned()
    });
    told.collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_function_that_changes_meanwhile_is_decided_on_anew() {
    let looks = functions(vec![
        || with_first("one", &json!({})),
        || function("two", &[&arn(1), OTHER], &json!({})),
        || with_first("three", &json!({})),
        || with_second(&json!({})),
    ]);
    let second = update("one", vec![OTHER.to_owned(), arn(2)], || refused(412, "PreconditionFailedException", "no"));
    let third = update("two", vec![arn(2), OTHER.to_owned()], || refused(409, "ResourceConflictException", "no"));
    let fourth = update("three", vec![OTHER.to_owned(), arn(2)], sent);
    insta::assert_snapshot!(attached(&[&looks, &second, &third, &fourth]).await, @"done function orders: version 1 → 2");
    assert_eq!((looks.num_calls(), fourth.num_calls()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_waited_for_before_and_after() {
    let looks = functions(vec![
        || with_first("one", &json!({ "State": "Pending" })),
        || with_first("two", &in_progress()),
        || with_first("three", &json!({})),
        || with_second(&in_progress()),
        || with_second(&json!({})),
    ]);
    let update = update("three", vec![OTHER.to_owned(), arn(2)], sent);
    insta::assert_snapshot!(attached(&[&looks, &update]).await, @"done function orders: version 1 → 2");
    assert_eq!(looks.num_calls(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_killed_run_is_waited_for() {
    let looks = functions(vec![|| with_second(&in_progress()), || with_second(&json!({}))]);
    insta::assert_snapshot!(attached(&[&looks]).await, @"unchanged function orders: version 2");
    assert_eq!(looks.num_calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_says_why_and_is_tried_again_by_the_next_run() {
    fn failed() -> HttpResponse {
        let why = json!({
            "LastUpdateStatus": "Failed", "LastUpdateStatusReasonCode": "SubnetOutOfIPAddresses",
            "LastUpdateStatusReason": "the subnet has no free address",
        });
        with_second(&why)
    }
    let layers = vec![OTHER.to_owned(), arn(2)];
    let looks = functions(vec![|| with_first("one", &json!({})), failed]);
    let sent_once = update("one", layers.clone(), sent);
    insta::assert_snapshot!(attached(&[&looks, &sent_once]).await, @"
    failed function orders: version 1 → 2
    error: Lambda could not update it
    cause: SubnetOutOfIPAddresses: the subnet has no free address
    hint: correct the cause and run again; the function still has its previous layers
    ");
    let looks = functions(vec![failed, || with_second(&json!({}))]);
    let again = update("after", layers, sent);
    insta::assert_snapshot!(attached(&[&looks, &again]).await, @"done function orders: version 2");
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_never_done_is_given_up() {
    let looks = mock!(Client::get_function).then_http_response(|| with_first("one", &in_progress()));
    insta::assert_snapshot!(attached(&[&looks]).await, @"
    failed function orders: version 1 → 2
    error: it is still being updated after 5 minutes
    hint: run again when it is done
    ");
}

#[tokio::test(start_paused = true)]
async fn one_that_always_changes_is_given_up() {
    let looks = mock!(Client::get_function).then_http_response(|| with_first("one", &json!({})));
    let refusal = || refused(412, "PreconditionFailedException", "no");
    let update = mock!(Client::update_function_configuration).then_http_response(refusal);
    insta::assert_snapshot!(attached(&[&looks, &update]).await, @"
    failed function orders: version 1 → 2
    error: something else keeps changing the function
    hint: run again when it is done
    ");
    assert_eq!(update.num_calls(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_lambda_itself_refuses_is_told() {
    let looks = functions(vec![|| with_first("one", &json!({}))]);
    let refusal = || {
        let message = "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes.";
        refused(400, "InvalidParameterValueException", message)
    };
    let update = update("one", vec![OTHER.to_owned(), arn(2)], refusal);
    insta::assert_snapshot!(attached(&[&looks, &update]).await, @"
    failed function orders: version 1 → 2
    error: lambda:UpdateFunctionConfiguration failed for `arn:aws:lambda:eu-west-1:123456789012:function:orders`
    cause: InvalidParameterValueException (HTTP 400): Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. (request 8f3c)
    hint: remove another layer from the function, or make its code or this layer smaller
    ");
}
