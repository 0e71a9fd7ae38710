//! Finds out which functions have which versions of a layer.

use std::fmt::{self, Display};

use aws_sdk_lambda::types::FunctionVersion;

use super::AwsRegistry;
use super::listing::is_whole;
use crate::aws::errors;
use crate::types::{AccountId, LayerName, LayerVersionArn, Place};

/// The most functions on a page (Lambda API, `ListFunctions`).
const FUNCTIONS: i32 = 50;

/// A function, or one of its published versions, that uses a version of a layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LayerUser {
    /// The account, from the ARN of the function.
    pub account: Option<AccountId>,
    pub region: String,
    pub function: String,
    /// The number of a published version; `None` for the function as it is now (`$LATEST`).
    pub version: Option<String>,
}

/// `NAME` or `NAME:VERSION`
impl Display for LayerUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(formatter, "{}:{version}", self.function),
            None => formatter.write_str(&self.function),
        }
    }
}

impl AwsRegistry {
    /// The versions that the functions of an account use, each with the function. Aliases need no look, because they
    /// point to published versions, which are listed.
    pub(crate) async fn functions_with(
        &self,
        place: &Place,
        layer: &LayerName,
    ) -> anyhow::Result<Vec<(LayerVersionArn, LayerUser)>> {
        const ACTION: &str = "lambda:ListFunctions";
        let request = self.clients(place).lambda.list_functions().function_version(FunctionVersion::All);
        let mut pages = request.max_items(FUNCTIONS).into_paginator().send();
        let (mut users, mut rest) = (Vec::new(), None);
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| errors::explain(ACTION, "*", &error))?;
            rest = page.next_marker;
            for function in page.functions.unwrap_or_default() {
                for used in function.layers() {
                    let arn = used.arn().and_then(|arn| arn.parse::<LayerVersionArn>().ok());
                    if let Some(arn) = arn.filter(|arn| arn.layer() == layer.as_str()) {
                        let account = function.function_arn().and_then(|arn| arn.split(':').nth(4)?.parse().ok());
                        let user = LayerUser {
                            account: account.or_else(|| place.account.clone()),
                            region: place.region.clone(),
                            function: function.function_name().unwrap_or("a function without a name").to_owned(),
                            version: function.version().filter(|version| *version != "$LATEST").map(str::to_owned),
                        };
                        users.push((arn, user));
                    }
                }
            }
        }
        is_whole(ACTION, rest.as_deref())?;
        Ok(users)
    }
}
