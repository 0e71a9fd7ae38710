//! Names in AWS CodeArtifact.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::Failure;

/// Lengths of names (CodeArtifact API, `GetRepositoryEndpoint`).
const DOMAIN_LENGTH: RangeInclusive<usize> = 2..=50;
const REPOSITORY_LENGTH: RangeInclusive<usize> = 2..=100;
/// Digits of an AWS account's number.
const ACCOUNT_LENGTH: usize = 12;

/// A repository of packages, written `domain/repository` or `owner/domain/repository`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodeArtifactRepository {
    /// The account that the domain belongs to; the caller's own if `None`.
    pub owner: Option<String>,
    pub domain: String,
    pub name: String,
}

impl FromStr for CodeArtifactRepository {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let refused = |why: &str, hint: &str| {
            Failure::user(format!("`codeartifact` contains `{text}`, {why}")).hint(hint.to_owned())
        };
        let (owner, domain, name) = match *text.split('/').collect::<Vec<_>>().as_slice() {
            [domain, name] => (None, domain, name),
            [owner, domain, name] => (Some(owner), domain, name),
            _ => {
                let hint =
                    "write `domain/repository`, or `123456789012/domain/repository` for a domain of that account";
                return Err(refused("which is not a repository", hint));
            }
        };
        if owner.is_some_and(|owner| owner.len() != ACCOUNT_LENGTH || !owner.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(refused("whose owner is not a valid AWS account ID", "use the twelve digits of the account"));
        }
        let is_domain = domain.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && domain.starts_with(|first: char| first.is_ascii_lowercase())
            && !domain.ends_with('-');
        if !is_domain || !DOMAIN_LENGTH.contains(&domain.len()) {
            let hint = "use 2 to 50 lower-case letters, digits and `-` for the domain; it begins with a letter and does not end with `-`";
            return Err(refused("whose domain is not valid in CodeArtifact", hint));
        }
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && name.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !is_name || !REPOSITORY_LENGTH.contains(&name.len()) {
            let hint =
                "use 2 to 100 letters, digits, `.`, `_` and `-` for the repository; it begins with a letter or digit";
            return Err(refused("whose repository name is not valid in CodeArtifact", hint));
        }
        Ok(Self { owner: owner.map(str::to_owned), domain: domain.to_owned(), name: name.to_owned() })
    }
}

impl Display for CodeArtifactRepository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(formatter, "{owner}/")?;
        }
        write!(formatter, "{}/{}", self.domain, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_is_shown_as_it_was_written() {
        for text in ["acme/python", "123456789012/acme-packages/Python_3.x", "ab/a1"] {
            let repository: CodeArtifactRepository = text.parse().expect("is valid");
            assert_eq!(repository.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("acme", "which is not a repository"),
            ("1/2/3/4", "which is not a repository"),
            ("acme-account/acme/python", "owner"),
            ("12345/acme/python", "owner"),
            ("Acme/python", "domain"),
            ("acme-/python", "domain"),
            ("a/python", "domain"),
            ("acme/", "repository"),
            ("acme/.python", "repository"),
            ("acme/python@eu-west-1", "repository"),
        ] {
            let failure = text.parse::<CodeArtifactRepository>().expect_err("is wrong");
            assert!(failure.message.contains(part), "{}", failure.message);
            assert!(failure.hint.is_some());
        }
    }
}
