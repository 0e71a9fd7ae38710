//! Who may use a layer: an account, an organisation, everybody.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::AccountId;
use crate::error::Failure;

/// As in `share-with`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    Account(AccountId),
    /// `o-…`, of AWS Organizations.
    Organization(String),
    Public,
}

impl FromStr for Principal {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let refused = |advice: &str| {
            Err(Failure::user(format!(
                "`share-with` contains `{text}`, which is neither an AWS account nor an organisation"
            ))
            .hint(advice))
        };
        // https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html
        let is_organization = |id: &str| {
            id.strip_prefix("o-").is_some_and(|rest| {
                (10..=32).contains(&rest.len())
                    && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            })
        };
        match text {
            "public" => Ok(Self::Public),
            "*" => refused("write `public` to let everybody use the layer"),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => match text.parse() {
                Ok(account) => Ok(Self::Account(account)),
                Err(_) => {
                    refused("use an account ID of twelve digits; put it in quotes in YAML, or leading zeros are lost")
                }
            },
            _ if is_organization(text) => refused(&format!("write `org:{text}`")),
            _ => match text.strip_prefix("org:") {
                Some(id) if is_organization(id) => Ok(Self::Organization(id.to_owned())),
                Some(_) => refused("write an organisation as `org:` and its ID, for example `org:o-a1b2c3d4e5`"),
                None => refused("use an account ID, `org:o-…`, `public` or `nobody`"),
            },
        }
    }
}

/// As it is given.
impl Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(formatter, "{id}"),
            Self::Organization(id) => write!(formatter, "org:{id}"),
            Self::Public => formatter.write_str("public"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_named_with_what_to_write() {
        for good in ["123456789012", "org:o-a1b2c3d4e5", "public"] {
            assert_eq!(good.parse::<Principal>().expect("is valid").to_string(), good);
        }
        for (bad, advice) in [("12345", "twelve digits"), ("o-a1b2c3d4e5", "`org:o-a1b2c3d4e5`"), ("*", "`public`")] {
            let failure = bad.parse::<Principal>().expect_err("is refused");
            assert!(failure.hint.as_ref().is_some_and(|hint| hint.contains(advice)), "{failure:?}");
        }
        assert!("org:x".parse::<Principal>().is_err() && "everyone".parse::<Principal>().is_err());
    }
}
