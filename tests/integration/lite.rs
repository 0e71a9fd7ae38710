//! A machine that has the program and nothing else, as the image of `lite` is.

use crate::harness::{Run, Sandbox, tools};

const PYPROJECT: &str =
    "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"six\"]\n";

/// A project with a lock, as uv wrote it.
fn locked() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("pyproject.toml", PYPROJECT);
    let mut uv = std::process::Command::new(tools().program("uv"));
    uv.args(["lock", "--quiet", "--no-config"]).current_dir(sandbox.path("")).env("UV_CACHE_DIR", tools().cache("uv"));
    assert!(uv.status().expect("can be started").success());
    sandbox
}

fn run(sandbox: &Sandbox, command: &str) -> Run {
    sandbox.run(&[command, "--layer-name", "app", "--python-version", &tools().python_version()])
}

fn without_tools(run: Run) -> Run {
    run.env("PATH", "/nowhere")
}

#[test]
fn a_plan_needs_no_tools() {
    let sandbox = locked();
    without_tools(run(&sandbox, "plan")).run().success().says("app would be published: the layer was never published");
    run(&sandbox, "publish").run().success();
    without_tools(run(&sandbox, "plan")).run().success().says("app unchanged: the inputs are those of version 1");
    // With tools an edit that means nothing is seen through.
    sandbox.write("pyproject.toml", format!("# more\n{PYPROJECT}"));
    run(&sandbox, "plan").run().success().says("app unchanged: the inputs were edited but mean the same");
    let plan = without_tools(run(&sandbox, "plan")).args(&["--registry", ".lambda-layers"]);
    let outcome = plan.in_actions(&[]).run().success();
    let reason = "the inputs were edited; what `uv.lock` means is found out by the build";
    assert_eq!(outcome.outputs()["reason"], reason);
    assert_eq!((outcome.outputs()["changed"].as_str(), outcome.outputs()["fingerprint"].as_str()), ("true", ""));
    let matrix: serde_json::Value = serde_json::from_str(&outcome.outputs()["matrix"]).expect("is JSON");
    assert_eq!(matrix["include"][0]["layer-name"], "app");
    without_tools(run(&sandbox, "publish")).run().code(2).says("the action's own image has it, `lite` has not");
}

#[test]
fn the_small_image_refuses_to_build() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    run(&sandbox, "publish").run().success();
    let lite = |command: &str| without_tools(run(&sandbox, command)).env("LAMBDA_LAYER_LITE", "1");
    for command in ["build", "publish", "preview"] {
        let outcome = lite(command).run().code(1);
        outcome.says(&format!("`{command}` builds")).says("use the action itself and not its `lite`");
    }
    lite("plan").run().success().says("app unchanged");
    lite("label").args(&["--labels", "production"]).run().success();
}
