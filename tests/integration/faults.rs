//! What AWS and the network do to a run: the code, the words, and that nothing is lost.

use crate::account::{Account, EU, LAYER, STATE, VERSIONS};
use crate::harness::{Run, Sandbox, dead_port};
use crate::proxy::Rule;

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

/// What stands after the steps: the error with its causes and its hint.
fn error_of(run: Run) -> String {
    let told = run.run().code(2).told();
    let start = told.find("error: ").unwrap_or_else(|| panic!("no error: {told}"));
    told[start..].to_owned()
}

#[test]
fn no_credentials() {
    let sandbox = six();
    let run = sandbox.run(&["publish", "--registry", "aws", "--layer-name", LAYER, "--bucket", "layers-eu-west-1"]);
    let run = run.env("AWS_REGION", EU).env("AWS_EC2_METADATA_DISABLED", "true");
    insta::assert_snapshot!(error_of(run), @"
    error: there are no AWS credentials
    cause: other
    cause: the credential provider was not enabled
    cause: no credentials found in chain. Attempted:   Environment: the credential provider was not enabled: environment variable not set   Profile: the credential provider was not enabled   WebIdentityToken: the credential provider was not enabled: $AWS_WEB_IDENTITY_TOKEN_FILE was not set   EcsContainer: the credential provider was not enabled: ECS provider not configured   Ec2InstanceMetadata: the credential provider was not enabled: IMDS disabled by AWS_EC2_METADATA_DISABLED env var set to `true`
    hint: run aws-actions/configure-aws-credentials before this step (with `permissions: id-token: write`), or log in; `registry` with a folder needs none
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
    error: there is no region to publish to
    hint: name one with `regions`, or set AWS_REGION
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
    cause: io error
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
    hint: the session ended: ask for a longer one (`role-duration-seconds` of aws-actions/configure-aws-credentials) and run again
    ");
}

#[test]
fn a_state_that_may_not_be_read() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("GET", STATE).refuse_as_s3(403, "AccessDenied", "Access Denied"));
    insta::assert_snapshot!(error_of(account.publish(&sandbox, &[])), @r#"
    error: s3:GetObject failed for `arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json`
    cause: AccessDenied (HTTP 403): Access Denied (request 4F2A)
    hint: allow it: {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json"}, and `s3:ListBucket` on `arn:aws:s3:::layers-eu-west-1`, without which S3 denies what does not exist yet
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
    insta::assert_snapshot!(outcome.told(), @"
    exit: 2
    --- stdout
      [time]  Decide                           to be built
      the layer was never published
    ::group::uv 0.13.8
    ::stop-commands::db3bd275a7986c7cc503021088106927
    Using CPython 3.11.7 interpreter at: /work/main/target/test-tools/7e6a6791cc42c442/bin/python3
    Resolved 1 package in 156ms
    Installed 1 package in 1ms
     + six==1.17.0
    ::db3bd275a7986c7cc503021088106927::
    ::endgroup::
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
      [time]  Pack                             6 files, 37.1 KB → 11.3 KB
      [time]  Upload                           11.3 KB
      [time]  Publish                          1 version

      six 1.17.0    37.1 KB  ████████████████████████

      size          11.3 KB zipped, 37.1 KB unzipped (0% of Lambda's 250 MB)
      fingerprint   [sha256]
      content hash  [base64]
      published     arn:aws:lambda:eu-west-1:123456789012:layer:shared:1
    shared published: the layer was never published
    ::error title=lambda-layer::s3:PutObject failed for `arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json`%0Acause: ExpiredToken (HTTP 400): The provided token has expired. (request 4F2A)%0Ahint: the session ended: ask for a longer one (`role-duration-seconds` of aws-actions/configure-aws-credentials) and run again
    error: s3:PutObject failed for `arn:aws:s3:::layers-eu-west-1/lambda-layers/state/shared.json`
    cause: ExpiredToken (HTTP 400): The provided token has expired. (request 4F2A)
    hint: the session ended: ask for a longer one (`role-duration-seconds` of aws-actions/configure-aws-credentials) and run again
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
    insta::assert_snapshot!(error_of(account.publish(&sandbox, &[])), @"
    error: lambda:GetLayerVersion failed for `arn:aws:lambda:eu-west-1:123456789012:layer:shared:1`
    cause: TooManyRequestsException (HTTP 429): Rate exceeded (request 8f3c)
    hint: AWS kept throttling; run again later, what was published stays
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
        account.publish(&sandbox, &[]).run().success().says("shared unchanged: the inputs are those of version 1");
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
    hint: the session ended: ask for a longer one (`role-duration-seconds` of aws-actions/configure-aws-credentials) and run again
    ");
}

#[test]
fn a_state_in_a_bucket_that_does_not_exist() {
    let (account, sandbox) = (Account::new(), six());
    let outcome = account.run(&sandbox, "publish", &["--state", "s3://no-such-bucket/states"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: s3:GetObject failed for `arn:aws:s3:::no-such-bucket/states/shared.json`
    cause: NoSuchBucket (HTTP 404): The specified bucket does not exist (request 4pmJ8zwhjq55uGRxrfNlptJT6s6OX4fb6tEJud8Vg5zX6rukYZTi)
    hint: create the bucket, or correct `bucket` or `state`
    ");
}
