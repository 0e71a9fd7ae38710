//! Removes secrets from the URLs of a text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::parameters::{shown_of_fragment, without_secret_parameters};
use super::parts::{Kind, Part, parts};
use super::{BEHIND, DEEPEST, HIDDEN};

const MOST_ROUNDS: usize = 8;

/// User names that identify nobody (<https://git-scm.com/docs/git-clone#_git_urls>).
const USERS_OF_ALL: &[&str] = &["git", "hg", "svn"];

/// `user:password@host` that no scheme stands before. A version is no host, and a digest none either.
static WITHOUT_SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    let host = r"\[[0-9a-fA-F:.]+\]|(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|localhost|[A-Za-z][A-Za-z0-9-]*(?::[0-9]{1,5})?/";
    let pattern = format!(r#"(?:^|[\s"'`<>,;|=(\[{{/])([^\s"'`<>,;|=()\[\]{{}}/:@]+:[^\s"'`<>/@]+@)(?:{host})"#);
    Regex::new(&pattern).expect("is a pattern")
});

/// Removes the credentials from the URLs of a text, so that it can be hashed and compared.
pub fn without_credentials(text: &str) -> String {
    without_credentials_below(text, DEEPEST)
}

fn without_credentials_below(text: &str, depth: usize) -> String {
    replace_parts(text, |part| {
        let piece = &text[part.place.clone()];
        match part.kind {
            // `git+ssh://git@host` names a user and no secret.
            Kind::Credentials if is_ssh(text, part) && !piece.contains(':') => None,
            Kind::Credentials => Some(String::new()),
            Kind::Query | Kind::Fragment if depth == 0 => Some(HIDDEN.to_owned()),
            Kind::Query | Kind::Fragment => {
                let inner = without_credentials_below(piece, depth - 1);
                without_secret_parameters(&inner).or_else(|| (inner != piece).then_some(inner))
            }
        }
    })
}

/// Removes everything from the URLs of a text that may be a secret, so that it can be stored and shown.
pub fn clean(text: &str) -> String {
    let mut cleaned = text.to_owned();
    // What remains may be a URL with a secret again, as in `a@b@host`.
    for _ in 0..MOST_ROUNDS {
        let again = cleaned_once(&cleaned);
        if again == cleaned {
            break;
        }
        cleaned = again;
    }
    cleaned
}

fn cleaned_once(text: &str) -> String {
    if !text.contains("://") && !text.contains('@') {
        return text.to_owned();
    }
    let cleaned = replace_parts(text, |part| {
        let piece = &text[part.place.clone()];
        match part.kind {
            Kind::Credentials if is_ssh(text, part) && USERS_OF_ALL.contains(&piece.trim_end_matches('@')) => None,
            Kind::Credentials => Some(String::new()),
            Kind::Query | Kind::Fragment if piece.is_empty() => None,
            Kind::Query => Some(HIDDEN.to_owned()),
            Kind::Fragment if is_finding(&text[..part.place.start], piece) => None,
            Kind::Fragment => Some(shown_of_fragment(piece)),
        }
    });
    if !cleaned.contains('@') {
        return cleaned;
    }
    let mut shown = String::with_capacity(cleaned.len());
    let mut end = 0;
    while let Some(found) = WITHOUT_SCHEME.captures_at(&cleaned, end).and_then(|found| found.get(1)) {
        let is_address = found.as_str().starts_with("mailto:");
        shown.push_str(&cleaned[end..if is_address { found.end() } else { found.start() }]);
        end = found.end();
    }
    shown + &cleaned[end..]
}

/// Links from findings to their section in this program's documentation appear in summaries and comments.
fn is_finding(before: &str, fragment: &str) -> bool {
    before.ends_with("/docs/findings.md#") && fragment.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_ssh(text: &str, part: &Part) -> bool {
    text[part.scheme.clone()].ends_with("ssh")
}

/// Replaces each part of the URLs for which `replacement` returns a text.
fn replace_parts(text: &str, replacement: impl Fn(&Part) -> Option<String>) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut end = 0;
    for part in parts(text) {
        let Some(new) = replacement(&part) else { continue };
        let Range { start, .. } = part.place;
        whole.push_str(&text[end..start]);
        // Without parameters there is no `?` either.
        if part.kind != Kind::Credentials && (new.is_empty() || new.starts_with(BEHIND)) {
            whole.pop();
        }
        whole.push_str(&new);
        end = part.place.end;
    }
    whole + &text[end..]
}
