//! `init`: a first `lambda-layers.yml`, which `plan` takes at once.

use crate::harness::{Sandbox, action_repository};

#[test]
fn what_is_there_becomes_layers_that_plan_takes() {
    let sandbox = Sandbox::new();
    for (path, text) in [
        ("web/requirements.txt", "six==1.17.0\n"),
        ("ml/training/requirements.txt", "idna==3.20\n"),
        ("ml/training/pyproject.toml", "[project]\nname = 'x'\nversion = '1'\nrequires-python = '==3.12.*'\n"),
        ("fn/a b/web/requirements.txt", "six==1.17.0\n"),
        ("old/requirements.txt", "six==1.17.0\n"),
        ("old/.python-version", "3.11.4\n"),
        ("docs/requirements.txt", "sphinx\n"),
        ("node_modules/x/requirements.txt", "x\n"),
        (".venv/requirements.txt", "x\n"),
        ("env/pyvenv.cfg", ""),
        ("env/requirements.txt", "x\n"),
        ("broken/requirements.txt", "six==\n"),
        ("lint/pyproject.toml", "[tool.ruff]\n"),
        (
            "space/uv.lock",
            "version = 1\nrevision = 3\nrequires-python = '>=3.12'\n\n[[package]]\nname = 'member'\nversion = '1'\nsource = { editable = 'packages/member' }\n\n[[package]]\nname = 'space'\nversion = '1'\nsource = { virtual = '.' }\n\n[manifest]\nmembers = ['member', 'space']\n",
        ),
        (
            "space/pyproject.toml",
            "[project]\nname = 'space'\nversion = '1'\nrequires-python = '>=3.12'\n\n[tool.uv.workspace]\nmembers = ['packages/*']\n",
        ),
        (
            "space/packages/member/pyproject.toml",
            "[project]\nname = 'member'\nversion = '1'\nrequires-python = '>=3.12'\n",
        ),
    ] {
        sandbox.write(path, text);
    }
    let outcome = sandbox.run(&["init", "--regions", "eu-west-1,us-east-1", "--slim", "max"]);
    let repository = action_repository();
    let outcome = outcome.env("GITHUB_ACTION_REPOSITORY", &repository).env("GITHUB_ACTION_REF", "v1").run().success();
    insta::assert_snapshot!(outcome.told(), @"
    exit: 0
    --- stdout
    wrote `lambda-layers.yml`: 5 layers

      a-b-web   fn/a b/web/requirements.txt
      training  ml/training/requirements.txt
      old       old/requirements.txt
      space     space/uv.lock
      web       web/requirements.txt

    skipped
      docs/requirements.txt: folders called `docs` are skipped
      space/packages/member/pyproject.toml: it belongs to the uv.lock in a folder above it
      broken/requirements.txt: requirements.txt:1: `six==` is not a valid requirement: Unexpected end of version specifier, expected version
      lint/pyproject.toml: `pyproject.toml` has no `[project]` table, so it declares no dependencies

    next: run `lambda-layer plan` to see what would be published
    --- stderr
    ");
    let text = sandbox.read("lambda-layers.yml");
    let (first, rest) = text.split_once('\n').expect("has lines");
    let address = format!("https://raw.githubusercontent.com/{repository}/v1/lambda-layers.schema.json");
    assert_eq!(first, format!("# yaml-language-server: $schema={address}"));
    insta::assert_snapshot!(rest, @r#"
    # The layers of this repository. Every input can be set in `defaults` or in a layer.
    defaults:
      python-version: "3.14"
      regions: [eu-west-1, us-east-1]
      slim: max
    layers:
      - layer-name: a-b-web
        working-directory: "fn/a b/web"
      - layer-name: training
        working-directory: ml/training
        python-version: "3.12"
      - layer-name: old
        working-directory: old
        python-version: "3.11"
      - layer-name: space
        working-directory: space
      - layer-name: web
        working-directory: web
    "#);
    let outcome = sandbox.run(&["plan", "--registry", ".lambda-layers", "--regions", ""]).run();
    outcome.says("would be published");
    sandbox.run(&["init"]).run().code(1).says("`lambda-layers.yml` already exists");
}

#[test]
fn the_first_plan_needs_nothing_else() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.run(&["init"]).run().success();
    sandbox.run(&["plan"]).run().success().says("would be published");
}

#[test]
fn a_repository_without_dependencies_is_told_so() {
    let sandbox = Sandbox::new();
    sandbox.write("broken/requirements.txt", "six==\n");
    let outcome = sandbox.run(&["init"]).run().code(1);
    outcome.says("contains no dependency files for a layer").says("`broken/requirements.txt`: ");
    assert!(!sandbox.path("lambda-layers.yml").exists());
}

#[test]
fn another_file_may_be_named_and_a_token_not() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("infra/web/requirements.txt", "six==1.17.0\n");
    sandbox.run(&["init", "--github-token", "x"]).run().code(1).says("`github-token` cannot be a default");
    sandbox.run(&["init", "--config", "infra/layers.yml"]).run().success().says("plan --config infra/layers.yml");
    sandbox.run(&["plan", "--config", "infra/layers.yml"]).run().success().says("web would be published");
}
