//! AWS goes on with a request whose run is gone, or answers never: one version all the same.

use serde_json::Value;

use crate::account::{Account, EU, STATE, VERSIONS};
use crate::cleanup::{EMPTY_ZIP, account_with, cleanup};
use crate::harness::{Run, Sandbox};
use crate::proxy::Rule;

/// Longer than any of these tests takes.
const LONG: (&str, &str) = ("LAMBDA_LAYER_PUBLISH_SECONDS", "300");

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

fn publish(account: &Account, sandbox: &Sandbox) -> Run {
    account.publish(sandbox, &[]).env(LONG.0, LONG.1)
}

/// The next run watches the list, and takes what comes late.
fn is_taken_when_it_comes(account: &Account, sandbox: &Sandbox) {
    let lists = account.proxy.seen("GET", VERSIONS).len();
    let next = publish(account, sandbox).in_actions(&[]).start();
    account.proxy.wait_for("GET", VERSIONS, lists + 3);
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 1, "nothing is sent again");
    account.proxy.behave();
    let next = next.wait().success().says("a request of an earlier run may still be in progress");
    assert_eq!(next.outputs()["published"], "false");
    assert_eq!(account.numbers(EU), [1]);
    let state = account.state(EU);
    assert_eq!(state["claim"], Value::Null);
    assert_eq!(next.outputs()["layer-arn"], account.versions(EU)[0].arn);
}

#[test]
fn a_killed_runs_request_arrives_after_all() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).hold());
    let running = publish(&account, &sandbox).start();
    account.proxy.wait_for_held();
    running.kill();
    is_taken_when_it_comes(&account, &sandbox);
}

#[test]
fn a_cancelled_run_leaves_no_claim_and_says_what_it_sent() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let (account, sandbox) = (Account::with_buckets(&[EU]), six());
        account.proxy.rule(Rule::on("POST", VERSIONS).hold());
        let running = publish(&account, &sandbox).start();
        account.proxy.wait_for_held();
        running.signal(signal);
        running.wait().code(code).says(&format!("the run was interrupted (SIG{signal})"));
        let state = account.state(EU);
        assert_eq!(state["claim"], Value::Null);
        assert_eq!(state["unanswered"].as_array().map(Vec::len), Some(1), "{state:#}");
        is_taken_when_it_comes(&account, &sandbox);
    }
}

#[test]
fn a_cancelled_run_that_sent_nothing_ends_at_once() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("PUT", ".zip").hold());
    let running = publish(&account, &sandbox).start();
    account.proxy.wait_for_held();
    running.signal("TERM");
    running.wait().code(143);
    account.proxy.forget_held();
    publish(&account, &sandbox).run().success();
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_lost_answer_is_found_in_the_list() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).lose_answer());
    let outcome = publish(&account, &sandbox).in_actions(&[]).run().success();
    assert_eq!(outcome.outputs()["published"], "true");
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_request_that_never_comes_is_sent_again_in_the_end() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).times(1).hang_up());
    account.publish(&sandbox, &[]).run().success();
    assert_eq!(account.numbers(EU), [1]);
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 2);
}

/// A function gets a version by hand after the clean-up decided.
#[test]
fn a_clean_up_looks_again_before_it_removes() {
    let (account, sandbox) = account_with(3, &[EU]);
    account.make_function(EU, "orders", EMPTY_ZIP, &[]);
    account.proxy.rule(Rule::on("PUT", STATE).times(1).hold());
    let cleaning = cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply"]).start();
    account.proxy.wait_for_held();
    let first = account.versions(EU)[0].arn.clone();
    account.set_layers(EU, "orders", &[&first]);
    account.proxy.behave();
    account.proxy.rule(Rule::on("GET", VERSIONS).edit(crate::cleanup::aged));
    cleaning.wait().success().says("used by orders");
    assert_eq!(account.numbers(EU), [1, 3]);
}

#[test]
fn a_clean_up_that_is_cancelled_leaves_no_claim() {
    let (account, sandbox) = account_with(3, &[EU]);
    account.proxy.rule(Rule::on("DELETE", VERSIONS).hold());
    let cleaning = cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply"]).start();
    account.proxy.wait_for_held();
    cleaning.signal("TERM");
    cleaning.wait().code(143).says("the run was interrupted (SIGTERM)");
    let state = account.state(EU);
    assert_eq!(state["claim"], Value::Null);
    assert_ne!(state["unanswered"], Value::Null, "{state:#}");
    let names = |number: i64| state.to_string().contains(&format!("layer:shared:{number}\""));
    assert_eq!([1, 2, 3].map(names), [false, false, true], "nobody relies on what may be going: {state:#}");
    account.proxy.behave();
}

/// The state says what is current; the highest number is another one.
#[test]
fn the_newest_is_the_current_one() {
    let (account, sandbox) = account_with(3, &[EU]);
    crate::cleanup::publish(&account, &sandbox, 1, &[EU]).run().success().says("the same as for version 1");
    account.make_function(EU, "orders", EMPTY_ZIP, &[]);
    let attach = sandbox.run(&["attach", "--registry", "aws", "--layer-name", "shared", "--attach-to", "orders"]);
    let outcome = account.seen_by(attach.args(&["--bucket", "layers-{region}"])).run().success();
    outcome.says("version 1 of `shared` is current in eu-west-1, not 3, which has the highest number");
    assert_eq!(account.layers_of(EU, "orders"), [account.versions(EU)[0].arn.clone()]);
}

/// Each of them has the whole zip in memory.
#[test]
fn without_a_bucket_regions_are_served_one_after_another() {
    let (account, sandbox) = (Account::new(), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).hold());
    let run = account.run(&sandbox, "publish", &["--state", "state", "--regions", "eu-west-1,us-east-1"]).start();
    account.proxy.wait_for_held();
    account.proxy.wait_for("GET", VERSIONS, 2);
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 1);
    account.proxy.behave();
    run.wait().success();
    assert_eq!((account.numbers(EU), account.numbers(crate::account::US)), (vec![1], vec![1]));
}

#[test]
fn a_version_that_the_list_does_not_show_yet_is_attached() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    account.make_function(EU, "orders", EMPTY_ZIP, &[]);
    let nothing = |_: &str, _: &str| r#"{"LayerVersions": []}"#.to_owned();
    account.proxy.rule(Rule::on("GET", "/layers/shared/versions?").edit(nothing));
    let attach = sandbox.run(&["attach", "--registry", "aws", "--layer-name", "shared", "--attach-to", "orders"]);
    account.seen_by(attach.args(&["--bucket", "layers-{region}"])).run().success();
    assert_eq!(account.layers_of(EU, "orders"), [account.versions(EU)[0].arn.clone()]);
}
