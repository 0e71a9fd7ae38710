//! What versions declare: a change of it is told, and makes a new version where it counts.

use crate::account::{Account, EU, STATE, US, VERSIONS};
use crate::harness::{Outcome, Sandbox};
use crate::packages::wheel;
use crate::proxy::Rule;

fn six() -> Sandbox {
    let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "six", "1.0");
    sandbox
}

/// The runtimes of each version, oldest first.
fn runtimes(account: &Account, region: &str) -> Vec<Vec<String>> {
    let listed = account.lambda(region).list_layer_versions().layer_name("shared").send();
    let listed = account.block_on(listed).expect("can be listed").layer_versions.unwrap_or_default();
    let names = |version: &aws_sdk_lambda::types::LayerVersionsListItem| {
        let mut names: Vec<String> =
            version.compatible_runtimes().iter().map(|runtime| runtime.as_str().to_owned()).collect();
        names.sort();
        (version.version(), names)
    };
    let mut versions: Vec<(i64, Vec<String>)> = listed.iter().map(names).collect();
    versions.sort();
    versions.into_iter().map(|(_, names)| names).collect()
}

const BOTH: [&str; 2] = ["--compatible-runtimes", "python3.12,python3.13"];

#[test]
fn other_runtimes_make_one_new_version_with_the_same_content() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six());
    let regions = ["--regions", "eu-west-1,us-east-1"];
    let run = |command: &str, arguments: &[&str]| {
        let to = ["--bucket", "layers-{region}"];
        account.run(&sandbox, command, &[&to[..], &regions, arguments].concat()).run()
    };
    run("publish", &[]).success();
    run("publish", &["--compatible-runtimes", "python3.13"]).success().says("shared unchanged");
    let reason = "compatible-runtimes: python3.13 → python3.12, python3.13";
    run("plan", &BOTH).success().says(reason);
    run("publish", &[&BOTH[..], &["--dry-run"]].concat()).success().says(reason);
    assert_eq!(account.numbers(EU), [1]);
    run("publish", &BOTH).success().says(reason);
    for region in [EU, US] {
        let versions = account.versions(region);
        assert_eq!(versions.len(), 2);
        assert_eq!(versions[0].code_sha256, versions[1].code_sha256);
        assert_eq!(runtimes(&account, region), [vec!["python3.13"], vec!["python3.12", "python3.13"]]);
    }
    // What nobody gives any more is no change; nor is another order.
    for again in [&BOTH[..], &["--compatible-runtimes", "python3.13,python3.12"], &[]] {
        let outcome = run("publish", again).success().says("shared unchanged");
        assert!(outcome.stdout.contains(&account.versions(EU)[1].arn), "{}", outcome.stdout);
        run("plan", again).success().says("shared unchanged");
    }
    assert_eq!(account.numbers(EU), [1, 2]);

    // A state that was lost is made anew with the version that was published for that.
    account.delete_object(EU, STATE);
    run("publish", &BOTH).success().says(&account.versions(EU)[1].arn);
    account.delete_object(EU, STATE);
    run("publish", &[]).success().says(&account.versions(EU)[1].arn);
    assert_eq!(account.numbers(US), [1, 2]);
}

#[test]
fn a_state_of_an_older_program_learns_what_is_declared() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    let mut state = account.state(EU);
    let hash = account.versions(EU)[0].code_sha256.clone();
    let version = |state: &mut serde_json::Value| {
        let versions = state["contents"][&hash]["versions"].as_object_mut().expect("is a mapping");
        versions.values_mut().next().expect("is one").take()
    };
    let mut old = version(&mut state.clone());
    assert!(old.as_object_mut().expect("is a mapping").remove("declares").is_some());
    state["contents"][&hash]["versions"]["123456789012/eu-west-1"] = old;
    account.put_object(EU, STATE, state.to_string().as_bytes());
    let plan = || account.run(&sandbox, "plan", &["--bucket", "layers-{region}"]).args(&BOTH).run().success();
    plan().says("shared unchanged");
    account.publish(&sandbox, &[]).run().success().says("shared unchanged");
    assert_eq!(version(&mut account.state(EU))["declares"]["compatible-runtimes"], serde_json::json!(["python3.13"]));
    plan().says("compatible-runtimes: python3.13 → python3.12, python3.13");
    assert_eq!(account.numbers(EU), [1]);
}

#[test]
fn what_a_lost_answer_or_a_dead_run_published_is_found() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    account.publish(&sandbox, &[]).run().success();
    account.proxy.rule(Rule::on("POST", VERSIONS).times(1).lose_answer());
    account.publish(&sandbox, &BOTH).run().success().says("shared published");
    assert_eq!(account.numbers(EU), [1, 2]);
    assert_eq!(runtimes(&account, EU)[1], ["python3.12", "python3.13"]);
    account.publish(&sandbox, &BOTH).run().success().says("shared unchanged");

    account.proxy.rule_first(Rule::on("POST", VERSIONS).times(1).hold_answer());
    let three = ["--compatible-runtimes", "python3.11,python3.12,python3.13"];
    let publish = account.publish(&sandbox, &three).start();
    account.proxy.wait_for_held();
    publish.kill();
    account.proxy.forget_held();
    account.publish(&sandbox, &three).run().success();
    account.publish(&sandbox, &three).run().success().says("shared unchanged");
    assert_eq!(account.numbers(EU), [1, 2, 3]);
}

#[test]
fn text_and_licence_are_told_and_published_on_request() {
    let (account, sandbox) = (Account::with_buckets(&[EU]), six());
    let run = |arguments: &[&str]| account.publish(&sandbox, arguments).run().success();
    run(&["--description", "first"]);
    let told = |outcome: &Outcome| {
        let lines = outcome.stderr.lines().filter(|line| line.contains("keeps its current declaration"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(told(&run(&["--description", "first"])), "");
    assert_eq!(told(&run(&[])), "", "the text that is made up counts for nothing");
    let other = ["--description", "second", "--license", "MIT"];
    let outcome = run(&other).says("shared unchanged");
    insta::assert_snapshot!(told(&outcome), @r"
    warning: version 1 in eu-west-1 keeps its current declaration (description: first → second): set `republish: true` to publish a version with the new `description`
    warning: version 1 in eu-west-1 keeps its current declaration (license: none → MIT): set `republish: true` to publish a version with the new `license`
    ");
    let republish = [&other[..], &["--republish"]].concat();
    run(&republish).says("shared published").says("description: first → second; license: none → MIT");
    run(&republish).says("shared unchanged");
    assert_eq!(told(&run(&other)), "");
    let versions = account.versions(EU);
    assert_eq!(versions.len(), 2);
    assert!(versions[1].description.starts_with("second | fingerprint="), "{}", versions[1].description);
    // A tag adds its label, which is no change.
    let tagged = account.publish(&sandbox, &republish).env("GITHUB_REF_TYPE", "tag").env("GITHUB_REF_NAME", "v1.4");
    tagged.run().success().says("shared unchanged");
}

#[test]
fn a_region_without_architectures_gets_none() {
    let (account, sandbox) = (Account::with_buckets(&[EU, US]), six());
    let refusal = "CompatibleArchitectures are not supported in us-east-1. Please remove the CompatibleArchitectures \
        value from your request and try again";
    let refuse = Rule::on("POST", VERSIONS).in_region(US).times(1);
    account.proxy.rule(refuse.refuse(400, "InvalidParameterValueException", refusal));
    let arguments = ["--regions", "eu-west-1,us-east-1", "--compatible-architectures", "x86_64"];
    let outcome = account.publish(&sandbox, &arguments).run().success();
    outcome.says("us-east-1 does not support `compatible-architectures`");
    assert_eq!(account.proxy.seen("POST", VERSIONS).len(), 3);
    account.publish(&sandbox, &arguments).run().success().says("shared unchanged");
    assert_eq!((account.numbers(EU), account.numbers(US)), (vec![1], vec![1]));

    let outcome = account.publish(&sandbox, &["--compatible-architectures", "none,x86_64"]).run().code(1);
    outcome.says("error: `none` is not an architecture that Lambda supports");
}

#[test]
fn a_folder_keeps_the_same_promises() {
    let sandbox = six();
    let run = |command: &str, arguments: &[&str]| {
        let layer = ["--registry", "layers", "--layer-name", "shared", "--python-version", "3.13"];
        sandbox.run(&[command]).args(&layer).args(arguments).run().success()
    };
    run("publish", &[]);
    run("plan", &BOTH).says("compatible-runtimes: python3.13 → python3.12, python3.13");
    run("publish", &BOTH).says("shared published");
    run("publish", &BOTH).says("shared unchanged");
    let none = ["--compatible-architectures", "none"];
    run("publish", &none).says("compatible-architectures: x86_64 → none");
    run("publish", &none).says("shared unchanged");
    let version = sandbox.json("layers/shared/3/version.json");
    assert_eq!(version["compatible-architectures"], serde_json::json!([]));
}
