//! `audit`: layers that something else made, checked as they are.

use std::io::Write as _;

use camino::Utf8Path;

use crate::harness::{Outcome, Sandbox, tools};
use crate::zip::{members, unpack};

/// A zip of these files, all with mode 644.
pub(crate) fn zip_of(path: &Utf8Path, files: &[(&str, &[u8])]) {
    let mut zip = ::zip::ZipWriter::new(fs_err::File::create(path).expect("can be made"));
    let options = ::zip::write::SimpleFileOptions::default().unix_permissions(0o644);
    for (name, bytes) in files {
        zip.start_file(*name, options).expect("can be written");
        zip.write_all(bytes).expect("can be written");
    }
    zip.finish().expect("can be written");
}

/// What an audit found: severity, code and subject, and the message below.
pub(crate) fn found(outcome: &Outcome) -> String {
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let is_head = |line: &str| ["  error ", "  warning ", "  notice "].iter().any(|start| line.starts_with(start));
    let pairs = lines.windows(2).filter(|pair| is_head(pair[0]));
    pairs.map(|pair| format!("{}\n  {}", pair[0].trim_start(), pair[1].trim_start())).collect::<Vec<_>>().join("\n")
}

/// With a layer that pip installed, in `layer/python`, as everybody's first script does it.
pub(crate) fn by_pip(requirement: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut pip = std::process::Command::new(tools().program("python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(sandbox.path("layer/python"));
    pip.arg(requirement).env("PIP_CACHE_DIR", tools().cache("pip"));
    assert!(pip.status().expect("can be started").success());
    sandbox
}

const PYTHON: &[&str] = &["--python-version", "3.13"];

#[test]
fn a_zip_and_its_folder_are_the_same_layer() {
    let sandbox = by_pip("charset-normalizer==3.4.3");
    let mut python = std::process::Command::new(tools().program("python3"));
    let archive = ["-m", "zipfile", "-c", "layer.zip", "layer/python"];
    assert!(python.args(archive).current_dir(sandbox.path("")).status().expect("can be started").success());
    let zip = sandbox.run(&["audit", "layer.zip"]).args(PYTHON).run();
    let folder = sandbox.run(&["audit", "layer"]).args(PYTHON).run();
    let table = |outcome: &Outcome| {
        outcome.stdout.lines().filter(|line| line.contains('█')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(table(&zip), table(&folder));
    assert!(table(&zip)[0].contains("charset-normalizer 3.4.3"), "{}", zip.stdout);
    zip.says(" in layer.zip for python3.13 on x86_64");
    folder.says(" in layer for python3.13 on x86_64");
}

#[test]
fn what_was_built_here_passes() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\nidna==3.10\n");
    sandbox.run(&["build", "--output", "layer.zip"]).args(PYTHON).run().success();
    let outcome = sandbox.run(&["audit", "layer.zip"]).args(PYTHON).run().success();
    assert!(outcome.stdout.contains("idna 3.10"), "{}", outcome.stdout);
    unpack(&members(&sandbox.path("layer.zip")), &sandbox.path("opt"));
    sandbox.run(&["audit", "opt"]).args(PYTHON).run().success();
}
