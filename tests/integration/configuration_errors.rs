//! What is wrong with `lambda-layers.yml`, at its lines, all at once.

use crate::bad_configurations::refused;
use crate::configuration::{plan, sandbox};

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
    error: 19 problems in `lambda-layers.yml`
    cause: lambda-layers.yml:1:1: `defualts` is not a valid key at the top level of this file (did you mean `defaults`?)
    cause:   1 | defualts: {slim: safe}
    cause:     | ^^^^^^^^
    cause: lambda-layers.yml:2:1: `bucket` is not a valid key at the top level of this file (move it under `defaults` or into a layer)
    cause:   2 | bucket: x
    cause:     | ^^^^^^
    cause: lambda-layers.yml:3:15: the file cannot use `AWS_SECRET_ACCESS_KEY`: it may contain a credential (remove it: credentials are read directly from the environment)
    cause:   3 | environment: [AWS_SECRET_ACCESS_KEY, STAGE]
    cause:     |               ^^^^^^^^^^^^^^^^^^^^^
    cause: lambda-layers.yml:5:9: `slim` is `mox`, which is not a valid value (use `none`, `safe` or `max`)
    cause:   5 |   slim: mox
    cause:     |         ^^^
    cause: lambda-layers.yml:8:17: `layer-name` contains `{pyt}`, which is not a known placeholder (did you mean `{py}`?)
    cause:   8 |   - layer-name: web-{pyt}
    cause:     |                 ^^^^^^^^^
    cause: lambda-layers.yml:9:5: `pyhton-version` is not an input (did you mean `python-version`?)
    cause:   9 |     pyhton-version: 3.13
    cause:     |     ^^^^^^^^^^^^^^
    cause: lambda-layers.yml:10:5: `Index_Url` is not an input (did you mean `index-url`?)
    cause:  10 |     Index_Url: https://pypi.org/simple
    cause: lambda-layers.yml:12:13: `${STAG}` is not declared in `environment` (did you mean `STAGE`?)
    cause:  12 |     report: "${STAG}-${STAGE}-${STAGE}.html"
    cause:     |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    cause: lambda-layers.yml:12:13: the environment variable `STAGE` is not set (set it in the `env` of the workflow, or give it a default: `environment: {STAGE: …}`)
    cause:  12 |     report: "${STAG}-${STAGE}-${STAGE}.html"
    cause:     |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    cause: lambda-layers.yml:13:5: `github-token` does not belong in this file (do not write a token into a file: the action uses the token of the job, and on the command line you can set GITHUB_TOKEN)
    cause:  13 |     github-token: x
    cause:     |     ^^^^^^^^^^^^
    cause: lambda-layers.yml:15:20: `requirement.txt` does not exist (did you mean `requirements.txt`?)
    cause:  15 |     requirements: [requirement.txt, requirements.txt]
    cause:     |                    ^^^^^^^^^^^^^^^
    cause: lambda-layers.yml:16:16: `index-url` is `pypi.org/simple`, which is not a URL (write it like `https://host/simple/`)
    cause:  16 |     index-url: pypi.org/simple
    cause: lambda-layers.yml:18:24: `working-directory` is `lm`, which is not a folder (check the path, and that the repository is checked out before this step (`actions/checkout`))
    cause:  18 |     working-directory: lm
    cause:     |                        ^^
    cause: lambda-layers.yml:19:19: `amd64` is not an architecture that Lambda supports (use `x86_64`)
    cause:  19 |     architecture: amd64
    cause:     |                   ^^^^^
    cause: lambda-layers.yml:20:13: `bucket` is a list, but one value is expected (this input takes only one value: define a layer for each value)
    cause:  20 |     bucket: [x, y]
    cause:     |             ^
    cause: lambda-layers.yml:22:14: `fail-on` is `none`, which is not a valid value (use `error`, `warning` or `never`)
    cause:  22 |     fail-on: none
    cause:     |              ^^^^
    cause: lambda-layers.yml:23:17: two layers are called `b`: here and on line 14 (give each layer a different name)
    cause:  23 |   - layer-name: b
    cause:     |                 ^
    cause: lambda-layers.yml:24:5: a layer is text, but a mapping is expected (write `- layer-name: shared`)
    cause:  24 |   - only
    cause:     |     ^^^^
    cause: lambda-layers.yml:25:5: this layer has no `layer-name` (add a name: `layer-name: shared`)
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
    error: lambda-layers.yml:3:11: `slim` is `mox`, which is not a valid value
    cause:   3 |     slim: mox
    cause:     |           ^^^
    hint: use `none`, `safe` or `max`
    ");
    let outcome = sandbox.run(&[]).in_actions(&[("command", "plan"), ("registry", "x")]).run().code(1);
    outcome.says("::error file=lambda-layers.yml,line=3,title=lambda-layer::lambda-layers.yml:3:11: `slim` is `mox`, which is not a valid value");
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
    error: 3 problems in `lambda-layers.yml`
    cause: lambda-layers.yml:1:20: `report` is `report.html` for `a` and for `b` (include `{layer}`, which stands for the layer's name)
    cause:   1 | defaults: {report: report.html}
    cause:     |                    ^^^^^^^^^^^
    cause: lambda-layers.yml:3:17: `a` would be the name of a separate layer for each Python and architecture (write `a-{py}-{arch}`)
    cause:   3 |   - layer-name: a
    cause:     |                 ^
    cause: lambda-layers.yml:8:17: two layers are called `b`: here and on line 6 (give each layer a different name)
    cause:   8 |   - layer-name: b
    cause:     |                 ^
    hint: nothing was built or published; correct all of them and run again
    ");
    let sandbox = sandbox("layers: {a: , b: }");
    plan(&sandbox, &["--output", "x.zip"])
        .code(1)
        .says("`output` is `x.zip` for `a` and for `b`")
        .says("include `{layer}`");
    plan(&sandbox, &["--output", "{layer}.zip"]).success();
}

#[test]
fn of_a_thousand_problems_the_first_are_told() {
    let layers: Vec<String> = (0..1000).map(|number| format!("  - {{layer-name: l{number}, slm: max}}\n")).collect();
    let layers = layers.concat();
    let said = refused(format!("layers:\n{layers}"));
    assert!(said.starts_with("error: 1000 problems in `lambda-layers.yml`\n"), "{said}");
    assert_eq!(said.matches("`slm` is not an input (did you mean `slim`?)").count(), 20);
    assert!(said.contains("cause: and 980 more\n"), "{said}");
}

#[test]
fn a_default_that_is_wrong_is_told_once() {
    let layers: Vec<String> = (0..40).map(|number| format!("  - layer-name: l{number}\n")).collect();
    let layers = layers.concat();
    let said = refused(format!("defaults: {{slim: mox, requirements: gone.txt}}\nlayers:\n{layers}"));
    assert!(said.starts_with("error: 2 problems in `lambda-layers.yml`\n"), "{said}");
    let folder = "layers:\n  - layer-name: a\n  - layer-name: b\n    working-directory: ml\n  - layer-name: c\n";
    let sandbox = sandbox(&format!("defaults: {{requirements: only-here.txt}}\n{folder}"));
    sandbox.write("ml/only-here.txt", "");
    plan(&sandbox, &[]).code(1).says("layer `a` and 1 more: `only-here.txt` does not exist");
}
