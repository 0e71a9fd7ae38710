//! Variables and configuration files of installers and lock tools: what is set for other work does not reach a build, and
//! what decides what is installed is part of the fingerprint.

use crate::harness::{Outcome, Run, Sandbox, tools};
use crate::locks::{layered, uv};
use crate::packages::wheel;
use crate::zip::members;

/// Each of them breaks an installation, or puts it elsewhere, where it reaches uv or pip.
const HARMFUL: &[(&str, &str)] = &[
    ("UV_COMPILE_BYTECODE", "1"),
    ("UV_LINK_MODE", "symlink"),
    ("UV_PROJECT", "/nowhere"),
    ("UV_WORKING_DIR", "/nowhere"),
    ("UV_PYTHON", "/nowhere"),
    ("UV_TARGET", "/nowhere"),
    ("UV_FROZEN", "1"),
    ("UV_LOCKED", "1"),
    ("UV_DEV", "1"),
    ("UV_NO_DEFAULT_GROUPS", "nonsense"),
    ("UV_REFRESH", "nonsense"),
    ("UV_SYSTEM_PYTHON", "nonsense"),
    ("PIP_REQUIRE_VIRTUALENV", "1"),
    ("PIP_USER", "1"),
    ("PIP_PREFIX", "/nowhere"),
    ("PIP_ROOT", "/nowhere"),
    ("PIP_TARGET", "/nowhere"),
    ("PIP_REQUIREMENT", "/nowhere"),
    ("PIP_PYTHON", "/nowhere"),
    ("PIP_DRY_RUN", "1"),
    ("PIP_COMPILE", "nonsense"),
    ("PYTHONHOME", "/nowhere"),
    ("PYTHONPATH", "/nowhere"),
    ("PYTHONOPTIMIZE", "2"),
    ("PYTHONWARNINGS", "error"),
    ("PYTHONUSERBASE", "/nowhere"),
    ("VIRTUAL_ENV", "/nowhere"),
    ("CONDA_PREFIX", "/nowhere"),
];

fn build(sandbox: &Sandbox, installer: &str) -> Run {
    let python = tools().python_version();
    sandbox.run(&["build", "--python-version", &python, "--installer", installer, "--output", "layer.zip"])
}

/// Without the variables that point to the indexes of this machine: with `--find-links` everything is at hand.
fn from_wheels(sandbox: &Sandbox, installer: &str) -> Run {
    build(sandbox, installer).env("PIP_FIND_LINKS", "").env("PIP_INDEX_URL", "").env("PIP_NO_INDEX", "")
}

fn with_harmful(run: Run) -> Run {
    HARMFUL.iter().fold(run, |run, (name, value)| run.env(name, value))
}

/// A project of one wheel, which is the only thing that `--find-links` has.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_requirements("--no-index\n--find-links wheels\nalpha\n");
    wheel(&sandbox.path("wheels"), "alpha", "1.0");
    sandbox
}

#[test]
fn variables_that_are_set_for_other_work_do_not_reach_installers() {
    for installer in ["uv", "pip"] {
        let sandbox = sandbox();
        with_harmful(from_wheels(&sandbox, installer)).run().success();
        assert_eq!(layered(&sandbox.path("layer.zip")), [("alpha".to_owned(), "1.0".to_owned())].into());
    }
}

#[test]
fn what_is_left_out_is_said_by_name_to_those_who_look_for_a_fault() {
    let sandbox = sandbox();
    let run = || from_wheels(&sandbox, "uv").env("UV_DEV", "s3cret-1").env("PIP_USER", "s3cret-1").env("PATHS", "x");
    let outcome = run().env("LAMBDA_LAYER_DEBUG", "1").run().success();
    let said = "set, but not passed on to installers and lock tools: PIP_USER, UV_DEV\n";
    assert_eq!(outcome.stderr.matches(said).count(), 1, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("s3cret-1"));
    assert!(!run().run().success().stderr.contains("UV_DEV"));
}

#[test]
fn pips_configuration_files_are_heeded_as_its_variables_are() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    wheel(&sandbox.path("wheels"), "alpha", "1.0");
    wheel(&sandbox.path("wheels"), "alpha", "2.0");
    let configured = |text: &str| {
        let place = sandbox.root().join("home/.config/pip/pip.conf");
        fs_err::create_dir_all(place.parent().expect("has one")).expect("can be made");
        fs_err::write(place, format!("[global]\nno-index = true\nfind-links =\n    wheels\n{text}")).expect("is ours");
        from_wheels(&sandbox, "pip")
    };
    let version = || members(&sandbox.path("layer.zip"))["python/alpha.py"].text().to_owned();
    configured(
        "require-virtualenv = true\n[install]\nuser = true\nprefix = /nowhere\ncompile = yes\nroot = /nowhere\n",
    )
    .run()
    .success();
    assert_eq!(version(), "version = \"2.0\"\n");
    sandbox.write("limits.txt", "alpha<2\n");
    configured("constraint = limits.txt\n").run().success();
    assert_eq!(version(), "version = \"1.0\"\n");
    configured("constraint = nothing.txt\n").run().code(1).says("error: `PIP_CONSTRAINT` refers to `nothing.txt`");
    let outcome = configured("what\n").run().code(1);
    outcome.says("home/.config/pip/pip.conf:5 is not valid in a pip configuration file\n").says("hint: write `name");
}

#[test]
fn uv_is_fetched_whatever_is_set_for_pip() {
    let sandbox = sandbox();
    let conf = "[global]\nrequire-virtualenv = true\nonly-binary = :none:\n[install]\nuser = true\nno-binary = :all:\n";
    fs_err::write(sandbox.root().join("pip.conf"), conf).expect("can be written");
    // What the tests have of uv is not on PATH, but the Python is.
    let bin = sandbox.root().join("bin");
    fs_err::create_dir_all(&bin).expect("can be made");
    for name in ["python3", "python"] {
        sandbox.program(&format!("bin/{name}"), &format!("exec {} \"$@\"\n", tools().program(name)));
    }
    let run = with_harmful(build(&sandbox, "uv")).env("PATH", format!("{bin}:/usr/bin:/bin"));
    let run = run.env("PIP_CONFIG_FILE", sandbox.root().join("pip.conf")).env("PIP_NO_INDEX", "1");
    run.run().success().says("Download uv ");
    assert_eq!(layered(&sandbox.path("layer.zip")), [("alpha".to_owned(), "1.0".to_owned())].into());
}

#[test]
fn variables_of_uv_do_not_choose_groups_of_a_lock() {
    let sandbox = Sandbox::new();
    let project = "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"six==1.17.0\"]\n\
        [dependency-groups]\ndev = [\"idna==3.10\"]\n";
    sandbox.write("pyproject.toml", project);
    crate::locks::run(uv(&sandbox.path("")).arg("lock"));
    with_harmful(build(&sandbox, "uv")).run().success();
    assert_eq!(layered(&sandbox.path("layer.zip")), [("six".to_owned(), "1.17.0".to_owned())].into());
}

fn published(sandbox: &Sandbox, installer: &str, constraint: &str) -> Outcome {
    let arguments = ["publish", "--layer-name", "x", "--python-version", &tools().python_version()];
    let name = if installer == "uv" { "UV_CONSTRAINT" } else { "PIP_CONSTRAINT" };
    let run = sandbox.run(&arguments).args(&["--installer", installer]).env(name, constraint);
    run.env("PIP_FIND_LINKS", "").run()
}

#[test]
fn files_that_variables_name_are_inputs() {
    for installer in ["uv", "pip"] {
        let sandbox = sandbox();
        wheel(&sandbox.path("wheels"), "alpha", "2.0");
        sandbox.write("limits.txt", "alpha<2\n");
        published(&sandbox, installer, "limits.txt").success().says("x published");
        published(&sandbox, installer, "limits.txt").success().says("x unchanged");
        sandbox.write("limits.txt", "alpha<3\n");
        let variable = if installer == "uv" { "UV_CONSTRAINT" } else { "PIP_CONSTRAINT" };
        let said = format!("x published: variables: {variable} has different content");
        published(&sandbox, installer, "limits.txt").success().says(&said);
        let outcome = published(&sandbox, installer, "gone.txt").code(1);
        outcome
            .says(&format!("error: `{variable}` refers to `gone.txt`, which does not exist\n"))
            .says("hint: correct");
    }
}

#[test]
fn uv_may_be_told_not_to_follow_sources() {
    let sandbox = sandbox();
    wheel(&sandbox.path("own"), "alpha", "9.0");
    let project = "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"alpha\"]\n\
        [tool.uv.sources]\nalpha = { path = \"own/alpha-9.0-py3-none-any.whl\" }\n";
    sandbox.write("pyproject.toml", project);
    let run = |variables: &[(&str, &str)]| {
        let run = build(&sandbox, "uv").args(&["--requirements", "pyproject.toml"]).env("UV_FIND_LINKS", "wheels");
        variables.iter().fold(run, |run, (name, value)| run.env(name, value)).run().success();
        members(&sandbox.path("layer.zip"))["python/alpha.py"].text().to_owned()
    };
    assert_eq!(run(&[]), "version = \"9.0\"\n");
    wheel(&sandbox.path("wheels"), "alpha", "8.0");
    let index = "http://127.0.0.1:1/simple/";
    let local = [("UV_OFFLINE", "1"), ("UV_DEFAULT_INDEX", index)];
    assert_eq!(run(&[local.as_slice(), &[("UV_NO_SOURCES", "1")]].concat()), "version = \"8.0\"\n");
    assert_eq!(run(&[local.as_slice(), &[("UV_NO_SOURCES_PACKAGE", "Alpha")]].concat()), "version = \"8.0\"\n");
}

/// A build script is the user's own, and sees what they set.
#[test]
fn a_build_script_sees_the_variables_of_its_tools() {
    let sandbox = sandbox();
    let script = "test \"$PIP_BREAK_SYSTEM_PACKAGES $UV_LINK_MODE ${AWS_SECRET_ACCESS_KEY:-}\" = '1 copy '";
    let run = from_wheels(&sandbox, "uv").args(&["--build-script", script]);
    let run = run.env("PIP_BREAK_SYSTEM_PACKAGES", "1").env("UV_LINK_MODE", "copy");
    run.env("AWS_SECRET_ACCESS_KEY", "hidden").run().success();
}
