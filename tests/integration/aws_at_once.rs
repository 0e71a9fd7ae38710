//! Runs at the same time, and runs that are killed: one version, and a state that is true.

use crate::account::{Account, EU, STATE, US, VERSIONS};
use crate::harness::Sandbox;
use crate::proxy::Rule;

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

fn one_version_for_all(count: usize) {
    let account = Account::with_buckets(&[EU]);
    let sandboxes: Vec<Sandbox> = std::iter::repeat_with(six).take(count).collect();
    let running: Vec<_> =
        sandboxes.iter().map(|sandbox| account.publish(sandbox, &[]).in_actions(&[]).start()).collect();
    let outputs: Vec<_> = running.into_iter().map(|running| running.wait().success().outputs()).collect();
    let versions = account.versions(EU);
    let [version] = versions.as_slice() else { panic!("{versions:?}") };
    assert!(outputs.iter().all(|outputs| outputs["layer-arn"] == version.arn));
    assert_eq!(outputs.iter().filter(|outputs| outputs["published"] == "true").count(), 1);
    assert_eq!(account.state(EU)["claim"], serde_json::Value::Null);
}

#[test]
fn two_runs_at_once_publish_one_version() {
    one_version_for_all(2);
}

#[test]
fn four_runs_at_once_publish_one_version() {
    one_version_for_all(4);
}

#[test]
fn a_run_waits_for_another_and_takes_its_version() {
    let account = Account::with_buckets(&[EU]);
    let (first, second) = (six(), six());
    account.proxy.rule(Rule::on("POST", VERSIONS).hold());
    let publishing = account.publish(&first, &[]).in_actions(&[]).start();
    account.proxy.wait_for_held();
    let reads = account.proxy.seen("GET", STATE).len();
    let waiting = account.publish(&second, &[]).in_actions(&[]).start();
    // Decides, tries to claim, and looks again while it waits.
    account.proxy.wait_for("GET", STATE, reads + 3);
    account.proxy.behave();
    let (publishing, waiting) = (publishing.wait().success(), waiting.wait().success());
    assert_eq!(publishing.outputs()["published"], "true");
    assert_eq!(waiting.outputs()["published"], "false");
    assert_eq!(publishing.outputs()["layer-arn"], waiting.outputs()["layer-arn"]);
    waiting.says("which is working on `shared`").says("adopted");
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_layer_that_is_in_the_matrix_twice_is_told() {
    let account = Account::with_buckets(&[EU]);
    let (first, second) = (six(), six());
    let job = |sandbox: &Sandbox| {
        let run = account.publish(sandbox, &[]).in_actions(&[]).env("GITHUB_SERVER_URL", "https://github.com");
        run.env("GITHUB_REPOSITORY", "acme/layers").env("GITHUB_RUN_ID", "42").start()
    };
    account.proxy.rule(Rule::on("POST", VERSIONS).hold());
    let publishing = job(&first);
    account.proxy.wait_for_held();
    let reads = account.proxy.seen("GET", STATE).len();
    let waiting = job(&second);
    account.proxy.wait_for("GET", STATE, reads + 3);
    account.proxy.behave();
    let (publishing, waiting) = (publishing.wait().success(), waiting.wait().success());
    assert_eq!((&*publishing.outputs()["published"], &*waiting.outputs()["published"]), ("true", "false"));
    waiting.says(
        "another job of this run published `shared` at the same time: check whether the matrix contains it twice",
    );
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_claim_that_comes_too_late_is_refused() {
    let account = Account::with_buckets(&[EU]);
    let (slow, fast) = (six(), six());
    account.proxy.rule(Rule::on("PUT", STATE).times(1).hold());
    let claiming = account.publish(&slow, &[]).in_actions(&[]).start();
    account.proxy.wait_for_held();
    account.publish(&fast, &[]).run().success();
    account.proxy.behave();
    let outputs = claiming.wait().success().outputs();
    assert_eq!(outputs["published"], "false");
    assert_eq!(outputs["layer-arn"], account.versions(EU)[0].arn);
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn a_run_with_other_content_queues() {
    let account = Account::with_buckets(&[EU]);
    let (first, second) = (six(), Sandbox::with_requirements("six==1.16.0\n"));
    account.proxy.rule(Rule::on("POST", VERSIONS).hold());
    let publishing = account.publish(&first, &[]).start();
    account.proxy.wait_for_held();
    let reads = account.proxy.seen("GET", STATE).len();
    let queued = account.publish(&second, &[]).start();
    account.proxy.wait_for("GET", STATE, reads + 3);
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 1);
    account.proxy.behave();
    publishing.wait().success();
    queued.wait().success();
    assert_eq!(account.numbers(EU), [1, 2]);
    let state = account.state(EU);
    assert_eq!(state["contents"].as_object().map(serde_json::Map::len), Some(2), "neither write lost the other's");
}

/// Kills a run when the request of `rule` is on its way, starts it again, and looks.
fn killed_at(rule: Rule, regions: &[&str]) {
    let (account, sandbox) = (Account::with_buckets(regions), six());
    let regions_input = ["--regions", &regions.join(",")];
    account.proxy.rule(rule.hold());
    let running = account.publish(&sandbox, &regions_input).start();
    account.proxy.wait_for_held();
    running.kill();
    account.proxy.forget_held();
    account.publish(&sandbox, &regions_input).run().success();
    for region in regions {
        let versions = account.versions(region);
        let [version] = versions.as_slice() else { panic!("{versions:?}") };
        let state = account.state(EU);
        let recorded = &state["contents"][&version.code_sha256]["versions"][format!("123456789012/{region}")];
        assert_eq!(recorded["arn"], version.arn.as_str(), "the state is true");
        assert_eq!(state["claim"], serde_json::Value::Null);
    }
    account.publish(&sandbox, &regions_input).run().success().says("shared unchanged");
}

#[test]
fn killed_before_it_claimed() {
    killed_at(Rule::on("PUT", STATE), &[EU]);
}

#[test]
fn killed_before_it_published() {
    killed_at(Rule::on("POST", VERSIONS), &[EU]);
}

#[test]
fn killed_between_publishing_and_recording() {
    killed_at(Rule::on("PUT", STATE).after(1), &[EU]);
}

#[test]
fn killed_between_two_regions() {
    killed_at(Rule::on("POST", VERSIONS).in_region(US), &[EU, US]);
}

#[test]
fn killed_while_it_uploads() {
    killed_at(Rule::on("PUT", ".zip"), &[EU]);
}
