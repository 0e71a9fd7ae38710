//! Labels: words that people put on versions, such as `production`.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::as_string;
use crate::error::Failure;

/// At most 63 of `[A-Za-z0-9._-]`, not a number: it can stand in the name of a parameter, and where a version is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(String);

/// In characters.
const LONGEST: usize = 63;

impl FromStr for Label {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number || text.len() > LONGEST || !text.bytes().all(allowed) {
            return Err(Failure::user(format!("`{text}` is not a valid label"))
                .hint("use at most 63 letters, digits, `.`, `_` and `-`, and not only digits"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

as_string!(Label);

impl Label {
    /// Of a git tag: what cannot be in a label becomes `-`; `None` for a number.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        let label: String = tag.replace(|character| !allowed(character), "-").chars().take(LONGEST).collect();
        label.parse().ok()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_tag_is_a_label_unless_it_is_a_number() {
        let label = |tag: &str| Label::of_tag(tag).map(|label| label.to_string());
        assert_eq!(label("v1.4.0").as_deref(), Some("v1.4.0"));
        assert_eq!(label("release/2026 ü").as_deref(), Some("release-2026--"));
        assert_eq!(label(&"x".repeat(99)).as_deref(), Some(&*"x".repeat(63)));
        assert_eq!(label("2026"), None);
    }
}
