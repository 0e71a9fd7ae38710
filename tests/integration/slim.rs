//! What is left out of a layer, that the rest still works, and what the runtime has itself.

use std::collections::BTreeMap;

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::wheel_of;
use crate::zip::{Member, members, names, unpack};

/// For this machine's Python, so that what is built can be imported.
fn built(sandbox: &Sandbox, arguments: &[&str]) -> (Outcome, BTreeMap<String, Member>) {
    let python = tools().python_version();
    let run = sandbox.run(&["build", "--output", "layer.zip", "--python-version", &python, "--bytecode", "none"]);
    let outcome = run.args(&["--smoke-test", "off"]).args(arguments).run().success();
    (outcome, members(&sandbox.path("layer.zip")))
}

/// For a Python that this machine need not have.
fn checked(requirements: &str, python: &str, arguments: &[&str]) -> Outcome {
    let sandbox = Sandbox::with_requirements(requirements);
    let run = sandbox.run(&["build", "--output", "layer.zip", "--python-version", python, "--bytecode", "none"]);
    run.args(&["--smoke-test", "off"]).args(arguments).run().success()
}

/// What this Python prints with the layer on its path.
fn python(sandbox: &Sandbox, members: &BTreeMap<String, Member>, program: &str) -> String {
    let opt = sandbox.root().join("opt");
    fs_err::remove_dir_all(&opt).ok();
    unpack(members, &opt);
    let mut python = std::process::Command::new(tools().program("python3"));
    let output = python.args(["-c", program]).env("PYTHONPATH", opt.join("python")).output().expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("is UTF-8")
}

fn made(files: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::with_requirements("./wheels/pkg-1.0-py3-none-any.whl\n");
    wheel_of(&sandbox.path("wheels"), "pkg", "1.0", files);
    sandbox
}

fn notices(outcome: &Outcome, code: &str) -> Vec<String> {
    let words = match code {
        "runtime-package-kept" => "stays in the layer although",
        "in-runtime" => "which the runtime has",
        "shadows-runtime" => "of the layer hides",
        other => other,
    };
    outcome.stderr.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
}

#[test]
fn what_code_uses_stays() {
    let files = [
        ("pkg/__init__.py", "from .tests.runner import run\n"),
        ("pkg/tests/__init__.py", ""),
        ("pkg/tests/runner.py", "def run(): pass\n"),
        ("pkg/tests/tests/test_runner.py", ""),
        ("pkg/a/__init__.py", "import lazy_loader as lazy\nx = lazy.attach_stub(__name__, __file__)\n"),
        ("pkg/a/__init__.pyi", "from .b import c\n"),
        ("pkg/a/b.py", "# from pkg.b.tests import x\n'''\nfrom pkg.b.tests import x\n'''\nnames = {'tests', 'a'}\n"),
        ("pkg/b/__init__.py", "api = open(__file__ + '/../api.h')\n"),
        ("pkg/b/__init__.pyi", ""),
        ("pkg/b/api.h", ""),
        ("pkg/b/more_api.h", ""),
        ("pkg/b/data.a", "not an archive"),
        ("pkg/b/lib.a", "!<arch>\n"),
        ("pkg/b/tests/test_b.py", "from pkg.c.tests import x\n"),
        ("pkg/b/tests/LICENSE", ""),
        ("pkg/c/tests/__init__.py", ""),
        ("pkg/c/conftest.py", ""),
        ("pkg/c/old.py", ""),
        ("pkg/c/old.pyc", ""),
        ("pkg/c/alone.pyc", ""),
        ("pkg/d/plugin/tests/__init__.py", ""),
        ("pkg/e/__init__.py", "import os\nx = os.path.join(os.path.dirname(__file__), 'tests', 'x.json')\n"),
        ("pkg/e/tests/x.json", "{}"),
        ("pkg/py.typed", ""),
        ("pkg-stubs/__init__.pyi", ""),
        ("share/doc/pkg/index.html", ""),
        ("pkg-1.0.dist-info/entry_points.txt", "[plugins]\nx = pkg.d.plugin.tests:x\n"),
        ("pkg-1.0.dist-info/licenses/LICENSE", ""),
    ];
    let (_, layer) = built(&made(&files), &[]);
    insta::assert_snapshot!(names(&layer).join("\n"), @"");
    let (_, all) = built(&made(&files), &["--slim", "none"]);
    assert_eq!(names(&all).len(), files.len() - 2);
    assert!(layer.contains_key("python/pkg-1.0.dist-info/licenses/LICENSE"));
}

#[test]
fn own_source_is_not_slimmed_and_counts_as_code() {
    let sandbox = made(&[("pkg/__init__.py", ""), ("pkg/tests/__init__.py", ""), ("pkg/tests/x.py", "")]);
    sandbox.write("own/mine/__init__.py", "from pkg.tests.x import *\n");
    sandbox.write("own/mine/tests/test_mine.py", "");
    sandbox.write("own/mine/a.pyi", "");
    let (_, layer) = built(&sandbox, &["--source", "own", "--slim", "max"]);
    for path in ["mine/tests/test_mine.py", "mine/a.pyi", "pkg/tests/x.py"] {
        assert!(layer.contains_key(&format!("python/{path}")), "{path}");
    }
}

#[test]
fn max_takes_what_people_read() {
    let files = [
        ("pkg/__init__.py", "__doc__ = open('CHANGES.md')\n"),
        ("pkg/README.md", ""),
        ("pkg/CHANGES.md", ""),
        ("pkg/test/__init__.py", ""),
        ("pkg/docs/index.rst", ""),
        ("pkg/api/docs/__init__.py", ""),
        ("pkg/api/docs/index.rst", ""),
        ("pkg/examples/one.py", ""),
        ("pkg/static/a.js", ""),
        ("pkg/static/a.js.map", "{}"),
        ("pkg/static/b.js.map", "{}"),
        ("pkg/run.exe", "MZ"),
        ("pkg/data.exe", "data"),
        ("pkg/locale/de/x.mo", ""),
    ];
    let (_, safe) = built(&made(&files), &[]);
    assert_eq!(names(&safe).len(), files.len());
    let (outcome, max) = built(&made(&files), &["--slim", "max"]);
    insta::assert_snapshot!(names(&max).join("\n"), @"");
    outcome.says("other-systems: 1 file of pkg");
}

#[test]
fn scientific_packages_import_after_slimming() {
    let sandbox = Sandbox::with_requirements("pandas==2.2.3\nnumpy==2.2.6\nscikit-image==0.25.2\n");
    let program = "import numpy, pandas, skimage, skimage.filters, importlib.metadata as m\n\
        print(pandas.DataFrame({'a': [1, 2]}).a.sum(), skimage.filters.gaussian(numpy.eye(3)).shape)\n\
        print(all(f.locate().exists() for d in m.distributions() if 'opt' in str(d._path) for f in d.files))\n";
    for level in ["safe", "max"] {
        let (outcome, layer) = built(&sandbox, &["--slim", level]);
        assert!(layer.contains_key("python/skimage/filters/__init__.pyi"));
        assert!(!layer.keys().any(|name| name.contains("/pandas/tests/") || name.contains("/numpy/_core/tests/")));
        assert_eq!(python(&sandbox, &layer, program), "3 (3, 3)\nTrue\n");
        outcome.says("less: tests");
    }
    let (_, max) = built(&sandbox, &["--slim", "max"]);
    assert!(!max["python/pandas-2.2.3.dist-info/METADATA"].text().contains("\n\n"));
}

#[test]
fn entry_points_and_namespaces_survive() {
    let sandbox = Sandbox::with_requirements(
        "google-auth==2.40.3\ngoogle-api-core==2.24.2\nazure-core==1.35.0\nazure-common==1.1.28\npipdeptree==2.26.1\n",
    );
    let program = "import google.auth, google.api_core, azure.core, azure.common\n\
        from importlib.metadata import entry_points, version\n\
        print([e.load().__name__ for e in entry_points(group='console_scripts') if e.name == 'pipdeptree'], version('azure-core'))\n";
    for level in ["safe", "max"] {
        let (_, layer) = built(&sandbox, &["--slim", level]);
        assert_eq!(python(&sandbox, &layer, program), "['main'] 1.35.0\n");
    }
}

#[test]
fn uv_and_pip_make_the_same_slim_layer() {
    let sandbox = Sandbox::with_requirements("numpy==2.2.6\ncffi==1.17.1\n");
    let zip = |installer: &str| {
        built(&sandbox, &["--slim", "max", "--installer", installer]);
        fs_err::read(sandbox.path("layer.zip")).expect("is there")
    };
    assert!(zip("uv") == zip("pip"));
}

#[test]
fn files_are_left_out_by_pattern() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n./wheels/pkg-1.0-py3-none-any.whl\n");
    let files = [("pkg/__init__.py", ""), ("pkg/data/a.json", "{}"), ("pkg/data/b.json", "{}"), ("pkg/notes.md", "")];
    wheel_of(&sandbox.path("wheels"), "pkg", "1.0", &files);
    sandbox.write("own/mine.md", "");
    let patterns = "*.md\n/opt/python/pkg/data/{a,c}.json\npkg/data/*.json\npython/pkg/dta\n*.dist-info\n__pycache__\n";
    let (outcome, layer) = built(&sandbox, &["--exclude-files", patterns, "--include", "own=share/own"]);
    insta::assert_snapshot!(layer.keys().filter(|name| !name.ends_with('/')).cloned().collect::<Vec<_>>().join("\n"), @"");
    let warnings: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("exclude-files`")).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"");
}

#[test]
fn wrong_patterns_are_told_together() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let outcome = sandbox.run(&["build", "--exclude-files", "python/[\n!python/x\n../x\n/opt/\n*.md"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @"");
}

#[test]
fn what_the_runtime_has_is_left_to_it() {
    let dropped = |outcome: &Outcome| {
        let line = outcome.stderr.lines().find(|line| line.contains("left to the runtime"));
        line.unwrap_or_default().trim().to_owned()
    };
    let drop = ["--runtime-packages", "drop"];
    // Any version will do, and so will the runtime's.
    let outcome = checked("boto3>=1.34\nclick==8.1.8\n", "3.13", &drop);
    insta::assert_snapshot!(dropped(&outcome), @"");
    assert_eq!(notices(&outcome, "runtime-package-kept"), [""; 0]);
    // A newer one stays, with what it needs.
    let outcome = checked("boto3==1.42.0\n", "3.13", &drop);
    insta::assert_snapshot!(dropped(&outcome), @"");
    insta::assert_snapshot!(notices(&outcome, "runtime-package-kept").join("\n"), @"");
    // An older pin is a pin.
    let outcome = checked("boto3==1.34.0\n", "3.13", &drop);
    insta::assert_snapshot!(notices(&outcome, "runtime-package-kept").join("\n"), @"");
}

#[test]
fn a_lock_takes_later_versions() {
    let sandbox = Sandbox::new();
    sandbox.write("pylock.toml", pylock("six", "1.16.0"));
    let run = sandbox.run(&["build", "--python-version", "3.13", "--bytecode", "none", "--runtime-packages", "drop"]);
    sandbox.write("mine/__init__.py", "");
    let outcome = run.args(&["--smoke-test", "off", "--source", "mine"]).run().success();
    outcome.says("left to the runtime (as of 2026-07-16): six 1.17.0");
}

/// A lock of one distribution, as PyPI has it.
fn pylock(name: &str, version: &str) -> String {
    let url = "https://files.pythonhosted.org/packages/d9/5a/e7c31adbe875f2abbb91bd84cf2dc52d792b5a01506781dbcf25c91daf11/six-1.16.0-py2.py3-none-any.whl";
    let hash = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254";
    format!(
        "lock-version = \"1.0\"\ncreated-by = \"test\"\n[[packages]]\nname = \"{name}\"\nversion = \"{version}\"\n\
        wheels = [{{ url = \"{url}\", hashes = {{ sha256 = \"{hash}\" }} }}]\n"
    )
}

#[test]
fn what_shadows_the_runtime_is_named() {
    let outcome = checked("urllib3==2.5.0\n", "3.9", &[]);
    insta::assert_snapshot!(notices(&outcome, "shadows-runtime").join("\n"), @"");
    assert_eq!(notices(&checked("urllib3==2.5.0\n", "3.12", &[]), "shadows-runtime"), [""; 0]);
    let outcome = checked("botocore==1.42.0\n", "3.13", &[]);
    insta::assert_snapshot!(notices(&outcome, "shadows-runtime").join("\n"), @"");
    let outcome = checked("boto3==1.42.0\n", "3.13", &[]);
    assert_eq!(notices(&outcome, "shadows-runtime"), [""; 0]);
    let outcome = checked("boto3\n", "3.13", &[]);
    assert_eq!(notices(&outcome, "in-runtime").len(), 1, "{}", outcome.stderr);
}
