//! What the git tag of a release is called.

use std::fmt::{self, Display};

use super::LayerName;
use crate::error::Failure;

/// A git tag with words in braces: `layer/{layer}/v{version}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate(String);

const WORDS: [&str; 4] = ["{layer}", "{version}", "{python}", "{arch}"];

impl TagTemplate {
    /// `target`: Python version and architecture; empty words if they are not known.
    pub fn fill(&self, layer: &LayerName, version: u64, target: Option<(String, String)>) -> String {
        let (python, architecture) = target.unwrap_or_default();
        let tag = self.0.replace("{layer}", layer.as_str()).replace("{version}", &version.to_string());
        tag.replace("{python}", &python).replace("{arch}", &architecture)
    }

    /// Whether each layer has tags of its own.
    pub fn names_layer(&self) -> bool {
        self.0.contains("{layer}")
    }

    /// Whether each version has.
    pub fn names_version(&self) -> bool {
        self.0.contains("{version}")
    }

    pub fn needs_target(&self) -> bool {
        self.0.contains("{python}") || self.0.contains("{arch}")
    }
}

impl std::str::FromStr for TagTemplate {
    type Err = Failure;

    /// As `git check-ref-format` has it, filled in with harmless words.
    fn from_str(text: &str) -> Result<Self, Failure> {
        let filled = WORDS.iter().fold(text.to_owned(), |text, word| text.replace(word, "x"));
        let wrong = |why: &str| Failure::user(format!("`release-tag` is `{text}`, {why}"));
        if filled.contains(['{', '}']) {
            return Err(wrong("which contains an unknown placeholder").hint(format!("use {}", WORDS.join(", "))));
        }
        let is_forbidden = |character: char| character.is_ascii_control() || " ~^:?*[\\".contains(character);
        let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none();
        let is_ref = !filled.contains(is_forbidden)
            && !filled.contains("..")
            && !filled.contains("@{")
            && !filled.starts_with('-')
            && !filled.ends_with('.')
            && filled.split('/').all(is_part);
        if !is_ref {
            return Err(wrong("which is not a valid git tag").hint("see `git help check-ref-format` for the rules"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Display for TagTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_what_git_takes() {
        let layer = "shared".parse().expect("is valid");
        let template: TagTemplate = "layer/{layer}/v{version}".parse().expect("is valid");
        assert_eq!(template.fill(&layer, 7, None), "layer/shared/v7");
        for wrong in ["v{number}", "a b{version}", "/v{version}", "v..{version}", "-{version}", "{version}.lock", ""] {
            assert!(wrong.parse::<TagTemplate>().is_err(), "{wrong}");
        }
    }
}
