//! Symbols are removed from shared objects, and from those alone that load without.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::harness::{Outcome, Sandbox, tools};
use crate::zip::{Member, members, unpack};

/// A layer for this machine; what the run said.
fn built(sandbox: &Sandbox, arguments: &[&str]) -> (Outcome, BTreeMap<String, Member>) {
    let python = tools().python_version();
    let architecture = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
    let base = ["build", "--output", "layer.zip", "--python-version", &python, "--architecture", architecture];
    let outcome = sandbox.run(&base).args(&["--smoke-test", "off"]).args(arguments).run();
    (outcome.success(), members(&sandbox.path("layer.zip")))
}

/// What a program prints that runs with the layer below `opt`.
fn python(opt: &Utf8Path, program: &str) -> String {
    let mut command = std::process::Command::new(tools().program("python3"));
    let command = command.args(["-c", program]).env("PYTHONPATH", opt.join("python"));
    let output = command.output().expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("is UTF-8")
}

fn libraries(members: &BTreeMap<String, Member>) -> BTreeMap<&str, usize> {
    let named = members.iter().filter(|(name, _)| name.contains(".so"));
    named.map(|(name, member)| (name.as_str(), member.bytes.len())).collect()
}

#[test]
fn numpy_is_smaller_and_computes() {
    let sandbox = Sandbox::with_requirements("numpy==2.2.6\n");
    let (_, whole) = built(&sandbox, &[]);
    let cached = || {
        // Other tests use it at the same time: what they take away again is no matter here.
        let cache = walkdir::WalkDir::new(crate::tools::cache("uv")).into_iter().filter_map(Result::ok);
        let libraries = cache.filter(|entry| entry.file_name().to_string_lossy().contains("openblas"));
        libraries.map(|entry| entry.metadata().expect("is readable").len()).collect::<Vec<_>>()
    };
    let before = cached();
    assert!(!before.is_empty(), "the library is in the installer's cache");
    let (outcome, stripped) = built(&sandbox, &["--strip", "true"]);
    assert_eq!(cached(), before, "the installer's cache is as it was");
    let (whole, smaller) = (libraries(&whole), libraries(&stripped));
    assert_eq!(whole.keys().collect::<Vec<_>>(), smaller.keys().collect::<Vec<_>>());
    assert!(whole.iter().all(|(name, size)| smaller[name] <= *size));
    let saved: usize = whole.values().sum::<usize>() - smaller.values().sum::<usize>();
    assert!(saved > 300_000, "{saved} {}", outcome.stderr);
    let opt = sandbox.root().join("opt");
    unpack(&stripped, &opt);
    let program = "import numpy; print(round(float(numpy.linalg.inv(numpy.array([[2.0, 0], [0, 4]])).sum()), 2))";
    assert_eq!(python(&opt, program), "0.75\n");
}

/// A program in the place of `strip`, whose `$3` is the file to write and `$5` the file to read.
fn with_strip(sandbox: &Sandbox, script: &str) -> (String, BTreeMap<String, Member>) {
    let version = "if [ \"$1\" = --version ]; then echo strip 1; exit; fi\n";
    sandbox.program("fake/strip", &format!("{version}{script}\n"));
    let python = tools().python_version();
    let architecture = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
    let base = ["build", "--output", "layer.zip", "--python-version", &python, "--architecture", architecture];
    let run = sandbox.run(&base).args(&["--smoke-test", "off", "--strip", "true"]);
    let outcome = run.path_first(&sandbox.root().join("fake")).run().success();
    (outcome.stderr, members(&sandbox.path("layer.zip")))
}

#[test]
fn what_becomes_another_library_is_not_taken() {
    let sandbox = Sandbox::with_requirements("simplejson==3.20.1\n");
    let (_, whole) = built(&sandbox, &[]);
    // Cut off, and one that fails.
    for script in ["head -c 4096 \"$5\" > \"$3\"", "exit 1"] {
        let (said, members) = with_strip(&sandbox, script);
        assert!(said.contains("0 of 1 shared object, saved 0 B"), "{said}");
        assert_eq!(libraries(&members), libraries(&whole));
    }
}

#[test]
fn what_does_not_load_any_more_is_not_taken() {
    let sandbox = Sandbox::with_requirements("simplejson==3.20.1\n");
    let (_, whole) = built(&sandbox, &[]);
    // The same to whoever reads its sections, without the loader's own table: `e_phnum` is at 56.
    let broken = "/usr/bin/strip --strip-unneeded -o \"$3\" -- \"$5\" && printf '\\0\\0' | dd of=\"$3\" bs=1 seek=56 conv=notrunc status=none";
    let (said, members) = with_strip(&sandbox, broken);
    let said: Vec<&str> = said.lines().filter(|line| line.starts_with("notice")).collect();
    let version = format!("cpython-{}-", tools().python_version().replace('.', ""));
    insta::assert_snapshot!(said.join("\n").replace(&version, "cpython-[PYTHON]-"), @"notice:  1 file would not load without symbols, so the symbols were kept: `python/simplejson/_speedups.cpython-[PYTHON]-x86_64-linux-gnu.so` (no action is needed) [not-stripped]");
    assert_eq!(libraries(&members), libraries(&whole));
}

#[test]
fn where_nothing_can_be_tried_nothing_is_stripped() {
    let foreign = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };
    let sandbox = Sandbox::with_requirements("simplejson==3.20.1\n");
    let python = tools().python_version();
    let base = ["build", "--output", "layer.zip", "--python-version", &python, "--architecture", foreign];
    let outcome = sandbox.run(&base).args(&["--smoke-test", "off", "--strip", "true"]).run().success();
    let said: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("warning")).collect();
    insta::assert_snapshot!(said.join("\n").replace(&python, "[PYTHON]").replace(foreign, "[ARCH]"), @"warning: `strip` was skipped: whether shared objects load without symbols can be tested only on Linux for [ARCH], with python[PYTHON] (use the action `lambda-layer-action/python[PYTHON]` on a runner for [ARCH], or leave out `strip`) [not-stripped]");
}
