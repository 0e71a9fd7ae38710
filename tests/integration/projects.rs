//! Own projects: `source` builds them as wheels and puts them beside the dependencies.

use std::collections::BTreeMap;

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::{modern_project, project, wheel};
use crate::zip::{Member, members, names, unpack};

/// Neither the Python nor the processor of this machine.
const FOREIGN: &str = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };

fn other_python() -> &'static str {
    if tools().python_version() == "3.13" { "3.12" } else { "3.13" }
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let target = ["--python-version", other_python(), "--architecture", FOREIGN];
    sandbox.run(&["build", "--output", "layer.zip"]).args(&target).args(arguments).run()
}

fn built(sandbox: &Sandbox, arguments: &[&str]) -> BTreeMap<String, Member> {
    run(sandbox, arguments).success();
    members(&sandbox.path("layer.zip"))
}

fn told(outcome: &Outcome) -> String {
    let machine = std::env::consts::ARCH;
    let here = tools().python_version();
    let digits = here.replace('.', "");
    let told = outcome.told().replace(&format!("cp{digits}-cp{digits}-linux_{machine}"), "[TAG]");
    let release = other_python().parse::<lambda_layer::types::PythonVersion>().expect("is known").release();
    told.replace(&format!("Python {here}"), "Python [HERE]")
        .replace(&release.to_string(), "[PYTHON]")
        .replace(other_python(), "[PYTHON]")
        .replace(FOREIGN, "[ARCH]")
}

const SCRIPT: &str = "scripts = { ours = \"ours:main\" }\ndependencies = [\"six\"]\n";

#[test]
fn results_of_earlier_runs_are_no_part_of_the_project() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    modern_project(&sandbox, "ours", SCRIPT);
    let plan = || {
        let arguments = ["plan", "--layer-name", "shared", "--source", "ours", "--results", "ours/results"];
        let outcome = sandbox.run(&arguments).args(&["--registry", ".lambda-layers"]).in_actions(&[]).run().success();
        outcome.outputs()["fingerprint"].clone()
    };
    let first = plan();
    assert!(sandbox.path("ours/results/plan.set.json").is_file());
    assert_eq!(plan(), first);
}

#[test]
fn a_project_is_built_for_any_target_and_leaves_the_workspace_alone() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    modern_project(&sandbox, "ours", SCRIPT);
    let before = sandbox.tree();
    let first = built(&sandbox, &["--source", "ours"]);
    let after: Vec<_> = sandbox.tree().into_keys().filter(|path| !before.contains_key(path)).collect();
    assert_eq!(after, [sandbox.path("layer.zip")]);
    assert_eq!(names(&first), ["bin/ours", "python/ours/__init__.py", "python/six.py"]);
    let record = first["python/ours-1.0.dist-info/RECORD"].text();
    assert!(record.contains("../bin/ours,sha256=") && record.contains("ours/__init__.py,sha256="), "{record}");
    let opt = sandbox.root().join("opt");
    unpack(&first, &opt);
    let mut python = std::process::Command::new(tools().program("python3"));
    let output = python.args(["-c", "import ours; ours.main()"]).env("PYTHONPATH", opt.join("python")).output();
    assert_eq!(output.expect("can be started").stdout, b"ours\n");

    // The same bytes from another folder, where other builds left something behind.
    let other = Sandbox::with_requirements("six==1.17.0\n");
    modern_project(&other, "deep/er/ours", SCRIPT);
    other.write("deep/er/ours/build/lib/ours/gone.py", "");
    other.write("deep/er/ours/ours.egg-info/SOURCES.txt", "gone.py\n");
    other.write("deep/er/ours/venv/pyvenv.cfg", "");
    std::os::unix::fs::symlink("/usr/bin/env", other.path("deep/er/ours/venv/python")).expect("can be made");
    built(&other, &["--source", "deep/er/ours"]);
    let zip = |sandbox: &Sandbox| fs_err::read(sandbox.path("layer.zip")).expect("is there");
    assert!(zip(&sandbox) == zip(&other));
}

#[test]
fn the_repository_itself_can_be_the_project() {
    let sandbox = Sandbox::new();
    modern_project(&sandbox, "ours", "");
    for path in ["pyproject.toml", "ours/__init__.py"] {
        fs_err::create_dir_all(sandbox.path("root/ours")).expect("can be made");
        fs_err::rename(sandbox.path(&format!("ours/{path}")), sandbox.path(&format!("root/{path}"))).expect("is there");
    }
    let publish = || {
        let arguments = ["publish", "--layer-name", "shared", "--working-directory", "root", "--source", "."];
        sandbox.run(&arguments).args(&["--output", "out/layer.zip", "--python-version", other_python()]).run().success()
    };
    publish().says("shared published: this layer has not been published before");
    // What the first run wrote beside the project is none of its files.
    publish().says("shared unchanged: the inputs are the same as for version 1");
    sandbox.write("root/ours/__init__.py", "x = 1\n");
    publish().says("shared published: source: . has different content");
}

#[test]
fn what_a_project_requires_is_left_to_the_requirements() {
    let sandbox = Sandbox::new();
    modern_project(&sandbox, "ours", "dependencies = [\"six\", \"idna>=3\", \"tomli; python_version < '3.11'\"]\n");
    insta::assert_snapshot!(told(&run(&sandbox, &["--source", "ours"]).success()), @r"
    exit: 0
    --- stdout

      ours 1.0      607 B  ████████████████████████

      size          607 B (under 1% of 250 MB), zipped 1.6 KB
      fingerprint   [sha256]
      content hash  [base64]
      zip           layer.zip
    layer built: 5 files for python[PYTHON] on [ARCH]
    --- stderr
      [time]  Build ours                       ours 1.0
      [time]  Pack the zip                     5 files, 607 B → 1.6 KB
      [time]  Check the layer                  1 finding
    warning: `ours` needs `idna>=3`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]
    ");
}

#[test]
fn one_that_cannot_be_built_says_why() {
    let sandbox = Sandbox::new();
    project(&sandbox, "broken", "import nothing_of_that_name", "");
    modern_project(&sandbox, "young", "requires-python = \">=3.99\"\n");
    project(&sandbox, "native", "from setuptools import Extension", "ext_modules=[Extension('native_c', ['c.c'])]");
    sandbox.write("native/c.c", "void *PyInit_native_c(void) { return 0; }\n");
    let before = sandbox.tree();
    insta::assert_snapshot!(told(&run(&sandbox, &["--source", "broken"]).code(1)), @r"
    exit: 1
    --- stdout
    --- stderr
    error: the project `broken` in `source` could not be built
    cause: ModuleNotFoundError: No module named 'nothing_of_that_name'
    hint: if a program or a header is missing, install it with `build-script`, e.g. `dnf install -y libpq-devel` in the action's image
    ");
    insta::assert_snapshot!(told(&run(&sandbox, &["--source", "young"]).code(1)), @r"
    exit: 1
    --- stdout
    --- stderr
    error: the project `young` in `source` could not be built
    cause: No solution found when resolving dependencies
    cause: Because the requested Python version (>=[PYTHON]) does not satisfy Python>=3.99 and young==1.0 depends on Python>=3.99, we can conclude that young==1.0 cannot be used. And because only young==1.0 is available and you require young, we can conclude that your requirements are unsatisfiable.
    hint: correct the requirements; set LAMBDA_LAYER_DEBUG=1 to see the complete output of the tool
    ");
    insta::assert_snapshot!(told(&run(&sandbox, &["--source", "native"]).code(1)), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `native` contains compiled code, but Python [HERE] on this machine cannot compile for python[PYTHON] on [ARCH]
    cause: a build on this machine creates `native-1.0-[TAG].whl`
    hint: build it on [ARCH] in the runtime's image (the action `lambda-layer-action/python[PYTHON]`, or `public.ecr.aws/sam/build-python[PYTHON]`)
    ");
    assert!(sandbox.tree() == before, "something was written");
}

#[test]
fn a_project_that_is_required_as_well_is_refused() {
    let sandbox = Sandbox::with_requirements("./wheels/ours-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path("wheels"), "ours", "1.0");
    modern_project(&sandbox, "ours", "");
    insta::assert_snapshot!(told(&run(&sandbox, &["--source", "ours"]).code(1)), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Install with uv 0.13.8           1 distribution for python[PYTHON] on [ARCH]
    error: the project `ours` in `source` is already in the layer
    cause: a requirement installs a distribution with the same name and version
    hint: remove it from the requirements or from `source`
    ");
}

#[test]
fn a_file_that_configures_tools_makes_no_project() {
    let sandbox = Sandbox::new();
    sandbox.write("package/pyproject.toml", "[tool.ruff]\nline-length = 100\n");
    for path in ["package/__init__.py", "package/setup.py"] {
        sandbox.write(path, "");
    }
    let members = built(&sandbox, &["--source", "package"]);
    assert_eq!(
        names(&members),
        ["python/package/__init__.py", "python/package/pyproject.toml", "python/package/setup.py"]
    );
}

#[test]
fn build_requirements_come_from_the_run_s_indexes() {
    let sandbox = Sandbox::new();
    modern_project(&sandbox, "ours", "");
    let folder = sandbox.root().join("index");
    wheel(&folder.join("simple/setuptools"), "setuptools", "0.1");
    let server = crate::harness::FileServer::start(&folder);
    let url = format!("{}/simple/", server.url());
    // The index has setuptools, but not the version that the project is built with; another index is not asked.
    let outcome = run(&sandbox, &["--source", "ours", "--index-url", &url]).code(1);
    outcome.says("error: the project `ours` in `source` could not be built").says("setuptools==80.9.0");
}

#[test]
fn a_project_among_the_requirements_is_built_from_its_own_files() {
    let python = tools().python_version();
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("./libs/ours\n./libs/theirs\n");
        // What is beside a project is there for its build.
        sandbox.write("NOTES.md", "notes");
        project(&sandbox, "libs/ours", "notes = open('../../NOTES.md').read()", "install_requires=['theirs']");
        modern_project(&sandbox, "libs/theirs", "");
        // As an earlier `pip install .` leaves it behind.
        sandbox.write("libs/ours/build/lib/ours/gone.py", "");
        sandbox.write("libs/ours/ours.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: ours\nVersion: 0.1\n");
        sandbox.write("libs/theirs/build/lib/theirs/gone.py", "");
        let before = sandbox.tree();
        let build = ["build", "--output", "x.zip", "--python-version", &python, "--installer", installer];
        let outcome = sandbox.run(&build).run().success();
        assert!(outcome.stdout.contains("ours 1.0"), "{}", outcome.stdout);
        let members = members(&sandbox.path("x.zip"));
        assert_eq!(names(&members), ["python/ours/__init__.py", "python/theirs/__init__.py"], "{installer}");
        for (name, member) in &members {
            assert!(!member.text().contains("lambda-layer-build"), "{name} names the folder of the build");
        }
        let after: Vec<_> = sandbox.tree().into_keys().filter(|path| !before.contains_key(path)).collect();
        assert_eq!(after, [sandbox.path("x.zip")]);
        // Their places are said as people know them.
        sandbox.write("libs/ours/setup.py", "raise SystemExit(__file__)\n");
        let failed = sandbox.run(&build).run().code(1);
        assert!(!failed.stderr.contains("lambda-layer-build"), "{}", failed.stderr);
    }
}

#[test]
fn a_project_without_a_name_cannot_forbid_builds() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("--only-binary :all:\n./ours\n");
        sandbox.write("ours/setup.py", "from setuptools import setup\nsetup(name='ours', version='1.0')\n");
        let python = tools().python_version();
        let base = ["build", "--output", "x.zip", "--python-version", &python, "--installer", installer];
        let outcome = sandbox.run(&base).run().code(1);
        let outcome =
            outcome.says("error: a local project must be built to find out its name, which `--only-binary` in");
        outcome.says(
            "hint: set `name` and `version` in `[project]` of its `pyproject.toml`, or list distributions instead",
        );
    }
}
