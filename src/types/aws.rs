//! Names in AWS: layers, regions, versions and where they are.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::as_string;
use crate::error::{Failure, nearest};
use crate::facts;

/// A layer's name: at most 140 of `[a-zA-Z0-9-_]` (Lambda API, `PublishLayerVersion`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerName(String);

impl FromStr for LayerName {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let longest = facts::limits().layer_name_length;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err(Failure::user(format!("`layer-name` is `{text}`, which Lambda does not accept"))
                .hint("use letters, digits, `-` and `_`"));
        }
        if text.len() > longest {
            return Err(Failure::user(format!("`layer-name` is {} characters long: `{text}`", text.len()))
                .hint(format!("use at most {longest}: that is Lambda's limit")));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Display for LayerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

as_string!(LayerName);

impl LayerName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An AWS region: one that has Lambda, or one with a name as new ones could have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region(String);

impl FromStr for Region {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let known = || facts::lambda().regions.values().flatten().map(String::as_str);
        if known().any(|region| region == text) || facts::partition_of_name(text).is_some() {
            return Ok(Self(text.to_owned()));
        }
        let advice = match nearest(text, known()) {
            Some(region) => format!("did you mean `{region}`?"),
            None => "use a region such as `eu-west-1`".to_owned(),
        };
        Err(Failure::user(format!("`{text}` is not a region in which Lambda is available")).hint(advice))
    }
}

impl Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

as_string!(Region);

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The warning for a region that is not known to have Lambda: it may be new, or a typo.
    pub fn doubt(&self) -> Option<String> {
        let known = || facts::lambda().regions.values().flatten().map(String::as_str);
        if known().any(|region| region == self.0) {
            return None;
        }
        let near = nearest(&self.0, known()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Some(format!("`{self}` is not in the list of regions with Lambda, and is assumed to be a new one{near}"))
    }
}

/// The full name of a layer version, `arn:aws:lambda:eu-west-1:123456789012:layer:NAME:7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerVersionArn(String);

impl LayerVersionArn {
    /// ARN of a version in a directory registry: region `local`, account of zeros.
    pub fn local(layer: &LayerName, version: u64) -> Self {
        Self(format!("arn:aws:lambda:local:000000000000:layer:{layer}:{version}"))
    }

    fn part(&self, index: usize) -> &str {
        self.0.split(':').nth(index).expect("an ARN of a layer version has eight parts")
    }

    pub fn destination(&self) -> Destination {
        Destination { account: self.part(4).to_owned(), region: self.part(3).to_owned() }
    }

    /// Name of the layer.
    pub fn layer(&self) -> &str {
        self.part(6)
    }

    /// The ARN without the version, which the API accepts as the name of a layer of any account.
    pub fn layer_arn(&self) -> &str {
        self.0.rsplit_once(':').map_or(self.0.as_str(), |(layer, _)| layer)
    }

    pub fn version(&self) -> u64 {
        self.part(7).parse().expect("the last part was parsed before")
    }
}

impl FromStr for LayerVersionArn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["arn", _, "lambda", _, _, "layer", _, version] if version.parse::<u64>().is_ok() => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(format!("`{text}` is not the ARN of a layer version")),
        }
    }
}

impl Display for LayerVersionArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

as_string!(LayerVersionArn);

/// An AWS account: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId(String);

impl FromStr for AccountId {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Failure::user(format!("`{text}` is not a valid AWS account ID, which has twelve digits"))
            .hint("put the account ID in quotes: without them, YAML reads 012345678901 as a number"))
    }
}

impl Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

as_string!(AccountId);

impl AccountId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A role of IAM, `arn:aws:iam::123456789012:role/layers`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleArn {
    arn: String,
    account: AccountId,
}

impl FromStr for RoleArn {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", _, "iam", "", account, role] if role.strip_prefix("role/").is_some_and(|name| !name.is_empty()) => {
                Ok(Self { arn: text.to_owned(), account: account.parse()? })
            }
            _ => Err(Failure::user(format!("`{text}` is not a valid role ARN"))
                .hint("use an ARN such as `arn:aws:iam::123456789012:role/layers`")),
        }
    }
}

impl Display for RoleArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.arn)
    }
}

impl RoleArn {
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    pub fn account(&self) -> AccountId {
        self.account.clone()
    }

    /// `aws`, `aws-cn`, …
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }
}

/// Where a run publishes: a region, in the account of a role that it assumes or, without one, in its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `None`: the account of the run's own identity, which is not known yet.
    pub account: Option<AccountId>,
    pub region: String,
    /// Whether messages can leave out the account: it is that of the run's own identity, and there is no other.
    pub is_implied: bool,
}

impl Place {
    pub fn own(region: &str) -> Self {
        Self::in_account(None, region)
    }

    pub fn in_account(account: Option<AccountId>, region: &str) -> Self {
        Self { account, region: region.to_owned(), is_implied: false }
    }

    /// The account, if messages have to name it.
    pub fn shown_account(&self) -> Option<&AccountId> {
        self.account.as_ref().filter(|_| !self.is_implied)
    }

    /// Whether a recorded destination is this one, as far as the account is known.
    pub fn is(&self, destination: &Destination) -> bool {
        self.region == destination.region
            && self.account.as_ref().is_none_or(|account| account.as_str() == destination.account)
    }
}

/// `eu-west-1`, `123456789012/eu-west-1`
impl Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shown_account() {
            Some(account) => write!(formatter, "{account}/{}", self.region),
            None => formatter.write_str(&self.region),
        }
    }
}

/// One AWS account × region, written `123456789012/eu-west-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    pub account: String,
    pub region: String,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (account, region) = text.split_once('/').ok_or_else(|| format!("`{text}` is not `account/region`"))?;
        Ok(Self { account: account.to_owned(), region: region.to_owned() })
    }
}

impl Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.account, self.region)
    }
}

as_string!(Destination);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_knows_where_it_is() {
        let arn: LayerVersionArn = "arn:aws:lambda:eu-west-1:123456789012:layer:shared:7".parse().expect("is valid");
        assert_eq!(arn.destination().to_string(), "123456789012/eu-west-1");
        assert_eq!(arn.version(), 7);
        assert!("arn:aws:lambda:eu-west-1:123456789012:layer:shared".parse::<LayerVersionArn>().is_err());
    }

    #[test]
    fn wrong_names_come_with_the_remedy() {
        let failure = "eu-wst-1".parse::<Region>().expect_err("has a slip");
        assert_eq!(failure.hint.as_deref(), Some("did you mean `eu-west-1`?"));
        let failure = "eu-wset-1".parse::<Region>().expect_err("has a slip, though it has the form of a name");
        assert_eq!(failure.hint.as_deref(), Some("did you mean `eu-west-1`?"));
        let new: Region = "eu-west-9".parse().expect("could be one");
        let doubt = new.doubt().expect("is not known");
        assert!(doubt.contains("`eu-west-9`") && doubt.contains("did you mean `eu-west-"), "{doubt}");
        assert_eq!("eu-west-1".parse::<Region>().expect("is known").doubt(), None);
        assert!("my layer!".parse::<LayerName>().is_err());
        assert!("x".repeat(141).parse::<LayerName>().is_err());
    }
}
