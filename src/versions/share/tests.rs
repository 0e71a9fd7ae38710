//! Tests of what moto ignores: the principal of a request, and the revision that it is based on.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::operation::add_layer_version_permission::AddLayerVersionPermissionInput as Grant;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use serde_json::json;

use super::*;
use crate::error::Explanation;
use crate::registry::aws::tests::{arn, place, refused, reply};

/// Replies to `GetLayerVersionPolicy`, one per call: the revision, and the ids of the statements.
fn policies(replies: Vec<(&'static str, Vec<&'static str>)>) -> Rule {
    let mut replies = replies.into_iter().map(|(revision, ids)| {
        move || {
            let statements: Vec<_> = ids.iter().map(|id| json!({ "Sid": id, "Effect": "Allow" })).collect();
            let policy = json!({ "Statement": statements }).to_string();
            reply(200, &[], json!({ "Policy": policy, "RevisionId": revision }).to_string())
        }
    });
    let first = replies.next().expect("is one");
    let mut sequence = mock!(Client::get_layer_version_policy).sequence().http_response(first);
    for reply in replies {
        sequence = sequence.http_response(reply);
    }
    sequence.build()
}

/// The reply to a grant with this property.
fn grant(is_it: fn(&Grant) -> bool, answer: fn() -> HttpResponse) -> Rule {
    mock!(Client::add_layer_version_permission).match_requests(is_it).sequence().http_response(answer).build()
}

fn granted() -> HttpResponse {
    reply(201, &[], json!({ "Statement": "{}", "RevisionId": "next" }).to_string())
}

fn conflict() -> HttpResponse {
    refused(412, "PreconditionFailedException", "The RevisionId provided does not match")
}

async fn shared(names: &[&str], rules: &[&Rule]) -> String {
    let lambda = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, rules);
    let wanted = names.iter().map(|name| name.parse().expect("is valid")).collect();
    let (place, arn) = (place(), arn(7).parse().expect("is valid"));
    let sharing = Sharing { lambda: &lambda, place: &place, arn: &arn, wanted: &wanted };
    let rows = sharing.run(false).await;
    let told = rows.iter().map(|row| {
        let error = row.error.as_ref().map(Explanation::to_string).unwrap_or_default();
        format!("{}: {}\n{error}", row.outcome.word(), row.detail).trim_end().to_owned()
    });
    told.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_organisation_is_everybody_of_it_and_each_grant_builds_on_the_one_before() {
    let policy = policies(vec![("first", vec!["of-others"])]);
    let account = grant(
        |request| {
            let whom = (request.principal(), request.organization_id(), request.statement_id());
            whom == (Some("210987654321"), None, Some("lambda-layer-210987654321"))
                && (request.revision_id(), request.action()) == (Some("first"), Some("lambda:GetLayerVersion"))
        },
        granted,
    );
    let organization = grant(
        |request| {
            let whom = (request.principal(), request.organization_id(), request.statement_id());
            whom == (Some("*"), Some("o-a1b2c3d4e5"), Some("lambda-layer-org-o-a1b2c3d4e5"))
                && request.revision_id() == Some("next")
        },
        granted,
    );
    let told = shared(&["210987654321", "org:o-a1b2c3d4e5"], &[&policy, &account, &organization]).await;
    insta::assert_snapshot!(told, @"
    done: shared with 210987654321
    done: shared with org:o-a1b2c3d4e5
    ");
    assert_eq!(policy.num_calls(), 1);
}

#[tokio::test]
async fn a_policy_that_changed_meanwhile_is_read_again() {
    let policy = policies(vec![("first", vec![]), ("second", vec!["of-others"])]);
    let early = grant(|request| request.revision_id() == Some("first"), conflict);
    let late = grant(|request| request.revision_id() == Some("second"), granted);
    insta::assert_snapshot!(shared(&["210987654321"], &[&policy, &early, &late]).await, @"done: shared with 210987654321");
}

#[tokio::test]
async fn a_policy_that_never_rests_is_given_up() {
    let policy = policies(vec![("first", vec![]); 6]);
    let never = mock!(Client::add_layer_version_permission).then_http_response(conflict);
    insta::assert_snapshot!(shared(&["210987654321"], &[&policy, &never]).await, @"
    failed: share with 210987654321
    error: something else keeps changing the policy of `arn:aws:lambda:eu-west-1:123456789012:layer:shared:7`
    hint: run again when it is done
    ");
    assert_eq!(never.num_calls(), 5);
}

#[tokio::test]
async fn what_was_granted_before_a_fault_is_told_with_the_fault() {
    let policy = policies(vec![("first", vec![])]);
    let fine = grant(|request| request.principal() == Some("111111111111"), granted);
    let full = || refused(400, "PolicyLengthExceededException", "The policy is too large");
    let full = grant(|request| request.principal() == Some("222222222222"), full);
    insta::assert_snapshot!(shared(&["111111111111", "222222222222"], &[&policy, &fine, &full]).await, @"
    done: shared with 111111111111
    failed: share with 222222222222
    error: lambda:AddLayerVersionPermission failed for `arn:aws:lambda:eu-west-1:123456789012:layer:shared:7`
    cause: PolicyLengthExceededException (HTTP 400): The policy is too large (request 8f3c)
    hint: share with an organisation, `org:o-…`, instead of each of its accounts
    ");
}
