//! `lambda-layers.yml`: what it says, what overrides it, which of its layers are chosen, and every way to get it wrong.

use serde_json::Value;

use crate::harness::{Outcome, Sandbox};

/// With two folders of dependencies.
fn sandbox(file: &str) -> Sandbox {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("ml/requirements.txt", "idna==3.20\n");
    sandbox.write("lambda-layers.yml", file);
    sandbox
}

fn plan(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    sandbox.run(&["plan"]).args(arguments).run()
}

#[track_caller]
fn refused(file: impl AsRef<[u8]>) -> String {
    let sandbox = sandbox("");
    sandbox.write("lambda-layers.yml", file);
    plan(&sandbox, &[]).code(1).stderr
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
    error: `slim` is `mox`
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
    cause: `layers` is `ml-311`, which fits no layer of `lambda-layers.yml` (did you mean `ml-314`?)
    cause: `layers` has `x[`, which is no pattern
    cause:   unclosed character class; missing ']'
    cause: `layers` is `zzz`, which fits no layer of `lambda-layers.yml` (it has `web-dev-310-x86_64`, `web-dev-310-arm64`, `web-dev-314-x86_64`, `web-dev-314-arm64`, `ml-310`, `ml-314`, `one`)
    hint: nothing was built or published; correct all of them and run again
    ");
    plan(&sandbox, &["--layers", "one", "--layer-name", "one"]).code(1).says("`layer-name` and `layers` both choose");
    let other = Sandbox::with_requirements("six==1.17.0\n");
    plan(&other, &["--layers", "one"]).code(1).says("there is none");
}

#[test]
fn a_name_chooses_a_layer_or_leaves_the_file_alone() {
    let sandbox = sandbox(FILE);
    assert_eq!(planned(&sandbox, &[], &[("layer-name", "ml-310")]), ["ml-310 3.10 x86_64"]);
    let outcome = plan(&sandbox, &["--layer-name", "m1-310"]).success();
    outcome.says("notice: `lambda-layers.yml` has no layer `m1-310`, so it is not used").says("did you mean `ml-310`?");
    let outcome = plan(&sandbox, &["--layer-name", "m1-310", "--config", "lambda-layers.yml"]).code(1);
    outcome.says("`layer-name` is `m1-310`, which fits no layer").says("did you mean `ml-310`?");
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
    plan(&sandbox, &[]).code(1).says("`lambda-layers.yml` and `lambda-layers.yaml` are both there");
}

#[test]
fn words_are_filled_into_paths() {
    let file = "layers:\n  - {layer-name: 'a-{py}', output: 'dist/{layer}.zip', requirements: '{layer}/{python}-{arch}.txt'}\n";
    let sandbox = sandbox(file);
    sandbox.write("a-313/3.13-x86_64.txt", "six==1.17.0\n");
    assert_eq!(planned(&sandbox, &[], &[("python-version", "3.13")]), ["a-313 3.13 x86_64"]);
    let outcome = plan(&sandbox, &["--output", "{lyer}.zip", "--python-version", "3.13"]).code(1);
    outcome.says("`output` has `{lyer}`, which nothing is known for").says("did you mean `{layer}`?");
}

#[test]
fn all_that_is_wrong_is_said_with_its_line() {
    let file = "\
defualts: {slim: safe}
bucket: x
environment: [AWS_SECRET_ACCESS_KEY, STAGE]
defaults:
  slim: mox
  fail-on: never
layers:
  - layer-name: web-{pyt}
    pyhton-version: 3.13
    Index_Url: https://user:hunter22@pypi.org/simple
  - layer-name: a
    report: \"${STAG}-${STAGE}-${STAGE}.html\"
    github-token: x
  - layer-name: b
    requirements: [requirement.txt, requirements.txt]
    index-url: user:hunter22@pypi.org/simple
  - layer-name: c
    working-directory: lm
    architecture: amd64
    bucket: [x, y]
  - layer-name: d
    fail-on: none
  - layer-name: b
  - only
  - slim: max
";
    let sandbox = sandbox(file);
    insta::assert_snapshot!(plan(&sandbox, &[]).code(1).told(), @r#"
    exit: 1
    --- stdout
    --- stderr
    error: 19 problems with `lambda-layers.yml`
    cause: lambda-layers.yml:1:1: `defualts` is not a key at the top of this file (did you mean `defaults`?)
    cause:   1 | defualts: {slim: safe}
    cause:     | ^^^^^^^^
    cause: lambda-layers.yml:2:1: `bucket` is not a key at the top of this file (move it below `defaults`, or into a layer)
    cause:   2 | bucket: x
    cause:     | ^^^^^^
    cause: lambda-layers.yml:3:15: `AWS_SECRET_ACCESS_KEY` is kept from the file: it may hold a credential (credentials come from the environment by themselves)
    cause:   3 | environment: [AWS_SECRET_ACCESS_KEY, STAGE]
    cause:     |               ^^^^^^^^^^^^^^^^^^^^^
    cause: lambda-layers.yml:5:9: `slim` is `mox` (use `none`, `safe` or `max`)
    cause:   5 |   slim: mox
    cause:     |         ^^^
    cause: lambda-layers.yml:8:17: `layer-name` has `{pyt}`, which nothing is known for (did you mean `{py}`?)
    cause:   8 |   - layer-name: web-{pyt}
    cause:     |                 ^^^^^^^^^
    cause: lambda-layers.yml:9:5: `pyhton-version` is not an input (did you mean `python-version`?)
    cause:   9 |     pyhton-version: 3.13
    cause:     |     ^^^^^^^^^^^^^^
    cause: lambda-layers.yml:10:5: `Index_Url` is not an input (did you mean `index-url`?)
    cause:  10 |     Index_Url: https://***pypi.org/simple
    cause: lambda-layers.yml:12:13: `${STAG}` is not declared in `environment` (did you mean `STAGE`?)
    cause:  12 |     report: "${STAG}-${STAGE}-${STAGE}.html"
    cause:     |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    cause: lambda-layers.yml:12:13: the environment has no `STAGE` (set it in the workflow's `env`, or give it a default: `environment: {STAGE: …}`)
    cause:  12 |     report: "${STAG}-${STAGE}-${STAGE}.html"
    cause:     |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    cause: lambda-layers.yml:13:5: `github-token` does not belong into this file (a token has no place in a file: the action has that of the job, a command line GITHUB_TOKEN)
    cause:  13 |     github-token: x
    cause:     |     ^^^^^^^^^^^^
    cause: lambda-layers.yml:15:20: `requirement.txt` does not exist (did you mean `requirements.txt`?)
    cause:  15 |     requirements: [requirement.txt, requirements.txt]
    cause:     |                    ^^^^^^^^^^^^^^^
    cause: lambda-layers.yml:16:16: `index-url` is `***pypi.org/simple`, which is not a URL (write it as in `https://host/simple/`)
    cause:  16 |     index-url: ***pypi.org/simple
    cause: lambda-layers.yml:18:24: `working-directory` is `lm`, which is not a folder (was the repository checked out before this step (`actions/checkout`)?)
    cause:  18 |     working-directory: lm
    cause:     |                        ^^
    cause: lambda-layers.yml:19:19: `amd64` is not an architecture of Lambda (use `x86_64`)
    cause:  19 |     architecture: amd64
    cause:     |                   ^^^^^
    cause: lambda-layers.yml:20:13: `bucket` is a list where one value is expected (it is not a list: make a layer of each value)
    cause:  20 |     bucket: [x, y]
    cause:     |             ^
    cause: lambda-layers.yml:22:14: `fail-on` is `none` (use `error`, `warning` or `never`)
    cause:  22 |     fail-on: none
    cause:     |              ^^^^
    cause: lambda-layers.yml:23:17: `b` is the name of two layers: here and in line 14 (each layer needs a name of its own)
    cause:  23 |   - layer-name: b
    cause:     |                 ^
    cause: lambda-layers.yml:24:5: a layer is text where a mapping is expected (write `- layer-name: shared`)
    cause:  24 |   - only
    cause:     |     ^^^^
    cause: lambda-layers.yml:25:5: a layer without `layer-name` (name it: `layer-name: shared`)
    cause:  25 |   - slim: max
    cause:     |     ^
    hint: nothing was built or published; correct all of them and run again
    "#);
}

#[test]
fn one_problem_is_the_error_itself_and_annotated_at_its_line() {
    let sandbox = sandbox("layers:\n  - layer-name: a\n    slim: mox\n");
    insta::assert_snapshot!(plan(&sandbox, &[]).code(1).told(), @"
    exit: 1
    --- stdout
    --- stderr
    error: lambda-layers.yml:3:11: `slim` is `mox`
    cause:   3 |     slim: mox
    cause:     |           ^^^
    hint: use `none`, `safe` or `max`
    ");
    let outcome = sandbox.run(&[]).in_actions(&[("command", "plan"), ("registry", "x")]).run().code(1);
    outcome.says("::error file=lambda-layers.yml,line=3,title=lambda-layer::lambda-layers.yml:3:11: `slim` is `mox`");
}

#[test]
fn names_and_files_of_layers_are_their_own() {
    let file = "\
defaults: {report: report.html}
layers:
  - layer-name: a
    python-version: [3.13, 3.14]
    architecture: [arm64, x86_64]
  - layer-name: b
  - layer-name: c
  - layer-name: b
";
    insta::assert_snapshot!(refused(file), @"
    error: 3 problems with `lambda-layers.yml`
    cause: lambda-layers.yml:1:20: `report` is `report.html` for `a` and for `b` (write `{layer}` in it, which is the layer's name)
    cause:   1 | defaults: {report: report.html}
    cause:     |                    ^^^^^^^^^^^
    cause: lambda-layers.yml:3:17: `a` would be the name of the layer for each Python and architecture (write `a-{py}-{arch}`)
    cause:   3 |   - layer-name: a
    cause:     |                 ^
    cause: lambda-layers.yml:8:17: `b` is the name of two layers: here and in line 6 (each layer needs a name of its own)
    cause:   8 |   - layer-name: b
    cause:     |                 ^
    hint: nothing was built or published; correct all of them and run again
    ");
    let sandbox = sandbox("layers: {a: , b: }");
    plan(&sandbox, &["--output", "x.zip"])
        .code(1)
        .says("`output` is `x.zip` for `a` and for `b`")
        .says("write `{layer}`");
    plan(&sandbox, &["--output", "{layer}.zip"]).success();
}

/// Files that are no YAML, or more of it than is allowed, each with the first line of what is said.
#[test]
fn what_is_no_such_file_is_refused_in_words() {
    let utf16: Vec<u8> = "\u{feff}layers:".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bare: Vec<u8> = "layers:".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files: &[(&str, &[u8])] = &[
        ("nothing", b""),
        ("comments", b"# nothing\n\n# here\n"),
        ("a document of nothing", b"---\n"),
        ("text", b"layers"),
        ("no layers", b"defaults: {slim: safe}\n"),
        ("an empty list", b"layers: []\n"),
        ("nothing below", b"layers:\n"),
        ("UTF-16", &utf16),
        ("UTF-16 without a mark", &bare),
        ("Latin-1", b"layers:\n  a:\n    description: caf\xe9\n"),
        ("a tab", b"layers:\n\t- layer-name: a\n"),
        ("a tab further in", b"layers:\n  - layer-name: a\n\t  slim: max\n"),
        ("a key twice", b"layers:\n  - layer-name: a\n    slim: max\n    slim: safe\n"),
        ("a layer twice", b"layers:\n  a: {slim: max}\n  a: {slim: safe}\n"),
        ("an anchor", b"layers:\n  - &a {layer-name: a}\n"),
        ("an alias", b"layers:\n  - layer-name: a\n    exclude-files: *.txt\n"),
        ("a merge key", b"layers:\n  - layer-name: a\n    <<: {slim: max}\n"),
        ("a tag", b"layers:\n  - layer-name: !!str a\n"),
        ("two documents", b"layers: {a: }\n---\nlayers: {b: }\n"),
        ("a list for a value", b"layers:\n  - layer-name: a\n    slim: [max]\n"),
        ("a mapping for a value", b"layers:\n  - layer-name: {py}\n"),
        ("braces without quotes", b"layers:\n  - layer-name: {py}-web\n"),
        ("a mapping in a list", b"layers:\n  - layer-name: a\n    exclude: [{x: y}]\n"),
        ("a list in a list", b"layers:\n  - layer-name: a\n    exclude: [[x]]\n"),
        ("an open list", b"layers:\n  - layer-name: a\n    exclude: [x\n  - layer-name: b\n"),
        ("an open quote", b"layers:\n  - layer-name: 'a\n"),
        ("a colon too many", b"layers:\n  - layer-name: a: b\n"),
        ("an indentation too many", b"layers:\n  - layer-name: a\n     slim: max\n"),
        ("an indentation too few", b"layers:\n  - layer-name: a\n   slim: max\n"),
        ("a zero", b"layers:\n  - layer-name: a\0b\n"),
        ("an escaped zero", b"layers:\n  - layer-name: \"a\\0b\"\n"),
        ("an escape", b"layers:\n  - layer-name: a\n    description: \"a\x1b[31mb\"\n"),
        ("a name that Lambda does not take", b"layers:\n  - layer-name: a b\n"),
        ("a nested variable", b"environment: [A]\nlayers:\n  - layer-name: 'x${A${B}}'\n"),
        ("an open variable", b"environment: [A]\nlayers:\n  - layer-name: 'x${A'\n"),
        ("an unset variable", b"environment: [A]\nlayers:\n  - layer-name: 'x${A}'\n"),
        ("a name of no variable", b"environment: [A-B]\nlayers: {a: }\n"),
        ("the name inside and out", b"layers: {a: {layer-name: b}}\n"),
        ("a Python twice", b"layers: {'a-{py}': {python-version: [3.13, '3.13']}}\n"),
        ("a Python that YAML reads as a number", b"layers: {'a-{py}': {python-version: 3.1}}\n"),
        ("a name of all", b"defaults: {layer-name: a}\nlayers: {a: }\n"),
    ];
    let said = files.iter().map(|(what, bytes)| format!("{what}\n{}", refused(bytes)));
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r#"
    nothing
    error: `lambda-layers.yml` is empty
    hint: `lambda-layer init` writes a first one, once this one is removed

    comments
    error: `lambda-layers.yml` is empty
    hint: `lambda-layer init` writes a first one, once this one is removed

    a document of nothing
    error: `lambda-layers.yml` is empty
    hint: `lambda-layer init` writes a first one, once this one is removed

    text
    error: lambda-layers.yml:1:1: the file is text where a mapping is expected
    cause:   1 | layers
    cause:     | ^^^^^^
    hint: it begins with `layers:`, see docs/configuration.md

    no layers
    error: lambda-layers.yml:1:1: the file has no `layers`
    cause:   1 | defaults: {slim: safe}
    cause:     | ^
    hint: list at least one: `layers: [{layer-name: shared}]`

    an empty list
    error: lambda-layers.yml:1:1: `layers` has no layer
    cause:   1 | layers: []
    cause:     | ^^^^^^
    hint: list at least one: `layers: [{layer-name: shared}]`

    nothing below
    error: lambda-layers.yml:1:1: `layers` has no layer
    cause:   1 | layers:
    cause:     | ^^^^^^
    hint: list at least one: `layers: [{layer-name: shared}]`

    UTF-16
    error: `lambda-layers.yml` is in UTF-16
    hint: save it as UTF-8

    UTF-16 without a mark
    error: `lambda-layers.yml` is in UTF-16
    hint: save it as UTF-8

    Latin-1
    error: `lambda-layers.yml` is not in UTF-8: see line 3
    hint: save it as UTF-8

    a tab
    error: lambda-layers.yml:2:1: a tab is no indentation in YAML
    cause:   2 |  - layer-name: a
    cause:     | ^
    hint: indent with spaces

    a tab further in
    error: lambda-layers.yml:3:1: a tab is no indentation in YAML
    cause:   3 |    slim: max
    cause:     | ^
    hint: indent with spaces

    a key twice
    error: lambda-layers.yml:4:5: `slim` stands twice: here and in line 3
    cause:   4 |     slim: safe
    cause:     |     ^^^^
    hint: remove one of them

    a layer twice
    error: lambda-layers.yml:3:3: `a` stands twice: here and in line 2
    cause:   3 |   a: {slim: safe}
    cause:     |   ^
    hint: remove one of them

    an anchor
    error: lambda-layers.yml:2:5: YAML anchors and aliases are not used here
    cause:   2 |   - &a {layer-name: a}
    cause:     |     ^^^^
    hint: `defaults` is for what layers share; a value that begins with `*` or `&` needs quotes

    an alias
    error: lambda-layers.yml:3:20: YAML anchors and aliases are not used here
    cause:   3 |     exclude-files: *.txt
    cause:     |                    ^
    hint: `defaults` is for what layers share; a value that begins with `*` or `&` needs quotes

    a merge key
    error: lambda-layers.yml:3:5: YAML anchors and aliases are not used here
    cause:   3 |     <<: {slim: max}
    cause:     |     ^^
    hint: `defaults` is for what layers share; a value that begins with `*` or `&` needs quotes

    a tag
    error: lambda-layers.yml:2:17: YAML tags are not used here
    cause:   2 |   - layer-name: !!str a
    cause:     |                 ^^^^^^^
    hint: remove it; a value that begins with `!` needs quotes

    two documents
    error: lambda-layers.yml:2:1: a second document begins here
    cause:   2 | ---
    cause:     | ^^^
    hint: one file has one document: remove the `---`

    a list for a value
    error: lambda-layers.yml:3:11: `slim` is a list where one value is expected
    cause:   3 |     slim: [max]
    cause:     |           ^
    hint: it is not a list: make a layer of each value

    a mapping for a value
    error: lambda-layers.yml:2:17: `layer-name` is a mapping where a value is expected
    cause:   2 |   - layer-name: {py}
    cause:     |                 ^
    hint: a value that begins with `{` needs quotes

    braces without quotes
    error: lambda-layers.yml:2:21: something behind a `}`
    cause:   2 |   - layer-name: {py}-web
    cause:     |                     ^
    hint: a value that begins with `{` needs quotes

    a mapping in a list
    error: lambda-layers.yml:3:15: an item of `exclude` is a mapping where text is expected
    cause:   3 |     exclude: [{x: y}]
    cause:     |               ^
    hint: a value with `: ` in it, or one that begins with `{`, needs quotes

    a list in a list
    error: lambda-layers.yml:3:15: an item of `exclude` is a list where text is expected
    cause:   3 |     exclude: [[x]]
    cause:     |               ^
    hint: one list is enough

    an open list
    error: lambda-layers.yml:4:15: a `:` where no key can be
    cause:   4 |   - layer-name: b
    cause:     |               ^
    hint: look above for a missing `]` or `}`

    an open quote
    error: lambda-layers.yml:2:17: a quote that is never closed
    cause:   2 |   - layer-name: 'a
    cause:     |                 ^
    hint: close it

    a colon too many
    error: lambda-layers.yml:2:18: a `:` where no key can be
    cause:   2 |   - layer-name: a: b
    cause:     |                  ^
    hint: check the indentation; a value with `: ` in it needs quotes

    an indentation too many
    error: lambda-layers.yml:3:10: a `:` where no key can be
    cause:   3 |      slim: max
    cause:     |          ^
    hint: check the indentation; a value with `: ` in it needs quotes

    an indentation too few
    error: lambda-layers.yml:3:4: the indentation fits nothing above
    cause:   3 |    slim: max
    cause:     |    ^
    hint: keys of one mapping stand in one column

    a zero
    error: lambda-layers.yml:2:18: a control character, U+0000
    cause:   2 |   - layer-name: a�b
    cause:     |                  ^
    hint: remove it

    an escaped zero
    error: lambda-layers.yml:2:17: `layer-name` has a control character, U+0000
    cause:   2 |   - layer-name: "a\0b"
    cause:     |                 ^^^^^^
    hint: remove it

    an escape
    error: lambda-layers.yml:3:20: a control character, U+001B
    cause:   3 |     description: "a�[31mb"
    cause:     |                    ^
    hint: remove it

    a name that Lambda does not take
    error: lambda-layers.yml:2:17: `layer-name` is `a b`, which Lambda does not accept
    cause:   2 |   - layer-name: a b
    cause:     |                 ^^^
    hint: use letters, digits, `-` and `_`

    a nested variable
    error: lambda-layers.yml:3:17: a `${` inside of another
    cause:   3 |   - layer-name: 'x${A${B}}'
    cause:     |                 ^^^^^^^^^^^
    hint: write `${NAME}`; `$${` stands for `${` itself

    an open variable
    error: lambda-layers.yml:3:17: a `${` without its `}`
    cause:   3 |   - layer-name: 'x${A'
    cause:     |                 ^^^^^^
    hint: write `${NAME}`; `$${` stands for `${` itself

    an unset variable
    error: lambda-layers.yml:3:17: the environment has no `A`
    cause:   3 |   - layer-name: 'x${A}'
    cause:     |                 ^^^^^^^
    hint: set it in the workflow's `env`, or give it a default: `environment: {A: …}`

    a name of no variable
    error: lambda-layers.yml:1:15: `A-B` is no name of a variable
    cause:   1 | environment: [A-B]
    cause:     |               ^^^
    hint: use letters, digits and `_`

    the name inside and out
    error: lambda-layers.yml:1:14: the layer has a name already: `a`
    cause:   1 | layers: {a: {layer-name: b}}
    cause:     |              ^^^^^^^^^^
    hint: remove one of them

    a Python twice
    error: lambda-layers.yml:1:44: `python-version` has `3.13` twice
    cause:   1 | layers: {'a-{py}': {python-version: [3.13, '3.13']}}
    cause:     |                                            ^^^^^^
    hint: remove one of them

    a Python that YAML reads as a number
    error: lambda-layers.yml:1:37: `python-version` is `3.1`, for which there is no supported Lambda runtime
    cause:   1 | layers: {'a-{py}': {python-version: 3.1}}
    cause:     |                                     ^^^
    hint: use `3.14`, `3.13`, `3.12`, `3.11`, `3.10` or `3.9`

    a name of all
    error: lambda-layers.yml:1:12: `layer-name` cannot be a default
    cause:   1 | defaults: {layer-name: a}
    cause:     |            ^^^^^^^^^^
    hint: each layer has a name of its own
    "#);
}

#[test]
fn nothing_can_make_it_large() {
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        laughs += &format!("a{level}: &a{level} [{below}, {below}, {below}]\n");
    }
    assert!(refused(laughs).contains("YAML anchors and aliases are not used here"));
    assert!(refused("[".repeat(500_000)).contains("nested deeper"));
    assert!(refused("- ".repeat(500_000)).contains("nested deeper"));
    assert!(refused(format!("layers: {{a: }} #{}", "x".repeat(1 << 20))).contains("is larger than 1 MB"));
}

#[test]
fn of_a_thousand_problems_the_first_are_told() {
    let layers: String = (0..1000).map(|number| format!("  - {{layer-name: l{number}, slm: max}}\n")).collect();
    let said = refused(format!("layers:\n{layers}"));
    assert!(said.starts_with("error: 1000 problems with `lambda-layers.yml`\n"), "{said}");
    assert_eq!(said.matches("`slm` is not an input (did you mean `slim`?)").count(), 20);
    assert!(said.contains("cause: and 980 more\n"), "{said}");
}

#[test]
fn a_default_that_is_wrong_is_told_once() {
    let layers: String = (0..40).map(|number| format!("  - layer-name: l{number}\n")).collect();
    let said = refused(format!("defaults: {{slim: mox, requirements: gone.txt}}\nlayers:\n{layers}"));
    assert!(said.starts_with("error: 2 problems with `lambda-layers.yml`\n"), "{said}");
    let folder = "layers:\n  - layer-name: a\n  - layer-name: b\n    working-directory: ml\n  - layer-name: c\n";
    let sandbox = sandbox(&format!("defaults: {{requirements: only-here.txt}}\n{folder}"));
    sandbox.write("ml/only-here.txt", "");
    plan(&sandbox, &[]).code(1).says("layer `a` and 1 more: `only-here.txt` does not exist");
}
