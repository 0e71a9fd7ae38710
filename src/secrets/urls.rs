//! URLs in texts: where their secrets stand, and the text without them.
//!
//! A text may hold any number of URLs, one behind the other or inside of each other, as variables, requirements, messages
//! of tools and lines of logs do. There are two ways to take their secrets out:
//!
//! - [`without_credentials`] is for what *decides*: user names, passwords, tokens and signatures go, because another one
//!   of them gets the same file. All else stays as it is, to the byte.
//! - [`clean`] is for what people and files get to *see*: it also hides the values of all other parameters, and what
//!   stands behind `#`. Nobody can know which of them is a secret.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::facts;

/// In the place of what is hidden.
const HIDDEN: &str = "***";
/// As many bytes are looked through for the credentials of one URL and for the next one: tokens have some thousands.
const LONGEST: usize = 16 * 1024;
/// As many bytes a scheme has at most.
const LONGEST_SCHEME: usize = 64;
/// What may stand between two URLs of a list.
const AROUND: &[char] = &[',', ';', '|', '(', ')', '[', ']', '{', '}', '<', '>', '"', '\'', '`'];
const MOST_ROUNDS: usize = 8;
/// Behind so many `?` and `#` of URLs inside of each other nothing is looked at any more.
const DEEPEST: usize = 8;
/// Names behind `#` that say which file or which part of it is meant (<https://peps.python.org/pep-0508/>,
/// <https://packaging.python.org/en/latest/specifications/direct-url/>, <https://pip.pypa.io/en/stable/topics/vcs-support/>).
const SHOWN_IN_FRAGMENTS: &[&str] =
    &["egg", "subdirectory", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "lfs"];
/// Before the number of a comment in GitHub's links, which a summary and an output have.
const COMMENT: &str = "issuecomment-";
/// What may stand behind a URL in a list, and in brackets.
const BEHIND: &[char] = &[',', ';', '|', ')', ']', '}', '\''];
/// Names of users that are nobody's (<https://git-scm.com/docs/git-clone#_git_urls>).
const USERS_OF_ALL: &[&str] = &["git", "hg", "svn"];

/// `user:password@host` that no scheme stands before. A version is no host, and a digest none either.
static WITHOUT_SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    let host = r"\[[0-9a-fA-F:.]+\]|(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}|(?:[0-9]{1,3}\.){3}[0-9]{1,3}|localhost|[A-Za-z][A-Za-z0-9-]*(?::[0-9]{1,5})?/";
    let pattern = format!(r#"(?:^|[\s"'`<>,;|=(\[{{/])([^\s"'`<>,;|=()\[\]{{}}/:@]+:[^\s"'`<>/@]+@)(?:{host})"#);
    Regex::new(&pattern).expect("is a pattern")
});

/// What a part of a URL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `user:password@`
    Credentials,
    /// What follows `?`.
    Query,
    /// What follows `#`.
    Fragment,
}

/// A part of a URL that may have to go, in bytes of the text.
#[derive(Clone, Debug)]
struct Part {
    kind: Kind,
    place: Range<usize>,
    /// Of the URL.
    scheme: Range<usize>,
}

/// Where user and password end in what follows `://`, if there are any.
pub(crate) fn end_of_credentials(rest: &str) -> Option<usize> {
    let ends = |ends: &[char]| rest.find(ends).unwrap_or(rest.len());
    let authority = &rest[..ends(&['/', '?', '#', ' ', '"', '<', '>', '`'])];
    // A password with a slash in it as it is, which makes the URL invalid, is a password none the less.
    let is_cut = || {
        let port = authority.split_once(':').map(|(_, port)| port).filter(|_| !authority.starts_with('['));
        port.is_some_and(|port| port.bytes().any(|byte| !byte.is_ascii_digit()))
    };
    authority.rfind('@').or_else(|| if is_cut() { rest[..ends(&[' '])].rfind('@') } else { None })
}

/// A text without the credentials of its URLs, fit to be hashed and compared.
pub fn without_credentials(text: &str) -> String {
    without_credentials_below(text, DEEPEST)
}

fn without_credentials_below(text: &str, depth: usize) -> String {
    replaced(text, |part| {
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

/// A text without anything in its URLs that may be a secret, fit to be stored and shown.
pub fn clean(text: &str) -> String {
    let mut cleaned = text.to_owned();
    // What is left may be a URL with a secret again, as of `a@b@host`.
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
    let cleaned = replaced(text, |part| {
        let piece = &text[part.place.clone()];
        match part.kind {
            Kind::Credentials if is_ssh(text, part) && USERS_OF_ALL.contains(&piece.trim_end_matches('@')) => None,
            Kind::Credentials => Some(String::new()),
            Kind::Query | Kind::Fragment if piece.is_empty() => None,
            Kind::Query => Some(HIDDEN.to_owned()),
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

/// User names with passwords of all URLs in a text, as written; of a user alone the password is empty.
pub(super) fn credentials_in(text: &str) -> Vec<(&str, &str)> {
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
pub(super) fn places_with_credentials_in(text: &str) -> impl Iterator<Item = String> {
    let parts = parts(text).into_iter().filter(|part| part.kind == Kind::Credentials);
    parts.map(|part| place(&text[part.place.end..]))
}

/// Host and path at the start of a text, without a revision, `.git` and what names of git's settings end with.
pub(super) fn place(rest: &str) -> String {
    let is_end =
        |character: char| character.is_whitespace() || AROUND.contains(&character) || "@?#".contains(character);
    let place = rest.split(is_end).next().unwrap_or_default();
    let ends = ["insteadOf", "insteadof", "pushInsteadOf", "extraHeader", "extraheader"];
    let place = place.rsplit_once('.').filter(|(_, end)| ends.contains(end)).map_or(place, |(place, _)| place);
    let place = place.trim_end_matches('/');
    place.strip_suffix(".git").unwrap_or(place).to_lowercase()
}

/// Values of parameters in the URLs of a text that are secrets by their names, as written.
pub(super) fn secret_values_in(text: &str) -> Vec<&str> {
    let parts = parts(text).into_iter().filter(|part| part.kind != Kind::Credentials);
    let pieces = parts.flat_map(|part| text[part.place].split('&'));
    let values = pieces.filter_map(|piece| piece.split_once('=').filter(|(name, _)| is_secret(name)));
    values.map(|(_, value)| &value[..end_of_value(value)]).collect()
}

fn is_ssh(text: &str, part: &Part) -> bool {
    text[part.scheme.clone()].ends_with("ssh")
}

/// The text with another one in place of each part for which there is one.
fn replaced(text: &str, replacement: impl Fn(&Part) -> Option<String>) -> String {
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

/// The parts of all URLs in a text, in their order.
fn parts(text: &str) -> Vec<Part> {
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
        // One that is too long to be one is hidden to its end.
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

/// Where at the latest a URL ends that begins at `start`: at `limit`, or where the next one begins in a list of them.
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

/// The same without what is of the text around it: quotes, brackets, the end of a sentence.
fn end_of_syntax(rest: &str) -> usize {
    let end = rest.find(['"', '<', '>', '`']).unwrap_or(rest.len());
    rest[..end].trim_end_matches(['.', ',', ';', ':', '!', ')', ']', '}', '\'', '\\', '|']).len()
}

/// Where the value of a parameter ends at the latest: a list may go on behind it.
fn end_of_value(value: &str) -> usize {
    value.find(BEHIND).unwrap_or(value.len())
}

fn is_secret(name: &str) -> bool {
    is_among(name, &facts::secrets().url_parameters.secrets)
}

fn is_among(name: &str, names: &[String]) -> bool {
    names.iter().any(|known| name.len() == known.len() && name.replace('-', "_").eq_ignore_ascii_case(known))
}

/// `None` if there is none among them.
fn without_secret_parameters(parameters: &str) -> Option<String> {
    let name = |piece: &str| piece.split_once('=').map_or("", |(name, _)| name).to_owned();
    if !parameters.split('&').any(|piece| is_secret(&name(piece))) {
        return None;
    }
    // Whoever signs a URL writes into it for whom, from when and for how long.
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

/// Names go as well, as what has none looks like one.
fn shown_of_fragment(fragment: &str) -> String {
    if fragment.strip_prefix(COMMENT).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
        return fragment.to_owned();
    }
    let is_plain = |value: &str| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+/%,[]".contains(&byte));
    let is_shown = |piece: &&str| {
        piece.split_once('=').is_some_and(|(name, value)| SHOWN_IN_FRAGMENTS.contains(&name) && is_plain(value))
    };
    let (shown, hidden): (Vec<&str>, Vec<&str>) = fragment.split('&').partition(is_shown);
    shown.into_iter().chain((!hidden.is_empty()).then_some(HIDDEN)).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn subjects_of_github_tokens_stay() {
        // With numbers of owner and repository: docs.github.com, "Immutable subject claims".
        let subject = "repo:acme@71/layers@72:environment:production";
        assert_eq!(clean(subject), subject);
        assert_eq!(clean("me:s3cret@db/x"), "db/x");
    }

    /// It would take a minute if each of them was looked into anew, or end the program for its depth.
    #[test]
    fn urls_inside_of_each_other_are_looked_into_to_a_bound() {
        let text = "git+https://u:s3cret@h/x@y#egg=z".repeat(20_000);
        assert!(!without_credentials(&text).contains("s3cret") && !clean(&text).contains("s3cret"));
        assert!(credentials_in(&text).len() <= 2 * (DEEPEST + 1));
    }

    #[test]
    fn links_to_comments_stay() {
        let link = "https://github.com/o/r/pull/7#issuecomment-99";
        assert_eq!(clean(link), link);
        assert_eq!(clean("https://h/#issuecomment-s3cret"), "https://h/#***");
    }

    #[test]
    fn credentials_are_cut_out_of_urls() {
        for (text, expected) in [
            ("https://user:p%40ss@host/simple/", "https://host/simple/"),
            ("https://host/a@b", "https://host/a@b"),
            ("git+ssh://git@host/x.git@v1", "git+ssh://git@host/x.git@v1"),
            ("ssh://me:s3cret@host/x", "ssh://host/x"),
            ("https://user:p/ss@host/x", "https://host/x"),
            ("https://user:p\"ss@host/x", "https://host/x"),
            ("https://host:8080/a@b", "https://host:8080/a@b"),
            ("pkg @ https://token@host/x.whl", "pkg @ https://host/x.whl"),
            ("http://u:first@h/,http://u:second@h/", "http://h/,http://h/"),
            ("http://u:first@h http://u:second@[::1]:80/x", "http://h http://[::1]:80/x"),
            ("a=http://u:one@h,b=http://u:t,wo@h/", "a=http://h,b=http://h/"),
            ("[x](https://u:p@h/) <https://t@h>, 'https://t@h/'", "[x](https://h/) <https://h>, 'https://h/'"),
            ("https://one@web/https://two@h/", "https://web/https://h/"),
            ("https://h/x.whl?token=abc#sha256=00", "https://h/x.whl#sha256=00"),
            ("https://h/x.whl?v=2&Access-Token=abc&w=3", "https://h/x.whl?v=2&w=3"),
            ("https://h/?sv=2024&se=2026&sr=b&sig=abc%3D https://h/?se=2026", "https://h/ https://h/?se=2026"),
            ("https://h/?X-Amz-Date=1&X-Amz-Signature=00&versionId=7", "https://h/?versionId=7"),
            ("http://h/?token=abc,/wheels", "http://h/,/wheels"),
            ("https://h/?to=https://u:p@h/", "https://h/?to=https://h/"),
            ("https://h/x?version=2#egg=x", "https://h/x?version=2#egg=x"),
        ] {
            assert_eq!(without_credentials(text), expected, "{text}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (text, expected) in [
            ("https://h/x?version=2&s3cret#egg=x&subdirectory=a/b", "https://h/x?***#egg=x&subdirectory=a/b"),
            ("(see https://h/?a=b), and https://h/?c2VjcmV0==.", "(see https://h/?***), and https://h/?***."),
            ("\"https://h/?a=b\",\"me@host\"", "\"https://h/?***\",\"me@host\""),
            ("https://h/#s3cret https://h/#access_token=x&sha256=00", "https://h/#*** https://h/#sha256=00&***"),
            ("https://h/?to=https://u:p@h/&x=1", "https://h/?***"),
            ("ssh://git@h/a ssh://ghp_abc@h/a ssh://h/a", "ssh://git@h/a ssh://h/a ssh://h/a"),
            ("user:s3cret@host.example/x, //u:p@[::1]/", "host.example/x, //[::1]/"),
            (
                "mailto:me@host.org me@host.org git@github.com:a/b.git pkg:1@2",
                "mailto:me@host.org me@host.org git@github.com:a/b.git pkg:1@2",
            ),
            ("python:3.13@sha256:0123 and a/b:1@c", "python:3.13@sha256:0123 and a/b:1@c"),
        ] {
            assert_eq!(clean(text), expected, "{text}");
        }
    }

    #[test]
    fn long_texts_are_read_to_their_end() {
        let secret = "s3".repeat(50_000);
        assert_eq!(clean(&format!("http://h/?token={secret} http://h/#{secret}")), "http://h/?*** http://h/#***");
        let token = "s3".repeat(5_000);
        assert_eq!(clean(&format!("http://u:{token}@h {token}")), format!("http://h {token}"));
        for text in ["x://", "x://a@", "x://a/?b=c,", "x://a:b@c,", "x", "a:b@c.de "] {
            let long = text.repeat(100_000);
            assert!(clean(&long).len() <= long.len(), "{text}");
        }
    }

    /// A URL with a secret, and what is shown of it.
    fn url() -> impl Strategy<Value = (String, String)> {
        let scheme = prop::sample::select(vec!["http", "https", "git+https", "ssh", "git+ssh", "ftp", "hg+http"]);
        let host =
            prop::sample::select(vec!["h", "host.example", "[::1]", "[2001:db8::1]:8443", "127.0.0.1:80", "h:8080"]);
        let secret = "s3cr3t[A-Za-z0-9._~!$*+-]{0,9}(%40|%2F|%3A|%23|%2C|%22|%5D){0,3}[A-Za-z0-9]{1,5}";
        let form = 0..9_usize;
        (scheme, host, secret, form).prop_map(|(scheme, host, secret, form)| {
            let (given, shown) = match form {
                0 => (format!("user:{secret}@{host}/simple/"), format!("{host}/simple/")),
                1 => (format!("{secret}@{host}/a.git@v1"), format!("{host}/a.git@v1")),
                2 => (format!("{secret}:@{host}"), host.to_owned()),
                3 => (format!("{secret}:x-oauth-basic@{host}/a"), format!("{host}/a")),
                4 => (format!("{host}/a.whl?token={secret}"), format!("{host}/a.whl?***")),
                5 => (format!("{host}/?v=1&X-Amz-Signature={secret}&x"), format!("{host}/?***")),
                6 => (format!("u:{secret}@{host}/a?sig={secret}#egg=a"), format!("{host}/a?***#egg=a")),
                7 => (format!("{host}/a#{secret}"), format!("{host}/a#***")),
                _ => (format!(":{secret}@{host}/#access_token={secret}"), format!("{host}/#***")),
            };
            (format!("{scheme}://{given}"), format!("{scheme}://{shown}"))
        })
    }

    fn between() -> impl Strategy<Value = &'static str> {
        let texts = [
            " ", ",", ", ", "\n", "\" \"", "','", "](", ")(", "> <", "`, `", " pkg @ ", ",b=", "=", ";", "}{", "|",
            " -i ", "\t", "', '",
        ];
        prop::sample::select(texts.to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn no_secret_of_any_url_stays(urls in prop::collection::vec((url(), between()), 1..6), before in "[a-z \"(<=,]{0,6}") {
            let text: String = urls.iter().flat_map(|((given, _), between)| [given.as_str(), between]).collect();
            let text = format!("{before}{text}");
            let cleaned = clean(&text);
            prop_assert!(!cleaned.contains("s3cr3t"), "{text} → {cleaned}");
            prop_assert_eq!(clean(&cleaned), cleaned.clone());
            prop_assert_eq!(clean(&without_credentials(&text)).contains("s3cr3t"), false);
            // Between blanks all else stays.
            if urls.iter().all(|(_, between)| between.contains(char::is_whitespace)) {
                let shown: String = urls.iter().flat_map(|((_, shown), between)| [shown.as_str(), between]).collect();
                prop_assert_eq!(cleaned, format!("{before}{shown}"), "{}", text);
            }
        }

        #[test]
        fn texts_without_secrets_stay(text in "([a-z]{1,5}(://|:|/|@| |,|==|\\.|#egg=|\\[|\\])){0,8}") {
            let kept = without_credentials(&text);
            prop_assert!(kept == text || text.contains('@'), "{text} → {kept}");
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,40}", more in "[:/@?#&=,a\\[\\]% \"]{0,40}") {
            for text in [format!("{text}{more}"), format!("x://{more}{text}")] {
                prop_assert_eq!(clean(&clean(&text)), clean(&text));
                without_credentials(&text);
                let _ = (credentials_in(&text), secret_values_in(&text));
            }
        }
    }
}
