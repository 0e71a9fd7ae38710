//! A container runs as root. What it leaves in the workspace belongs to whom the workspace does.

use std::os::unix::fs::{MetadataExt as _, lchown};

use crate::harness::{Sandbox, skipped};
use crate::packages::wheel;

#[test]
fn nothing_in_the_workspace_is_left_to_root() {
    const RUNNER: u32 = 1001;
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can give files away");
    }
    let sandbox = Sandbox::with_requirements("./alpha-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "alpha", "1.0");
    for entry in walkdir::WalkDir::new(sandbox.path("")) {
        lchown(entry.expect("is readable").path(), Some(RUNNER), Some(RUNNER)).expect("root may");
    }
    let inputs = [
        ("layer-name", "shared"),
        ("python-version", "3.13"),
        ("registry", "build/layers"),
        ("results", "build/results"),
        ("sbom", "papers/of/layer.cdx.json"),
    ];
    // Published, then unchanged: the zip is copied out of the registry.
    for output in ["first/deep/layer.zip", "second/deep/layer.zip"] {
        let inputs = [&inputs[..], &[("output", output)]].concat();
        sandbox.run(&[]).in_actions(&inputs).run().success();
        assert!(sandbox.path(output).exists());
    }
    let left = walkdir::WalkDir::new(sandbox.path("")).into_iter().map(|entry| entry.expect("is readable"));
    let left: Vec<_> = left.filter(|entry| entry.metadata().expect("is readable").uid() != RUNNER).collect();
    assert!(left.is_empty(), "{left:?}");
}
