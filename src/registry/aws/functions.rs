//! Finds out which functions have which versions of a layer.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_lambda::types::FunctionVersion;
use tokio::sync::OnceCell;

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

/// A use of a layer version.
type Use = (LayerVersionArn, LayerUser);
/// All uses in one place, after they were read.
type Uses = Arc<OnceCell<Vec<Use>>>;

/// All uses of all layers in each place, as far as they were read, by the number of the place: its account may become
/// known later. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed(Arc<Mutex<BTreeMap<usize, Uses>>>);

/// How old a list of functions may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It is read now.
    Now,
    /// It was read during this run, perhaps for another layer.
    ThisRun,
}

impl AwsRegistry {
    /// The versions of a layer that the functions of an account use, each with the function. Aliases need no look,
    /// because they point to published versions, which are listed.
    pub(crate) async fn functions_with(
        &self,
        place: &Place,
        layer: &LayerName,
        freshness: Freshness,
    ) -> anyhow::Result<Vec<Use>> {
        let of_layer = |(arn, _): &&Use| arn.layer() == layer.as_str();
        if freshness == Freshness::Now {
            return Ok(self.uses(place).await?.iter().filter(of_layer).cloned().collect());
        }
        let known = {
            let mut known = self.functions.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(self.number_of(place)).or_default())
        };
        let uses = known.get_or_try_init(|| self.uses(place)).await?;
        Ok(uses.iter().filter(of_layer).cloned().collect())
    }

    async fn uses(&self, place: &Place) -> anyhow::Result<Vec<Use>> {
        const ACTION: &str = "lambda:ListFunctions";
        let request = self.clients(place).lambda.list_functions().function_version(FunctionVersion::All);
        let mut pages = request.max_items(FUNCTIONS).into_paginator().send();
        let (mut uses, mut rest) = (Vec::new(), None);
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| errors::explain(ACTION, "*", &error))?;
            rest = page.next_marker;
            for function in page.functions.unwrap_or_default() {
                let account = function.function_arn().and_then(|arn| arn.split(':').nth(4)?.parse().ok());
                let user = LayerUser {
                    account: account.or_else(|| place.account.clone()),
                    region: place.region.clone(),
                    function: function.function_name().unwrap_or("a function without a name").to_owned(),
                    version: function.version().filter(|version| *version != "$LATEST").map(str::to_owned),
                };
                let arns = function.layers().iter().filter_map(|used| used.arn()?.parse::<LayerVersionArn>().ok());
                uses.extend(arns.map(|arn| (arn, user.clone())));
            }
        }
        is_whole(ACTION, rest.as_deref())?;
        Ok(uses)
    }
}
