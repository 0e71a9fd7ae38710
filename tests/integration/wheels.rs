//! Every kind of wheel: where its files go, and what of it does not work in a layer.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::wheel_of;
use crate::zip::{Member, members, names, unpack};

/// With an installer, for this machine's Python, which is the only one that pip installs for.
fn built(sandbox: &Sandbox, installer: &str, arguments: &[&str]) -> (Outcome, BTreeMap<String, Member>) {
    let python = tools().python_version();
    let run = sandbox.run(&["build", "--output", "layer.zip", "--installer", installer, "--python-version", &python]);
    let outcome = run.args(arguments).run().success();
    (outcome, members(&sandbox.path("layer.zip")))
}

fn warnings(outcome: &Outcome) -> String {
    outcome.stderr.lines().filter(|line| line.starts_with("warning:")).collect::<Vec<_>>().join("\n")
}

/// A workspace that requires wheels of these names and files.
fn sandbox(wheels: &[(&str, &[(&str, &str)])]) -> Sandbox {
    let names: Vec<String> = wheels.iter().map(|(name, _)| format!("./wheels/{name}-1.0-py3-none-any.whl\n")).collect();
    let sandbox = Sandbox::with_requirements(&names.concat());
    for (name, files) in wheels {
        wheel_of(&sandbox.path("wheels"), name, "1.0", files);
    }
    sandbox
}

const DATA: &[(&str, &str)] = &[
    ("kinds/__init__.py", ""),
    ("kinds-1.0.data/scripts/tool.py", "#!python\nprint('hi')\n"),
    ("kinds-1.0.data/scripts/tool.sh", "#!/bin/sh\necho hi\n"),
    ("kinds-1.0.data/data/share/kinds/a.txt", "a"),
    ("kinds-1.0.data/data/etc/kinds.conf", "c"),
    ("kinds-1.0.data/data/bin/raw", "r"),
    ("kinds-1.0.data/headers/kinds.h", "h"),
    ("kinds-1.0.data/purelib/kinds/pure.py", "p"),
    ("kinds-1.0.data/platlib/kinds/plat.py", "q"),
];

/// Paths of a `RECORD`, seen from `/opt`.
fn recorded(members: &BTreeMap<String, Member>, info: &str) -> BTreeSet<String> {
    let record = members[&format!("python/{info}/RECORD")].text();
    let paths = record.lines().map(|line| line.split(',').next().unwrap_or_default());
    paths.map(|path| path.strip_prefix("../").map_or_else(|| format!("python/{path}"), str::to_owned)).collect()
}

#[test]
fn the_data_of_a_wheel_is_where_it_can_be_found() {
    let sandbox = sandbox(&[("kinds", DATA)]);
    let (_, uv) = built(&sandbox, "uv", &[]);
    insta::assert_snapshot!(names(&uv).into_iter().map(|name| format!("{:o} {name}", uv[name].mode)).collect::<Vec<_>>().join("\n"), @r"
    100644 bin/raw
    100755 bin/tool.py
    100755 bin/tool.sh
    100644 python/etc/kinds.conf
    100644 python/kinds/__init__.py
    100644 python/kinds/plat.py
    100644 python/kinds/pure.py
    100644 python/share/kinds/a.txt
    ");
    let python = tools().python_version();
    assert_eq!(uv["bin/tool.py"].text(), format!("#!/var/lang/bin/python{python}\nprint('hi')\n"));
    let files: BTreeSet<String> = uv.keys().filter(|name| !name.ends_with('/')).cloned().collect();
    assert_eq!(recorded(&uv, "kinds-1.0.dist-info"), files);

    let (outcome, pip) = built(&sandbox, "pip", &[]);
    assert_eq!(names(&uv), names(&pip));
    assert_eq!(pip["bin/tool.sh"].mode, uv["bin/tool.sh"].mode);
    assert_eq!(recorded(&pip, "kinds-1.0.dist-info"), files);
    assert_eq!(warnings(&outcome), "");
}

#[test]
fn shared_libraries_of_a_wheel_are_where_the_linker_looks() {
    let files = [DATA, &[("kinds-1.0.data/data/lib/libkinds.so.1", "INPUT(libx.so.1)")]].concat();
    let sandbox = sandbox(&[("kinds", &files)]);
    let (_, uv) = built(&sandbox, "uv", &[]);
    assert!(uv.contains_key("lib/libkinds.so.1"));
    assert!(recorded(&uv, "kinds-1.0.dist-info").contains("lib/libkinds.so.1"));
    // pip has no place for it, which it does not say itself.
    let (outcome, pip) = built(&sandbox, "pip", &[]);
    assert!(!pip.keys().any(|name| name.contains("libkinds")));
    insta::assert_snapshot!(warnings(&outcome), @"warning: `libkinds.so.1` of `kinds` is not in the layer, because the installer did not install it (use `installer: uv`, or add it with `include`) [lost-file]");
}

#[test]
fn distributions_and_own_code_share_a_namespace() {
    let sandbox = sandbox(&[
        ("acme_one", &[("acme/one/__init__.py", "name = 'one'\n")]),
        ("acme_two", &[("acme/two/__init__.py", "name = 'two'\n"), ("acme/two/deep/a.py", "")]),
        ("acme_three", &[("acme/three.py", "name = 'three'\n")]),
    ]);
    sandbox.write("own/acme/four.py", "name = 'four'\n");
    let program = "from acme import one, two, three, four; print(one.name, two.name, three.name, four.name)";
    for installer in ["uv", "pip"] {
        let (outcome, members) = built(&sandbox, installer, &["--source", "own"]);
        assert_eq!(warnings(&outcome), "");
        let opt = sandbox.root().join(installer);
        unpack(&members, &opt);
        let mut python = std::process::Command::new(tools().program("python3"));
        let output = python.args(["-c", program]).env("PYTHONPATH", opt.join("python")).output();
        assert_eq!(String::from_utf8_lossy(&output.expect("can be started").stdout), "one two three four\n");
    }
}

#[test]
fn real_namespace_packages_are_complete() {
    let sandbox =
        Sandbox::with_requirements("google-api-core==2.24.2\ngoogleapis-common-protos==1.70.0\ngoogle-auth==2.40.3\n");
    let (uv, pip) = (built(&sandbox, "uv", &["--no-deps"]).1, built(&sandbox, "pip", &["--no-deps"]).1);
    assert_eq!(names(&uv), names(&pip));
    for module in ["google/api_core/__init__.py", "google/auth/__init__.py", "google/rpc/status_pb2.py"] {
        assert!(uv.contains_key(&format!("python/{module}")), "{module}");
    }
}

#[test]
fn a_file_for_the_start_of_python_is_named() {
    let sandbox = sandbox(&[
        ("hook", &[("hook.py", ""), ("hook.pth", "import hook\n")]),
        ("plain", &[("plain/__init__.py", ""), ("plain/data.pth", "weights")]),
    ]);
    let (outcome, members) = built(&sandbox, "uv", &[]);
    assert!(members.contains_key("python/hook.pth"));
    assert!(!outcome.stderr.contains("data.pth"), "{}", outcome.stderr);
    outcome.says("notice:  `hook` contains `hook.pth`, which Python reads at startup only in functions");
}

#[test]
fn packages_may_be_named_as_folders_of_a_layer() {
    let files = [
        ("bin/__init__.py", ""),
        ("bin/mod.py", ""),
        ("lib/__init__.py", ""),
        ("lib/x.dat", ""),
        ("folders-1.0.dist-info/entry_points.txt", "[console_scripts]\nfolders = bin.mod:main\n"),
    ];
    let sandbox = sandbox(&[("folders", &files), ("kinds", DATA)]);
    let (_, members) = built(&sandbox, "uv", &[]);
    let names: Vec<&str> = names(&members).into_iter().filter(|name| !name.contains("kinds")).collect();
    insta::assert_snapshot!(names.join("\n"), @r"
    bin/folders
    bin/raw
    bin/tool.py
    bin/tool.sh
    python/bin/__init__.py
    python/bin/mod.py
    python/lib/__init__.py
    python/lib/x.dat
    ");
}

#[test]
fn nothing_of_a_wheel_is_lost_for_its_name() {
    let sandbox = sandbox(&[(
        "kinds",
        &[
            ("kinds/__init__.py", ""),
            ("kinds/.git/HEAD", "h"),
            ("kinds/template/.venv/a.txt", "a"),
            ("kinds/template/env/pyvenv.cfg", "c"),
            ("kinds/.DS_Store", "d"),
            ("kinds/__pycache__/f.nbi", "i"),
            // The layer has its own.
            ("kinds/__pycache__/__init__.cpython-313.pyc", "old"),
            (".lambda-layers/x", "x"),
        ],
    )]);
    for installer in ["uv", "pip"] {
        let (outcome, members) = built(&sandbox, installer, &[]);
        let expected = [
            "python/.lambda-layers/x",
            "python/kinds/.DS_Store",
            "python/kinds/.git/HEAD",
            "python/kinds/__init__.py",
            "python/kinds/__pycache__/f.nbi",
            "python/kinds/template/.venv/a.txt",
            "python/kinds/template/env/pyvenv.cfg",
        ];
        assert_eq!(names(&members), expected);
        assert_eq!(warnings(&outcome), "");
    }
}

/// Each line of a `RECORD` that is not as the layer, or has no hash where the layer has a file.
fn untrue(members: &BTreeMap<String, Member>) -> Vec<String> {
    use base64::Engine as _;
    use sha2::Digest as _;
    let records = members.iter().filter(|(name, _)| name.ends_with(".dist-info/RECORD"));
    let lines = records.flat_map(|(own, record)| record.text().lines().map(move |line| (own, line)));
    let is_true = |own: &str, line: &str| {
        let [path, hash, size] = line
            .rsplitn(3, ',')
            .collect::<Vec<_>>()
            .try_into()
            .map(|[c, b, a]: [&str; 3]| [a, b, c])
            .expect("has three");
        let place = path.strip_prefix("../").map_or_else(|| format!("python/{path}"), str::to_owned);
        let Some(member) = members.get(&place) else { return false };
        let digest = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&member.bytes));
        if place == own {
            line.ends_with(",,")
        } else {
            hash == format!("sha256={digest}") && size == member.bytes.len().to_string()
        }
    };
    lines.filter(|(own, line)| !is_true(own, line)).map(|(_, line)| line.to_owned()).collect()
}

#[test]
fn records_are_true_whatever_became_of_the_files() {
    let wheel = "./wheels/kinds-1.0-py3-none-any.whl\n./wheels/other-1.0-py3-none-any.whl\n";
    let sandbox = Sandbox::with_requirements(&format!("{wheel}numpy==2.2.6\n"));
    wheel_of(&sandbox.path("wheels"), "kinds", "1.0", DATA);
    let scripts = "[console_scripts]\nrun = other:main\n";
    let other = [("kinds/__init__.py", "other"), ("other/tests/test_a.py", ""), ("other/__init__.py", "")];
    wheel_of(
        &sandbox.path("wheels"),
        "other",
        "1.0",
        &[&other[..], &[("other-1.0.dist-info/entry_points.txt", scripts)]].concat(),
    );
    for installer in ["uv", "pip"] {
        let arguments = ["--strip", "true", "--slim", "max", "--exclude-files", "*.pyi", "--smoke-test", "off"];
        let (outcome, members) = built(&sandbox, installer, &arguments);
        outcome.says("shared objects, ");
        assert_eq!(untrue(&members), [""; 0]);
    }
}
