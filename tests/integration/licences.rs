//! Licences: declared with a version, told in the summary, and gathered with their texts.

use crate::directory::{publish, versions};
use crate::harness::Sandbox;
use crate::packages::wheel_of;

/// Name, headers of its metadata, and files by their names.
type Wheel<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// A workspace that requires these.
fn sandbox(wheels: &[Wheel<'_>]) -> Sandbox {
    let names: Vec<String> =
        wheels.iter().map(|(name, ..)| format!("./wheels/{name}-1.0-py3-none-any.whl\n")).collect();
    let sandbox = Sandbox::with_requirements(&names.concat());
    for (name, headers, files) in wheels {
        let (module, path) = (format!("{name}.py"), format!("{name}-1.0.dist-info/METADATA"));
        let metadata = format!("Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{headers}");
        let own = [(module.as_str(), ""), (path.as_str(), metadata.as_str())];
        wheel_of(&sandbox.path("wheels"), name, "1.0", &[&own, *files].concat());
    }
    sandbox
}

#[test]
fn what_is_known_is_declared_and_changes_nothing() {
    let sandbox = sandbox(&[
        ("a", "License-Expression: MIT\n", &[]),
        ("b", "License: Apache License, Version 2.0\n", &[]),
        ("c", "Classifier: License :: OSI Approved :: BSD License\n", &[]),
        ("d", "", &[]),
    ]);
    let inputs = [("layer-name", "shared"), ("python-version", "3.13"), ("registry", ".lambda-layers")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    let version = || sandbox.json(".lambda-layers/shared/1/version.json");
    assert_eq!(version()["license"], "Apache-2.0 AND LicenseRef-BSD-License AND MIT");
    assert!(
        outcome.summary().contains("| licences | Apache-2.0 AND LicenseRef-BSD-License AND MIT |"),
        "{}",
        outcome.summary()
    );
    let result: serde_json::Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    assert_eq!(result["licences"], version()["license"]);
    // What is declared is no part of the content.
    publish(&sandbox).args(&["--license", "Proprietary"]).run().success().says("unchanged");
    assert_eq!(versions(&sandbox), [1]);

    sandbox
        .run(&["publish", "--layer-name", "other", "--python-version", "3.13", "--license", "Proprietary"])
        .run()
        .success();
    assert_eq!(sandbox.json(".lambda-layers/other/1/version.json")["license"], "Proprietary");
    assert_eq!(sandbox.json(".lambda-layers/other/1/version.json")["code-sha256"], version()["code-sha256"]);
    let audit = sandbox.run(&["audit", ".lambda-layers/shared/1/layer.zip", "--python-version", "3.13"]).run();
    audit.success().says("  licences      Apache-2.0 AND LicenseRef-BSD-License AND MIT\n");
}

#[test]
fn nothing_is_declared_of_what_states_nothing() {
    let sandbox = sandbox(&[("a", "License: UNKNOWN\n", &[])]);
    publish(&sandbox).run().success();
    assert_eq!(sandbox.json(".lambda-layers/shared/1/version.json")["license"], serde_json::Value::Null);
}

#[test]
fn what_lambda_takes_is_not_exceeded() {
    let wheels: Vec<(String, String)> =
        (0..40).map(|number| (format!("p{number}"), format!("License: House rules number {number}\n"))).collect();
    let wheels: Vec<Wheel<'_>> =
        wheels.iter().map(|(name, header)| (name.as_str(), header.as_str(), &[][..])).collect();
    let sandbox = sandbox(&wheels);
    publish(&sandbox).run().success();
    let version = sandbox.json(".lambda-layers/shared/1/version.json");
    let declared = version["license"].as_str().expect("is declared");
    assert!(declared.len() <= 512 && declared.len() > 450, "{declared}");
    assert!(declared.ends_with("LicenseRef-House-rules-number-2 AND 27 more"), "{declared}");
}

#[test]
fn texts_are_gathered_and_left_as_they_are() {
    let files = [
        ("a-1.0.dist-info/licenses/LICENSE", "Permission is hereby granted\r\n\r\n::error::no command\x07\r\n"),
        ("a-1.0.dist-info/licenses/vendored/NOTICE.txt", "Vendored\n"),
        ("a/license.py", "code = 1\n"),
        ("a/LICENSES_bundled.txt", "Bundled\n"),
    ];
    let sandbox = sandbox(&[("a", "License-Expression: MIT\n", &files), ("b", "", &[])]);
    sandbox.write("tool/COPYING", "Copy it\n");
    sandbox.write("tool/tool", "x");
    let arguments = ["build", "--output", "layer.zip", "--python-version", "3.13", "--include", "tool=bin"];
    sandbox.run(&arguments).args(&["--slim", "max"]).run().success();
    let plain = fs_err::read(sandbox.path("layer.zip")).expect("is there");
    let run = sandbox.run(&arguments).args(&["--slim", "max", "--third-party-licenses", "out/THIRD-PARTY-LICENSES"]);
    let outcome = run.run().success();
    assert!(fs_err::read(sandbox.path("layer.zip")).expect("is there") == plain, "the layer stays what it was");
    outcome.says("  licences      out/THIRD-PARTY-LICENSES\n");
    insta::assert_snapshot!(sandbox.read("out/THIRD-PARTY-LICENSES"), @r"
    Licences in the layer layer: 2 distributions

    ================================================================================
    a 1.0
    MIT

    --------------------------------------------------------------------------------
    python/a/LICENSES_bundled.txt

    Bundled

    --------------------------------------------------------------------------------
    python/a-1.0.dist-info/licenses/LICENSE

    Permission is hereby granted

    ::error::no command�

    --------------------------------------------------------------------------------
    python/a-1.0.dist-info/licenses/vendored/NOTICE.txt

    Vendored

    ================================================================================
    b 1.0
    states no licence

    ================================================================================
    included files

    --------------------------------------------------------------------------------
    bin/COPYING

    Copy it
    ");
}

#[test]
fn texts_of_real_packages_are_complete() {
    let sandbox = Sandbox::with_requirements("numpy==2.3.2\nrequests==2.32.5\n");
    let run = ["build", "--python-version", "3.13", "--third-party-licenses", "licences.txt", "--slim", "max"];
    sandbox.run(&run).run().success();
    let text = sandbox.read("licences.txt");
    for part in [
        "numpy 2.3.2\nBSD License\n",
        "This binary distribution of NumPy also bundles the following software",
        "GCC RUNTIME LIBRARY EXCEPTION",
        "requests 2.32.5\nApache-2.0\n",
        "python/requests-2.32.5.dist-info/licenses/LICENSE\n",
        "Mozilla Public License",
    ] {
        assert!(text.contains(part), "lacks `{part}`");
    }
}
