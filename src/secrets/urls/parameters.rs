//! Parameters of a query or a fragment: which are secrets, and the others without them.

use std::sync::LazyLock;

use regex::Regex;

use super::{BEHIND, HIDDEN};
use crate::facts;

/// Names behind `#` that say which file or which part of it is meant (<https://peps.python.org/pep-0508/>,
/// <https://packaging.python.org/en/latest/specifications/direct-url/>,
/// <https://pip.pypa.io/en/stable/topics/vcs-support/>).
const SHOWN_IN_FRAGMENTS: &[&str] =
    &["egg", "subdirectory", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "lfs"];

/// Prefix of a comment's number in GitHub's links, which appear in the summary and in an output.
const COMMENT: &str = "issuecomment-";

/// A line in the changes of a pull request: the digest of a file's path, and its number.
static LINE: LazyLock<Regex> = LazyLock::new(|| Regex::new("^diff-[0-9a-f]{64}R[0-9]{1,9}$").expect("is a pattern"));

/// The latest end of a parameter's value, in bytes: a list may continue after it.
pub(super) fn end_of_value(value: &str) -> usize {
    value.find(BEHIND).unwrap_or(value.len())
}

pub(super) fn is_secret(name: &str) -> bool {
    is_among(name, &facts::secrets().url_parameters.secrets)
}

fn is_among(name: &str, names: &[String]) -> bool {
    names.iter().any(|known| name.len() == known.len() && name.replace('-', "_").eq_ignore_ascii_case(known))
}

/// `None` if none of the parameters is a secret.
pub(super) fn without_secret_parameters(parameters: &str) -> Option<String> {
    let name = |piece: &str| piece.split_once('=').map_or("", |(name, _)| name).to_owned();
    if !parameters.split('&').any(|piece| is_secret(&name(piece))) {
        return None;
    }
    // A signature comes with parameters for its identity, date and lifetime.
    let goes = |piece: &str| is_secret(&name(piece)) || is_among(&name(piece), &facts::secrets().url_parameters.signed);
    let mut kept = String::new();
    for piece in parameters.split('&') {
        let piece = if goes(piece) {
            let value = piece.find('=').map_or(piece.len(), |at| at + 1);
            &piece[value + end_of_value(&piece[value..])..]
        } else {
            piece
        };
        let is_next = !kept.is_empty() && !piece.is_empty() && !piece.starts_with(BEHIND);
        kept.push_str(if is_next { "&" } else { "" });
        kept.push_str(piece);
    }
    Some(kept)
}

/// Hides names as well: a secret without a name looks like one.
pub(super) fn shown_of_fragment(fragment: &str) -> String {
    let is_comment =
        fragment.strip_prefix(COMMENT).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    if is_comment || LINE.is_match(fragment) {
        return fragment.to_owned();
    }
    let is_plain = |value: &str| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+/%,[]".contains(&byte));
    let is_shown = |piece: &&str| {
        piece.split_once('=').is_some_and(|(name, value)| SHOWN_IN_FRAGMENTS.contains(&name) && is_plain(value))
    };
    let (shown, hidden): (Vec<&str>, Vec<&str>) = fragment.split('&').partition(is_shown);
    shown.into_iter().chain((!hidden.is_empty()).then_some(HIDDEN)).collect::<Vec<_>>().join("&")
}
