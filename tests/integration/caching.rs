//! Outputs for the steps around the action: paths for filters, uv's cache for `actions/cache`.

use serde_json::json;

use crate::harness::{Outcome, Sandbox};

fn run(sandbox: &Sandbox, inputs: &[(&str, &str)]) -> Outcome {
    let common = [("layer-name", "shared"), ("python-version", "3.13"), ("registry", "layers")];
    sandbox.run(&[]).in_actions(&[&common[..], inputs].concat()).run()
}

#[test]
fn a_plan_tells_what_a_layer_is_made_from() {
    let sandbox = Sandbox::with_requirements("-r base/common.txt\n-c limits.txt\n");
    sandbox.write("base/common.txt", "idna==3.10\n./wheels/one[x]-1.0-py3-none-any.whl\n");
    sandbox.write("wheels/one[x]-1.0-py3-none-any.whl", "");
    sandbox.write("limits.txt", "idna<4\n");
    sandbox.write("lib/app/__init__.py", "x = 1\n");
    sandbox.write("tools/run.sh", "echo\n");
    let inputs = [("command", "plan"), ("source", "lib"), ("include", "tools/run.sh=bin/run\nlib/app=share/app")];
    fs_err::rename(sandbox.path("wheels/one[x]-1.0-py3-none-any.whl"), sandbox.path("wheels/one-1.0-py3-none-any.whl"))
        .expect("can be renamed");
    sandbox.write("base/common.txt", "idna==3.10\n./wheels/one-1.0-py3-none-any.whl\n");
    let outputs = run(&sandbox, &inputs).success().outputs();
    let paths: serde_json::Value = serde_json::from_str(&outputs["paths"]).expect("is JSON");
    let expected = [
        "base/common.txt",
        "lib/**",
        "lib/app/**",
        "limits.txt",
        "requirements.txt",
        "tools/run.sh",
        "wheels/one-1.0-py3-none-any.whl",
    ];
    assert_eq!(paths, json!({ "shared": expected }));
}

#[test]
fn the_key_of_the_cache_follows_the_dependency_files() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("lib/app.py", "x = 1\n");
    let key = |inputs: &[(&str, &str)]| {
        let outputs = run(&sandbox, &[&[("command", "plan"), ("source", "lib")], inputs].concat()).success().outputs();
        let matrix: serde_json::Value = serde_json::from_str(&outputs["matrix"]).expect("is JSON");
        assert_eq!(matrix["include"][0]["cache-key"], json!(outputs["cache-key"]));
        outputs["cache-key"].clone()
    };
    let first = key(&[]);
    let version = &lambda_layer::facts::tools().uv;
    let digits = first.strip_prefix(&format!("lambda-layer-uv-{version}-x86_64-python3.13-")).expect("has that form");
    assert!(digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    sandbox.write("lib/app.py", "x = 2\n");
    assert_eq!(key(&[("slim", "max")]), first);
    assert_ne!(key(&[("architecture", "arm64")]), first);
    sandbox.write("requirements.txt", "six==1.16.0\n");
    assert_ne!(key(&[]), first);
}

#[test]
fn the_cache_is_where_uv_put_it() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let outcome = run(&sandbox, &[("command", "build")]).success();
    let outputs = outcome.outputs();
    assert_eq!(outputs["cache-path"], crate::tools::cache("uv").to_string());
    assert!(camino::Utf8Path::new(&outputs["cache-path"]).join("CACHEDIR.TAG").exists());
    assert!(!outputs["cache-key"].is_empty());
    // Of a run that came to nothing JSON is JSON.
    let failed = run(&sandbox, &[("command", "build"), ("slim", "x")]).code(1).outputs();
    assert_eq!((failed["paths"].as_str(), failed["cache-key"].as_str()), ("{}", ""));
}

#[test]
fn layers_of_a_file_have_their_own_paths_and_one_cache() {
    let sandbox = Sandbox::new();
    sandbox.write("one/requirements.txt", "six==1.17.0\n");
    sandbox.write("two/requirements.txt", "idna==3.10\n");
    let layers =
        "layers:\n  - layer-name: one\n    working-directory: one\n  - layer-name: two\n    working-directory: two\n";
    let file = format!("defaults:\n  python-version: 3.13\n  registry: layers\n{layers}");
    sandbox.write("lambda-layers.yml", &file);
    let plan = || sandbox.run(&[]).in_actions(&[("command", "plan")]).run().success().outputs();
    let outputs = plan();
    let paths: serde_json::Value = serde_json::from_str(&outputs["paths"]).expect("is JSON");
    let expected = json!({
        "one": ["lambda-layers.yml", "one/requirements.txt"],
        "two": ["lambda-layers.yml", "two/requirements.txt"],
    });
    assert_eq!(paths, expected);
    let version = &lambda_layer::facts::tools().uv;
    assert!(outputs["cache-key"].starts_with(&format!("lambda-layer-uv-{version}-x86_64-python3.13-")));
    sandbox.write("lambda-layers.yml", format!("{file}    architecture: arm64\n"));
    let key = plan()["cache-key"].clone();
    assert_eq!(key.rsplit_once('-').map(|(start, _)| start), Some(format!("lambda-layer-uv-{version}").as_str()));
}
