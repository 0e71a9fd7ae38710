//! Escapes text for the page.

use std::borrow::Cow;

/// Text for the space between two tags.
pub(super) fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// JSON for the inside of a `script` element; no value in it can end the element.
pub(super) fn json(text: &str) -> String {
    text.replace('<', "\\u003c")
}

/// Shortens text to `length` characters by leaving out its middle. Invisible characters, and those that change the
/// direction of text, are shown by their numbers: `‹U+202E›`.
pub(super) fn visible(text: &str, length: usize) -> Cow<'_, str> {
    let is_plain = text.len() <= length && !text.chars().any(is_unseen);
    if is_plain {
        return Cow::Borrowed(text);
    }
    let count = text.chars().count();
    let mut shown = String::new();
    let mut add = |characters: &mut dyn Iterator<Item = char>| {
        for character in characters {
            match character {
                '\n' | '\t' => shown.push(' '),
                _ if is_unseen(character) => shown.push_str(&format!("‹U+{:04X}›", u32::from(character))),
                _ => shown.push(character),
            }
        }
    };
    if count <= length {
        add(&mut text.chars());
    } else {
        let tail = length / 3;
        add(&mut text.chars().take(length - tail - 1));
        add(&mut std::iter::once('…'));
        add(&mut text.chars().skip(count - tail));
    }
    Cow::Owned(shown)
}

/// Control characters, and those of direction or of zero width (<https://www.unicode.org/reports/tr9/>).
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_named() {
        assert_eq!(visible("numpy", 10), "numpy");
        assert_eq!(visible("a\u{202e}gpj.py", 100), "a‹U+202E›gpj.py");
        assert_eq!(visible("two\nlines\u{0}", 100), "two lines‹U+0000›");
        assert_eq!(visible("🦀 é 名", 5), "🦀 é 名");
    }

    #[test]
    fn long_text_keeps_its_ends() {
        let shown = visible(&format!("start{}end.py", "x".repeat(10_000)), 30).into_owned();
        assert_eq!(shown.chars().count(), 30);
        assert!(shown.starts_with("start") && shown.ends_with("end.py") && shown.contains('…'), "{shown}");
    }
}
