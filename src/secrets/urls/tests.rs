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
    let line = format!("https://github.com/o/r/pull/7/files#diff-{}R12", "0a".repeat(32));
    assert_eq!(clean(&line), line);
    assert_eq!(clean(&format!("{line}-s3cret")), "https://github.com/o/r/pull/7/files#***");
}

#[test]
fn links_to_the_sections_of_findings_stay() {
    let link = "[glibc-too-new](https://github.com/o/r/blob/v1/docs/findings.md#glibc-too-new)";
    assert_eq!(clean(link), link);
    assert_eq!(clean("https://h/docs/findings.md#s3cret"), "https://h/docs/findings.md#***");
    assert_eq!(clean("https://h/findings.md#glibc-too-new"), "https://h/findings.md#***");
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
    let host = prop::sample::select(vec!["h", "host.example", "[::1]", "[2001:db8::1]:8443", "127.0.0.1:80", "h:8080"]);
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
        " ", ",", ", ", "\n", "\" \"", "','", "](", ")(", "> <", "`, `", " pkg @ ", ",b=", "=", ";", "}{", "|", " -i ",
        "\t", "', '",
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
