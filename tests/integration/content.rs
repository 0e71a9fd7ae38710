//! What goes into a layer beside the dependencies, and what is left out of it.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::harness::{Outcome, Sandbox, tools};
use crate::zip::{Member, build, members, names};

/// Builds nothing: what was wrong with the input.
fn refused(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let before = sandbox.tree();
    let outcome = sandbox.run(&["build", "--python-version", "3.13"]).args(arguments).run().code(1);
    assert!(sandbox.tree() == before, "something was written");
    outcome
}

/// A layer that is built; what the run said.
fn built(sandbox: &Sandbox, arguments: &[&str]) -> (Outcome, BTreeMap<String, Member>) {
    let outcome = sandbox.run(&["build", "--python-version", "3.13", "--output", "layer.zip"]).args(arguments).run();
    (outcome.success(), members(&sandbox.path("layer.zip")))
}

fn executable(path: &Utf8Path) {
    fs_err::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("can be changed");
}

#[test]
fn a_distribution_is_left_out_by_its_name_and_no_other_is_touched() {
    let sandbox = Sandbox::with_requirements("pip==25.1\npackaging==25.0\npipdeptree==2.26.1\n");
    let (outcome, members) = built(&sandbox, &["--exclude", "PIP"]);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 0
    --- stdout

      packaging 25.0      232.8 KB  ████████████████████████
      pipdeptree 2.26.1    83.1 KB  ████████▌

      size          315.9 KB (under 1% of 250 MB), zipped 99.9 KB
      fingerprint   [sha256]
      content hash  [base64]
      zip           layer.zip
    layer built: 49 files for python3.13 on x86_64
    --- stderr
      [time]  Install with uv 0.13.8           3 distributions for python3.13 on x86_64
      [time]  Pack the zip                     49 files, 315.9 KB → 99.9 KB
      [time]  Check the layer                  1 finding
    warning: `pip` is left out, but `pipdeptree` in the layer needs it (make sure that the runtime, the function or another layer provides it) [excluded-but-needed]
    ");
    let below = members.keys().filter_map(|name| name.strip_prefix("python/")?.split('/').next());
    let tops: std::collections::BTreeSet<&str> = below.filter(|name| !name.is_empty()).collect();
    let scripts: Vec<&String> =
        members.keys().filter(|name| name.starts_with("bin/") && !name.ends_with('/')).collect();
    assert_eq!(scripts, ["bin/pipdeptree"]);
    insta::assert_snapshot!(tops.into_iter().collect::<Vec<_>>().join("\n"), @r"
    packaging
    packaging-25.0.dist-info
    pipdeptree
    pipdeptree-2.26.1.dist-info
    ");
}

#[test]
fn what_is_left_out_of_nothing_is_named() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let (outcome, _) = built(&sandbox, &["--exclude", "sixx, boto3"]);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 0
    --- stdout

      six 1.17.0    37.1 KB  ████████████████████████

      size          37.1 KB (under 1% of 250 MB), zipped 11.3 KB
      fingerprint   [sha256]
      content hash  [base64]
      zip           layer.zip
    layer built: 6 files for python3.13 on x86_64
    --- stderr
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
      [time]  Pack the zip                     6 files, 37.1 KB → 11.3 KB
      [time]  Check the layer                  2 findings
    warning: `exclude` lists `boto3`, which would not be in the layer anyway (remove it from `exclude`) [exclude-unknown]
    warning: `exclude` lists `sixx`, which would not be in the layer anyway (did you mean `six`?) [exclude-unknown]
    ");
}

#[test]
fn a_layer_of_nothing_is_refused() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    insta::assert_snapshot!(refused(&sandbox, &["--exclude", "six"]).told(), @"
    exit: 1
    --- stdout
      size          0 B (under 1% of 250 MB), zipped 22 B
      fingerprint   [sha256]
      content hash  [base64]
    layer refused
    --- stderr
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
      [time]  Pack the zip                     0 files, 0 B → 22 B
      [time]  Check the layer                  1 finding
    error: the layer contains nothing that Python can import
    hint: add requirements, `source` or `include`, or check what `exclude` leaves
    ");
}

#[test]
fn files_and_folders_are_included_as_they_are() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    for path in ["tools/ffmpeg", "tools/more/probe", "models/a.bin", "extension"] {
        sandbox.write(path, path);
    }
    sandbox.write("tools/__pycache__/x.pyc", "");
    executable(&sandbox.path("tools/ffmpeg"));
    executable(&sandbox.path("extension"));
    std::os::unix::fs::symlink("more/probe", sandbox.path("tools/probe")).expect("can be made");
    // A link that leaves the folder and not the workspace becomes what it points to.
    std::os::unix::fs::symlink("../models/a.bin", sandbox.path("tools/model")).expect("can be made");
    let include = "tools=bin\nmodels/a.bin=data/models/\nextension=extensions/one\n./models=lib/./models/../m";
    let (outcome, members) = built(&sandbox, &["--include", include]);
    let listed: Vec<String> =
        names(&members).into_iter().map(|name| format!("{:o} {name}", members[name].mode)).collect();
    insta::assert_snapshot!(listed.join("\n"), @r"
    100755 bin/ffmpeg
    100644 bin/model
    100644 bin/more/probe
    120777 bin/probe
    100644 data/models/a.bin
    100755 extensions/one
    100644 lib/m/a.bin
    100644 python/six.py
    ");
    assert_eq!(members["bin/probe"].text(), "more/probe");
    assert_eq!(members["bin/model"].text(), "models/a.bin");
    outcome.says("notice:  the runtime does not use `data/models/a.bin` by default");
}

/// Notices and warnings.
fn told(outcome: &Outcome) -> String {
    let is_finding = |line: &&str| line.starts_with("notice:") || line.starts_with("warning:");
    outcome.stderr.lines().filter(is_finding).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_variable_of_the_function_may_look_elsewhere() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    for path in ["wrapper", "certificates/root.pem", "fonts/a/b.ttf", "modules/own.py", "model.bin", "tools/otel/start"]
    {
        sandbox.write(path, "");
    }
    sandbox.write("wrapper", "#!/bin/sh\n");
    executable(&sandbox.path("wrapper"));
    executable(&sandbox.path("tools/otel/start"));
    let include = "wrapper\ncertificates=certs\nfonts=fonts\nmodules=shared\nmodel.bin=model.bin\ntools=.";
    let (outcome, members) = built(&sandbox, &["--include", include, "--fail-on", "warning"]);
    insta::assert_snapshot!(told(&outcome), @"
    notice:  the runtime does not use `certs` by default (this is fine if your code opens it as `/opt/certs`, or if a variable points to it (`SSL_CERT_FILE=/opt/certs/root.pem`); programs belong in `bin`, libraries in `lib`) [unsearched-folder]
    notice:  the runtime does not use `fonts` by default (this is fine if your code opens it as `/opt/fonts`, or if a variable points to it (`FONTCONFIG_PATH=/opt/fonts/a`); programs belong in `bin`, libraries in `lib`) [unsearched-folder]
    notice:  the runtime does not use `model.bin` by default (this is fine if your code opens it as `/opt/model.bin`; programs belong in `bin`, libraries in `lib`) [unsearched-folder]
    notice:  the runtime does not use `otel` by default (this is fine if your code opens it as `/opt/otel`, or if a variable points to it (`AWS_LAMBDA_EXEC_WRAPPER=/opt/otel/start`); programs belong in `bin`, libraries in `lib`) [unsearched-folder]
    notice:  the runtime does not use `shared` by default (this is fine if your code opens it as `/opt/shared`, or if a variable points to it (`PYTHONPATH=/opt/shared`); programs belong in `bin`, libraries in `lib`) [unsearched-folder]
    notice:  the runtime does not use `wrapper` by default (this is fine if your code opens it as `/opt/wrapper`, or if a variable points to it (`AWS_LAMBDA_EXEC_WRAPPER=/opt/wrapper`); programs belong in `bin`, libraries in `lib`) [unsearched-folder]
    ");
    let at_root = members.keys().filter(|name| !name.starts_with("python/") && !name.ends_with('/'));
    insta::assert_snapshot!(at_root.cloned().collect::<Vec<_>>().join(" "), @"certs/root.pem fonts/a/b.ttf model.bin otel/start shared/own.py wrapper");

    // A wrapper that Lambda could not start.
    sandbox.write("idle", "#!/bin/sh\n");
    let (outcome, _) = built(&sandbox, &["--include", "idle=wrapper"]);
    outcome.says("`wrapper` from included files is a program, but is not executable");
}

#[test]
fn a_layer_of_programs_and_libraries_alone_needs_no_dependency_file() {
    let sandbox = Sandbox::new();
    sandbox.write("tools/ffmpeg", "#!/bin/sh\n");
    executable(&sandbox.path("tools/ffmpeg"));
    // Settings of a linter are no dependencies.
    sandbox.write("pyproject.toml", "[tool.ruff]\nline-length = 100\n");
    let trap = sandbox.trap(&["uv", "python3", "python3.13", "python"]);
    let run = |command: &str, arguments: &[&str]| {
        let run = sandbox.run(&[command, "--layer-name", "tools", "--python-version", "3.13"]).args(arguments);
        run.args(&["--include", "tools=bin"]).path_first(&trap).run().success()
    };
    run("plan", &[]).says("tools would be published: this layer has not been published before");
    let built = run("build", &["--sbom", "sbom.json", "--report", "page.html", "--fail-on", "warning"]);
    insta::assert_snapshot!(told(&built), @"notice:  the layer contains nothing that Python can import (ignore this if the layer is meant for programs, libraries or data only) [nothing-importable]");
    assert_eq!(names(&members(&sandbox.path("tools.zip"))), ["bin/ffmpeg"]);
    assert_eq!(sandbox.json("sbom.json")["components"][0]["bom-ref"], "bin/ffmpeg");
    run("publish", &[]).says("tools published: this layer has not been published before");
    run("publish", &[]).says("tools unchanged: the inputs are the same as for version 1");
    sandbox.write("tools/ffprobe", "#!/bin/sh\n");
    run("preview", &[]).says("included files       +10 B");
    run("plan", &[]).says("include: bin has different content");
    let audit = sandbox.run(&["audit", "--layer-name", "tools"]).path_first(&trap).run().success();
    assert_eq!(crate::audit::found(&audit).lines().count(), 2, "{}", audit.stdout);
    assert_eq!(sandbox.trapped(), "");
}

#[test]
fn nothing_to_install_may_be_said_in_a_file_or_in_the_configuration() {
    let sandbox = Sandbox::new();
    sandbox.write("empty.txt", "# nothing\n");
    sandbox.write("lib/data", "");
    sandbox.write(
        "lambda-layers.yml",
        "defaults: { python-version: '3.13', smoke-test: 'off', bytecode: none }\nlayers:\n  \
        one: { requirements: empty.txt, include: lib=lib }\n  two: { include: lib=lib }\n  \
        three: { build-script: 'mkdir $LAMBDA_LAYER_OPT/bin; cp lib/data $LAMBDA_LAYER_OPT/bin' }\n",
    );
    let outcome = sandbox.run(&["publish"]).run().success().says("3 layers: 3 published");
    assert!(!outcome.stderr.contains("warning:"), "{}", outcome.stderr);
    sandbox.run(&["publish"]).run().success().says("3 layers: 3 unchanged");

    // Perhaps there was something to install.
    sandbox.write("requirement.txt", "six\n");
    let plan = |sandbox: &Sandbox| sandbox.run(&["plan", "--layer-name", "x", "--include", "lib=lib", "--config", ""]);
    let sandbox = Sandbox::new();
    sandbox.write("lib/data", "");
    sandbox.write("requirement.txt", "six\n");
    plan(&sandbox).run().success().says("warning: no dependency file was found; did you mean `requirement.txt`?");
    sandbox.write("Pipfile", "");
    plan(&sandbox).run().code(1).says("`Pipfile` has no lock file: run `pipenv lock` and commit `Pipfile.lock`");
    // Nothing at all is no layer.
    let outcome = Sandbox::new().run(&["build", "--build-script", "true"]).run().code(1);
    outcome.says("the layer contains nothing that Python can import");
}

#[test]
fn each_folder_of_one_place_counts() {
    let sandbox = Sandbox::new();
    sandbox.write("one/a", "");
    sandbox.write("two/b", "");
    let publish = || {
        let inputs = ["publish", "--layer-name", "x", "--python-version", "3.13", "--include", "one=lib\ntwo=lib"];
        sandbox.run(&inputs).run().success()
    };
    publish().says("x published");
    sandbox.write("one/a", "changed");
    publish().says("x published: include: lib has different content");
    sandbox.write("two/b", "changed");
    publish().says("x published: include: lib has different content");
}

#[test]
fn what_is_included_must_have_a_place() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("tool", "");
    sandbox.write("tools/ffmpeg", "");
    let lines = [
        "tool=/opt/bin/tool",
        "tool=/usr/bin/tool",
        "tool=../tool",
        "tool=bin/../../tool",
        "tool=opt/bin/tool",
        "tool=/opt",
        "tool=bin",
        "tool=.",
        "tool=",
        "=bin/tool",
        "tol=bin/tool",
        "tools/ffmpg=bin/ffmpeg",
    ];
    insta::assert_snapshot!(refused(&sandbox, &["--include", &lines.join("\n")]).told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: 12 problems with the input
    cause: `include` places `tool` at `/opt/bin/tool`, which is not a path inside the layer (use a path relative to `/opt`, for example `tool=bin/tool`)
    cause: `include` places `tool` at `/usr/bin/tool`, which is not a path inside the layer (use a path relative to `/opt`, for example `tool=bin/tool`)
    cause: `include` places `tool` at `../tool`, which is outside the layer (use a path relative to `/opt`, for example `tool=bin/tool`)
    cause: `include` places `tool` at `bin/../../tool`, which is outside the layer (use a path relative to `/opt`, for example `tool=bin/tool`)
    cause: `include` places `tool` at `opt/bin/tool`, which would be in `/opt/opt` (use a path relative to `/opt`, for example `tool=bin/tool`)
    cause: `include` places `tool` at `/opt`, which is not a path inside the layer (use a path relative to `/opt`, for example `tool=bin/tool`)
    cause: `include` places `tool` at `bin`, which is a folder in every layer (use a path relative to `/opt`, for example `tool=bin/tool`)
    cause: `include` places `tool` at `.`, which is the layer itself (use a path relative to `/opt`, for example `tool=bin/tool`)
    cause: `include` contains `tool=`, which is not a `from=to` line (write it as `from=to`, for example `tools/ffmpeg=bin/ffmpeg`)
    cause: `include` contains `=bin/tool`, which is not a `from=to` line (write it as `from=to`, for example `tools/ffmpeg=bin/ffmpeg`)
    cause: `include` contains a path that cannot be read: `tol` does not exist (did you mean `tool`?)
    cause: `include` contains a path that cannot be read: `tools/ffmpg` does not exist (did you mean `tools/ffmpeg`?)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn nothing_from_outside_the_workspace_is_included() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    fs_err::write(sandbox.root().join("secret"), "").expect("can be written");
    std::os::unix::fs::symlink("../secret", sandbox.path("linked")).expect("can be made");
    let lines = ["../secret=bin/a", "linked=bin/b", "tools/../../secret=bin/c", "/etc/hostname=bin/d"];
    sandbox.write("tools/x", "");
    let arguments = ["--include", &lines.join("\n"), "--source", "../home\nlinked"];
    insta::assert_snapshot!(refused(&sandbox, &arguments).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 6 problems with the input
    cause: `include` contains `../secret`, which leads outside the workspace, to `[ROOT]/secret` (copy it into the repository)
    cause: `include` contains `linked`, which leads outside the workspace, to `[ROOT]/secret` (copy it into the repository)
    cause: `include` contains `tools/../../secret`, which leads outside the workspace, to `[ROOT]/secret` (copy it into the repository)
    cause: `include` contains `/etc/hostname`, which leads outside the workspace, to `/etc/hostname` (copy it into the repository)
    cause: `source` contains `../home`, which leads outside the workspace, to `[ROOT]/home` (copy it into the repository)
    cause: `source` contains `linked`, which leads outside the workspace, to `[ROOT]/secret` (copy it into the repository)
    hint: nothing was built or published; correct all of them and run again
    ");

    std::os::unix::fs::symlink("/etc/hostname", sandbox.path("tools/name")).expect("can be made");
    insta::assert_snapshot!(refused(&sandbox, &["--include", "tools=bin"]).told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: the link `[ROOT]/work/tools/name` points outside the workspace: to `/etc/hostname`
    hint: copy its target into the repository; if the target is in the layer, point the link to `/opt/…`
    ");
}

#[test]
fn own_code_stands_beside_the_dependencies() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    for path in
        ["package/__init__.py", "package/sub/x.py", "package/data.json", "module.py", "lib/a/__init__.py", "lib/b.py"]
    {
        sandbox.write(path, "");
    }
    let members = build(&sandbox, &["--source", "package\nmodule.py\nlib"]);
    insta::assert_snapshot!(names(&members).join("\n"), @r"
    python/a/__init__.py
    python/b.py
    python/module.py
    python/package/__init__.py
    python/package/data.json
    python/package/sub/x.py
    python/six.py
    ");
}

#[test]
fn own_code_alone_is_a_layer() {
    let sandbox = Sandbox::new();
    sandbox.write("package/__init__.py", "");
    let trap = sandbox.trap(&["uv", "python3", "python3.13", "python"]);
    let run = sandbox.run(&["build", "--python-version", "3.13", "--output", "layer.zip", "--source", "package"]);
    run.args(&["--bytecode", "none", "--smoke-test", "off"]).path_first(&trap).run().success();
    assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/package/__init__.py"]);
    assert_eq!(sandbox.trapped(), "");
}

#[test]
fn what_is_no_code_is_not_own_code() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    for path in ["data.json", "package/__init__.py"] {
        sandbox.write(path, "");
    }
    sandbox.write("broken/pyproject.toml", "[project\n");
    insta::assert_snapshot!(refused(&sandbox, &["--source", "data.json,packge,broken"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 3 problems with the input
    cause: `source` contains `data.json`, which is not a Python module (use `include` for other files)
    cause: `source` contains a path that cannot be read: `packge` does not exist (did you mean `package`?)
    cause: could not read `broken/pyproject.toml` (correct this file, which describes how the project is built)
    cause:   line 1: unclosed table, expected `]`
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn an_extension_must_be_executable() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    for path in ["one", "two", "more/data"] {
        sandbox.write(path, path);
    }
    executable(&sandbox.path("one"));
    let include = "one=extensions/one\ntwo=extensions/two\nmore=extensions/more";
    let (outcome, members) = built(&sandbox, &["--include", include]);
    assert_eq!(names(&members)[..3], ["extensions/more/data", "extensions/one", "extensions/two"]);
    let warnings: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("warning:")).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"warning: `extensions/two` from included files is not executable, so Lambda cannot start it as an extension (run `git update-index --chmod=+x` on it, or `chmod +x` before this step; move files that are not extensions elsewhere) [extension-not-executable]");
}

#[test]
fn two_things_cannot_have_one_place() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("six.py", "mine");
    sandbox.write("folder/x", "");
    insta::assert_snapshot!(refused(&sandbox, &["--source", "six.py"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
    error: `python/six.py` in the layer would come from both six and own source
    hint: rename or leave out one of them
    ");
    insta::assert_snapshot!(refused(&sandbox, &["--include", "folder=python/six.py"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
    error: `python/six.py/x` from included files needs a folder where there is already a file from six
    hint: rename or leave out one of them
    ");
    insta::assert_snapshot!(refused(&sandbox, &["--include", "six.py=python/six-1.17.0.dist-info"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Install with uv 0.13.8           1 distribution for python3.13 on x86_64
    error: `python/six-1.17.0.dist-info/LICENSE` from six needs a folder where there is already a file from included files
    hint: rename or leave out one of them
    ");
}

#[test]
fn packages_can_be_those_of_one_python() {
    let sandbox = Sandbox::with_requirements("chardet==5.2.0\n");
    sandbox.write("module.py", "");
    let members = build(&sandbox, &["--layout", "site-packages", "--source", "module.py"]);
    let folder = "python/lib/python3.13/site-packages";
    assert!(members.contains_key(&format!("{folder}/chardet/__init__.py")));
    assert!(members.contains_key(&format!("{folder}/module.py")));
    let record = members[&format!("{folder}/chardet-5.2.0.dist-info/RECORD")].text();
    assert!(record.contains("../../../../bin/chardetect,sha256="), "{record}");
    insta::assert_snapshot!(members["bin/chardetect"].text(), @r#"
    #!/var/lang/bin/python3.13
    import sys

    sys.path.insert(0, "/opt/python/lib/python3.13/site-packages")
    from chardet.cli.chardetect import main

    sys.exit(main())
    "#);
}

#[test]
fn a_console_script_runs_from_the_unpacked_layer() {
    let sandbox = Sandbox::with_requirements("chardet==5.2.0\n");
    let python = tools().python_version();
    sandbox.run(&["build", "--python-version", &python, "--output", "layer.zip"]).run().success();
    let members = members(&sandbox.path("layer.zip"));
    let opt = sandbox.root().join("opt");
    for (name, member) in members.iter().filter(|(name, _)| !name.ends_with('/')) {
        let place = opt.join(name);
        fs_err::create_dir_all(place.parent().expect("has a parent")).expect("can be made");
        // In the place of the runtime's interpreter and of `/opt`.
        let bytes = if name.starts_with("bin/") {
            let interpreter = tools().program("python3");
            let text = member.text().replace(&format!("/var/lang/bin/python{python}"), interpreter.as_str());
            text.replace("/opt/", &format!("{opt}/")).into_bytes()
        } else {
            member.bytes.clone()
        };
        fs_err::write(&place, bytes).expect("can be written");
        fs_err::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(member.mode))
            .expect("can be changed");
    }
    let output =
        std::process::Command::new(opt.join("bin/chardetect")).arg("--version").output().expect("can be started");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "chardetect 5.2.0\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn dependencies_that_are_left_out_beside_own_code_are_spoken_of() {
    let sandbox = Sandbox::new();
    sandbox.write("app/__init__.py", "");
    sandbox.write("pyproject.toml", "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"six==1.17.0\"]\n");
    let build = || sandbox.run(&["build", "--python-version", "3.13", "--source", "app"]).run().success();
    build().says("warning: because `source` is given, `pyproject.toml` is not read").says("list it in `requirements`");
    sandbox.write("pyproject.toml", "[project]\nname = \"app\"\nversion = \"1\"\n[tool.ruff]\n");
    assert!(!build().stderr.contains("is not read"));
}
