//! The JSON Schema of `lambda-layers.yml`, against an independent validator.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::harness::Sandbox;
use crate::tools::check_jsonschema;

fn is_valid(file: &Utf8Path) -> bool {
    let schema = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("lambda-layers.schema.json");
    let mut validator = Command::new(check_jsonschema());
    validator.args(["--schemafile", schema.as_str(), "--default-filetype", "yaml", file.as_str()]);
    let output = validator.output().expect("can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => true,
        Some(1) if said.contains("Schema validation errors were encountered") => false,
        _ => panic!("{said}"),
    }
}

/// Beside this file's repository there is one of a user's.
fn sandbox() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

#[test]
fn files_that_the_program_takes_are_valid() {
    let sandbox = sandbox();
    for text in [
        "layers: [{layer-name: a, python-version: 3.10}]",
        "layers: {a: , b: {slim: max, strip: true, keep-versions: 3}}",
        "layers: {a: {bytecode: auto, native: auto}, b: {native: true}, c: {native: 'false'}}",
        "environment: STAGE\nlayers: [{layer-name: 'a-${STAGE}', bytecode: none}]",
        "environment: {STAGE: dev, LEVEL: safe}\nlayers: {a: {slim: '${LEVEL}', labels: [1.0, '${STAGE}']}}",
        "defaults: {python-version: [3.13, '3.14', python3.10], architecture: [x86_64, arm64], slim: safe}\n\
         layers: [{layer-name: 'a-{py}-{arch}', slim: null, exclude: [], requirements: requirements.txt}]",
    ] {
        sandbox.write("lambda-layers.yml", text);
        assert!(is_valid(&sandbox.path("lambda-layers.yml")), "{text}");
        sandbox.run(&["plan"]).env("STAGE", "dev").run().success();
    }
}

#[test]
fn files_that_the_program_refuses_are_not() {
    let sandbox = sandbox();
    for text in [
        "layers: []",
        "layers: web",
        "defaults: {slim: safe}",
        "layer: [{layer-name: a}]",
        "layers: [{layer-name: a, pyhton-version: 3.13}]",
        "layers: [{layer-name: a, python-version: 3.7}]",
        "layers: [{layer-name: a, architecture: amd64}]",
        "layers: [{layer-name: a, slim: mox}]",
        "layers: [{layer-name: a, strip: maybe}]",
        "layers: [{layer-name: a, strip: auto}]",
        "layers: [{layer-name: a, native: maybe}]",
        "layers: [{layer-name: a, bucket: [x, y]}]",
        "layers: [{layer-name: a, include: {from: to}}]",
        "layers: [{layer-name: a, exclude: [[x]]}]",
        "layers: [{requirements: requirements.txt}]",
        "layers: [a]",
        "layers: {a: {layer-name: b}}",
        "layers: {a: [x]}",
        "defaults: {layer-name: a}\nlayers: {a: }",
        "defaults: {github-token: x}\nlayers: {a: }",
        "layers: {a: {config: other.yml}}",
        "environment: [1x]\nlayers: {a: }",
        "[1, 2]",
    ] {
        sandbox.write("lambda-layers.yml", text);
        assert!(!is_valid(&sandbox.path("lambda-layers.yml")), "{text}");
        sandbox.run(&["plan"]).run().code(1);
    }
}

#[test]
fn the_examples_are_valid() {
    let examples = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = walkdir::WalkDir::new(examples).into_iter().map(|entry| entry.expect("can be read"));
    let files = files.filter(|entry| entry.file_name() == "lambda-layers.yml");
    let files: Vec<Utf8PathBuf> =
        files.map(|entry| Utf8PathBuf::try_from(entry.into_path()).expect("is UTF-8")).collect();
    assert!(!files.is_empty());
    for file in files {
        assert!(is_valid(&file), "{file}");
    }
}

#[test]
fn the_program_prints_its_schema() {
    let outcome = Sandbox::new().run(&["schema"]).run().success();
    let committed = fs_err::read_to_string(Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("lambda-layers.schema.json"));
    assert_eq!(outcome.stdout, committed.expect("is there"));
}
