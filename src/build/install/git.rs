//! Moves credentials of git repositories from the requirements to git's configuration in the environment, so that they
//! are not in arguments of git or its helpers, nor in files of a clone
//! (<https://git-scm.com/docs/git-config#ENVIRONMENT>).

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::environment::Environment;
use crate::secrets::end_of_credentials;

/// A name in git's configuration, and its value.
type Setting = (String, SecretString);

/// The requirements without the credentials of repositories, and the configuration for git that has them.
pub(super) struct Git {
    pub(super) requirements: Option<SecretString>,
    settings: Vec<Setting>,
}

impl Git {
    pub(super) fn new(requirements: Option<&SecretString>, environment: &Environment) -> Self {
        let mut settings = Vec::new();
        for (name, value) in configured(environment) {
            // Otherwise git would pass these credentials as arguments to its HTTP helper.
            let split = if name.starts_with("url.") { split(&name) } else { None };
            let (name, header) = split.map_or((name, None), |split| (split.rest, Some((split.host, split.header))));
            settings.push((name, SecretString::from(value)));
            settings.extend(header.map(|(host, header)| setting(&host, header)));
        }
        let mut found = Vec::new();
        let requirements = requirements.map(|text| {
            let words = text.expose_secret().split_inclusive(char::is_whitespace);
            let words = words.map(|word| match split(word).filter(|_| word.contains("git+http")) {
                Some(split) => {
                    let clean = split.rest.clone();
                    found.push(split);
                    clean
                }
                None => word.to_owned(),
            });
            words.collect::<String>().into()
        });
        for one in &found {
            // Set for the whole host, so that submodules use it too, unless repositories there have different
            // credentials.
            let differs =
                |other: &Split| other.host == one.host && other.header.expose_secret() != one.header.expose_secret();
            let url = if found.iter().any(differs) { &one.repository } else { &one.host };
            let new = setting(url, one.header.clone());
            if !settings.iter().any(|(name, _)| *name == new.0) {
                settings.push(new);
            }
        }
        Self { requirements, settings }
    }

    /// Sets the variables for a command that starts git.
    pub(super) fn apply(&self, command: &mut Command) {
        // There is nobody to answer a prompt.
        command.env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (index, (name, value)) in self.settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), name);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value.expose_secret());
        }
    }
}

/// The configuration that the environment already has for git.
fn configured(environment: &Environment) -> Vec<(String, String)> {
    let count = environment.get("GIT_CONFIG_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0_usize);
    let variable = |name: &str, index: usize| environment.get(&format!("GIT_CONFIG_{name}_{index}"));
    let given =
        (0..count).filter_map(|index| Some((variable("KEY", index)?, variable("VALUE", index).unwrap_or_default())));
    given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn setting(url: &str, header: SecretString) -> Setting {
    (format!("http.{url}.extraHeader"), header)
}

/// A text with a URL, split into the text without credentials and the header with them.
struct Split {
    rest: String,
    /// `https://host/`
    host: String,
    /// `https://host/path.git`
    repository: String,
    header: SecretString,
}

fn split(text: &str) -> Option<Split> {
    let (start, rest) = text.split_once("://")?;
    let end = end_of_credentials(rest)?;
    let (credentials, rest) = (&rest[..end], &rest[end + 1..]);
    let scheme = start.rsplit(['+', '.', ' ']).next()?;
    let pair: Vec<u8> = percent_encoding::percent_decode_str(credentials).collect();
    // A user name without a password is a token.
    let pair = if credentials.contains(':') { pair } else { [pair.as_slice(), b":"].concat() };
    let host = rest.split('/').next().unwrap_or_default();
    let repository = rest.split(|character: char| "@#;".contains(character) || character.is_whitespace()).next()?;
    Some(Split {
        rest: format!("{start}://{rest}"),
        host: format!("{scheme}://{host}/"),
        repository: format!("{scheme}://{repository}"),
        header: format!("Authorization: Basic {}", STANDARD.encode(pair)).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(git: &Git) -> Vec<String> {
        git.settings.iter().map(|(name, value)| format!("{name}={}", value.expose_secret())).collect()
    }

    #[test]
    fn credentials_go_from_the_requirements_to_git() {
        let text = "six==1.17.0\nalpha @ git+https://me:p%40ss@host/a/b.git@v1#egg=alpha ; python_version > '3'\n\
            beta @ git+http://t0ken@host:8080/c\n-i https://user:pass@host/simple\ngit+ssh://git@host/x.git\n";
        let git = Git::new(Some(&SecretString::from(text)), &Environment::default());
        assert_eq!(
            git.requirements.as_ref().map(SecretString::expose_secret),
            Some(
                "six==1.17.0\nalpha @ git+https://host/a/b.git@v1#egg=alpha ; python_version > '3'\n\
                beta @ git+http://host:8080/c\n-i https://user:pass@host/simple\ngit+ssh://git@host/x.git\n"
            )
        );
        assert_eq!(
            shown(&git),
            [
                "http.https://host/.extraHeader=Authorization: Basic bWU6cEBzcw==",
                "http.http://host:8080/.extraHeader=Authorization: Basic dDBrZW46"
            ]
        );
    }

    #[test]
    fn two_tokens_of_a_host_go_with_their_repositories() {
        let text = "git+https://one@host/a.git@v1\ngit+https://two@host/b.git#egg=b\n";
        let git = Git::new(Some(&SecretString::from(text)), &Environment::default());
        let expected = [
            "http.https://host/a.git.extraHeader=Authorization: Basic b25lOg==",
            "http.https://host/b.git.extraHeader=Authorization: Basic dHdvOg==",
        ];
        assert_eq!(shown(&git), expected);
    }

    #[test]
    fn what_git_was_told_stays_but_for_credentials_in_urls() {
        let variables = [
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "url.https://x:t0ken@github.com/.insteadOf"),
            ("GIT_CONFIG_VALUE_0", "https://github.com/"),
            ("GIT_CONFIG_KEY_1", "http.proxy"),
            ("GIT_CONFIG_VALUE_1", "http://proxy"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let git = Git::new(None, &Environment::new(variables.into(), "/".into()));
        assert_eq!(
            shown(&git),
            [
                "url.https://github.com/.insteadOf=https://github.com/",
                "http.https://github.com/.extraHeader=Authorization: Basic eDp0MGtlbg==",
                "http.proxy=http://proxy"
            ]
        );
    }
}
