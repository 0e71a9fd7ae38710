//! What AWS refuses is told with what AWS says is in the way; the words are those of public reports, see
//! `src/aws/errors/refusal/tests.rs` and `data/aws-errors.yml`.

use crate::account::{Account, EU, VERSIONS};
use crate::budgets::zip_of_megabytes;
use crate::harness::Sandbox;
use crate::packages::wheel;
use crate::proxy::Rule;

const USER: &str = "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform:";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "six", "1.0");
    sandbox
}

#[test]
fn what_stands_in_the_way_of_a_publish_is_named() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), sandbox());
    let publish = |status, code, message: &str| {
        account.proxy.rule_first(Rule::on("POST", VERSIONS).refuse(status, code, message));
        let outcome = account.publish(&sandbox, &[]).run();
        outcome.stderr.lines().filter(|line| line.starts_with("hint")).collect::<Vec<_>>().join("\n")
    };
    let denied = format!(
        "{USER} lambda:PublishLayerVersion on resource: arn:aws:lambda:eu-west-1:123456789012:layer:shared with an explicit deny in a service control policy"
    );
    insta::assert_snapshot!(publish(403, "AccessDeniedException", &denied), @"hint: ask the organisation's administrator to change the `Deny` statement: a service control policy of the organisation denies `lambda:PublishLayerVersion` on `arn:aws:lambda:eu-west-1:123456789012:layer:shared`, and an `Allow` elsewhere does not override that; the next run publishes only what is missing");
    let unread = "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for layers-eu-west-1/lambda-layers/shared/00ff.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied";
    insta::assert_snapshot!(publish(403, "AccessDeniedException", unread), @r#"hint: allow it: {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::layers-eu-west-1/lambda-layers/shared/*"}; if the bucket is encrypted with your own key (SSE-KMS), also allow `kms:Decrypt` on that key; the next run publishes only what is missing"#);
    let gone =
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.";
    insta::assert_snapshot!(publish(400, "InvalidParameterValueException", gone), @"hint: check that no lifecycle rule or other job removes objects under `lambda-layers/`, and run again: the zip disappeared from the bucket after the upload; the next run publishes only what is missing");
    assert!(account.numbers(EU).is_empty());
}

#[test]
fn the_key_of_a_bucket_is_named() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), sandbox());
    let message = format!(
        "{USER} kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:123456789012:key/1f2e because no identity-based policy allows the kms:GenerateDataKey action"
    );
    account.proxy.rule(Rule::on("PUT", ".zip").refuse_as_s3(403, "AccessDenied", &message));
    let outcome = account.publish(&sandbox, &[]).run().code(2);
    outcome.says(r#"hint: allow it: {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "arn:aws:kms:eu-west-1:123456789012:key/1f2e"}"#);
}

#[test]
fn another_layer_that_nobody_shared_is_named() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), sandbox());
    account.make_function(EU, "orders", &zip_of_megabytes(1), &[]);
    let message = format!(
        "{USER} lambda:GetLayerVersion on resource: arn:aws:lambda:eu-west-1:694952825547:layer:tracing:10 because no resource-based policy allows the lambda:GetLayerVersion action"
    );
    account.proxy.rule(Rule::on("PUT", "/configuration").refuse(403, "AccessDeniedException", &message));
    let outcome = account.publish(&sandbox, &["--attach-to", "orders"]).run();
    assert_ne!(outcome.code, Some(0));
    outcome.says("ask its owner to share it: `aws lambda add-layer-version-permission --layer-name arn:aws:lambda:eu-west-1:694952825547:layer:tracing --version-number 10");
}

#[test]
fn a_name_that_parameter_store_refuses_is_told_as_such() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), sandbox());
    let refused = r#"{"__type": "AccessDeniedException", "message": "No access to reserved parameter name: layers."}"#;
    account.proxy.rule(Rule::on("POST", "/").times(0));
    account.publish(&sandbox, &[]).run().success();
    account.proxy.rule_first(Rule::on("POST", "/").after(1).reply(
        400,
        "content-type: application/x-amz-json-1.1",
        refused,
    ));
    let outcome = account.publish(&sandbox, &["--ssm-parameter", "/layers/{layer}/latest"]).run();
    assert_ne!(outcome.code, Some(0));
    outcome.says("choose another name with `ssm-parameter`");
}
