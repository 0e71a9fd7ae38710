//! Collects the secrets that the URLs of a text contain.

use super::parameters::{end_of_value, is_secret};
use super::parts::{Kind, parts};
use super::{AROUND, DEEPEST};

/// User names with passwords of all URLs in a text, as written; of a user alone the password is empty.
pub(in crate::secrets) fn credentials_in(text: &str) -> Vec<(&str, &str)> {
    credentials_below(text, DEEPEST)
}

fn credentials_below(text: &str, depth: usize) -> Vec<(&str, &str)> {
    let found = parts(text).into_iter().flat_map(|part| match part.kind {
        Kind::Credentials => {
            let credentials = &text[part.place.start..part.place.end - 1];
            vec![credentials.split_once(':').unwrap_or((credentials, ""))]
        }
        Kind::Query | Kind::Fragment if depth == 0 => Vec::new(),
        Kind::Query | Kind::Fragment => credentials_below(&text[part.place], depth - 1),
    });
    found.collect()
}

/// What stands behind the credentials of all URLs in a text, as [`place`] has it.
pub(in crate::secrets) fn places_with_credentials_in(text: &str) -> impl Iterator<Item = String> {
    let parts = parts(text).into_iter().filter(|part| part.kind == Kind::Credentials);
    parts.map(|part| place(&text[part.place.end..]))
}

/// Host and path at the start of a text, without a revision, `.git` and what names of git's settings end with.
pub(in crate::secrets) fn place(rest: &str) -> String {
    let is_end =
        |character: char| character.is_whitespace() || AROUND.contains(&character) || "@?#".contains(character);
    let place = rest.split(is_end).next().unwrap_or_default();
    let ends = ["insteadOf", "insteadof", "pushInsteadOf", "extraHeader", "extraheader"];
    let place = place.rsplit_once('.').filter(|(_, end)| ends.contains(end)).map_or(place, |(place, _)| place);
    let place = place.trim_end_matches('/');
    place.strip_suffix(".git").unwrap_or(place).to_lowercase()
}

/// Values of parameters in the URLs of a text that are secrets by their names, as written.
pub(in crate::secrets) fn secret_values_in(text: &str) -> Vec<&str> {
    let parts = parts(text).into_iter().filter(|part| part.kind != Kind::Credentials);
    let pieces = parts.flat_map(|part| text[part.place].split('&'));
    let values = pieces.filter_map(|piece| piece.split_once('=').filter(|(name, _)| is_secret(name)));
    values.map(|(_, value)| &value[..end_of_value(value)]).collect()
}
