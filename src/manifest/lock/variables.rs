//! Fills in variables in the URLs of indexes, as Pipenv and PDM write them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::environment::Environment;
use crate::secrets::end_of_credentials;

/// A URL with its variables filled in. Users and passwords are percent-encoded, as Pipenv and PDM do.
pub(super) fn filled_in(url: &str, environment: &Environment) -> String {
    let place = |value: &str| value.to_owned();
    let Some((scheme, rest)) = url.split_once("://") else { return expand(url, environment, place) };
    let (credentials, rest) = rest.split_at(end_of_credentials(rest).unwrap_or_default());
    // One variable may contain both user and password.
    let is_both = !credentials.contains(':');
    let encoded = |value: &str| {
        let parts: Vec<&str> = if is_both { value.splitn(2, ':').collect() } else { vec![value] };
        let parts = parts.into_iter().map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
        parts.collect::<Vec<_>>().join(":")
    };
    format!("{scheme}://{}{}", expand(credentials, environment, encoded), expand(rest, environment, place))
}

/// Replaces `${NAME}` and `$NAME` by the variables' values in the form that `written` gives them. Unset ones stay.
fn expand(text: &str, environment: &Environment, written: impl Fn(&str) -> String) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        expanded.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let braced = after.strip_prefix('{').and_then(|braced| braced.split_once('}'));
        let bare = after.find(|character| !is_name(character)).unwrap_or(after.len());
        let (name, length) = braced.map_or((&after[..bare], bare), |(name, _)| (name, name.len() + 2));
        let value = environment.get(name).filter(|_| !crate::environment::is_hidden(name));
        expanded.push_str(&value.map_or_else(|| rest[start..=start + length].to_owned(), &written));
        rest = &after[length..];
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    #[test]
    fn variables_of_urls_are_filled_in() {
        let variables = [("PASS", "s3/cr%t"), ("BOTH", "me:a@b"), ("HOST", "h:80/x")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::new(variables.into(), Utf8PathBuf::new());
        for (written, expected) in [
            ("https://u%40x:${PASS}@h/$NONE/x", "https://u%40x:s3%2Fcr%25t@h/$NONE/x"),
            ("https://u:$PASS@h/${", "https://u:s3%2Fcr%25t@h/${"),
            ("https://${BOTH}@${HOST}", "https://me:a%40b@h:80/x"),
            ("https://${HOST}/simple", "https://h:80/x/simple"),
        ] {
            assert_eq!(filled_in(written, &environment), expected);
        }
    }
}
