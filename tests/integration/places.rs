//! Whether what is in a layer is found there: packages, programs, links.

use crate::audit::{by_pip, found, zip_of};
use crate::harness::{Outcome, Sandbox, tools};

fn built(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    sandbox.run(&["build", "--python-version", "3.13"]).args(arguments).run().success()
}

fn findings(outcome: &Outcome) -> String {
    let is_finding = |line: &&str| ["error:", "warning:", "notice:"].iter().any(|start| line.starts_with(start));
    outcome.stderr.lines().filter(is_finding).collect::<Vec<_>>().join("\n")
}

#[test]
fn programs_have_an_interpreter_and_the_right_to_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    for (name, line) in [
        ("good.sh", "#!/bin/sh\n"),
        ("good.py", "#!/usr/bin/env python3\n"),
        ("venv.py", "#!/home/me/.venv/bin/python\n"),
        ("other.py", "#!/usr/bin/env python3.9\n"),
        ("windows.sh", "#!/bin/sh\r\n"),
        ("idle.sh", "#!/bin/sh\n"),
        ("data", "data\n"),
    ] {
        sandbox.write(&format!("tools/{name}"), line);
        let mode = if ["idle.sh", "data"].contains(&name) { 0o644 } else { 0o755 };
        let path = sandbox.path(&format!("tools/{name}"));
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("can be changed");
    }
    insta::assert_snapshot!(findings(&built(&sandbox, &["--include", "tools=bin"])), @"
    warning: `bin/other.py` from included files is started with `#!/usr/bin/env python3.9`, but the layer is for Python 3.13 (write `#!/var/lang/bin/python3.13` for Python, or `#!/bin/sh` for a shell script) [interpreter-missing]
    warning: `bin/venv.py` from included files is started with `#!/home/me/.venv/bin/python`, which does not exist in Lambda (write `#!/var/lang/bin/python3.13` for Python, or `#!/bin/sh` for a shell script) [interpreter-missing]
    warning: `bin/windows.sh` from included files is started with `#!/bin/sh`, but the line has a Windows line ending, which Linux treats as part of the name (store it with Unix line endings: set `eol=lf` in `.gitattributes`) [interpreter-missing]
    warning: `bin/idle.sh` from included files is a program, but is not executable (run `git update-index --chmod=+x` on it, or `chmod +x` before this step) [program-not-executable]
    ");
}

#[test]
fn packages_stand_where_python_looks() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\npip==25.1\n");
    // A layer for several Pythons: the others are no mistake. What is left of a virtual environment is one.
    sandbox.write("own/lib/python3.12/site-packages/more.py", "");
    sandbox.write("own/env/lib/python3.13/site-packages/more.py", "");
    insta::assert_snapshot!(findings(&built(&sandbox, &["--source", "own"])), @"
    warning: `more.py` in `python/env/lib/python3.13/site-packages` cannot be imported by python3.13 (move the content to `python`, where Lambda's Python looks for packages) [not-importable]
    notice:  nothing in the layer requires `pip` (5.4 MB) (leave it out with `exclude`, unless your code imports it) [installer-included]
    ");
}

#[test]
fn zips_of_the_wrong_folder_say_so() {
    let sandbox = Sandbox::new();
    let audited = |files: &[&str]| {
        let files: Vec<(&str, &[u8])> = files.iter().map(|path| (*path, &b""[..])).collect();
        zip_of(&sandbox.path("layer.zip"), &files);
        found(&sandbox.run(&["audit", "layer.zip", "--python-version", "3.13"]).run().code(1))
    };
    insta::assert_snapshot!(audited(&["six.py", "requests/__init__.py", "six-1.17.0.dist-info/RECORD"]), @r"
    error    not-importable  layer
      `requests`, `six.py` at the root of the layer cannot be imported
    ");
    insta::assert_snapshot!(audited(&["layer/python/six.py"]), @r"
    error    not-importable  layer/python
      `six.py` in `layer/python` cannot be imported by python3.13
    ");
    insta::assert_snapshot!(audited(&["python/lib/python3.9/site-packages/six.py"]), @r"
    error    not-importable  python/lib/python3.9/site-packages
      `six.py` in `python/lib/python3.9/site-packages` cannot be imported by python3.13
    ");
}

#[test]
fn what_pip_leaves_beside_packages_is_told() {
    let sandbox = by_pip("charset-normalizer==3.4.3");
    let other = if tools().python_version() == "3.14" { "3.13" } else { "3.14" };
    let found = found(&sandbox.run(&["audit", "layer", "--python-version", other]).run().code(1));
    assert!(found.contains("`normalizer` in `python/bin` cannot be run by name"), "{found}");
    assert!(found.contains(&format!(" compiled for a Python version other than {other}")), "{found}");
}

#[test]
fn what_others_left_in_a_layer_is_told() {
    let sandbox = Sandbox::new();
    let data = vec![0; 1 << 20];
    let files: [(&str, &[u8]); 5] = [
        ("python/Crypto/__init__.py", b""),
        ("python/crypto/__init__.py", b""),
        ("python/crypto/tests/data.bin", &data),
        // By Python 3.8.
        ("python/old.pyc", b"\x55\x0d\r\n\0\0\0\0\0\0\0\0\0\0\0\0"),
        ("python/crypto/fine.py", b""),
    ];
    zip_of(&sandbox.path("layer.zip"), &files);
    insta::assert_snapshot!(found(&sandbox.run(&["audit", "layer.zip", "--python-version", "3.13"]).run().code(1)), @"
    error    foreign-bytecode  python/old.pyc
      `python/old.pyc` cannot be imported: compiled by another Python, without source, but the layer is for Python 3.13
    notice   case-conflict     python/Crypto
      `python/Crypto`, `python/crypto` differ only in case
    notice   no-metadata       layer
      the layer contains no metadata of distributions (`*.dist-info`), so versions, licences and requirements are unknown
    notice   tests-included    layer
      1.0 MB of the layer are tests (files outside distributions 1.0 MB)
    ");
}
