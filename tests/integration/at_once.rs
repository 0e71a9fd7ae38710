//! Several runs at once, and runs that were killed: one version comes of it, and a true state.

use serde_json::{Value, json};

use crate::directory::{arn, publish, verdict, versions};
use crate::harness::{Outcome, Sandbox};

const STATE: &str = ".lambda-layers/state/shared.json";

/// Exactly one version, no claim, nothing half made; and one more run finds nothing to do.
#[track_caller]
fn is_settled(sandbox: &Sandbox) {
    assert_eq!(versions(sandbox), [1]);
    assert_eq!(sandbox.json(STATE)["claim"], Value::Null);
    assert_eq!(
        verdict(&publish(sandbox).run().success()),
        "shared unchanged: the inputs are the same as for version 1"
    );
}

/// A state that knows nothing but this claim.
fn claim(machine: &str, process: u32, started: &str, expires: jiff::Timestamp) -> String {
    let owner = json!({"run": "https://github.com/o/r/actions/runs/7/attempts/1", "machine": machine, "process": process, "started": started});
    let claim = json!({
        "fingerprint": "ab".repeat(32),
        "content": format!("{}=", "A".repeat(43)),
        "owner": owner,
        "expires": expires,
    });
    json!({"format": 1, "layer": "shared", "current": null, "claim": claim}).to_string()
}

/// As the program names the machine that its processes belong to.
fn this_machine() -> String {
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").expect("is Linux");
    let space = fs_err::read_link("/proc/self/ns/pid").expect("is Linux");
    format!("{} {}", boot.trim(), space.display())
}

fn at_once(count: usize) {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let running: Vec<_> = (0..count).map(|_| publish(&sandbox).start()).collect();
    let outcomes: Vec<Outcome> = running.into_iter().map(|run| run.wait().success().says(&arn(1))).collect();
    let published = outcomes.iter().filter(|outcome| verdict(outcome).starts_with("shared published")).count();
    assert_eq!(published, 1, "{:?}", outcomes.iter().map(verdict).collect::<Vec<_>>());
    is_settled(&sandbox);
}

#[test]
fn two_runs_at_once_publish_one_version() {
    at_once(2);
}

#[test]
fn five_runs_at_once_publish_one_version() {
    at_once(5);
}

#[test]
fn two_jobs_of_a_run_for_one_layer_are_told() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let job = || {
        let run = publish(&sandbox).env("GITHUB_SERVER_URL", "https://github.com").env("GITHUB_RUN_ID", "42");
        run.env("GITHUB_REPOSITORY", "acme/layers").start()
    };
    let outcomes = [job(), job()].map(|running| running.wait().success().says(&arn(1)));
    assert_eq!(versions(&sandbox), [1]);
    let twice =
        "another job of this run published `shared` at the same time: check whether the matrix contains it twice";
    let told = outcomes.iter().filter(|outcome| outcome.stderr.contains(twice)).count();
    let unchanged = outcomes.iter().filter(|outcome| verdict(outcome).starts_with("shared unchanged")).count();
    assert_eq!(told + unchanged, 1);
    // Another run is not the same run.
    sandbox.write("requirements.txt", "six==1.16.0\n");
    assert!(!publish(&sandbox).run().success().stderr.contains("in the matrix twice"));
}

#[test]
fn two_runs_with_different_content_publish_both() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("other.txt", "six==1.16.0\n");
    let one = publish(&sandbox).start();
    let other = publish(&sandbox).args(&["--requirements", "other.txt"]).start();
    one.wait().success();
    other.wait().success();
    assert_eq!(versions(&sandbox), [1, 2]);
    assert_eq!(sandbox.json(STATE)["contents"].as_object().map(serde_json::Map::len), Some(2));
    publish(&sandbox).run().success();
    publish(&sandbox).args(&["--requirements", "other.txt"]).run().success();
    assert_eq!(versions(&sandbox), [1, 2]);
}

#[test]
fn a_run_killed_after_any_step_is_made_good_by_the_next() {
    for step in ["Check for changes", "Install with uv", "Pack the zip"] {
        let sandbox = Sandbox::with_requirements("six==1.17.0\n");
        publish(&sandbox).start().kill_after(step);
        publish(&sandbox).run().success().says(&arn(1));
        is_settled(&sandbox);
    }
}

#[test]
fn a_run_killed_while_it_installs_leaves_nothing_behind() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let folder = sandbox.root().join("deadly");
    // Its parent is the run.
    sandbox.program("deadly/uv", "case $1 in --version) echo 'uv 0.0.0' ;; *) kill -9 $PPID ;; esac\n");
    assert_eq!(publish(&sandbox).path_first(&folder).run().code, None);
    assert_eq!(versions(&sandbox), [0; 0]);
    publish(&sandbox).run().success();
    is_settled(&sandbox);
}

#[test]
fn the_claim_of_a_dead_process_is_taken_over_at_once() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let mut dead = std::process::Command::new("true").spawn().expect("can be started");
    dead.wait().expect("ends");
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    sandbox.write(STATE, claim(&this_machine(), dead.id(), "1", expires));
    publish(&sandbox).run().success().says(&arn(1));
    is_settled(&sandbox);
}

#[test]
fn what_a_dead_run_published_without_recording_it_is_adopted() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox).run().success();
    let expired = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(1);
    sandbox.write(STATE, claim("elsewhere", 1, "1", expired));
    let outcome = publish(&sandbox).run().success().says(&arn(1));
    assert!(!verdict(&outcome).contains("shared published"), "{}", verdict(&outcome));
    is_settled(&sandbox);
}

#[test]
fn a_run_waits_for_the_claim_of_another_machine() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(8);
    sandbox.write(STATE, claim("elsewhere", 1, "1", expires));
    let outcome = publish(&sandbox).run().success();
    assert!(jiff::Timestamp::now() >= expires, "did not wait");
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 0
    --- stdout

      six 1.17.0    37.1 KB  ████████████████████████

      size          37.1 KB (under 1% of 250 MB), zipped 11.3 KB
      fingerprint   [sha256]
      content hash  [base64]
      zip           .lambda-layers/shared/1/layer.zip
      published     arn:aws:lambda:local:000000000000:layer:shared:1
    shared published: this layer has not been published before
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
      [time]  Pack the zip                     6 files, 37.1 KB → 11.3 KB
      [time]  Check the layer                  0 findings
      waiting for https://github.com/o/r/actions/runs/7/attempts/1, which is working on `shared`
      [time]  Publish                          1 version
    ");
    is_settled(&sandbox);
}
