//! Licences: declared with a version, told in the summary, and gathered with their texts.

use crate::directory::{publish, versions};
use crate::github_server::GitHub;
use crate::harness::Sandbox;
use crate::packages::{bare_project, wheel_of};
use crate::preview::preview;

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

const LICENSED: &[Wheel<'_>] = &[
    ("free", "License-Expression: MIT\n", &[]),
    ("choice", "License-Expression: GPL-2.0-only OR Apache-2.0\n", &[]),
    ("viral", "Classifier: License :: OSI Approved :: GNU Affero General Public License v3\n", &[]),
    ("house", "License: House rules\n", &[]),
    ("silent", "", &[]),
];

#[test]
fn a_denied_licence_is_refused_unless_another_can_be_chosen() {
    let sandbox = sandbox(LICENSED);
    let outcome = publish(&sandbox).args(&["--deny-licenses", "GPL-2.0-or-later, agpl-3.0"]).run().code(1);
    let outcome = outcome.says("error: `viral` 1.0 has the licence `AGPL-3.0-only`, but `deny-licenses` denies `AGPL-3.0-only`\nhint: use another package or version");
    assert!(!outcome.stderr.contains("choice"), "Apache-2.0 can be chosen: {}", outcome.stderr);
    assert!(!sandbox.path(".lambda-layers/shared/1").exists(), "nothing was published");
    publish(&sandbox).args(&["--deny-licenses", "AGPL-3.0-only", "--exclude", "viral"]).run().success();
    let inputs = [("layer-name", "shared"), ("python-version", "3.13"), ("deny-licenses", "AGPL-3.0-only")];
    let outcome = sandbox.run(&[]).in_actions(&[&inputs[..], &[("registry", ".lambda-layers")]].concat()).run().code(1);
    let result: serde_json::Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    let finding = result["findings"].as_array().expect("is a list").iter().find(|it| it["code"] == "licence-denied");
    assert_eq!(finding.expect("is there")["distribution"], "viral");
}

#[test]
fn with_a_list_of_allowed_ones_everything_else_is_refused() {
    let sandbox = sandbox(LICENSED);
    let allow = "MIT, Apache-2.0 OR BSD-3-Clause";
    let outcome = publish(&sandbox).args(&["--allow-licenses", allow]).run().code(1);
    let outcome = outcome.says("3 findings prevent the layer from being published");
    let outcome =
        outcome.says("`viral` 1.0 has the licence `AGPL-3.0-only`, but `allow-licenses` does not have `AGPL-3.0-only`");
    let outcome = outcome.says("`house` 1.0 has a licence that SPDX does not identify: `LicenseRef-House-rules`");
    outcome.says("`silent` 1.0 does not state its licence in its metadata");
    let more = format!("{allow}, LicenseRef-House-rules, AGPL-3.0-or-later");
    publish(&sandbox).args(&["--allow-licenses", &more, "--exclude", "silent"]).run().success();
}

#[test]
fn own_projects_may_state_no_licence() {
    let sandbox = Sandbox::with_requirements("");
    bare_project(&sandbox, "app");
    publish(&sandbox).args(&["--source", "app", "--allow-licenses", "MIT"]).run().success();
}

#[test]
fn a_published_layer_is_checked_again_with_new_lists() {
    let sandbox = sandbox(LICENSED);
    publish(&sandbox).run().success();
    let denied = publish(&sandbox).args(&["--deny-licenses", "AGPL-3.0-only"]).run().code(1);
    denied.says("`viral` 1.0 has the licence `AGPL-3.0-only`, but `deny-licenses` denies");
    publish(&sandbox).args(&["--deny-licenses", "GPL-3.0-only"]).run().success().says("unchanged");
    let audit = ["audit", ".lambda-layers/shared/1/layer.zip", "--python-version", "3.13", "--allow-licenses", "MIT"];
    let outcome = sandbox.run(&audit).run().code(1);
    outcome.says("error    licence-not-allowed  choice").says("error    licence-unknown      silent");
}

#[test]
fn lists_with_mistakes_are_refused_before_anything_is_built() {
    let sandbox = sandbox(LICENSED);
    let arguments =
        ["--allow-licenses", "Apache-2, MIT, MIT AND ISC, (MIT", "--deny-licenses", "GLP-3.0-only, MIT, nonsense!"];
    let outcome = publish(&sandbox).args(&arguments).run().code(1);
    insta::assert_snapshot!(outcome.stderr.trim_end(), @r"
    error: 6 problems with the input
    cause: `allow-licenses` contains `Apache-2`, which SPDX does not have (did you mean `Apache-2.0`?)
    cause: `allow-licenses` contains `MIT AND ISC`, which stands for several licences at once (list each licence on its own)
    cause: `allow-licenses` contains `(MIT`, which is not a valid expression of SPDX (list identifiers such as `MIT` or `GPL-3.0-or-later`)
    cause: `deny-licenses` contains `GLP-3.0-only`, which SPDX does not have (did you mean `GPL-3.0-only`?)
    cause: `deny-licenses` contains `nonsense!`, which SPDX does not have (use an identifier from https://spdx.org/licenses, such as `MIT`, or `LicenseRef-…` as in a finding)
    cause: `MIT` is in `allow-licenses`, but `deny-licenses` denies it (remove it from one of them)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn new_licences_stand_in_the_comment() {
    let (sandbox, github) = (sandbox(LICENSED), GitHub::start(&serde_json::json!({})));
    sandbox.write("requirements.txt", "./wheels/free-1.0-py3-none-any.whl\n");
    publish(&sandbox).run().success();
    let names = ["free", "choice", "viral", "house"].map(|name| format!("./wheels/{name}-1.0-py3-none-any.whl\n"));
    sandbox.write("requirements.txt", names.concat());
    preview(&sandbox, &github, &[]).run().success();
    let comments = github.comments(7);
    let (_, body) = &comments[0];
    let line = "**New licences:** <code>(GPL-2.0-only OR Apache-2.0)</code> (<code>choice</code>), <code>AGPL-3.0-only</code> (<code>viral</code>), <code>LicenseRef-House-rules</code> (<code>house</code>)\n";
    assert!(body.contains(line), "{body}");
}
