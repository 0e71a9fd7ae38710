//! Whether the distributions of a layer go together, by their metadata, for the target.

use crate::audit::{found, zip_of};
use crate::harness::{Outcome, Sandbox};
use crate::packages::wheel_of;

fn build(sandbox: &Sandbox, python: &str, arguments: &[&str]) -> Outcome {
    sandbox.run(&["build", "--python-version", python, "--output", "layer.zip"]).args(arguments).run()
}

/// What was found, a line each.
fn findings(outcome: &Outcome) -> String {
    let is_finding = |line: &&str| ["error:", "warning:", "notice:"].iter().any(|start| line.starts_with(start));
    outcome.stderr.lines().filter(is_finding).collect::<Vec<_>>().join("\n")
}

#[test]
fn missing_requirements_of_real_packages_are_named() {
    // `requests[socks]` of one needs PySocks of another; the runtime has a urllib3 that fits, and boto3.
    let sandbox = Sandbox::with_requirements(
        "requests==2.32.3\ncharset-normalizer==3.4.3\nidna==3.10\npython-telegram-bot==13.15\ns3fs==0.4.2\n",
    );
    let outcome = build(&sandbox, "3.13", &["--no-deps"]).success();
    insta::assert_snapshot!(findings(&outcome), @"
    warning: `python-telegram-bot` needs `apscheduler==3.6.3`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]
    warning: `python-telegram-bot` needs `cachetools==4.2.2`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]
    warning: `python-telegram-bot`, `requests` need `certifi>=2017.4.17`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]
    warning: `s3fs` needs `fsspec>=0.6.0`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]
    warning: `python-telegram-bot` needs `pytz>=2018.6`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]
    warning: `python-telegram-bot` needs `tornado==6.1`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]
    ");
}

#[test]
fn extras_that_others_ask_for_are_required() {
    let sandbox = Sandbox::with_requirements("requests==2.32.3\n./wheels/user-1.0-py3-none-any.whl\n");
    let metadata = "Metadata-Version: 2.1\nName: user\nVersion: 1.0\nRequires-Dist: requests[socks]\n";
    wheel_of(&sandbox.path("wheels"), "user", "1.0", &[("user.py", ""), ("user-1.0.dist-info/METADATA", metadata)]);
    assert_eq!(findings(&build(&sandbox, "3.13", &[]).success()), "");
    let outcome = build(&sandbox, "3.13", &["--exclude", "pysocks"]).success();
    insta::assert_snapshot!(findings(&outcome), @"");
    sandbox.write(
        "requirements.txt",
        "requests==2.32.3\nurllib3\nidna\ncertifi\ncharset-normalizer\n./wheels/user-1.0-py3-none-any.whl\n",
    );
    let outcome = build(&sandbox, "3.13", &["--no-deps"]).success();
    insta::assert_snapshot!(findings(&outcome), @"warning: `requests` needs `pysocks>=1.5.6,!=1.5.7`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]");
}

#[test]
fn versions_that_do_not_go_together_are_named() {
    let sandbox = Sandbox::with_requirements("boto3==1.34.0\nbotocore==1.34.0\nurllib3==2.0.7\ns3transfer==0.9.0\n");
    insta::assert_snapshot!(findings(&build(&sandbox, "3.9", &["--no-deps"]).success()), @"
    warning: Lambda's python3.9 has been deprecated since 2025-12-15 (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html)
    warning: `botocore 1.34.0` needs `urllib3>=1.25.4,<1.27`, but the layer has 2.0.7 (install both together, so that the installer chooses compatible versions) [conflicting-requirement]
    ");
    // From Python 3.10 on botocore takes it.
    assert_eq!(findings(&build(&sandbox, "3.13", &["--no-deps"]).success()), "");
}

#[test]
fn one_file_of_two_packages_is_told_if_it_differs() {
    let sandbox = Sandbox::with_requirements("./wheels/a-1.0-py3-none-any.whl\n./wheels/b-1.0-py3-none-any.whl\n");
    for name in ["a", "b"] {
        let shared = format!("name = '{name}'\n");
        let files = [
            ("acme/__init__.py", ""),
            ("acme/other.py", &shared),
            ("acme/shared.py", &shared),
            ("docs/conf.py", &shared),
            ("tests/__init__.py", &shared),
            ("README.md", &shared),
        ];
        wheel_of(&sandbox.path("wheels"), name, "1.0", &files);
    }
    insta::assert_snapshot!(findings(&build(&sandbox, "3.13", &[]).success()), @"warning: `a` and `b` each contain `acme/other.py` and 1 other file, with different content (the layer can contain only one of them; leave out one of the distributions with `exclude`) [shared-path]");
}

#[test]
fn real_namespaces_go_together() {
    let sandbox = Sandbox::with_requirements("google-cloud-storage==3.4.0\nazure-storage-blob==12.26.0\n");
    for architecture in ["x86_64", "arm64"] {
        let outcome = build(&sandbox, "3.12", &["--architecture", architecture]).success();
        assert_eq!(findings(&outcome), "");
    }
}

/// What `audit` finds in a zip of these files.
fn audited(files: &[(&str, &str)]) -> String {
    let sandbox = Sandbox::new();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    zip_of(&sandbox.path("layer.zip"), &files);
    found(&sandbox.run(&["audit", "layer.zip", "--python-version", "3.13"]).run())
}

#[test]
fn layers_that_others_made_tell_for_which_python_they_are() {
    let files = [
        ("python/a.py", ""),
        ("python/a-1.0.dist-info/METADATA", "Name: a\nVersion: 1.0\nLicense: MIT\nRequires-Python: >=3.9,<3.12\n"),
        ("python/b-1.0.dist-info/METADATA", "Name: b\nVersion: 1.0\nLicense: MIT\nRequires-Dist: c<2\n"),
        ("python/b-1.1.dist-info/METADATA", "Name: b\nVersion: 1.1\nLicense: MIT\nRequires-Dist: c<2\n"),
        ("python/c-2.0.dist-info/METADATA", "Name: c\nVersion: 2.0\nLicense: MIT\nRequires-Dist: boto3>=1.20\n"),
    ];
    insta::assert_snapshot!(audited(&files), @r"
    error    duplicate-distribution   b
      the layer contains more than one version of `b`: 1.0 and 1.1
    error    requires-python          a
      `a 1.0` requires Python >=3.9,<3.12, but the layer is for Python 3.13
    warning  conflicting-requirement  c
      `b 1.0` needs `c<2`, but the layer has 2.0
    warning  conflicting-requirement  c
      `b 1.1` needs `c<2`, but the layer has 2.0
    ");
}

#[test]
fn damaged_metadata_is_named() {
    let files = [
        ("python/a.py", ""),
        ("python/a-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nVersion: 1.0\n"),
        ("python/b-1.0.dist-info/METADATA", "Name: b\nVersion: 1.0\nLicense: MIT\n"),
    ];
    insta::assert_snapshot!(audited(&files), @"
    warning  broken-metadata  python/a-1.0.dist-info
      `python/a-1.0.dist-info` does not describe a distribution: `METADATA` has no `Name`
    ");
}

#[test]
fn a_layer_for_several_pythons_is_checked_for_one() {
    let files = [
        ("python/lib/python3.12/site-packages/a.py", ""),
        (
            "python/lib/python3.12/site-packages/a-1.0.dist-info/METADATA",
            "Name: a\nVersion: 1.0\nLicense: MIT\nRequires-Python: <3.13\n",
        ),
        ("python/lib/python3.13/site-packages/a.py", ""),
        ("python/lib/python3.13/site-packages/a-2.0.dist-info/METADATA", "Name: a\nVersion: 2.0\nLicense: MIT\n"),
    ];
    assert_eq!(audited(&files), "");
}
