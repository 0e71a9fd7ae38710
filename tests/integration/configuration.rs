//! `lambda-layers.yml`: what it says, what overrides it, and which of its layers are chosen.

use serde_json::Value;

use crate::harness::{Outcome, Sandbox};

/// With two folders of dependencies.
pub(crate) fn sandbox(file: &str) -> Sandbox {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("ml/requirements.txt", "idna==3.20\n");
    sandbox.write("lambda-layers.yml", file);
    sandbox
}

pub(crate) fn plan(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    sandbox.run(&["plan"]).args(arguments).run()
}

/// Name, Python and architecture of each layer, in the order of the result.
fn planned(sandbox: &Sandbox, arguments: &[&str], inputs: &[(&str, &str)]) -> Vec<String> {
    let mut inputs = inputs.to_vec();
    inputs.extend([("command", "plan"), ("registry", ".lambda-layers")]);
    let run = sandbox.run(arguments).in_actions(&inputs).run().success();
    let result: Value = serde_json::from_str(&run.outputs()["result"]).expect("is JSON");
    let layers = result["layers"].as_array().cloned().unwrap_or_else(|| vec![result]);
    let text = |layer: &Value, name: &str| layer[name].as_str().unwrap_or_default().to_owned();
    let name = |layer| {
        format!("{} {} {}", text(layer, "layer-name"), text(layer, "python-version"), text(layer, "architecture"))
    };
    layers.iter().map(name).collect()
}

const FILE: &str = "\
environment: {STAGE: dev}
defaults:
  python-version: [3.10, \"3.14\"]
  description: of ${STAGE} $${STAGE}
layers:
  - layer-name: web-${STAGE}-{py}-{arch}
    architecture: [x86_64, arm64]
  - layer-name: ml-{py}
    working-directory: ml
  - layer-name: one
    python-version: 3.13
";

#[test]
fn each_python_and_architecture_is_a_layer() {
    let layers = planned(&sandbox(FILE), &[], &[]);
    assert_eq!(
        layers,
        [
            "web-dev-310-x86_64 3.10 x86_64",
            "web-dev-310-arm64 3.10 arm64",
            "web-dev-314-x86_64 3.14 x86_64",
            "web-dev-314-arm64 3.14 arm64",
            "ml-310 3.10 x86_64",
            "ml-314 3.14 x86_64",
            "one 3.13 x86_64",
        ]
    );
}

#[test]
fn layers_may_be_a_mapping_and_take_defaults_away() {
    let file = "\u{feff}defaults: {python-version: 3.12, requirements: gone.txt, slim: mox}\n\
                layers: {a: {requirements: [], slim: , python-version: null}, 'b-{py}': {slim: max, requirements: ml/requirements.txt}}\n";
    assert_eq!(planned(&sandbox(file), &[], &[]), ["a 3.14 x86_64", "b-312 3.12 x86_64"]);
}

#[test]
fn the_run_overrides_the_file() {
    let layers = planned(&sandbox(FILE), &[], &[("python-version", "3.12"), ("architecture", "arm64")]);
    assert_eq!(layers, ["web-dev-312-arm64 3.12 arm64", "ml-312 3.12 arm64", "one 3.12 arm64"]);
    let outcome = plan(&sandbox(FILE), &["--slim", "mox"]).code(1);
    insta::assert_snapshot!(outcome.told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: `slim` is `mox`, which is not a valid value
    hint: use `none`, `safe` or `max`
    ");
}

#[test]
fn layers_are_chosen_by_name_and_pattern() {
    let sandbox = sandbox(FILE);
    let chosen = |layers: &str| planned(&sandbox, &[], &[("layers", layers)]);
    assert_eq!(chosen("one\nml-*"), ["ml-310 3.10 x86_64", "ml-314 3.14 x86_64", "one 3.13 x86_64"]);
    assert_eq!(chosen("one,*-314-{x86_64,s390x}"), ["web-dev-314-x86_64 3.14 x86_64", "one 3.13 x86_64"]);
}

#[test]
fn a_choice_that_fits_nothing_is_named() {
    let sandbox = sandbox(FILE);
    insta::assert_snapshot!(plan(&sandbox, &["--layers", "ml-311,web*,x[,zzz"]).code(1).told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: 3 problems with the input
    cause: `layers` is `ml-311`, which matches no layer in `lambda-layers.yml` (did you mean `ml-314`?)
    cause: `layers` contains `x[`, which is not a valid pattern (use names or patterns, such as `web-*` or `{web,api}-*`)
    cause:   unclosed character class; missing ']'
    cause: `layers` is `zzz`, which matches no layer in `lambda-layers.yml` (the file contains `web-dev-310-x86_64`, `web-dev-310-arm64`, `web-dev-314-x86_64`, `web-dev-314-arm64`, `ml-310`, `ml-314`, `one`)
    hint: nothing was built or published; correct all of them and run again
    ");
    plan(&sandbox, &["--layers", "one", "--layer-name", "one"])
        .code(1)
        .says("`layer-name` and `layers` are both given");
    let other = Sandbox::with_requirements("six==1.17.0\n");
    plan(&other, &["--layers", "one"]).code(1).says("there is no such file");
}

#[test]
fn a_name_chooses_a_layer_or_leaves_the_file_alone() {
    let sandbox = sandbox(FILE);
    assert_eq!(planned(&sandbox, &[], &[("layer-name", "ml-310")]), ["ml-310 3.10 x86_64"]);
    let outcome = plan(&sandbox, &["--layer-name", "m1-310"]).success();
    outcome
        .says("notice: `lambda-layers.yml` has no layer `m1-310`, so the file is ignored")
        .says("did you mean `ml-310`?");
    let outcome = plan(&sandbox, &["--layer-name", "m1-310", "--config", "lambda-layers.yml"]).code(1);
    outcome.says("`layer-name` is `m1-310`, which matches no layer").says("did you mean `ml-310`?");
}

#[test]
fn another_file_may_be_named_in_any_folder() {
    let sandbox = sandbox("layers: nonsense");
    sandbox.write("infra/layers.yml", "layers: {a: {working-directory: ../ml}, b: {working-directory: web}, c: }");
    sandbox.write("infra/web/requirements.txt", "six==1.17.0\n");
    sandbox.write("infra/requirements.txt", "six==1.17.0\n");
    assert_eq!(planned(&sandbox, &[], &[("config", "infra/layers.yml")]).len(), 3);
    plan(&sandbox, &["--config", "infra/layer.yml"]).code(1).says("did you mean `infra/layers.yml`?");
    plan(&sandbox, &["--config", "infra"]).code(1).says("`infra` is not a file");
    sandbox.write("lambda-layers.yaml", "");
    plan(&sandbox, &[]).code(1).says("`lambda-layers.yml` and `lambda-layers.yaml` both exist");
}

#[test]
fn words_are_filled_into_paths() {
    let file = "layers:\n  - {layer-name: 'a-{py}', output: 'dist/{layer}.zip', requirements: '{layer}/{python}-{arch}.txt'}\n";
    let sandbox = sandbox(file);
    sandbox.write("a-313/3.13-x86_64.txt", "six==1.17.0\n");
    assert_eq!(planned(&sandbox, &[], &[("python-version", "3.13")]), ["a-313 3.13 x86_64"]);
    let outcome = plan(&sandbox, &["--output", "{lyer}.zip", "--python-version", "3.13"]).code(1);
    outcome.says("`output` contains `{lyer}`, which is not a known placeholder").says("did you mean `{layer}`?");
}

#[test]
fn every_command_works_on_the_layers() {
    let sandbox = sandbox("defaults: {python-version: 3.13}\nlayers: {a: , b: {working-directory: ml}}\n");
    let run = |arguments: &[&str]| sandbox.run(arguments).run().success();
    run(&["publish"]).says("2 layers: 2 published");
    run(&["publish"]).says("2 layers: 2 unchanged");
    run(&["label", "--labels", "production"]).says("2 layers: 2 labelled");
    run(&["cleanup", "--layers", "b", "--keep-versions", "1"]).says("b unchanged: nothing to remove, 1 version kept");
    run(&["audit", "--smoke-test", "off", ".lambda-layers/a/1/layer.zip"]).says("0 findings");
}
