//! Tables of the README and the docs that follow from the code. `generated.rs` compares them, or writes them.

use std::fmt::Write as _;

use lambda_layer::build::slim;
use lambda_layer::cli::InputArgument;
use lambda_layer::facts::{Runtime, Runtimes};
use lambda_layer::report::OUTPUTS;
use lambda_layer::spec::SlimLevel;

use crate::generated;

/// What to pull for a large image: what users report for Amazon's build images (docs/images.md).
const LARGE: &str = "1.3 to 3 GB unpacked";

/// What stands before the path and the version in `uses:`: `acme/lambda-layer-action`.
fn place() -> &'static str {
    env!("CARGO_PKG_REPOSITORY").trim_start_matches("https://github.com/")
}

const MAJOR: &str = env!("CARGO_PKG_VERSION_MAJOR");

/// Every image.
pub(crate) fn images(table: &Runtimes) -> String {
    let (default, place) = (&table.default, place());
    let mut text = format!(
        "\
| `uses:` | size | builds | system | default `python-version` |
|---|---|---|---|---|
| `{place}/lite@v{MAJOR}` | at most 50 MB | wheels for every Python, and pure-Python packages from source | | `{default}` |
"
    );
    let mut row = |path: &str, runtime: &Runtime| {
        let Runtime { python, os, glibc, .. } = runtime;
        let uses = format!("`{place}{path}@v{MAJOR}`");
        let builds = format!("the same, and compiles for python{python}");
        writeln!(text, "| {uses} | {LARGE} | {builds} | {os}, glibc {glibc} | `{python}` |")
            .expect("a String takes everything");
    };
    row("", generated::plain(table));
    for runtime in table.with_image() {
        row(&format!("/python{}", runtime.python), runtime);
    }
    text
}

/// The choice between them, with all Pythons in a row.
pub(crate) fn images_in_short(table: &Runtimes) -> String {
    let (default, place) = (&table.default, place());
    let pythons: Vec<&str> = table.with_image().map(|runtime| runtime.python.as_str()).collect();
    let (last, others) = pythons.split_last().expect("there are some");
    format!(
        "\
| `uses:` | size | use it if |
|---|---|---|
| `{place}/lite@v{MAJOR}` | at most 50 MB | all packages have wheels or are pure Python, which is the usual case |
| `{place}/python3.X@v{MAJOR}`, for {} and {last} | {LARGE} | a package has to be compiled, or you need `build-script`, `strip` or requirements from git |
| `{place}@v{MAJOR}` | {LARGE} | the same as `python{default}` in all releases {MAJOR}.x |
",
        others.join(", ")
    )
}

/// The inputs that the README lists: those that most people use.
const USUAL_INPUTS: [&str; 12] = [
    "command",
    "layer-name",
    "working-directory",
    "requirements",
    "groups",
    "extra-index-urls",
    "python-version",
    "architecture",
    "source",
    "regions",
    "bucket",
    "ssm-parameter",
];

/// The outputs that the README lists.
const USUAL_OUTPUTS: [&str; 8] =
    ["layer-arn", "layer-version-arns", "layer-arns", "layer-version", "changed", "published", "reason", "zip-path"];

const INPUTS_HEAD: &str = "| input | what it is | default |\n|---|---|---|\n";

fn inputs_row(input: &InputArgument) -> String {
    let default = if input.default.is_empty() { String::new() } else { format!("`{}`", input.default) };
    let list = if input.is_list { " (list)" } else { "" };
    format!("| `{}` | {}{list} | {default} |\n", input.name, input.description.replace('|', "\\|"))
}

/// All inputs, a table for each group.
pub(crate) fn inputs() -> String {
    let mut text = String::new();
    let mut group = String::new();
    for input in generated::inputs() {
        if input.group != group {
            group.clone_from(&input.group);
            write!(text, "\n## {group}\n\n{INPUTS_HEAD}").expect("a String takes everything");
        }
        text += &inputs_row(&input);
    }
    text.trim_start().to_owned()
}

pub(crate) fn usual_inputs() -> String {
    let all = generated::inputs();
    let rows = USUAL_INPUTS.iter().map(|name| {
        let input = all.iter().find(|input| input.name == *name);
        inputs_row(input.unwrap_or_else(|| panic!("there is no input `{name}`")))
    });
    format!("{INPUTS_HEAD}{}", rows.collect::<String>())
}

pub(crate) fn outputs(is_listed: impl Fn(&str) -> bool) -> String {
    let listed = OUTPUTS.iter().filter(|(name, _)| is_listed(name));
    let rows = listed.map(|(name, description)| format!("| `{name}` | {description} |\n"));
    format!("| output | what it is |\n|---|---|\n{}", rows.collect::<String>())
}

pub(crate) fn usual_outputs() -> String {
    let table = outputs(|name| USUAL_OUTPUTS.contains(&name));
    assert_eq!(table.lines().count(), 2 + USUAL_OUTPUTS.len(), "one of {USUAL_OUTPUTS:?} does not exist");
    table
}

/// What slimming leaves out.
pub(crate) fn rules() -> String {
    let rows = slim::rules().rules.iter().map(|rule| {
        let level = if rule.level == SlimLevel::Max { "`max`" } else { "`safe`" };
        let unless = rule.unless.as_deref().unwrap_or_default();
        format!("| {} | {level} | {} | {} | {unless} |\n", rule.name, rule.what, rule.why)
    });
    format!("| rule | level | what | why it can go | but not if |\n|---|---|---|---|---|\n{}", rows.collect::<String>())
}
