//! Paths that several distributions bring: whose file is in the layer is a rule, and no chance.

use std::collections::BTreeMap;

use crate::harness::{Sandbox, tools};
use crate::packages::{modern_project, wheel_of};
use crate::zip::{Member, members};

/// How often what may be chance is tried.
const TIMES: usize = 6;

/// Wheels that all bring the same paths, each with its own name in them. `a_base` is required by `b_above`.
fn wheels(sandbox: &Sandbox, names: &[&str]) {
    for name in names {
        let script = format!("[console_scripts]\ntool = {name}:main\n");
        let requires = if *name == "b_above" { "Requires-Dist: a-base\n" } else { "" };
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}");
        let text = |what: &str| format!("# {what} of {name}\n");
        wheel_of(
            &sandbox.path("wheels"),
            name,
            "1.0",
            &[
                ("both/__init__.py", text("package")),
                ("both/deep/data.txt", text("data")),
                (&format!("{name}.py"), "def main(): pass\n".to_owned()),
                (&format!("{name}-1.0.data/scripts/run"), format!("#!python\n{}", text("script"))),
                (&format!("{name}-1.0.data/data/share/both.txt"), text("share")),
                (&format!("{name}-1.0.dist-info/entry_points.txt"), script),
                (&format!("{name}-1.0.dist-info/METADATA"), metadata),
            ],
        );
    }
}

/// The layers that each installer makes, again and again.
fn layers(sandbox: &Sandbox, arguments: &[&str]) -> Vec<BTreeMap<String, Member>> {
    let python = tools().python_version();
    let build = |installer: &str| {
        let base = ["build", "--output", "layer.zip", "--python-version", &python, "--installer", installer];
        sandbox.run(&base).args(arguments).run().success();
        members(&sandbox.path("layer.zip"))
    };
    ["uv", "pip"].into_iter().cycle().take(TIMES).map(build).collect()
}

/// All shared paths are that distribution's, in each of the layers, which are the same.
fn assert_owner(layers: &[BTreeMap<String, Member>], owner: &str) {
    let paths = ["python/both/__init__.py", "python/both/deep/data.txt", "python/share/both.txt", "bin/run"];
    for layer in layers {
        for path in paths {
            assert!(layer[path].text().ends_with(&format!(" of {owner}\n")), "{path}: {}", layer[path].text());
        }
        assert!(layer["bin/tool"].text().contains(&format!("from {owner} import main\n")), "{owner}");
        let bytes = |layer: &BTreeMap<String, Member>| -> Vec<_> {
            layer.iter().map(|(name, member)| (name.clone(), member.mode, member.bytes.clone())).collect()
        };
        assert!(bytes(layer) == bytes(&layers[0]));
    }
}

#[test]
fn the_first_by_name_has_its_files_there() {
    let sandbox = Sandbox::new();
    wheels(&sandbox, &["d_last", "c_first"]);
    let from_files = "./wheels/d_last-1.0-py3-none-any.whl\n./wheels/c_first-1.0-py3-none-any.whl\n";
    for requirements in [from_files, "--no-index\n--find-links wheels\nd-last\nc-first\n"] {
        sandbox.write("requirements.txt", requirements);
        assert_owner(&layers(&sandbox, &[]), "c_first");
    }
    // What is left out leaves nothing behind, and the other is whole.
    assert_owner(&layers(&sandbox, &["--exclude", "c-first"]), "d_last");
}

#[test]
fn what_requires_another_has_its_files_over_it() {
    let sandbox = Sandbox::with_requirements("--no-index\n--find-links wheels\nb-above\n");
    wheels(&sandbox, &["a_base", "b_above"]);
    assert_owner(&layers(&sandbox, &[]), "b_above");
    // Also where everything stands in the file, with its hash.
    let hashed = |name: &str| {
        let bytes = fs_err::read(sandbox.path(&format!("wheels/{name}-1.0-py3-none-any.whl"))).expect("is there");
        format!("{name}==1.0 --hash=sha256:{}\n", lambda_layer::types::Digest::of(&bytes).hex())
    };
    let lines = [hashed("a_base"), hashed("b_above")].concat();
    sandbox.write("requirements.txt", format!("--no-index\n--find-links wheels\n{lines}"));
    assert_owner(&layers(&sandbox, &[]), "b_above");
}

#[test]
fn own_projects_have_their_files_over_all() {
    let sandbox = Sandbox::with_requirements("./wheels/c_first-1.0-py3-none-any.whl\n");
    wheels(&sandbox, &["c_first"]);
    modern_project(&sandbox, "both", "");
    for layer in layers(&sandbox, &["--source", "both"]) {
        assert!(layer["python/both/__init__.py"].text().contains("print('ours')"));
        assert!(layer["python/both/deep/data.txt"].text().contains("c_first"));
    }
}
