//! The encodings in which a secret may appear in a log, a header or a file.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// What RFC 3986 never encodes, and so `quote(…, safe="")` of Python.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// `quote(…)` of Python.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');
/// `encodeURIComponent` of JavaScript.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');

/// As it is, in a URL by the usual encoders, and in JSON.
pub(super) fn plain(secret: &str) -> BTreeSet<String> {
    let mut spellings = BTreeSet::from([secret.to_owned()]);
    for set in [NON_ALPHANUMERIC, UNRESERVED, PATH, COMPONENT] {
        let encoded = utf8_percent_encode(secret, set).to_string();
        spellings.insert(with_lower_case_escapes(&encoded));
        spellings.insert(encoded);
    }
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    spellings.insert(form);
    let mut url = Url::parse("http://host").expect("is a URL");
    if url.set_password(Some(secret)).is_ok() {
        spellings.extend(url.password().map(str::to_owned));
    }
    let json = serde_json::Value::from(secret).to_string();
    spellings.insert(json[1..json.len() - 1].to_owned());
    spellings.retain(|spelling| !spelling.is_empty());
    spellings
}

fn with_lower_case_escapes(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at(2);
        format!("{text}%{}{rest}", digits.to_lowercase())
    })
}

/// `user:secret` as a header has it, in both alphabets, with padding and without.
pub(super) fn basic(user: &str, secret: &str) -> BTreeSet<String> {
    let pair = format!("{user}:{secret}");
    let padded = [STANDARD.encode(&pair), URL_SAFE.encode(&pair)];
    let bare = padded.clone().map(|text| text.trim_end_matches('=').to_owned());
    padded.into_iter().chain(bare).collect()
}

/// The Base64 of anything that holds the secret has one of these in it: three bytes are four characters, so there are
/// three ways to begin, each less the characters at both ends that depend on what stands beside the secret.
pub(super) fn inside_base64(secret: &str) -> BTreeSet<String> {
    let ways = (0..3_usize).flat_map(|before| {
        let bytes = [&vec![0; before], secret.as_bytes()].concat();
        let (start, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)].map(|text| text[start..end.max(start)].to_owned())
    });
    ways.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn encoders_differ_in_what_they_leave() {
        let spellings = plain("p@ss/wörd+%(\"");
        for spelling in [
            "p@ss/wörd+%(\"",
            "p%40ss%2Fw%C3%B6rd%2B%25%28%22",
            "p%40ss%2fw%c3%b6rd%2b%25%28%22",
            "p%40ss/w%C3%B6rd%2B%25%28%22",
            "p%40ss%2Fw%C3%B6rd%2B%25(%22",
            "p@ss/wörd+%(\\\"",
        ] {
            assert!(spellings.contains(spelling), "{spelling} is not in {spellings:?}");
        }
        assert_eq!(plain("abc123"), ["abc123".to_owned()].into());
    }

    #[test]
    fn headers_come_with_padding_and_without() {
        let expected = ["dTrDv8O/w78=", "dTrDv8O/w78", "dTrDv8O_w78=", "dTrDv8O_w78"].map(str::to_owned);
        assert_eq!(basic("u", "ÿÿÿ"), expected.into());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn whatever_stands_beside_it(before in ".{0,9}", secret in ".{8,40}", after in ".{0,9}") {
            let text = format!("{before}{secret}{after}");
            let ways = inside_base64(&secret);
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                prop_assert!(ways.iter().any(|way| encoded.contains(way)));
            }
            prop_assert!(ways.iter().all(|way| way.len() >= 9));
        }
    }
}
