//! A machine that has the program, uv and a Python of another version than the layer's, as the image of `lite` has.

use camino::Utf8PathBuf;

use crate::harness::{Run, Sandbox, tools};
use crate::packages::sdist_of;

const PYPROJECT: &str =
    "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"six\"]\n";

/// A project with a lock, as uv wrote it.
fn locked() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("pyproject.toml", PYPROJECT);
    let mut uv = std::process::Command::new(tools().program("uv"));
    uv.args(["lock", "--quiet", "--no-config"])
        .current_dir(sandbox.path(""))
        .env("UV_CACHE_DIR", crate::tools::cache("uv"));
    assert!(uv.status().expect("can be started").success());
    sandbox
}

fn run(sandbox: &Sandbox, command: &str) -> Run {
    sandbox.run(&[command, "--layer-name", "app", "--python-version", &tools().python_version()])
}

fn without_tools(run: Run) -> Run {
    run.env("PATH", "/nowhere")
}

/// A `PATH` with uv and Python: no compiler, no shell.
fn small(sandbox: &Sandbox) -> String {
    let folder = sandbox.root().join("small");
    if !folder.exists() {
        fs_err::create_dir(&folder).expect("can be made");
        let link = |name: &str, to: Utf8PathBuf| {
            fs_err::os::unix::fs::symlink(to, folder.join(name)).expect("can be made");
        };
        link("uv", tools().program("uv"));
        link("python3", tools().program("python3").canonicalize_utf8().expect("is there"));
    }
    folder.into_string()
}

#[test]
fn a_plan_needs_no_tools() {
    let sandbox = locked();
    without_tools(run(&sandbox, "plan"))
        .run()
        .success()
        .says("app would be published: this layer has not been published before");
    run(&sandbox, "publish").run().success();
    without_tools(run(&sandbox, "plan"))
        .run()
        .success()
        .says("app unchanged: the inputs are the same as for version 1");
    // With tools an edit that means nothing is seen through.
    sandbox.write("pyproject.toml", format!("# more\n{PYPROJECT}"));
    run(&sandbox, "plan").run().success().says("app unchanged: the inputs were edited, but are equivalent");
    let plan = without_tools(run(&sandbox, "plan")).args(&["--registry", ".lambda-layers"]);
    let outcome = plan.in_actions(&[]).run().success();
    let reason = "the inputs were edited; the build determines whether `uv.lock` still means the same";
    assert_eq!(outcome.outputs()["reason"], reason);
    assert_eq!((outcome.outputs()["changed"].as_str(), outcome.outputs()["fingerprint"].as_str()), ("true", ""));
    let matrix: serde_json::Value = serde_json::from_str(&outcome.outputs()["matrix"]).expect("is JSON");
    assert_eq!(matrix["include"][0]["layer-name"], "app");
    let outcome = without_tools(run(&sandbox, "publish")).run().code(2);
    outcome.says("Python 3 is not installed on this machine").says("or let uv download one");
}

#[test]
fn a_lock_is_read_and_its_wheels_are_installed() {
    let sandbox = locked();
    run(&sandbox, "publish").env("PATH", small(&sandbox)).run().success().says("app published");
}

/// A source distribution of setuptools, which calls the compiler only if it gets so far.
fn sdist(sandbox: &Sandbox, name: &str, extension: &str) {
    let setup = format!(
        "from setuptools import setup, Extension\nsetup(name='{name}', version='1.0', py_modules=['{name}'], ext_modules=[{extension}])\n"
    );
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n");
    let project = "[build-system]\nrequires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n";
    let module = format!("{name}.py");
    let files = [
        ("PKG-INFO", metadata.as_str()),
        ("pyproject.toml", project),
        ("setup.py", &setup),
        (&module, "x = 1\n"),
        ("fast.c", "int x;\n"),
    ];
    sdist_of(&sandbox.path("packages"), name, "1.0", &files);
}

#[test]
fn what_needs_a_compiler_is_refused_and_python_alone_is_built() {
    let cases = [
        ("acmepure", "", 0),
        ("acmecompiled", "Extension('fast', ['fast.c'])", 1),
        // Without the stand-in, this one makes a wheel of Python alone where there is no compiler.
        ("acmespeedups", "Extension('fast', ['fast.c'], optional=True)", 1),
    ];
    for (name, extension, code) in cases {
        let sandbox = Sandbox::new();
        sdist(&sandbox, name, extension);
        sandbox.write("requirements.txt", format!("--find-links packages\n{name}==1.0\n"));
        // A wheel that an earlier run built must not help.
        let times = if extension.contains("optional") { 2 } else { 1 };
        for _ in 0..times {
            let outcome = run(&sandbox, "publish").env("PATH", small(&sandbox)).run().code(code);
            if code == 1 {
                let outcome = outcome.says(&format!("`{name}` needs a compiler, but this machine has none"));
                outcome.says("cause: its build calls `").says("hint: build it on ").says("lambda-layer-action/python");
                assert!(!sandbox.path(".lambda-layers/app/1").exists());
            }
        }
    }
}

#[test]
fn a_project_that_needs_a_compiler_is_refused_by_its_name() {
    let sandbox = Sandbox::with_requirements("./own\n");
    let setup = "from setuptools import setup, Extension\nsetup(ext_modules=[Extension('fast', ['fast.c'])])\n";
    let project = "[build-system]\nrequires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n\
        [project]\nname = \"acmeown\"\nversion = \"1\"\n";
    for (file, text) in [("setup.py", setup), ("pyproject.toml", project), ("fast.c", "int x;\n")] {
        sandbox.write(&format!("own/{file}"), text);
    }
    let outcome = run(&sandbox, "publish").env("PATH", small(&sandbox)).run().code(1);
    outcome.says("error: `acmeown` needs a compiler, but this machine has none");
}

#[test]
fn a_build_script_is_refused_where_no_shell_could_run_it() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let outcome = run(&sandbox, "publish").args(&["--build-script", "true"]).env("PATH", small(&sandbox)).run().code(1);
    outcome.says("`build-script` needs a shell, but this machine has none").says("whose image has one");
}

#[test]
fn a_repository_of_git_is_refused_where_there_is_no_git() {
    let sandbox = Sandbox::with_requirements("six @ git+https://127.0.0.1:1/six.git\n");
    for installer in ["uv", "pip"] {
        let run = run(&sandbox, "publish").args(&["--installer", installer]).env("PATH", small(&sandbox)).run();
        let outcome =
            run.code(1).says("a requirement is in a git repository, but git is not installed on this machine");
        outcome.says("lambda-layer-action/python");
    }
}
