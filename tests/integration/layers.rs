//! Several layers of one file in one run: side by side, each for itself, with one answer.

use serde_json::Value;

use crate::account::{Account, EU};
use crate::harness::{Outcome, Sandbox};
use crate::packages::wheel;

/// Three layers for two Pythons each, from wheels that are made here.
fn three_layers() -> Sandbox {
    let sandbox = Sandbox::new();
    fs_err::create_dir_all(sandbox.path("wheels")).expect("can be made");
    for name in ["alpha", "beta", "gamma"] {
        wheel(&sandbox.path("wheels"), name, "1.0");
        sandbox.write(&format!("{name}/requirements.txt"), format!("./../wheels/{name}-1.0-py3-none-any.whl\n"));
    }
    sandbox.write(
        "lambda-layers.yml",
        "defaults:\n  python-version: [3.13, 3.14]\nlayers:\n  - layer-name: alpha-{py}\n    working-directory: alpha\n  \
         - layer-name: beta-{py}\n    working-directory: beta\n  - layer-name: gamma-{py}\n    working-directory: gamma\n",
    );
    sandbox
}

const NAMES: [&str; 6] = ["alpha-313", "alpha-314", "beta-313", "beta-314", "gamma-313", "gamma-314"];

fn result(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON")
}

/// Name and verdict of each layer, in the order of the result.
fn verdicts(outcome: &Outcome) -> Vec<(String, bool)> {
    let layers = result(outcome)["layers"].as_array().expect("are several").clone();
    let told = |layer: &Value| (layer["layer-name"].as_str().expect("is text").to_owned(), layer["published"] == true);
    layers.iter().map(told).collect()
}

#[test]
fn all_layers_are_published_once_and_told_in_the_order_of_the_file() {
    let sandbox = three_layers();
    let outcome = sandbox.run(&["publish", "--registry", ".lambda-layers"]).in_actions(&[]).run().success();
    assert_eq!(verdicts(&outcome), NAMES.map(|name| (name.to_owned(), true)));
    let outputs = outcome.outputs();
    assert_eq!((outputs["published"].as_str(), outputs["changed"].as_str()), ("true", "true"));
    assert_eq!((outputs["layer-arn"].as_str(), outputs["layer-name"].as_str()), ("", ""), "of one layer alone");
    let arns: Value = serde_json::from_str(&outputs["layer-arns"]).expect("is JSON");
    assert_eq!(arns["beta-314"], "arn:aws:lambda:local:000000000000:layer:beta-314:1");
    assert_eq!(outputs["reason"], "6 published");

    let trap = sandbox.trap(&["uv", "pip", "python3", "python"]);
    let again = sandbox.run(&["publish"]).path_first(&trap).run().success();
    assert_eq!(sandbox.trapped(), "", "a program was started");
    insta::assert_snapshot!(again.told());
}

#[test]
fn a_terminal_sees_each_layer_whole_and_a_table() {
    let sandbox = three_layers();
    insta::assert_snapshot!(sandbox.run(&["publish", "--jobs", "1", "--layers", "beta-*"]).run().success().told());
}

#[test]
fn a_summary_has_a_row_for_each_layer() {
    let sandbox = three_layers();
    let outcome = sandbox.run(&["publish", "--registry", ".lambda-layers", "--layers", "*-314"]).in_actions(&[]);
    let summary = outcome.run().success().summary();
    let (table, sections) = summary.split_once("<details>").expect("has sections");
    insta::assert_snapshot!(table);
    let names: Vec<&str> = sections.lines().filter(|line| line.starts_with("### ")).collect();
    let expected = ["alpha", "beta", "gamma"].map(|name| format!("### ✅ Lambda layer `{name}-314` published: "));
    assert!(names.iter().zip(&expected).all(|(name, start)| name.starts_with(start)) && names.len() == 3, "{names:?}");
}

#[test]
fn one_that_fails_stops_no_other() {
    let sandbox = three_layers();
    sandbox.write("beta/requirements.txt", "./../wheels/beta-2.0-py3-none-any.whl\n");
    fs_err::write(sandbox.path("wheels/beta-2.0-py3-none-any.whl"), "no wheel").expect("can be written");
    let outcome = sandbox.run(&["publish", "--registry", ".lambda-layers"]).in_actions(&[]).run();
    assert!(matches!(outcome.code, Some(1 | 2)), "{}", outcome.told());
    let wanted = NAMES.map(|name| (name.to_owned(), !name.starts_with("beta")));
    assert_eq!(verdicts(&outcome), wanted);
    let outcome = outcome.says("error: 2 of 6 layers failed");
    // An annotation for each that failed, and none that says it again.
    let annotations: Vec<&str> = outcome.stdout.lines().filter(|line| line.starts_with("::error")).collect();
    assert_eq!(annotations.len(), 2, "{annotations:?}");
    for name in ["beta-313", "beta-314"] {
        assert!(annotations.iter().any(|annotation| annotation.contains(name)), "{annotations:?}");
    }
    let summary = outcome.summary();
    assert!(summary.contains("### ❌ 6 Lambda layers: ") && summary.contains("| ❌ failed | beta-313 |"), "{summary}");

    sandbox.write("beta/requirements.txt", "./../wheels/beta-1.0-py3-none-any.whl\n");
    let healed = sandbox.run(&["publish", "--registry", ".lambda-layers"]).in_actions(&[]).run().success();
    let wanted = NAMES.map(|name| (name.to_owned(), name.starts_with("beta")));
    assert_eq!(verdicts(&healed), wanted, "only what was missing");
}

#[test]
fn bad_input_of_one_stops_all_before_anything_is_built() {
    let sandbox = three_layers();
    let text = sandbox.read("lambda-layers.yml") + "    slim: much\n    layout: sideways\n";
    sandbox.write("lambda-layers.yml", text);
    let outcome = sandbox.run(&["publish"]).run().code(1);
    assert!(!sandbox.path(".lambda-layers").exists());
    outcome.says(": `slim` is `much`, which is not a valid value (use ").says(": `layout` is `sideways` (use ");
}

#[test]
fn all_layers_share_the_registry_wherever_they_work() {
    let sandbox = three_layers();
    sandbox.run(&["publish", "--layers", "*-313"]).run().success();
    assert!(sandbox.path(".lambda-layers/alpha-313/1/layer.zip").is_file());
    assert!(!sandbox.path("alpha/.lambda-layers").exists());
    // Of a file elsewhere the registry is beside the file, unless the run says otherwise.
    sandbox
        .write("sub/lambda-layers.yml", "layers:\n  beta:\n    working-directory: ../beta\n    python-version: 3.13\n");
    let publish = ["publish", "--config", "sub/lambda-layers.yml"];
    sandbox.run(&publish).run().success();
    sandbox.run(&publish).args(&["--registry", "here"]).run().success();
    assert!(sandbox.path("sub/.lambda-layers/beta/1/layer.zip").is_file());
    assert!(sandbox.path("here/beta/1/layer.zip").is_file());
}

#[test]
fn two_layers_do_not_take_turns_at_one_parameter() {
    let sandbox = three_layers();
    let plan = |parameter: &str| {
        let arguments = ["plan", "--registry", "aws", "--regions", EU, "--ssm-parameter", parameter];
        sandbox.run(&arguments).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").run()
    };
    let outcome = plan("/layers/{python}").code(1);
    outcome.says("`ssm-parameter` is `/layers/3.13` for both `alpha-313` and `beta-313`").says("include `{layer}`");
}

#[test]
fn a_plan_gives_a_job_for_each_layer_to_build() {
    let sandbox = three_layers();
    sandbox.run(&["publish", "--layers", "alpha-*"]).run().success();
    let outcome = sandbox.run(&["plan", "--registry", ".lambda-layers"]).in_actions(&[]);
    let outcome = outcome.args(&["--runs-on", "x86_64=big,linux"]).run().success();
    let outputs = outcome.outputs();
    assert_eq!((outputs["changed"].as_str(), outputs["published"].as_str()), ("true", "false"));
    let matrix: Value = serde_json::from_str(&outputs["matrix"]).expect("is JSON");
    let jobs = matrix["include"].as_array().expect("is a list");
    let names: Vec<&str> = jobs.iter().map(|job| job["layer-name"].as_str().expect("is text")).collect();
    assert_eq!(names, NAMES[2..]);
    assert_eq!(jobs[1]["python-version"], "3.14");
    assert_eq!(jobs[1]["architecture"], "x86_64");
    assert_eq!(jobs[1]["runs-on"], serde_json::json!(["big", "linux"]));

    // As a job of that matrix does it.
    sandbox.run(&["publish", "--layers", &names.join(",")]).run().success();
    let outcome = sandbox.run(&["plan", "--registry", ".lambda-layers"]).in_actions(&[]).run().success();
    assert_eq!(outcome.outputs()["matrix"], "{\"include\":[]}");
    assert_eq!(outcome.outputs()["changed"], "false");
}

#[test]
fn arm_is_built_on_arm_unless_another_runner_is_named() {
    let sandbox = three_layers();
    sandbox.write("lambda-layers.yml", "layers:\n  - layer-name: a-{arch}\n    working-directory: alpha\n    architecture: [x86_64, arm64]\n    python-version: 3.13\n");
    let outcome = sandbox.run(&["plan", "--registry", ".lambda-layers"]).in_actions(&[]).run().success();
    let matrix: Value = serde_json::from_str(&outcome.outputs()["matrix"]).expect("is JSON");
    let runners: Vec<&Value> =
        matrix["include"].as_array().expect("is a list").iter().map(|job| &job["runs-on"]).collect();
    assert_eq!(runners, ["ubuntu-latest", "ubuntu-24.04-arm"]);
    sandbox
        .run(&["plan", "--runs-on", "arm64"])
        .run()
        .code(1)
        .says("`runs-on` contains `arm64`, which is not an `architecture=label` line");
}

#[test]
fn layers_share_their_connection_to_aws() {
    let (mut account, sandbox) = (Account::with_buckets(&[EU]), three_layers());
    let role = "arn:aws:iam::123456789012:role/layers";
    let publish = || {
        let arguments =
            ["publish", "--registry", "aws", "--regions", EU, "--bucket", "layers-{region}", "--roles", role];
        account.seen_by(sandbox.run(&arguments))
    };
    publish().run().success();
    let again = publish().run().success();
    assert!(again.stdout.ends_with("6 layers: 6 unchanged\n"), "{}", again.stdout);
    let assumed =
        account.moto.requests().iter().filter(|request| request.method == "POST" && request.path == "/").count();
    assert_eq!(assumed, 2, "the role is assumed once in each run");
}

#[test]
fn without_a_file_the_only_layer_can_still_be_chosen() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let plan = |layers: &str| sandbox.run(&["plan", "--layer-name", "web", "--layers", layers]).run();
    plan("api, we*").success().says("web would be published");
    plan("api").code(1).says("`layers` does not include `web`, which is the only layer");
    sandbox.run(&["plan", "--layers", "web"]).run().code(1).says("but there is no such file");
}

#[test]
fn jobs_are_a_number() {
    let sandbox = three_layers();
    sandbox
        .run(&["build", "--jobs", "none"])
        .run()
        .code(1)
        .says("`jobs` is `none`, which is not a valid number of layers");
}
