//! The input `build-script`: what runs before the install.

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::wheel;

fn publish(sandbox: &Sandbox, script: &str) -> Outcome {
    let run = sandbox.run(&["publish", "--layer-name", "shared", "--python-version", "3.13", "--build-script", script]);
    run.env("AWS_SECRET_ACCESS_KEY", "hidden").env("VISIBLE", "seen").run()
}

#[test]
fn it_runs_before_the_install_and_only_if_something_changed() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let script = "cd ..\nenv | grep -vE 'OPT|CACHE' | sort | grep -E '^(LAMBDA|VISIBLE|AWS|INPUT)' >> seen\necho \"$0\" >> seen\n";
    let outcome = publish(&sandbox, script).success();
    let steps: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.contains(" ms ") || line.contains(" s ")).collect();
    let place = |name: &str| steps.iter().position(|step| step.contains(name)).expect("was done");
    assert!(place("Run the build script") < place("Install with uv"), "{steps:?}");
    publish(&sandbox, script).success().says("shared unchanged: the inputs are the same as for version 1");
    let seen = fs_err::read_to_string(sandbox.root().join("seen")).expect("was written");
    insta::assert_snapshot!(seen, @r"
    LAMBDA_LAYER_ARCHITECTURE=x86_64
    LAMBDA_LAYER_PUBLISH_SECONDS=2
    LAMBDA_LAYER_PYTHON_VERSION=3.13
    VISIBLE=seen
    build-script
    ");
}

#[test]
fn its_text_counts_and_is_kept_nowhere() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    publish(&sandbox, "true one-time-password").success();
    publish(&sandbox, "true other").success().says(
        "shared adopted: build-script: commands has different content, but the zip is identical to that of version 1",
    );
    sandbox.write("scripts/prepare", "true\n");
    publish(&sandbox, "scripts/prepare").success().says("build-script: scripts/prepare added");
    sandbox.write("scripts/prepare", "true more\n");
    publish(&sandbox, "scripts/prepare").success().says("build-script: scripts/prepare has different content");
    for (path, bytes) in sandbox.tree() {
        assert!(!String::from_utf8_lossy(&bytes).contains("one-time-password"), "{path}");
    }
}

#[test]
fn what_it_puts_into_the_folder_of_the_layer_is_in_the_layer() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let script = "mkdir -p $LAMBDA_LAYER_OPT/lib $LAMBDA_LAYER_OPT/bin\necho words > $LAMBDA_LAYER_OPT/lib/words-5.17\n\
        ln -s words-5.17 $LAMBDA_LAYER_OPT/lib/words\ninstall -m 755 /dev/null $LAMBDA_LAYER_OPT/bin/tool";
    let zip = crate::zip::build(&sandbox, &["--build-script", script]);
    assert_eq!(crate::zip::names(&zip), ["bin/tool", "lib/words", "lib/words-5.17", "python/six.py"]);
    assert_eq!((zip["bin/tool"].mode, zip["lib/words"].mode), (0o100_755, 0o120_777));

    let script = "mkdir -p $LAMBDA_LAYER_OPT/lib\nln -s /usr/lib/libpq.so.5 $LAMBDA_LAYER_OPT/lib/libpq.so.5";
    let arguments = ["build", "--python-version", "3.13", "--build-script", script];
    sandbox.run(&arguments).run().code(1).says("libpq.so.5");
}

#[test]
fn one_that_fails_ends_the_run() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("scripts/prepare.sh", "echo preparing\nfalse | cat\necho not reached\n");
    let before = sandbox.tree();
    insta::assert_snapshot!(publish(&sandbox, "scripts/prepare.sh").code(1).told(), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: `build-script` (scripts/prepare.sh) failed with exit code 1
    cause: preparing
    hint: nothing was installed or published; the script stops at the first command that fails
    ");
    insta::assert_snapshot!(publish(&sandbox, "echo a\nmissing-program -y\necho b").code(1).told(), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: `build-script` failed with exit code 127
    cause: a
    cause: build-script: line 2: missing-program: command not found
    hint: nothing was installed or published; the script stops at the first command that fails
    ");
    insta::assert_snapshot!(publish(&sandbox, "echo $unset").code(1).told(), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: `build-script` failed with exit code 1
    cause: build-script: line 1: unset: unbound variable
    hint: nothing was installed or published; the script stops at the first command that fails
    ");
    insta::assert_snapshot!(publish(&sandbox, "exit 7").code(1).told(), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: `build-script` failed with exit code 7
    hint: nothing was installed or published; the script stops at the first command that fails
    ");
    assert!(sandbox.tree() == before, "something was written");
}

#[test]
fn slips_are_named_before_anything_runs() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("scripts/build.sh", "true\n");
    sandbox.write("scripts/make.py", "#!/usr/bin/env python3\n");
    fs_err::write(sandbox.root().join("outside.sh"), "").expect("can be written");
    let told = |script: &str| publish(&sandbox, script).code(1).told();
    let all = ["scripts/buid.sh", "build.sh", "./scripts", "../outside.sh", "scripts/make.py"].map(told);
    insta::assert_snapshot!(all.join("\n"), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `build-script` contains a path that cannot be read: `scripts/buid.sh` does not exist
    hint: did you mean `scripts/build.sh`?
    exit: 1
    --- stdout
    --- stderr
    error: `build-script` contains a path that cannot be read: `build.sh` does not exist
    hint: paths are relative to the working directory
    exit: 1
    --- stdout
    --- stderr
    error: `build-script` is `./scripts`, which is a folder
    hint: give the path of a script in this folder
    exit: 1
    --- stdout
    --- stderr
    error: `build-script` contains `../outside.sh`, which leads outside the workspace, to `[ROOT]/outside.sh`
    hint: copy it into the repository
    exit: 1
    --- stdout
    --- stderr
    error: `build-script` is `scripts/make.py`, which is not a shell script: `#!/usr/bin/env python3`
    hint: give the command that runs it, for example `python3 scripts/make.py`
    ");
}

#[test]
fn without_bash_it_is_sh() {
    let sandbox = Sandbox::with_requirements("./wheels/own-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path("wheels"), "own", "1.0");
    let folder = sandbox.root().join("bin");
    for program in ["python3", "uv"] {
        sandbox.program(&format!("bin/{program}"), &format!("exec {} \"$@\"\n", tools().program(program)));
    }
    std::os::unix::fs::symlink("/bin/sh", folder.join("sh")).expect("can be made");
    let arguments = ["build", "--python-version", "3.13", "--build-script", "echo \"ran with $0\" > ran"];
    sandbox.run(&arguments).env("PATH", &folder).run().success();
    assert_eq!(sandbox.read("ran"), "ran with build-script\n");
}

#[test]
fn in_a_workflow_its_output_is_a_group_that_gives_no_commands() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let inputs = [
        ("command", "build"),
        ("python-version", "3.13"),
        ("build-script", "echo ::set-output name=x::y\necho done >&2"),
    ];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    let (_, group) = outcome.stdout.split_once("::group::build-script\n").expect("is there");
    let (group, _) = group.split_once("::endgroup::").expect("ends");
    let lines: Vec<&str> = group.lines().collect();
    let token = lines[0].strip_prefix("::stop-commands::").expect("commands are off");
    assert_eq!(lines[1..], ["::set-output name=x::y", "done", &format!("::{token}::")]);
}
