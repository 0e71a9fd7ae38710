//! Files that follow from the code: `action.yml` and the tables of the README.
//!
//! `UPDATE_GENERATED=1 cargo test generated` writes them anew.

use std::fmt::Write as _;

use lambda_layer::inputs::{DEFAULT_COMMAND, InputArgument, input_arguments};
use lambda_layer::report::OUTPUTS;

const ACTION_HEAD: &str = "\
# Generated from src/inputs.rs and src/report/outputs.rs: UPDATE_GENERATED=1 cargo test generated
name: Lambda Layer for Python
description: Builds a Lambda layer from Python dependency files, byte for byte reproducible, and publishes it only when something changed
author: lambda-layer-action
branding:
  icon: layers
  color: orange
";
const ACTION_TAIL: &str = "\
runs:
  using: docker
  image: Dockerfile
";
const COMMANDS: &str = "`publish`, `build` or `plan`";

fn inputs() -> Vec<InputArgument> {
    let command = InputArgument {
        name: "command".to_owned(),
        group: "What".to_owned(),
        description: format!("What to do: {COMMANDS}"),
        default: DEFAULT_COMMAND.to_owned(),
        is_list: false,
    };
    std::iter::once(command).chain(input_arguments()).collect()
}

fn action_yml() -> String {
    let mut text = ACTION_HEAD.to_owned();
    text += "inputs:\n";
    for input in inputs() {
        let lists = if input.is_list { "; one a line" } else { "" };
        // `''` stands for a quote in a single-quoted YAML string.
        let description = format!("{}{lists}", input.description).replace('\'', "''");
        write!(text, "  {}:\n    description: '{description}'\n    required: false\n", input.name)
            .expect("a String takes everything");
        writeln!(text, "    default: '{}'", input.default.replace('\'', "''")).expect("a String takes everything");
    }
    text += "outputs:\n";
    for (name, description) in OUTPUTS {
        write!(text, "  {name}:\n    description: '{}'\n", description.replace('\'', "''"))
            .expect("a String takes everything");
    }
    text + ACTION_TAIL
}

fn inputs_table() -> String {
    let mut text = String::new();
    let mut group = String::new();
    for input in inputs() {
        if input.group != group {
            group.clone_from(&input.group);
            write!(text, "\n**{group}**\n\n| input | what it is | default |\n|---|---|---|\n")
                .expect("a String takes everything");
        }
        let default = if input.default.is_empty() { String::new() } else { format!("`{}`", input.default) };
        let list = if input.is_list { " (list)" } else { "" };
        writeln!(text, "| `{}` | {}{list} | {default} |", input.name, input.description.replace('|', "\\|"))
            .expect("a String takes everything");
    }
    text.trim_start().to_owned()
}

fn outputs_table() -> String {
    let rows = OUTPUTS.iter().map(|(name, description)| format!("| `{name}` | {description} |\n"));
    format!("| output | what it is |\n|---|---|\n{}", rows.collect::<String>())
}

/// Compares a file with what it should be, or writes it.
fn check(path: &str, wanted: &str) {
    let path = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let is = fs_err::read_to_string(&path).unwrap_or_default();
    if is == wanted {
        return;
    }
    assert!(
        crate::harness::environment("UPDATE_GENERATED").is_some(),
        "`{path}` is out of date: run `UPDATE_GENERATED=1 cargo test generated`"
    );
    fs_err::write(&path, wanted).expect("can be written");
}

/// Replaces what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`.
fn with_section(text: &str, name: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let start = text.find(&begin).unwrap_or_else(|| panic!("the README has no section `{name}`")) + begin.len();
    let stop = text[start..].find(&end).unwrap_or_else(|| panic!("the section `{name}` has no end")) + start;
    format!("{}{content}{}", &text[..start], &text[stop..])
}

#[test]
fn action_yml_follows_from_the_code() {
    check("action.yml", &action_yml());
}

#[test]
fn the_readme_lists_inputs_and_outputs() {
    let path = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs_err::read_to_string(path).expect("is there");
    let wanted = with_section(&with_section(&readme, "inputs", &inputs_table()), "outputs", &outputs_table());
    check("README.md", &wanted);
}

#[test]
fn the_dockerfile_installs_the_pinned_tools() {
    let path = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile");
    let dockerfile = fs_err::read_to_string(path).expect("is there");
    let facts = lambda_layer::facts::tools();
    assert!(
        dockerfile.contains(&format!("ARG UV_VERSION={}", facts.uv)),
        "UV_VERSION of the Dockerfile is not that of data/tools.yml"
    );
    let newest = &lambda_layer::facts::runtimes()[0].python;
    assert!(
        dockerfile.contains(&format!("ARG PYTHON_VERSION={newest}")),
        "PYTHON_VERSION of the Dockerfile is not the newest runtime"
    );
}

#[test]
fn every_finding_is_documented() {
    let folder = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs_err::read_to_string(folder.join("docs/findings.md")).expect("is there");
    for code in lambda_layer::audit::CODES {
        assert!(docs.contains(&format!("\n## {code}\n")), "docs/findings.md has no section `{code}`");
    }
}
