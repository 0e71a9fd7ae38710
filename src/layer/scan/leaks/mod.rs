//! Searches each file for credentials while it is packed.

mod formats;

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use camino::Utf8Path;

use crate::facts;
use crate::layer::{Distribution, Owner};
use crate::secrets::{Finders, Secrets};
use crate::types::DistributionName;

/// A credential in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leak {
    /// A secret that was given to this run.
    Known,
    /// A short secret of this run, which may be in another author's file by chance.
    KnownByChance,
    /// A URL with credentials, `scheme://user:password@`, in this line.
    InUrl { line: usize },
    /// A private key that starts in this line.
    PrivateKey {
        line: usize,
        /// Whether it is in the user's own files: those that others publish may have keys for tests.
        is_certain: bool,
    },
    /// A token in this line; `kind` is text for messages, such as `a GitHub token`.
    Token { kind: &'static str, line: usize },
    /// A file in which programs keep credentials; `kind` is such as `a netrc file with a password`.
    File {
        kind: &'static str,
        /// Whether it is the user's own file, and a credential was found in it.
        is_certain: bool,
    },
}

/// What to look for, and where.
#[derive(Debug)]
pub struct Scan {
    known: Finders,
    urls: AhoCorasick,
    /// Distributions from a local folder or file, or from a repository that is not public.
    own: BTreeSet<DistributionName>,
    /// Distributions from repositories that may be public.
    of_repositories: BTreeSet<DistributionName>,
}

impl Scan {
    pub fn new(secrets: &Secrets, distributions: &[Distribution]) -> Self {
        let is_private = |url: &String| !may_be_public(url) || secrets.open(url);
        let is_own = |distribution: &&Distribution| {
            distribution.is_local || distribution.repository.as_ref().is_some_and(is_private)
        };
        let own = distributions.iter().filter(is_own);
        let of_repositories = distributions.iter().filter(|distribution| distribution.repository.is_some());
        Self {
            known: secrets.finders(),
            urls: AhoCorasick::new(["://"]).expect("is one short text"),
            own: own.map(|distribution| distribution.name.clone()).collect(),
            of_repositories: of_repositories.map(|distribution| distribution.name.clone()).collect(),
        }
    }

    /// The worst leak in a file or link, or in its path.
    pub fn look(&self, path: &Utf8Path, owner: &Owner, bytes: &[u8]) -> Option<Leak> {
        match self.look_for_secrets(path, owner, bytes) {
            Some(Leak::KnownByChance) => self.look_for_formats(path, owner, bytes).or(Some(Leak::KnownByChance)),
            Some(known) => Some(known),
            None => self.look_for_formats(path, owner, bytes),
        }
    }

    /// Whether this run has secrets.
    pub fn has_secrets(&self) -> bool {
        self.known.secrets.is_some() || self.known.chance.is_some()
    }

    /// A secret of this run in a file or in its path.
    pub fn look_for_secrets(&self, path: &Utf8Path, owner: &Owner, bytes: &[u8]) -> Option<Leak> {
        let holds = |known: &AhoCorasick| known.is_match(bytes) || known.is_match(path.as_str());
        if self.known.secrets.as_ref().is_some_and(holds) {
            return Some(Leak::Known);
        }
        let is_chance = self.known.chance.as_ref().is_some_and(holds);
        is_chance.then(|| if self.is_of_index(owner) { Leak::KnownByChance } else { Leak::Known })
    }

    fn look_for_formats(&self, path: &Utf8Path, owner: &Owner, bytes: &[u8]) -> Option<Leak> {
        if !is_text(bytes) {
            return None;
        }
        let is_own = self.is_own(path, owner);
        let by_name = || formats::by_name(path, bytes, is_own).filter(|_| is_own || !is_of_tests(path));
        if !is_own && self.is_of_repository(owner) {
            // Documentation often has URLs with passwords, and tests often have keys, but neither has tokens.
            let found = formats::in_text(bytes).filter(|_| !is_of_tests(path));
            return found.map(Leak::perhaps).or_else(by_name);
        }
        if !is_own {
            return by_name();
        }
        let mut urls = self.urls.find_iter(bytes);
        let in_url = urls.find(|found| has_password(bytes, found.start(), found.end()));
        // A test of an unknown distribution may well have keys for tests.
        let is_example = *owner == Owner::Unknown && is_of_tests(path);
        in_url
            .map(|found| Leak::InUrl { line: line(bytes, found.start()) })
            .or_else(|| formats::in_text(bytes).filter(|_| !is_example))
            .or_else(by_name)
    }

    fn is_of_index(&self, owner: &Owner) -> bool {
        matches!(owner, Owner::Distribution(name) if !self.own.contains(name)) && !self.is_of_repository(owner)
    }

    fn is_of_repository(&self, owner: &Owner) -> bool {
        matches!(owner, Owner::Distribution(name) if self.of_repositories.contains(name))
    }

    /// Whether the user's side wrote the file. Files from a package index are public, and documentation, such as the
    /// long description in `METADATA`, is full of `postgresql://scott:tiger@localhost`.
    fn is_own(&self, path: &Utf8Path, owner: &Owner) -> bool {
        let in_info = || path.parent().is_some_and(|folder| folder.extension() == Some("dist-info"));
        match owner {
            Owner::Distribution(name) => self.own.contains(name) || (in_info() && path.file_name() != Some("METADATA")),
            Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => true,
        }
    }
}

impl Leak {
    /// The same leak in a file that others may have published on purpose.
    fn perhaps(self) -> Self {
        match self {
            Self::PrivateKey { line, .. } => Self::PrivateKey { line, is_certain: false },
            certain => certain,
        }
    }
}

/// Whether the repository is on a host with public repositories, and is read without a key.
fn may_be_public(url: &str) -> bool {
    let url = url.split_once("://").filter(|(scheme, _)| !scheme.ends_with("ssh"));
    let host = url.and_then(|(_, rest)| rest.split(['/', ':']).next()).map(str::to_lowercase);
    host.is_some_and(|host| facts::secrets().public_hosts.contains(&host))
}

/// The line number of a position, counted from 1.
fn line(text: &[u8], position: usize) -> usize {
    1 + text[..position].iter().filter(|byte| **byte == b'\n').count()
}

fn is_of_tests(path: &Utf8Path) -> bool {
    let is_test = |part: &str| matches!(part, "test" | "tests" | "testing" | "example" | "examples");
    path.components().any(|part| is_test(part.as_str()))
}

/// Whether the bytes are text, by git's rule: there is no NUL at the beginning.
fn is_text(bytes: &[u8]) -> bool {
    !bytes[..bytes.len().min(8000)].contains(&0)
}

/// Whether the URL around this `://` has a password that is no placeholder.
fn has_password(bytes: &[u8], start: usize, end: usize) -> bool {
    const LONGEST: usize = 1024;
    let is_scheme = bytes[..start].last().is_some_and(u8::is_ascii_alphanumeric);
    let rest = &bytes[end..bytes.len().min(end + LONGEST)];
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`/?#\\".contains(byte);
    let authority = &rest[..rest.iter().position(is_end).unwrap_or(rest.len())];
    let authority = String::from_utf8_lossy(authority);
    let password = authority.rsplit_once('@').filter(|(_, host)| !host.is_empty());
    let password = password.and_then(|(credentials, _)| credentials.split_once(':')).map(|(_, password)| password);
    is_scheme && password.is_some_and(|password| !password.is_empty() && !is_placeholder(password))
}

/// `{…}`, `<…>`, `$…`, `%s`, `***`, `…`, `xxx`, and the words for it.
fn is_placeholder(password: &str) -> bool {
    const WORDS: &[&str] = &["password", "passwd", "pass", "pwd", "pw", "secret", "token", "api_key", "apikey"];
    let is_escape = || {
        let digits = password.as_bytes().get(1..3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    password.starts_with(['<', '$', '…', '['])
        || (password.starts_with('%') && !is_escape())
        || (password.contains('{') && password.contains('}'))
        || password.chars().all(|character| "*.xX".contains(character))
        || WORDS.contains(&password.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(secret: &str) -> Scan {
        let mut secrets = Secrets::default();
        secrets.add("reader", secret);
        Scan::new(&secrets, &[])
    }

    fn own(text: &str) -> Option<Leak> {
        scan("").look("python/app.py".into(), &Owner::Source, text.as_bytes())
    }

    #[test]
    fn passwords_in_urls_are_found() {
        let url = Some(Leak::InUrl { line: 1 });
        for text in [
            "x = 'postgresql://scott:tiger@localhost/db'",
            "redis://:hunter2@cache:6379",
            "git+https://user:p%40ss@host/x.git",
            "https://user:%40bc@host",
            "https://{user}:hunter2@{host}/",
            "amqp://u:a@b@c",
        ] {
            assert_eq!(own(text), url, "{text}");
        }
        assert_eq!(own("one\ntwo\nsee http://a:b1@c\n"), Some(Leak::InUrl { line: 3 }));
    }

    #[test]
    fn placeholders_and_other_urls_are_none() {
        for text in [
            "f'postgresql://{user}:{password}@{host}'",
            "https://<user>:<password>@host",
            "https://$USER:$PASSWORD@host https://u:${{ secrets.TOKEN }}@host",
            "'https://%s:%s@host' % (u, p) https://u:%(password)s@host",
            "https://user:***@host https://user:…@host https://user:...@host https://user:xxxx@host",
            "https://user:password@host https://USER:PASSWORD@host",
            "https://user@host https://user:@host https://host:8080/a@b ://a:b@c http://a:b@",
            "https://host/path:with@signs 'https://host:80', 'me@host'",
        ] {
            assert_eq!(own(text), None, "{text}");
        }
    }

    #[test]
    fn only_own_files_are_searched_for_urls() {
        let text = b"postgresql://scott:tiger@localhost";
        let look = |path: &str, owner: Owner, text: &[u8]| scan("").look(path.into(), &owner, text);
        let distribution = || Owner::Distribution("sqlalchemy".parse().expect("is a name"));
        assert_eq!(look("python/sqlalchemy/x.py", distribution(), text), None);
        assert_eq!(look("python/sqlalchemy-2.dist-info/METADATA", distribution(), text), None);
        assert!(look("python/sqlalchemy-2.dist-info/uv_build.json", distribution(), text).is_some());
        assert!(look("python/x.py", Owner::Unknown, text).is_some());
        assert!(look("x.txt", Owner::Include, text).is_some());
        assert_eq!(look("x.so", Owner::Include, b"\x7fELF\0\0postgresql://scott:tiger@localhost"), None);
    }

    #[test]
    fn private_repositories_are_searched_as_own_files_are() {
        let mut secrets = Secrets::default();
        secrets.add_urls_in("one @ git+https://t0k3n-of-one@github.com/acme/one.git@v1#egg=one");
        secrets.add_urls_in("url.https://x:t0k3n-of-all@gitlab.com/acme/.insteadOf https://u:t0k3n-of-host@github.com");
        let direct_url = |url: &str| format!(r#"{{"url": "{url}", "vcs_info": {{"vcs": "git", "commit_id": "00"}}}}"#);
        let distribution = |url: &str| {
            let text = |name: &str| match name {
                "METADATA" => Some("Name: one\nVersion: 1\n".to_owned()),
                "direct_url.json" => Some(direct_url(url)),
                _ => None,
            };
            Distribution::read("one-1.dist-info", text).expect("is readable")
        };
        let look = |url: &str, text: String| {
            let owner = Owner::Distribution("one".parse().expect("is a name"));
            Scan::new(&secrets, &[distribution(url)]).look("python/one/x.py".into(), &owner, text.as_bytes())
        };
        let url = || "postgresql://scott:tiger@localhost".to_owned();
        let key = || format!("-----BEGIN {} KEY-----\n{}", "PRIVATE", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj");
        for private in [
            "https://github.com/acme/one.git",
            "https://gitlab.com/acme/one",
            "https://git.acme.example/one",
            "ssh://git@github.com/acme/one",
        ] {
            assert_eq!(look(private, url()), Some(Leak::InUrl { line: 1 }), "{private}");
            assert_eq!(look(private, key()), Some(Leak::PrivateKey { line: 1, is_certain: true }), "{private}");
        }
        for public in
            ["https://github.com/acme/other", "https://GitHub.com/acme/one-more", "https://gitlab.com/other/one"]
        {
            assert_eq!(look(public, url()), None, "{public}");
            assert_eq!(look(public, key()), Some(Leak::PrivateKey { line: 1, is_certain: false }), "{public}");
            let token = format!("'AIza{}'", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq1");
            assert!(matches!(look(public, token), Some(Leak::Token { .. })), "{public}");
        }
    }

    #[test]
    fn known_secrets_are_found_everywhere() {
        let scan = scan("s3cret/token");
        let owner = Owner::Distribution("x".parse().expect("is a name"));
        let found = |path: &str, bytes: &[u8]| scan.look(path.into(), &owner, bytes);
        for bytes in [
            &b"\0\0s3cret/token\0"[..],
            b"s3cret%2Ftoken",
            b"Basic cmVhZGVyOnMzY3JldC90b2tlbg==",
            b"eDpzM2NyZXQvdG9rZW46",
        ] {
            assert_eq!(found("python/x.so", bytes), Some(Leak::Known), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(found("python/s3cret/token", b""), Some(Leak::Known));
        assert_eq!(found("python/x.so", b"s3cret"), None);
    }

    #[test]
    fn weak_guesses_are_no_secrets_of_strangers() {
        let mut secrets = Secrets::default();
        secrets.add_guess("", "password1");
        let scan = Scan::new(&secrets, &[]);
        let look = |owner: Owner| scan.look("python/x.py".into(), &owner, b"COMMON = ['password1']");
        assert_eq!(look(Owner::Distribution("django".parse().expect("is a name"))), Some(Leak::KnownByChance));
        assert_eq!(look(Owner::Source), Some(Leak::Known));
    }
}
