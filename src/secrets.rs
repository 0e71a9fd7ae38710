//! Values that must not be printed, and the text that may be.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::error::Failure;

/// Every secret a run knows of, to be taken out of what it prints.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// Notes the password of a URL, as written and decoded, if it has one.
    pub fn add_url(&mut self, url: &str) {
        let Ok(parsed) = Url::parse(url) else { return };
        let token_as_user = parsed.password().is_none() && parsed.username().len() >= 8;
        let written = parsed.password().or(token_as_user.then(|| parsed.username()));
        if let Some(written) = written.filter(|written| !written.is_empty()) {
            self.add(written);
            self.add(&percent_encoding::percent_decode_str(written).decode_utf8_lossy());
        }
    }

    fn add(&mut self, secret: &str) {
        if !self.0.iter().any(|known| known.expose_secret() == secret) {
            self.0.push(SecretString::from(secret));
        }
    }

    pub fn extend(&mut self, other: &Self) {
        for secret in &other.0 {
            self.add(secret.expose_secret());
        }
    }

    /// For `::add-mask::` alone.
    pub fn exposed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(secrecy::ExposeSecret::expose_secret)
    }

    /// The text with every known secret replaced.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), "***"))
    }
}

/// A URL without user name and password, fit to be hashed, stored and shown.
pub fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        // `git+ssh://git@host` names a user and no secret.
        Some(at) if scheme.ends_with("ssh") && !rest[..at].contains(':') => text.to_owned(),
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}

/// The URL of a package index, which may hold a password.
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
                .hint("write it as in `https://host/simple/`")),
        }
    }

    pub fn has_name(&self) -> bool {
        self.name.is_some()
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
    fn credentials_are_cut_out_of_urls() {
        assert_eq!(without_credentials("https://user:p%40ss@host/simple/"), "https://host/simple/");
        assert_eq!(without_credentials("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_credentials("git+ssh://git@host/x.git@v1"), "git+ssh://git@host/x.git@v1");
        assert_eq!(without_credentials("pkg @ https://token@host/x.whl"), "pkg @ https://host/x.whl");
    }

    #[test]
    fn secrets_are_redacted_and_do_not_print() {
        let mut secrets = Secrets::default();
        secrets.add_url("https://user:p%40ss@host/simple/");
        assert_eq!(secrets.redact("p@ss and p%40ss"), "*** and ***");
        assert!(!format!("{secrets:?}").contains("p@ss"));
    }
}
