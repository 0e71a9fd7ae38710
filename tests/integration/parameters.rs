//! Parameters while others publish, label and clean up, and while Parameter Store has no time.

use crate::account::{Account, EU, STATE};
use crate::harness::Sandbox;
use crate::labels::{Parameters, label, published_twice};
use crate::packages::wheel;
use crate::proxy::Rule;

const TEMPLATE: &str = "/layers/{layer}/{label}";
const LATEST: &str = "/layers/shared/latest";
const PRODUCTION: &str = "/layers/shared/production";

#[test]
fn of_two_publishes_the_last_state_wins_whichever_writes_last() {
    let account = Account::with_buckets(&[EU]);
    let arguments = ["--ssm-parameter", TEMPLATE];
    let sandbox = published_twice(&account, &arguments);
    let parameters = Parameters::of(&account, EU);
    let versions = account.versions(EU);
    // The first goes back to version 1 and writes that late; meanwhile the second publishes version 3.
    sandbox.write("requirements.txt", "six==1.16.0\n");
    account.proxy.rule(Rule::on_operation("PutParameter").times(1).hold());
    let first = account.publish(&sandbox, &arguments).start();
    account.proxy.wait_for_held();
    let other = Sandbox::with_requirements("six==1.15.0\n");
    account.publish(&other, &arguments).run().success().says("version 2 → 3");
    account.proxy.behave();
    first.wait().success().says("version 2 → 3, because of a change by another run");
    assert_ne!(parameters.get(LATEST), Some(versions[0].arn.clone()));
    assert_eq!(parameters.get(LATEST), Some(account.versions(EU)[2].arn.clone()));
}

#[test]
fn a_parameter_that_both_make_names_what_is_current() {
    let account = Account::with_buckets(&[EU]);
    let arguments = ["--ssm-parameter", TEMPLATE];
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    account.proxy.rule(Rule::on_operation("PutParameter").times(1).hold());
    let first = account.publish(&sandbox, &arguments).start();
    account.proxy.wait_for_held();
    let other = Sandbox::with_requirements("six==1.17.0\n");
    account.publish(&other, &arguments).run().success();
    account.proxy.behave();
    first.wait().success().says("because of a change by another run");
    assert_eq!(Parameters::of(&account, EU).get(LATEST), Some(account.versions(EU)[1].arn.clone()));
}

#[test]
fn of_two_that_move_a_label_the_last_state_wins() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = published_twice(&account, &["--ssm-parameter", TEMPLATE, "--labels", "production", "--move"]);
    let parameters = Parameters::of(&account, EU);
    let versions = account.versions(EU);
    let to = |version: &'static str| ["--labels", "production", "--move", "--layer-version", version];
    let template = ["--bucket", "layers-{region}", "--ssm-parameter", TEMPLATE];
    label(&account, &sandbox, &[&to("1")[..], &["--ssm-parameter", TEMPLATE]].concat()).success();
    assert_eq!(parameters.get(PRODUCTION), Some(versions[0].arn.clone()));
    account.proxy.rule(Rule::on_operation("PutParameter").times(1).hold());
    let first = account.run(&sandbox, "label", &[&template[..], &to("2")].concat()).start();
    account.proxy.wait_for_held();
    label(&account, &sandbox, &to("1")).success();
    account.proxy.behave();
    first.wait().success();
    assert_eq!(parameters.get(PRODUCTION), Some(versions[0].arn.clone()));
}

#[test]
fn a_parameter_never_names_what_a_cleanup_removed_meanwhile() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    account.proxy.rule(Rule::on_operation("GetParameters").times(1).hold());
    let publish = account.publish(&sandbox, &["--ssm-parameter", TEMPLATE]).start();
    account.proxy.wait_for_held();
    let mut state = account.state(EU);
    let hash = account.versions(EU)[0].code_sha256.clone();
    state["contents"][hash]["versions"] = serde_json::json!({});
    account.put_object(EU, STATE, state.to_string().as_bytes());
    account.delete_version(EU, 1);
    account.proxy.behave();
    let outcome = publish.wait().code(2).says("the state no longer contains version 1 in eu-west-1");
    outcome.says("run again: a clean-up removed the version during this run, and it will be published again");
    assert_eq!(Parameters::of(&account, EU).get(LATEST), None);
}

#[test]
fn writes_that_parameter_store_has_no_time_for_are_repeated() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let busy = |times, code, message| Rule::on_operation("PutParameter").times(times).refuse_as_ssm(code, message);
    account.proxy.rule(busy(2, "ThrottlingException", "Rate exceeded"));
    account.proxy.rule(busy(1, "TooManyUpdates", "There are concurrent updates for a resource"));
    // Nothing is repeated by the SDK.
    let run = account.publish(&sandbox, &["--ssm-parameter", TEMPLATE]).env("AWS_MAX_ATTEMPTS", "1");
    run.run().success();
    assert_eq!(Parameters::of(&account, EU).get(LATEST), Some(account.versions(EU)[0].arn.clone()));
}

#[test]
fn many_layers_of_a_run_share_what_parameter_store_takes() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = Sandbox::new();
    fs_err::create_dir_all(sandbox.path("wheels")).expect("can be made");
    wheel(&sandbox.path("wheels"), "alpha", "1.0");
    sandbox.write("requirements.txt", "./wheels/alpha-1.0-py3-none-any.whl\n");
    let names: Vec<String> = (0..40).map(|number| format!("layer-{number}")).collect();
    let layers: Vec<String> = names.iter().map(|name| format!("  - layer-name: {name}\n")).collect();
    let defaults = "python-version: 3.13\n  registry: aws\n  bucket: layers-{region}\n  labels: production\n  \
        ssm-parameter: /layers/{layer}/{label}";
    sandbox.write("lambda-layers.yml", format!("defaults:\n  {defaults}\nlayers:\n{}", layers.concat()));
    let parameters = Parameters::of(&account, EU);
    let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:123456789012:layer:{name}:1");
    // Half of what is to be written takes half of the time.
    for name in &names {
        parameters.put(&format!("/layers/{name}/latest"), &arn(name));
    }
    account.proxy.rule(Rule::on_operation("PutParameter").throttle(3));
    account.seen_by(sandbox.run(&["publish"])).run().success();
    for name in &names {
        assert_eq!(parameters.get(&format!("/layers/{name}/production")), Some(arn(name)));
    }
    let writes = account.proxy.seen("POST", "/").into_iter().filter(|seen| seen.operation.contains("PutParameter"));
    // On a busy machine two of them may arrive together.
    assert!(writes.count() < names.len() + names.len() / 4, "many were refused");
}
