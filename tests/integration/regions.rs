//! Several regions: the same bytes everywhere, and one that fails takes nothing from the others.

use crate::account::{Account, EU, STATE, US, VERSIONS};
use crate::harness::Sandbox;
use crate::proxy::Rule;

const REGIONS: &[&str] = &["--regions", "eu-west-1,us-east-1"];

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

#[test]
fn every_region_gets_the_same_bytes() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six());
    let outcome = account.publish(&sandbox, REGIONS).in_actions(&[]).run().success();
    let (eu, us) = (account.versions(EU), account.versions(US));
    assert_eq!((eu.len(), us.len()), (1, 1));
    assert_eq!(eu[0].code_sha256, us[0].code_sha256);
    let arns: serde_json::Value = serde_json::from_str(&outcome.outputs()["layer-version-arns"]).expect("is JSON");
    assert_eq!(arns["123456789012/eu-west-1"], eu[0].arn.as_str());
    assert_eq!(arns["123456789012/us-east-1"], us[0].arn.as_str());
    // One state, in one bucket; the zip in each, and where the state is.
    assert!(account.keys(EU).contains(&STATE.to_owned()));
    assert_eq!(account.keys(US).len(), 2);
    let signpost = account.object(US, STATE);
    assert!(String::from_utf8_lossy(&signpost).contains("layers-eu-west-1"), "{signpost:?}");

    account
        .publish(&sandbox, REGIONS)
        .run()
        .success()
        .says("shared unchanged: the inputs are the same as for version 1");
    account.publish(&sandbox, &["--regions", EU]).run().success().says("shared unchanged");
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
}

#[test]
fn a_region_that_comes_later_gets_the_same_bytes() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six());
    account.publish(&sandbox, &["--regions", EU]).run().success();
    let outcome = account.publish(&sandbox, REGIONS).in_actions(&[]).run().success();
    assert_eq!(outcome.outputs()["reason"], "not yet published to us-east-1");
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
    assert_eq!(account.versions(EU)[0].code_sha256, account.versions(US)[0].code_sha256);
}

#[test]
fn a_missing_bucket_is_noticed_before_anything_is_built() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let trap = sandbox.trap(&["uv", "pip", "python3"]);
    let outcome = account.publish(&sandbox, REGIONS).path_first(&trap).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: the bucket `layers-us-east-1` does not exist
    hint: create it, or correct `bucket`
    ");
    assert_eq!(sandbox.trapped(), "");
    assert_eq!((account.numbers(EU), account.keys(EU)), (Vec::new(), Vec::new()));
}

#[test]
fn a_bucket_of_another_region_is_noticed_before_anything_is_built() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.make_bucket("layers-us-east-1", EU);
    let outcome = account.publish(&sandbox, REGIONS).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: the bucket `layers-us-east-1` is in eu-west-1, but Lambda in us-east-1 reads only from buckets in its own region
    hint: use a bucket in that region, for example with `{region}` in `bucket`
    ");
    assert_eq!(account.numbers(EU), Vec::<i64>::new());
}

#[test]
fn a_region_that_fails_takes_nothing_from_the_others() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).in_region(US).refuse(
        403,
        "AccessDeniedException",
        "User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:PublishLayerVersion",
    ));
    let outcome = account.publish(&sandbox, REGIONS).in_actions(&[]).run().code(2);
    let told = outcome.told();
    insta::assert_snapshot!(&told[told.find("  published ").expect("is told")..], @r#"
      published     arn:aws:lambda:eu-west-1:123456789012:layer:shared:1
      failed        us-east-1
    shared failed in us-east-1
    ::error title=lambda-layer::`shared` could not be published to us-east-1%0Acause: us-east-1: lambda:PublishLayerVersion failed for `arn:aws:lambda:us-east-1:*:layer:shared`: AccessDeniedException (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:PublishLayerVersion (request 8f3c)%0Ahint: allow it: {"Effect": "Allow", "Action": "lambda:PublishLayerVersion", "Resource": "arn:aws:lambda:us-east-1:*:layer:shared"}; the next run publishes only what is missing
    error: `shared` could not be published to us-east-1
    cause: us-east-1: lambda:PublishLayerVersion failed for `arn:aws:lambda:us-east-1:*:layer:shared`: AccessDeniedException (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:PublishLayerVersion (request 8f3c)
    hint: allow it: {"Effect": "Allow", "Action": "lambda:PublishLayerVersion", "Resource": "arn:aws:lambda:us-east-1:*:layer:shared"}; the next run publishes only what is missing
    --- stderr
    "#);
    let summary = outcome.summary();
    insta::assert_snapshot!(&summary[..summary.find("<details").expect("has details")], @r#"
    ### ❌ Lambda layer `shared` failed in us-east-1: 37.1 KB (under 1% of 250 MB)

    \`shared\` could not be published to us-east-1

    - us-east-1: lambda:PublishLayerVersion failed for <code>arn:aws:lambda:us-east-1:\*:layer:shared</code>: AccessDeniedException (HTTP 403): User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:PublishLayerVersion (request 8f3c)

    **Hint:** allow it: {"Effect": "Allow", "Action": "lambda:PublishLayerVersion", "Resource": "arn:aws:lambda:us-east-1:\*:layer:shared"}; the next run publishes only what is missing

    zipped 11.3 KB

    | outcome | region | layer version |
    |---|---|---|
    | published | eu-west-1 | `arn:aws:lambda:eu-west-1:123456789012:layer:shared:1` |
    | failed | us-east-1 |  |
    "#);
    let outputs = outcome.outputs();
    let eu = &account.versions(EU)[0];
    assert_eq!(outputs["layer-version-arns"], format!(r#"{{"123456789012/eu-west-1":"{}"}}"#, eu.arn));
    assert_eq!(outputs["published"], "true");
    let recorded = &account.state(EU)["contents"][&eu.code_sha256]["versions"];
    assert_eq!(recorded.as_object().map(serde_json::Map::len), Some(1));

    account.proxy.behave();
    let asked = account.proxy.seen("POST", VERSIONS).len();
    let outcome = account.publish(&sandbox, REGIONS).in_actions(&[]).run().success();
    assert_eq!(outcome.outputs()["reason"], "not yet published to us-east-1");
    let seen = account.proxy.seen("POST", VERSIONS);
    assert_eq!(seen[asked..].iter().map(|request| request.region.as_str()).collect::<Vec<_>>(), [US]);
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
    account.publish(&sandbox, REGIONS).run().success().says("shared unchanged");
}

#[test]
fn a_region_that_cannot_be_uploaded_to_takes_nothing_from_the_others() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six());
    account.proxy.rule(Rule::on("PUT", ".zip").in_region(US).refuse_as_s3(403, "AccessDenied", "Access Denied"));
    account.publish(&sandbox, REGIONS).run().code(2).says("`shared` could not be published to us-east-1");
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], Vec::new()));
    account.proxy.behave();
    account.publish(&sandbox, REGIONS).run().success();
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
}

#[test]
fn a_lost_state_is_read_off_the_versions_of_all_regions() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six());
    account.publish(&sandbox, REGIONS).run().success();
    account.delete_object(EU, STATE);
    account.publish(&sandbox, REGIONS).run().success().says("shared unchanged");
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
}

#[test]
fn one_bucket_for_several_regions_is_refused() {
    let (account, sandbox) = (Account::new(), six());
    let outcome = account.run(&sandbox, "publish", &["--bucket", "layers"]).args(REGIONS).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: `bucket` is `layers` for 2 regions, but Lambda reads a zip only from a bucket in the same region as the layer
    hint: use `{region}` to name one bucket for each region, for example `layers-{region}`
    ");
}

#[test]
fn a_region_that_does_not_answer_takes_nothing_from_the_others() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six());
    let silence =
        || account.proxy.rule(Rule::on("GET", "/layers/").in_region(US).refuse(403, "AccessDeniedException", "no"));
    silence();
    account.publish(&sandbox, REGIONS).run().code(2).says("`shared` could not be published to us-east-1");
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], Vec::new()));
    account.proxy.behave();
    account.publish(&sandbox, REGIONS).run().success();

    // Now it has the version, and cannot be asked for it.
    silence();
    let outcome = account.publish(&sandbox, REGIONS).in_actions(&[]).run().code(2);
    assert_eq!(outcome.outputs()["layer-arn"], account.versions(EU)[0].arn);
    assert_eq!(outcome.outputs()["published"], "false");
    account.proxy.behave();
    account.publish(&sandbox, REGIONS).run().success().says("shared unchanged");
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
}

/// What Lambda answers there was read in its documentation and in reports of others.
#[test]
fn a_region_that_the_account_has_not_enabled_is_named() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let refused = Rule::on("GET", VERSIONS).in_region("af-south-1");
    account.proxy.rule(refused.refuse(
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    ));
    let trap = sandbox.trap(&["uv", "pip", "python3"]);
    let regions = ["--regions", "eu-west-1,af-south-1"];
    let outcome = account.run(&sandbox, "publish", &regions).path_first(&trap).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    warning: without `bucket` or `state`, nothing prevents two runs from publishing at the same time
    error: lambda:ListLayerVersions failed for `arn:aws:lambda:af-south-1:*:layer:shared`
    cause: UnrecognizedClientException (HTTP 403): The security token included in the request is invalid. (request 8f3c)
    hint: check that `af-south-1` is enabled for the account (`aws account enable-region --region-name af-south-1`), and use a regional STS endpoint: sessions of the global one are not valid in this region
    ");
    assert_eq!(sandbox.trapped(), "");
    assert_eq!(account.numbers(EU), Vec::<i64>::new());
}
