//! As a step of a workflow: inputs, outputs, the summary, and a log that nobody else can give commands in.

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::{project, wheel};
use crate::zip::members;

/// The workflow commands that the runner would follow, in order.
///
/// As the runner reads them: `::name …::value` at the start of a line, `##[name …]value` anywhere in it, and nothing
/// between `::stop-commands::TOKEN` and `::TOKEN::`.
fn commands(stdout: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut stopped: Option<String> = None;
    // A carriage return ends a line as well.
    for line in stdout.split(['\n', '\r']) {
        let line = line.trim_start();
        if let Some(token) = &stopped {
            if line == format!("::{token}::") {
                stopped = None;
            }
        } else if let Some(token) = line.strip_prefix("::stop-commands::") {
            assert!(token.len() >= 32, "`{token}` can be guessed");
            stopped = Some(token.to_owned());
        } else if let Some((command, value)) = line.strip_prefix("::").and_then(|rest| rest.split_once("::")) {
            found.push(format!("{command}: {value}"));
        } else if let Some((_, old)) = line.split_once("##[") {
            found.push(format!("##[{old}"));
        }
    }
    assert_eq!(stopped, None, "commands stay stopped");
    found
}

/// Names of the commands alone.
fn names(outcome: &Outcome) -> Vec<String> {
    let first = |command: &String| command.split([' ', ':']).next().unwrap_or_default().to_owned();
    commands(&outcome.stdout).iter().map(first).collect()
}

/// Numbers of the times table are not those of the next run.
fn without_times(summary: &str) -> String {
    let is_time = |line: &&str| !(line.starts_with("| ") && line.ends_with(" s |"));
    summary.lines().filter(is_time).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_no_input_ends_the_step() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let inputs = [("command", "publish"), ("layer-name", "shared"), ("python_version", "3.12"), ("exlude", "boto3")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().code(1);
    insta::assert_snapshot!(outcome.stdout.lines().next().unwrap_or_default(), @"::error title=lambda-layer::2 problems with the input%0Acause: `exlude` is not an input (did you mean `exclude`?)%0Acause: `python_version` is not an input (did you mean `python-version`?)%0Ahint: nothing was built or published; correct all of them and run again");
    assert!(!sandbox.path(".lambda-layers").exists());
    // What `env` of a step with `run` calls so is no concern of a command line, nor is it on a laptop.
    let in_run = sandbox.run(&["plan", "--layer-name", "shared", "--registry", "."]).env("GITHUB_ACTIONS", "true");
    in_run.env("INPUT_COLOUR", "red").run().success();
    sandbox.run(&[]).env("INPUT_COLOUR", "red").run().code(1).says("error: no command was given");
}

#[test]
fn inputs_come_from_the_step_and_lists_may_have_lines() {
    let sandbox = Sandbox::new();
    sandbox.write("service/a.txt", "six==1.17.0\n");
    sandbox.write("service/b.txt", "idna==3.10\nattrs==25.3.0\n");
    sandbox.write("service/tools/x", "");
    sandbox.write("service/own.py", "");
    let inputs = [
        ("command", ""),
        ("layer-name", "shared"),
        ("working-directory", "service"),
        ("requirements", "a.txt\nb.txt\n"),
        ("python-version", "3.13"),
        ("compatible-runtimes", "python3.12, python3.13"),
        ("include", "tools=bin\n\nown.py=data/own.py\n"),
        ("source", "  own.py  "),
        ("exclude", "attrs"),
        ("registry", "layers"),
        ("output", "out/layer.zip"),
        ("license", ""),
        ("no-deps", "True"),
        ("summary", "false"),
    ];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    let names: Vec<String> = members(&sandbox.path("service/out/layer.zip")).into_keys().collect();
    for name in ["bin/x", "data/own.py", "python/own.py", "python/six.py", "python/idna/__init__.py"] {
        assert!(names.contains(&name.to_owned()), "`{name}` is missing");
    }
    assert!(!names.iter().any(|name| name.contains("attr")), "{names:?}");
    let version = sandbox.json("service/layers/shared/1/version.json");
    assert_eq!(version["compatible-runtimes"], serde_json::json!(["python3.12", "python3.13"]));
    assert_eq!(outcome.summary(), "");
}

#[test]
fn outputs_and_summary_tell_what_was_done() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\nidna==3.10\n");
    let inputs = [("layer-name", "shared"), ("python-version", "3.13"), ("registry", "layers")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    insta::assert_snapshot!(without_times(&outcome.summary()), @r"
    ### ✅ Lambda layer `shared` published: 378.9 KB (under 1% of 250 MB)

    zipped 70.4 KB

    this layer has not been published before

    | outcome | region | layer version |
    |---|---|---|
    | published | local | `arn:aws:lambda:local:000000000000:layer:shared:1` |

    <details><summary>Contents: 2 packages</summary>

    | package | version | unzipped | compared with the largest |
    |---|---|--:|---|
    | <code>idna</code> | 3.10 | 341.9 KB | `████████████████████` |
    | <code>six</code> | 1.17.0 | 37.1 KB | `██▏                 ` |

    </details>

    <details><summary>Identity and times</summary>

    | | |
    |---|---|
    | target | python3.13 on x86_64 |
    | fingerprint | `[sha256]` |
    | content hash | `[base64]` |
    | licences | LicenseRef-BSD-License AND MIT |

    </details>
    ");
    let mut outputs = outcome.outputs();
    for (name, length) in [("fingerprint", 64), ("code-sha256", 44)] {
        assert_eq!(outputs.remove(name).map(|value| value.len()), Some(length), "{name}");
    }
    let cache = outputs.remove("cache-path").expect("is there");
    assert_eq!(cache, crate::tools::cache("uv").as_str());
    let result = outputs.remove("result").expect("is there");
    let result: serde_json::Value = serde_json::from_str(&result).expect("is JSON");
    assert_eq!(result["layer-name"], "shared");
    let lines: Vec<String> = outputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    cache-key=lambda-layer-uv-0.13.8-x86_64-python3.13-e5103360d2a21f0d
    changed=true
    comment=
    comment-url=
    layer-arn=arn:aws:lambda:local:000000000000:layer:shared:1
    layer-arns={"shared":"arn:aws:lambda:local:000000000000:layer:shared:1"}
    layer-name=shared
    layer-version=1
    layer-version-arns={"000000000000/local":"arn:aws:lambda:local:000000000000:layer:shared:1"}
    licenses-path=
    matrix={"include":[]}
    matrix-native={}
    matrix-wheels={"include":[]}
    paths={"shared":["requirements.txt"]}
    published=true
    reason=this layer has not been published before
    release-url=
    report-path=
    sbom-path=
    size-diff=
    unzipped-size=388044
    zip-digest=sha256:90e675839d5622cad4e40ce4797d5a86022a998f4b672688a13add092b701091
    zip-path=layers/shared/1/layer.zip
    zipped-size=72126
    "#);

    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    insta::assert_snapshot!(without_times(&outcome.summary()), @r"
    ### 💤 Lambda layer `shared` unchanged: 378.9 KB (under 1% of 250 MB)

    zipped 70.4 KB

    the inputs are the same as for version 1

    | outcome | region | layer version |
    |---|---|---|
    | unchanged | local | `arn:aws:lambda:local:000000000000:layer:shared:1` |

    <details><summary>Contents: 2 packages</summary>

    | package | version | unzipped | compared with the largest |
    |---|---|--:|---|
    | <code>idna</code> | 3.10 | 341.9 KB | `████████████████████` |
    | <code>six</code> | 1.17.0 | 37.1 KB | `██▏                 ` |

    </details>

    <details><summary>Identity and times</summary>

    | | |
    |---|---|
    | target | python3.13 on x86_64 |
    | fingerprint | `[sha256]` |
    | content hash | `[base64]` |

    </details>
    ");
    let outputs = outcome.outputs();
    assert_eq!((outputs["changed"].as_str(), outputs["published"].as_str()), ("false", "false"));
    assert_eq!(outputs["size-diff"], "0");
}

#[test]
fn a_plan_gives_a_matrix_of_what_needs_a_build() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let inputs = [("command", "plan"), ("layer-name", "shared"), ("python-version", "3.13"), ("registry", "layers")];
    let outputs = sandbox.run(&[]).in_actions(&inputs).run().success().outputs();
    insta::assert_snapshot!(outputs["matrix"], @r#"{"include":[{"layer-name":"shared","python-version":"3.13","architecture":"x86_64","runs-on":"ubuntu-latest","native":false,"cache-key":"lambda-layer-uv-0.13.8-x86_64-python3.13-4f61491a7c75dd9c"}]}"#);
    assert_eq!((outputs["changed"].as_str(), outputs["published"].as_str()), ("true", "false"));
    sandbox.run(&[]).in_actions(&inputs).env("INPUT_COMMAND", "publish").run().success();
    let outputs = sandbox.run(&[]).in_actions(&inputs).run().success().outputs();
    insta::assert_snapshot!(outputs["matrix"], @r#"{"include":[]}"#);
    assert_eq!((outputs["changed"].as_str(), outputs["published"].as_str()), ("false", "false"));
}

#[test]
fn what_a_child_says_stands_in_a_group() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let inputs = [("layer-name", "shared"), ("python-version", "3.13"), ("registry", "layers")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    // It resolves, and then installs.
    assert_eq!(names(&outcome), ["group", "endgroup", "group", "endgroup"]);
    assert!(outcome.stdout.contains("+ six==1.17.0"), "{}", outcome.stdout);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_package_cannot_give_commands() {
    let sandbox = Sandbox::with_requirements("./evil\n");
    let setup = "import sys\nfor line in ['::set-output name=layer-arn::mine', '::add-mask::a', '  ::add-path::/tmp', \
        '::stop-commands::x', '::x::', '::endgroup::', '##[add-mask]b', 'see ##[error]c', '\\r::add-mask::d']:\n    \
        print(line)\n    print(line, file=sys.stderr)\nsys.exit('::error::e ##[add-path]f')\n";
    project(&sandbox, "evil", setup, "");
    let python = tools().python_version();
    for installer in ["uv", "pip"] {
        let inputs =
            [("layer-name", "shared"), ("python-version", &python), ("installer", installer), ("registry", "layers")];
        let outcome = sandbox.run(&[]).in_actions(&inputs).run().code(1);
        assert!(outcome.stdout.contains("::set-output name=layer-arn::mine"), "{}", outcome.stdout);
        let names: Vec<String> = names(&outcome).into_iter().filter(|name| !name.ends_with("group")).collect();
        assert_eq!(names, ["error"], "{}", outcome.stdout);
        assert_eq!(outcome.outputs()["layer-arn"], "");
    }
}

#[test]
fn a_build_does_not_see_the_credentials_of_the_run() {
    let sandbox = Sandbox::with_requirements("./curious\n");
    project(
        &sandbox,
        "curious",
        "import os, sys\nsys.exit('sees ' + ' '.join(sorted(os.environ)) + ' ' + ' '.join(os.environ.values()))\n",
        "",
    );
    let python = tools().python_version();
    let names = [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "GITHUB_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ACTIONS_RUNTIME_TOKEN",
    ];
    for installer in ["uv", "pip"] {
        let inputs = [
            ("layer-name", "shared"),
            ("python-version", &python),
            ("installer", installer),
            ("registry", "layers"),
            ("github-token", "c0nfidential"),
        ];
        let run = sandbox.run(&[]).in_actions(&inputs);
        let run = names.iter().fold(run, |run, name| run.env(name, "c0nfidential"));
        let outcome = run.run().code(1).says("sees ");
        let said: Vec<&str> = outcome.stdout.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
        assert!(!said.join("\n").contains("c0nfidential"), "{}", outcome.stdout);
        for name in names.iter().chain(&["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "INPUT_"]) {
            assert!(!outcome.stdout.contains(name), "sees {name}");
        }
    }
}

#[test]
fn names_and_values_are_text_wherever_they_are_shown() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let name = "a|b`c` <img src> [l](http://h) *d* ::set-output name::y ##[add-mask]z.txt";
    sandbox.write(name, "");
    let include = format!("{name}=data/{name}");
    let description = "first\n::add-mask::x\n| not | a table |";
    let inputs = [
        ("layer-name", "shared"),
        ("python-version", "3.13"),
        ("registry", "layers"),
        ("include", &include),
        ("description", description),
    ];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    assert_eq!(names(&outcome), ["group", "endgroup", "group", "endgroup", "notice"]);
    let summary = outcome.summary();
    let finding = summary.lines().find(|line| line.contains("unsearched-folder")).expect("is there");
    insta::assert_snapshot!(finding, @r"| ℹ️ unsearched-folder | data/a\|b\`c\` &lt;img src&gt; \[l\](http:/h) \*d\* ::set-output name::y \#\#\[add-mask\]z.txt | the runtime does not use <code>data/a\|b</code>c<code> &lt;img src&gt; \[l\](http:/h) \*d\* ::set-output name::y \#\#\[add-mask\]z.txt</code> by default: this is fine if your code opens it as <code>/opt/data/a\|b</code>c<code> &lt;img src&gt; \[l\](http:/h) \*d\* ::set-output name::y \#\#\[add-mask\]z.txt</code>; programs belong in <code>bin</code>, libraries in <code>lib</code> |");

    // The name of a file may have lines.
    sandbox.write("tools/x", "");
    std::os::unix::fs::symlink("/etc/hostname", sandbox.path("tools/a\n::add-mask::x\n# Title")).expect("can be made");
    let inputs =
        [("layer-name", "shared"), ("python-version", "3.13"), ("registry", "layers"), ("include", "tools=bin")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().code(1);
    assert_eq!(names(&outcome), ["error"]);
    insta::assert_snapshot!(outcome.summary(), @r"
    ### ❌ the link \`[ROOT]/work/tools/a ::add-mask::x \# Title\` points outside the workspace: to \`/etc/hostname\`


    **Hint:** copy its target into the repository; if the target is in the layer, point the link to <code>/opt/…</code>
    ");
    assert_eq!(outcome.outputs().len(), lambda_layer::report::OUTPUTS.len());
}

#[test]
fn an_annotation_stands_on_the_line_that_asks_for_the_package() {
    let sandbox = Sandbox::new();
    wheel(&sandbox.path("layers/wheels"), "six", "1.0");
    sandbox.write("layers/requirements.txt", "--find-links wheels\n\nsix==1.0\n");
    let inputs = [
        ("command", "build"),
        ("layer-name", "shared"),
        ("python-version", "3.13"),
        ("working-directory", "layers"),
        ("output", "layer.zip"),
    ];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
    let annotation = "::warning file=layers/requirements.txt,line=3,title=lambda-layer%3A shadows-runtime::`six 1.0`";
    let outcome = outcome.says(annotation);
    let result: serde_json::Value = serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON");
    assert_eq!(result["findings"][0]["file"], "layers/requirements.txt");
    assert_eq!(result["findings"][0]["line"], 3);
}

#[test]
fn files_of_the_runner_that_cannot_be_written_fail_the_step() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let inputs = [("command", "plan"), ("layer-name", "shared"), ("python-version", "3.13"), ("registry", "layers")];
    for (variable, said) in [("GITHUB_OUTPUT", "the outputs"), ("GITHUB_STEP_SUMMARY", "the job summary")] {
        let gone = sandbox.path("gone/file");
        let outcome = sandbox.run(&[]).in_actions(&inputs).env(variable, &gone).run().code(2);
        let outcome =
            outcome.says(&format!("::error title=lambda-layer::could not write {said}%0Acause: failed to open"));
        outcome.says("hint: check that it exists; another step may have removed it in the meantime");
    }
}
