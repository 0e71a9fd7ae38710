//! Whether functions have room for this layer: Lambda allows 250 MB unzipped for the code and all layers of a function.

mod room;

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::{GetFunctionError, GetFunctionOutput};
use aws_sdk_lambda::types::PackageType;

use crate::audit::size::remedy;
use crate::aws::{self, errors};
use crate::environment::Environment;
use crate::error::Failure;
use crate::facts;
use crate::layer::{DistributionSize, Finding};
use crate::types::{ByteSize, FunctionName, LayerVersionArn, Region};
pub(crate) use room::{Sizes, Taken};

/// The layer for which there has to be room.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The layer's name: versions of it that functions use now will be replaced. `None` if it is not known.
    pub name: Option<&'a str>,
    pub unzipped: ByteSize,
    /// Its largest parts, largest first.
    pub largest: &'a [DistributionSize],
}

/// Functions without a region in their name are looked up in `regions`, or in the region of the AWS configuration.
///
/// # Errors
/// AWS refuses a request; for a missing permission, the hint has the policy statement.
pub async fn check(
    functions: &[FunctionName],
    regions: &[Region],
    candidate: Candidate<'_>,
    environment: &Environment,
) -> anyhow::Result<Vec<Finding>> {
    if functions.is_empty() {
        return Ok(Vec::new());
    }
    let config = aws::configuration(environment, regions.first().map(Region::as_str)).await?;
    let mut sizes: BTreeMap<String, Sizes> = BTreeMap::new();
    let mut findings = Vec::new();
    for function in functions {
        let regions: Vec<String> = match (function.region(), regions, config.region()) {
            (Some(region), _, _) => vec![region.to_owned()],
            (None, [], Some(region)) => vec![region.to_string()],
            (None, [], None) => {
                let failure = Failure::user(format!("the function `{function}` cannot be found without a region"));
                return Err(failure.hint("set `regions` or AWS_REGION, or give the function's ARN").into());
            }
            (None, regions, _) => regions.iter().map(ToString::to_string).collect(),
        };
        let mut is_found = false;
        for region in &regions {
            let config = config.to_builder().region(aws_config::Region::new(region.clone())).build();
            let lambda = aws_sdk_lambda::Client::new(&config);
            let Some(found) = get_function(&lambda, function, region).await? else { continue };
            is_found = true;
            let sizes = sizes.entry(region.clone()).or_insert_with(|| Sizes::new(config, lambda));
            findings.push(look_at(sizes, function, region, &found, candidate).await?);
        }
        if !is_found {
            findings.push(Finding::error(
                "function-budget",
                function.as_str(),
                format!("the function `{function}` does not exist in {}", regions.join(", ")),
                "correct `budget-functions` or the region, or give the function's ARN",
            ));
        }
    }
    Ok(findings)
}

async fn get_function(
    lambda: &aws_sdk_lambda::Client,
    function: &FunctionName,
    region: &str,
) -> anyhow::Result<Option<GetFunctionOutput>> {
    match lambda.get_function().function_name(function.as_str()).send().await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.as_service_error().is_some_and(GetFunctionError::is_resource_not_found_exception) => {
            Ok(None)
        }
        Err(error) => {
            let arn = format!("arn:{}:lambda:{region}:*:function:{function}", facts::partition(region));
            let arn = if function.region().is_some() { function.to_string() } else { arn };
            Err(errors::explain("lambda:GetFunction", &arn, &error))
        }
    }
}

async fn look_at(
    sizes: &Sizes,
    function: &FunctionName,
    region: &str,
    found: &GetFunctionOutput,
    candidate: Candidate<'_>,
) -> anyhow::Result<Finding> {
    let shown = format!("`{function}` in {region}");
    let settings = found.configuration();
    if settings.and_then(|settings| settings.package_type()) == Some(&PackageType::Image) {
        return Ok(Finding::error(
            "function-budget",
            function.as_str(),
            format!("{shown} runs from a container image, which cannot use layers"),
            "remove it from `budget-functions`, and install the packages in its image",
        ));
    }
    let account = settings.and_then(|settings| settings.function_arn()).and_then(|arn| arn.split(':').nth(4));
    // Functions that use this layer already replace the old version with the new one.
    let is_this_layer = |arn: &LayerVersionArn| {
        candidate.name == Some(arn.layer()) && account == Some(arn.destination().account.as_str())
    };
    let taken = sizes.taken(function.as_str(), found, is_this_layer).await?;
    Ok(judge(function, &shown, taken, candidate))
}

fn judge(function: &FunctionName, shown: &str, taken: Taken, candidate: Candidate<'_>) -> Finding {
    let (state, left, size) = (taken.describe(shown), taken.left(), candidate.unzipped);
    if size <= left {
        let room = ByteSize(left.0 - size.0);
        return Finding::notice(
            "function-budget",
            function.as_str(),
            format!("{state}: the layer ({size}) fits"),
            format!("{room} remain for its code and layers to grow"),
        );
    }
    let over = ByteSize(size.0 - left.0);
    Finding::error(
        "function-budget",
        function.as_str(),
        format!(
            "{state}: the layer ({size}) is {over} too large; Lambda would answer \"Unzipped size must be smaller than {} bytes\"",
            left.0
        ),
        format!("make the function's code or other layers smaller, or {}", remedy(candidate.largest)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odd_number_of_the_message_is_what_is_left() {
        let function: FunctionName = "orders".parse().expect("is valid");
        let judged = |unzipped| {
            let candidate = Candidate { name: None, unzipped: ByteSize(unzipped), largest: &[] };
            let taken = Taken { code: ByteSize(30_782_915), layers: ByteSize(100_000_000), count: 2 };
            judge(&function, "`orders`", taken, candidate)
        };
        assert!(judged(131_361_085).message.ends_with("fits"));
        let finding = judged(131_361_086);
        assert!(finding.message.contains("must be smaller than 131361085 bytes"), "{}", finding.message);
    }
}
