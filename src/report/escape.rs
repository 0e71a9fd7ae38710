//! Text for Markdown that GitHub renders: whatever it contains, it stays text.

/// The longest name and the longest sentence, in characters.
const NAME: usize = 80;
const SENTENCE: usize = 300;

/// A message of this program: what stands between backticks is shown as code, everything else as text.
pub(super) fn message(text: &str) -> String {
    let mut parts: Vec<&str> = text.split('`').collect();
    // A last backtick without a partner is plain text.
    let rest = if parts.len().is_multiple_of(2) { parts.pop() } else { None };
    let shown = parts.iter().enumerate().map(|(index, part)| match index % 2 {
        0 => plain(part),
        _ => format!("<code>{}</code>", plain(part)),
    });
    shown.chain(rest.map(|rest| plain(&format!("`{rest}")))).collect()
}

/// A URL for a Markdown link: characters that could end the link are encoded.
pub(super) fn address(url: &str) -> String {
    const ENDS: &percent_encoding::AsciiSet =
        &percent_encoding::CONTROLS.add(b' ').add(b'(').add(b')').add(b'<').add(b'>').add(b'"').add(b'\\').add(b'`');
    percent_encoding::utf8_percent_encode(url, ENDS).to_string()
}

/// Text as code, in HTML: backticks would not keep a `|` from ending a table cell.
pub(crate) fn code(text: &str) -> String {
    format!("<code>{}</code>", plain(text))
}

/// Escaped text for a line that starts with an HTML block, such as `<details>`: no Markdown is read there, so the
/// backslash before the `_` of a name would be shown (<https://github.github.com/gfm/#html-blocks>).
pub(crate) fn in_html_block(escaped: &str) -> String {
    escaped.replace("\\_", "_")
}

/// Text escaped for both Markdown and HTML.
pub(crate) fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '@' => {
                escaped.push('\\');
                escaped.push(character);
            }
            character if character.is_control() => escaped.push(' '),
            // Characters that change the direction of the text after them.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            character => escaped.push(character),
        }
    }
    escaped
}

/// A name from outside as code, shortened, in which GitHub finds no mentions, issue numbers or emoji.
pub(super) fn name_as_code(text: &str) -> String {
    format!("<code>{}</code>", name(text))
}

/// A name from outside, as plain text in which GitHub finds no mentions, issue numbers or emoji.
pub(super) fn name(text: &str) -> String {
    inert(&plain(&clipped(text, NAME)))
}

/// The same for a message of this program that may contain text from outside: what stands between backticks is code.
pub(super) fn sentence(text: &str) -> String {
    inert(&message(&clipped(text, SENTENCE)))
}

/// Text of this program that must stay on one line, such as a number with its unit.
pub(super) fn tight(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

fn clipped(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Markdown in which GitHub finds no mentions, issues, URLs or emoji. GitHub looks for them after it has rendered the
/// Markdown, when backslashes are gone, so escaping is not enough.
pub(super) fn inert(markdown: &str) -> String {
    const INVISIBLE: char = '\u{200b}';
    let mut text = String::with_capacity(markdown.len());
    let mut characters = markdown.chars().peekable();
    while let Some(character) = characters.next() {
        text.push(character);
        let next = characters.peek().copied().unwrap_or(' ');
        let starts_something = match character {
            '@' | '#' => true,
            ':' => !next.is_whitespace(),
            '-' => next.is_ascii_digit() && text.to_uppercase().ends_with("GH-"),
            '.' => text.to_lowercase().ends_with("www."),
            _ => false,
        };
        if starts_something {
            text.push(INVISIBLE);
        }
    }
    text
}
