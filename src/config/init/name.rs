//! Names for layers, from the names of their folders.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::facts;

/// Names of folders that say nothing about their content.
const VAGUE: &[&str] = &["app", "layer", "python", "src"];
const FALLBACK: &str = "layer";

/// A name for each folder. Folders higher up choose first, and so get the shorter names.
pub(super) fn of_all<'a>(
    folders: impl Iterator<Item = &'a Utf8Path>,
    root: &Utf8Path,
) -> BTreeMap<&'a Utf8Path, String> {
    let mut folders: Vec<&Utf8Path> = folders.collect();
    folders.sort_by_key(|folder| folder.components().count());
    let mut names = BTreeSet::new();
    folders.into_iter().map(|folder| (folder, of(folder, root, &mut names))).collect()
}

/// A valid name that no other layer has; it is added to `names`.
fn of(folder: &Utf8Path, root: &Utf8Path, names: &mut BTreeSet<String>) -> String {
    let parts: Vec<&str> = folder.components().map(|part| part.as_str()).collect();
    let parts = if parts.is_empty() { root.file_name().into_iter().collect() } else { parts };
    let last = parts.iter().rposition(|part| !VAGUE.contains(part)).unwrap_or(0);
    // Adds parent folders until the name is unique.
    let wanted = (0..=last).rev().map(|start| valid(&parts[start..=last].join("-")));
    let longest = valid(&parts.join("-"));
    let numbered = (2..).map(|number| format!("{longest}-{number}"));
    let mut all = wanted.chain(numbered);
    let name = all.find(|name| !names.contains(name)).expect("there is always another number");
    names.insert(name.clone());
    name
}

/// Letters, digits, `-` and `_`, short enough to append a number.
fn valid(text: &str) -> String {
    let is_valid = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let parts = text.split(|character| !is_valid(character)).filter(|part| !part.is_empty());
    let name: String =
        parts.collect::<Vec<_>>().join("-").chars().take(facts::limits().layer_name_length - 8).collect();
    if name.is_empty() { FALLBACK.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_unique() {
        let mut names = BTreeSet::new();
        let mut name = |folder: &str| of(folder.into(), "/work/my repo".into(), &mut names);
        assert_eq!(
            [name(""), name("web"), name("ml/web"), name("a b/Ünder_score")],
            ["my-repo", "web", "ml-web", "nder_score"]
        );
        assert_eq!([name("fn/python"), name("é"), name("ö"), name("src")], ["fn", "layer", "layer-2", "src"]);
        assert_eq!(name(&"x".repeat(300)).len(), 132);
    }
}
