//! Finds out which functions have which versions of a layer.

use aws_sdk_lambda::types::FunctionVersion;

use super::AwsRegistry;
use super::listing::is_whole;
use crate::aws::errors;
use crate::types::{LayerName, LayerVersionArn, Place};

/// The most functions on a page (Lambda API, `ListFunctions`).
const FUNCTIONS: i32 = 50;

impl AwsRegistry {
    /// The versions that the functions of an account use, each with `NAME` or `NAME:VERSION` of the function. Aliases
    /// need no look, because they point to published versions, which are listed.
    pub(crate) async fn functions_with(
        &self,
        place: &Place,
        layer: &LayerName,
    ) -> anyhow::Result<Vec<(LayerVersionArn, String)>> {
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
                        let name = function.function_name().unwrap_or("a function without a name");
                        let name = match function.version() {
                            Some(version) if version != "$LATEST" => format!("{name}:{version}"),
                            _ => name.to_owned(),
                        };
                        users.push((arn, name));
                    }
                }
            }
        }
        is_whole(ACTION, rest.as_deref())?;
        Ok(users)
    }
}
