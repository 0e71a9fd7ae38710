//! Clean-up: a version goes only if no rule keeps it and nobody uses it.

use serde_json::Value;

use crate::account::{Account, EU, LAYER, STATE, VERSIONS, role};
use crate::harness::{Outcome, Run, Sandbox};
use crate::packages::wheel;
use crate::proxy::Rule;

const LONG_AGO: &str = "2020-01-01T00:00:00.000+0000";
/// The end of a central directory (APPNOTE.TXT, 4.3.16) and nothing before it.
pub(crate) const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Key of the list of versions for others.
const LIST: &str = "lambda-layers/state/shared.versions.json";
/// The list of functions in the API.
pub(crate) const FUNCTIONS: &str = "FunctionVersion=ALL";

/// What Lambda's lists have: everything is old.
pub(crate) fn aged(_: &str, body: &str) -> String {
    edited(body, |answer| {
        for version in answer["LayerVersions"].as_array_mut().into_iter().flatten() {
            version["CreatedDate"] = LONG_AGO.into();
        }
    })
}

fn edited(body: &str, edit: impl Fn(&mut Value)) -> String {
    let Ok(mut answer) = serde_json::from_str(body) else { return body.to_owned() };
    edit(&mut answer);
    answer.to_string()
}

fn old_objects(_: &str, body: &str) -> String {
    let pattern = regex::Regex::new("<LastModified>[^<]*</LastModified>").expect("is valid");
    pattern.replace_all(body, "<LastModified>2020-01-01T00:00:00.000Z</LastModified>").into_owned()
}

/// An account in which the versions 1 to `count` were published long ago, each with its own content.
pub(crate) fn account_with(count: usize, regions: &[&str]) -> (Account, Sandbox) {
    let (account, sandbox) =
        (Account::with_buckets(regions), Sandbox::with_requirements("./some-1.0-py3-none-any.whl\n"));
    wheel(&sandbox.path(""), "some", "1.0");
    for number in 1..=count {
        publish(&account, &sandbox, number, regions).run().success();
    }
    age(&account);
    account.proxy.rule(Rule::on("GET", VERSIONS).edit(aged));
    let settings = r#"{"AccountLimit": {}, "AccountUsage": {"TotalCodeSize": 2000000, "FunctionCount": 1}}"#;
    account.proxy.rule(Rule::on("GET", "account-settings").reply(200, "content-type: application/json", settings));
    (account, sandbox)
}

/// A publish of content that has this number.
pub(crate) fn publish(account: &Account, sandbox: &Sandbox, number: usize, regions: &[&str]) -> Run {
    sandbox.write(&format!("data-{number}.txt"), format!("content {number}\n"));
    let include = format!("data-{number}.txt=python/data.txt");
    account.publish(sandbox, &["--include", &include, "--regions", &regions.join(",")])
}

/// As if everything in the state had been recorded long ago.
pub(crate) fn age(account: &Account) {
    let mut state = account.state(EU);
    make_old(&mut state);
    account.put_object(EU, STATE, state.to_string().as_bytes());
}

fn make_old(state: &mut Value) {
    for content in state["contents"].as_object_mut().expect("is an object").values_mut() {
        for version in content["versions"].as_object_mut().expect("is an object").values_mut() {
            version["recorded"] = "2020-01-01T00:00:00Z".into();
        }
    }
}

pub(crate) fn cleanup(account: &Account, sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let run = sandbox.run(&["cleanup", "--registry", "aws", "--layer-name", LAYER, "--bucket", "layers-{region}"]);
    account.seen_by(run.args(arguments))
}

/// The rows of a run, and what it comes to.
pub(crate) fn rows(outcome: &Outcome) -> String {
    let lines = outcome.stdout.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let age = regex::Regex::new(r"\d{4} days").expect("is valid");
    age.replace_all(&lines.join("\n"), "[age]").into_owned()
}

/// How many are in the bucket.
fn zips(account: &Account) -> usize {
    account.keys(EU).iter().filter(|key| key.contains(".zip")).count()
}

/// The row of a version.
fn row(outcome: &Outcome, number: usize) -> String {
    let name = format!("version {number} ");
    let rows = rows(outcome);
    let rows = rows.lines().filter(|line| line.contains(&name));
    let words = rows.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_plan_says_why_and_changes_nothing() {
    let (account, sandbox) = account_with(4, &[EU]);
    let before = account.state(EU);
    let outcome = cleanup(&account, &sandbox, &["--keep-versions", "2"]).run().success();
    insta::assert_snapshot!(rows(&outcome), @r"
      would be done  eu-west-1  all versions  2 of 4 to remove, 2.6 KB; 1.9 MB of code storage
      would be done  eu-west-1  version 2     [age], 1.3 KB, would be removed because: not among the newest 2, not in use
      would be done  eu-west-1  version 1     [age], 1.3 KB, would be removed because: not among the newest 2, not in use
      kept           eu-west-1  version 4     [age], 1.3 KB, kept because: the newest; the current version
      kept           eu-west-1  version 3     [age], 1.3 KB, kept because: among the newest 2
    shared planned: 2 versions would be removed, 2 kept (2.6 KB)
    ");
    assert_eq!(account.numbers(EU), [1, 2, 3, 4]);
    assert_eq!((account.state(EU), zips(&account)), (before, 4));
}

#[test]
fn with_apply_versions_zips_and_records_go() {
    let (account, sandbox) = account_with(4, &[EU]);
    account.proxy.rule(Rule::on("GET", "list-type=2").edit(old_objects));
    let outcome = cleanup(&account, &sandbox, &["--keep-versions", "2", "--apply"]).run().success();
    insta::assert_snapshot!(rows(&outcome), @r"
      done           eu-west-1  all versions              2 of 4 removed, 2.6 KB; 1.9 MB of code storage
      done           eu-west-1  version 2                 [age], 1.3 KB, removed because: not among the newest 2, not in use
      done           eu-west-1  version 1                 [age], 1.3 KB, removed because: not among the newest 2, not in use
      done           eu-west-1  zips in layers-eu-west-1  2 zips, 2.6 KB, not needed by any version
      kept           eu-west-1  version 4                 [age], 1.3 KB, kept because: the newest; the current version
      kept           eu-west-1  version 3                 [age], 1.3 KB, kept because: among the newest 2
    shared cleaned up: 2 versions removed, 2 kept (5.3 KB)
    ");
    assert_eq!(account.numbers(EU), [3, 4]);
    let state = account.state(EU);
    assert_eq!(state["contents"].as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(state["builds"].as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(state["claim"], Value::Null);
    assert_eq!(zips(&account), 2);
    let list: Value = serde_json::from_slice(&account.object(EU, LIST)).expect("is JSON");
    assert_eq!(list["versions"].as_array().map(Vec::len), Some(2), "what others read tells of these two");
    cleanup(&account, &sandbox, &["--keep-versions", "2", "--apply"]).run().success().says("nothing to remove");
    publish(&account, &sandbox, 4, &[EU]).run().success().says("shared unchanged");
    publish(&account, &sandbox, 1, &[EU]).run().success();
    assert_eq!(account.numbers(EU), [3, 4, 5], "an old content is a new version");
}

#[test]
fn a_dry_run_applies_nothing() {
    let (account, sandbox) = account_with(2, &[EU]);
    let outcome = cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply", "--dry-run"]).run().success();
    outcome.says("shared planned: 1 version would be removed, 1 kept");
    assert_eq!(account.numbers(EU), [1, 2]);
}

#[test]
fn what_a_function_or_one_of_its_versions_uses_stays() {
    let (account, sandbox) = account_with(4, &[EU]);
    let arns: Vec<String> = account.versions(EU).into_iter().map(|version| version.arn).collect();
    // Its version 1, to which an alias may point, keeps the old layer.
    account.make_function(EU, "orders", EMPTY_ZIP, &[&arns[0]]);
    account.publish_function(EU, "orders");
    account.set_layers(EU, "orders", &[&arns[3]]);
    account.proxy.rule(Rule::on("GET", FUNCTIONS).edit(aged));
    let outcome = cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply"]).run().success();
    assert_eq!(account.numbers(EU), [1, 4]);
    insta::assert_snapshot!(row(&outcome, 1), @"kept eu-west-1 version 1 [age], 1.3 KB, kept because: used by orders:1");
    insta::assert_snapshot!(row(&outcome, 4), @"kept eu-west-1 version 4 [age], 1.3 KB, kept because: the newest; used by orders; the current version");
}

#[test]
fn a_function_of_another_account_keeps_a_version() {
    let (account, sandbox) = (Account::new(), Sandbox::with_requirements("./some-1.0-py3-none-any.whl\n"));
    wheel(&sandbox.path(""), "some", "1.0");
    let accounts = ["111111111111", "222222222222"];
    let roles = accounts.map(role).join(",");
    let common = ["--registry", "aws", "--layer-name", LAYER, "--roles", &roles, "--state", "state"];
    for number in 1..=3 {
        sandbox.write("data.txt", format!("content {number}\n"));
        let run = sandbox.run(&["publish", "--include", "data.txt=python/data.txt"]).args(&common);
        account.seen_by(run).run().success();
    }
    let mut state = sandbox.json("state/shared.json");
    make_old(&mut state);
    sandbox.write("state/shared.json", state.to_string());
    account.proxy.rule(Rule::on("GET", VERSIONS).edit(aged));
    let clean = || account.seen_by(sandbox.run(&["cleanup", "--keep-versions", "1", "--apply"]).args(&common));

    account.proxy.rule(Rule::on("GET", FUNCTIONS).times(1).refuse(403, "AccessDeniedException", "no"));
    clean().run().code(2);
    for id in accounts {
        assert_eq!(account.numbers_of(id, EU), [1, 2, 3], "the one that was not read could use those of both");
    }
    // One function, in whichever account, that uses a layer of the first.
    let functions = r#"{"Functions": [{"FunctionName": "orders", "Version": "7", "Layers": [{"Arn": "arn:aws:lambda:eu-west-1:111111111111:layer:shared:2"}]}]}"#;
    // It looks again before it removes.
    account.proxy.rule(Rule::on("GET", FUNCTIONS).times(4).reply(200, "content-type: application/json", functions));
    let outcome = clean().run().success();
    insta::assert_snapshot!(row(&outcome, 2), @r"
    done 222222222222/eu-west-1 version 2 [age], 1.3 KB, removed because: not the newest, not in use
    kept 111111111111/eu-west-1 version 2 [age], 1.3 KB, kept because: used by orders:7 and 1 more
    ");
    assert_eq!((account.numbers_of(accounts[0], EU), account.numbers_of(accounts[1], EU)), (vec![2, 3], vec![3]));
}

#[test]
fn labels_parameters_and_days_keep_versions() {
    let (account, sandbox) = account_with(6, &[EU]);
    let versions = account.versions(EU);
    let mut state = account.state(EU);
    state["labels"] = serde_json::json!({
        "production": [versions[0].code_sha256],
        "old": [versions[1].code_sha256, versions[0].code_sha256],
    });
    account.put_object(EU, STATE, state.to_string().as_bytes());
    account.put_parameter(EU, "/layers/shared/3.13/x86_64/stable", &versions[2].arn);
    account.put_parameter(EU, "/layers/other/3.13/x86_64/latest", &versions[3].arn);
    let template = "/layers/{layer}/{python}/{arch}/latest";
    let arguments = ["--keep-labels", "production", "--ssm-parameter", template, "--apply"];
    let outcome = cleanup(&account, &sandbox, &arguments).run().success();
    assert_eq!(account.numbers(EU), [1, 3, 6]);
    insta::assert_snapshot!([1, 2, 3].map(|number| row(&outcome, number)).join("\n"), @r"
    kept eu-west-1 version 1 [age], 1.3 KB, kept because: has the label production
    done eu-west-1 version 2 [age], 1.3 KB, removed because: no label to keep, not in use
    kept eu-west-1 version 3 [age], 1.3 KB, kept because: used by the parameter /layers/shared/3.13/x86_64/stable
    ");
    assert_eq!(account.state(EU)["labels"]["old"], serde_json::json!([versions[0].code_sha256]));

    // Nothing is as old as that.
    cleanup(&account, &sandbox, &["--keep-days", "4000", "--apply"])
        .run()
        .success()
        .says("nothing to remove, 3 versions kept");
}

#[test]
fn a_slip_in_a_label_removes_nothing() {
    let (account, sandbox) = account_with(2, &[EU]);
    let mut state = account.state(EU);
    state["labels"] = serde_json::json!({ "production": [account.versions(EU)[0].code_sha256] });
    account.put_object(EU, STATE, state.to_string().as_bytes());
    let outcome = cleanup(&account, &sandbox, &["--keep-labels", "produktion", "--apply"]).run().code(1);
    outcome
        .says("`keep-labels` contains `produktion`, but no version of `shared` has this label")
        .says("did you mean `production`?");
    assert_eq!(account.numbers(EU), [1, 2]);
    let outcome = cleanup(&account, &sandbox, &["--keep-labels", "production,critical"]).run().success();
    outcome.says("warning: `keep-labels` contains `critical`, but no version of `shared` has this label");
}

#[test]
fn parameters_that_cannot_be_read_keep_everything() {
    let (account, sandbox) = account_with(2, &[EU]);
    // After the account was asked for.
    account.proxy.rule(Rule::on("POST", "/").after(1).refuse(400, "AccessDeniedException", "no"));
    let arguments = ["--keep-versions", "1", "--ssm-parameter", "/layers/{layer}/latest", "--apply"];
    let outcome = cleanup(&account, &sandbox, &arguments).run().code(2);
    insta::assert_snapshot!(row(&outcome, 1), @"kept eu-west-1 version 1 [age], 1.3 KB, kept because: the parameters in eu-west-1 could not be read");
    outcome.says("\"ssm:GetParametersByPath\"");
    assert_eq!(account.numbers(EU), [1, 2]);
}

#[test]
fn what_something_else_published_stays_unless_it_is_included() {
    let (account, sandbox) = account_with(1, &[EU]);
    for _ in 0..2 {
        account.publish_by_hand(EU, LAYER, EMPTY_ZIP, &["python3.13"]);
    }
    publish(&account, &sandbox, 4, &[EU]).run().success();
    age(&account);
    let outcome = cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply"]).run().success();
    assert_eq!(account.numbers(EU), [2, 3, 4]);
    insta::assert_snapshot!(row(&outcome, 2), @"kept eu-west-1 version 2 [age], size unknown, kept because: published by something else");
    cleanup(&account, &sandbox, &["--keep-versions", "1", "--include-unknown", "--apply"]).run().success();
    assert_eq!(account.numbers(EU), [4]);
}

#[test]
fn a_publish_can_clean_up() {
    let (account, sandbox) = account_with(3, &[EU]);
    let outcome = publish(&account, &sandbox, 4, &[EU]).args(&["--keep-versions", "2"]).run().success();
    outcome.says("2 of 4 to remove");
    assert_eq!(account.numbers(EU), [1, 2, 3, 4]);
    let run = publish(&account, &sandbox, 4, &[EU]).args(&["--keep-versions", "2", "--apply"]).in_actions(&[]);
    let outcome = run.run().success();
    // What came in the last minutes stays, whatever the dates of the list say.
    assert_eq!(account.numbers(EU), [3, 4]);
    assert!(outcome.summary().contains("| done | eu-west-1 | version 1 |"), "{}", outcome.summary());
    assert_eq!(outcome.outputs()["layer-arn"], account.versions(EU)[1].arn);
}

#[test]
fn a_version_that_cannot_be_removed_is_told_and_stays_known() {
    let (account, sandbox) = account_with(3, &[EU]);
    account.proxy.rule(Rule::on("DELETE", VERSIONS).refuse(403, "AccessDeniedException", "no"));
    let outcome = cleanup(&account, &sandbox, &["--keep-versions", "1", "--apply"]).run().code(2);
    outcome
        .says("\"lambda:DeleteLayerVersion\", \"Resource\": \"arn:aws:lambda:eu-west-1:123456789012:layer:shared:*\"");
    assert_eq!(account.numbers(EU), [1, 2, 3]);
    let state = account.state(EU);
    assert_eq!(state["contents"].as_object().map(serde_json::Map::len), Some(3));
    assert_eq!(state["claim"], Value::Null);
}
