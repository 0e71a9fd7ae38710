//! Wrong input is refused before any work: everything that is wrong in one go, and nothing changed.

use crate::harness::{Outcome, Sandbox};

/// A run that the user's input ends, before a program is started or a file is written.
fn refused(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let before = sandbox.tree();
    let trap = sandbox.trap(&["uv", "python3", "python3.13", "python"]);
    let outcome = sandbox.run(arguments).path_first(&trap).run().code(1);
    assert_eq!(sandbox.trapped(), "", "a program was started");
    assert!(sandbox.tree() == before, "something was written");
    outcome
}

fn six() -> Sandbox {
    Sandbox::with_requirements("six==1.17.0\n")
}

const PUBLISH: &[&str] = &["publish", "--layer-name", "shared", "--python-version", "3.13"];

fn publish(arguments: &[&str]) -> Vec<String> {
    PUBLISH.iter().chain(arguments).map(ToString::to_string).collect()
}

pub(crate) fn refused_publish(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let arguments = publish(arguments);
    refused(sandbox, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write("requirements-prod.txt", "");
    let outcome = refused(
        &sandbox,
        &[
            "publish",
            "--layer-name=shared deps!",
            "--python-version=3.7",
            "--architecture=amd64",
            "--installer=poetry",
            "--layout=flat",
            "--requirements=requirement-prod.txt",
            "--constraints=pins.txt",
            "--compatible-runtimes=python3.13,nodejs22.x",
            "--compatible-architectures=arm64",
            "--registry=aws",
            "--regions=eu-west-1,eu-wst-3",
            "--bucket=s3://Layers/",
            "--index-url=pypi.org/simple",
            "--no-deps=maybe",
            "--layer-version=3",
        ],
    );
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 14 problems with the input
    cause: `layer-name` is `shared deps!`, which Lambda does not accept (use letters, digits, `-` and `_`)
    cause: `layer-version` is `3`, but this command creates a new version (remove it; the registry assigns the number)
    cause: `python-version` is `3.7`, for which there is no supported Lambda runtime (use `3.14`, `3.13`, `3.12`, `3.11`, `3.10` or `3.9`; `3.15` is available as a preview)
    cause: `amd64` is not an architecture that Lambda supports (use `x86_64`)
    cause: `layout` is `flat` (use `python` or `site-packages`)
    cause: `requirement-prod.txt` does not exist (did you mean `requirements-prod.txt`?)
    cause: `pins.txt` does not exist (paths are relative to the working directory)
    cause: `no-deps` is `maybe`, which is neither true nor false (write `true` or `false`)
    cause: `installer` is `poetry`, which is not a valid value (use `auto`, `uv` or `pip`)
    cause: `index-url` is `pypi.org/simple`, which is not a URL (write it like `https://host/simple/`)
    cause: `compatible-runtimes` contains `nodejs22.x`, which is not a Python runtime of Lambda (use `python3.8`, `python3.9`, `python3.10`, `python3.11`, `python3.12`, `python3.13`, `python3.14` or `python3.15`)
    cause: `compatible-architectures` does not include `x86_64`, for which the layer is built (add it, or change `architecture`)
    cause: `eu-wst-3` is not a region in which Lambda is available (did you mean `eu-west-3`?)
    cause: `bucket` contains `s3://Layers/`, which is not a valid bucket name (give only the name: `Layers`)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn a_layer_needs_a_name() {
    insta::assert_snapshot!(refused(&six(), &["publish"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `layer-name` is missing
    hint: give the layer a name, for example `layer-name: shared-dependencies`
    ");
}

#[test]
fn commands_and_inputs_that_do_not_exist_come_with_their_neighbours() {
    let sandbox = six();
    insta::assert_snapshot!(refused(&sandbox, &["publsh"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `publsh` is not a command
    hint: did you mean `publish`?
    ");
    insta::assert_snapshot!(refused(&sandbox, &["build", "--layr-name", "x"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `--layr-name` is not an input
    hint: did you mean `--layer-name`?
    ");
    insta::assert_snapshot!(refused(&sandbox, &["build", "--layer-name"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: a value is required for '--layer-name <NAME>' but none was supplied
    hint: `lambda-layer --help` lists all commands, and `lambda-layer publish --help` lists all inputs
    ");
    insta::assert_snapshot!(refused(&sandbox, &["build", "shared"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `shared` is not an input
    hint: `lambda-layer --help` lists all commands, and `lambda-layer publish --help` lists all inputs
    ");
}

#[test]
fn a_missing_requirement_file_comes_with_its_neighbour() {
    let sandbox = Sandbox::with_requirements("-r requirments/base.txt\n-c pin.txt\n");
    sandbox.write("requirements/base.txt", "");
    sandbox.write("pins.txt", "");
    insta::assert_snapshot!(refused_publish(&sandbox, &[]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 problems with the input
    cause: requirements.txt:1: `requirments/base.txt` does not exist (did you mean `requirements/base.txt`?)
    cause: requirements.txt:2: `pin.txt` does not exist (did you mean `pins.txt`?)
    hint: nothing was built or published; correct all of them and run again
    ");
    insta::assert_snapshot!(refused_publish(&sandbox, &["--requirements", "requirement.txt"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `requirement.txt` does not exist
    hint: did you mean `requirements.txt`?
    ");
}

#[test]
fn without_a_requirement_file_it_says_where_it_looked() {
    let sandbox = Sandbox::new();
    sandbox.write("requirments.txt", "six\n");
    insta::assert_snapshot!(refused_publish(&sandbox, &[]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `[ROOT]/work` contains no dependency file
    cause: looked for `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`
    hint: did you mean `requirments.txt`? set `requirements` to the dependency file, or `working-directory` to its folder
    ");
    insta::assert_snapshot!(refused_publish(&sandbox, &["--working-directory", "services"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `working-directory` is `services`, which is not a folder
    hint: check the path, and that the repository is checked out before this step (`actions/checkout`)
    ");
}

#[test]
fn unreadable_lines_come_with_file_and_number() {
    let sandbox = Sandbox::with_requirements(
        "six==1.17.0\nrequests==\n-r more/base.txt\n\n# a comment\n--indx-url https://pypi.org/simple\nidna \\\n  ~~3.10\n./missing\n",
    );
    sandbox.write("more/base.txt", "\n\nflask>=3 <4\nurllib3 --hash=md5\n");
    sandbox.write("binary.txt", b"six\n\xff\xfe\n");
    sandbox.write("wide.txt", b"\xff\xfes\x00i\x00x\x00");
    let arguments = ["--requirements", "requirements.txt\nbinary.txt\nwide.txt\nmore"];
    insta::assert_snapshot!(refused_publish(&sandbox, &arguments).told(), @r#"
    exit: 1
    --- stdout
    --- stderr
    error: 9 problems with the input
    cause: requirements.txt:2: `requests==` is not a valid requirement: Unexpected end of version specifier, expected version (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)
    cause: more/base.txt:3: `flask>=3 <4` is not a valid requirement: Trailing `<4` is not allowed (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)
    cause: more/base.txt:4: `--hash=md5` is not a valid hash (write `--hash=sha256:` followed by 64 hexadecimal digits, and check that the file is not truncated)
    cause: requirements.txt:6: `--indx-url` is not a valid option in a requirements file (did you mean `--index-url`?)
    cause: requirements.txt:7: `idna   ~~3.10` is not a valid requirement: no such comparison operator "~~", must be one of ~= == != <= >= < > === (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)
    cause: requirements.txt:9: `./missing` does not exist (paths are relative to the working directory)
    cause: binary.txt:2: this is not valid UTF-8 (save it as UTF-8)
    cause: `wide.txt` is in UTF-16, which only some tools support (save it as UTF-8)
    cause: `more` is a folder (give the path of a dependency file in this folder)
    hint: nothing was built or published; correct all of them and run again
    "#);
}

#[test]
fn files_that_include_themselves_are_refused() {
    let sandbox = Sandbox::with_requirements("-r a/b.txt\n");
    sandbox.write("a/b.txt", "-r c.txt\n");
    sandbox.write("a/c.txt", "six\n-r ../requirements.txt\n");
    insta::assert_snapshot!(refused_publish(&sandbox, &[]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `requirements.txt` includes itself: requirements.txt → a/b.txt → a/c.txt → requirements.txt
    hint: remove one of the `-r` lines
    ");
}

#[test]
fn manifests_that_ask_for_nothing_are_refused() {
    let sandbox = Sandbox::with_requirements("# nothing yet\n\n-c pins.txt\n");
    sandbox.write("pins.txt", "six==1.17.0\n");
    insta::assert_snapshot!(refused_publish(&sandbox, &[]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `requirements.txt` has no packages to install for python3.13 on x86_64
    hint: add a requirement
    ");
    sandbox.write("requirements.txt", "pywin32; sys_platform == 'win32'\ntomli; python_version < '3.11'\n");
    insta::assert_snapshot!(refused_publish(&sandbox, &[]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `requirements.txt` has no packages to install for python3.13 on x86_64
    cause: requirements.txt:1: `pywin32` is only for `sys_platform == 'win32'`
    cause: requirements.txt:2: `tomli` is only for `python_full_version < '3.11'`
    hint: correct these markers, or change `python-version` or `architecture`
    ");
    // Code of its own is no reason to leave out what was asked for, but one to ask for nothing.
    sandbox.write("app/__init__.py", "");
    refused_publish(&sandbox, &["--source", "app"]).says("cause: requirements.txt:2: `tomli` is only for");
    sandbox.write("requirements.txt", "# nothing yet\n");
    let arguments = ["build", "--output", "x.zip", "--source", "app", "--requirements", "requirements.txt"];
    sandbox.run(&arguments).run().success();
}

#[test]
fn places_that_cannot_be_written_are_refused() {
    let sandbox = six();
    sandbox.write("folder/x", "");
    let before = "requirements.txt/layer.zip";
    insta::assert_snapshot!(refused_publish(&sandbox, &["--output", before]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `output` cannot be written to `[ROOT]/work/requirements.txt`
    cause: Not a directory (os error 20)
    hint: choose a folder with write permission
    ");
    insta::assert_snapshot!(refused_publish(&sandbox, &["--output", "folder"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `output` is `folder`, which is a folder
    hint: give the path of a file in this folder, for example `folder/layer.zip`
    ");
    let arguments = ["--registry", "requirements.txt", "--state", "requirements.txt/state"];
    insta::assert_snapshot!(refused_publish(&sandbox, &arguments).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `registry` cannot be written to `[ROOT]/work/requirements.txt`
    cause: Not a directory (os error 20)
    hint: choose a folder with write permission
    ");
}

#[test]
fn names_are_those_that_lambda_takes() {
    let sandbox = six();
    let long = "x".repeat(141);
    for name in ["a b", "a/b", "ä", "arn:aws:lambda:eu-west-1:123456789012:layer:x", &long] {
        let outcome = refused(&sandbox, &["publish", "--layer-name", name]);
        assert!(outcome.stderr.starts_with("error: `layer-name` "), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
    }
}

#[test]
fn texts_that_are_too_long_are_refused() {
    let (long, longer) = ("x".repeat(200), "x".repeat(513));
    insta::assert_snapshot!(refused_publish(&six(), &["--description", &long, "--license", &longer]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 problems with the input
    cause: `description` is 200 characters long (use at most 125: the rest of the space is needed for the fingerprint and the content hash)
    cause: `license` is 513 characters long (use at most 512: that is Lambda's limit)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn one_bucket_cannot_serve_two_regions() {
    let arguments = ["--registry", "aws", "--regions", "eu-west-1\nus-east-1", "--bucket", "layers"];
    insta::assert_snapshot!(refused_publish(&six(), &arguments).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `bucket` is `layers` for 2 regions, but Lambda reads a zip only from a bucket in the same region as the layer
    hint: use `{region}` to name one bucket for each region, for example `layers-{region}`
    ");
}

#[test]
fn places_of_other_services_are_refused() {
    let sandbox = six();
    let arguments = ["--registry", "https://example.com/layers", "--state", "gs://bucket/prefix"];
    insta::assert_snapshot!(refused_publish(&sandbox, &arguments).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 problems with the input
    cause: `registry` is `https://example.com/layers`, which is not a valid value (use `aws` or a folder)
    cause: `state` is `gs://bucket/prefix`, which is not a valid location (use `s3://bucket/prefix` or a folder)
    hint: nothing was built or published; correct all of them and run again
    ");
    insta::assert_snapshot!(refused_publish(&sandbox, &["--registry", "AWS"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `registry` is `AWS`, which is not a valid value
    hint: use `aws` or a folder
    ");
}

#[test]
fn a_workflow_gets_one_annotation_a_summary_and_every_output() {
    let sandbox = Sandbox::with_requirements("six==\n");
    let inputs = [("layer-name", "shared"), ("python-version", "3.7"), ("registry", "here"), ("regions", "")];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    ::error title=lambda-layer::2 problems with the input%0Acause: `python-version` is `3.7`, for which there is no supported Lambda runtime (use `3.14`, `3.13`, `3.12`, `3.11`, `3.10` or `3.9`; `3.15` is available as a preview)%0Acause: requirements.txt:1: `six==` is not a valid requirement: Unexpected end of version specifier, expected version (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)%0Ahint: nothing was built or published; correct all of them and run again
    error: 2 problems with the input
    cause: `python-version` is `3.7`, for which there is no supported Lambda runtime (use `3.14`, `3.13`, `3.12`, `3.11`, `3.10` or `3.9`; `3.15` is available as a preview)
    cause: requirements.txt:1: `six==` is not a valid requirement: Unexpected end of version specifier, expected version (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)
    hint: nothing was built or published; correct all of them and run again
    --- stderr
    ");
    insta::assert_snapshot!(outcome.summary(), @r"
    ### ❌ 2 problems with the input

    - <code>python-version</code> is <code>3.7</code>, for which there is no supported Lambda runtime (use <code>3.14</code>, <code>3.13</code>, <code>3.12</code>, <code>3.11</code>, <code>3.10</code> or <code>3.9</code>; <code>3.15</code> is available as a preview)
    - requirements.txt:1: <code>six==</code> is not a valid requirement: Unexpected end of version specifier, expected version (use the syntax of PEP 508, for example <code>name\[extra\]&gt;=1.2; python\_version &lt; '3.13'</code>)

    **Hint:** nothing was built or published; correct all of them and run again
    ");
    let outputs = outcome.outputs();
    let names: Vec<&str> = lambda_layer::report::OUTPUTS.iter().map(|(name, _)| *name).collect();
    for name in &names {
        assert!(outputs.contains_key(*name), "`{name}` is missing");
    }
    assert_eq!(outputs.len(), names.len());
    insta::assert_snapshot!(outputs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n"), @r#"
    cache-key=
    cache-path=
    changed=false
    code-sha256=
    comment=
    comment-url=
    fingerprint=
    layer-arn=
    layer-arns={}
    layer-name=
    layer-version=
    layer-version-arns={}
    licenses-path=
    matrix={"include":[]}
    matrix-native={}
    matrix-wheels={"include":[]}
    paths={}
    published=false
    reason=2 problems with the input
    release-url=
    report-path=
    result={"error":{"kind":"user","error":"2 problems with the input","causes":["`python-version` is `3.7`, for which there is no supported Lambda runtime (use `3.14`, `3.13`, `3.12`, `3.11`, `3.10` or `3.9`; `3.15` is available as a preview)","requirements.txt:1: `six==` is not a valid requirement: Unexpected end of version specifier, expected version (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)"],"hint":"nothing was built or published; correct all of them and run again"}}
    sbom-path=
    size-diff=
    unzipped-size=
    zip-digest=
    zip-path=
    zipped-size=
    "#);
}

#[test]
fn what_is_to_follow_a_publish_is_checked_before_anything_is_built() {
    let sandbox = six();
    let outcome = refused_publish(
        &sandbox,
        &[
            "--registry=aws",
            "--regions=eu-west-1",
            "--smoke-test=import os",
            "--max-unzipped-size=lots",
            "--bytecode=some",
            "--runtime-packages=gone",
            "--signing-profile=my profile",
            "--share-with=nobody,org:o-a1b2c3d4e5",
            "--keep-versions=many",
            "--labels=a b",
            "--comment-threshold=much",
            "--report-url=http://h/page",
        ],
    );
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 11 problems with the input
    cause: `runtime-packages` is `gone`, which is not a valid value (use `keep` or `drop`)
    cause: `bytecode` is `some`, which is not a valid value (use `auto`, `compile`, `only` or `none`)
    cause: `smoke-test` contains `import os`, which is not a valid module name (use `auto`, `import` or `off`, or list modules, for example `numpy, google.auth`)
    cause: `max-unzipped-size` is `lots`, which is not a valid size (use a number of bytes, or a unit as in `40 MB` (1 MB is 1,048,576 bytes, as in Lambda's limits))
    cause: `signing-profile` is `my profile`, which is not a valid profile name (use 2 to 64 letters, digits or `_`)
    cause: `signing-profile` is given without `bucket` (set `bucket` to a versioned S3 bucket, from which AWS Signer can read the zip)
    cause: `share-with` lists `nobody` together with others (remove either `nobody` or the others)
    cause: `labels`: `a b` is not a valid label (use at most 63 letters, digits, `.`, `_` and `-`, and not only digits)
    cause: `keep-versions` is `many`, which is not a whole number of at least 1 (use a whole number of at least 1; the newest version is always kept)
    cause: `comment-threshold` is `much`, which is not a valid size (use a size such as `100 KB`)
    cause: `report-url` is `http://h/page`, which does not start with `https://` (use the output `artifact-url` of `actions/upload-artifact`, or another `https://` URL)
    hint: nothing was built or published; correct all of them and run again
    ");
    let role = "arn:aws:iam::111111111111:role/";
    let roles = format!("--roles={role}a,{role}b,role/c");
    let outcome = refused_publish(&sandbox, &["--registry=aws", "--state=state", &roles, "--share-with=12"]);
    for said in [
        "`role/c` is not a valid role ARN (use an ARN such as `arn:aws:iam::123456789012:role/layers`)",
        &format!("`roles` contains two roles of the same account: `{role}a` and `{role}b`"),
        "`share-with` contains `12`, which is neither an AWS account nor an organisation (use an account ID of twelve digits; put it in quotes in YAML",
    ] {
        assert!(outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
    }
    refused_publish(&sandbox, &["--registry=aws", "--regions=eu-west-1", "--external-id=x"])
        .says("error: `external-id` is given without `roles`\nhint: set `roles` to the role to assume with this external ID, or remove `external-id`");
    refused_publish(&sandbox, &["--exclude-files=[a"])
        .says("error: `exclude-files` contains `[a`, which is not a valid glob: unclosed character class")
        .says("hint: use a glob such as `*.txt`, `python/numpy/f2py/**` or `python/{boto3,botocore}/examples`");
    refused_publish(&sandbox, &["--remove-labels=x"]).says(
        "error: `remove-labels` contains `x`, but this command does not remove labels\nhint: use the command `label`",
    );
    refused_publish(&sandbox, &["--share-with=210987654321"])
        .says("error: `share-with` is given, but the registry is a folder\nhint: use `registry: aws`, or remove it");
}

#[test]
fn inputs_that_a_command_has_no_use_for_are_refused() {
    let sandbox = six();
    for (arguments, said) in [
        (
            &["label", "--layer-name=x", "--labels=a", "--remove-labels=a"][..],
            "error: `a` is in both `labels` and `remove-labels`\nhint: remove it from one of them",
        ),
        (&["label", "--layer-name=x"], "error: `labels` is missing\nhint: set `labels` to the labels for the version"),
        (
            &["cleanup", "--layer-name=x", "--layer-version=3", "--keep-versions=1"],
            "error: `layer-version` is `3`, but `cleanup` acts on all versions\nhint: remove it",
        ),
        (
            &["usage", "--layer-name=x", "--layer-version=3"],
            "error: `layer-version` is `3`, but `usage` acts on all versions\nhint: remove it",
        ),
        (
            &["usage", "--layer-name=x", "--outdated=maybe"],
            "error: `outdated` is `maybe`, which is neither true nor false",
        ),
        (
            &["build", "--subject=x.zip"],
            "error: `subject` is `x.zip`, but only `audit` checks a finished layer\nhint: remove it, or use",
        ),
        (
            &["plan", "--layers=a"],
            "error: `layers` chooses layers from `lambda-layers.yml`, but there is no such file\nhint: set `config` to the path of the file",
        ),
    ] {
        refused(&sandbox, arguments).says(said);
    }
}
