//! The JSON Schema of the file, for editors and validators. It allows everything that the program may accept; checks
//! that need other files are left to the program.

use serde_json::{Map, Value, json};

use super::file::{OF_THE_RUN, TARGETS};
use crate::cli::{InputArgument, input_arguments};
use crate::environment::home::schema_id;
use crate::facts;

/// Inputs with a fixed set of values. A test compares them with those that the program reads.
const CHOICES: &[(&str, &[&str])] = &[
    ("architecture", &["x86_64", "arm64"]),
    ("bytecode", &["auto", "compile", "only", "none"]),
    ("comment", &["auto", "always", "never"]),
    ("compatible-architectures", &["x86_64", "arm64", "none"]),
    ("fail-on", &["error", "warning", "never"]),
    ("installer", &["auto", "uv", "pip"]),
    ("layout", &["python", "site-packages"]),
    ("runtime-packages", &["keep", "drop"]),
    ("slim", &["none", "safe", "max"]),
    ("vulnerabilities", &["off", "notice", "warning", "error"]),
];

/// The schema in draft 7, which every editor supports.
pub fn schema() -> String {
    let inputs = input_arguments();
    let inputs: Vec<&InputArgument> =
        inputs.iter().filter(|input| OF_THE_RUN.iter().all(|(name, _)| *name != input.name)).collect();
    let mut definitions: Map<String, Value> =
        inputs.iter().map(|input| (input.name.clone(), definition(input))).collect();
    let named = |with_name: bool| -> Value {
        let names = inputs.iter().map(|input| &input.name).filter(|name| with_name || *name != "layer-name");
        names
            .map(|name| (name.clone(), json!({ "$ref": format!("#/definitions/{name}") })))
            .collect::<Map<_, _>>()
            .into()
    };
    definitions.insert(
        "inputs".to_owned(),
        json!({ "type": ["object", "null"], "additionalProperties": false, "properties": named(false) }),
    );
    definitions.insert(
        "layer".to_owned(),
        json!({
            "type": "object", "required": ["layer-name"], "additionalProperties": false, "properties": named(true),
        }),
    );
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": schema_id(),
        "title": "lambda-layers.yml",
        "description": "The layers of a repository and their inputs",
        "type": "object",
        "required": ["layers"],
        "additionalProperties": false,
        "properties": {
            "environment": {
                "description": "Environment variables that values may use as `${NAME}`: a list of names, or a mapping from names to defaults",
                "anyOf": [
                    { "type": ["string", "null"] },
                    { "type": "array", "items": { "$ref": "#/definitions/variable" } },
                    {
                        "type": "object",
                        "propertyNames": { "$ref": "#/definitions/variable" },
                        "additionalProperties": text(),
                    },
                ],
            },
            "defaults": {
                "description": "Inputs for every layer, unless the layer sets its own",
                "allOf": [{ "$ref": "#/definitions/inputs" }],
            },
            "layers": {
                "description": "The layers: a list, or a mapping from names to inputs; each combination of Python version and architecture is a separate layer",
                "anyOf": [
                    { "type": "array", "minItems": 1, "items": { "$ref": "#/definitions/layer" } },
                    { "type": "object", "minProperties": 1, "additionalProperties": { "$ref": "#/definitions/inputs" } },
                ],
            },
        },
        "definitions": with_variable(definitions),
    });
    serde_json::to_string_pretty(&schema).expect("is JSON") + "\n"
}

fn with_variable(mut definitions: Map<String, Value>) -> Value {
    let variable = json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
    definitions.insert("variable".to_owned(), variable);
    definitions.into()
}

/// Every scalar, because the program reads it as text.
fn text() -> Value {
    json!({ "type": ["string", "number", "boolean", "null"] })
}

fn definition(input: &InputArgument) -> Value {
    let choices = CHOICES.iter().find(|(name, _)| *name == input.name).map(|(_, choices)| *choices);
    let value = match (choices, input.name.as_str()) {
        (Some(choices), _) => one_of(choices.iter().map(|choice| json!(choice)).collect()),
        (None, "python-version") => one_of(pythons()),
        (None, _) if input.is_boolean => one_of(booleans(&input.default)),
        (None, _) => text(),
    };
    let is_list = input.is_list || TARGETS.contains(&input.name.as_str());
    let mut definition = if is_list { json!({ "anyOf": [value, { "type": "array", "items": value }] }) } else { value };
    let default = if input.default.is_empty() { String::new() } else { format!(" (default: `{}`)", input.default) };
    definition["description"] = format!("{}{default}", input.description).into();
    definition
}

/// One of these values, nothing, or a value from variables.
fn one_of(mut choices: Vec<Value>) -> Value {
    choices.push(Value::Null);
    json!({ "anyOf": [{ "enum": choices }, { "type": "string", "pattern": "\\$\\{" }] })
}

/// Booleans in YAML and as text, together with the default, which may be neither.
fn booleans(default: &str) -> Vec<Value> {
    let mut values = vec![json!(true), json!(false), json!("true"), json!("false")];
    values.extend((!values.contains(&json!(default))).then(|| json!(default)));
    values
}

/// Python versions as text, and as the number that a validator sees without quotes: `3.1` for `3.10`.
fn pythons() -> Vec<Value> {
    let versions = facts::runtimes().iter().map(|runtime| runtime.python.as_str());
    let as_text = versions.clone().flat_map(|version| [json!(version), json!(format!("python{version}"))]);
    let as_number = versions.filter_map(|version| Some(json!(version.parse::<f64>().ok()?)));
    as_text.chain(as_number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::layer::Layout;
    use crate::spec::{Bytecode, CommentWhen, FailOn, InstallerChoice, RuntimePackages, SlimLevel, VulnerabilityLevel};
    use crate::types::Architecture;

    #[test]
    fn the_choices_are_those_that_the_program_reads() {
        fn is_read<T: std::str::FromStr<Err = Failure>>(text: &str) -> bool {
            text.parse::<T>().is_ok()
        }
        for (name, choices) in CHOICES {
            let is_read: fn(&str) -> bool = match *name {
                "architecture" => is_read::<Architecture>,
                "compatible-architectures" => |text| text == "none" || is_read::<Architecture>(text),
                "bytecode" => is_read::<Bytecode>,
                "comment" => is_read::<CommentWhen>,
                "fail-on" => is_read::<FailOn>,
                "installer" => is_read::<InstallerChoice>,
                "layout" => is_read::<Layout>,
                "runtime-packages" => is_read::<RuntimePackages>,
                "slim" => is_read::<SlimLevel>,
                "vulnerabilities" => is_read::<VulnerabilityLevel>,
                other => panic!("`{other}` is read by nothing"),
            };
            assert!(choices.iter().all(|choice| is_read(choice)), "{name}");
            assert!(!is_read("other"), "{name}");
        }
        let inputs = input_arguments();
        assert!(CHOICES.iter().all(|(name, _)| inputs.iter().any(|input| input.name == *name)));
    }
}
