//! Names of distributions.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::as_string;
use crate::error::Failure;

/// URL of PyPI as lock files have it.
pub(crate) const PYPI: &str = "https://pypi.org/simple";

/// Groups and extras compare like names of distributions (PEP 735, PEP 685).
pub(crate) fn normalized(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// A distribution's name, normalized as PEP 503 says: `Typing_Extensions` is `typing-extensions`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DistributionName(String);

impl DistributionName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DistributionName {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        pep508_rs::PackageName::new(text.to_owned()).map(|name| Self(name.to_string())).map_err(|_invalid| {
            Failure::user(format!("`{text}` is not a valid distribution name"))
                .hint("use names as on PyPI, without versions or wildcards")
        })
    }
}

impl Display for DistributionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

as_string!(DistributionName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalized() {
        let name: DistributionName = "Typing_Extensions".parse().expect("is valid");
        assert_eq!(name.to_string(), "typing-extensions");
        assert!("pip*".parse::<DistributionName>().is_err());
    }
}
