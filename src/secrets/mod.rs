//! Secrets, which must not be printed or published, and texts without them.

pub mod credentials;
mod spellings;
mod strength;
mod urls;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

pub(crate) use self::urls::end_of_credentials;
pub use self::urls::{clean, without_credentials};
use crate::error::Failure;
use crate::types::Digest;

/// In bytes. A shorter secret appears in too many words by chance: masking it everywhere would make a log unreadable
/// and reveal the secret. It is only hidden in its context, as in `user:secret@host`.
const SHORTEST_HIDDEN: usize = 4;
/// Files are only searched for secrets that do not appear in unrelated files by chance: at least six bytes of several
/// kinds (`s3cret`, not `password`), else at least sixteen. Shorter ones are only found in their context.
const SHORTEST_FOUND: usize = 6;
/// In Base64 the ends of a secret mix with the neighbouring bytes: too little of a shorter one remains to recognize it.
const SHORTEST_IN_BASE64: usize = 8;
/// A token in the place of a user name is at least this long; shorter ones are names.
const SHORTEST_TOKEN: usize = 8;
const SHORTEST_OF_ONE_KIND: usize = 16;
/// Passwords that say that the user name is the token (GitHub's convention).
const TOKEN_IS_USER: &[&str] = &["", "x", "x-oauth-basic"];

/// All secrets that a run knows: they are removed from its output and searched for in what it publishes.
#[derive(Clone, Default)]
pub struct Secrets {
    /// By the digest of user and secret: a file may have thousands.
    credentials: BTreeMap<Digest, Credential>,
    /// Hosts with paths, of URLs that had credentials.
    with_credentials: BTreeSet<String>,
    /// Made when it is first needed.
    hidden: OnceLock<AhoCorasick>,
}

#[derive(Clone)]
struct Credential {
    /// Empty if none is known.
    user: String,
    secret: SecretString,
    /// Not certainly a secret: only its place or its name suggests so.
    is_guess: bool,
}

/// What to look for in files.
#[derive(Debug)]
pub struct Finders {
    /// `None` if there is nothing to look for.
    pub secrets: Option<AhoCorasick>,
    /// Guesses so weak that they may appear in unrelated files by chance.
    pub chance: Option<AhoCorasick>,
}

impl Secrets {
    /// Notes the passwords, tokens and signatures of all URLs in a text, as written and decoded.
    pub fn add_urls_in(&mut self, text: &str) {
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        self.with_credentials.extend(urls::places_with_credentials_in(text));
        for (user, password) in urls::credentials_in(text) {
            let is_token = TOKEN_IS_USER.contains(&password);
            let (user, written) = if is_token { ("", user) } else { (user, password) };
            if is_token && written.len() < SHORTEST_TOKEN {
                continue;
            }
            self.add(&decoded(user), &decoded(written));
            self.add("", written);
        }
        for written in urls::secret_values_in(text).into_iter().filter(|value| value.len() >= SHORTEST_TOKEN) {
            self.add("", &decoded(written));
            self.add("", written);
        }
    }

    /// Notes a password or token; `user` is empty if it is not known.
    pub fn add(&mut self, user: &str, secret: &str) {
        self.note(Credential { user: user.to_owned(), secret: SecretString::from(secret), is_guess: false });
    }

    /// Notes a value that may be a secret.
    pub fn add_guess(&mut self, user: &str, secret: &str) {
        self.note(Credential { user: user.to_owned(), secret: SecretString::from(secret), is_guess: true });
    }

    /// Notes the passwords of all URLs in a text that is not known to be secret.
    pub fn add_guesses_in(&mut self, text: &str) {
        let mut found = Self::default();
        found.add_urls_in(text);
        self.with_credentials.append(&mut found.with_credentials);
        found.credentials.values().for_each(|found| self.add_guess(&found.user, found.secret.expose_secret()));
    }

    fn note(&mut self, new: Credential) {
        if new.secret.expose_secret().is_empty() {
            return;
        }
        let digest = Digest::of(format!("{}\0{}", new.user, new.secret.expose_secret()).as_bytes());
        match self.credentials.entry(digest) {
            Entry::Occupied(mut known) => known.get_mut().is_guess &= new.is_guess,
            Entry::Vacant(place) => {
                place.insert(new);
                self.hidden = OnceLock::new();
            }
        }
    }

    pub fn extend(&mut self, other: &Self) {
        self.with_credentials.extend(other.with_credentials.iter().cloned());
        other.credentials.values().for_each(|credential| self.note(credential.clone()));
    }

    /// Whether the run has credentials for this URL or for a folder above it. Credentials for the whole host do not
    /// count.
    pub fn open(&self, url: &str) -> bool {
        let place = urls::place(url.split_once("://").map_or(url, |(_, rest)| rest));
        let parents = std::iter::successors(Some(place.as_str()), |place| Some(place.rsplit_once('/')?.0));
        parents.filter(|place| place.contains('/')).any(|place| self.with_credentials.contains(place))
    }

    /// Every spelling of every secret, for `::add-mask::` alone.
    pub fn exposed(&self) -> BTreeSet<String> {
        self.credentials
            .values()
            .flat_map(|Credential { user, secret, .. }| hidden(user, secret.expose_secret()))
            .collect()
    }

    /// The text with every known secret replaced, however it is written, and without what URLs in it may have of
    /// others.
    pub fn redact(&self, text: &str) -> String {
        let text = &clean(text);
        let hidden = self.hidden.get_or_init(|| searcher(&self.exposed(), MatchKind::LeftmostLongest));
        let mut redacted = String::with_capacity(text.len());
        hidden.replace_all_with(text, &mut redacted, |_, _, redacted| {
            redacted.push_str("***");
            true
        });
        redacted
    }

    /// What to look for in files: a text contains a secret if one of the finders matches.
    pub fn finders(&self) -> Finders {
        let (chance, certain): (Vec<_>, Vec<_>) = self
            .credentials
            .values()
            .partition(|known| known.is_guess && strength::is_weak(known.secret.expose_secret()));
        let certain = texts_of(&certain);
        let chance = texts_of(&chance).difference(&certain).cloned().collect();
        Finders { secrets: finder(&certain), chance: finder(&chance) }
    }
}

fn texts_of(credentials: &[&Credential]) -> BTreeSet<String> {
    credentials.iter().flat_map(|Credential { user, secret, .. }| found(user, secret.expose_secret())).collect()
}

/// `None` if there is nothing to look for.
fn finder(all: &BTreeSet<String>) -> Option<AhoCorasick> {
    // A text with the longer one contains the shorter one, too, and the search is faster with fewer of them.
    let is_shortest = |text: &&String| !all.iter().any(|other| other != *text && text.contains(other.as_str()));
    let shortest: BTreeSet<String> = all.iter().filter(is_shortest).cloned().collect();
    (!shortest.is_empty()).then(|| searcher(&shortest, MatchKind::LeftmostFirst))
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secrets({})", self.credentials.len())
    }
}

fn searcher(texts: &BTreeSet<String>, kind: MatchKind) -> AhoCorasick {
    AhoCorasick::builder().match_kind(kind).build(texts).expect("a run has few secrets")
}

/// What is replaced in what people see.
fn hidden(user: &str, secret: &str) -> BTreeSet<String> {
    let mut texts = in_place(user, secret);
    if secret.len() >= SHORTEST_HIDDEN {
        texts.extend(spellings::plain(secret));
    }
    if secret.len() >= SHORTEST_IN_BASE64 {
        texts.extend(spellings::inside_base64(secret));
    }
    texts
}

/// What must not be in a file.
fn found(user: &str, secret: &str) -> BTreeSet<String> {
    let kinds: [fn(&char) -> bool; 4] =
        [char::is_ascii_lowercase, char::is_ascii_uppercase, char::is_ascii_digit, |character| {
            !character.is_ascii_alphanumeric()
        }];
    let count = kinds.iter().filter(|kind| secret.chars().any(|character| kind(&character))).count();
    let mut texts = if user.is_empty() { BTreeSet::new() } else { in_place(user, secret) };
    if secret.len() >= if count > 1 { SHORTEST_FOUND } else { SHORTEST_OF_ONE_KIND } {
        texts.extend(spellings::plain(secret));
        texts.extend(spellings::inside_base64(secret));
    }
    texts.retain(|text| text.len() >= SHORTEST_FOUND);
    texts
}

/// With its user, as in a URL and in a header.
fn in_place(user: &str, secret: &str) -> BTreeSet<String> {
    let users = if user.is_empty() { BTreeSet::from([String::new()]) } else { spellings::plain(user) };
    let pairs = spellings::plain(secret);
    let in_urls = users.iter().flat_map(|user| pairs.iter().map(move |secret| format!("{user}:{secret}@")));
    in_urls.chain(spellings::basic(user, secret)).collect()
}

/// The URL of a package index, which may contain a password.
#[derive(Clone, Debug)]
pub struct SecretUrl {
    /// uv's name for the index, from `name=url`; its `UV_INDEX_<NAME>_PASSWORD` goes with it.
    name: Option<String>,
    full: SecretString,
    shown: String,
}

impl SecretUrl {
    /// # Errors
    /// What is wrong with it, without its credentials.
    pub fn parse(input: &str, text: &str) -> Result<Self, Failure> {
        let named = text.split_once('=').filter(|(name, _)| !name.contains(['/', ':']));
        let (name, text) = named.map_or((None, text), |(name, url)| (Some(name.to_owned()), url));
        let shown = without_credentials(text);
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https" | "file") => {
                Ok(Self { name, full: SecretString::from(text), shown })
            }
            _ => Err(Failure::user(format!("`{input}` is `{shown}`, which is not a URL"))
                .hint("write it like `https://host/simple/`")),
        }
    }

    pub fn has_name(&self) -> bool {
        self.name.is_some()
    }

    /// The index's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// With these credentials, unless the URL has some.
    #[must_use]
    pub fn with_credentials(self, user: &str, password: &str) -> Self {
        let Some((scheme, rest)) =
            self.exposed().split_once("://").filter(|(_, rest)| end_of_credentials(rest).is_none())
        else {
            return self;
        };
        let encoded = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        // Without a password tools look for it elsewhere, in a keyring.
        let password = if password.is_empty() { String::new() } else { format!(":{}", encoded(password)) };
        let full = format!("{scheme}://{}{password}@{rest}", encoded(user));
        Self { full: SecretString::from(full), ..self }
    }

    /// For the environment of a child process alone.
    pub fn exposed(&self) -> &str {
        self.full.expose_secret()
    }

    /// `name=url`, as uv's variables take it; for the environment of a child process alone.
    pub fn exposed_with_name(&self) -> String {
        self.name.iter().map(|name| format!("{name}=")).chain([self.exposed().to_owned()]).collect()
    }

    /// Without user name and password.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_and_do_not_print() {
        let mut secrets = Secrets::default();
        secrets.add_urls_in("https://user:p%40ss@host/simple/");
        assert_eq!(secrets.redact("p@ss and p%40ss"), "*** and ***");
        assert!(!format!("{secrets:?}").contains("p@ss"));
    }

    #[test]
    fn headers_of_git_and_of_indexes_are_redacted() {
        let mut secrets = Secrets::default();
        secrets.add("reader", "s3cr3t-t0k3n");
        // `reader:…` and `x-access-token:…`
        for header in ["cmVhZGVyOnMzY3IzdC10MGszbg==", "eC1hY2Nlc3MtdG9rZW46czNjcjN0LXQwazNu"] {
            let text = secrets.redact(&format!("Authorization: Basic {header} ok"));
            assert!(
                text.starts_with("Authorization: Basic ") && text.contains("***") && text.ends_with(" ok"),
                "{text}"
            );
            assert!(!text.contains("czNjcjN0") && !text.contains("MzY3IzdC"), "{text}");
        }
    }

    #[test]
    fn a_short_secret_is_hidden_where_it_is_one() {
        let mut secrets = Secrets::default();
        secrets.add_urls_in("https://user:a@host/");
        assert_eq!(secrets.redact("a path to https://user:a@host/ and dXNlcjph"), "a path to https://host/ and ***");
    }

    #[test]
    fn the_name_is_the_token_where_the_password_is_none() {
        for url in
            ["https://ghp_abcdef12@host/", "https://ghp_abcdef12:@host/", "https://ghp_abcdef12:x-oauth-basic@host/"]
        {
            let mut secrets = Secrets::default();
            secrets.add_urls_in(url);
            assert_eq!(secrets.redact("ghp_abcdef12 x-oauth-basic"), "*** x-oauth-basic", "{url}");
        }
        let mut secrets = Secrets::default();
        secrets.add_urls_in("ssh://git@host/x");
        assert_eq!(secrets.redact("git"), "git");
    }

    #[test]
    fn urls_are_found_in_texts() {
        let mut secrets = Secrets::default();
        secrets.add_urls_in(
            "private=https://a:first-1@host/ url.https://b:second-2@host/.insteadOf 'http://c:third-3@host'",
        );
        secrets.add_urls_in("see https://host/@x and mail me@host");
        assert_eq!(secrets.redact("first-1 second-2 third-3"), "*** *** ***");
        assert_eq!(secrets.credentials.len(), 6, "{secrets:?}");
    }

    #[test]
    fn words_are_not_looked_for_in_files() {
        let mut secrets = Secrets::default();
        secrets.add("user", "password");
        let finder = secrets.finders().secrets.expect("there is something to look for");
        assert!(!finder.is_match("the password of the user"));
        assert!(finder.is_match("https://user:password@host") && finder.is_match("Basic dXNlcjpwYXNzd29yZA=="));
        secrets.add("", "pa55word");
        assert!(secrets.finders().secrets.expect("there is something to look for").is_match("x = 'pa55word'"));
        let none = Secrets::default().finders();
        assert!(none.secrets.is_none() && none.chance.is_none());
    }

    #[test]
    fn a_weak_guess_may_be_found_by_chance() {
        let mut secrets = Secrets::default();
        secrets.add_guess("", "password1");
        secrets.add_guess("", "xK9#mQ2$vL5p");
        secrets.add_guesses_in("postgresql://postgres:postgres@localhost/test");
        let finders = secrets.finders();
        let is_found = |finder: &Option<AhoCorasick>, text: &str| finder.as_ref().is_some_and(|it| it.is_match(text));
        for text in ["'password1'", "postgres:postgres@db"] {
            assert!(is_found(&finders.chance, text) && !is_found(&finders.secrets, text), "{text}");
        }
        assert!(is_found(&finders.secrets, "xK9#mQ2$vL5p") && !is_found(&finders.chance, "xK9#mQ2$vL5p"));
        secrets.add("", "password1");
        assert!(is_found(&secrets.finders().secrets, "password1"), "somebody says that it is one");
        assert_eq!(secrets.redact("password1"), "***");
    }
}
