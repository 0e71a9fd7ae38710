//! Packages that lie in the repository: folders and pages of `--find-links`, indexes that are folders, and paths.

use crate::harness::{Outcome, Run, Sandbox, tools};
use crate::packages::{bare_project, modern_project, wheel, wheel_with};
use crate::zip::{members, names};

fn build(sandbox: &Sandbox, more: &[&str]) -> Run {
    let python = tools().python_version();
    sandbox.run(&["build", "--output", "layer.zip", "--python-version", &python]).args(more)
}

/// What both installers make of it is the same.
fn modules(sandbox: &Sandbox, more: &[&str]) -> Vec<String> {
    let found = ["uv", "pip"].map(|installer| {
        build(sandbox, more).args(&["--installer", installer]).run().success();
        names(&members(&sandbox.path("layer.zip"))).into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(found[0], found[1]);
    found[0].iter().map(|name| name.trim_start_matches("python/").to_owned()).collect()
}

/// A folder `wheels`, a page that links to it, and an index of it, each as a line of a requirement file.
fn places(sandbox: &Sandbox) -> [&'static str; 4] {
    wheel(&sandbox.path("wheels"), "acme", "1.0");
    let link = "acme-1.0-py3-none-any.whl</a>";
    sandbox.write("pages/links.html", format!("<a href=\"../wheels/acme-1.0-py3-none-any.whl\">{link}"));
    sandbox.write("simple/acme/index.html", format!("<a href='../../wheels/acme-1.0-py3-none-any.whl'>{link}"));
    [
        "--no-index\n-f ./wheels",
        "--no-index\n-fpages/links.html",
        "--index-url ./simple",
        "--no-index\n--find-links=\"wheels\"",
    ]
}

#[test]
fn an_edited_wheel_is_a_change_wherever_it_is_named() {
    let sandbox = Sandbox::new();
    let forms: Vec<(String, [&str; 2])> = places(&sandbox)
        .into_iter()
        .map(|line| (format!("{line}\nacme==1.0\n"), ["--layer-name", "shared"]))
        .chain([("acme==1.0\n".to_owned(), ["--index-url", "./simple"])])
        .collect();
    for (number, (text, input)) in forms.iter().enumerate() {
        let name = format!("layer-{number}");
        let publish = |installer: &str| {
            let python = tools().python_version();
            let run = sandbox.run(&["publish", "--installer", installer, "--python-version", &python]);
            let run = if input[0] == "--layer-name" { run } else { run.args(input) };
            run.args(&["--layer-name", &format!("{name}-{installer}")]).run().success()
        };
        sandbox.write("requirements.txt", text);
        for installer in ["uv", "pip"] {
            wheel(&sandbox.path("wheels"), "acme", "1.0");
            publish(installer).says("published: this layer has not been published before");
            publish(installer).says("unchanged: the inputs are the same as for version 1");
            wheel_with(&sandbox.path("wheels"), "acme", "1.0", &format!("fixed = {number}\n"));
            let outcome = publish(installer).says("published: packages: ").says("has different content");
            assert!(outcome.stdout.contains(":2"), "{}", outcome.stdout);
            let zip = sandbox.path(&format!(".lambda-layers/{name}-{installer}/2/layer.zip"));
            assert_eq!(members(&zip)["python/acme.py"].text().to_owned(), format!("fixed = {number}\n"), "{text}");
        }
    }
}

#[test]
fn variables_and_constraints_name_places_too() {
    let sandbox = Sandbox::with_requirements("acme==1.0\n");
    places(&sandbox);
    sandbox.write("limits.txt", "acme<2\n");
    let fingerprint = |variable: &str, value: &str| {
        let run = build(&sandbox, &["--installer", if variable.starts_with("PIP") { "pip" } else { "uv" }]);
        let run = run.env(variable, value).env("UV_NO_INDEX", "1").env("PIP_NO_INDEX", "1");
        let run = run.env(if variable.starts_with("PIP") { "PIP_FIND_LINKS" } else { "UV_FIND_LINKS" }, "wheels");
        let outcome = run.run().success();
        outcome.stdout.lines().find(|line| line.contains("fingerprint")).map(str::to_owned)
    };
    for (variable, value) in [("UV_CONSTRAINT", "limits.txt"), ("PIP_CONSTRAINT", "limits.txt")] {
        let before = fingerprint(variable, value);
        wheel_with(&sandbox.path("wheels"), "acme", "1.0", &format!("by = \"{variable}\"\n"));
        let edited = fingerprint(variable, value);
        sandbox.write("limits.txt", format!("acme<2 # {variable}\n"));
        assert!(before != edited && edited != fingerprint(variable, value), "{variable}");
    }
    // The same in another checkout.
    let other = Sandbox::with_requirements("acme==1.0\n");
    places(&other);
    let absolute = |sandbox: &Sandbox| {
        let run = build(sandbox, &[]).env("UV_FIND_LINKS", sandbox.path("wheels")).env("UV_NO_INDEX", "1");
        let outcome = run.run().success();
        outcome.stdout.lines().find(|line| line.contains("fingerprint")).map(str::to_owned)
    };
    wheel(&sandbox.path("wheels"), "acme", "1.0");
    assert_eq!(absolute(&sandbox), absolute(&other));
}

#[test]
fn a_place_that_is_not_there_is_named() {
    let sandbox = Sandbox::with_requirements("-r more/list.txt\n");
    sandbox.write("more/list.txt", "# places\n-f nowhere\n--index-url ./neither\nsix\n");
    let outcome = build(&sandbox, &["--extra-index-urls", "./none"]).env("UV_FIND_LINKS", "gone").run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 4 problems with the input
    cause: more/list.txt:2: `--find-links` refers to `nowhere`, which does not exist (give the path of a folder in the repository, or remove `--find-links`)
    cause: more/list.txt:3: `--index-url` refers to `./neither`, which does not exist (give the path of a folder in the repository, or remove `--index-url`)
    cause: `UV_FIND_LINKS` refers to `gone`, which does not exist (correct the path, which is relative to the working directory, or unset the variable)
    cause: `extra-index-urls` is `./none`, which is not a URL (write it like `https://host/simple/`)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn nested_files_are_seen_as_their_authors_meant_them() {
    let sandbox = Sandbox::with_requirements("-rdeps/base.txt\r\n-c deps/limits.txt\r\n");
    wheel(&sandbox.path("deps/wheels"), "acme", "1.0");
    wheel(&sandbox.path("deps/wheels"), "acme", "2.0");
    wheel(&sandbox.path("wheels"), "acme", "3.0");
    bare_project(&sandbox, "deps/lib");
    sandbox.write("deps/limits.txt", "acme<2\n");
    sandbox.write("deps/base.txt", "\u{feff}--no-index\r\n-f wheels\r\nacme\r\n");
    let version = |more: &[&str]| {
        modules(&sandbox, more);
        members(&sandbox.path("layer.zip"))["python/acme.py"].text().to_owned()
    };
    assert_eq!(version(&[]), "version = \"1.0\"\n");
    // What pip and uv find where they run comes first, as with them.
    sandbox.write("deps/limits.txt", "");
    sandbox.write("deps/base.txt", "./wheels/acme-2.0-py3-none-any.whl\n");
    assert_eq!(version(&[]), "version = \"2.0\"\n");
    wheel_with(&sandbox.path("wheels"), "acme", "2.0", "here = True\n");
    assert_eq!(version(&[]), "here = True\n");
    // Editable or not, by name or not: files in the layer, from either place.
    for line in [
        "-e ./lib",
        "--editable=lib",
        "lib @ file:lib",
        "lib @ ./lib",
        "file:./lib",
        "-e deps/lib",
        "-e lib @ file:lib",
    ] {
        sandbox.write("deps/base.txt", format!("{line}\n"));
        assert_eq!(modules(&sandbox, &[]), ["lib.py"], "{line}");
    }
}

#[test]
fn options_in_constraints_hold_for_both_installers() {
    let sandbox = Sandbox::with_requirements("-c deps/limits.txt\nacme\n");
    wheel(&sandbox.path("deps/wheels"), "acme", "1.0");
    sandbox.write("deps/limits.txt", "--no-index\n--find-links ./wheels\nacme<2\n");
    assert_eq!(modules(&sandbox, &[]), ["acme.py"]);
    sandbox.write("requirements.txt", "acme\n");
    assert_eq!(modules(&sandbox, &["--constraints", "deps/limits.txt"]), ["acme.py"]);
}

#[test]
fn what_a_local_project_lies_beside_counts() {
    let sandbox = Sandbox::with_requirements("./one\n");
    modern_project(&sandbox, "one", "dependencies = [\"two\"]\n[tool.uv.sources]\ntwo = { path = \"../two\" }\n");
    modern_project(&sandbox, "two", "");
    let publish = || -> Outcome {
        let python = tools().python_version();
        sandbox.run(&["publish", "--layer-name", "shared", "--python-version", &python]).run().success()
    };
    publish().says("published");
    publish().says("unchanged: the inputs are the same as for version 1");
    sandbox.write("two/two/__init__.py", "fixed = True\n");
    publish().says("shared published: requirements: one has different content");
}
