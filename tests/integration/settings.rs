//! Settings of uv in a project: handed on to the installer, or refused by their names. All packages are made here.

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::{wheel, wheel_of, wheel_with};
use crate::zip::{members, names};

/// A build backend whose wheels say what made them, with the newest being broken.
fn makers(sandbox: &Sandbox) {
    let module = |version: &str| {
        format!(
            r#"
import importlib.util, zipfile
VERSION = "{version}"
assert VERSION != "2.0", "broken"
def build_wheel(directory, settings=None, metadata=None):
    helped = importlib.util.find_spec("helper") is not None
    files = {{"made.py": f"maker = {{VERSION}} helped = {{helped}}",
              "made-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: made\nVersion: 1.0\n",
              "made-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
              "made-1.0.dist-info/RECORD": ""}}
    with zipfile.ZipFile(f"{{directory}}/made-1.0-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return "made-1.0-py3-none-any.whl"
"#
        )
    };
    for version in ["1.0", "2.0"] {
        wheel_with(&sandbox.path("wheels"), "maker", version, &module(version));
    }
    wheel(&sandbox.path("wheels"), "helper", "1.0");
    let built = "[build-system]\nrequires = [\"maker\"]\nbuild-backend = \"maker\"\n[project]\nname = \"made\"\nversion = \"1.0\"\n";
    sandbox.write("made/pyproject.toml", built);
}

/// A project with these dependencies and settings; every package is from the folder `wheels`.
fn project(sandbox: &Sandbox, dependencies: &str, settings: &str) {
    let head = "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\n";
    let places = "[tool.uv]\nfind-links = [\"wheels\"]\nno-index = true\n";
    sandbox.write("pyproject.toml", format!("{head}dependencies = [{dependencies}]\n{places}{settings}"));
}

fn build(sandbox: &Sandbox, more: &[&str]) -> Outcome {
    let python = tools().python_version();
    let run = sandbox.run(&["build", "--output", "layer.zip", "--python-version", &python]).args(more);
    // Its own cache: uv would take what it built with other settings.
    run.env("UV_CACHE_DIR", sandbox.root().join("uv")).run()
}

/// Names and versions in the layer.
fn found(sandbox: &Sandbox) -> Vec<String> {
    let members = members(&sandbox.path("layer.zip"));
    let infos = members.keys().filter_map(|name| name.strip_suffix(".dist-info/METADATA"));
    infos.filter_map(|info| Some(info.strip_prefix("python/")?.replace('-', " "))).collect()
}

/// `top` needs `base`.
fn packages(sandbox: &Sandbox) {
    let folder = sandbox.path("wheels");
    for version in ["1.0", "2.0", "3.0rc1"] {
        wheel(&folder, "base", version);
    }
    let metadata = "Metadata-Version: 2.1\nName: top\nVersion: 1.0\nRequires-Dist: base\n";
    wheel_of(&folder, "top", "1.0", &[("top.py", ""), ("top-1.0.dist-info/METADATA", metadata)]);
}

#[test]
fn what_the_requirements_resolve_to_is_for_the_project_to_say() {
    let sandbox = Sandbox::new();
    packages(&sandbox);
    let cases: &[(&str, &[&str])] = &[
        ("", &["base 2.0", "top 1.0"]),
        ("constraint-dependencies = [\"base<2\"]\n", &["base 1.0", "top 1.0"]),
        ("override-dependencies = [\"base==1.0\"]\n", &["base 1.0", "top 1.0"]),
        ("exclude-dependencies = [\"base\"]\n", &["top 1.0"]),
        ("resolution = \"lowest\"\n", &["base 1.0", "top 1.0"]),
        ("prerelease = \"allow\"\n", &["base 3.0rc1", "top 1.0"]),
        (
            "[[tool.uv.dependency-metadata]]\nname = \"top\"\nversion = \"1.0\"\nrequires-dist = [\"base<2\"]\n",
            &["base 1.0", "top 1.0"],
        ),
    ];
    for (settings, expected) in cases {
        project(&sandbox, "\"top\"", settings);
        build(&sandbox, &[]).success();
        assert_eq!(found(&sandbox), *expected, "{settings}");
    }
    // pip has a way for two of them, and says so of the others.
    project(&sandbox, "\"top\"", "constraint-dependencies = [\"base<2\"]\nprerelease = \"allow\"\n");
    build(&sandbox, &["--installer", "pip"]).success();
    assert_eq!(found(&sandbox), ["base 1.0", "top 1.0"]);
    project(&sandbox, "\"top\"", "override-dependencies = [\"base==1.0\"]\nresolution = \"lowest\"\n");
    let outcome = build(&sandbox, &["--installer", "pip"]).code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 problems with the input
    cause: `override-dependencies` in `pyproject.toml` is a uv setting that pip does not support (use `installer: uv`)
    cause: `resolution` in `pyproject.toml` is a uv setting that pip does not support (use `installer: uv`)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn a_change_of_a_setting_is_one_and_its_spelling_is_none() {
    let sandbox = Sandbox::new();
    packages(&sandbox);
    let publish = || {
        let run = sandbox.run(&["publish", "--layer-name", "app", "--python-version", "3.13"]);
        run.env("UV_CACHE_DIR", sandbox.root().join("uv")).run().success()
    };
    project(&sandbox, "\"top\"", "constraint-dependencies = [\"base<3\", \"top<2\"]\n");
    publish();
    project(&sandbox, "\"top\"", "# more\nconstraint-dependencies = [\"Top <2\", \"base < 3\"]\n");
    publish().says("app unchanged: the inputs were edited, but are equivalent");
    project(&sandbox, "\"top\"", "constraint-dependencies = [\"base<2\"]\n");
    publish().says("app published: constraints: base <3 → <2; constraints: top removed");
    project(&sandbox, "\"top\"", "constraint-dependencies = [\"base<2\"]\nresolution = \"lowest\"\n");
    publish().says("variables: UV_RESOLUTION");
    project(&sandbox, "\"top\"", "constraint-dependencies = [\"base<2\"]\nexclude-dependencies = [\"x\"]\n");
    publish().says("settings: exclude-dependencies=[\"x\"] added");
}

#[test]
fn builds_get_what_the_project_says_they_need() {
    let sandbox = Sandbox::new();
    makers(&sandbox);
    let made = || members(&sandbox.path("layer.zip"))["python/made.py"].text().to_owned();
    let source = "\"made\"";
    let sources = "[tool.uv.sources]\nmade = { path = \"made\" }\n";
    project(&sandbox, source, sources);
    build(&sandbox, &[]).code(1).says("broken");
    project(&sandbox, source, &format!("build-constraint-dependencies = [\"maker<2\"]\n{sources}"));
    build(&sandbox, &[]).success();
    assert_eq!(made(), "maker = 1.0 helped = False");
    let both = "build-constraint-dependencies = [\"maker<2\"]\nextra-build-dependencies = { made = [\"helper\"] }\n";
    project(&sandbox, source, &format!("{both}{sources}"));
    build(&sandbox, &[]).success();
    assert_eq!(made(), "maker = 1.0 helped = True");

    // A lock says nothing of builds, so that the project of its root does; for members, too.
    let root = "[tool.uv.workspace]\nmembers = [\"service\", \"made\"]\n";
    let index = sandbox.path("wheels");
    sandbox.write("pyproject.toml", format!("[tool.uv]\nfind-links = [\"wheels\"]\nno-index = true\n{both}{root}"));
    let member =
        "[project]\nname = \"service\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"made\"]\n";
    sandbox.write("service/pyproject.toml", format!("{member}[tool.uv.sources]\nmade = {{ workspace = true }}\n"));
    let built = sandbox.read("made/pyproject.toml");
    sandbox.write("made/pyproject.toml", format!("{built}requires-python = \">=3.9\"\n"));
    let mut lock = std::process::Command::new(tools().program("uv"));
    lock.args(["lock", "--quiet"]).current_dir(sandbox.path("")).env("UV_CACHE_DIR", sandbox.root().join("uv"));
    assert!(lock.status().expect("can be started").success());
    let python = tools().python_version();
    let arguments = ["build", "--output", "layer.zip", "--working-directory", "service", "--python-version", &python];
    let run = sandbox.run(&arguments).env("UV_CACHE_DIR", sandbox.root().join("other"));
    // Where the makers are is for the run to say.
    run.env("UV_FIND_LINKS", &index).env("UV_NO_INDEX", "1").run().success();
    let text = members(&sandbox.path("service/layer.zip"))["python/made.py"].text().to_owned();
    assert_eq!(text, "maker = 1.0 helped = True");
}

#[test]
fn a_file_of_uv_s_own_and_those_above_count() {
    let sandbox = Sandbox::new();
    packages(&sandbox);
    let build_in = |folder: &str| {
        let arguments = ["build", "--output", "layer.zip", "--working-directory", folder, "--python-version", "3.13"];
        sandbox.run(&arguments).run().success();
        let members = members(&sandbox.path(&format!("{folder}/layer.zip")));
        members.keys().filter(|name| name.contains("base-1.0")).count() > 0
    };
    let head = "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"top\"]\n";
    sandbox.write("service/pyproject.toml", head);
    sandbox.write("pyproject.toml", "[tool.uv]\nfind-links = [\"wheels\"]\nno-index = true\nresolution = \"lowest\"\n");
    assert!(build_in("service"), "as uv finds it above");
    sandbox.write("service/uv.toml", "find-links = [\"../wheels\"]\nno-index = true\n");
    assert!(!build_in("service"), "the nearest counts");
    let constraint = "[tool.uv]\nconstraint-dependencies = [\"base<2\"]\nresolution = \"lowest\"\n";
    sandbox.write("service/pyproject.toml", format!("{head}{constraint}"));
    assert!(build_in("service"), "constraints are the project's own");
}

#[test]
fn what_cannot_be_heeded_is_named() {
    let sandbox = Sandbox::new();
    let refused = |settings: &str, more: &[&str]| {
        project(&sandbox, "\"top\"", settings);
        let outcome = build(&sandbox, more).code(1);
        outcome.stderr.trim_end().to_owned()
    };
    fs_err::create_dir_all(sandbox.path("wheels")).expect("can be made");
    let all = [
        refused("no-build-isolation-package = [\"top\"]\n", &[]),
        refused("resolutions = \"lowest\"\n", &[]),
        refused("of-the-future = true\n", &[]),
        refused("[tool.uv.pip]\nno-deps = true\nuniversal = true\n", &[]),
        refused("environments = [\"sys_platform == 'win32'\"]\n", &[]),
        refused("constraint-dependencies = [\"base @ https://me:pass@host/base.whl\"]\n", &[]),
        refused("no-build-package = \"top\"\n", &[]),
        refused("constraint-dependencies = [\"base<<2\"]\n", &[]),
        refused("[[tool.uv.index]]\nname = \"own\"\nurl = \"wheels\"\nformat = \"flat\"\n", &[]),
        refused("[tool.uv.sources]\ntop = { index = \"own\" }\n", &[]),
        refused("[tool.uv.sources]\ntop = { workspace = true }\n", &[]),
        refused("[tool.uv.sources]\ntop = { git = \"https://host/top\", lfs = true }\n", &[]),
        refused("override-dependencies = [\"base\"]\n[tool.uv.sources]\nbase = { path = \"base\" }\n", &[]),
        refused(
            "[tool.uv.dependency-groups]\nlate = { requires-python = \">=3.99\" }\n[dependency-groups]\nlate = []\n",
            &["--groups", "late"],
        ),
    ];
    let all = all.join("\n\n").replace(&tools().python_version(), "[PYTHON]").replace(std::env::consts::ARCH, "[ARCH]");
    let all = all.replace(sandbox.path("").as_str().trim_end_matches('/'), "[ROOT]");
    insta::assert_snapshot!(all, @r#"
    error: `[tool.uv] no-build-isolation-package` in `pyproject.toml` is not supported
    hint: list their build requirements in `extra-build-dependencies`, and remove this setting

    error: `[tool.uv] resolutions` in `pyproject.toml` is not a known uv setting
    hint: did you mean `resolution`?

    error: `[tool.uv] of-the-future` in `pyproject.toml` is not a known uv setting
    hint: remove it, or run `uv lock` and commit `uv.lock`, which makes it unnecessary

    error: `[tool.uv] pip.no-deps` in `pyproject.toml` is read only by `uv pip`
    hint: move it to `[tool.uv]` if it is meant for the project, or remove it

    error: the `environments` in `pyproject.toml` do not include python[PYTHON] on [ARCH]
    cause: the list contains `sys_platform == 'win32'`
    hint: add the environment of the runtime, `sys_platform == 'linux'`, or change `python-version`

    error: `[tool.uv] constraint-dependencies` in `pyproject.toml` contains a password in a URL, which would be written to a file
    hint: remove it from the URL, and put it in a netrc file or git's credential store

    error: `[tool.uv] no-build-package` in `pyproject.toml` is not a list of strings
    hint: write it as a list, for example `["one", "two"]`

    error: pyproject.toml: `base<<2` is not a valid requirement: no such comparison operator "<<", must be one of ~= == != <= >= < > ===
    hint: use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`

    error: `[ROOT]/pyproject.toml` contains the index `wheels` in the format `flat`, which is not supported
    hint: use `find-links` instead of `index` for it

    error: `pyproject.toml` installs `top` from a source that only uv's lock file supports: the index `own`
    hint: run `uv lock` and commit `uv.lock`

    error: `pyproject.toml` installs `top` from a source that only uv's lock file supports
    hint: run `uv lock` and commit `uv.lock`

    error: `pyproject.toml` installs `top` from a source that only uv's lock file supports
    hint: run `uv lock` and commit `uv.lock`

    error: `[tool.uv] override-dependencies` in `pyproject.toml` contains `base`, whose source is the path `./base`
    hint: run `uv lock` and commit `uv.lock`

    error: the group `late` in `pyproject.toml` requires Python >=3.99, but the layer is for Python [PYTHON]
    hint: change `python-version`, or remove the group from `groups`
    "#);
}

#[test]
fn the_older_name_of_the_development_group_is_one() {
    let sandbox = Sandbox::new();
    packages(&sandbox);
    project(&sandbox, "\"base==1.0\"", "dev-dependencies = [\"top\"]\n");
    build(&sandbox, &[]).success();
    assert_eq!(found(&sandbox), ["base 1.0"]);
    build(&sandbox, &["--groups", "dev"]).success();
    assert_eq!(found(&sandbox), ["base 1.0", "top 1.0"]);
}

#[test]
fn sources_may_differ_by_marker_and_extra() {
    let sandbox = Sandbox::new();
    packages(&sandbox);
    wheel_with(&sandbox.path("patched"), "base", "2.0", "patched = True\n");
    let sources = "[tool.uv.sources]\nbase = [\n  { path = \"patched/base-2.0-py3-none-any.whl\", marker = \"sys_platform == 'linux'\" },\n  { url = \"https://host/base.whl\", marker = \"sys_platform == 'win32'\" },\n]\n";
    project(&sandbox, "\"base\"", sources);
    build(&sandbox, &[]).success();
    let module = || members(&sandbox.path("layer.zip"))["python/base.py"].text().to_owned();
    assert_eq!(module(), "patched = True\n");
    assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/base.py"]);

    let sources = "[tool.uv.sources]\nbase = { path = \"patched/base-2.0-py3-none-any.whl\", extra = \"ours\" }\n";
    let extras = "[project.optional-dependencies]\nours = [\"base\"]\ntheirs = [\"base\"]\n";
    project(&sandbox, "", &format!("{sources}{extras}"));
    build(&sandbox, &["--extras", "ours"]).success();
    assert_eq!(module(), "patched = True\n");
    build(&sandbox, &["--extras", "theirs"]).success();
    assert_eq!(module(), "version = \"2.0\"\n");
}
