//! `plan --since`: layers of which nothing changed in git are not asked for.

use camino::Utf8Path;

use crate::harness::{Outcome, Run, Sandbox};

/// Git, as a person has it, in a folder.
fn git(folder: &Utf8Path, arguments: &[&str]) {
    let mut git = std::process::Command::new("git");
    git.args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]);
    git.args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = git.output().expect("can be started");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn commit(folder: &Utf8Path) {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "x"]);
}

/// A layer of all kinds of files, committed; its state can be read by nobody.
fn repository() -> Sandbox {
    let sandbox = Sandbox::with_requirements("-r base/common.txt\n-f wheels\nsix==1.17.0\n");
    sandbox.write("base/common.txt", "idna==3.10\n");
    sandbox.write("wheels/other-1.0.tar.gz", "1");
    sandbox.write("limits.txt", "idna<4\n");
    sandbox.write("lib/app/__init__.py", "x = 1\n");
    sandbox.write("lib/app/data.json", "{}");
    sandbox.write("tools/run.sh", "echo\n");
    sandbox.write("build.sh", "true\n");
    sandbox.write("README.md", "about\n");
    sandbox.write(".gitignore", ".lambda-layers\n");
    git(&sandbox.path(""), &["init", "--quiet"]);
    commit(&sandbox.path(""));
    unreadable(&sandbox, "");
    sandbox
}

fn unreadable(sandbox: &Sandbox, folder: &str) {
    sandbox.write(&format!("{folder}.lambda-layers/state/shared.json"), r#"{"format": 99}"#);
}

fn plan(sandbox: &Sandbox, since: &str) -> Run {
    let inputs = [
        ["--layer-name", "shared"],
        ["--python-version", "3.13"],
        ["--source", "lib"],
        ["--include", "tools/run.sh=bin/run"],
        ["--constraints", "limits.txt"],
        ["--build-script", "build.sh"],
        ["--since", since],
    ];
    sandbox.run(&["plan"]).args(inputs.as_flattened())
}

fn is_untouched(outcome: Outcome, since: &str) {
    outcome.success().says(&format!("shared unchanged: nothing in this layer changed since `{since}`"));
}

/// What is published was asked for.
fn is_asked(outcome: Outcome) {
    outcome.code(1).says("was written by a newer version");
}

#[test]
fn what_did_not_change_is_not_asked_for() {
    let sandbox = repository();
    let trap = sandbox.trap(&["git", "uv", "python3", "python3.13", "python"]);
    sandbox.write("README.md", "something else\n");
    is_untouched(plan(&sandbox, "HEAD").path_first(&trap).run(), "HEAD");
    commit(&sandbox.path(""));
    is_untouched(plan(&sandbox, "HEAD~1").path_first(&trap).run(), "HEAD~1");
    is_untouched(plan(&sandbox, "main").path_first(&trap).run(), "main");
    is_asked(plan(&sandbox, "main").args(&["--refresh"]).run());
    assert_eq!(sandbox.trapped(), "");
    is_asked(sandbox.run(&["plan", "--layer-name", "shared", "--python-version", "3.13"]).run());
}

#[test]
fn the_python_that_a_project_pins_counts() {
    let sandbox = repository();
    let plan = || sandbox.run(&["plan", "--layer-name", "shared", "--since", "HEAD"]).without_python().run();
    is_untouched(plan(), "HEAD");
    for change in [Some("3.12\n"), Some("3.13\n"), None] {
        match change {
            Some(text) => sandbox.write(".python-version", text),
            None => fs_err::remove_file(sandbox.path(".python-version")).expect("is there"),
        }
        is_asked(plan());
        commit(&sandbox.path(""));
        is_untouched(plan(), "HEAD");
    }
}

#[test]
fn each_kind_of_input_counts() {
    let sandbox = repository();
    let root = sandbox.path("");
    let changes: &[(&str, &dyn Fn())] = &[
        ("requirements.txt", &|| sandbox.write("requirements.txt", "-r base/common.txt\n-f wheels\n")),
        ("an included file", &|| sandbox.write("base/common.txt", "idna==3.9\n")),
        ("constraints", &|| sandbox.write("limits.txt", "idna<5\n")),
        ("source", &|| sandbox.write("lib/app/__init__.py", "x = 2\n")),
        ("a new file", &|| sandbox.write("lib/app/new.py", "")),
        ("a removed file", &|| fs_err::remove_file(sandbox.path("lib/app/data.json")).expect("is there")),
        ("included", &|| sandbox.write("tools/run.sh", "echo 2\n")),
        ("its mode", &|| {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o755);
            fs_err::set_permissions(sandbox.path("tools/run.sh"), mode).expect("can be changed");
        }),
        ("a wheel to choose from", &|| sandbox.write("wheels/other-1.0.tar.gz", "2")),
        ("the build script", &|| sandbox.write("build.sh", "false\n")),
        ("another dependency file", &|| {
            sandbox.write("requirements.txt", "-r base/common.txt\n-f wheels\nsix==1.17.0\n# other\n");
        }),
    ];
    for (what, change) in changes {
        change();
        let outcome = plan(&sandbox, "HEAD").run();
        assert!(!outcome.stdout.contains("unchanged"), "{what}: {}", outcome.stdout);
        is_asked(outcome);
        // Committed, it is a change since the commit before and none since this one.
        commit(&root);
        is_asked(plan(&sandbox, "HEAD~1").run());
        is_untouched(plan(&sandbox, "HEAD").run(), "HEAD");
        git(&root, &["reset", "--quiet", "--hard", "HEAD~1"]);
        is_untouched(plan(&sandbox, "HEAD").run(), "HEAD");
    }
}

#[test]
fn a_dependency_file_that_is_gone_was_one() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("pylock.toml", "lock-version = \"1.0\"\ncreated-by = \"x\"\npackages = []\n");
    git(&sandbox.path(""), &["init", "--quiet"]);
    commit(&sandbox.path(""));
    fs_err::remove_file(sandbox.path("pylock.toml")).expect("is there");
    unreadable(&sandbox, "");
    let plan = |since| sandbox.run(&["plan", "--layer-name", "shared", "--python-version", "3.13", "--since", since]);
    is_asked(plan("HEAD").run());
    fs_err::remove_dir_all(sandbox.path(".lambda-layers")).expect("is there");
    commit(&sandbox.path(""));
    unreadable(&sandbox, "");
    is_untouched(plan("HEAD").run(), "HEAD");
}

#[test]
fn links_are_followed_to_what_they_point_to() {
    let sandbox = repository();
    let root = sandbox.path("");
    sandbox.write("shared/util.py", "y = 1\n");
    sandbox.write("other/util.py", "y = 1\n");
    std::os::unix::fs::symlink("../../shared/util.py", sandbox.path("lib/app/util.py")).expect("can be made");
    commit(&root);
    is_untouched(plan(&sandbox, "HEAD").run(), "HEAD");
    sandbox.write("shared/util.py", "y = 2\n");
    is_asked(plan(&sandbox, "HEAD").run());
    git(&root, &["checkout", "--quiet", "--", "shared"]);
    is_untouched(plan(&sandbox, "HEAD").run(), "HEAD");
    fs_err::remove_file(sandbox.path("lib/app/util.py")).expect("is there");
    std::os::unix::fs::symlink("../../other/util.py", sandbox.path("lib/app/util.py")).expect("can be made");
    is_asked(plan(&sandbox, "HEAD").run());
}

#[test]
fn a_folder_of_a_repository_and_a_work_tree_will_do() {
    let sandbox = repository();
    let (root, tree) = (sandbox.path(""), sandbox.path("tree"));
    git(&root, &["worktree", "add", "--quiet", "--detach", tree.as_str()]);
    unreadable(&sandbox, "tree/");
    let in_tree = |since| plan(&sandbox, since).args(&["--working-directory", "tree"]);
    is_untouched(in_tree("main").run(), "main");
    sandbox.write("tree/base/common.txt", "idna==3.9\n");
    is_asked(in_tree("main").run());
    is_untouched(plan(&sandbox, "main").run(), "main");

    sandbox.write("deep/er/requirements.txt", "six==1.17.0\n");
    sandbox.write("deep/er/.gitignore", ".lambda-layers\n");
    git(&root, &["add", "deep"]);
    git(&root, &["commit", "--quiet", "--message", "deep"]);
    let below = |since: &str| {
        let inputs = ["--layer-name", "shared", "--python-version", "3.13", "--working-directory", "deep/er"];
        sandbox.run(&["plan"]).args(&inputs).args(&["--since", since]).run()
    };
    unreadable(&sandbox, "deep/er/");
    is_untouched(below("HEAD"), "HEAD");
    is_asked(below("HEAD~1"));
}

#[test]
fn a_revision_that_is_not_there_is_said() {
    let sandbox = repository();
    insta::assert_snapshot!(plan(&sandbox, "mian").run().told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `since` is `mian`, which is not a revision in this repository
    hint: did you mean `main`?
    ");
    let inputs = ["--layer-name", "shared", "--working-directory", "clone", "--python-version", "3.13"];
    let url = format!("file://{}", sandbox.path(""));
    sandbox.write("README.md", "more\n");
    commit(&sandbox.path(""));
    git(&sandbox.path(""), &["clone", "--quiet", "--depth", "1", &url, "clone"]);
    let shallow = sandbox.run(&["plan", "--since", "HEAD~1"]).args(&inputs).run();
    insta::assert_snapshot!(shallow.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `since` is `HEAD~1`, which is not a revision in this repository
    cause: the clone is shallow: it has no history
    hint: fetch the history too: set `fetch-depth: 0` for `actions/checkout`
    ");
    sandbox.run(&["plan", "--since", "HEAD"]).args(&inputs).run().success().says("nothing in this layer changed");
    // Before the first push of a branch.
    is_asked(plan(&sandbox, &"0".repeat(40)).run().says("all layers are checked"));
    let nowhere = Sandbox::with_requirements("six==1.17.0\n");
    let alone = ["plan", "--layer-name", "shared", "--python-version", "3.13", "--since", "HEAD"];
    nowhere.run(&alone).run().code(1).says("but the git repository in `").says("cannot be read");
}

#[test]
fn of_a_file_of_layers_only_those_that_changed_are_asked_for() {
    let sandbox = Sandbox::new();
    let layers: String = ["one", "two", "three"]
        .map(|name| {
            sandbox.write(&format!("{name}/requirements.txt"), "-r ../common.txt\nsix==1.17.0\n");
            format!("  - layer-name: {name}\n    working-directory: {name}\n")
        })
        .concat();
    sandbox.write("common.txt", "idna==3.10\n");
    let file = format!("defaults:\n  python-version: 3.13\n  registry: layers\nlayers:\n{layers}");
    sandbox.write("lambda-layers.yml", &file);
    git(&sandbox.path(""), &["init", "--quiet"]);
    commit(&sandbox.path(""));
    let plan = || {
        let outputs = sandbox.run(&[]).in_actions(&[("command", "plan"), ("since", "HEAD")]).run().success().outputs();
        let matrix: serde_json::Value = serde_json::from_str(&outputs["matrix"]).expect("is JSON");
        let jobs = matrix["include"].as_array().expect("is a list").iter();
        (outputs["changed"].clone(), jobs.map(|job| job["layer-name"].as_str().expect("is text").to_owned()).collect())
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    assert_eq!(plan(), ("false".to_owned(), names(&[])));
    sandbox.write("two/requirements.txt", "six==1.16.0\n");
    assert_eq!(plan(), ("true".to_owned(), names(&["two"])));
    sandbox.write("common.txt", "idna==3.9\n");
    assert_eq!(plan(), ("true".to_owned(), names(&["one", "two", "three"])));
    git(&sandbox.path(""), &["checkout", "--quiet", "--", "."]);
    sandbox.write("lambda-layers.yml", format!("# more\n{file}"));
    assert_eq!(plan(), ("true".to_owned(), names(&["one", "two", "three"])));
}

#[test]
fn only_a_plan_compares() {
    let sandbox = repository();
    for command in ["publish", "build", "preview", "audit", "share", "cleanup"] {
        let outcome = sandbox.run(&[command, "--since", "HEAD", "--layer-name", "shared"]).run().code(1);
        outcome.says("`since` is `HEAD`, but only `plan` checks what changed in git");
    }
}

/// What uv would read beside a list of requirements, and what says whether a project is a member of a workspace.
#[test]
fn files_of_uv_count_that_decide_what_is_installed() {
    let sandbox = repository();
    let settings = "exclude-newer = \"2030-01-01T00:00:00Z\"\n";
    sandbox.write("uv.toml", settings);
    is_asked(plan(&sandbox, "HEAD").run());
    commit(&sandbox.path(""));
    is_untouched(plan(&sandbox, "HEAD").run(), "HEAD");
    sandbox.write("uv.toml", settings.replace("2030", "2031"));
    is_asked(plan(&sandbox, "HEAD").run());
    fs_err::remove_file(sandbox.path("uv.toml")).expect("is there");
    is_asked(plan(&sandbox, "HEAD").run());

    let sandbox = Sandbox::new();
    sandbox.write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"other\"]\n");
    sandbox
        .write("api/pyproject.toml", "[project]\nname = \"api\"\nversion = \"1\"\ndependencies = [\"six==1.17.0\"]\n");
    sandbox.write(".gitignore", ".lambda-layers\n");
    git(&sandbox.path(""), &["init", "--quiet"]);
    commit(&sandbox.path(""));
    unreadable(&sandbox, "api/");
    let arguments = ["plan", "--layer-name", "shared", "--python-version", "3.13", "--since", "HEAD"];
    let run = || sandbox.run(&arguments).args(&["--working-directory", "api"]).run();
    is_untouched(run(), "HEAD");
    sandbox.write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"*\"]\n");
    is_asked(run());
}

#[test]
fn a_clone_without_trees_says_how_to_check_out() {
    let sandbox = repository();
    let origin = sandbox.path("");
    git(&origin, &["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{origin}");
    sandbox.write("README.md", "more\n");
    commit(&origin);
    git(&origin, &["clone", "--quiet", "--filter=tree:0", &url, "clone"]);
    let inputs = ["--layer-name", "shared", "--working-directory", "clone", "--python-version", "3.13"];
    let outcome = sandbox.run(&["plan", "--since", "HEAD~1"]).args(&inputs).run().code(1);
    let outcome = outcome.says("error: `since` is `HEAD~1`, whose files are not in this clone\ncause: ");
    outcome.says("hint: check it out without `filter`, or with `filter: blob:none`");
}
