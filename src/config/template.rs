//! Fills in `{python}`, `{py}`, `{arch}` and `{layer}` in names and paths.

use crate::error::{alternatives, nearest};

/// Inputs in which words are filled in, in addition to `layer-name`.
pub(super) const FILLED: &[&str] = &[
    "baseline",
    "build-script",
    "constraints",
    "description",
    "include",
    "output",
    "report",
    "requirements",
    "sbom",
    "source",
    "third-party-licenses",
    "working-directory",
];
/// Inputs in which other words in braces have a meaning of their own.
const FREE: &[&str] = &["build-script", "description"];

/// The words of a layer with their values: `("py", "313")`.
pub(super) type Words<'a> = [(&'static str, &'a str)];

/// An unknown word, and what to do about it.
#[derive(Debug)]
pub(super) struct UnknownWord {
    pub(super) message: String,
    pub(super) hint: String,
}

/// Fills the words of a layer into the text of an input.
///
/// # Errors
/// The first unknown word, unless the input allows other words.
pub(super) fn fill(input: &str, text: &str, words: &Words<'_>) -> Result<String, UnknownWord> {
    let is_strict = !FREE.contains(&input);
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let inner = &rest[at + 1..];
        let end = inner.find(|character: char| !character.is_ascii_alphanumeric() && !"_-".contains(character));
        let word = end.filter(|end| *end > 0 && inner[*end..].starts_with('}')).map(|end| &inner[..end]);
        // An escaped `${NAME}` is left as it is.
        let Some(word) = word.filter(|_| !rest[..at].ends_with('$')) else {
            filled += &rest[..=at];
            rest = inner;
            continue;
        };
        filled += &rest[..at];
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, value)) => filled += value,
            None if is_strict => return Err(unknown(input, word, words)),
            None => filled += &rest[at..at + word.len() + 2],
        }
        rest = &inner[word.len() + 1..];
    }
    Ok(filled + rest)
}

fn unknown(input: &str, word: &str, words: &Words<'_>) -> UnknownWord {
    let known: Vec<String> = words.iter().map(|(known, _)| format!("{{{known}}}")).collect();
    let hint = match nearest(word, words.iter().map(|(known, _)| *known)) {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => format!("use {}", alternatives(known.iter().map(String::as_str))),
    };
    UnknownWord { message: format!("`{input}` contains `{{{word}}}`, which is not a known placeholder"), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &Words<'_> = &[("python", "3.13"), ("py", "313"), ("arch", "arm64")];

    #[test]
    fn known_words_are_filled_in_and_others_refused() {
        let fill = |input, text| fill(input, text, WORDS).map_err(|unknown| (unknown.message, unknown.hint));
        assert_eq!(fill("output", "{py}/{arch}-{python}.zip").expect("is valid"), "313/arm64-3.13.zip");
        assert_eq!(fill("output", "a{}b{ {é} {py").expect("is valid"), "a{}b{ {é} {py");
        assert_eq!(fill("output", "${py}").expect("is valid"), "${py}");
        assert_eq!(fill("description", "{json} {py}").expect("is valid"), "{json} 313");
        let (message, hint) = fill("layer-name", "web-{pyton}").expect_err("is unknown");
        assert_eq!(message, "`layer-name` contains `{pyton}`, which is not a known placeholder");
        assert_eq!(hint, "did you mean `{python}`?");
        let (_, hint) = fill("layer-name", "web-{region}").expect_err("is unknown");
        assert_eq!(hint, "use `{python}`, `{py}` or `{arch}`");
    }
}
