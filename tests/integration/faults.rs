//! What AWS and the network do to a run: the code, the words, and that nothing is lost.

use crate::account::{Account, EU, LAYER, STATE, VERSIONS};
use crate::harness::{Run, Sandbox, dead_port};
use crate::proxy::Rule;

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

/// The error with its causes and its hint.
fn error_in(told: &str) -> String {
    let start = told.find("\nerror: ").unwrap_or_else(|| panic!("no error: {told}"));
    told[start..].trim().to_owned()
}

fn error_of(run: Run) -> String {
    error_in(&run.run().code(2).told())
}

#[test]
fn no_credentials() {
    let sandbox = six();
    let run = sandbox.run(&["publish", "--registry", "aws", "--layer-name", LAYER, "--bucket", "layers-eu-west-1"]);
    let run = run.env("AWS_REGION", EU).env("AWS_EC2_METADATA_DISABLED", "true");
    insta::assert_snapshot!(error_of(run), @"
    error: there are no AWS credentials
    cause: no credentials found in chain
    hint: run aws-actions/configure-aws-credentials before this step (with `permissions: id-token: write`), or set AWS_PROFILE to a profile (`aws configure list-profiles` lists them); a folder as `registry` needs no credentials, unless `codeartifact` is given
    ");
}

#[test]
fn no_region() {
    let sandbox = six();
    let run = sandbox.run(&["publish", "--registry", "aws", "--layer-name", LAYER]);
    let outcome = run.env("AWS_EC2_METADATA_DISABLED", "true").run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: no region is given
    hint: set `regions` or AWS_REGION
    ");
}

#[test]
fn nobody_listens() {
    let sandbox = six();
    let account = Account::with_buckets(&[EU]);
    let port = dead_port();
    let run = account.publish(&sandbox, &[]).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    insta::assert_snapshot!(error_of(run).replace(&port.to_string(), "[port]"), @"
    error: s3:GetObject failed for `arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json`
    cause: client error (Connect)
    cause: tcp connect error
    cause: Connection refused (os error 111)
    hint: check the network and AWS_ENDPOINT_URL, then run again; nothing published is lost
    ");
}

#[test]
fn an_expired_token() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("GET", STATE).refuse_as_s3(400, "ExpiredToken", "The provided token has expired."));
    insta::assert_snapshot!(error_of(account.publish(&sandbox, &[])), @"
    error: s3:GetObject failed for `arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json`
    cause: ExpiredToken (HTTP 400): The provided token has expired. (request 4F2A)
    hint: request a longer session (`role-duration-seconds` of aws-actions/configure-aws-credentials) and run again
    ");
}

#[test]
fn a_state_that_may_not_be_read() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("GET", STATE).refuse_as_s3(403, "AccessDenied", "Access Denied"));
    insta::assert_snapshot!(error_of(account.publish(&sandbox, &[])), @r#"
    error: s3:GetObject failed for `arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json`
    cause: AccessDenied (HTTP 403): Access Denied (request 4F2A)
    hint: allow it: {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json"}, and `s3:ListBucket` on `arn:aws:s3:::layers-eu-west-1`, without which S3 denies access to objects that do not exist yet
    "#);
}

#[test]
fn a_state_that_may_not_be_written() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("PUT", STATE).refuse_as_s3(403, "AccessDenied", "Access Denied"));
    insta::assert_snapshot!(error_of(account.publish(&sandbox, &[])), @r#"
    error: s3:PutObject failed for `arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json`
    cause: AccessDenied (HTTP 403): Access Denied (request 4F2A)
    hint: allow it: {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json"}
    "#);
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 0, "without a claim nothing is published");
    account.proxy.behave();
    account.publish(&sandbox, &[]).run().success();
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_version_that_cannot_be_recorded() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("PUT", STATE).after(1).refuse_as_s3(
        400,
        "ExpiredToken",
        "The provided token has expired.",
    ));
    let outcome = account.publish(&sandbox, &[]).in_actions(&[]).run().code(2);
    assert!(outcome.summary().contains("the state of \\`shared\\` could not be written"), "{}", outcome.summary());
    insta::assert_snapshot!(error_in(&outcome.told()), @"
    error: the state of `shared` could not be written
    cause: state: s3:PutObject failed for `arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json`: ExpiredToken (HTTP 400): The provided token has expired. (request 4F2A)
    hint: request a longer session (`role-duration-seconds` of aws-actions/configure-aws-credentials) and run again; versions that were published remain, and the next run finds them
    --- stderr
    ");
    assert_eq!(outcome.outputs()["layer-arn"], account.versions(EU)[0].arn);
    account.proxy.behave();
    account.publish(&sandbox, &[]).run().success();
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_version_that_may_not_be_looked_at() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    let denied =
        "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:GetLayerVersion";
    account.proxy.rule(Rule::on("GET", "/layers/shared/versions/1").refuse(403, "AccessDeniedException", denied));
    insta::assert_snapshot!(error_of(account.publish(&sandbox, &[])), @r#"
    error: lambda:GetLayerVersion failed for `arn:aws:lambda:eu-west-1:123456789012:layer:shared:1`
    cause: AccessDeniedException (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:GetLayerVersion (request 8f3c)
    hint: allow it: {"Effect": "Allow", "Action": "lambda:GetLayerVersion", "Resource": "arn:aws:lambda:eu-west-1:123456789012:layer:shared:*"}
    "#);
    account.proxy.behave();
    account.publish(&sandbox, &[]).run().success().says("shared unchanged");
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn versions_that_may_not_be_listed() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let denied =
        "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:ListLayerVersions";
    account.proxy.rule(Rule::on("GET", VERSIONS).refuse(403, "AccessDeniedException", denied));
    insta::assert_snapshot!(error_of(account.publish(&sandbox, &[])), @r#"
    error: lambda:ListLayerVersions failed for `arn:aws:lambda:eu-west-1:*:layer:shared`
    cause: AccessDeniedException (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:ListLayerVersions (request 8f3c)
    hint: allow it: {"Effect": "Allow", "Action": "lambda:ListLayerVersions", "Resource": "arn:aws:lambda:eu-west-1:*:layer:shared"}
    "#);
}

#[test]
fn a_value_that_lambda_refuses() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let message = "Layers consume more than the available size";
    account.proxy.rule(Rule::on("POST", VERSIONS).refuse(400, "InvalidParameterValueException", message));
    let outcome = account.publish(&sandbox, &[]).run().code(1);
    insta::assert_snapshot!(error_in(&outcome.told()), @r"
    error: `shared` could not be published to eu-west-1
    cause: eu-west-1: lambda:PublishLayerVersion failed for `arn:aws:lambda:eu-west-1:*:layer:shared`: InvalidParameterValueException (HTTP 400): Layers consume more than the available size (request 8f3c)
    hint: correct the input that the message mentions: Lambda does not accept its value; the next run publishes only what is missing
    ");
}

#[test]
fn throttled_for_a_while() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).times(1).refuse(429, "TooManyRequestsException", "Rate exceeded"));
    account.publish(&sandbox, &[]).run().success();
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn throttled_for_ever() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    account.proxy.rule(Rule::on("GET", "/layers/shared/versions/1").refuse(
        429,
        "TooManyRequestsException",
        "Rate exceeded",
    ));
    insta::assert_snapshot!(error_of(account.publish(&sandbox, &[]).env("AWS_MAX_ATTEMPTS", "2")), @"
    error: lambda:GetLayerVersion failed for `arn:aws:lambda:eu-west-1:123456789012:layer:shared:1`
    cause: TooManyRequestsException (HTTP 429): Rate exceeded (request 8f3c)
    hint: run again later: AWS is throttling requests, and nothing published is lost
    ");
}

#[test]
fn an_answer_that_gets_lost() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).times(1).lose_answer());
    let outcome = account.publish(&sandbox, &[]).in_actions(&[]).run().success();
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 1);
    assert_eq!(account.numbers(EU), [1]);
    assert_eq!(outcome.outputs()["layer-version"], "1");
}

#[test]
fn an_answer_that_gets_lost_for_good() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).lose_answer());
    account.proxy.rule(Rule::on("GET", VERSIONS).after(2).refuse(403, "AccessDeniedException", "not authorized"));
    account.publish(&sandbox, &[]).run().code(2);
    account.proxy.behave();
    account.publish(&sandbox, &[]).run().success().says("adopted");
    assert_eq!(account.numbers(EU), [1], "what nobody heard of is found before anything is published");
}

#[test]
fn a_connection_that_breaks_before_anything_was_done() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).times(1).hang_up());
    account.publish(&sandbox, &[]).run().success();
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_state_whose_writing_is_not_confirmed() {
    // The client repeats the write and is told that the condition does not hold: it was its own write.
    for write in 0..2 {
        let (account, sandbox) = (Account::with_buckets(&[EU]), six());
        account.proxy.rule(Rule::on("PUT", STATE).after(write).times(1).lose_answer());
        account.publish(&sandbox, &[]).run().success();
        assert_eq!(account.numbers(EU), [1]);
        assert_eq!(account.state(EU)["claim"], serde_json::Value::Null);
        account
            .publish(&sandbox, &[])
            .run()
            .success()
            .says("shared unchanged: the inputs are the same as for version 1");
    }
}

#[test]
fn an_account_that_cannot_be_asked_for() {
    let (account, sandbox) = (Account::new(), six());
    let expired = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>";
    account.proxy.rule(Rule::on("POST", "/").reply(403, "content-type: text/xml", expired));
    insta::assert_snapshot!(error_of(account.run(&sandbox, "publish", &["--bucket", "layers-{account}"])), @"
    error: sts:GetCallerIdentity failed for `*`
    cause: ExpiredToken (HTTP 403): The security token included in the request is expired
    hint: request a longer session (`role-duration-seconds` of aws-actions/configure-aws-credentials) and run again
    ");
}

#[test]
fn a_state_in_a_bucket_that_does_not_exist() {
    let (account, sandbox) = (Account::new(), six());
    let outcome = account.run(&sandbox, "publish", &["--state", "s3://no-such-bucket/states"]).run().code(1);
    insta::with_settings!({ filters => [(r"request \w+", "request [id]")] }, {
        insta::assert_snapshot!(outcome.told(), @"
        exit: 1
        --- stdout
        --- stderr
        error: s3:GetObject failed for `arn:aws:s3:::no-such-bucket/states/shared.json`
        cause: NoSuchBucket (HTTP 404): The specified bucket does not exist (request [id])
        hint: create the bucket, or correct `bucket` or `state`
        ");
    });
}

#[test]
fn a_time_that_is_no_number_is_named_before_anything_is_built() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let outcome = account.publish(&sandbox, &[]).env("LAMBDA_LAYER_PUBLISH_SECONDS", "soon").run().code(1);
    outcome.says("error: `LAMBDA_LAYER_PUBLISH_SECONDS` is `soon`, which is not a valid number of seconds\nhint: use a number of seconds from 1 to 900, or unset the variable");
    assert!(account.numbers(EU).is_empty());
}
