//! Publishing to AWS: what gets there, and what a second run makes of it.

use crate::account::{Account, EU, LAYER, STATE, VERSIONS};
use crate::harness::Sandbox;

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

#[test]
fn a_layer_gets_to_aws_whole() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let outcome = account.publish(&sandbox, &[]).in_actions(&[]).run().success();
    let outputs = outcome.outputs();
    let versions = account.versions(EU);
    let [version] = versions.as_slice() else { panic!("{versions:?}") };
    assert_eq!(version.number, 1);
    assert_eq!(outputs["layer-arn"], version.arn);
    assert_eq!(outputs["layer-version"], "1");
    assert_eq!(outputs["code-sha256"], version.code_sha256);
    assert_eq!((outputs["published"].as_str(), outputs["changed"].as_str()), ("true", "true"));

    let fingerprint = &outputs["fingerprint"];
    let identity = format!("fingerprint={fingerprint} sha256={}", version.code_sha256);
    assert!(version.description.ends_with(&identity), "{}", version.description);
    assert!(version.description.chars().count() <= 256);

    let hash: lambda_layer::types::ContentHash = version.code_sha256.parse().expect("is a hash");
    let key = format!("lambda-layers/{LAYER}/{}.zip", hash.0.hex());
    let list = "lambda-layers/state/shared.versions.json".to_owned();
    assert_eq!(account.keys(EU), [key.clone(), STATE.to_owned(), list]);
    assert_eq!(lambda_layer::types::Digest::of(&account.object(EU, &key)), hash.0);

    let state = account.state(EU);
    assert_eq!(state["layer"], LAYER);
    assert_eq!(state["current"], fingerprint.as_str());
    assert_eq!(state["builds"][fingerprint]["content"], version.code_sha256.as_str());
    let recorded = &state["contents"][&version.code_sha256]["versions"]["123456789012/eu-west-1"];
    assert_eq!(recorded["arn"], version.arn.as_str());
    assert_eq!(state["claim"], serde_json::Value::Null, "the claim is over");
}

#[test]
fn an_unchanged_layer_costs_three_requests_and_no_process() {
    let (mut account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    let before = account.moto.requests().len();
    let trap = sandbox.trap(&["uv", "pip", "pip3", "python3", "python", "sh"]);
    let outcome = account.publish(&sandbox, &[]).path_first(&trap).in_actions(&[]).run().success();
    let requests: Vec<String> = account.moto.requests()[before..]
        .iter()
        .map(|request| format!("{} {} {}", request.method, request.path, request.status))
        .collect();
    insta::assert_snapshot!(requests.join("\n"), @"
    GET /layers-eu-west-1/lambda-layers/state/shared.json?x-id=GetObject 200
    POST / 200
    GET /2018-10-31/layers/shared/versions/1 200
    ");
    assert_eq!(sandbox.trapped(), "");
    let outputs = outcome.outputs();
    assert_eq!((outputs["published"].as_str(), outputs["changed"].as_str()), ("false", "false"));
    assert_eq!(outputs["layer-arn"], account.versions(EU)[0].arn);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 0
    --- stdout
    ::add-mask:::testing@
    ::add-mask::OnRlc3Rpbmc
    ::add-mask::OnRlc3Rpbmc=
    ::add-mask::testing
      [time]  Check for changes                nothing to do

      six 1.17.0    37.1 KB  ████████████████████████

      size          37.1 KB (under 1% of 250 MB), zipped 11.3 KB
      fingerprint   [sha256]
      content hash  [base64]
      unchanged     arn:aws:lambda:eu-west-1:123456789012:layer:shared:1
    shared unchanged: the inputs are the same as for version 1
    --- stderr
    ");
}

#[test]
fn a_comment_publishes_nothing() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    sandbox.write("requirements.txt", "# the one that everybody needs\nsix == 1.17.0  # still\n");
    account.publish(&sandbox, &[]).run().success().says("edited, but are equivalent");
    let reads = account.proxy.seen("GET", STATE).len();
    account.publish(&sandbox, &[]).run().success().says("the inputs are the same as for version 1");
    assert_eq!(account.proxy.seen("GET", STATE).len(), reads + 1, "the edit was remembered");
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_version_that_somebody_deleted_is_published_again() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    account.delete_version(EU, 1);
    account
        .run(&sandbox, "plan", &["--bucket", "layers-{region}"])
        .run()
        .success()
        .says("the inputs are the same as for");
    let verified = account.run(&sandbox, "plan", &["--bucket", "layers-{region}", "--verify"]).run().success();
    verified.says("version 1 no longer exists in eu-west-1").says("would be published");
    let outcome = account.publish(&sandbox, &[]).in_actions(&[]).run().success();
    assert_eq!(outcome.outputs()["layer-arn"], account.versions(EU)[0].arn);
    assert_eq!(outcome.outputs()["reason"], "version 1 no longer exists in eu-west-1");
    assert_eq!(account.numbers(EU), [2]);
    account.publish(&sandbox, &[]).run().success().says("the inputs are the same as for version 2");
}

#[test]
fn a_lost_or_broken_state_is_read_off_the_versions() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    let state = account.state(EU);
    account.delete_object(EU, STATE);
    account.publish(&sandbox, &[]).run().success().says("shared unchanged");
    assert_eq!(account.state(EU)["current"], state["current"]);
    account.put_object(EU, STATE, &state.to_string().as_bytes()[..100]);
    account.publish(&sandbox, &[]).run().success().says("is not a valid state");
    assert_eq!(account.state(EU)["current"], state["current"]);
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn other_inputs_with_the_same_bytes_adopt_the_version() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    sandbox.write("requirements.txt", "six>=1.17.0,<1.17.1\n");
    let outcome = account.publish(&sandbox, &[]).in_actions(&[]).run().success();
    let outputs = outcome.outputs();
    assert_eq!((outputs["published"].as_str(), outputs["changed"].as_str()), ("false", "false"));
    assert_eq!(outputs["layer-version"], "1");
    insta::assert_snapshot!(outputs["reason"], @"requirements: six ==1.17.0 → <1.17.1,>=1.17.0, but the zip is identical to that of version 1");
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn without_a_bucket_the_list_of_versions_is_the_memory() {
    let (account, sandbox) = (Account::new(), six());
    account.run(&sandbox, "publish", &[]).run().success().says("nothing prevents two runs from publishing");
    account.run(&sandbox, "publish", &[]).run().success().says("shared unchanged");
    assert_eq!(account.numbers(EU), [1]);
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 1);
    sandbox.write("requirements.txt", "six==1.16.0\n");
    account.run(&sandbox, "publish", &[]).run().success();
    assert_eq!(account.numbers(EU), [1, 2]);
}

#[test]
fn what_is_too_large_for_a_request_is_refused_before_publishing() {
    let (account, sandbox) = (Account::new(), six());
    sandbox.write("model.bin", noise(54 << 20));
    let outcome = account.run(&sandbox, "publish", &["--include", "model.bin=python/model.bin"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout

      included files    54.0 MB  ████████████████████████
      six 1.17.0        37.1 KB

      size          54.0 MB (21% of 250 MB), zipped 54.0 MB
      fingerprint   [sha256]
      content hash  [base64]
    shared refused
    --- stderr
    warning: without `bucket` or `state`, nothing prevents two runs from publishing at the same time
      [time]  Check for changes                a build is needed
      this layer has not been published before
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
      [time]  Pack the zip                     7 files, 54.0 MB → 54.0 MB
      [time]  Check the layer                  1 finding
    error: the zip is 54.0 MB, over the 50.0 MB that Lambda accepts without an S3 bucket
    hint: set an S3 bucket with `bucket`
    ");
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 0);
}

#[test]
fn what_is_too_large_for_a_request_goes_through_a_bucket() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    sandbox.write("model.bin", noise(54 << 20));
    account.publish(&sandbox, &["--include", "model.bin=python/model.bin"]).run().success();
    assert_eq!(account.numbers(EU), [1]);
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    words.take(length / 8).flat_map(u64::to_le_bytes).collect()
}

#[test]
fn the_state_can_be_a_folder_or_another_bucket() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.make_bucket("states", EU);
    for state in ["s3://states/of/layers/", "s3://states", ".states"] {
        account.publish(&sandbox, &["--state", state]).run().success();
        account.publish(&sandbox, &["--state", state]).run().success().says("shared unchanged");
    }
    assert!(sandbox.path(".states/shared.json").exists());
    assert_eq!(account.proxy.seen("PUT", "/states/of/layers/shared.json").len(), 2);
    assert!(!account.proxy.seen("PUT", "/states/shared.json").is_empty());
    assert_eq!(account.numbers(EU), [1], "what one state does not know is read off the versions");
}

#[test]
fn a_folder_can_have_its_state_in_a_bucket() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let arguments = ["publish", "--registry", "dist", "--layer-name", LAYER, "--python-version", "3.13"];
    let state = ["--state", "s3://layers-eu-west-1/states"];
    let run = || account.seen_by(sandbox.run(&arguments).args(&state)).run().success();
    run().says("arn:aws:lambda:local:000000000000:layer:shared:1");
    run().says("shared unchanged");
    assert_eq!(account.keys(EU), ["states/shared.json", "states/shared.versions.json"]);
    assert_eq!(account.numbers(EU), Vec::<i64>::new());
}

#[test]
fn a_tag_run_labels_its_version() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let run = account.publish(&sandbox, &["--description", "Shared packages"]);
    run.env("GITHUB_REF_TYPE", "tag").env("GITHUB_REF_NAME", "v1.4.0").run().success();
    let description = &account.versions(EU)[0].description;
    assert!(description.starts_with("Shared packages | v1.4.0 | fingerprint="), "{description}");
}

#[test]
fn a_plan_asks_for_the_state_and_the_account_and_nothing_else() {
    let (mut account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    let before = account.moto.requests().len();
    account.run(&sandbox, "plan", &["--bucket", "layers-{region}"]).run().success().says("shared unchanged");
    let requests = &account.moto.requests()[before..];
    assert!(matches!(requests, [state, account] if state.path.contains(STATE) && account.path == "/"), "{requests:?}");
}

#[test]
fn a_dry_run_publishes_nothing() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &["--dry-run"]).run().success().says("would be published");
    assert_eq!((account.numbers(EU), account.keys(EU)), (Vec::new(), Vec::new()));
}

#[test]
fn the_account_can_be_part_of_a_buckets_name() {
    let (account, sandbox) = (Account::new(), six());
    account.make_bucket("layers-123456789012-eu-west-1", EU);
    account.run(&sandbox, "publish", &["--bucket", "layers-{account}-{region}"]).run().success();
    assert_eq!(account.numbers(EU), [1]);
}
