//! Publishing into a folder: what is published, when, and why.

use serde_json::{Value, json};

use crate::harness::{Outcome, Run, Sandbox};

const STATE: &str = ".lambda-layers/state/shared.json";

pub(crate) fn publish(sandbox: &Sandbox) -> Run {
    sandbox.run(&["publish", "--layer-name", "shared", "--python-version", "3.13"])
}

/// Numbers of the versions that are there.
pub(crate) fn versions(sandbox: &Sandbox) -> Vec<u64> {
    let folder = sandbox.path(".lambda-layers/shared");
    let names = folder.read_dir_utf8().map(|entries| entries.map(|entry| entry.expect("is readable")));
    let mut numbers: Vec<u64> =
        names.into_iter().flatten().filter_map(|entry| entry.file_name().parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

pub(crate) fn arn(version: u64) -> String {
    format!("arn:aws:lambda:local:000000000000:layer:shared:{version}")
}

/// What a run said in its last line of standard output: the layer, what became of it, and why.
pub(crate) fn verdict(outcome: &Outcome) -> &str {
    outcome.stdout.lines().last().unwrap_or_default()
}

/// What a run says that finds nothing to do, starts no program and writes nothing.
fn idle(sandbox: &Sandbox) -> Outcome {
    let before = sandbox.tree();
    let trap = sandbox.trap(&["uv", "pip", "pip3", "python", "python3", "python3.13"]);
    let outcome = publish(sandbox).path_first(&trap).run().success();
    assert_eq!(sandbox.trapped(), "", "a program was started");
    assert!(sandbox.tree() == before, "something was written");
    outcome
}

#[test]
fn a_layer_with_compiled_code_is_published_whole() {
    let sandbox = Sandbox::with_requirements("pydantic==2.11.7\nidna==3.10\n");
    let inputs = [
        ("layer-name", "shared"),
        ("python-version", "3.13"),
        ("registry", ".lambda-layers"),
        ("description", "Shared packages"),
        ("license", "MIT"),
    ];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();

    let mut version = sandbox.json(".lambda-layers/shared/1/version.json");
    let zip = fs_err::read(sandbox.path(".lambda-layers/shared/1/layer.zip")).expect("is there");
    assert_eq!(version["zipped-size"], zip.len());
    let outputs = outcome.outputs();
    for name in ["fingerprint", "code-sha256"] {
        assert_eq!(version[name], outputs[name].as_str());
    }
    let identity =
        format!("Shared packages | fingerprint={} sha256={}", outputs["fingerprint"], outputs["code-sha256"]);
    assert_eq!(version["description"], identity.as_str());
    for name in ["created", "code-sha256", "fingerprint", "zipped-size", "unzipped-size", "description"] {
        version.as_object_mut().expect("is an object").remove(name);
    }
    insta::assert_snapshot!(format!("{version:#}"), @r#"
    {
      "layer-version-arn": "arn:aws:lambda:local:000000000000:layer:shared:1",
      "layer-name": "shared",
      "layer-version": 1,
      "compatible-runtimes": [
        "python3.13"
      ],
      "license": "MIT",
      "compatible-architectures": [
        "x86_64"
      ]
    }
    "#);

    let state = sandbox.json(STATE);
    assert_eq!(state["format"], 1);
    assert_eq!(state["current"], outputs["fingerprint"].as_str());
    assert_eq!(state["builds"][&outputs["fingerprint"]]["content"], outputs["code-sha256"].as_str());
    let content = &state["contents"][&outputs["code-sha256"]];
    assert_eq!(content["versions"]["000000000000/local"]["arn"], arn(1).as_str());
    assert_eq!(state["claim"], Value::Null);

    assert_eq!(outputs["layer-arn"], arn(1));
    assert_eq!(outputs["layer-version-arns"], json!({"000000000000/local": arn(1)}).to_string());
    assert_eq!((outputs["changed"].as_str(), outputs["published"].as_str()), ("true", "true"));
    assert_eq!(outputs["zip-path"], ".lambda-layers/shared/1/layer.zip");
    assert_eq!(outputs["zipped-size"], zip.len().to_string());
    let result: Value = serde_json::from_str(&outputs["result"]).expect("is JSON");
    let names: Vec<&str> = result["distributions"]
        .as_array()
        .expect("is a list")
        .iter()
        .map(|row| row["name"].as_str().expect("is text"))
        .collect();
    assert_eq!(
        names,
        ["pydantic-core", "pydantic", "idna", "typing-extensions", "typing-inspection", "annotated-types"]
    );
}

#[test]
fn a_second_run_says_unchanged_and_starts_nothing() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    insta::assert_snapshot!(publish(&sandbox).run().told(), @r"
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
      [time]  Publish                          1 version
    ");
    insta::assert_snapshot!(idle(&sandbox).told(), @r"
    exit: 0
    --- stdout

      six 1.17.0    37.1 KB  ████████████████████████

      size          37.1 KB (under 1% of 250 MB), zipped 11.3 KB
      fingerprint   [sha256]
      content hash  [base64]
      zip           .lambda-layers/shared/1/layer.zip
      unchanged     arn:aws:lambda:local:000000000000:layer:shared:1
    shared unchanged: the inputs are the same as for version 1
    --- stderr
      [time]  Check for changes                nothing to do
    ");
}

#[test]
fn an_edit_that_means_the_same_publishes_nothing() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\nidna==3.10\n");
    publish(&sandbox).run().success();
    sandbox.write(
        "requirements.txt",
        "# sorted now\nIDNA == 3.10  # names\n\nsix==1.17.0\npywin32==311; sys_platform == 'win32'\n",
    );
    let trap = sandbox.trap(&["uv", "python3", "python3.13", "python"]);
    let outcome = publish(&sandbox).path_first(&trap).run().success();
    assert_eq!(verdict(&outcome), "shared unchanged: the inputs were edited, but are equivalent to those of version 1");
    assert_eq!(sandbox.trapped(), "");
    // By then the state knows the edited file.
    assert_eq!(verdict(&idle(&sandbox)), "shared unchanged: the inputs are the same as for version 1");
}

#[test]
fn another_version_is_published_and_its_revert_is_found_again() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    publish(&sandbox).run().success();
    sandbox.write("requirements.txt", "six==1.17.0\n");
    let outcome = publish(&sandbox).run().success();
    assert_eq!(verdict(&outcome), "shared published: requirements: six ==1.16.0 → ==1.17.0");
    assert_eq!(versions(&sandbox), [1, 2]);
    sandbox.write("requirements.txt", "six==1.16.0\n");
    let outcome = publish(&sandbox).run().success().says(&arn(1));
    assert_eq!(verdict(&outcome), "shared unchanged: the inputs are the same as for version 1");
    assert_eq!(versions(&sandbox), [1, 2]);
    assert_eq!(verdict(&idle(&sandbox)), "shared unchanged: the inputs are the same as for version 1");
    sandbox.write("requirements.txt", "six==1.15.0\n");
    let outcome = publish(&sandbox).run().success();
    assert_eq!(verdict(&outcome), "shared published: requirements: six ==1.16.0 → ==1.15.0");
}

#[test]
fn other_inputs_with_the_same_bytes_adopt_the_version() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox).run().success();
    let outcome = publish(&sandbox).args(&["--exclude", "boto3"]).run().success().says(&arn(1));
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 0
    --- stdout

      six 1.17.0    37.1 KB  ████████████████████████

      size          37.1 KB (under 1% of 250 MB), zipped 11.3 KB
      fingerprint   [sha256]
      content hash  [base64]
      zip           .lambda-layers/shared/1/layer.zip
      adopted       arn:aws:lambda:local:000000000000:layer:shared:1
    shared adopted: exclude: boto3 added, but the zip is identical to that of version 1
    --- stderr
      [time]  Check for changes                a build is needed
      exclude: boto3 added
      [time]  Install                          1 distribution for python3.13 on x86_64, all from the cache
      [time]  Pack the zip                     6 files, 37.1 KB → 11.3 KB
      [time]  Check the layer                  1 finding
    warning: `exclude` lists `boto3`, which would not be in the layer anyway (remove it from `exclude`) [exclude-unknown]
      [time]  Publish                          nothing new
    ");
    assert_eq!(versions(&sandbox), [1]);
}

#[test]
fn a_version_that_vanished_is_published_again_under_a_new_number() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox).run().success();
    fs_err::remove_dir_all(sandbox.path(".lambda-layers/shared/1")).expect("is there");
    let outcome = publish(&sandbox).run().success().says(&arn(2));
    assert_eq!(verdict(&outcome), "shared published: version 1 no longer exists in local");
    assert_eq!(versions(&sandbox), [2]);
    // A zip alone is no version either.
    fs_err::remove_file(sandbox.path(".lambda-layers/shared/2/layer.zip")).expect("is there");
    let outcome = publish(&sandbox).run().success().says(&arn(3));
    assert_eq!(verdict(&outcome), "shared published: version 2 no longer exists in local");
    // Nor is a number that was never used again because the newest is gone.
    fs_err::remove_dir_all(sandbox.path(".lambda-layers/shared")).expect("is there");
    publish(&sandbox).run().success().says(&arn(4));
    idle(&sandbox);
}

#[test]
fn a_lost_state_is_made_anew_from_the_versions() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    publish(&sandbox).run().success();
    sandbox.write("requirements.txt", "six==1.17.0\n");
    publish(&sandbox).run().success();
    fs_err::remove_file(sandbox.path(STATE)).expect("is there");
    let outcome = publish(&sandbox).run().success().says(&arn(2));
    assert_eq!(verdict(&outcome), "shared unchanged: the inputs are equivalent to those of version 2");
    assert_eq!(versions(&sandbox), [1, 2]);
    idle(&sandbox);
    // The older version is known again as well.
    sandbox.write("requirements.txt", "six==1.16.0\n");
    publish(&sandbox).run().success().says(&arn(1));
    assert_eq!(versions(&sandbox), [1, 2]);
}

#[test]
fn half_a_state_is_made_anew_with_a_warning() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox).run().success();
    let text = sandbox.read(STATE);
    sandbox.write(STATE, &text[..text.len() / 2]);
    let outcome = publish(&sandbox).run().success().says(&arn(1));
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 0
    --- stdout
      fingerprint   [sha256]
      content hash  [base64]
      zip           .lambda-layers/shared/1/layer.zip
      unchanged     arn:aws:lambda:local:000000000000:layer:shared:1
    shared unchanged: the inputs are equivalent to those of version 1
    --- stderr
    warning: `[ROOT]/work/.lambda-layers/state/shared.json` is not a valid state; it is rebuilt from the list of versions
      [time]  Check for changes                nothing to do
    ");
    assert_eq!(versions(&sandbox), [1]);
    assert!(!idle(&sandbox).stderr.contains("warning"));
}

#[test]
fn a_state_of_a_newer_program_is_left_alone() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox).run().success();
    let mut state = sandbox.json(STATE);
    state["format"] = json!(99);
    sandbox.write(STATE, state.to_string());
    let before = sandbox.tree();
    insta::assert_snapshot!(publish(&sandbox).run().code(1).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `[ROOT]/work/.lambda-layers/state/shared.json` was written by a newer version of lambda-layer (state format 99; this version supports 1)
    hint: use the same version of lambda-layer everywhere
    ");
    assert!(sandbox.tree() == before);
}

#[test]
fn a_plan_and_a_dry_run_change_nothing() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\n");
    let check = |verdict_of_plan: &str, verdict_of_dry_run: &str| {
        let before = sandbox.tree();
        let trap = sandbox.trap(&["uv", "python3", "python3.13", "python"]);
        let plan = sandbox.run(&["plan", "--layer-name", "shared", "--python-version", "3.13"]).path_first(&trap).run();
        assert_eq!(verdict(&plan.success()), verdict_of_plan);
        assert_eq!(sandbox.trapped(), "");
        assert_eq!(verdict(&publish(&sandbox).args(&["--dry-run"]).run().success()), verdict_of_dry_run);
        assert!(sandbox.tree() == before, "something was written");
    };
    check(
        "shared would be published: this layer has not been published before",
        "shared would be published: this layer has not been published before",
    );
    publish(&sandbox).run().success();
    check(
        "shared unchanged: the inputs are the same as for version 1",
        "shared unchanged: the inputs are the same as for version 1",
    );
    sandbox.write("requirements.txt", "# why\nsix==1.16.0\n");
    check(
        "shared unchanged: the inputs were edited, but are equivalent to those of version 1",
        "shared unchanged: the inputs were edited, but are equivalent to those of version 1",
    );
    sandbox.write("requirements.txt", "six==1.17.0\n");
    check(
        "shared would be published: requirements: six ==1.16.0 → ==1.17.0",
        "shared would be published: requirements: six ==1.16.0 → ==1.17.0",
    );
}

#[test]
fn a_dry_run_keeps_its_zip_where_it_is_told_to() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox).args(&["--dry-run", "--output", "out/layer.zip"]).run().success();
    assert!(sandbox.path("out/layer.zip").is_file());
    assert!(!sandbox.path(".lambda-layers").exists());
}

#[test]
fn registry_and_state_can_be_other_folders() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox).args(&["--registry", "published", "--state", "memory"]).run().success();
    assert!(sandbox.path("published/shared/1/layer.zip").is_file());
    assert!(sandbox.path("memory/shared.json").is_file());
    assert!(!sandbox.path("published/state").exists());
}

#[test]
fn build_makes_the_zip_and_nothing_else() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let before: Vec<_> = sandbox.tree().into_keys().collect();
    let outcome = sandbox.run(&["build", "--layer-name", "shared", "--python-version", "3.13"]).run();
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 0
    --- stdout

      six 1.17.0    37.1 KB  ████████████████████████

      size          37.1 KB (under 1% of 250 MB), zipped 11.3 KB
      fingerprint   [sha256]
      content hash  [base64]
      zip           shared.zip
    shared built: 6 files for python3.13 on x86_64
    --- stderr
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
      [time]  Pack the zip                     6 files, 37.1 KB → 11.3 KB
      [time]  Check the layer                  0 findings
    ");
    let after: Vec<_> = sandbox.tree().into_keys().filter(|path| !before.contains(path)).collect();
    assert_eq!(after, [sandbox.path("shared.zip")]);
}
