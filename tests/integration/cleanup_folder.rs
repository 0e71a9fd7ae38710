//! Clean-up of a registry that is a folder.

use crate::directory::{arn, publish, versions};
use crate::harness::{Run, Sandbox};
use crate::packages::wheel;

const STATE: &str = ".lambda-layers/state/shared.json";

/// The versions 1 to `count`, published long ago.
fn folder_with(count: usize) -> Sandbox {
    let sandbox = Sandbox::with_requirements("./some-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "some", "1.0");
    for number in 1..=count {
        version(&sandbox, number).run().success();
        let path = format!(".lambda-layers/shared/{number}/version.json");
        let mut file = sandbox.json(&path);
        file["created"] = "2020-01-01T00:00:00Z".into();
        sandbox.write(&path, file.to_string());
    }
    let mut state = sandbox.json(STATE);
    for content in state["contents"].as_object_mut().expect("is an object").values_mut() {
        content["versions"]["000000000000/local"]["recorded"] = "2020-01-01T00:00:00Z".into();
    }
    sandbox.write(STATE, state.to_string());
    sandbox
}

fn version(sandbox: &Sandbox, number: usize) -> Run {
    sandbox.write("data.txt", format!("content {number}\n"));
    publish(sandbox).args(&["--include", "data.txt=python/data.txt"])
}

fn cleanup(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.run(&["cleanup", "--layer-name", "shared", "--keep-versions", "1"]).args(arguments)
}

#[test]
fn a_plan_writes_nothing_and_apply_removes_whole_folders() {
    let sandbox = folder_with(3);
    let before = sandbox.tree();
    cleanup(&sandbox, &[]).run().success().says("2 versions would be removed, 1 kept");
    assert!(sandbox.tree() == before, "something was written");
    cleanup(&sandbox, &["--apply"]).run().success().says("2 versions removed, 1 kept");
    assert_eq!(versions(&sandbox), [3]);
    let left = sandbox.path(".lambda-layers/shared").read_dir_utf8().expect("is there").count();
    assert_eq!(left, 1, "nothing half removed");
    assert_eq!(sandbox.json(STATE)["contents"].as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn numbers_are_never_given_again() {
    let sandbox = folder_with(3);
    cleanup(&sandbox, &["--apply"]).run().success();
    version(&sandbox, 1).run().success().says(&arn(4));
    // Even if the newest goes by hand and the note of it, too.
    fs_err::remove_dir_all(sandbox.path(".lambda-layers/shared/4")).expect("can be removed");
    version(&sandbox, 2).run().success().says(&arn(5));
}

#[test]
fn a_publish_can_clean_up() {
    let sandbox = folder_with(2);
    version(&sandbox, 3).args(&["--keep-versions", "1", "--apply"]).run().success().says("1 of 3 removed");
    // Whoever found version 2 unchanged a moment ago uses it still.
    assert_eq!(versions(&sandbox), [2, 3]);
    version(&sandbox, 3).args(&["--keep-versions", "1", "--apply"]).run().success().says("shared unchanged");
}
