//! `merge`: what several jobs left behind becomes one report, one comment and one exit code.

use serde_json::{Value, json};

use crate::github_server::GitHub;
use crate::harness::{Run, Sandbox};
use crate::packages::wheel;
use crate::preview::event;

/// Three layers with a folder each.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["alpha", "beta", "gamma"] {
        wheel(&sandbox.path(name), "six", "1.0");
        wheel(&sandbox.path(name), "six", "2.0");
        sandbox.write(&format!("{name}/requirements.txt"), "./six-1.0-py3-none-any.whl\n");
    }
    sandbox
}

/// A job for one layer, with its artifact in a folder of its own.
fn job(sandbox: &Sandbox, command: &str, layer: &str) -> Run {
    let run = sandbox.run(&[command, "--layer-name", layer, "--working-directory", layer, "--python-version", "3.13"]);
    let registry = sandbox.path("registry");
    let run = run.args(&["--registry", registry.as_str(), "--results", &format!("results/{layer}")]);
    of_attempt(run, 1)
}

fn of_attempt(run: Run, attempt: u64) -> Run {
    run.env("GITHUB_RUN_ID", "42").env("GITHUB_RUN_ATTEMPT", attempt.to_string())
}

fn merge(sandbox: &Sandbox, inputs: &[(&str, &str)]) -> Run {
    let all: Vec<_> = [("command", "merge"), ("results", "results")].iter().chain(inputs).copied().collect();
    of_attempt(sandbox.run(&[]).in_actions(&all), 1)
}

/// The plans of three layers as that of a file with all of them.
fn plan(sandbox: &Sandbox, attempt: u64) {
    let mut plans: Vec<Value> = ["gamma", "alpha", "beta"]
        .map(|layer| {
            of_attempt(job(sandbox, "plan", layer), attempt).run().success();
            let path = format!("results/{layer}/plan.set.json");
            let plan = sandbox.json(&path);
            fs_err::remove_file(sandbox.path(&path)).expect("is there");
            plan
        })
        .into();
    let layers: Vec<Value> = plans.iter().map(|plan| plan["layers"][0].clone()).collect();
    plans[0]["layers"] = json!(layers);
    sandbox.write("results/plan.set.json", plans[0].to_string());
}

fn arn(layer: &str, version: u64) -> String {
    format!("arn:aws:lambda:local:000000000000:layer:{layer}:{version}")
}

#[test]
fn the_results_of_jobs_become_one_report_in_the_order_of_the_plan() {
    let sandbox = sandbox();
    job(&sandbox, "publish", "beta").run().success();
    fs_err::remove_dir_all(sandbox.path("results")).expect("is there");
    plan(&sandbox, 1);
    for layer in ["alpha", "gamma"] {
        job(&sandbox, "publish", layer).run().success();
    }
    let first = merge(&sandbox, &[]).run().success();
    let outputs = first.outputs();
    let arns: Value = serde_json::from_str(&outputs["layer-arns"]).expect("is JSON");
    assert_eq!(arns, json!({"alpha": arn("alpha", 1), "beta": arn("beta", 1), "gamma": arn("gamma", 1)}));
    assert_eq!((outputs["changed"].as_str(), outputs["published"].as_str()), ("true", "true"));
    assert_eq!(outputs["matrix"], r#"{"include":[]}"#);
    let result: Value = serde_json::from_str(&outputs["result"]).expect("is JSON");
    let layers = result["layers"].as_array().expect("is a list");
    let names: Vec<&str> = layers.iter().filter_map(|layer| layer["layer-name"].as_str()).collect();
    assert_eq!(names, ["gamma", "alpha", "beta"]);
    insta::assert_snapshot!(first.stdout.lines().skip_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"));
    assert!(first.summary().starts_with("### 📚 3 Lambda layers: 2 published, 1 unchanged"), "{}", first.summary());
    let again = merge(&sandbox, &[]).run().success();
    assert_eq!(first.told(), again.told());
}

#[test]
fn a_job_that_left_no_result_is_told_and_the_others_stay() {
    let sandbox = sandbox();
    plan(&sandbox, 1);
    job(&sandbox, "publish", "alpha").run().success();
    job(&sandbox, "publish", "beta").args(&["--max-unzipped-size", "1 B"]).run().code(1);
    let outcome = merge(&sandbox, &[]).run().code(2);
    let outcome = outcome.says("2 of 3 layers failed").says("gamma: its job wrote no result (check the job");
    assert!(outcome.summary().contains("its job wrote no result"), "{}", outcome.summary());
    assert_eq!(outcome.outputs()["published"], "true");
    // The failed jobs run again.
    for layer in ["beta", "gamma"] {
        of_attempt(job(&sandbox, "publish", layer), 2).run().success();
    }
    let outcome = merge(&sandbox, &[]).run().success();
    let result: Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    assert_eq!(result["layers"][1]["destinations"][0]["layer-version-arn"], json!(arn("alpha", 1)));
    // All of it runs again: nothing is to be built, and what the first attempt did is over.
    plan(&sandbox, 3);
    let outcome = merge(&sandbox, &[]).run().success().says("3 layers: 3 unchanged");
    assert_eq!(outcome.outputs()["published"], "false");
}

#[test]
fn a_layer_that_never_came_to_a_report_has_a_result_too() {
    let sandbox = sandbox();
    job(&sandbox, "publish", "alpha").run().success();
    job(&sandbox, "publish", "beta").args(&["--slim", "very"]).run().code(1);
    let result = sandbox.json("results/beta/beta.json");
    assert_eq!((&result["format"], &result["run"]), (&json!(1), &json!([42, 1])));
    merge(&sandbox, &[])
        .run()
        .code(1)
        .says("1 of 2 layers failed")
        .says("`slim` is `very`, which is not a valid value");
    // The plan itself can fail, too.
    job(&sandbox, "plan", "gamma").args(&["--slim", "very"]).run().code(1);
    merge(&sandbox, &[]).run().code(1).says("the plan failed").says("`slim` is `very`, which is not a valid value");
}

#[test]
fn of_two_results_for_a_layer_the_one_that_did_something_counts() {
    let sandbox = sandbox();
    job(&sandbox, "publish", "alpha").run().success();
    fs_err::rename(sandbox.path("results/alpha"), sandbox.path("results/twice")).expect("is there");
    job(&sandbox, "publish", "alpha").run().success();
    let outcome = merge(&sandbox, &[]).run().success();
    let outcome = outcome.says("there are two results for `alpha`; is it in the matrix twice?");
    assert_eq!(outcome.outputs()["published"], "true");
}

#[test]
fn what_is_no_result_is_named() {
    let sandbox = sandbox();
    merge(&sandbox, &[]).run().code(1).says("`results` is `results`, which is not a folder");
    sandbox.write("results/notes.txt", "x");
    merge(&sandbox, &[]).run().code(1).says("`results` contains no results");
    for (name, text) in [
        ("a/text.json", "no JSON"),
        ("a/other.json", r#"{"name": "x"}"#),
        ("b/newer.json", r#"{"format": 9, "command": "plan", "layers": []}"#),
        ("b/deep.json", &"[".repeat(100_000)),
        ("b/share.json", r#"{"format": 1, "command": "share", "layers": [{"report": {"command": "share"}}]}"#),
    ] {
        sandbox.write(&format!("results/{name}"), text);
    }
    let large = fs_err::File::create(sandbox.path("results/large.json")).expect("can be made");
    large.set_len(100_000_000).expect("can be long");
    let outcome = merge(&sandbox, &[]).run().code(1);
    for said in [
        "`a/text.json` is not a result of a layer",
        "`a/other.json` is not a result",
        "its format is 9, but only 1 is supported",
        "`b/deep.json` is not a result",
        "`share` is not a command that has results",
        "it is too large (100000000 bytes)",
    ] {
        assert!(outcome.stdout.contains(said), "{said}: {}", outcome.stdout);
    }
    let missing = sandbox.run(&["merge"]).run().code(1);
    assert!(missing.stderr.contains("`results` is missing"), "{}", missing.stderr);
}

#[test]
fn one_preview_of_all_layers_makes_the_same_comment_as_several_jobs() {
    let (sandbox, github) = (sandbox(), GitHub::start(&json!({})));
    let file = "defaults:\n  python-version: '3.13'\n  registry: registry\nlayers:\n  - layer-name: alpha\n    \
        working-directory: alpha\n  - layer-name: beta\n    working-directory: beta\n";
    sandbox.write("lambda-layers.yml", file);
    let run = sandbox.run(&[]).in_actions(&[("command", "preview"), ("results", "results")]);
    event(github.reach(run), &sandbox, "acme/layers").run().success();
    event(github.reach(merge(&sandbox, &[])), &sandbox, "acme/layers").run().success();
    let comments = github.comments(7);
    let [(_, body)] = comments.as_slice() else { panic!("is one comment: {comments:?}") };
    assert!(body.starts_with("<!-- lambda-layer-action:v1:+604519b52425c94b -->"), "{body}");
}

#[test]
fn previews_of_several_jobs_are_one_comment() {
    let (sandbox, github) = (sandbox(), GitHub::start(&json!({})));
    for layer in ["alpha", "beta", "gamma"] {
        job(&sandbox, "publish", layer).run().success();
    }
    fs_err::remove_dir_all(sandbox.path("results")).expect("is there");
    sandbox.write("beta/requirements.txt", "./six-2.0-py3-none-any.whl\n");
    plan(&sandbox, 1);
    job(&sandbox, "preview", "beta").args(&["--comment", "never"]).run().success();
    let merged = |inputs| event(github.reach(merge(&sandbox, inputs)), &sandbox, "acme/layers").run();
    let outcome = merged(&[]).success();
    let comments = github.comments(7);
    let [(_, body)] = comments.as_slice() else { panic!("is one comment: {comments:?}") };
    insta::assert_snapshot!(body);
    assert_eq!(outcome.outputs()["comment-url"], "https://github.com/acme/layers/pull/7#issuecomment-101");
    merged(&[]).success();
    assert_eq!(github.comments(7).len(), 1);
    // The change is taken back: no job previews anything, and the comment is put right.
    sandbox.write("beta/requirements.txt", "./six-1.0-py3-none-any.whl\n");
    fs_err::remove_dir_all(sandbox.path("results")).expect("is there");
    plan(&sandbox, 1);
    merged(&[]).success();
    let comments = github.comments(7);
    assert_eq!(comments.len(), 1);
    assert!(!comments[0].1.contains("six"), "{}", comments[0].1);
}

#[test]
fn results_about_no_layer_are_named() {
    let sandbox = sandbox();
    sandbox.write("results/plan.set.json", r#"{"format": 1, "command": "plan", "layers": []}"#);
    let outcome = merge(&sandbox, &[]).run().code(1).says("error: the results in `results` contain no layer\n");
    outcome.says("hint: make sure that the plan or at least one job covers a layer");
}
