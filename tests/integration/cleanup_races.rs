//! Clean-ups beside other runs, killed ones, and states that were tampered with.

use serde_json::{Value, json};

use crate::account::{Account, EU, STATE, VERSIONS};
use crate::cleanup::{EMPTY_ZIP, account_with, age, aged, cleanup, publish};
use crate::proxy::Rule;

const KEEP_ONE: &[&str] = &["--keep-versions", "1", "--apply"];

/// The versions are those, nobody holds a claim, and each version in the state is there.
#[track_caller]
fn is_settled(account: &Account, numbers: &[i64]) {
    assert_eq!(account.numbers(EU), numbers);
    let state = account.state(EU);
    assert_eq!(state["claim"], Value::Null);
    let recorded = state["contents"].as_object().expect("is an object").values();
    let mut recorded: Vec<i64> = recorded
        .flat_map(|content| content["versions"].as_object().expect("is an object").values())
        .map(|version| version["version"].as_i64().expect("is a number"))
        .collect();
    recorded.sort_unstable();
    assert_eq!(recorded, numbers);
}

#[test]
fn a_publish_waits_for_a_clean_up_and_makes_a_version_again() {
    let (account, sandbox) = account_with(3, &[EU]);
    account.proxy.rule(Rule::on("DELETE", VERSIONS).hold());
    let cleaning = cleanup(&account, &sandbox, KEEP_ONE).start();
    account.proxy.wait_for_held();
    let reads = account.proxy.seen("GET", STATE).len();
    let publishing = publish(&account, &sandbox, 1, &[EU]).start();
    account.proxy.wait_for("GET", STATE, reads + 3);
    account.proxy.behave();
    cleaning.wait().success().says("2 versions removed");
    publishing.wait().success().says("layer:shared:4");
    is_settled(&account, &[3, 4]);
}

#[test]
fn what_became_current_after_the_plan_stays() {
    let (account, sandbox) = account_with(3, &[EU]);
    // The write of the clean-up's claim.
    account.proxy.rule(Rule::on("PUT", STATE).times(1).hold());
    let cleaning = cleanup(&account, &sandbox, KEEP_ONE).start();
    account.proxy.wait_for_held();
    publish(&account, &sandbox, 1, &[EU]).run().success().says("the same as for version 1");
    account.proxy.behave();
    account.proxy.rule(Rule::on("GET", VERSIONS).edit(aged));
    cleaning.wait().success().says("the current version");
    is_settled(&account, &[1, 3]);
}

#[test]
fn a_run_whose_version_went_meanwhile_says_so() {
    let (account, sandbox) = account_with(3, &[EU]);
    // The write of what is current now.
    account.proxy.rule(Rule::on("PUT", STATE).times(1).hold());
    let publishing = publish(&account, &sandbox, 1, &[EU]).start();
    account.proxy.wait_for_held();
    cleanup(&account, &sandbox, KEEP_ONE).run().success().says("2 versions removed");
    account.proxy.behave();
    publishing.wait().code(2).says("run again");
    publish(&account, &sandbox, 1, &[EU]).run().success().says("layer:shared:4");
    is_settled(&account, &[3, 4]);
}

#[test]
fn a_version_that_a_function_gets_meanwhile_stays() {
    let (account, sandbox) = account_with(3, &[EU]);
    account.make_function(EU, "orders", EMPTY_ZIP, &[]);
    account.proxy.rule(Rule::on("PUT", STATE).times(1).hold());
    let cleaning = cleanup(&account, &sandbox, KEEP_ONE).start();
    account.proxy.wait_for_held();
    let attach = sandbox.run(&["attach", "--registry", "aws", "--layer-name", "shared", "--layer-version", "1"]);
    let attach = attach.args(&["--bucket", "layers-{region}", "--attach-to", "orders"]);
    account.seen_by(attach).run().success();
    account.proxy.behave();
    account.proxy.rule(Rule::on("GET", VERSIONS).edit(aged));
    cleaning.wait().success().says("was in use in the last 10 minutes");
    is_settled(&account, &[1, 3]);
    age(&account);
    cleanup(&account, &sandbox, KEEP_ONE).run().success().says("used by orders");
    is_settled(&account, &[1, 3]);
}

#[test]
fn a_version_that_is_being_removed_goes_to_no_function() {
    let (account, sandbox) = account_with(3, &[EU]);
    account.make_function(EU, "orders", EMPTY_ZIP, &[]);
    account.proxy.rule(Rule::on("DELETE", VERSIONS).hold());
    let cleaning = cleanup(&account, &sandbox, KEEP_ONE).start();
    account.proxy.wait_for_held();
    let attach = sandbox.run(&["attach", "--registry", "aws", "--layer-name", "shared", "--layer-version", "1"]);
    let attach = attach.args(&["--bucket", "layers-{region}", "--attach-to", "orders"]);
    account.seen_by(attach).run().code(2).says("may be removing version 1");
    account.proxy.behave();
    cleaning.wait().success();
    is_settled(&account, &[3]);
}

#[test]
fn a_label_that_is_put_on_meanwhile_stays() {
    let (account, sandbox) = account_with(3, &[EU]);
    account.proxy.rule(Rule::on("DELETE", VERSIONS).hold());
    let cleaning = cleanup(&account, &sandbox, KEEP_ONE).start();
    account.proxy.wait_for_held();
    let label = |version: &str| {
        let label = sandbox.run(&["label", "--registry", "aws", "--layer-name", "shared", "--labels", "production"]);
        account.seen_by(label.args(&["--bucket", "layers-{region}", "--layer-version", version]))
    };
    label("3").run().success();
    label("1").run().code(2).says("may be removing version 1");
    account.proxy.behave();
    cleaning.wait().success();
    is_settled(&account, &[3]);
    assert_eq!(account.state(EU)["labels"]["production"], json!([account.versions(EU)[0].code_sha256]));
}

#[test]
fn two_clean_ups_and_a_publish_at_once() {
    let (account, sandbox) = account_with(4, &[EU]);
    let runs = [
        cleanup(&account, &sandbox, KEEP_ONE).start(),
        cleanup(&account, &sandbox, KEEP_ONE).start(),
        publish(&account, &sandbox, 5, &[EU]).start(),
    ];
    let outcomes = runs.map(|run| run.wait().success());
    outcomes.into_iter().last().expect("is one").says("layer:shared:5");
    let numbers = account.numbers(EU);
    assert!(numbers.ends_with(&[5]), "{numbers:?}");
    assert!(!numbers.contains(&1), "{numbers:?}");
    is_settled(&account, &numbers);
}

/// Kills a clean-up at a request, and does another one.
fn killed_at(rule: Rule) {
    let (account, sandbox) = account_with(3, &[EU]);
    account.proxy.rule(rule.hold());
    let cleaning = cleanup(&account, &sandbox, KEEP_ONE).start();
    account.proxy.wait_for_held();
    cleaning.kill();
    account.proxy.forget_held();
    account.proxy.rule(Rule::on("GET", VERSIONS).edit(aged));
    cleanup(&account, &sandbox, KEEP_ONE).run().success();
    assert_eq!(account.numbers(EU), [3]);
    publish(&account, &sandbox, 3, &[EU]).run().success().says("shared unchanged");
    publish(&account, &sandbox, 4, &[EU]).run().success();
    is_settled(&account, &[3, 4]);
}

#[test]
fn killed_before_it_claimed() {
    killed_at(Rule::on("PUT", STATE));
}

#[test]
fn killed_between_two_versions() {
    killed_at(Rule::on("DELETE", VERSIONS).after(1));
}

#[test]
fn killed_before_it_released() {
    killed_at(Rule::on("PUT", STATE).after(1));
}

#[test]
fn without_its_labels_a_state_keeps_everything_that_may_have_had_one() {
    let (account, sandbox) = account_with(3, &[EU]);
    let state = account.state(EU).to_string();
    for broken in [&state.as_bytes()[..200], b"{}"] {
        account.put_object(EU, STATE, broken);
        let outcome = cleanup(&account, &sandbox, &["--keep-labels", "production", "--apply"]).run().success();
        outcome.says("is not a valid state").says("kept because: its labels are unknown because the state was lost");
        assert_eq!(account.numbers(EU), [1, 2, 3]);
    }
    // Other rules need no state.
    cleanup(&account, &sandbox, KEEP_ONE).run().success().says("2 versions removed");
    assert_eq!(account.numbers(EU), [3]);
    assert_ne!(account.state(EU)["rebuilt"], Value::Null);
}

#[test]
fn a_state_that_is_not_understood_stops_a_clean_up() {
    let (account, sandbox) = account_with(2, &[EU]);
    let state = account.state(EU);
    for (key, value, said) in [
        ("format", json!(99), "was written by a newer version of lambda-layer"),
        ("current", json!(null), "does not contain the current version"),
        ("current", json!("ab".repeat(32)), "does not contain the current version"),
        ("layer", json!("other"), "is the state of the layer `other`"),
    ] {
        let mut edited = state.clone();
        edited[key] = value;
        account.put_object(EU, STATE, edited.to_string().as_bytes());
        cleanup(&account, &sandbox, KEEP_ONE).run().code(1).says(said);
        assert_eq!(account.state(EU), edited);
    }
    assert_eq!(account.numbers(EU), [1, 2]);
}

#[test]
fn a_state_that_contradicts_the_versions_keeps_both() {
    let (account, sandbox) = account_with(3, &[EU]);
    let versions = account.versions(EU);
    let mut state = account.state(EU);
    // Somebody wrote that the label is on what version 1 has, and that this is version 2.
    let place = "123456789012/eu-west-1";
    let second = state["contents"][&versions[1].code_sha256]["versions"][place].take();
    state["contents"][&versions[0].code_sha256]["versions"][place] = second;
    state["contents"].as_object_mut().expect("is one").remove(&versions[1].code_sha256);
    state["labels"] = json!({ "production": [versions[0].code_sha256] });
    account.put_object(EU, STATE, state.to_string().as_bytes());
    cleanup(&account, &sandbox, &["--keep-labels", "production", "--apply"]).run().success();
    assert_eq!(account.numbers(EU), [1, 2, 3]);
}

#[test]
fn labels_to_keep_need_a_state() {
    let (account, sandbox) = account_with(2, &[EU]);
    let arguments = ["--registry", "aws", "--layer-name", "shared", "--keep-labels", "production"];
    let outcome = account.seen_by(sandbox.run(&["cleanup"]).args(&arguments)).run().code(1);
    outcome.says("error: `keep-labels` is given, but labels are stored in the state, and there is no state");
    let arguments = ["--registry", "aws", "--layer-name", "shared", "--keep-versions", "1", "--apply"];
    age(&account);
    account.seen_by(sandbox.run(&["cleanup"]).args(&arguments)).run().success().says("1 version removed");
    assert_eq!(account.numbers(EU), [2]);
}
