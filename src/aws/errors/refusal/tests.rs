//! Refusals as AWS words them; each with its source.

use super::*;

const PUT: (&str, &str) = ("s3:PutObject", "arn:aws:s3:::layers/lambda-layers/a/00ff.zip");
const ATTACH: (&str, &str) =
    ("lambda:UpdateFunctionConfiguration", "arn:aws:lambda:eu-west-1:123456789012:function:orders");

fn hint(asked: (&str, &str), message: &str) -> String {
    Refusal::read(message, "aws").expect("names an action").hint(asked)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>: no policy of a kind allows the
/// action.
#[test]
fn what_no_policy_allows_is_for_whoever_has_that_policy() {
    let said = |reason: &str| {
        let message = format!(
            "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::layers/lambda-layers/a/11ee.zip\" because no {reason} allows the s3:PutObject action"
        );
        hint(PUT, &message)
    };
    let statement =
        r#"{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::layers/lambda-layers/a/*"}"#;
    assert_eq!(said("identity-based policy"), format!("allow it: {statement}"));
    for (reason, start) in [
        ("service control policy", "ask the organisation's administrator to allow it in a service control policy"),
        ("permissions boundary", "ask the account's administrator to allow it in the permissions boundary"),
        ("session policy", "ask the person who sets up the credentials (`inline-session-policy`"),
        (
            "VPC endpoint policy",
            "ask the person who manages the runner's network to allow it in the policy of the VPC endpoint",
        ),
        ("resource-based policy", "ask the owner of the resource to allow it in the policy of the resource itself"),
    ] {
        let hint = said(reason);
        assert!(hint.starts_with(start), "{hint}");
        assert!(hint.contains(r#""Action": "s3:PutObject""#), "{hint}");
        let names_role = hint.contains(r#""Principal": {"AWS": "arn:aws:iam::123456789012:role/ci"}"#);
        assert_eq!(names_role, reason.contains("resource") || reason.contains("VPC"), "{hint}");
    }
}

/// The same page, and <https://github.com/noobaa/noobaa-core/issues/10060>: a policy denies the action.
#[test]
fn what_a_policy_denies_no_other_statement_allows() {
    for (reason, place, who) in [
        (
            "an identity-based policy",
            "an identity-based policy of the run's identity",
            "the person who manages the run's identity",
        ),
        ("a resource-based policy", "the policy of the resource itself", "the owner of the resource"),
        (
            "a service control policy",
            "a service control policy of the organisation",
            "the organisation's administrator",
        ),
        (
            "a resource control policy",
            "a resource control policy of the organisation",
            "the organisation's administrator",
        ),
        ("a permissions boundary", "the permissions boundary of the run's identity", "the account's administrator"),
        ("a session policy", "the session policy of the credentials", "the person who sets up the credentials"),
        (
            "a VPC endpoint policy",
            "the policy of the VPC endpoint in the runner's network",
            "the person who manages the runner's network",
        ),
    ] {
        let message = format!(
            "User: arn:aws:iam::777788889999:user/MaryMajor is not authorized to perform:\ns3:GetObject on resource: \"arn:aws:s3:::layers/state/a.json\" with\nan explicit deny in {reason}"
        );
        let hint = hint(PUT, &message);
        assert!(hint.starts_with(&format!("ask {who}")) && !hint.contains("\"Effect\""), "{hint}");
        let reason = format!(": {place} denies `s3:GetObject` on `arn:aws:s3:::layers/state/a.json`, and an `Allow`");
        assert!(hint.contains(&reason), "{hint}");
    }
}

/// <https://aws.amazon.com/blogs/security/enhanced-access-denied-error-messages-with-policy-arns>
#[test]
fn the_policy_that_denies_is_named_where_aws_does() {
    let message = "User: arn:aws:iam::123456789012:user/Matt is not authorized to perform: lambda:PublishLayerVersion on resource: arn:aws:lambda:eu-west-1:123456789012:layer:a with an explicit deny in a service control policy: arn:aws:organizations::987654321098:policy/o-qv5af4abcd/service_control_policy/p-2kgnabcd";
    let hint = hint(("lambda:PublishLayerVersion", "arn:aws:lambda:eu-west-1:*:layer:a"), message);
    assert_eq!(
        hint,
        "ask the organisation's administrator to change the `Deny` statement in `arn:aws:organizations::987654321098:policy/o-qv5af4abcd/service_control_policy/p-2kgnabcd`: a service control policy of the organisation denies `lambda:PublishLayerVersion` on `arn:aws:lambda:eu-west-1:123456789012:layer:a`, and an `Allow` elsewhere does not override that"
    );
}

/// Before 2021: <https://github.com/keithrozario/Klayers/issues/90>, <https://github.com/janaz/aws-lambda-node-runtime/issues/5>
#[test]
fn older_short_messages_name_the_action_too() {
    let message = "User: arn:aws:iam::398816301180:root is not authorized to perform: lambda:GetLayerVersion on resource: arn:aws:lambda:us-east-1:145266761615:layer:s3-deployment:5";
    assert_eq!(
        hint(ATTACH, message),
        r#"allow it: {"Effect": "Allow", "Action": "lambda:GetLayerVersion", "Resource": "arn:aws:lambda:us-east-1:145266761615:layer:s3-deployment:*"}"#
    );
    assert_eq!(
        hint(ATTACH, "You are not authorized to perform: lambda:GetLayerVersion."),
        r#"allow it: {"Effect": "Allow", "Action": "lambda:GetLayerVersion", "Resource": "arn:aws:lambda:*:*:layer:*:*"}"#
    );
    // If the action is that of the request, so is the resource.
    assert_eq!(
        hint(PUT, "User: x is not authorized to perform: s3:PutObject"),
        r#"allow it: {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::layers/lambda-layers/a/*"}"#
    );
    // The wording of STS.
    assert_eq!(
        hint(("sts:AssumeRole", "arn:aws:iam::1:role/a"), "Not authorized to perform sts:AssumeRole"),
        r#"allow it: {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::1:role/a"}"#
    );
    let denied = hint(PUT, "User: x is not authorized to perform: s3:PutObject with an explicit deny");
    let reason = ": a policy denies `s3:PutObject`, and an `Allow`";
    assert!(denied.starts_with("ask the person who manages the policy") && denied.contains(reason), "{denied}");
}

/// <https://github.com/axiomhq/axiom-lambda-extension/issues/35>, <https://github.com/keithrozario/Klayers/issues/490>
#[test]
fn a_layer_of_another_account_has_to_be_shared() {
    let message = "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:GetLayerVersion on resource: arn:aws:lambda:us-west-2:694952825547:layer:axiom-extension-arm64:10 because no resource-based policy allows the lambda:GetLayerVersion action";
    assert_eq!(
        hint(ATTACH, message),
        "check that `arn:aws:lambda:us-west-2:694952825547:layer:axiom-extension-arm64:10` still exists, and ask its owner to share it: `aws lambda add-layer-version-permission --layer-name arn:aws:lambda:us-west-2:694952825547:layer:axiom-extension-arm64 --version-number 10 --statement-id account-123456789012 --action lambda:GetLayerVersion --principal 123456789012`"
    );
}

/// <https://github.com/aws/copilot-cli/issues/5500>, <https://github.com/cisagov/XFD/pull/1371>,
/// <https://github.com/buildkite/docs/pull/2344>
#[test]
fn the_key_of_a_bucket_is_named() {
    let message = "User: arn:aws:iam::0123456789:user/copilot-cli-admin is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:ap-northeast-1:0123456789:key/1f2e because no identity-based policy allows the kms:GenerateDataKey action";
    assert_eq!(
        hint(PUT, message),
        r#"allow it: {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "arn:aws:kms:ap-northeast-1:0123456789:key/1f2e"}"#
    );
    let message = "User: arn:aws:sts::032379705303:assumed-role/ci/run is not authorized to perform: kms:GenerateDataKey on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access";
    assert_eq!(
        hint(PUT, message),
        r#"ask the owner of the resource to allow it in the policy of the resource itself: {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::032379705303:role/ci"}, "Action": "kms:GenerateDataKey", "Resource": "arn:aws:kms:*:*:key/*"}"#
    );
}

/// <https://github.com/aws-solutions-library-samples/cloud-intelligence-dashboards-framework/issues/801>
#[test]
fn what_lambda_may_not_read_is_named() {
    let asked = ("lambda:PublishLayerVersion", "arn:aws:lambda:eu-west-1:*:layer:a");
    let message = "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for layers/lambda-layers/a/00ff.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied";
    assert_eq!(
        hint(asked, message),
        r#"allow it: {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::layers/lambda-layers/a/*"}; if the bucket is encrypted with your own key (SSE-KMS), also allow `kms:Decrypt` on that key"#
    );
    let long = message.replace(
        "Access Denied",
        "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:123456789012:key/1f2e because no identity-based policy allows the kms:Decrypt action",
    );
    assert_eq!(
        hint(asked, &long),
        r#"allow it: {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-west-1:123456789012:key/1f2e"}"#
    );
    let china = Refusal::read(message, "aws-cn").expect("names an action").hint(asked);
    assert!(china.contains("arn:aws-cn:s3:::layers/"), "{china}");
}

#[test]
fn what_names_no_action_is_no_such_message() {
    for message in ["Access Denied", "", "not authorized to perform this operation", "Rate exceeded"] {
        assert_eq!(Refusal::read(message, "aws"), None, "{message}");
    }
}
