//! What a project asks of itself: its own extras stand for what they list, and nobody else's package of that name is taken.

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::{wheel, wheel_of};
use crate::zip::{members, names};

/// The index has a stranger's package of the project's name.
fn sandbox(project: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("wheels");
    for name in ["ours", "one", "two", "three"] {
        wheel(&folder, name, "1.0");
    }
    let metadata = "Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\nRequires-Dist: ours\n";
    wheel_of(&folder, "plugin", "1.0", &[("plugin.py", ""), ("plugin-1.0.dist-info/METADATA", metadata)]);
    let places = "[tool.uv]\nfind-links = [\"wheels\"]\nno-index = true\n";
    sandbox.write("pyproject.toml", format!("[project]\nname = \"Ours\"\nversion = \"1.0\"\n{project}{places}"));
    sandbox
}

fn build(sandbox: &Sandbox, more: &[&str]) -> Outcome {
    let python = tools().python_version();
    sandbox.run(&["build", "--output", "layer.zip", "--python-version", &python]).args(more).run()
}

#[test]
fn extras_that_name_extras_are_followed_to_the_end() {
    let sandbox = sandbox(
        r#"
[project.optional-dependencies]
a = ["one", "ours[d]"]
b = ["OURS[a]; python_version >= '3.9'"]
c = ["ours[B, d]>=0.5"]
d = ["two", "ours[A]"]
e = ["ours[f]; sys_platform == 'win32'", "one"]
f = ["three"]
[dependency-groups]
test = ["ours[e]", "ours"]
"#,
    );
    for installer in ["uv", "pip"] {
        build(&sandbox, &["--extras", "c", "--installer", installer]).success();
        assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/one.py", "python/two.py"]);
        // The marker of what names an extra holds for all that is behind it.
        build(&sandbox, &["--groups", "test", "--installer", installer]).success();
        assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/one.py"]);
    }
}

#[test]
fn what_cannot_be_its_own_is_refused() {
    let refused = |project: &str, more: &[&str]| {
        let outcome = build(&sandbox(project), more).code(1);
        outcome.stderr.trim_end().to_owned()
    };
    let all = [
        refused("[project.optional-dependencies]\na = [\"ours[b]\"]\n", &["--extras", "a"]),
        refused("dependencies = [\"ours[b]\"]\n", &[]),
        refused("dependencies = [\"ours\"]\n", &[]),
        refused("dependencies = [\"one\"]\n[dependency-groups]\ntest = [\"ours>=2\"]\n", &["--groups", "test"]),
        refused("dependencies = [\"ours @ https://host/ours.whl\"]\n", &[]),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @r"
    error: `pyproject.toml` requires `ours[b]`, but the project has no extra `b`
    hint: use `a`

    error: `pyproject.toml` requires `ours[b]`, but the project has no extra `b`
    hint: add it to `project.optional-dependencies`, or remove the line

    error: `pyproject.toml` of the project `Ours` requires `ours`, which is the project itself
    hint: remove the requirement, or rename the project if you mean another package with the same name

    error: `pyproject.toml` of the project `Ours` requires `ours>=2`, which is the project itself
    cause: its version is 1.0
    hint: remove the requirement, or rename the project if you mean another package with the same name

    error: `pyproject.toml` of the project `Ours` requires `ours @ https://host/ours.whl`, which is the project itself
    hint: remove the requirement, or rename the project if you mean another package with the same name
    ");
}

#[test]
fn a_stranger_s_package_does_not_come_by_way_of_others() {
    let sandbox = sandbox("dependencies = [\"plugin\"]\n");
    build(&sandbox, &[]).success().says("`plugin` needs `ours`, which is neither in the layer nor in the runtime");
    assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/plugin.py"]);
    // pip has no way to leave it out where it resolves itself, which it does where it can compile for the target.
    let outcome = build(&sandbox, &["--installer", "pip"]);
    if outcome.code == Some(0) {
        assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/plugin.py"]);
    } else {
        let outcome = outcome
            .code(1)
            .says("error: `ours` was installed from an index, although it is the name of the project itself");
        outcome.says("hint: use `installer: uv`");
    }

    // One that is named by its place is the project itself.
    sandbox.write("more.txt", "./wheels/ours-1.0-py3-none-any.whl\n");
    build(&sandbox, &["--requirements", "pyproject.toml,more.txt"]).success();
    assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/ours.py", "python/plugin.py"]);
    sandbox.write("more.txt", "ours==1.0\n");
    let outcome = build(&sandbox, &["--requirements", "pyproject.toml,more.txt"]).code(1);
    outcome.says("error: more.txt:1: `ours` is also the name of a project that is read");
}
