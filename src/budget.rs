//! What functions have left for this layer: 250 MB, less their code and their other layers, all unzipped.
//!
//! The API names zipped sizes only, so the directory at the end of each zip is read.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_lambda::operation::get_function::{GetFunctionError, GetFunctionOutput};
use aws_sdk_lambda::types::{FunctionConfiguration, PackageType};

use crate::audit::Finding;
use crate::audit::size::remedy;
use crate::environment::Environment;
use crate::error::{Failure, counted};
use crate::facts;
use crate::registry::{aws, aws_error, download};
use crate::report::DistributionSize;
use crate::types::{ByteSize, FunctionName, LayerVersionArn, Region};

/// The layer that has to fit.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Versions of it that functions have now will be replaced; `None` if it is not known by a name.
    pub name: Option<&'a str>,
    pub unzipped: ByteSize,
    /// Its largest parts, largest first.
    pub largest: &'a [DistributionSize],
}

/// Functions that are named without a region are looked for in `regions`, or in that of the AWS configuration.
///
/// # Errors
/// What AWS says to the questions; a permission that is missing comes with its statement.
pub async fn check(
    functions: &[FunctionName],
    regions: &[Region],
    candidate: Candidate<'_>,
    environment: &Environment,
) -> anyhow::Result<Vec<Finding>> {
    if functions.is_empty() {
        return Ok(Vec::new());
    }
    let config = aws::configuration(environment).await;
    let mut known = BTreeMap::new();
    let mut findings = Vec::new();
    for function in functions {
        let regions: Vec<String> = match (function.region(), regions, config.region()) {
            (Some(region), _, _) => vec![region.to_owned()],
            (None, [], Some(region)) => vec![region.to_string()],
            (None, [], None) => {
                let failure = Failure::user(format!("there is no region to look for the function `{function}` in"));
                return Err(failure.hint("name one with `regions`, set AWS_REGION, or give the function's ARN").into());
            }
            (None, regions, _) => regions.iter().map(ToString::to_string).collect(),
        };
        let mut is_found = false;
        for region in &regions {
            let config = config.to_builder().region(aws_config::Region::new(region.clone())).build();
            let Some(found) = get_function(&config, function, region).await? else { continue };
            is_found = true;
            findings.push(look_at(&config, function, region, &found, candidate, &mut known).await?);
        }
        if !is_found {
            findings.push(Finding::error(
                "function-budget",
                function.as_str(),
                format!("there is no function `{function}` in {}", regions.join(", ")),
                "correct `budget-functions` or the region, or give the function's ARN",
            ));
        }
    }
    Ok(findings)
}

async fn get_function(
    config: &SdkConfig,
    function: &FunctionName,
    region: &str,
) -> anyhow::Result<Option<GetFunctionOutput>> {
    match aws_sdk_lambda::Client::new(config).get_function().function_name(function.as_str()).send().await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.as_service_error().is_some_and(GetFunctionError::is_resource_not_found_exception) => {
            Ok(None)
        }
        Err(error) => {
            let arn = format!("arn:{}:lambda:{region}:*:function:{function}", facts::partition(region));
            let arn = if function.region().is_some() { function.to_string() } else { arn };
            Err(aws_error::explain("lambda:GetFunction", &arn, &error))
        }
    }
}

async fn look_at(
    config: &SdkConfig,
    function: &FunctionName,
    region: &str,
    found: &GetFunctionOutput,
    candidate: Candidate<'_>,
    known: &mut BTreeMap<String, ByteSize>,
) -> anyhow::Result<Finding> {
    let shown = format!("`{function}` in {region}");
    let settings = found.configuration();
    if settings.and_then(|settings| settings.package_type()) == Some(&PackageType::Image) {
        return Ok(Finding::error(
            "function-budget",
            function.as_str(),
            format!("{shown} runs from a container image, which takes no layers"),
            "leave it out of `budget-functions`, and install the packages in its image",
        ));
    }
    let zipped = settings.map_or(0, |settings| u64::try_from(settings.code_size()).unwrap_or(0));
    let location = found.code().and_then(|code| code.location()).unwrap_or_default();
    let code = download::unzipped_size(config, location, function.as_str(), ByteSize(zipped)).await?;
    let account = settings.and_then(|settings| settings.function_arn()).and_then(|arn| arn.split(':').nth(4));
    let (mut layers, mut count) = (0, 0);
    for layer in settings.map(FunctionConfiguration::layers).unwrap_or_default() {
        let Some(arn) = layer.arn().and_then(|arn| arn.parse::<LayerVersionArn>().ok()) else { continue };
        // A version of this very layer makes room for the new one.
        if candidate.name == Some(arn.layer()) && account == Some(arn.destination().account.as_str()) {
            continue;
        }
        layers += size_of_layer(config, &arn, known).await?.0;
        count += 1;
    }
    Ok(judge(function, &shown, code, (count, ByteSize(layers)), candidate))
}

async fn size_of_layer(
    config: &SdkConfig,
    arn: &LayerVersionArn,
    known: &mut BTreeMap<String, ByteSize>,
) -> anyhow::Result<ByteSize> {
    let text = arn.to_string();
    if let Some(size) = known.get(&text) {
        return Ok(*size);
    }
    let number = i64::try_from(arn.version())?;
    let lambda = aws_sdk_lambda::Client::new(config);
    let version = lambda.get_layer_version().layer_name(arn.layer_arn()).version_number(number).send().await;
    let version = version.map_err(|error| aws_error::explain("lambda:GetLayerVersion", &text, &error))?;
    let content = version.content();
    let zipped = content.map_or(0, |content| u64::try_from(content.code_size()).unwrap_or(0));
    let location = content.and_then(|content| content.location()).unwrap_or_default();
    let size = download::unzipped_size(config, location, &text, ByteSize(zipped)).await?;
    known.insert(text, size);
    Ok(size)
}

fn judge(
    function: &FunctionName,
    shown: &str,
    code: ByteSize,
    (count, layers): (usize, ByteSize),
    candidate: Candidate<'_>,
) -> Finding {
    let limit = facts::limits().unzipped_size;
    let left = ByteSize(limit.saturating_sub(code.0).saturating_sub(layers.0));
    let others = if count == 0 { String::new() } else { format!(" and {layers} in {}", counted(count, "other layer")) };
    let state = format!("{shown} has {code} of code{others}, which leaves {left} of Lambda's {}", ByteSize(limit));
    let size = candidate.unzipped;
    if size <= left {
        let room = ByteSize(left.0 - size.0);
        return Finding::notice(
            "function-budget",
            function.as_str(),
            format!("{state}: the layer of {size} fits"),
            format!("{room} remain for its code and layers to grow"),
        );
    }
    let over = ByteSize(size.0 - left.0);
    Finding::error(
        "function-budget",
        function.as_str(),
        format!(
            "{state}: the layer of {size} is {over} too large; Lambda would say \"Unzipped size must be smaller than {} bytes\"",
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
            judge(&function, "`orders`", ByteSize(30_782_915), (2, ByteSize(100_000_000)), candidate)
        };
        assert!(judged(131_361_085).message.ends_with("fits"));
        let finding = judged(131_361_086);
        assert!(finding.message.contains("must be smaller than 131361085 bytes"), "{}", finding.message);
    }
}
