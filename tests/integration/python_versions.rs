//! The Python of a layer that `python-version` does not name: who says it, and that a default changes no layer.

use crate::account::{Account, EU};
use crate::harness::{Outcome, Run, Sandbox};
use crate::packages::{tagged_wheel_of, wheel};

fn acme() -> Sandbox {
    let sandbox = Sandbox::with_requirements("./acme-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path(""), "acme", "1.0");
    sandbox
}

fn run(sandbox: &Sandbox, command: &str, arguments: &[&str]) -> Run {
    let name: &[&str] = if command == "build" { &[] } else { &["--layer-name", "shared"] };
    sandbox.run(&[&[command], name, arguments].concat()).without_python()
}

/// What `build` says of the Python: notices and warnings, and the line of its result.
fn said(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let outcome = run(sandbox, "build", arguments).run().success();
    told(&outcome)
}

fn told(outcome: &Outcome) -> String {
    let of_python = outcome.stderr.lines().filter(|line| line.starts_with("notice:") || line.starts_with("warning:"));
    let target = outcome.stdout.lines().find(|line| line.contains("for python")).unwrap_or_default();
    of_python.chain([target.trim()]).collect::<Vec<_>>().join("\n")
}

const PROJECT: &str = "[project]\nname = 'app'\nversion = '1'\n";

#[test]
fn a_default_is_warned_of_each_time() {
    let sandbox = acme();
    let warning = "warning: `python-version` is not given, and neither `.python-version` nor `requires-python` determines it: the layer is built for Python 3.14, the default; set `python-version`, or write the version into `.python-version`";
    for _ in 0..2 {
        assert!(said(&sandbox, &[]).starts_with(warning), "{}", said(&sandbox, &[]));
    }
    for command in ["plan", "publish", "preview", "plan"] {
        run(&sandbox, command, &[]).run().success().says(warning);
    }
    assert!(!said(&sandbox, &["--python-version", "3.14"]).contains("python-version"));
    // The action without a version in its path.
    let inputs = [("command", "plan"), ("layer-name", "shared"), ("registry", ".lambda-layers")];
    let step = sandbox.run(&[]).without_python().in_actions(&inputs);
    step.run().success().says("::warning title=lambda-layer::`python-version` is not given");
}

#[test]
fn a_pin_is_found_as_by_uv() {
    let sandbox = acme();
    for (text, expected) in [
        ("3.12\n", "notice: `python-version` is 3.12, as set in `.python-version:1`"),
        ("\n# ours\n3.12.4 # exactly\n3.13\n", "notice: `python-version` is 3.12, as set in `.python-version:3`"),
        ("pypy3.10-7.3.17\n3.11.9 3.12\n", "notice: `python-version` is 3.11, as set in `.python-version:2`"),
        ("cpython-3.12.4-linux-x86_64-gnu", "notice: `python-version` is 3.12, as set in `.python-version:1`"),
        ("3.8.20\n3.13.1\n", "notice: `python-version` is 3.13, as set in `.python-version:2`"),
        ("system\n", "warning: `python-version` is not given, and neither `.python-version`"),
    ] {
        sandbox.write(".python-version", text);
        assert!(said(&sandbox, &[]).starts_with(expected), "{text}: {}", said(&sandbox, &[]));
    }
    // The nearest counts, and nothing outside of the repository.
    sandbox.write(".python-version", "3.12\n");
    sandbox.write("a/b/requirements.txt", "../../acme-1.0-py3-none-any.whl\n");
    let below = ["--working-directory", "a/b"];
    let place = "notice: `python-version` is 3.12, as set in `../../.python-version:1`";
    assert!(said(&sandbox, &below).starts_with(place), "{}", said(&sandbox, &below));
    sandbox.write("a/.python-version", "3.13\n");
    assert!(said(&sandbox, &below).contains("is 3.13, as set in `../.python-version:1`"));
    fs_err::remove_file(sandbox.path(".python-version")).expect("is there");
    fs_err::remove_file(sandbox.path("a/.python-version")).expect("is there");
    fs_err::write(sandbox.root().join(".python-version"), "3.12\n").expect("can be written");
    assert!(said(&sandbox, &below).contains("the default"));
}

#[test]
fn a_pin_that_lambda_does_not_have_is_refused() {
    let sandbox = acme();
    for word in ["3.8.10", "3.13t", "cpython-3.98"] {
        sandbox.write(".python-version", word);
        let outcome = run(&sandbox, "plan", &[]).run().code(1);
        let outcome =
            outcome.says(&format!("error: `.python-version:1` contains `{word}`, for which there is no supported"));
        outcome.says("hint: set `python-version` to the Python version of the layer: `3.14`, `3.13`");
        run(&sandbox, "plan", &["--python-version", "3.13"]).run().success();
    }
}

#[test]
fn a_range_decides_if_no_python_to_come_can_change_that() {
    let sandbox = acme();
    let project = |range: &str| sandbox.write("pyproject.toml", format!("{PROJECT}requires-python = '{range}'\n"));
    for (range, expected) in [
        (
            "==3.12.*",
            "notice: `python-version` is 3.12, the only supported one that `pyproject.toml:4` (`==3.12.*`) allows",
        ),
        (
            ">=3.8,<3.10",
            "notice: `python-version` is 3.9, the only supported one that `pyproject.toml:4` (`>=3.8,<3.10`) allows",
        ),
        (
            ">=3.11,<3.14",
            "notice: `python-version` is 3.13, the newest that `pyproject.toml:4` (`>=3.11,<3.14`) allows",
        ),
        (
            ">=3.14",
            "notice: `python-version` is 3.14, the only supported one that `pyproject.toml:4` (`>=3.14`) allows",
        ),
        (
            ">=3.11",
            "warning: `python-version` is not given, and `pyproject.toml:4` (`>=3.11`) allows several versions: the layer is built for Python 3.14, the default;",
        ),
        (
            ">=3.11,<4",
            "warning: `python-version` is not given, and `pyproject.toml:4` (`>=3.11,<4`) allows several versions: the layer is built for Python 3.14, the default;",
        ),
    ] {
        project(range);
        assert!(said(&sandbox, &[]).starts_with(expected), "{range}: {}", said(&sandbox, &[]));
    }
    // Of several all count.
    project(">=3.11,<3.14");
    sandbox.write("lib/pyproject.toml", format!("{PROJECT}requires-python = '<3.13'\n"));
    let both = said(&sandbox, &["--source", "lib", "--requirements", "requirements.txt", "--exclude", "app"]);
    let choice = "`python-version` is 3.12, the newest that `pyproject.toml:4` (`>=3.11,<3.14`) and `lib/pyproject.toml:4` (`<3.13`) allow";
    assert!(both.contains(choice), "{both}");
    sandbox.write(".python-version", "3.12\n");
    assert!(said(&sandbox, &[]).starts_with("notice: `python-version` is 3.12, as"));
}

#[test]
fn locks_say_their_ranges() {
    let sandbox = acme();
    fs_err::remove_file(sandbox.path("requirements.txt")).expect("is there");
    let bytes = fs_err::read(sandbox.path("acme-1.0-py3-none-any.whl")).expect("is there");
    let hash = lambda_layer::types::Digest::of(&bytes).hex();
    sandbox.write("pylock.toml", format!("lock-version = '1.0'\nrequires-python = '~=3.12.0'\ncreated-by = 'x'\n\n[[packages]]\nname = 'acme'\nversion = '1.0'\n\n[[packages.wheels]]\nname = 'acme-1.0-py3-none-any.whl'\npath = 'acme-1.0-py3-none-any.whl'\nhashes = {{sha256 = '{hash}'}}\n"));
    let choice = "`python-version` is 3.12, the only supported one that `pylock.toml:2` (`~=3.12.0`) allows";
    assert!(run(&sandbox, "plan", &[]).run().stderr.contains(choice), "{}", run(&sandbox, "plan", &[]).run().stderr);
    fs_err::remove_file(sandbox.path("pylock.toml")).expect("is there");
    sandbox.write("Pipfile", "[requires]\npython_version = '3.11'\n");
    let lock = serde_json::json!({"_meta": {"hash": {"sha256": "0"}, "pipfile-spec": 6, "requires": {"python_version": "3.11"}, "sources": []}, "default": {}, "develop": {}});
    sandbox.write("Pipfile.lock", serde_json::to_string_pretty(&lock).expect("is JSON"));
    let outcome = run(&sandbox, "plan", &[]).run();
    assert!(
        outcome.stderr.contains("`python-version` is 3.11, the only supported one that `Pipfile.lock:"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_image_of_a_python_is_a_choice() {
    let sandbox = acme();
    let in_image =
        |python: &str| run(&sandbox, "build", &[]).env("LAMBDA_LAYER_PYTHON_VERSION", python).run().success();
    assert!(told(&in_image("3.12")).starts_with("layer built: 4 files for python3.12"), "{}", told(&in_image("3.12")));
    sandbox.write(".python-version", "3.13\n");
    assert!(told(&in_image("3.12")).starts_with(
        "notice: `python-version` is 3.12, the version of this image, although `.python-version:1` contains 3.13\n"
    ));
    assert!(told(&in_image("3.13")).starts_with("layer built: 4 files for python3.13"));
}

/// Published as version 1, for Python 3.12.
fn published() -> Sandbox {
    let sandbox = acme();
    run(&sandbox, "publish", &["--python-version", "3.12"]).run().success();
    sandbox
}

#[test]
fn a_default_changes_no_layer() {
    let sandbox = published();
    let message = "error: `shared` is published for python3.12, but without `python-version` the new version would be for python3.14";
    for command in ["publish", "plan", "preview"] {
        let outcome = run(&sandbox, command, &[]).run().code(1).says(message);
        outcome.says("hint: set `python-version` to `3.12` to keep the Python version, or to `3.14` to change it");
    }
    // Also where what would be published cannot be known without a tool, and where the project leaves it open.
    sandbox.write("pyproject.toml", format!("{PROJECT}requires-python = '>=3.9'\n"));
    run(&sandbox, "plan", &[]).run().code(1).says(message);
    assert_eq!(sandbox.json(".lambda-layers/state/shared.json")["current"].as_str().map(str::len), Some(64));
    // A folder without its state says as much.
    let state = sandbox.path(".lambda-layers/state/shared.json");
    let text = fs_err::read(&state).expect("is there");
    fs_err::remove_file(&state).expect("is there");
    run(&sandbox, "plan", &[]).run().code(1).says(message);
    fs_err::write(&state, text).expect("can be written");
    // What somebody chose may be another one.
    sandbox.write(".python-version", "3.13\n");
    run(&sandbox, "publish", &[]).run().success().says("python-version: 3.12 → 3.13");
    run(&sandbox, "publish", &["--python-version", "3.14"]).run().success();
    fs_err::remove_file(sandbox.path(".python-version")).expect("is there");
    run(&sandbox, "publish", &[]).run().success().says("shared unchanged");
}

#[test]
fn without_a_state_versions_say_their_pythons() {
    let (account, sandbox) = (Account::new(), acme());
    let run = |command: &str, arguments: &[&str]| account.seen_by(run(&sandbox, command, arguments)).run();
    let version = ["--python-version", "3.12"];
    let both = ["--python-version", "3.12", "--compatible-runtimes", "python3.12,python3.14"];
    let to = ["--registry", "aws", "--regions", EU];
    run("publish", &[&version[..], &to].concat()).success();
    for command in ["plan", "publish"] {
        let outcome = run(command, &to).code(1);
        outcome.says("error: `shared` is published for python3.12, but without `python-version`");
    }
    assert_eq!(account.numbers(EU), [1]);
    // One that another tool published.
    let (other, zip) = (Account::new(), acme());
    zip.run(&["build", "--output", "layer.zip"]).run().success();
    let bytes = fs_err::read(zip.path("layer.zip")).expect("was built");
    other.publish_by_hand(EU, "shared", &bytes, &["python3.11"]);
    other.seen_by(self::run(&zip, "plan", &to)).run().code(1).says("`shared` is published for python3.11, but without");
    // What is for the default, too, stays so.
    run("publish", &[&both[..], &to].concat()).success();
    run("plan", &to).success();
}

#[test]
fn layers_of_a_file_have_a_python_each() {
    let sandbox = acme();
    for (folder, pin) in [("old", "3.11"), ("new", "3.13")] {
        sandbox.write(&format!("{folder}/requirements.txt"), "../acme-1.0-py3-none-any.whl\n");
        sandbox.write(&format!("{folder}/.python-version"), pin);
    }
    sandbox.write(
        "lambda-layers.yml",
        "layers:\n  - {layer-name: 'old-{py}', working-directory: old}\n  - {layer-name: 'new-{py}', working-directory: new}\n  - {layer-name: 'acme-{py}'}\n",
    );
    let outcome = sandbox.run(&["plan"]).without_python().run().success();
    let outcome = outcome.says("old-311").says("new-313").says("acme-314");
    let outcome = outcome.says("`python-version` is 3.11, as set in `.python-version:1`");
    outcome.says("`python-version` is not given, and neither `.python-version`");
    let step = sandbox.run(&[]).without_python().in_actions(&[("command", "plan"), ("registry", ".lambda-layers")]);
    let outputs = step.run().success().outputs();
    let matrix: serde_json::Value = serde_json::from_str(&outputs["matrix"]).expect("is JSON");
    let pythons: Vec<&str> =
        matrix["include"].as_array().into_iter().flatten().filter_map(|job| job["python-version"].as_str()).collect();
    assert_eq!(pythons, ["3.11", "3.13", "3.14"]);
    assert!(outputs["paths"].contains("old/.python-version"), "{}", outputs["paths"]);
}

#[test]
fn a_layer_s_name_and_folder_may_have_words() {
    let sandbox = acme();
    for (folder, pin) in [("layers/web", "3.11"), ("layers/x86_64", "3.12"), ("layers/arm64", "3.13")] {
        sandbox.write(&format!("{folder}/requirements.txt"), "../../acme-1.0-py3-none-any.whl\n");
        sandbox.write(&format!("{folder}/.python-version"), pin);
    }
    let plan = |layers: &str| {
        sandbox.write("lambda-layers.yml", format!("layers:\n{layers}"));
        sandbox.run(&["plan"]).without_python().run()
    };
    let of_layer = "- {layer-name: web, working-directory: 'layers/{layer}', description: 'for {py}'}\n";
    plan(of_layer).success().says("`python-version` is 3.11, as set in `.python-version:1`");
    let of_machine =
        "- {layer-name: 'web-{py}-{arch}', architecture: [x86_64, arm64], working-directory: 'layers/{arch}'}\n";
    plan(of_machine).success().says("web-312-x86_64").says("web-313-arm64");
    let outcome = plan("- {layer-name: 'web-{py}', working-directory: 'layers/{layer}'}\n").code(1);
    outcome.says("`working-directory` contains `{layer}`, but no Python version is given").says("set `python-version`");
}

#[test]
fn an_audit_is_for_the_python_of_the_project() {
    let sandbox = acme();
    run(&sandbox, "build", &["--python-version", "3.13", "--output", "layer.zip"]).run().success();
    let audit = || sandbox.run(&["audit", "layer.zip"]).without_python().run().success();
    audit().says("for python3.14 on x86_64").says("warning: `python-version` is not given, and neither");
    sandbox.write(".python-version", "3.12\n");
    audit().says("for python3.12 on x86_64").says("notice: `python-version` is 3.12, as set in `.python-version:1`");
    sandbox.write(".python-version", "3.8\n");
    let outcome = sandbox.run(&["audit", "layer.zip"]).without_python().run().code(1);
    outcome.says("`.python-version:1` contains `3.8`, for which there is no supported Lambda runtime");
    sandbox.run(&["audit", "layer.zip", "--python-version", "3.13"]).without_python().run().success();
}

#[test]
fn a_preview_is_taken_by_name_alone() {
    let sandbox = acme();
    let outcome = run(&sandbox, "build", &["--python-version", "3.15"]).run().success();
    outcome.says("4 files for python3.15").says("notice: Lambda's python3.15 is a preview, which may change");
    // No action is named that there is none of.
    let outcome = run(&sandbox, "build", &["--python-version", "3.15", "--bytecode", "auto"]).run().success();
    outcome.says("put `python3.15` on PATH, use the action `lambda-layer-action`, or set");
    sandbox.write("pyproject.toml", format!("{PROJECT}requires-python = '>=3.14'\n"));
    assert!(said(&sandbox, &[]).contains("is 3.14, the only supported one"));
    sandbox.write(".python-version", "3.15\n");
    assert!(said(&sandbox, &[]).contains("is 3.15, as set in `.python-version:1`"));
    run(&sandbox, "build", &["--python-version", "3.99"]).run().code(1).says("`3.15` is available as a preview");
}

#[test]
fn a_preview_takes_wheels_of_its_own_abi() {
    for (tags, is_taken) in [
        ("cp315-cp315-manylinux_2_34_x86_64", true),
        ("cp312-abi3-manylinux2014_x86_64", true),
        // Of the free-threaded build, which is not Lambda's.
        ("cp315-cp315t-manylinux_2_34_x86_64", false),
        ("cp314-cp314-manylinux_2_34_x86_64", false),
        ("cp315-cp315-manylinux_2_35_x86_64", false),
    ] {
        let sandbox = Sandbox::with_requirements("--no-index\n-f wheels\nacme\n");
        tagged_wheel_of(&sandbox.path("wheels"), "acme", "1.0", tags, &[("acme.py", "")]);
        let outcome = run(&sandbox, "build", &["--python-version", "3.15"]).run();
        assert_eq!(outcome.code == Some(0), is_taken, "{tags}: {}", outcome.stderr);
        if !is_taken {
            assert!(outcome.stderr.contains("acme"), "{tags}: {}", outcome.stderr);
        }
    }
}
