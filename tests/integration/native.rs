//! Which layers a plan gives to the image of their Python, with compilers, and which to the small one.

use camino::Utf8Path;
use lambda_layer::facts;
use lambda_layer::types::Digest;
use serde_json::Value;

use crate::harness::{FileServer, Run, Sandbox, tools};
use crate::locks::{run, tool, uv};
use crate::packages::{sdist_of, tagged_wheel_of, wheel};

fn plan(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let run = sandbox.run(&["plan", "--layer-name", "app", "--registry", ".lambda-layers"]);
    run.args(&["--python-version", &tools().python_version()]).args(arguments).in_actions(&[])
}

/// What a plan says, in the matrix and in the result alike.
#[track_caller]
fn is_native(sandbox: &Sandbox, arguments: &[&str]) -> bool {
    let outputs = plan(sandbox, arguments).run().success().outputs();
    let json = |name: &str| serde_json::from_str::<Value>(&outputs[name]).expect("is JSON");
    let (result, matrix) = (json("result"), json("matrix"));
    assert_eq!(result["native"], matrix["include"][0]["native"]);
    result["native"].as_bool().expect("is a boolean")
}

/// A workspace and an index: `acmeplain` has a wheel that fits, `acmeforeign` one for Windows and `acmesource` none; all
/// have source distributions.
fn workspace() -> (Sandbox, FileServer) {
    let sandbox = Sandbox::new();
    let root = sandbox.root().join("index");
    wheel(&root.join("acmeplain"), "acmeplain", "1.0");
    tagged_wheel_of(
        &root.join("acmeforeign"),
        "acmeforeign",
        "1.0",
        "cp313-cp313-win_amd64",
        &[("acmeforeign.py", "")],
    );
    for name in ["acmeplain", "acmeforeign", "acmesource"] {
        let setup =
            format!("from setuptools import setup\nsetup(name='{name}', version='1.0', py_modules=['{name}'])\n");
        let metadata = format!("Metadata-Version: 2.2\nName: {name}\nVersion: 1.0\n");
        let project =
            "[build-system]\nrequires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n";
        let module = format!("{name}.py");
        let files =
            [("PKG-INFO", metadata.as_str()), ("pyproject.toml", project), ("setup.py", &setup), (&module, "x = 1\n")];
        sdist_of(&root.join(name), name, "1.0", &files);
        page(&root.join(name));
    }
    (sandbox, FileServer::start(&root))
}

/// Of an index, with hashes.
fn page(folder: &Utf8Path) {
    let mut links = "<!DOCTYPE html>\n".to_owned();
    for entry in folder.read_dir_utf8().expect("is there").flatten().filter(|entry| entry.file_name() != "index.html") {
        let digest = Digest::of(&fs_err::read(entry.path()).expect("can be read")).hex();
        let name = entry.file_name();
        links += &format!("<a href=\"{name}#sha256={digest}\">{name}</a>\n");
    }
    fs_err::write(folder.join("index.html"), links).expect("can be written");
}

#[test]
fn a_lock_of_uv_tells_what_has_no_wheel_for_the_target() {
    let (sandbox, server) = workspace();
    let project = format!(
        "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"acmeplain\"]\n\
         [project.optional-dependencies]\nextra = [\"acmeforeign\"]\n[dependency-groups]\ndev = [\"acmesource\"]\n\
         windows = [\"acmesource; sys_platform == 'win32'\"]\n[[tool.uv.index]]\nurl = \"{}\"\n",
        server.url()
    );
    sandbox.write("pyproject.toml", &project);
    run(uv(&sandbox.path("")).arg("lock").env_remove("UV_NO_CONFIG"));
    assert!(!is_native(&sandbox, &[]), "what has none is in groups that are not installed");
    assert!(!is_native(&sandbox, &["--groups", "windows"]), "nor is what is for other systems");
    assert!(is_native(&sandbox, &["--groups", "dev"]));
    plan(&sandbox, &["--groups", "dev"]).run().success().says("`acmesource==1.0` is built from source, so it needs");
    assert!(is_native(&sandbox, &["--extras", "extra"]));
    assert!(!is_native(&sandbox, &["--groups", "dev", "--native", "false"]), "the input knows better");

    // A plan that knows the inputs from the state does not read the lock again.
    let groups = ["--groups", "dev", "--extra-index-urls", "https://pypi.org/simple"];
    let publish = sandbox.run(&["publish", "--layer-name", "app", "--python-version", &tools().python_version()]);
    publish.args(&groups).run().success();
    fs_err::remove_dir_all(sandbox.path(".lambda-layers/app/1")).expect("is there");
    let arguments = [&groups[..], &["--verify"]].concat();
    plan(&sandbox, &arguments).run().success().says("version 1 no longer exists");
    assert!(is_native(&sandbox, &arguments));
}

/// `files` are locked of a distribution; the plan fetches none of them.
fn with_files(lock: &str, name: &str, files: &[&str]) -> String {
    let wheel = format!("{name}-1.0-py3-none-any.whl");
    let line = lock.lines().find(|line| line.contains(&wheel)).expect("is locked");
    let lines = files.iter().map(|file| line.replace(&wheel, &format!("{name}-1.0{file}")));
    lock.replace(line, &lines.collect::<Vec<_>>().join("\n"))
}

#[track_caller]
fn tells_by_files(sandbox: &Sandbox, file: &str) {
    let lock = sandbox.read(file);
    for (name, files, wanted) in [
        ("acmeplain", &["-py3-none-any.whl", ".tar.gz"] as &[&str], [false, false]),
        ("acmeplain", &[".tar.gz"], [true, true]),
        ("acmeplain", &["-cp313-cp313-win_amd64.whl", ".tar.gz"], [true, true]),
        ("acmedevelop", &[".tar.gz"], [false, true]),
    ] {
        sandbox.write(file, with_files(&lock, name, files));
        let told = [&[] as &[&str], &["--groups", "dev"]].map(|groups| is_native(sandbox, groups));
        assert_eq!(told, wanted, "{file} {name} {files:?}");
    }
}

fn with_develop() -> (Sandbox, FileServer) {
    let (sandbox, server) = workspace();
    wheel(&sandbox.root().join("index/acmedevelop"), "acmedevelop", "1.0");
    // The locks are to have one file of each.
    fs_err::remove_file(sandbox.root().join("index/acmeplain/acmeplain-1.0.tar.gz")).expect("is there");
    page(&sandbox.root().join("index/acmeplain"));
    (sandbox, server)
}

#[test]
fn a_lock_of_poetry_tells_it_too() {
    let (sandbox, server) = with_develop();
    let project = format!(
        "[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\npython = \">=3.9,<4\"\nacmeplain = \"*\"\n\
         [tool.poetry.group.dev.dependencies]\nacmedevelop = \"*\"\n\
         [[tool.poetry.source]]\nname = \"own\"\nurl = \"{}\"\npriority = \"primary\"\n",
        server.url()
    );
    sandbox.write("pyproject.toml", &project);
    let keep = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("can be made");
    let folder = Utf8Path::from_path(keep.path()).expect("is UTF-8");
    fs_err::write(folder.join("pyproject.toml"), project).expect("can be written");
    run(tool("poetry", folder).arg("lock").env("POETRY_CACHE_DIR", folder.join("own/cache")));
    fs_err::copy(folder.join("poetry.lock"), sandbox.path("poetry.lock")).expect("was made");
    tells_by_files(&sandbox, "poetry.lock");
}

#[test]
fn a_lock_of_pdm_tells_it_too() {
    let (sandbox, server) = with_develop();
    let project = format!(
        "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"acmeplain\"]\n\
         [dependency-groups]\ndev = [\"acmedevelop\"]\n[[tool.pdm.source]]\nname = \"pypi\"\nurl = \"{}\"\n",
        server.url()
    );
    sandbox.write("pyproject.toml", &project);
    let keep = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("can be made");
    let folder = Utf8Path::from_path(keep.path()).expect("is UTF-8");
    fs_err::write(folder.join("pyproject.toml"), project).expect("can be written");
    run(tool("pdm", folder).args(["lock", "--group", ":all"]).env("PDM_CACHE_DIR", folder.join("own/cache")));
    fs_err::copy(folder.join("pdm.lock"), sandbox.path("pdm.lock")).expect("was made");
    tells_by_files(&sandbox, "pdm.lock");
}

#[test]
fn a_pylock_tells_it_too() {
    let sandbox = Sandbox::new();
    let file = |name: &str| format!("{{ url = \"https://h/{name}\", hashes = {{ sha256 = \"{}\" }} }}", "0".repeat(64));
    let package = |name: &str, files: &str, more: &str| {
        format!("[[packages]]\nname = \"{name}\"\nversion = \"1.0\"\n{more}{files}\n")
    };
    let head = "lock-version = \"1.0\"\ncreated-by = \"a tool\"\ndependency-groups = [\"dev\"]\n";
    let sdist = |name: &str| format!("sdist = {}", file(&format!("{name}-1.0.tar.gz")));
    let wheels = |name: &str, tag: &str| format!("wheels = [{}]", file(&format!("{name}-1.0-{tag}.whl")));
    let plain = package("acmeplain", &format!("{}\n{}", sdist("acmeplain"), wheels("acmeplain", "py3-none-any")), "");
    let dev = "marker = \"'dev' in dependency_groups\"\n";
    let indexed = "index = \"https://pypi.org/simple\"\n";
    for (more, wanted) in [
        (String::new(), [false, false]),
        (package("b", &sdist("b"), ""), [true, true]),
        (package("b", &sdist("b"), indexed), [true, true]),
        (package("b", &format!("{}\n{}", sdist("b"), wheels("b", "cp39-cp39-win_amd64")), indexed), [true, true]),
        (package("b", &sdist("b"), dev), [false, true]),
        (package("b", "vcs = { type = \"git\", url = \"https://h/b.git\", commit-id = \"01\" }", dev), [false, true]),
        (format!("[[packages]]\nname = \"b\"\n{dev}archive = {}\n", file("b-1.0.zip")), [false, true]),
    ] {
        sandbox.write("pylock.toml", format!("{head}{plain}{more}"));
        let told = [&[] as &[&str], &["--groups", "dev"]].map(|groups| is_native(&sandbox, groups));
        assert_eq!(told, wanted, "{more}");
    }
}

#[test]
fn inputs_and_lists_tell_what_they_can() {
    for (text, wanted) in [
        // Only the installer knows what there is of it.
        ("six==1.17.0\n", false),
        ("a @ git+https://github.com/a/a@v1\n", true),
        ("git+ssh://git@github.com/a/a.git#egg=a\n", true),
        ("six\na @ git+https://github.com/a/a@v1 ; sys_platform == 'win32'\n", false),
        ("https://h/a-1.0.tar.gz\n", true),
        ("https://h/a-1.0-py3-none-any.whl\n", false),
        ("--no-binary six\nsix==1.17.0\n", true),
        ("--no-binary :all:\nsix==1.17.0\n", true),
    ] {
        assert_eq!(is_native(&Sandbox::with_requirements(text), &[]), wanted, "{text}");
    }
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let told = |arguments: &[&str]| plan(&sandbox, arguments).run().success();
    let said = "`strip` is `true`, so it needs the python";
    told(&["--strip"]).says(said).says("if the small image can build it, set `native: false`");
    if let Some(preview) = facts::runtimes().iter().find(|runtime| runtime.preview) {
        let run = sandbox.run(&["plan", "--layer-name", "app", "--strip", "--python-version", &preview.python]);
        let outcome = run.in_actions(&[]).args(&["--registry", ".lambda-layers"]).run().success();
        outcome.says(&format!(
            "so it needs your own machine with Python {}, because this preview has no image",
            preview.python
        ));
    }
    assert!(!told(&["--strip", "--native"]).told().contains("so it needs the"), "nobody has to be told");
    for arguments in [&["--build-script", "make"] as &[&str], &["--strip"], &["--native"], &["--native", "true"]] {
        assert!(is_native(&sandbox, arguments), "{arguments:?}");
    }
    assert!(!is_native(&sandbox, &["--strip", "--native", "false"]));
    assert!(!is_native(&sandbox, &["--native", "auto"]));
    let outcome = plan(&sandbox, &["--native", "maybe"]).run().code(1);
    outcome.says("error: `native` is `maybe`, which is not a valid value").says("hint: use `auto`, `true` or `false`");
    let outputs = plan(&sandbox, &[]).env("UV_NO_BINARY", "1").run().success().outputs();
    assert!(outputs["matrix-native"].contains("\"native\":true"));
}

#[test]
fn each_image_gets_its_jobs() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write(
        "lambda-layers.yml",
        "layers:\n  - layer-name: wheels-{py}\n    python-version: [3.13, 3.14]\n\
         \x20 - layer-name: native-{py}\n    python-version: [3.12, 3.13]\n    native: true\n    architecture: arm64\n",
    );
    let outputs = || {
        let run = sandbox.run(&["plan", "--registry", ".lambda-layers"]).in_actions(&[]);
        run.run().success().outputs()
    };
    let outputs_of_first = outputs();
    let json = |name: &str| serde_json::from_str::<Value>(&outputs_of_first[name]).expect("is JSON");
    let names = |matrix: &Value| -> Vec<String> {
        let jobs = matrix["include"].as_array().expect("is a list").iter();
        jobs.map(|job| format!("{} {} {}", job["layer-name"], job["native"], job["runs-on"]).replace('"', "")).collect()
    };
    let wheels = ["wheels-313 false ubuntu-latest", "wheels-314 false ubuntu-latest"];
    let native = ["native-312 true ubuntu-24.04-arm", "native-313 true ubuntu-24.04-arm"];
    assert_eq!(names(&json("matrix")), [wheels, native].concat());
    assert_eq!(names(&json("matrix-wheels")), wheels);
    let by_python = json("matrix-native");
    let pythons: Vec<&String> = by_python.as_object().expect("is an object").keys().collect();
    assert_eq!(pythons, ["3.12", "3.13"]);
    assert_eq!(names(&by_python["3.12"]), native[..1]);
    assert_eq!(names(&by_python["3.13"]), native[1..]);
    // As the guard of a job looks for it: `contains(needs.plan.outputs.matrix-native, '"3.12"')`.
    let told = ["\"3.12\"", "\"3.13\"", "\"3.14\""].map(|python| outputs_of_first["matrix-native"].contains(python));
    assert_eq!(told, [true, true, false]);

    // As the jobs do it.
    sandbox.run(&["publish"]).run().success();
    let outputs = outputs();
    let told = ["matrix", "matrix-wheels", "matrix-native"].map(|name| outputs[name].as_str());
    assert_eq!(told, ["{\"include\":[]}", "{\"include\":[]}", "{}"]);
}
