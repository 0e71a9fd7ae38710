//! Labels, the parameters that follow them, and the list of versions for others.

use aws_sdk_ssm::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ssm::types::ParameterType;

use crate::account::{Account, EU, US};
use crate::harness::{Outcome, Sandbox};
use crate::proxy::Rule;

const LIST: &str = "lambda-layers/state/shared.versions.json";
const TEMPLATE: &str = "/layers/{layer}/{python}/{arch}/latest";
const LATEST: &str = "/layers/shared/3.13/x86_64/latest";
const PRODUCTION: &str = "/layers/shared/3.13/x86_64/production";

/// The parameters of a region.
pub(crate) struct Parameters {
    client: aws_sdk_ssm::Client,
    runtime: tokio::runtime::Runtime,
}

impl Parameters {
    pub(crate) fn of(account: &Account, region: &str) -> Self {
        let config = aws_sdk_ssm::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(account.moto.url())
            .region(Region::new(region.to_owned()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("can be built");
        Self { client: aws_sdk_ssm::Client::from_conf(config.build()), runtime }
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let found = self.runtime.block_on(self.client.get_parameter().name(name).send()).ok()?;
        found.parameter?.value
    }

    pub(crate) fn put(&self, name: &str, value: &str) {
        let request = self.client.put_parameter().name(name).value(value).r#type(ParameterType::String);
        self.runtime.block_on(request.overwrite(true).send()).expect("can be written");
    }
}

fn six(version: &str) -> Sandbox {
    Sandbox::with_requirements(&format!("six=={version}\n"))
}

pub(crate) fn label(account: &Account, sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    account.run(sandbox, "label", &["--bucket", "layers-{region}"]).args(arguments).run()
}

fn list(account: &Account) -> serde_json::Value {
    serde_json::from_slice(&account.object(EU, LIST)).expect("is JSON")
}

/// Two versions of the layer.
pub(crate) fn published_twice(account: &Account, arguments: &[&str]) -> Sandbox {
    let sandbox = six("1.16.0");
    account.publish(&sandbox, arguments).run().success();
    sandbox.write("requirements.txt", "six==1.17.0\n");
    account.publish(&sandbox, arguments).run().success();
    sandbox
}

#[test]
fn a_label_is_put_on_moved_asked_for_and_taken_away() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = published_twice(&account, &[]);
    let outcome = label(&account, &sandbox, &["--labels", "production", "--layer-version", "1"]).success();
    insta::assert_snapshot!(outcome.told(), @"
    exit: 0
    --- stdout

      done           eu-west-1  label production  version 1
      done           eu-west-1  list of versions  s3://layers-eu-west-1/lambda-layers/state/shared.versions.json

    shared labelled: 2 done
    --- stderr
      [time]  Read the state                   2 contents
    ");
    let contents = account.versions(EU);
    assert_eq!(account.state(EU)["labels"]["production"], serde_json::json!([contents[0].code_sha256]));
    assert_eq!(list(&account)["labels"]["production"]["123456789012/eu-west-1"], contents[0].arn);
    label(&account, &sandbox, &["--labels", "production", "--layer-version", "1"]).success().says("unchanged");

    // Several versions may have it, unless it is moved.
    label(&account, &sandbox, &["--labels", "production", "--dry-run"]).success().says("version 1 → version 1 and 2");
    label(&account, &sandbox, &["--labels", "production", "--move"]).success().says("version 1 → version 2");
    assert_eq!(account.state(EU)["labels"]["production"], serde_json::json!([contents[1].code_sha256]));

    let outcome = label(&account, &sandbox, &["--labels", "old", "--layer-version", "production"]).success();
    outcome.says("label old").says("version 2");
    label(&account, &sandbox, &["--remove-labels", "production"]).success().says("version 2 → no version");
    assert_eq!(account.state(EU)["labels"], serde_json::json!({ "old": [contents[1].code_sha256] }));
    let outcome = label(&account, &sandbox, &["--labels", "new", "--layer-version", "production"]).code(1);
    outcome.says("no version of `shared` in eu-west-1 has the label `production`");
}

#[test]
fn labels_at_publish_get_to_a_version_that_is_there_already() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six("1.17.0"));
    account.publish(&sandbox, &[]).run().success();
    let run = account.publish(&sandbox, &["--labels", "production,critical"]).in_actions(&[]);
    let outcome = run.run().success().says("label critical");
    let result: serde_json::Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    let labelled = &result["versions"]["labels"]["production"]["123456789012/eu-west-1"];
    assert_eq!(*labelled, account.versions(EU)[0].arn);
    let hash = &account.versions(EU)[0].code_sha256;
    assert_eq!(account.state(EU)["labels"], serde_json::json!({ "critical": [hash], "production": [hash] }));
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn labels_need_a_state() {
    let (account, sandbox) = (Account::new(), six("1.17.0"));
    let outcome = account.run(&sandbox, "publish", &["--labels", "production"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: `labels` are stored in the state, but there is no state
    hint: set `bucket`, or set `state` to a location for the state
    ");
    assert!(account.numbers(EU).is_empty());
    account.run(&sandbox, "label", &["--labels", "production"]).run().code(1).says("`labels` are stored in the state");
}

#[test]
fn a_version_of_something_else_has_no_label() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six("1.17.0"));
    account.publish_by_hand(EU, "shared", b"a zip", &["python3.13"]);
    let outcome = label(&account, &sandbox, &["--labels", "production"]).code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
      [time]  Read the state                   0 contents
    error: version 1 of `shared` was not published by lambda-layer
    hint: publish the layer with lambda-layer first: only versions that it published can have labels
    ");
}

#[test]
fn a_label_survives_a_publish_at_the_same_time() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = published_twice(&account, &[]);
    sandbox.write("requirements.txt", "six==1.15.0\n");
    // The publish has read the state, and writes it when the label is there.
    account.proxy.rule(Rule::on("POST", "/layers/shared/versions").times(1).hold());
    let publish = account.publish(&sandbox, &[]).start();
    account.proxy.wait_for_held();
    label(&account, &sandbox, &["--labels", "production", "--layer-version", "2"]).success();
    account.proxy.behave();
    publish.wait().success();
    let versions = account.versions(EU);
    assert_eq!(versions.len(), 3);
    assert_eq!(account.state(EU)["labels"]["production"], serde_json::json!([versions[1].code_sha256]));
    let list = list(&account);
    assert_eq!(list["labels"]["production"]["123456789012/eu-west-1"], versions[1].arn);
    assert_eq!(list["latest"]["123456789012/eu-west-1"], versions[2].arn);
}

#[test]
fn two_that_label_at_the_same_time_both_do() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = published_twice(&account, &[]);
    account.proxy.rule(Rule::on("PUT", "state/shared.json").times(1).hold());
    let arguments = ["--bucket", "layers-{region}", "--labels", "first"];
    let first = account.run(&sandbox, "label", &arguments).start();
    account.proxy.wait_for_held();
    label(&account, &sandbox, &["--labels", "second", "--layer-version", "1"]).success();
    account.proxy.behave();
    first.wait().success();
    let versions = account.versions(EU);
    let expected = serde_json::json!({ "first": [versions[1].code_sha256], "second": [versions[0].code_sha256] });
    assert_eq!(account.state(EU)["labels"], expected);
    assert_eq!(list(&account)["labels"]["first"]["123456789012/eu-west-1"], versions[1].arn);
    assert_eq!(list(&account)["labels"]["second"]["123456789012/eu-west-1"], versions[0].arn);
}

#[test]
fn a_lost_state_has_labels_and_parameters_again() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six("1.17.0"));
    account.publish(&sandbox, &[]).run().success();
    account.delete_object(EU, crate::account::STATE);
    // The lists of versions do not tell what a version was built for, which this name needs.
    let arguments = ["--labels", "production", "--ssm-parameter", TEMPLATE];
    let outcome = label(&account, &sandbox, &arguments).code(1);
    insta::assert_snapshot!(&outcome.told()[outcome.told().find("error:").expect("is told")..], @"
    error: 1 change to `shared` failed
    cause: /layers/{layer}/{python}/{arch}/latest in eu-west-1: `ssm-parameter` contains the Python version or architecture, but it is not known for which ones `[base64]` was built
    hint: publish this layer again, or use a template without `{python}` and `{arch}`; the next run does only what is missing
    ");
    account.publish(&sandbox, &[]).run().success().says("shared unchanged");
    label(&account, &sandbox, &arguments).success();
    assert_eq!(Parameters::of(&account, EU).get(PRODUCTION), Some(account.versions(EU)[0].arn.clone()));
}

#[test]
fn parameters_name_the_newest_version_in_every_region() {
    let account = Account::with_buckets(&[EU, US]);
    let arguments = ["--regions", "eu-west-1,us-east-1", "--ssm-parameter", TEMPLATE];
    let sandbox = published_twice(&account, &arguments);
    let (eu, us) = (Parameters::of(&account, EU), Parameters::of(&account, US));
    assert_eq!(eu.get(LATEST), Some(account.versions(EU)[1].arn.clone()));
    assert_eq!(us.get(LATEST), Some(account.versions(US)[1].arn.clone()));

    // What is right is not written; what somebody changed is.
    let asked = account.proxy.seen("POST", "/").len();
    account.publish(&sandbox, &arguments).run().success();
    assert_eq!(account.proxy.seen("POST", "/").len(), asked + 3, "one question a region, and for the account");
    us.put(LATEST, &account.versions(US)[0].arn);
    account.publish(&sandbox, &arguments).run().success().says("version 1 → 2");
    assert_eq!(us.get(LATEST), Some(account.versions(US)[1].arn.clone()));

    // Going back is a publish like any other.
    sandbox.write("requirements.txt", "six==1.16.0\n");
    account.publish(&sandbox, &arguments).run().success().says("version 2 → 1");
    assert_eq!(eu.get(LATEST), Some(account.versions(EU)[0].arn.clone()));
}

#[test]
fn parameters_follow_their_labels_and_the_git_tag() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = published_twice(&account, &["--ssm-parameter", TEMPLATE, "--labels", "production", "--move"]);
    let parameters = Parameters::of(&account, EU);
    let versions = account.versions(EU);
    assert_eq!(parameters.get(PRODUCTION), Some(versions[1].arn.clone()));
    let ask = |arguments: &[&str]| label(&account, &sandbox, &[arguments, &["--ssm-parameter", TEMPLATE]].concat());
    ask(&["--labels", "production", "--move", "--layer-version", "1"]).success();
    assert_eq!(parameters.get(PRODUCTION), Some(versions[0].arn.clone()));
    ask(&["--labels", "production"]).success();
    assert_eq!(parameters.get(PRODUCTION), Some(versions[1].arn.clone()), "the newest of two");
    ask(&["--remove-labels", "production"]).success();
    assert_eq!(parameters.get(PRODUCTION), Some(versions[0].arn.clone()), "the one that is left");
    ask(&["--remove-labels", "production", "--layer-version", "1"]).success().says("version 1 → removed");
    assert_eq!(parameters.get(PRODUCTION), None);

    let tagged = account.publish(&sandbox, &["--ssm-parameter", TEMPLATE]);
    let tag = [("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", "release/1.4")];
    tag.iter().fold(tagged, |run, (name, value)| run.env(name, value)).run().success();
    assert_eq!(parameters.get("/layers/shared/3.13/x86_64/release-1.4"), Some(versions[1].arn.clone()));
}

#[test]
fn a_parameter_of_something_else_stays_as_it_is() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six("1.17.0"));
    let parameters = Parameters::of(&account, EU);
    parameters.put(LATEST, "hunter2");
    let outcome = account.publish(&sandbox, &["--ssm-parameter", TEMPLATE]).in_actions(&[]).run().code(1);
    assert_eq!(outcome.outputs()["published"], "true");
    assert_eq!(parameters.get(LATEST).as_deref(), Some("hunter2"));
    let told = outcome.told();
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(&told[told.find("  published ").expect("is told")..], @"
      published     arn:aws:lambda:eu-west-1:123456789012:layer:shared:1

      failed         eu-west-1  parameter /layers/shared/3.13/x86_64/latest

    shared published
    ::error title=lambda-layer::1 change to `shared` failed%0Acause: parameter /layers/shared/3.13/x86_64/latest in eu-west-1: the value of the parameter `/layers/shared/3.13/x86_64/latest` is not a version of `shared`%0Ahint: set `ssm-parameter` to another name, or delete the parameter; the next run does only what is missing
    error: 1 change to `shared` failed
    cause: parameter /layers/shared/3.13/x86_64/latest in eu-west-1: the value of the parameter `/layers/shared/3.13/x86_64/latest` is not a version of `shared`
    hint: set `ssm-parameter` to another name, or delete the parameter; the next run does only what is missing
    --- stderr
    ");
    // Nor is that of another layer.
    parameters.put(LATEST, "arn:aws:lambda:eu-west-1:123456789012:layer:other:3");
    account.publish(&sandbox, &["--ssm-parameter", TEMPLATE]).run().code(1).says("is not a version of `shared`");
}

#[test]
fn a_region_without_parameters_takes_nothing_from_the_others() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six("1.17.0"));
    let arguments = ["--regions", "eu-west-1,us-east-1", "--ssm-parameter", TEMPLATE];
    account.proxy.rule(Rule::on("POST", "/").in_region(US).after(1).refuse(
        400,
        "AccessDeniedException",
        "User is not authorized to perform: ssm:GetParameters",
    ));
    account.publish(&sandbox, &arguments).run().code(2).says(r#""Action": "ssm:GetParameters""#);
    assert!(Parameters::of(&account, EU).get(LATEST).is_some());
    account.proxy.behave();
    account.publish(&sandbox, &arguments).run().success();
    assert_eq!(Parameters::of(&account, US).get(LATEST), Some(account.versions(US)[0].arn.clone()));
}

#[test]
fn a_run_that_was_killed_before_the_list_is_healed() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = published_twice(&account, &[]);
    sandbox.write("requirements.txt", "six==1.15.0\n");
    account.proxy.rule(Rule::on("PUT", LIST).times(1).hold());
    let publish = account.publish(&sandbox, &[]).start();
    account.proxy.wait_for_held();
    publish.kill();
    account.proxy.forget_held();
    assert_eq!(account.numbers(EU), [1, 2, 3]);
    account.publish(&sandbox, &[]).run().success();
    assert_eq!(account.numbers(EU), [1, 2, 3]);
    assert_eq!(list(&account)["latest"]["123456789012/eu-west-1"], account.versions(EU)[2].arn);
}

#[test]
fn a_directory_has_labels_and_a_list_too() {
    let sandbox = six("1.17.0");
    let arguments = ["--registry", "layers", "--layer-name", "shared", "--labels", "production"];
    sandbox.run(&["publish"]).args(&arguments).run().success();
    let list = sandbox.json("layers/state/shared.versions.json");
    assert_eq!(list["labels"]["production"]["000000000000/local"], "arn:aws:lambda:local:000000000000:layer:shared:1");
    assert_eq!(list["latest"], list["labels"]["production"]);
    sandbox.run(&["label"]).args(&arguments).run().success().says("unchanged");
}

#[test]
fn what_a_cleanup_removes_is_not_in_the_list_any_more() {
    let (account, sandbox) = crate::cleanup::account_with(2, &[EU]);
    crate::cleanup::cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply"]).run().success();
    assert_eq!(account.numbers(EU), [2]);
    let list = list(&account);
    assert_eq!(list["versions"].as_array().map(Vec::len), Some(1), "{list:#}");
    assert_eq!(list["latest"]["123456789012/eu-west-1"], account.versions(EU)[0].arn);
}
