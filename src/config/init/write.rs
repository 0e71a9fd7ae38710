//! The text of the new file.

use super::Layer;
use crate::cli::{Given, input_arguments, lines, list};

/// Lists whose values may contain commas.
const OF_LINES: &[&str] = &["exclude-files", "include", "runs-on"];

/// Begins with the comment by which editors with the YAML language server complete and check the file, if it is known where
/// the schema is.
pub(super) fn text(defaults: &Given, layers: &[Layer], schema: Option<&str>) -> String {
    let mut text = schema.map(|address| format!("# yaml-language-server: $schema={address}\n")).unwrap_or_default();
    text += "# The layers of this repository. Every input can be set in `defaults` or in a layer.\ndefaults:\n";
    let lists: Vec<String> =
        input_arguments().into_iter().filter(|input| input.is_list).map(|input| input.name).collect();
    for (name, values) in defaults {
        let items = if OF_LINES.contains(&name.as_str()) { lines(values) } else { list(values) };
        let values = if lists.contains(name) { &items } else { values };
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        let value = match values.as_slice() {
            [only] if !lists.contains(name) => only.clone(),
            _ => format!("[{}]", values.join(", ")),
        };
        text += &format!("  {name}: {value}\n");
    }
    text += "layers:\n";
    for layer in layers {
        text += &format!("  - layer-name: {}\n", quoted(&layer.name));
        if !layer.folder.as_str().is_empty() {
            text += &format!("    working-directory: {}\n", quoted(layer.folder.as_str()));
        }
        if let Some(python) = &layer.python {
            text += &format!("    python-version: {}\n", quoted(python));
        }
    }
    text
}

/// Without quotes where every YAML parser reads a string; else in double quotes, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_-./".contains(character));
    let is_word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&text.to_lowercase().as_str());
    if is_plain && !is_word {
        return text.to_owned();
    }
    serde_json::to_string(&text.replace("${", "$${")).expect("text is JSON")
}
