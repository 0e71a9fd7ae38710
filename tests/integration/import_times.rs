//! How long imports take: what is measured, compared, limited and shown, and when nothing is.

use serde_json::Value;

use crate::github_server::GitHub;
use crate::harness::{Run, Sandbox, tools};
use crate::packages::wheel_of;
use crate::preview::event;

/// Takes 300 ms.
const SLOW: &str = "import time\ntime.sleep(0.3)\n";

/// The default, which the harness turns off.
const TESTED: &[&str] = &["--smoke-test", "auto"];

/// A workspace that requires wheels of one module each: name, headers of its metadata, and text.
fn sandbox(modules: &[(&str, &str, &str)]) -> Sandbox {
    let sandbox = Sandbox::with_requirements("");
    require(&sandbox, modules);
    sandbox
}

fn require(sandbox: &Sandbox, modules: &[(&str, &str, &str)]) {
    let names: Vec<String> =
        modules.iter().map(|(name, ..)| format!("./wheels/{name}-1.0-py3-none-any.whl\n")).collect();
    sandbox.write("requirements.txt", names.concat());
    for (name, headers, text) in modules {
        let (module, path) = (format!("{name}.py"), format!("{name}-1.0.dist-info/METADATA"));
        let metadata = format!("Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: MIT\n{headers}");
        wheel_of(&sandbox.path("wheels"), name, "1.0", &[(module.as_str(), *text), (path.as_str(), metadata.as_str())]);
    }
}

/// For this machine's Python.
fn run(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let python = tools().python_version();
    sandbox.run(arguments).args(&["--python-version", &python])
}

fn build(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    run(sandbox, &["build", "--output", "layer.zip"]).args(arguments)
}

fn milliseconds(times: &Value, name: &str) -> u64 {
    let requirements = times["requirements"].as_array().expect("is a list");
    let found = requirements.iter().find(|time| time["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {times}"))["milliseconds"].as_u64().expect("is a number")
}

#[test]
fn a_pull_request_is_told_what_a_requirement_costs_at_the_start() {
    let (sandbox, github) = (sandbox(&[("quick", "", "")]), GitHub::start(&serde_json::json!({})));
    run(&sandbox, &["publish", "--layer-name", "shared"]).run().success();
    require(&sandbox, &[("quick", "", ""), ("slow", "", SLOW)]);
    let python = tools().python_version();
    let inputs = [
        ("command", "preview"),
        ("layer-name", "shared"),
        ("python-version", python.as_str()),
        ("registry", ".lambda-layers"),
        ("smoke-test", "auto"),
    ];
    let outcome = event(github.reach(sandbox.run(&[]).in_actions(&inputs)), &sandbox, "acme/layers").run().success();
    let comments = github.comments(7);
    let body = &comments[0].1;
    let line =
        regex::Regex::new(r"\*\*Imports:\*\* \d+ → \d{3,} ms, <code>slow</code> \+\d{3,} ms\n").expect("is valid");
    assert!(line.is_match(body), "{body}");
    assert!(body.contains("| imports | before | now | slowest modules |"), "{body}");
    let result: Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    let times = &result["import-times"];
    assert!(milliseconds(times, "slow") >= 300 && milliseconds(times, "quick") < 300, "{times}");
    assert_eq!(times["before"]["requirements"].as_array().map(Vec::len), Some(1));
}

/// A busy machine then slows both, and makes no difference between them.
#[test]
fn two_versions_are_measured_in_turn() {
    let sandbox = sandbox(&[("one", "", ""), ("gone", "", "")]);
    run(&sandbox, &["publish", "--layer-name", "shared"]).run().success();
    require(&sandbox, &[("one", "", "x = 1\n"), ("two", "", "")]);
    let arguments = ["preview", "--layer-name", "shared", "--registry", ".lambda-layers"];
    let outcome = run(&sandbox, &arguments).args(TESTED).env("LAMBDA_LAYER_DEBUG", "1").run().success();
    let said = regex::Regex::new(r"(?m)^imported (\w+) in \d+ ms \((\w+)\)$").expect("is valid");
    let order: Vec<String> =
        said.captures_iter(&outcome.stderr).map(|found| format!("{} {}", &found[1], &found[2])).collect();
    let round = ["gone before", "one before", "one now", "two now", "everything before", "everything now"];
    assert_eq!(order, [round, round, round].concat());
    assert!(outcome.stderr.contains("Measure 2 imports"), "{}", outcome.stderr);
}

#[test]
fn what_two_requirements_share_counts_for_each_and_once_for_all() {
    let needs = "Requires-Dist: shared\n";
    let sandbox =
        sandbox(&[("one", needs, "import shared\n"), ("two", needs, "import shared\n"), ("shared", "", SLOW)]);
    let page = ["--report", "page.html", "--results", "results"];
    let outcome = build(&sandbox, &page).args(TESTED).run().success();
    let times = &sandbox.json("results/layer.json")["layers"][0]["report"]["import-times"];
    let (one, two) = (milliseconds(times, "one"), milliseconds(times, "two"));
    assert!(one >= 300 && two >= 300, "{times}");
    assert!(times["milliseconds"].as_u64().is_some_and(|all| all >= 300 && all < one + two), "{times}");
    assert_eq!(times["requirements"].as_array().map(Vec::len), Some(2), "`shared` was not asked for");
    let tree = &times["requirements"][0]["tree"];
    assert_eq!((&tree[1]["module"], &tree[1]["depth"]), (&"shared".into(), &1.into()));
    assert!(outcome.stdout.contains("  imports       "), "{}", outcome.stdout);
    assert!(sandbox.read("page.html").contains(r#""imports":{"total":"#));
}

#[test]
fn a_limit_fails_the_run_with_the_slowest() {
    let sandbox = sandbox(&[("slow", "", SLOW), ("quick", "", "")]);
    let outcome = build(&sandbox, &["--max-import-time", "100"]).args(TESTED).run().code(1);
    let said = r"error: the imports take \d{3,} ms on this machine, but `max-import-time` allows 100 ms\nhint: .* the slowest are slow \d{3,} ms, quick \d+ ms\n";
    assert!(regex::Regex::new(said).expect("is valid").is_match(&outcome.stderr), "{}", outcome.stderr);
    // A preview measures at another time.
    let preview = ["preview", "--layer-name", "shared", "--registry", ".lambda-layers", "--max-import-time", "100"];
    let outcome = run(&sandbox, &preview).args(TESTED).run().code(1);
    assert!(regex::Regex::new(said).expect("is valid").is_match(&outcome.stderr), "{}", outcome.stderr);
    build(&sandbox, &["--max-import-time", "60 s"]).args(TESTED).run().success();
    build(&sandbox, &["--max-import-time", "100", "--fail-on", "never"]).args(TESTED).run().success();
    let refused = |arguments: &[&str], said: &str| drop(build(&sandbox, arguments).run().code(1).says(said));
    refused(
        &["--max-import-time", "2 minutes", "--smoke-test", "auto"],
        "error: `max-import-time` is `2 minutes`, which is not a valid time\nhint: use a number of milliseconds, or a unit as in `800 ms` or `2 s`",
    );
    refused(
        &["--max-import-time", "2s", "--smoke-test", "off"],
        "error: `max-import-time` is set, but `smoke-test` is `off`, so nothing would be imported\nhint: remove one of them",
    );
}

#[test]
fn a_plain_build_measures_nothing() {
    let sandbox = sandbox(&[("quick", "", "")]);
    let outcome = build(&sandbox, TESTED).run().success();
    assert!(!outcome.stderr.contains("Measure"), "{}", outcome.stderr);
}

#[test]
fn an_audit_shows_what_is_imported_by_whom() {
    let sandbox = sandbox(&[("one", "Requires-Dist: shared\n", "import shared\n"), ("shared", "", SLOW)]);
    build(&sandbox, &[]).run().success();
    let outcome = run(&sandbox, &["audit", "layer.zip", "--smoke-test", "import"]).run().success();
    let shown = r"  imports       \d{3} ms on this machine, in one process; each on its own:\n    one  +\d{3} ms\n      shared \d{3} ms\n";
    assert!(regex::Regex::new(shown).expect("is valid").is_match(&outcome.stdout), "{}", outcome.stdout);
    let outcome = run(&sandbox, &["audit", "layer.zip", "--max-import-time", "1"]).run().success();
    outcome.says("import-time-unknown").says("in `audit`, set `smoke-test: import`");
}

#[test]
fn modules_that_end_their_process_or_fail_are_left_out() {
    let sandbox = sandbox(&[
        ("ends", "", "import os\nos._exit(0)\n"),
        ("fails", "", "raise RuntimeError('no')\n"),
        ("forks", "", "import os\nif os.fork() == 0:\n    raise SystemExit\n"),
        ("prints", "", "print('import time: 1 | 5 | forged')\n"),
    ]);
    let arguments = ["--max-import-time", "60s", "--fail-on", "never", "--results", "results"];
    build(&sandbox, &arguments).args(TESTED).run().success();
    let times = &sandbox.json("results/layer.json")["layers"][0]["report"]["import-times"];
    let names: Vec<_> = times["requirements"].as_array().expect("is a list").iter().map(|time| &time["name"]).collect();
    assert!(names.contains(&&"prints".into()) && !names.contains(&&"ends".into()), "{times}");
}
