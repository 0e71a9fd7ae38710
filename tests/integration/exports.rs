//! Layers of every kind of dependency file beside what its own tool installs; what the tools say of lock files.

use crate::harness::Sandbox;
use crate::locks::{installed, layered, locked};
use crate::tools::tools;

/// The layer for the tools' Python has what the tool itself installs, and the workspace stays as it is.
#[track_caller]
fn assert_same(sandbox: &Sandbox, file: &str, groups: &[&str], extras: &[&str]) {
    let before = sandbox.tree();
    let zip = sandbox.root().join("layer.zip");
    let (python, groups_text, extras_text) = (tools().python_version(), groups.join(","), extras.join(","));
    let run = sandbox.run(&["build", "--requirements", file, "--python-version", &python, "--output", zip.as_str()]);
    run.args(&["--groups", &groups_text, "--extras", &extras_text]).run().success();
    assert!(sandbox.tree() == before, "the workspace was written to");
    let layer = layered(&zip);
    assert_eq!(layer, installed(sandbox, file, groups, extras));
    assert!(layer.contains_key("pysocks") && !layer.contains_key("pytest") && !layer.contains_key("ten-packages"));
}

#[test]
fn a_layer_of_poetry_has_what_poetry_installs() {
    let sandbox = locked("poetry.lock");
    assert_same(&sandbox, "poetry.lock", &[], &[]);
    assert_same(&sandbox, "poetry.lock", &["docs"], &["yaml"]);
}

#[test]
fn a_layer_of_pdm_has_what_pdm_installs() {
    let sandbox = locked("pdm.lock");
    assert_same(&sandbox, "pdm.lock", &[], &[]);
    assert_same(&sandbox, "pdm.lock", &["docs"], &["yaml"]);
}

#[test]
fn a_layer_of_pipenv_has_what_pipenv_installs() {
    let sandbox = locked("Pipfile.lock");
    assert_same(&sandbox, "Pipfile.lock", &[], &[]);
    assert_same(&sandbox, "Pipfile.lock", &["docs"], &[]);
}

#[test]
fn layers_of_the_other_kinds_have_what_their_tools_install() {
    for file in ["uv.lock", "pyproject.toml"] {
        let sandbox = locked(file);
        assert_same(&sandbox, file, &[], &[]);
        assert_same(&sandbox, file, &["docs"], &["yaml"]);
    }
    for file in ["pylock.toml", "requirements.txt"] {
        assert_same(&locked(file), file, &[], &[]);
    }
}

fn plan(sandbox: &Sandbox) -> crate::harness::Run {
    sandbox.run(&["plan", "--layer-name", "app", "--python-version", &tools().python_version()])
}

#[test]
fn a_lock_that_does_not_fit_names_the_command_that_refreshes_it() {
    for (file, beside, from, to, command) in [
        ("poetry.lock", "pyproject.toml", "\"click\"", "\"click\", \"attrs\"", "poetry lock"),
        ("pdm.lock", "pyproject.toml", "\"click\"", "\"click\", \"attrs\"", "pdm lock"),
        ("Pipfile.lock", "Pipfile", "click = \"*\"", "click = \"*\"\nattrs = \"*\"", "pipenv lock"),
    ] {
        let sandbox = locked(file);
        sandbox.write(beside, sandbox.read(beside).replace(from, to));
        let before = sandbox.tree();
        let outcome = plan(&sandbox).run().code(1).says(&format!("error: `{file}` does not match `{beside}`"));
        outcome.says(&format!("hint: run `{command}` and commit the result"));
        assert!(sandbox.tree() == before, "the workspace was written to");
    }
}

#[test]
fn a_tool_is_asked_without_a_network_and_leaves_nothing_in_the_home() {
    for file in ["poetry.lock", "pdm.lock", "Pipfile.lock"] {
        let sandbox = locked(file);
        plan(&sandbox).run().success();
        let proxy = format!("http://127.0.0.1:{}", crate::harness::dead_port());
        // A proxy where nobody answers, and settings of the tools that would lead elsewhere.
        let run = plan(&sandbox).env("HTTPS_PROXY", &proxy).env("HTTP_PROXY", &proxy).env("ALL_PROXY", &proxy);
        let run = run.env("POETRY_VIRTUALENVS_IN_PROJECT", "true").env("PDM_PROJECT", "/").env("PIPENV_PIPFILE", "/x");
        run.run().success().says("app would be published");
        let home = walkdir::WalkDir::new(sandbox.root().join("home")).min_depth(1).into_iter().count();
        assert_eq!(home, 0, "{file}");
    }
}

#[test]
fn an_extra_that_pdm_did_not_lock_is_named_with_the_command() {
    let sandbox = locked("pdm.lock");
    let lock = sandbox
        .read("pdm.lock")
        .replace("groups = [\"default\", \"dev\", \"docs\", \"yaml\"]", "groups = [\"default\"]");
    sandbox.write("pdm.lock", lock);
    let outcome = plan(&sandbox).args(&["--extras", "yaml"]).run().code(1);
    outcome.says("error: `pdm.lock` was locked without `yaml`").says("hint: run `pdm lock --group yaml`");
}

#[test]
fn what_does_not_fit_the_python_or_was_not_locked_is_said_before_a_tool_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("pyproject.toml", "[tool.poetry.dependencies]\npython = \"^3.12\"\nsix = \"*\"\n");
    sandbox.write("poetry.lock", "[metadata]\nlock-version = \"2.1\"\n");
    let refused = |python: &str| {
        sandbox
            .run(&["plan", "--layer-name", "app", "--python-version", python])
            .path_first(&sandbox.trap(&["uv"]))
            .run()
    };
    let outcome = refused("3.11").code(1);
    outcome.says("error: `pyproject.toml` requires Python ^3.12, but the layer is for Python 3.11");
    assert_eq!(sandbox.trapped(), "", "a program was started");

    let sandbox = locked("pdm.lock");
    let lock = sandbox.read("pdm.lock");
    let cut = lock.find("[[package]]\nname = \"urllib3\"").expect("is locked");
    sandbox.write("pdm.lock", &lock[..cut]);
    let outcome = plan(&sandbox).run().code(1);
    outcome
        .says("error: `pdm.lock` does not contain `")
        .says("` requires: the file is truncated")
        .says("create it again with `pdm lock`");
    // A group that the project has and the lock has not.
    let groups = "groups = [\"default\", \"dev\", \"docs\", \"yaml\"]";
    sandbox.write("pdm.lock", lock.replace(groups, "groups = [\"default\"]"));
    let outcome = plan(&sandbox).args(&["--groups", "docs"]).run().code(1);
    outcome.says("error: `pdm.lock` was locked without `docs`").says("hint: run `pdm lock --group docs`");
}
