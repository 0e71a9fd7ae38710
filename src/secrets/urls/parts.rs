//! Finds the parts of URLs in a text: credentials, query and fragment.

use std::ops::Range;

use super::AROUND;

/// How many bytes are searched for the credentials of one URL and for the next URL: tokens have some thousands.
const LONGEST: usize = 16 * 1024;

/// In bytes.
const LONGEST_SCHEME: usize = 64;

/// What a part of a URL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `user:password@`
    Credentials,
    /// What follows `?`.
    Query,
    /// What follows `#`.
    Fragment,
}

/// A part of a URL that may have to be removed; ranges are in bytes of the text.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) place: Range<usize>,
    /// Of the URL.
    pub(super) scheme: Range<usize>,
}

/// Where user and password end in the text after `://`, in bytes; `None` if there are none.
pub(crate) fn end_of_credentials(rest: &str) -> Option<usize> {
    let ends = |ends: &[char]| rest.find(ends).unwrap_or(rest.len());
    let authority = &rest[..ends(&['/', '?', '#', ' ', '"', '<', '>', '`'])];
    // A password with an unescaped slash makes the URL invalid, but is still a password.
    let is_cut = || {
        let port = authority.split_once(':').map(|(_, port)| port).filter(|_| !authority.starts_with('['));
        port.is_some_and(|port| port.bytes().any(|byte| !byte.is_ascii_digit()))
    };
    authority.rfind('@').or_else(|| if is_cut() { rest[..ends(&[' '])].rfind('@') } else { None })
}

/// The parts of all URLs in a text, in their order.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut from, mut word, mut limit, mut whole, mut end, mut query) = (0, 0, 0, 0, 0, 0);
    while let Some(colon) = text[from..].find("://").map(|at| from + at) {
        let start = colon + "://".len();
        if start > word {
            let is_end = |character: char| character.is_whitespace() || character.is_control();
            word = text[start..].find(is_end).map_or(text.len(), |at| start + at);
        }
        // In the path of a URL there may be another one, which ends where that does.
        if start >= whole {
            limit = boundary(text, word.min(start + LONGEST));
            whole = end_of_url(text, start, limit);
            (end, query) = (start, start);
        }
        let scheme = start_of_scheme(text, colon)..colon;
        let part = |kind, place: Range<usize>| Part { kind, place, scheme: scheme.clone() };
        let body = start + end_of_credentials(&text[start..whole]).map_or(0, |at| at + 1);
        if start < body {
            parts.push(part(Kind::Credentials, start..body));
        }
        if end <= body || query < body {
            end = body + end_of_syntax(&text[body..whole]);
            query = text[body..end].find(['?', '#']).map_or(end, |at| body + at);
        }
        if let Some(at) = text[body..query].find("://") {
            from = body + at;
            continue;
        }
        from = end;
        if query == end {
            continue;
        }
        // What is too long for a URL is hidden to the end of the word.
        end = if end == limit { word } else { end };
        from = end;
        let fragment = text[query..end].find('#').map_or(end, |at| query + at);
        if query < fragment {
            parts.push(part(Kind::Query, query + 1..fragment));
        }
        if fragment < end {
            parts.push(part(Kind::Fragment, fragment + 1..end));
        }
    }
    parts
}

/// The end of a character at `at` or before.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

fn is_in_scheme(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+-.".contains(character)
}

/// Where the scheme begins that ends at `colon`.
fn start_of_scheme(text: &str, colon: usize) -> usize {
    let first = boundary(text, colon.saturating_sub(LONGEST_SCHEME));
    first + text[first..colon].trim_end_matches(is_in_scheme).len()
}

/// The latest end of the URL that begins at `start`: `limit`, or the start of the next URL in a list.
fn end_of_url(text: &str, start: usize, limit: usize) -> usize {
    let next = text[start..limit].match_indices("://").map(|(at, _)| start_of_scheme(text, start + at));
    let next = next.filter(|scheme| *scheme > start).find_map(|scheme| {
        let before = &text[start..scheme];
        // Indexes have names: `one=https://…,two=https://…`
        let is_name = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let named = before.strip_suffix('=').map(|before| before.trim_end_matches(is_name));
        let is_listed = |before: &&str| before.ends_with(AROUND);
        let before = Some(before).filter(is_listed).or_else(|| named.filter(is_listed));
        before.map(|before| start + before.len())
    });
    next.unwrap_or(limit)
}

/// The end of a URL without the punctuation of the surrounding text: quotes, brackets, a full stop.
fn end_of_syntax(rest: &str) -> usize {
    let end = rest.find(['"', '<', '>', '`']).unwrap_or(rest.len());
    rest[..end].trim_end_matches(['.', ',', ';', ':', '!', ')', ']', '}', '\'', '\\', '|']).len()
}
