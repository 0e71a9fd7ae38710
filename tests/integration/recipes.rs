//! The steps of docs/pull-requests.md that are shell, run with a `gh` that writes down what it is asked for.

use std::process::{Command, Output};

use camino::Utf8Path;
use serde_json::Value;

use crate::harness::Sandbox;

const MARKER: &str = "<!-- lambda-layer-action:v1:shared-dependencies -->";

/// The steps of the blocks of YAML in the page that are workflows or steps.
fn steps() -> Vec<Value> {
    let page = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pull-requests.md");
    let page = fs_err::read_to_string(page).expect("is there");
    let blocks = page.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```\n").next().expect("has an end"));
    let documents = blocks.map(|block| serde_yaml::from_str::<Value>(block).expect("is YAML"));
    documents
        .flat_map(|document| match document {
            Value::Array(steps) => steps,
            workflow => workflow["jobs"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(_, job)| job["steps"].as_array().cloned())
                .flatten()
                .collect(),
        })
        .collect()
}

/// The step whose script contains this.
fn step(text: &str) -> Value {
    steps().into_iter().find(|step| step["run"].as_str().is_some_and(|script| script.contains(text))).expect("is there")
}

/// Runs it as the runner does, with a `gh` that answers by this script.
fn run(sandbox: &Sandbox, step: &Value, gh: &str, variables: &[(&str, &str)]) -> Output {
    let calls = sandbox.root().join("calls");
    sandbox.program("bin/gh", &format!("echo \"$*\" >>'{calls}'\n{gh}\n"));
    fs_err::write(&calls, "").expect("can be written");
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-e", "-c", step["run"].as_str().expect("is a script")]);
    bash.current_dir(sandbox.path("")).env_clear();
    bash.env("PATH", format!("{}/bin:/usr/bin:/bin", sandbox.root())).env("GITHUB_REPOSITORY", "acme/layers");
    bash.env("GITHUB_OUTPUT", sandbox.root().join("outputs"));
    bash.envs(variables.iter().copied()).output().expect("can be started")
}

#[test]
fn the_second_workflow_comments_or_says_that_there_is_nothing_to() {
    const OPEN: &str = "case \"$*\" in *pulls*) echo 7;; *--paginate*) ;; esac";
    const COMMENTED: &str = "case \"$*\" in *pulls*) echo 7;; *--paginate*) echo 101;; esac";
    const CLOSED: &str = "exit 0";
    let download = steps().into_iter().find(|step| step["with"]["pattern"] == "layer-comment");
    let download = download.expect("`name` would fail where there is no artifact");
    assert_eq!(download["with"]["merge-multiple"], true);
    let step = step("nothing()");
    let changed = format!("{MARKER}\n### 📦 changes\n");
    let quiet = format!("{MARKER}\n### 💤 <code>shared</code> does not change\n");
    let post = "api --method POST repos/acme/layers/issues/7/comments";
    let patch = "api --method PATCH repos/acme/layers/issues/comments/101";
    for (text, gh, code, last) in [
        (None, OPEN, 0, None),
        (Some(changed.as_str()), CLOSED, 0, None),
        (Some(&changed), OPEN, 0, Some(post)),
        (Some(&changed), COMMENTED, 0, Some(patch)),
        (Some(&quiet), OPEN, 0, None),
        (Some(&quiet), COMMENTED, 0, Some(patch)),
        (Some("no marker\n"), OPEN, 1, None),
        (Some("link"), OPEN, 1, None),
        (Some(&changed), "exit 1", 1, None),
    ] {
        let sandbox = Sandbox::new();
        let file = sandbox.path("comment.md");
        match text {
            Some("link") => std::os::unix::fs::symlink("/proc/self/environ", &file).expect("can be made"),
            Some(text) => fs_err::write(&file, text).expect("can be written"),
            None => {}
        }
        let variables =
            [("REPOSITORY", "acme/layers"), ("HEAD", "ada:layers"), ("SHA", "5a1e"), ("FILE", file.as_str())];
        let output = run(&sandbox, &step, gh, &variables);
        let case = format!("{text:?} {gh}: {output:?}");
        assert_eq!(output.status.code(), Some(code), "{case}");
        let calls = sandbox.trapped();
        let changes: Vec<&str> = calls.lines().filter(|call| call.contains("POST") || call.contains("PATCH")).collect();
        assert!(changes.len() == usize::from(last.is_some()), "{case}");
        assert!(last.is_none_or(|last| changes[0].starts_with(last)), "{case}");
        let says = String::from_utf8_lossy(&output.stdout).contains("Nothing to comment");
        assert_eq!(says, code == 0 && last.is_none(), "{case}");
    }
}

#[test]
fn the_baseline_of_the_base_branch_is_used_once_there_is_one() {
    let step = step("gh run download");
    let found = "case \"$*\" in *'run list'*) echo 42;; *) touch baseline.json;; esac";
    let lost = "case \"$*\" in *'run list'*) echo 42;; *) exit 1;; esac";
    for (gh, output) in [(found, "file=baseline.json\n"), (lost, ""), ("exit 0", "")] {
        let sandbox = Sandbox::new();
        fs_err::write(sandbox.root().join("outputs"), "").expect("can be written");
        let ended = run(&sandbox, &step, gh, &[("GITHUB_BASE_REF", "main")]);
        assert!(ended.status.success(), "{gh}: {ended:?}");
        assert_eq!(fs_err::read_to_string(sandbox.root().join("outputs")).expect("is there"), output, "{gh}");
    }
}
