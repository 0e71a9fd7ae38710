//! Finds credentials by their formats, which are in `data/secrets.yml`.

use std::sync::LazyLock;

use camino::Utf8Path;
use regex::bytes::{Regex, RegexSet};

use super::{Leak, is_placeholder, line};
use crate::facts;

/// The largest text that is searched, in bytes; larger ones are data.
const LARGEST: usize = 4 * 1024 * 1024;
/// How far apart the two halves of a credential may be, in bytes.
const NEAR: usize = 300;

struct Formats {
    /// The patterns of all `rules`, in the same order.
    all: RegexSet,
    rules: Vec<Rule>,
    files: Vec<File>,
}

struct Rule {
    /// `None` for a private key.
    kind: Option<&'static str>,
    pattern: Regex,
    near: Option<Regex>,
    has_checksum: bool,
}

struct File {
    kind: &'static str,
    paths: &'static [String],
    holds: Option<Regex>,
}

static FORMATS: LazyLock<Formats> = LazyLock::new(|| {
    let facts = facts::secrets();
    let keys = facts.private_keys.iter().map(|pattern| (None, pattern, None, false));
    let tokens = facts.tokens.iter();
    let tokens = tokens.map(|token| (Some(token.kind.as_str()), &token.pattern, token.near.as_deref(), token.checksum));
    let rules = keys.chain(tokens).map(|(kind, pattern, near, has_checksum)| Rule {
        kind,
        pattern: regex(pattern),
        near: near.map(regex),
        has_checksum,
    });
    let rules: Vec<Rule> = rules.collect();
    let files = facts.files.iter().map(|file| File {
        kind: &file.kind,
        paths: &file.paths,
        holds: file.holds.as_deref().map(regex),
    });
    let all = RegexSet::new(rules.iter().map(|rule| rule.pattern.as_str())).expect("each of them is one");
    Formats { all, files: files.collect(), rules }
});

/// Matches bytes instead of Unicode characters.
fn regex(pattern: &str) -> Regex {
    Regex::new(&format!("(?-u){pattern}")).expect("the data files are checked by a test")
}

/// The first private key or token in a text.
pub(super) fn in_text(text: &[u8]) -> Option<Leak> {
    if text.len() > LARGEST {
        return None;
    }
    FORMATS.all.matches(text).into_iter().find_map(|index| {
        let rule = &FORMATS.rules[index];
        let found = rule.pattern.find_iter(text).find(|found| rule.is_real(text, found.start(), found.end()))?;
        let line = line(text, found.start());
        Some(rule.kind.map_or(Leak::PrivateKey { line, is_certain: true }, |kind| Leak::Token { kind, line }))
    })
}

/// Recognises files in which programs keep credentials.
pub(super) fn by_name(path: &Utf8Path, text: &[u8], is_own: bool) -> Option<Leak> {
    let is_named = |file: &&File| file.paths.iter().any(|end| path.ends_with(end));
    let file = FORMATS.files.iter().find(is_named)?;
    let is_held = file.holds.as_ref().is_none_or(|holds| {
        holds
            .captures_iter(text)
            .any(|found| found.get(1).is_none_or(|value| !is_placeholder(&String::from_utf8_lossy(value.as_bytes()))))
    });
    let is_certain = is_own && file.holds.is_some();
    is_held.then_some(Leak::File { kind: file.kind, is_certain })
}

impl Rule {
    fn is_real(&self, text: &[u8], start: usize, end: usize) -> bool {
        let found = &text[start..end];
        let context = &text[start.saturating_sub(NEAR)..text.len().min(end + NEAR)];
        let has_other_half = |near: &Regex| {
            let mut halves = near.captures_iter(context).filter_map(|half| half.get(1));
            halves.any(|half| is_random(half.as_bytes()))
        };
        (self.kind.is_none() || is_random(found))
            && (!self.has_checksum || has_checksum(found))
            && self.near.as_ref().is_none_or(has_other_half)
    }
}

/// Whether the text looks random, and not made up: `AKIAIOSFODNN7EXAMPLE`, `xxxxxxxx`, `0123456789abcdef`.
fn is_random(text: &[u8]) -> bool {
    let lower = text.to_ascii_lowercase();
    let holds = |word: &str| lower.windows(word.len()).any(|part| part == word.as_bytes());
    let mut distinct = lower.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let is_run = lower.windows(4).any(|part| part.iter().all(|byte| *byte == part[0]));
    distinct.len() >= 10 && !is_run && !["example", "12345678", "abcdefgh"].into_iter().any(holds)
}

/// Checks the checksum of a GitHub token, as GitHub's own scanner does.
fn has_checksum(token: &[u8]) -> bool {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((rest, checksum)) = token.split_last_chunk::<6>() else { return false };
    let random = &rest[rest.len().saturating_sub(30)..];
    let value = checksum.iter().try_fold(0_u64, |value, byte| {
        let digit = DIGITS.iter().position(|digit| digit == byte)?;
        Some(value * 62 + digit as u64)
    });
    value == Some(u64::from(libdeflater::crc32(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens are put together from two halves, because secret scanners also read this file.
    const RANDOM: &str = "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17Ge3XfW8uLh2KvR6";

    fn kind(text: &str) -> Option<&'static str> {
        match in_text(text.as_bytes())? {
            Leak::Token { kind, .. } => Some(kind),
            Leak::PrivateKey { .. } => Some("private key"),
            _ => None,
        }
    }

    #[test]
    fn tokens_are_found_by_their_formats() {
        let random = |length: usize| &RANDOM[..length];
        for (text, found) in [
            (format!("x = 'ghp_{}'", random(36)), "a GitHub token"),
            (format!("npm_{}", random(36)), "an npm token"),
            (format!("glpat-{}", random(20)), "a GitLab token"),
            (format!("xoxb-{}-{}-{}", 2_938_475_610_u64, 8_273_645_109_u64, random(24)), "a Slack token"),
            (format!("pypi-AgEIcHlwaS5vcmc{}", random(50)), "a PyPI token"),
            (format!("sk_live_{}", random(24)), "a live Stripe key"),
            (format!("AIza{}", random(35)), "a Google API key"),
            (
                format!("id = AKIA{}\nsecret = {}\n", "Z7QWBUTSORI4YSPH", random(40)),
                "an AWS access key with its secret",
            ),
        ] {
            assert_eq!(kind(&text), Some(found), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for text in [
            "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "the key AKIAZ7QWBUTSORI4YSPH alone is a name",
            "ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18 has another checksum",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx glpat-xxxxxxxxxxxxxxxxxxxx",
            "AIza00000000000000000000000000000000000",
            "if text.startswith('-----BEGIN PRIVATE KEY-----'): pass",
            "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYD\n",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMx\n",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123\n\nMIIEpAIBAAKCAQEA\n",
        ] {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn private_keys_are_found_in_files_and_strings() {
        let key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        for (before, between) in [("", "\n"), ("KEY = '", "\\n"), ("KEY = (\"", "\\n\"\n    \""), ("", "\r\n")] {
            let text = format!("\n{before}-----BEGIN {}PRIVATE KEY-----{between}{key}", "RSA ");
            assert_eq!(in_text(text.as_bytes()), Some(Leak::PrivateKey { line: 2, is_certain: true }), "{text}");
        }
    }

    #[test]
    fn files_are_known_by_name_and_content() {
        let found = |path: &str, text: &str| match by_name(path.into(), text.as_bytes(), true) {
            Some(Leak::File { is_certain, .. }) => Some(is_certain),
            _ => None,
        };
        assert_eq!(found("python/app/.netrc", "machine a\n  login me\n  password hunter2\n"), Some(true));
        assert_eq!(found("python/app/.netrc", "machine a login me password $PASSWORD"), None);
        assert_eq!(found("python/app/netrc.py", "password hunter2"), None);
        assert_eq!(found(".aws/credentials", "[default]\naws_secret_access_key = abc\n"), Some(true));
        assert_eq!(found("python/google/credentials", "aws_secret_access_key = abc"), None);
        assert_eq!(found("python/.npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}"), None);
        assert_eq!(found("python/.npmrc", "//registry.npmjs.org/:_authToken=abc"), Some(true));
        assert_eq!(found("python/app/.env", "DEBUG=1"), Some(false));
        assert_eq!(found("python/app/.env.example", "DEBUG=1"), None);
    }
}
