//! The form in which the state stores a recipe: it can be compared with another one, and contains no secrets.
//!
//! A possible secret is replaced and followed by its digest, so that a changed value is noticed.
//! The digest is keyed with the layer's name, which is the same in every run. So equal values have different digests in
//! different layers, and precomputed tables do not help. The digest does not protect a value that can be guessed,
//! because the name is known.

use serde_json::Value;

use crate::secrets::without_credentials;
use crate::types::{Digest, LayerName};

/// The prefix of a digest.
pub(crate) const MARK: &str = "hidden:";
/// Settings for build backends. Only a backend knows what they mean, and whether one is a password.
const NOT_SHOWN: &[&str] = &[
    "PIP_CONFIG_SETTINGS",
    "PIP_GLOBAL_OPTION",
    "config-settings",
    "config-settings-package",
    "extra-build-variables",
];
/// The same for options of a requirement.
const OPTIONS: &[&str] = &[" --config-setting", " --global-option"];

/// Prepares a recipe for the state. `shown` removes secrets from a text.
pub(crate) fn keep(recipe: &mut Value, layer: &LayerName, shown: &dyn Fn(&str) -> String) {
    keep_named("", recipe, layer, shown);
}

fn keep_named(name: &str, value: &mut Value, layer: &LayerName, shown: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = kept(name, text, layer, shown),
        Value::Array(values) => values.iter_mut().for_each(|value| keep_named(name, value, layer, shown)),
        Value::Object(values) => {
            values.iter_mut().for_each(|(name, value)| keep_named(name, value, layer, shown));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn kept(name: &str, text: &str, layer: &LayerName, shown: &dyn Fn(&str) -> String) -> String {
    let is_digest = |digits: &str| Digest::from_hex(digits).is_some();
    if text.rsplit(' ').next().and_then(|word| word.strip_prefix(MARK)).is_some_and(is_digest) {
        return text.to_owned();
    }
    let decides = without_credentials(text);
    let options = OPTIONS.iter().filter_map(|option| decides.find(option)).min();
    let seen = match options {
        _ if NOT_SHOWN.contains(&name) => "***".to_owned(),
        Some(start) => {
            // The digest of the hashes follows the options.
            let end = decides[start..].rfind(" hashes:").map_or(decides.len(), |at| start + at);
            shown(&format!("{} ***{}", &decides[..start], &decides[end..]))
        }
        None => shown(&decides),
    };
    if seen == decides { seen } else { format!("{seen} {MARK}{}", digest(&decides, layer).hex()) }
}

fn digest(text: &str, layer: &LayerName) -> Digest {
    Digest::of(format!("hidden in the state of {layer}\0{text}").as_bytes())
}

/// The text without its digest.
pub(crate) fn without_mark(text: &str) -> &str {
    text.rfind(&format!(" {MARK}")).map_or(text, |at| &text[..at])
}

/// The digest in a text, if it has one.
pub(crate) fn mark(text: &str) -> &str {
    &text[without_mark(text).len()..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::clean;
    use serde_json::json;

    fn kept(recipe: Value, layer: &str) -> Value {
        let mut recipe = recipe;
        keep(&mut recipe, &layer.parse().expect("is valid"), &clean);
        recipe
    }

    #[test]
    fn what_may_be_a_secret_is_a_digest() {
        let recipe = |secret: &str| {
            json!({
                "format": 1,
                "index-url": format!("https://u:{secret}@h/simple"),
                "requirements": [
                    "six==1.17.0",
                    format!("a @ https://h/a.whl?v={secret}#sha256=00"),
                    format!("b==1 --config-settings=token={secret} hashes:{}", "0".repeat(64)),
                ],
                "settings": {"config-settings": format!("={{\"token\":\"{secret}\"}}")},
                "variables": {"PIP_FIND_LINKS": format!("https://u:{secret}@h/ https://h/?token={secret}"), "UV_RESOLUTION": "lowest"},
            })
        };
        let (one, other) = (kept(recipe("first"), "x"), kept(recipe("second"), "x"));
        assert!(!one.to_string().contains("first"), "{one}");
        assert_eq!(one["index-url"], "https://h/simple");
        assert_eq!(one["requirements"][0], "six==1.17.0");
        assert_eq!(one["variables"], json!({"PIP_FIND_LINKS": "https://h/ https://h/", "UV_RESOLUTION": "lowest"}));
        assert_eq!(
            without_mark(one["requirements"][1].as_str().expect("is a text")),
            "a @ https://h/a.whl?***#sha256=00"
        );
        let with_hashes = format!("b==1 *** hashes:{}", "0".repeat(64));
        assert_eq!(without_mark(one["requirements"][2].as_str().expect("is a text")), with_hashes);
        assert_ne!(one["settings"], other["settings"]);
        assert_ne!(one["requirements"], other["requirements"]);
        // Doing it again changes nothing, and another layer has another digest.
        assert_eq!(kept(one.clone(), "x"), one);
        assert_ne!(kept(recipe("first"), "y")["settings"], one["settings"]);
    }
}
