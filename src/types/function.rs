//! Lambda functions, by name or ARN.

use std::fmt::{self, Display};
use std::str::FromStr;

use crate::error::Failure;

/// `shared`, `shared:live`, `123456789012:function:shared`, or `arn:aws:lambda:eu-west-1:123456789012:function:shared`:
/// what the Lambda API takes as `FunctionName`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionName(String);

impl FromStr for FunctionName {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let is_name = |name: &str| {
            (1..=140).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_$.".contains(&byte))
        };
        let parts: Vec<&str> = text.split(':').collect();
        let is_function = match parts.as_slice() {
            ["arn", _, "lambda", region, _, "function", rest @ ..] => {
                !region.is_empty() && (1..=2).contains(&rest.len())
            }
            [_, "function", _] | [_, "function", _, _] => true,
            [_] | [_, _] => parts[0] != "arn",
            _ => false,
        };
        if is_function && parts.iter().all(|part| is_name(part)) {
            return Ok(Self(text.to_owned()));
        }
        Err(Failure::user(format!("`{text}` is not a valid function name or ARN"))
            .hint("use a name, or an ARN such as `arn:aws:lambda:eu-west-1:123456789012:function:orders`"))
    }
}

impl FunctionName {
    /// Of an ARN.
    pub fn region(&self) -> Option<&str> {
        self.0.strip_prefix("arn:")?.split(':').nth(2)
    }

    /// Of an ARN, or of `123456789012:function:shared`.
    pub fn account(&self) -> Option<&str> {
        match self.0.strip_prefix("arn:") {
            Some(rest) => rest.split(':').nth(3),
            None => self.0.split_once(":function:").map(|(account, _)| account),
        }
    }

    /// The name alone.
    pub fn name(&self) -> &str {
        self.named().0
    }

    /// The version or alias.
    pub fn qualifier(&self) -> Option<&str> {
        self.named().1
    }

    fn named(&self) -> (&str, Option<&str>) {
        let named = self.0.split_once(":function:").map_or(self.0.as_str(), |(_, named)| named);
        named.split_once(':').map_or((named, None), |(name, qualifier)| (name, Some(qualifier)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One function, or all that have a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionSelector {
    Named(FunctionName),
    /// `tag:team=data`; without a value, any value matches.
    Tagged {
        key: String,
        value: Option<String>,
    },
}

impl FromStr for FunctionSelector {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let Some(tag) = text.strip_prefix("tag:") else { return text.parse().map(Self::Named) };
        let (key, value) = match tag.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (tag, None),
        };
        // https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
        if key.is_empty() || key.len() > 128 || value.as_ref().is_some_and(|value| value.len() > 256) {
            return Err(Failure::user(format!("`{text}` is not a valid tag"))
                .hint("write it as `tag:KEY=VALUE`, for example `tag:team=data`"));
        }
        Ok(Self::Tagged { key: key.to_owned(), value })
    }
}

impl Display for FunctionSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(formatter),
            Self::Tagged { key, value: Some(value) } => write!(formatter, "tag:{key}={value}"),
            Self::Tagged { key, value: None } => write!(formatter, "tag:{key}"),
        }
    }
}

impl Display for FunctionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_are_functions() {
        for text in ["orders", "orders:live", "arn:aws:lambda:eu-west-1:123456789012:function:orders:$LATEST"] {
            assert!(text.parse::<FunctionName>().is_ok(), "{text}");
        }
        let arn: FunctionName = "arn:aws:lambda:eu-west-1:123456789012:function:orders".parse().expect("is valid");
        assert_eq!((arn.region(), arn.account(), arn.name()), (Some("eu-west-1"), Some("123456789012"), "orders"));
        let alias: FunctionName = "123456789012:function:orders:live".parse().expect("is valid");
        assert_eq!((alias.region(), alias.account()), (None, Some("123456789012")));
        assert_eq!((alias.name(), alias.qualifier()), ("orders", Some("live")));
        for text in ["", "my orders", "arn:aws:lambda:eu-west-1:123456789012:layer:orders:1", "arn:aws:s3:::x"] {
            assert!(text.parse::<FunctionName>().is_err(), "{text}");
        }
    }
}
