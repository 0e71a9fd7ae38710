//! Lock files and projects: what is taken of them, what counts as a change, what is refused. The locks are uv's own.

use std::process::Command;

use crate::harness::{Sandbox, tools};

const PROJECT: &str = r#"[project]
name = "app"
version = "1"
requires-python = ">=3.9"
dependencies = ["six>=1.16", "typing-extensions; python_version < '3.12'"]

[project.optional-dependencies]
fast = ["idna==3.10"]

[dependency-groups]
dev = ["iniconfig"]
docs = ["attrs"]
"#;

/// Runs uv in a folder of the workspace.
#[track_caller]
fn uv(sandbox: &Sandbox, folder: &str, arguments: &[&str]) {
    let mut command = Command::new(tools().program("uv"));
    command.args(arguments).current_dir(sandbox.path(folder)).env("UV_CACHE_DIR", crate::tools::cache("uv"));
    let output = command.env("UV_PYTHON_DOWNLOADS", "never").output().expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A project of uv's with its lock.
fn locked() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("pyproject.toml", PROJECT);
    uv(&sandbox, ".", &["lock"]);
    sandbox
}

fn names(sandbox: &Sandbox, zip: &str) -> Vec<String> {
    let file = fs_err::File::open(sandbox.path(zip)).expect("is there");
    let archive = zip::ZipArchive::new(file).expect("is a zip");
    let infos = archive.file_names().map(|name| name.expect("is UTF-8"));
    let infos = infos.filter_map(|name| name.strip_suffix(".dist-info/METADATA").map(str::to_owned));
    let mut names: Vec<String> =
        infos.filter_map(|info| Some(info.strip_prefix("python/")?.split_once('-')?.0.to_owned())).collect();
    names.sort();
    names
}

#[test]
fn a_lock_file_of_uv_is_built_with_groups_and_extras() {
    let sandbox = locked();
    let build = |python: &str, more: &[&str]| {
        sandbox.run(&["build", "--python-version", python, "--output", "x.zip"]).args(more).run().success();
        names(&sandbox, "x.zip")
    };
    assert_eq!(build("3.13", &[]), ["six"]);
    assert_eq!(build("3.11", &[]), ["six", "typing_extensions"]);
    assert_eq!(build("3.13", &["--groups", "docs", "--extras", "fast"]), ["attrs", "idna", "six"]);
    assert_eq!(build("3.13", &["--groups", "Dev"]), ["iniconfig", "six"]);
}

#[test]
fn only_what_concerns_the_layer_is_a_change() {
    let sandbox = locked();
    let publish =
        |python: &str| sandbox.run(&["publish", "--layer-name", "app", "--python-version", python]).run().success();
    publish("3.13").says("app published: this layer has not been published before");
    let trap = sandbox.trap(&["uv", "python3", "pip"]);
    let unchanged = sandbox.run(&["publish", "--layer-name", "app", "--python-version", "3.13"]).path_first(&trap);
    unchanged.run().success().says("app unchanged: the inputs are the same as for version 1");
    assert_eq!(sandbox.trapped(), "", "an unchanged lock starts nothing");

    sandbox.write("pyproject.toml", PROJECT.replace("\"iniconfig\"", "\"iniconfig\", \"attrs\""));
    uv(&sandbox, ".", &["lock"]);
    publish("3.13").says("app unchanged: the inputs were edited, but are equivalent to those of version 1");
    sandbox.write("pyproject.toml", PROJECT.replace("six>=1.16", "six==1.16.0"));
    uv(&sandbox, ".", &["lock"]);
    publish("3.13").says("app published: requirements: six ==1.17.0 → ==1.16.0");
    let planned = sandbox.run(&["plan", "--layer-name", "app", "--python-version", "3.12"]).run().success();
    planned.says("app would be published: python-version: 3.13 → 3.12");
}

#[test]
fn a_lock_file_that_does_not_fit_is_refused() {
    let sandbox = locked();
    sandbox.write("pyproject.toml", PROJECT.replace("six>=1.16", "six==1.16.0"));
    let before = sandbox.tree();
    let outcome = sandbox.run(&["build", "--python-version", "3.13"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `uv.lock` does not match `pyproject.toml`
    hint: run `uv lock` and commit the result; nothing was published
    ");
    assert!(sandbox.tree() == before);

    // Where uv lacks a Python that the project allows, the files themselves are compared.
    let other = if tools().python_version() == "3.13" { "3.12" } else { "3.13" };
    let narrow = format!("requires-python = \"=={other}.*\"");
    let lock = sandbox.read("uv.lock").replace("requires-python = \">=3.9\"", &narrow);
    sandbox.write("uv.lock", lock);
    let build = || sandbox.run(&["build", "--python-version", other, "--output", "x.zip"]).run();
    sandbox.write("pyproject.toml", PROJECT.replace("requires-python = \">=3.9\"", &narrow).replace("1.16", "1.17"));
    build().code(1).says("error: `uv.lock` does not match `pyproject.toml`").says("hint: run `uv lock`");
    sandbox.write("pyproject.toml", PROJECT.replace("requires-python = \">=3.9\"", &narrow));
    build().success();
    assert_eq!(names(&sandbox, "x.zip"), ["six"]);
}

#[test]
fn members_of_a_workspace_share_its_lock() {
    let sandbox = Sandbox::new();
    let member = |name: &str, dependencies: &str| {
        let build = "[build-system]\nrequires = [\"uv_build\"]\nbuild-backend = \"uv_build\"\n";
        let sources = "[tool.uv.sources]\nshared = { workspace = true }\n";
        let project = format!(
            "[project]\nname = \"{name}\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [{dependencies}]\n{build}{sources}"
        );
        sandbox.write(&format!("packages/{name}/pyproject.toml"), project);
        sandbox.write(&format!("packages/{name}/src/{name}/__init__.py"), "value = 1\n");
    };
    sandbox.write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"packages/*\"]\n");
    member("service", "\"shared\", \"idna==3.10\"");
    member("shared", "\"six==1.17.0\"");
    uv(&sandbox, ".", &["lock"]);
    let python = tools().python_version();
    let arguments = ["publish", "--layer-name", "service", "--python-version", &python, "--working-directory"];
    let publish = || sandbox.run(&arguments).args(&["packages/service"]).run().success();
    publish().says("service published: this layer has not been published before");
    // The member itself is not its own dependency.
    assert_eq!(names(&sandbox, "packages/service/.lambda-layers/service/1/layer.zip"), ["idna", "shared", "six"]);
    publish().says("service unchanged: the inputs are the same as for version 1");
    sandbox.write("packages/service/src/service/__init__.py", "value = 2\n");
    publish().says("service unchanged");
    sandbox.write("packages/shared/src/shared/__init__.py", "value = 2\n");
    publish().says("service published: requirements: shared has different content");
}

#[test]
fn a_standard_lock_file_is_built_and_its_hashes_checked() {
    let sandbox = locked();
    uv(
        &sandbox,
        ".",
        &["export", "--quiet", "--format", "pylock.toml", "--no-emit-project", "--output-file", "pylock.toml"],
    );
    let standard = sandbox.read("pylock.toml");
    let sandbox = Sandbox::new();
    sandbox.write("pylock.toml", &standard);
    let build = |installer: &str, python: &str| {
        let arguments = ["build", "--output", "x.zip", "--python-version", python, "--installer", installer];
        sandbox.run(&arguments).run()
    };
    build("uv", "3.11").success();
    assert_eq!(names(&sandbox, "x.zip"), ["attrs", "iniconfig", "six", "typing_extensions"].map(str::to_owned)[1..]);
    let python = tools().python_version();
    build("uv", &python).success();
    let with_uv = fs_err::read(sandbox.path("x.zip")).expect("is there");
    build("pip", &python).success();
    assert!(fs_err::read(sandbox.path("x.zip")).expect("is there") == with_uv);

    let (start, end) = (standard.find("name = \"six\"").expect("is locked"), standard.find("name = \"typing"));
    let six = &standard[start..end.expect("is locked")];
    let forged = six.split("sha256 = \"").map(|part| {
        if part.starts_with("name") { part.to_owned() } else { format!("sha256 = \"{}{}", "0".repeat(64), &part[64..]) }
    });
    sandbox.write("pylock.toml", standard.replace(six, &forged.collect::<String>()));
    for installer in ["uv", "pip"] {
        let outcome = build(installer, &python)
            .code(1)
            .says("error: the downloaded file of `six==1.17.0` does not match the hash in pylock.toml:");
        outcome.says(&"0".repeat(64)).says("4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274");
    }
}

#[test]
fn a_project_without_a_lock_is_resolved() {
    let sandbox = Sandbox::new();
    sandbox.write("pyproject.toml", PROJECT);
    let publish = |more: &[&str]| {
        sandbox.run(&["publish", "--layer-name", "app", "--python-version", "3.13"]).args(more).run().success()
    };
    publish(&["--groups", "docs"])
        .says("2 requirements without a fixed version: a newer release alone does not count as a change");
    assert_eq!(names(&sandbox, ".lambda-layers/app/1/layer.zip"), ["attrs", "six"]);
    publish(&["--groups", "docs"]).says("app unchanged: the inputs are the same as for version 1");
    let refreshed = publish(&["--groups", "docs", "--refresh"]);
    refreshed.says(
        "2 requirements without a fixed version will be resolved again, but the zip is identical to that of version 1",
    );
    publish(&["--extras", "fast"]).says("app published: requirements: attrs removed; requirements: idna==3.10 added");
}

#[test]
fn locks_that_cannot_be_read_are_refused_with_what_is_known() {
    let sandbox = locked();
    let lock = sandbox.read("uv.lock");
    let refused = || {
        let outcome = sandbox.run(&["plan", "--layer-name", "app", "--python-version", "3.13"]).run().code(1);
        outcome.stderr.trim_end().to_owned()
    };
    let mut all = Vec::new();
    sandbox.write("uv.lock", &lock[..lock.rfind("sdist").expect("is in it") + 30]);
    all.push(refused());
    sandbox.write("uv.lock", lock.replacen("version = 1", "version = 9", 1));
    all.push(refused());
    sandbox.write("uv.lock", &lock);
    sandbox.write("pyproject.toml", PROJECT.replace(">=3.9", ">=3.14"));
    all.push(refused());
    sandbox.write("pyproject.toml", PROJECT.replace("dependencies = [", "dependencies = [\n  'six',,\n"));
    all.push(refused());
    fs_err::remove_file(sandbox.path("pyproject.toml")).expect("is there");
    all.push(refused());
    fs_err::remove_file(sandbox.path("uv.lock")).expect("is there");
    sandbox.write("poetry.lock", "[[package]]\nname = \"six\"\nversion = \"1\"\n");
    sandbox.write("pyproject.toml", PROJECT);
    all.push(refused());
    sandbox.write("poetry.lock", "[[package]]\nname = \"six\"\n[metadata]\nlock-version = \"1.1\"\n");
    all.push(refused());
    fs_err::remove_file(sandbox.path("poetry.lock")).expect("is there");
    sandbox.write("Pipfile.lock", "{\"_meta\": {\"pipfile-spec\": 6}, \"default\": {");
    sandbox.write("Pipfile", "[packages]\n");
    all.push(refused());
    fs_err::remove_file(sandbox.path("Pipfile.lock")).expect("is there");
    sandbox.write("pylock.toml", "lock-version = \"1.0\"\n[[packages]]\nname = \"six\"\n");
    all.push(refused());
    insta::assert_snapshot!(all.join("\n\n"), @r"
    error: uv.lock:99:31: this is not valid TOML: unclosed inline table, expected `}`
    hint: restore the file, or create it again with `uv lock`

    error: `uv.lock` has lock version 9, which is not supported
    hint: run `uv lock` with a version of the tool that writes lock version `1`

    error: `pyproject.toml` requires Python >=3.14, but the layer is for Python 3.13
    hint: change `python-version`, or change the project's `requires-python` and lock it again

    error: pyproject.toml:6:9: this is not valid TOML: extra comma in array, expected value
    hint: correct the file at this position

    error: the `pyproject.toml` from which `uv.lock` was locked is not in the same folder
    hint: commit `pyproject.toml` too, or set `requirements` to another file

    error: `poetry.lock` contains no lock version: it is truncated or not a lock file
    hint: restore the file, or create it again with `poetry lock`

    error: `poetry.lock` has lock version 1.1, which is not supported
    hint: run `poetry lock` with a version of the tool that writes lock version `2.0` or `2.1`

    error: Pipfile.lock:1:43: this is not valid JSON: EOF while parsing an object
    hint: restore the file, or create it again with `pipenv lock`

    error: pylock.toml:2: `six` is locked without a version or a location
    hint: lock it again with a version, a file or a repository
    ");
}

#[test]
fn groups_and_extras_that_do_not_exist_are_named_with_those_that_do() {
    let sandbox = locked();
    let outcome = sandbox.run(&["build", "--groups", "doc,dev", "--extras", "slow"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 problems with the input
    cause: `groups` contains `doc`, but there is no such group in `uv.lock` (did you mean `docs`? Available: `dev` or `docs`)
    cause: `extras` contains `slow`, but there is no such extra in `uv.lock` (use `fast`)
    hint: nothing was built or published; correct all of them and run again
    ");
    let sandbox = Sandbox::with_requirements("six\n");
    let outcome = sandbox.run(&["build", "--groups", "dev"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `groups` contains `dev`, but there is no such group in `requirements.txt`
    hint: remove `groups`: there are no groups
    ");
}

#[test]
fn of_two_manifests_the_lock_is_taken_and_said() {
    let sandbox = locked();
    sandbox.write("requirements.txt", "idna\n");
    let outcome = sandbox.run(&["build", "--output", "x.zip"]).run().success();
    outcome.says("`uv.lock` is used, not `requirements.txt`; set `requirements` to choose another file");
    assert_eq!(names(&sandbox, "x.zip"), ["six"]);
    let chosen = sandbox.run(&["build", "--output", "x.zip", "--requirements", "requirements.txt"]).run().success();
    assert!(!chosen.stderr.contains("is used, not"));
    assert_eq!(names(&sandbox, "x.zip"), ["idna"]);
}

#[test]
fn a_pipfile_lock_for_another_python_is_said_to_be_one() {
    let sandbox = Sandbox::new();
    sandbox.write("Pipfile", "[packages]\n");
    let lock = |python: &str| {
        let text = format!(
            "{{\"_meta\": {{\"pipfile-spec\": 6, \"requires\": {{\"python_version\": \"{python}\"}}}}, \"default\": {{}}}}"
        );
        sandbox.write("Pipfile.lock", text);
    };
    let plan = || sandbox.run(&["plan", "--layer-name", "app", "--python-version", "3.13"]).run();
    let warning = "was locked for Python 3.11 and may lack packages that Python 3.13 needs";
    lock("3.11");
    plan().says(warning);
    lock("3.13");
    assert!(!plan().stderr.contains(warning));
}

#[test]
fn a_list_beside_a_lock_needs_no_hashes() {
    let sandbox = locked();
    sandbox.write("extra.txt", "idna==3.10\n");
    let python = tools().python_version();
    let arguments = ["build", "--output", "x.zip", "--python-version", &python, "--requirements", "uv.lock,extra.txt"];
    sandbox.run(&arguments).run().success();
    assert!(["idna", "six"].iter().all(|name| names(&sandbox, "x.zip").contains(&(*name).to_owned())));
    let outcome = sandbox.run(&arguments).args(&["--installer", "pip"]).run().code(1);
    outcome.says("error: some requirements have a hash").says("hint: pip requires this; use `installer: uv`");
    sandbox.write("pins.txt", "six<2\n");
    let constrained = ["build", "--output", "x.zip", "--python-version", &python, "--constraints", "pins.txt"];
    sandbox.run(&constrained).run().success();
    sandbox.write("pins.txt", "six<1.17\n");
    sandbox.run(&constrained).run().code(1).says("six==1.17.0").says("six<1.17");
    // Those of the lock are checked all the same, beside a list and constraints.
    sandbox.write("pins.txt", "six<2\n");
    let hash = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274";
    sandbox.write("uv.lock", sandbox.read("uv.lock").replace(hash, &"0".repeat(64)));
    for arguments in [arguments.as_slice(), &constrained] {
        let outcome = sandbox.run(arguments).run().code(1);
        outcome.says("error: the downloaded file of `six==1.17.0` does not match the hash in uv.lock:");
    }
}

#[test]
fn extras_that_exclude_each_other_are_refused() {
    let sandbox = Sandbox::new();
    let conflict = "[tool.uv]\nconflicts = [[{ extra = \"old\" }, { extra = \"new\" }]]\n";
    let extras = "[project.optional-dependencies]\nold = [\"six==1.16.0\"]\nnew = [\"six==1.17.0\"]\n";
    let project = "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\n";
    sandbox.write("pyproject.toml", format!("{project}{extras}{conflict}"));
    uv(&sandbox, ".", &["lock"]);
    let build = |extras: &str| sandbox.run(&["build", "--output", "x.zip", "--extras", extras]).run();
    build("old").success();
    let outcome = build("old,new").code(1);
    outcome
        .says("error: `groups` and `extras` select a combination that `pyproject.toml` declares as conflicting")
        .says("remove one of them");
}

#[test]
fn what_no_version_meets_is_named_with_its_place() {
    let sandbox = Sandbox::with_requirements("idna==3.10\n\nnumpy>=2.3\n");
    let build = |python: &str| sandbox.run(&["build", "--output", "x.zip", "--python-version", python]).run().code(1);
    let outcome = build("3.10").says("error: no required version of `numpy` supports Python 3.10");
    let outcome = outcome.says("cause: `numpy` is required in requirements.txt:3");
    outcome.says(
        "hint: use `numpy==2.2.6`, the newest version with a compatible wheel, or choose a newer `python-version`",
    );
    sandbox.write("requirements.txt", "idna==3.10\nSix==1.17.0\n# again\nsix==99\n");
    let outcome = build("3.13").says("cause: `six` is required in requirements.txt:2");
    outcome.says("cause: `six` is required in requirements.txt:4");
}
