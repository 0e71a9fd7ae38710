//! Describes how one recipe differs from another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::registry::recipe;
use crate::types::Digest;

/// Descriptions of how one recipe differs from another, the most important first.
///
/// The recipes come as JSON because the older one may have been written by another version of this program.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut keys: Vec<&String> = keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect();
    keys.sort_by_key(|key| (key.as_str() != "requirements", key.as_str()));
    keys.into_iter().flat_map(|key| difference(key, before.get(key), after.get(key))).collect()
}

fn difference(key: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    // An empty collection may have been left out of the JSON.
    let nothing = Value::Object(serde_json::Map::new());
    let or_nothing = |value, other: Option<&Value>| match (value, other) {
        (None, Some(Value::Object(_))) => Some(&nothing),
        _ => value,
    };
    match (or_nothing(before, after), or_nothing(after, before)) {
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            let texts = |values: &[Value]| -> BTreeMap<String, String> {
                values.iter().map(|value| name_and_rest(&plain(value))).collect()
            };
            entries(key, &texts(before), &texts(after))
        }
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let texts = |values: &serde_json::Map<String, Value>| -> BTreeMap<String, String> {
                values.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
            };
            entries(key, &texts(before), &texts(after))
        }
        _ => {
            let show = |value: Option<&Value>| {
                let text = value.filter(|value| !value.is_null()).map_or_else(|| "nothing".to_owned(), plain);
                recipe::without_mark(&text).to_owned()
            };
            let (before, after) = (show(before), show(after));
            vec![if before == after { format!("{key} changed") } else { format!("{key}: {before} → {after}") }]
        }
    }
}

fn entries(key: &str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let said = names.into_iter().filter_map(|name| match (before.get(name), after.get(name)) {
        (old, new) if old == new => None,
        (None, Some(rest)) => Some(format!("{key}: {} added", show_entry(name, rest))),
        (Some(_), None) => Some(format!("{key}: {name} removed")),
        // Only a part that is not shown differs.
        (Some(old), Some(new)) if shown_part(old) == shown_part(new) && recipe::mark(old) != recipe::mark(new) => {
            Some(format!("{key}: {name} changed"))
        }
        (Some(old), Some(new)) if shown_part(old) == shown_part(new) => {
            let what = if [old, new].iter().any(|part| part.contains("hashes:")) { "hashes" } else { "content" };
            Some(format!("{key}: {name} has different {what}"))
        }
        (Some(old), Some(new)) => Some(format!("{key}: {name} {} → {}", shown_part(old), shown_part(new))),
        (None, None) => None,
    });
    said.collect()
}

/// `pydantic==2.12.0` as (`pydantic`, `==2.12.0`).
fn name_and_rest(text: &str) -> (String, String) {
    let end = text
        .find(|character: char| !(character.is_alphanumeric() || "-_.[]".contains(character)))
        .unwrap_or(text.len());
    if text[end..].starts_with(':') || end == 0 {
        let (url, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        (url.to_owned(), rest.to_owned())
    } else {
        (text[..end].to_owned(), text[end..].to_owned())
    }
}

fn show_entry(name: &str, rest: &str) -> String {
    let shown = shown_part(rest);
    if shown == "any version" { name.to_owned() } else { format!("{name}{shown}") }
}

/// The part that is shown, without digests.
fn shown_part(rest: &str) -> String {
    let shown: Vec<&str> = rest
        .split(' ')
        .filter(|word| !["hashes:", "bytes:", recipe::MARK].iter().any(|start| word.starts_with(start)))
        .filter(|word| Digest::from_hex(word).is_none())
        .collect();
    let shown = shown.join(" ");
    if shown.trim().is_empty() { "any version".to_owned() } else { shown }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_said_in_words() {
        let hash = |letter: &str| letter.repeat(64);
        let before = json!({
            "python-version": "3.12", "exclude": ["boto3"], "index-url": null, "format": 1,
            "requirements": ["pydantic==2.11.0", "idna", format!("six==1.17.0 hashes:{}", hash("a")), "rich>=13"],
            "include": {"bin/tool": hash("a")},
        });
        let after = json!({
            "python-version": "3.13", "exclude": [], "index-url": "https://host/simple", "format": 1,
            "requirements": ["pydantic==2.12.0", "attrs==25.1", format!("six==1.17.0 hashes:{}", hash("b")), "rich>=13"],
            "include": {"bin/tool": hash("b"), "lib/liba.so": hash("c")},
        });
        insta::assert_snapshot!(differences(&before, &after).join("\n"), @r"
        requirements: attrs==25.1 added
        requirements: idna removed
        requirements: pydantic ==2.11.0 → ==2.12.0
        requirements: six has different hashes
        exclude: boto3 removed
        include: bin/tool has different content
        include: lib/liba.so added
        index-url: nothing → https://host/simple
        python-version: 3.12 → 3.13
        ");
    }

    #[test]
    fn what_is_hidden_is_said_to_have_changed() {
        let recipe = |digit: &str| {
            let mark = format!("hidden:{}", digit.repeat(64));
            json!({
                "index-url": format!("https://h/simple?v=*** {mark}"),
                "requirements": [format!("a @ https://h/a.whl?v=*** {mark}"), format!("https://h/b.whl?v=*** {mark}")],
                "variables": {"UV_FIND_LINKS": format!("https://h/?v=*** {mark}")},
            })
        };
        insta::assert_snapshot!(differences(&recipe("0"), &recipe("1")).join("\n"), @r"
        requirements: a changed
        requirements: https://h/b.whl?v=*** changed
        index-url changed
        variables: UV_FIND_LINKS changed
        ");
        let without = json!({"requirements": []});
        assert_eq!(differences(&without, &recipe("0"))[1], "requirements: https://h/b.whl?v=*** added");
    }
}
