//! Files that follow from the code: `action.yml`, those of each Python with their Dockerfiles, and the tables of the README and the docs.
//!
//! `UPDATE_GENERATED=1 cargo test generated` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use lambda_layer::cli::{DEFAULT_COMMAND, InputArgument, command_names, input_arguments};
use lambda_layer::facts::permissions;
use lambda_layer::facts::{self, Runtime, Runtimes, System};
use lambda_layer::report::OUTPUTS;

use crate::tables;

const ACTION_NAME: &str = "Lambda Layer for Python";
const LITE_DESCRIPTION: &str = "Builds Lambda layers from wheels in a small image, publishes them when something changed, and manages their versions";
const ACTION_DESCRIPTION: &str =
    "Builds a reproducible Lambda layer from Python dependency files, and publishes it only when something changed";

pub(crate) fn inputs() -> Vec<InputArgument> {
    let commands = command_names().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let command = InputArgument {
        name: "command".to_owned(),
        group: "What".to_owned(),
        description: format!("What to do: {commands}"),
        default: DEFAULT_COMMAND.to_owned(),
        is_list: false,
        is_boolean: false,
    };
    let mut inputs: Vec<InputArgument> = std::iter::once(command).chain(input_arguments()).collect();
    let token = inputs.iter_mut().find(|input| input.name == "github-token").expect("is an input");
    // On a command line there is none that everybody has.
    "${{ github.token }}".clone_into(&mut token.default);
    inputs
}

/// What the plain action adds: its image has a Python, which nobody chose.
const PLAIN_ENVIRONMENT: &str = "  env:
    # Who names no Python in the path of the action has not chosen that of its image.
    LAMBDA_LAYER_PYTHON_VERSION: ''
";

/// The action with these `inputs`. `image` is a Dockerfile, seen from the action's folder.
fn action_yml(name: &str, description: &str, inputs: &[InputArgument], image: &str) -> String {
    let mut text = format!(
        "\
# Generated from src/cli/mod.rs and src/report/outputs.rs: UPDATE_GENERATED=1 cargo test generated
name: {name}
description: {description}
author: lambda-layer-action
branding:
  icon: layers
  color: orange
inputs:
"
    );
    for input in inputs {
        let lists = if input.is_list { "; one per line" } else { "" };
        // The runner passes defaults on as if they had been given, and what is given overrides `lambda-layers.yml`.
        let is_passed_on = ["command", "github-token"].contains(&input.name.as_str());
        let (default, told) = match input.default.as_str() {
            "" => ("", String::new()),
            default if is_passed_on => (default, String::new()),
            default => ("", format!(" (default: `{default}`)")),
        };
        // `''` stands for a quote in a single-quoted YAML string.
        let description = format!("{}{lists}{told}", input.description).replace('\'', "''");
        write!(text, "  {}:\n    description: '{description}'\n    required: false\n", input.name)
            .expect("a String takes everything");
        writeln!(text, "    default: '{}'", default.replace('\'', "''")).expect("a String takes everything");
    }
    text += "outputs:\n";
    for (name, description) in OUTPUTS {
        write!(text, "  {name}:\n    description: '{}'\n", description.replace('\'', "''"))
            .expect("a String takes everything");
    }
    text + &format!("runs:\n  using: docker\n  image: {image}\n")
}

/// Of the Python that `Dockerfile` is for as it stands: the default, which stays while there are newer ones.
pub(crate) fn plain(table: &Runtimes) -> &Runtime {
    table.with_image().find(|runtime| runtime.python == table.default).expect("is one of them")
}

/// The Dockerfile of a Python, seen from the root.
///
/// It cannot stand in the action's folder, or in one with others of its kind: the runner takes the folder of a Dockerfile as
/// the context of its build, and the sources have to be in there. It passes no build arguments, so one Dockerfile is one
/// image. Of local actions it only knows a Dockerfile by the end of its name (actions/runner, `ContainerActionHandler.cs`).
fn dockerfile_name(runtime: &Runtime, table: &Runtimes) -> String {
    if runtime.python == table.default {
        "Dockerfile".to_owned()
    } else {
        format!("python{}.Dockerfile", runtime.python)
    }
}

/// `Dockerfile` for another Python. The program is built by the same instructions, so builders have it in their cache.
fn dockerfile(template: &str, runtime: &Runtime, default: &str) -> String {
    let python = &runtime.python;
    let mut text = template.to_owned();
    for (from, to) in [
        (
            "# The action's image:",
            "# Generated from Dockerfile: UPDATE_GENERATED=1 cargo test generated\n#\n# The action's image:",
        ),
        ("# The default of `python-version`. Any other supported one: --build-arg PYTHON_VERSION=3.12\n", ""),
        (&format!("ARG PYTHON_VERSION={default}\n"), &format!("ARG PYTHON_VERSION={python}\n")),
    ] {
        assert_eq!(text.matches(from).count(), 1, "the Dockerfile has `{from}` not just once");
        text = text.replace(from, to);
    }
    text
}

/// The image for layers of wheels, and for all that builds nothing: the same program, by the same instructions.
const LITE: &str = "lite.Dockerfile";
const LITE_PYTHON: &str = "\
FROM tools AS python
SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]
# uv wants a Python to start with, of whatever version, and projects of Python alone are built with it. That of a layer is
# another one, which uv fetches. So this one is without modules whose libraries nothing else here needs. What it imports
# each time is compiled.
RUN version=\"$(basename \"$(readlink --canonicalize /usr/bin/python3)\")\" \\
    && mkdir --parents /python/bin /python/lib \\
    && cp \"/usr/bin/${version}\" /python/bin/python3 \\
    && cp --recursive \"/usr/lib/${version}\" /python/lib/ \\
    && rm --recursive --force /python/lib/*/__pycache__ /python/lib/*/*/__pycache__ /python/lib/*/config-* /python/lib/*/ensurepip \\
        /python/lib/*/lib2to3 /python/lib/*/pydoc_data /python/lib/*/EXTERNALLY-MANAGED /python/lib/*/sitecustomize.py \\
        /python/lib/*/lib-dynload/_curses* /python/lib/*/lib-dynload/_dbm* /python/lib/*/lib-dynload/_sqlite3* \\
        /python/lib/*/lib-dynload/nis* /python/lib/*/lib-dynload/readline* \\
    && ldd /python/bin/python3 /python/lib/*/lib-dynload/*.so | sed --quiet 's/.* => \\([^ ]*\\) .*/\\1/p' | sort --unique \\
        | sed '/\\/lib\\(c\\|m\\|crypto\\|ssl\\)\\.so/d' | xargs cp --dereference --target-directory /python/lib \\
    && /python/bin/python3 -I -c 'import email, importlib.util, json, platform, struct, sysconfig, tarfile, zipfile'

";
const LITE_END: &str = "\
# A released image is pinned by its own digest, with the digest of this base in its provenance. Glibc, the libraries of C++,
# certificates, and no shell.
# hadolint ignore=DL3007
FROM gcr.io/distroless/cc-debian12:latest
LABEL org.opencontainers.image.title=\"lambda-layer lite\" \\
      org.opencontainers.image.description=\"Builds AWS Lambda layers for Python from wheels, publishes them and manages their versions\" \\
      org.opencontainers.image.licenses=\"Apache-2.0\"
COPY --from=python /python /usr
COPY --from=uv /uv/bin/uv /usr/local/bin/uv
COPY --from=build /usr/local/bin/lambda-layer /usr/local/bin/lambda-layer
# No USER and no WORKDIR: Actions runs it as root in the workspace that it mounts.
ENTRYPOINT [\"/usr/local/bin/lambda-layer\"]
";

fn lite_dockerfile(template: &str) -> String {
    let part = |from: &str, to: &str| {
        let start = template.find(from).unwrap_or_else(|| panic!("the Dockerfile has no `{from}`"));
        let length = template[start..].find(to).unwrap_or_else(|| panic!("the Dockerfile has no `{to}`"));
        &template[start..start + length]
    };
    let stages = part("FROM rust:", "# A released image");
    let stages = stages.replace("FROM tools AS build", &format!("{LITE_PYTHON}FROM tools AS build"));
    format!(
        "\
# Generated from Dockerfile: UPDATE_GENERATED=1 cargo test generated
#
# The image of the action in lite/: the program, uv and a small Python. It builds what wheels can give.

{stages}{LITE_END}"
    )
}

fn lite_action() -> String {
    let image = format!("../{LITE} # zizmor: ignore[unpinned-images] built from source");
    action_yml(&format!("{ACTION_NAME} lite"), LITE_DESCRIPTION, &inputs(), &image)
}

/// What there has to be for each Python: path and content.
fn files_of_each_python(table: &Runtimes) -> Vec<(String, String)> {
    let template = fs_err::read_to_string(root().join("Dockerfile")).expect("is there");
    let of_one = table.with_image().flat_map(|runtime| {
        let mut inputs = inputs();
        let version = inputs.iter_mut().find(|input| input.name == "python-version").expect("is an input");
        version.default.clone_from(&runtime.python);
        "Python version of the Lambda runtime".clone_into(&mut version.description);
        let (folder, dockerfile_name) = (format!("python{}", runtime.python), dockerfile_name(runtime, table));
        // zizmor takes any other Dockerfile than `Dockerfile` for the name of an image.
        let image = format!("../{dockerfile_name} # zizmor: ignore[unpinned-images] built from source");
        let action = action_yml(&format!("{ACTION_NAME} {}", runtime.python), ACTION_DESCRIPTION, &inputs, &image);
        let image = (dockerfile_name != "Dockerfile")
            .then(|| (dockerfile_name, dockerfile(&template, runtime, &table.default)));
        image.into_iter().chain([(format!("{folder}/action.yml"), action)])
    });
    of_one.collect()
}

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file with what it should be, or writes it.
fn check(path: &str, wanted: &str) {
    let path = root().join(path);
    let is = fs_err::read_to_string(&path).unwrap_or_default();
    if is == wanted {
        return;
    }
    assert!(
        crate::harness::environment("UPDATE_GENERATED").is_some(),
        "`{path}` is out of date: run `UPDATE_GENERATED=1 cargo test generated`"
    );
    fs_err::create_dir_all(path.parent().expect("is in a folder")).expect("can be made");
    fs_err::write(&path, wanted).expect("can be written");
}

/// Replaces what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`.
fn with_section(text: &str, name: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let start = text.find(&begin).unwrap_or_else(|| panic!("there is no section `{name}`")) + begin.len();
    let stop = text[start..].find(&end).unwrap_or_else(|| panic!("the section `{name}` has no end")) + start;
    format!("{}{content}{}", &text[..start], &text[stop..])
}

#[test]
fn action_yml_follows_from_the_code() {
    let action = action_yml(ACTION_NAME, ACTION_DESCRIPTION, &inputs(), "Dockerfile");
    check("action.yml", &format!("{action}{PLAIN_ENVIRONMENT}"));
}

#[test]
fn the_small_image_has_its_action() {
    check("lite/action.yml", &lite_action());
    let template = fs_err::read_to_string(root().join("Dockerfile")).expect("is there");
    check(LITE, &lite_dockerfile(&template));
}

#[test]
fn each_python_has_its_action_and_its_image() {
    let files = files_of_each_python(Runtimes::own());
    for (path, wanted) in &files {
        check(path, wanted);
    }
    let wanted: BTreeSet<&str> = files.iter().filter_map(|(path, _)| path.split('/').next()).collect();
    let entries = root().read_dir_utf8().expect("is there").map(|entry| entry.expect("can be read").into_path());
    let left: Vec<Utf8PathBuf> = entries
        .filter(|path| path.file_name().is_some_and(|name| name.starts_with("python3.") && !wanted.contains(name)))
        .collect();
    assert!(left.is_empty(), "remove what is of a Python that Lambda no longer runs: {left:?}");
}

/// A Python and an operating system to come are data: nothing here or in the program knows their names.
#[test]
fn a_new_python_gets_its_action_and_its_image() {
    let system = "- { name: Amazon Linux 2039, symbol-versions: { GLIBC: '2.61' }, libraries: [[libc.so.6]] }";
    let systems: Vec<System> = serde_yaml::from_str(system).expect("is a list of systems");
    let runtime = |python: &str, more: &str| {
        format!(
            "{{ python: '{python}', patch: 1, os: Amazon Linux 2039, glibc: '2.61', uv-platform: manylinux_2_61, bytecode-magic: 1{more} }}"
        )
    };
    let text = format!(
        "default: '{}'\nruntimes: [{}, {}, {}]",
        facts::default_python(),
        runtime("3.98", ", preview: true"),
        runtime("3.97", ""),
        runtime(facts::default_python(), "")
    );
    let table = Runtimes::read(&text, systems.leak()).expect("is a table");
    let files: Vec<String> = files_of_each_python(&table).into_iter().map(|(path, _)| path).collect();
    let default = facts::default_python();
    assert_eq!(files, ["python3.97.Dockerfile", "python3.97/action.yml", &format!("python{default}/action.yml")]);
    let images = tables::images(&table);
    let row = images
        .lines()
        .find(|line| line.contains(concat!("/python3.97@v", env!("CARGO_PKG_VERSION_MAJOR"), "`")))
        .expect("has a row");
    assert!(row.contains("Amazon Linux 2039, glibc 2.61") && row.ends_with("| `3.97` |"), "{row}");
    assert!(!images.contains("3.98"), "{images}");
    assert!(Runtimes::read(&text.replace("2039,", "2040,"), &[]).is_err());
}

/// The sections of a file that follow from the code.
fn check_sections(path: &str, sections: &[(&str, String)]) {
    let mut text = fs_err::read_to_string(root().join(path)).expect("is there");
    for (name, content) in sections {
        text = with_section(&text, name, content);
    }
    check(path, &text);
}

#[test]
fn the_readme_lists_the_usual_inputs_outputs_and_images() {
    let images = tables::images_in_short(Runtimes::own());
    check_sections(
        "README.md",
        &[("images", images), ("inputs", tables::usual_inputs()), ("outputs", tables::usual_outputs())],
    );
}

#[test]
fn the_docs_list_all_inputs_outputs_and_images() {
    check_sections("docs/inputs.md", &[("inputs", tables::inputs())]);
    check_sections("docs/outputs.md", &[("outputs", tables::outputs(|_| true))]);
    check_sections("docs/images.md", &[("images", tables::images(Runtimes::own()))]);
}

/// `docker run` needs a tag with the whole version.
#[test]
fn the_docs_name_the_image_of_this_version() {
    let image = regex::Regex::new(r"ghcr\.io/OWNER/lambda-layer-action:[0-9][0-9.]*-").expect("is valid");
    let wanted = concat!("ghcr.io/OWNER/lambda-layer-action:", env!("CARGO_PKG_VERSION"), "-");
    for path in ["README.md", "docs/images.md", "docs/laptop.md"] {
        let text = fs_err::read_to_string(root().join(path)).expect("is there");
        assert!(image.is_match(&text), "`{path}` names no image any more");
        check(path, &image.replace_all(&text, wanted));
    }
}

#[test]
fn the_rules_of_slimming_are_listed() {
    check_sections("docs/slimming.md", &[("rules", tables::rules())]);
}

#[test]
fn the_permissions_are_listed() {
    let sections: Vec<String> = permissions::features().iter().map(permissions::Feature::section).collect();
    check_sections("docs/iam.md", &[("permissions", sections.join("\n"))]);
}

/// Each action that the source names, as `"lambda:GetFunction"`, stands in the table.
#[test]
fn every_action_that_a_hint_names_is_documented() {
    let action =
        regex::Regex::new(r#""((?:lambda|s3|sts|ssm|signer|tag|codeartifact):[A-Z][a-z]\w+)""#).expect("is valid");
    let files = walkdir::WalkDir::new(root().join("src")).into_iter().map(|entry| entry.expect("can be read"));
    let mut seen = 0;
    for file in files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs")) {
        let text = fs_err::read_to_string(file.path()).expect("can be read");
        // A key of conditions looks the same, and what trust policies allow is no permission of the run's.
        let others = ["sts:ExternalId", "sts:AssumeRoleWithWebIdentity"];
        for found in action.captures_iter(&text).filter(|found| !others.contains(&&found[1])) {
            seen += 1;
            assert!(permissions::is_known(&found[1]), "data/permissions.yml has no `{}`", &found[1]);
        }
    }
    assert!(seen > 5, "the pattern finds nothing any more");
}

#[test]
fn the_dockerfile_installs_the_pinned_tools() {
    let dockerfile = fs_err::read_to_string(root().join("Dockerfile")).expect("is there");
    assert!(
        dockerfile.contains(&format!("ARG UV_VERSION={}", facts::tools().uv)),
        "UV_VERSION of the Dockerfile is not that of data/tools.yml"
    );
    let default = facts::default_python();
    assert!(
        dockerfile.contains(&format!("ARG PYTHON_VERSION={default}")),
        "PYTHON_VERSION of the Dockerfile is not the default of data/runtimes.yml"
    );
}

#[test]
fn every_finding_is_documented() {
    let docs = fs_err::read_to_string(root().join("docs/findings.md")).expect("is there");
    for code in lambda_layer::layer::finding::CODES {
        assert!(docs.contains(&format!("\n## {code}\n")), "docs/findings.md has no section `{code}`");
    }
}

#[test]
fn the_schema_follows_from_the_code() {
    check("lambda-layers.schema.json", &lambda_layer::config::schema());
}
