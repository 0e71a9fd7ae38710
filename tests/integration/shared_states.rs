//! One state for several accounts, and for regions in whatever order.

use serde_json::Value;

use crate::account::{Account, EU, LAYER, STATE, US, role};
use crate::harness::{Run, Sandbox};
use crate::proxy::Rule;

const OTHER: &str = "222222222222";

fn some(number: usize) -> Sandbox {
    let sandbox = Sandbox::with_requirements("");
    content(&sandbox, number);
    sandbox
}

/// What is in the layer.
fn content(sandbox: &Sandbox, number: usize) {
    sandbox.write("some.py", format!("NUMBER = {number}\n"));
}

const INCLUDE: &[&str] = &["--include", "some.py=python/some.py"];

/// A run with credentials of another account, as its workflow has them.
fn as_other(account: &Account, run: Run) -> Run {
    let keys = account.keys_of(OTHER);
    run.env("AWS_ACCESS_KEY_ID", &keys.0).env("AWS_SECRET_ACCESS_KEY", &keys.1).env("AWS_SESSION_TOKEN", &keys.2)
}

#[test]
fn two_accounts_with_one_state_have_their_own_versions() {
    let (account, sandbox) = (Account::new(), some(1));
    let run = |command: &str| account.run(&sandbox, command, &["--state", "state"]).args(INCLUDE);
    run("publish").run().success();
    // Production knows the state of staging, and has nothing.
    let plan = as_other(&account, run("plan")).in_actions(&[]).run().success();
    assert_eq!(plan.outputs()["changed"], "true", "{}", plan.told());
    as_other(&account, run("publish")).run().success();
    let staging = format!("arn:aws:lambda:{EU}:123456789012:layer:{LAYER}");
    let production = format!("arn:aws:lambda:{EU}:{OTHER}:layer:{LAYER}:1");
    for number in [1, 2] {
        content(&sandbox, number);
        let ours = run("publish").in_actions(&[]).run().success();
        assert_eq!(ours.outputs()["layer-arn"], format!("{staging}:{number}"));
    }
    content(&sandbox, 1);
    let theirs = as_other(&account, run("publish")).in_actions(&[]).run().success().says("unchanged");
    assert_eq!(theirs.outputs()["layer-arn"], production);
    assert_eq!((account.numbers(EU), account.numbers_of(OTHER, EU)), (vec![1, 2], vec![1]));
    let state = sandbox.json("state/shared.json");
    let versions = state["contents"].as_object().expect("is one").values();
    let known: usize = versions.map(|content| content["versions"].as_object().map_or(0, serde_json::Map::len)).sum();
    assert_eq!(known, 3, "nobody forgets the other's: {state:#}");
}

fn in_regions(account: &Account, sandbox: &Sandbox, regions: &str) -> Run {
    account.publish(sandbox, &["--regions", regions]).args(INCLUDE)
}

#[test]
fn the_order_of_regions_does_not_matter() {
    for (first, second) in
        [("eu-west-1,us-east-1", "us-east-1,eu-west-1"), ("us-east-1,eu-west-1", "eu-west-1,us-east-1")]
    {
        let (account, sandbox) = (Account::with_buckets(&[EU, US]), some(1));
        in_regions(&account, &sandbox, first).args(&["--labels", "production"]).run().success();
        in_regions(&account, &sandbox, second).run().success().says("shared unchanged");
        content(&sandbox, 2);
        in_regions(&account, &sandbox, second).run().success();
        in_regions(&account, &sandbox, first).run().success().says("shared unchanged");
        let state = account.state(EU);
        assert_eq!(state["labels"]["production"].as_array().map(Vec::len), Some(1), "{state:#}");
        assert_eq!(state["rebuilt"], Value::Null);
        assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1, 2], vec![1, 2]));
    }
}

#[test]
fn a_run_with_one_of_the_regions_finds_the_state() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), some(1));
    in_regions(&account, &sandbox, "eu-west-1,us-east-1").args(&["--labels", "production"]).run().success();
    in_regions(&account, &sandbox, US).run().success().says("shared unchanged");
    content(&sandbox, 2);
    in_regions(&account, &sandbox, US).run().success();
    let state = account.state(EU);
    assert_eq!(state["contents"].as_object().map(serde_json::Map::len), Some(2), "{state:#}");
    assert_ne!(state["labels"]["production"], Value::Null);
    in_regions(&account, &sandbox, "us-east-1,eu-west-1").run().success();
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1, 2], vec![1, 2]));
}

/// Programs before this one had it in the bucket of the user's first region.
#[test]
fn a_state_of_an_older_program_stays_where_it_is() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), some(1));
    in_regions(&account, &sandbox, US).args(&["--labels", "production"]).run().success();
    assert!(account.keys(US).contains(&STATE.to_owned()));
    in_regions(&account, &sandbox, "us-east-1,eu-west-1").run().success();
    in_regions(&account, &sandbox, "eu-west-1,us-east-1").run().success().says("shared unchanged");
    in_regions(&account, &sandbox, EU).run().success().says("shared unchanged");
    let state = account.state(US);
    assert_ne!(state["labels"]["production"], Value::Null, "{state:#}");
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
    // It never needed the rights to list the other bucket, where there is no such key.
    account.delete_object(EU, STATE);
    account.proxy.rule(Rule::on("GET", STATE).in_region(EU).refuse_as_s3(403, "AccessDenied", "Access Denied"));
    in_regions(&account, &sandbox, "us-east-1,eu-west-1").run().success().says("shared unchanged");
}

#[test]
fn two_workflows_with_other_first_regions_at_once_publish_once() {
    let (account, sandboxes) = (Account::with_buckets(&[EU, US]), [some(1), some(1)]);
    let orders = ["eu-west-1,us-east-1", "us-east-1,eu-west-1"];
    let running: Vec<_> =
        sandboxes.iter().zip(orders).map(|(sandbox, regions)| in_regions(&account, sandbox, regions).start()).collect();
    for running in running {
        running.wait().success();
    }
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));
}

#[test]
fn roles_may_stand_in_any_order() {
    let (account, sandbox) = (Account::new(), some(1));
    let accounts = ["111111111111", OTHER].map(role);
    let run = |roles: &str| account.run(&sandbox, "publish", &["--state", "state", "--roles", roles]).args(INCLUDE);
    run(&accounts.join(",")).run().success();
    run(&format!("{},{}", accounts[1], accounts[0])).run().success().says("shared unchanged");
}
