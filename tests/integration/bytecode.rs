//! Bytecode in the layer: what it is made of, where it stands, and what happens where it cannot be made.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::wheel_of;
use crate::zip::{Member, members, names, unpack};

/// A layer for this machine's Python; what the run said.
fn built(sandbox: &Sandbox, arguments: &[&str]) -> (Outcome, BTreeMap<String, Member>) {
    let python = tools().python_version();
    let outcome = sandbox.run(&["build", "--output", "layer.zip", "--python-version", &python]).args(arguments).run();
    (outcome.success(), members(&sandbox.path("layer.zip")))
}

/// What a program prints that runs with the layer below `opt`, which nothing may change.
fn python(opt: &Utf8Path, program: &str) -> String {
    let mut command = std::process::Command::new(tools().program("python3"));
    let output = command
        .args(["-c", program])
        .env("PYTHONPATH", opt.join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("is UTF-8")
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let files = [
        ("tool/__init__.py", "def main():\n    print(__name__, __cached__)\n"),
        ("tool/__main__.py", "import tool\ntool.main()\n"),
        ("tool/shipped.pyc", "bytecode without a source"),
        ("tool/template.py", "{{ name }} = {% value %}\n"),
        ("tool-1.0.dist-info/entry_points.txt", "[console_scripts]\ntool = tool:main\n"),
        ("tool-1.0.data/scripts/run.py", "#!python\nprint('run')\n"),
    ];
    let wheel = wheel_of(&sandbox.path("wheels"), "tool", "1.0", &files);
    let name = wheel.file_name().expect("has a name");
    sandbox.write("requirements.txt", format!("./wheels/{name}\n"));
    sandbox.write("own/mine/deep.py", "ORDER = {'b', 'a', None, 'c'}\n");
    sandbox
}

fn listed(members: &BTreeMap<String, Member>) -> String {
    names(members).join("\n").replace(&tools().python_version().replace('.', ""), "[PYTHON]")
}

#[test]
fn bytecode_stands_beside_the_sources() {
    let sandbox = sandbox();
    let (outcome, members) = built(&sandbox, &["--source", "own", "--bytecode", "compile", "--smoke-test", "off"]);
    insta::assert_snapshot!(listed(&members), @r"
    bin/run.py
    bin/tool
    python/mine/__pycache__/deep.cpython-[PYTHON].pyc
    python/mine/deep.py
    python/tool/__init__.py
    python/tool/__main__.py
    python/tool/__pycache__/__init__.cpython-[PYTHON].pyc
    python/tool/__pycache__/__main__.cpython-[PYTHON].pyc
    python/tool/shipped.pyc
    python/tool/template.py
    ");
    outcome.says("`python/tool/template.py`");
    let name = names(&members).into_iter().find(|name| name.contains("__init__.cpython")).expect("is there");
    let pyc = &members[name].bytes;
    assert_eq!(pyc[4..8], [1, 0, 0, 0], "is not compared with its source");
    assert!(String::from_utf8_lossy(pyc).contains("/opt/python/tool/__init__.py"), "is the path in the function");
    assert!(!String::from_utf8_lossy(pyc).contains(sandbox.root().as_str()));
    let opt = sandbox.root().join("opt");
    unpack(&members, &opt);
    let cached = opt.join(name);
    assert_eq!(python(&opt, "import tool; tool.main()"), format!("tool {cached}\n"));
    // Whatever stands in the source: it is not looked at.
    fs_err::write(opt.join("python/tool/__init__.py"), "def main():\n    print('changed')\n").expect("can be written");
    assert_eq!(python(&opt, "import tool; tool.main()"), format!("tool {cached}\n"));
}

#[test]
fn bytecode_takes_the_place_of_the_sources() {
    let sandbox = sandbox();
    let (_, members) = built(&sandbox, &["--source", "own", "--bytecode", "only", "--smoke-test", "off"]);
    insta::assert_snapshot!(listed(&members), @r"
    bin/run.py
    bin/tool
    python/mine/deep.pyc
    python/tool/__init__.pyc
    python/tool/__main__.pyc
    python/tool/shipped.pyc
    python/tool/template.py
    ");
    let opt = sandbox.root().join("opt");
    unpack(&members, &opt);
    let cached = opt.join("python/tool/__init__.pyc");
    assert_eq!(python(&opt, "import tool; tool.main()"), format!("tool {cached}\n"));
    assert_eq!(python(&opt, "import runpy; runpy.run_module('tool')"), format!("tool {cached}\n"));
    assert_eq!(python(&opt, "import mine.deep; print(len(mine.deep.ORDER))"), "4\n");
    let script = members["bin/tool"].text().replace("/opt/", &format!("{opt}/"));
    assert_eq!(python(&opt, &script), format!("tool {cached}\n"));
    // Its list of files is that of the layer.
    let record = members["python/tool-1.0.dist-info/RECORD"].text();
    assert!(!record.contains("tool/__init__.py,") && record.contains("tool/template.py,"), "{record}");
}

#[test]
fn bytecode_is_the_same_wherever_it_is_made() {
    let made = || {
        let sandbox = Sandbox::with_requirements("pydantic==2.11.7\n");
        fs_err::copy(sandbox.path("requirements.txt"), sandbox.path("again.txt")).expect("can be copied");
        built(&sandbox, &["--bytecode", "compile", "--smoke-test", "off"]).1
    };
    let (one, other) = (made(), made());
    assert!(one.keys().any(|name| name.contains("pydantic/__pycache__/main.cpython-")));
    let differ: Vec<&String> =
        one.iter().filter(|(name, one)| one.bytes != other[*name].bytes).map(|(name, _)| name).collect();
    assert_eq!((one.len(), differ), (other.len(), Vec::new()));
}

#[test]
fn the_processor_does_not_matter() {
    let foreign = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let (_, members) = built(&sandbox, &["--bytecode", "compile", "--architecture", foreign, "--smoke-test", "off"]);
    assert!(names(&members).iter().any(|name| name.starts_with("python/__pycache__/six.cpython-")));
}

#[test]
fn without_that_python_it_says_what_to_do() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let other = if tools().python_version() == "3.13" { "3.12" } else { "3.13" };
    let build = |bytecode: &str, code: i32| {
        let arguments = ["build", "--output", "layer.zip", "--python-version", other, "--bytecode", bytecode];
        let outcome = sandbox.run(&arguments).args(&["--smoke-test", "off"]).run().code(code);
        let starts = |line: &&str| ["warning", "error", "hint"].iter().any(|start| line.starts_with(start));
        outcome.stderr.lines().filter(starts).collect::<Vec<_>>().join("\n").replace(other, "[PYTHON]")
    };
    insta::assert_snapshot!(build("auto", 0), @"warning: this machine has no Python [PYTHON], and `UV_PYTHON_DOWNLOADS=never` prevents uv from downloading one: the layer contains no bytecode, so every cold start compiles its modules (let uv download it (set `UV_PYTHON_INSTALL_MIRROR` to use a mirror), put `python[PYTHON]` on PATH, use the action `lambda-layer-action/python[PYTHON]`, or set `bytecode: none`) [no-bytecode]");
    assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/six.py"]);
    // Who asks for it by name gets it or nothing.
    insta::assert_snapshot!(build("compile", 1), @r"
    error: this machine has no Python [PYTHON], and `UV_PYTHON_DOWNLOADS=never` prevents uv from downloading one: the layer contains no bytecode, so every cold start compiles its modules
    hint: let uv download it (set `UV_PYTHON_INSTALL_MIRROR` to use a mirror), put `python[PYTHON]` on PATH, use the action `lambda-layer-action/python[PYTHON]`, or set `bytecode: none`
    ");
    insta::assert_snapshot!(build("only", 1), @r"
    error: this machine has no Python [PYTHON], and `UV_PYTHON_DOWNLOADS=never` prevents uv from downloading one: the layer contains no bytecode and keeps its sources, so every cold start compiles its modules
    hint: let uv download it (set `UV_PYTHON_INSTALL_MIRROR` to use a mirror), put `python[PYTHON]` on PATH, use the action `lambda-layer-action/python[PYTHON]`, or set `bytecode: none`
    ");
    sandbox
        .run(&["build", "--python-version", other, "--bytecode", "none", "--smoke-test", "off", "--fail-on", "warning"])
        .run()
        .success();
}

/// Lambda's limit less so many bytes that six fits beside it, and its bytecode does not.
const FULL: u64 = 262_144_000 - 50_000;

#[test]
fn a_layer_that_bytecode_would_make_too_large_gets_none() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let file = fs_err::File::create(sandbox.path("model.bin")).expect("can be made");
    file.set_len(FULL).expect("can be made longer");
    let include = ["--include", "model.bin=python/model.bin", "--smoke-test", "off", "--bytecode"];
    let (outcome, members) = built(&sandbox, &[&include[..], &["compile"]].concat());
    let said: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("warning: with")).collect();
    let figures = regex::Regex::new(r"\d+\.\d [KM]B").expect("is valid");
    insta::assert_snapshot!(figures.replace_all(&said.join("\n"), "[size]"), @"warning: with about [size] of bytecode the layer would be about [size], over Lambda's limit of [size]: it contains no bytecode, so every cold start compiles its modules (use `bytecode: only` to replace the sources with it (about [size] in total), or leave something out) [no-bytecode]");
    assert_eq!(names(&members), ["python/model.bin", "python/six.py"]);
    let (_, members) = built(&sandbox, &[&include[..], &["only"]].concat());
    assert_eq!(names(&members), ["python/model.bin", "python/six.pyc"]);
}
