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
        "shadows-runtime" => "in the layer hides",
        other => other,
    };
    outcome.stderr.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
}

#[test]
fn what_code_uses_stays() {
    let files = [
        ("one/__init__.py", "from .tests.runner import run\n"),
        ("one/tests/__init__.py", ""),
        ("one/tests/runner.py", "from .common import *\ndef run(): pass\n"),
        ("one/tests/common.py", ""),
        ("one/tests/test_run.py", "from . import helper\n"),
        ("one/tests/helper.py", ""),
        ("one/tests/tests/test_runner.py", ""),
        ("pkg/f/__init__.py", "from .tests import finder\n"),
        ("pkg/f/tests/__init__.py", ""),
        ("pkg/f/tests/finder.py", "found = os.listdir(os.path.dirname(__file__))\nfrom .. import g\n"),
        ("pkg/f/tests/data.json", "{}"),
        ("pkg/__init__.py", ""),
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
    insta::assert_snapshot!(names(&layer).join("\n"), @r"
    python/one/__init__.py
    python/one/tests/__init__.py
    python/one/tests/common.py
    python/one/tests/runner.py
    python/pkg/__init__.py
    python/pkg/a/__init__.py
    python/pkg/a/__init__.pyi
    python/pkg/a/b.py
    python/pkg/b/__init__.py
    python/pkg/b/api.h
    python/pkg/b/data.a
    python/pkg/b/tests/LICENSE
    python/pkg/c/alone.pyc
    python/pkg/c/old.py
    python/pkg/d/plugin/tests/__init__.py
    python/pkg/e/__init__.py
    python/pkg/e/tests/x.json
    python/pkg/f/__init__.py
    python/pkg/f/tests/__init__.py
    python/pkg/f/tests/data.json
    python/pkg/f/tests/finder.py
    python/pkg/py.typed
    ");
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
    insta::assert_snapshot!(names(&max).join("\n"), @r"
    python/pkg/CHANGES.md
    python/pkg/__init__.py
    python/pkg/api/docs/__init__.py
    python/pkg/api/docs/index.rst
    python/pkg/data.exe
    python/pkg/locale/de/x.mo
    python/pkg/static/a.js
    python/pkg/static/b.js.map
    ");
    outcome.says("other-systems: 1 file of pkg");
}

#[test]
fn scientific_packages_import_after_slimming() {
    let sandbox =
        Sandbox::with_requirements("pandas==2.2.3\nnumpy==2.2.6\nscikit-image==0.25.2\npillow<12.3\nscipy<1.17\n");
    let program = "import numpy.testing, pandas.testing, skimage, skimage.filters, importlib.metadata as m\n\
        print(pandas.DataFrame({'a': [1, 2]}).a.sum(), skimage.filters.gaussian(numpy.eye(3)).shape)\n\
        print(all(f.locate().exists() for d in m.distributions() if 'opt' in str(d._path) for f in d.files))\n";
    for level in ["safe", "max"] {
        let (outcome, layer) = built(&sandbox, &["--slim", level]);
        assert!(layer.contains_key("python/skimage/filters/__init__.pyi"));
        let tests = |package: &str| {
            let tests = layer
                .keys()
                .filter(|name| name.starts_with(package) && name.contains("/tests/") && !name.ends_with('/'));
            tests.map(|name| name.rsplit('/').next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(tests("python/pandas/"), "");
        // What `numpy.testing` imports, and what an entry point leads to, with what that imports.
        assert_eq!(tests("python/numpy/"), "_natype.py");
        assert_eq!(tests("python/networkx/"), "__init__.py dispatch_interface.py");
        assert_eq!(python(&sandbox, &layer, program), "3 (3, 3)\nTrue\n");
        outcome.says("saved ").says("MB: tests");
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
    insta::assert_snapshot!(layer.keys().filter(|name| !name.ends_with('/')).cloned().collect::<Vec<_>>().join("\n"), @r"
    python/pkg-1.0.dist-info/METADATA
    python/pkg-1.0.dist-info/RECORD
    python/pkg/__init__.py
    python/pkg/data/b.json
    python/six-1.17.0.dist-info/METADATA
    python/six-1.17.0.dist-info/RECORD
    python/six.py
    ");
    let warnings: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains("exclude-files`")).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r"
    warning: `*.dist-info` in `exclude-files` also matches the `METADATA` of 2 distributions, which stays in the layer (use a narrower pattern; to leave out a whole distribution, use `exclude`) [exclude-files-kept]
    warning: `exclude-files` contains `__pycache__`, which matches no file in the layer (the installer's bytecode is never in a layer; use `bytecode` to control the bytecode that this program compiles) [exclude-files-unused]
    warning: `exclude-files` contains `pkg/data/*.json`, which matches no file in the layer (paths are relative to `/opt`: write `python/pkg/data/*.json`) [exclude-files-unused]
    warning: `exclude-files` contains `python/pkg/dta`, which matches no file in the layer (did you mean `python/pkg/data`?) [exclude-files-unused]
    ");
}

#[test]
fn wrong_patterns_are_told_together() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let outcome = sandbox.run(&["build", "--exclude-files", "python/[\n!python/x\n../x\n/opt/\n*.md"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 4 problems with the input
    cause: `exclude-files` contains `python/[`, which is not a valid glob: unclosed character class; missing ']' (use a glob such as `*.txt`, `python/numpy/f2py/**` or `python/{boto3,botocore}/examples`)
    cause: `exclude-files` contains `!python/x`, which is not a valid glob: it cannot be negated with `!` (use a glob such as `*.txt`, `python/numpy/f2py/**` or `python/{boto3,botocore}/examples`)
    cause: `exclude-files` contains `../x`, which is not a valid glob: it leads outside the layer (use a glob such as `*.txt`, `python/numpy/f2py/**` or `python/{boto3,botocore}/examples`)
    cause: `exclude-files` contains `/opt/`, which is not a valid glob: it is empty (use a glob such as `*.txt`, `python/numpy/f2py/**` or `python/{boto3,botocore}/examples`)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn what_the_runtime_has_is_left_to_it() {
    let dropped = |outcome: &Outcome| {
        let line = outcome.stderr.lines().find(|line| line.contains("left out, because the runtime provides them"));
        line.unwrap_or_default().trim().to_owned()
    };
    let drop = ["--runtime-packages", "drop"];
    // Any version will do, and so will the runtime's.
    let outcome = checked("boto3>=1.34\nclick==8.1.8\n", "3.13", &drop);
    insta::assert_snapshot!(dropped(&outcome), @"left out, because the runtime provides them (as of 2026-07-16): boto3 1.40.4, botocore 1.40.4, jmespath 1.0.1, python-dateutil 2.9.0.post0, s3transfer 0.13.1, six 1.17.0, urllib3 1.26.19");
    assert_eq!(notices(&outcome, "runtime-package-kept"), [""; 0]);
    // A newer one stays, with what it needs.
    let outcome = checked("boto3==1.42.0\n", "3.13", &drop);
    insta::assert_snapshot!(dropped(&outcome), @"left out, because the runtime provides them (as of 2026-07-16): jmespath 1.0.1, python-dateutil 2.9.0.post0, six 1.17.0, urllib3 1.26.19");
    insta::assert_snapshot!(notices(&outcome, "runtime-package-kept").join("\n"), @r"
    notice:  `boto3 1.42.0` stays in the layer although the runtime has 1.40.4: requirements.txt:1 requires `boto3==1.42.0` (this is fine if you need that version; otherwise, allow the runtime's version and later ones) [runtime-package-kept]
    notice:  `botocore 1.41.6` stays in the layer although the runtime has 1.40.4: `boto3 1.42.0` needs `botocore>=1.41.6,<1.42.0` (this is fine if you need that version; otherwise, allow the runtime's version and later ones) [runtime-package-kept]
    notice:  `s3transfer 0.16.1` stays in the layer although the runtime has 0.13.1: `boto3 1.42.0` needs `s3transfer>=0.16.0,<0.17.0` (this is fine if you need that version; otherwise, allow the runtime's version and later ones) [runtime-package-kept]
    ");
    // An older pin is a pin.
    let outcome = checked("boto3==1.34.0\n", "3.13", &drop);
    insta::assert_snapshot!(notices(&outcome, "runtime-package-kept").join("\n"), @r"
    notice:  `boto3 1.34.0` stays in the layer although the runtime has 1.40.4: requirements.txt:1 requires `boto3==1.34.0` (this is fine if you need that version; otherwise, allow the runtime's version and later ones) [runtime-package-kept]
    notice:  `botocore 1.34.162` stays in the layer although the runtime has 1.40.4: `boto3 1.34.0` needs `botocore>=1.34.0,<1.35.0` (this is fine if you need that version; otherwise, allow the runtime's version and later ones) [runtime-package-kept]
    notice:  `s3transfer 0.9.0` stays in the layer although the runtime has 0.13.1: `boto3 1.34.0` needs `s3transfer>=0.9.0,<0.10.0` (this is fine if you need that version; otherwise, allow the runtime's version and later ones) [runtime-package-kept]
    ");
}

#[test]
fn a_lock_takes_later_versions() {
    let sandbox = Sandbox::new();
    sandbox.write("pylock.toml", pylock("six", "1.16.0"));
    let run = sandbox.run(&["build", "--python-version", "3.13", "--bytecode", "none", "--runtime-packages", "drop"]);
    sandbox.write("mine/__init__.py", "");
    let outcome = run.args(&["--smoke-test", "off", "--source", "mine"]).run().success();
    outcome.says("left out, because the runtime provides them (as of 2026-07-16): six 1.17.0");
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
    insta::assert_snapshot!(notices(&outcome, "shadows-runtime").join("\n"), @"warning: `urllib3 2.5.0` in the layer hides version 1.26.19 in the runtime: `botocore 1.40.4` in the runtime needs `urllib3>=1.25.4,<1.27` (add `botocore` to the requirements, pin `urllib3>=1.25.4,<1.27`, or leave `urllib3` to the runtime (`runtime-packages: drop` or `exclude: urllib3`)) [shadows-runtime]");
    assert_eq!(notices(&checked("urllib3==2.5.0\n", "3.12", &[]), "shadows-runtime"), [""; 0]);
    let outcome = checked("botocore==1.42.97\n", "3.13", &[]);
    insta::assert_snapshot!(notices(&outcome, "shadows-runtime").join("\n"), @"warning: `botocore 1.42.97` in the layer hides version 1.40.4 in the runtime: `boto3 1.40.4` in the runtime needs `botocore>=1.40.4,<1.41.0` (add `boto3` to the requirements, pin `botocore>=1.40.4,<1.41.0`, or leave `botocore` to the runtime (`runtime-packages: drop` or `exclude: botocore`)) [shadows-runtime]");
    let outcome = checked("boto3==1.42.0\n", "3.13", &[]);
    assert_eq!(notices(&outcome, "shadows-runtime"), [""; 0]);
    let outcome = checked("boto3\n", "3.13", &[]);
    assert_eq!(notices(&outcome, "in-runtime").len(), 1, "{}", outcome.stderr);
}

#[test]
fn what_was_left_out_is_told_everywhere() {
    let sandbox = Sandbox::with_requirements("six>=1.16\n./wheels/pkg-1.0-py3-none-any.whl\n");
    let text = "x = 1\n".repeat(1000);
    let files = [
        ("pkg/__init__.py", ""),
        ("pkg/tests/__init__.py", ""),
        ("pkg/tests/test_x.py", text.as_str()),
        ("pkg/__init__.pyi", "x: int\n"),
        ("pkg/notes.txt", "notes\n"),
    ];
    wheel_of(&sandbox.path("wheels"), "pkg", "1.0", &files);
    let inputs = [
        ("command", "build"),
        ("layer-name", "quickstart"),
        ("output", "layer.zip"),
        ("python-version", "3.13"),
        ("runtime-packages", "drop"),
        ("exclude-files", "notes.txt"),
        ("bytecode", "none"),
        ("smoke-test", "off"),
    ];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    let told = outcome.told();
    let log: Vec<&str> = told
        .lines()
        .filter(|line| line.contains("saved ") || line.contains("left out, because the runtime provides them"))
        .collect();
    insta::assert_snapshot!(log.join("\n"), @r"
    left out, because the runtime provides them (as of 2026-07-16): six 1.17.0
    [time]  Slim the layer                   saved 42.5 KB: runtime-packages 36.7 KB, tests 5.9 KB, stubs 7 B, exclude-files 6 B
    ");
    let shown: Vec<&str> = outcome.stdout.lines().filter(|line| line.contains("left out ")).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    left out        36.7 KB  runtime-packages: 5 files of six
    left out         5.9 KB  tests: 2 files of pkg
    left out            7 B  stubs: 1 file of pkg
    left out            6 B  exclude-files: 1 file of pkg
    ");
    let summary = outcome.summary();
    let (_, table) = summary.split_once("<details><summary>Left out").expect("is there");
    insta::assert_snapshot!(table.split_once("</details>").expect("is closed").0, @r"
    : 42.5 KB</summary>

    | rule | package | files | size |
    |---|---|--:|--:|
    | runtime-packages | six | 5 | 36.7 KB |
    | tests | pkg | 2 | 5.9 KB |
    | stubs | pkg | 1 | 7 B |
    | exclude-files | pkg | 1 | 6 B |
    ");
    let result: serde_json::Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    insta::assert_snapshot!(result["savings"], @r#"[{"rule":"runtime-packages","owner":"six","files":5,"bytes":37540},{"rule":"tests","owner":"pkg","files":2,"bytes":6000},{"rule":"stubs","owner":"pkg","files":1,"bytes":7},{"rule":"exclude-files","owner":"pkg","files":1,"bytes":6}]"#);
}

#[test]
fn a_smoke_test_without_the_runtime_knows_what_was_left_to_it() {
    let sandbox = Sandbox::with_requirements("six\n./wheels/pkg-1.0-py3-none-any.whl\n");
    let code = "try:\n    import six\nexcept ImportError as error:\n    raise ImportError(f'Unable to import: six: {error}') from None\n";
    wheel_of(&sandbox.path("wheels"), "pkg", "1.0", &[("pkg/__init__.py", code)]);
    let python = tools().python_version();
    let run = sandbox.run(&["build", "--python-version", &python, "--bytecode", "none", "--runtime-packages", "drop"]);
    let outcome = run.args(&["--smoke-test", "auto"]).run().success();
    outcome.says("it needs `six`, which the runtime has but this machine does not");
}
