//! Finds the selected functions: by name in each place, by ARN in one place, by tag in all places.

use anyhow::Context as _;
use aws_sdk_lambda::operation::get_function::{GetFunctionError, GetFunctionOutput};
use aws_sdk_lambda::types::FunctionConfiguration;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::StreamExt as _;
use futures::future::join_all;

use super::decide::{Placed, has};
use super::{AT_ONCE, Target};
use crate::aws::errors;
use crate::error::Failure;
use crate::facts;
use crate::types::{FunctionName, FunctionSelector, LayerVersionArn};
use crate::versions::{Change, ChangeKind, ChangeOutcome};

/// A function, as it was when it was found.
pub(super) struct Found<'a> {
    pub(super) target: Target<'a>,
    pub(super) name: String,
    pub(super) output: GetFunctionOutput,
    pub(super) settings: FunctionConfiguration,
}

impl Found<'_> {
    pub(super) fn has_it(&self) -> bool {
        has(&self.settings, self.target.version)
    }

    pub(super) fn detail(&self) -> String {
        Placed::new(&self.settings, self.target.version).detail(self.target.version)
    }

    pub(super) fn row(&self, detail: String, outcome: ChangeOutcome) -> Change {
        row(self.target, &self.name, detail, outcome)
    }
}

fn row(target: Target<'_>, name: &str, detail: impl Into<String>, outcome: ChangeOutcome) -> Change {
    Change::new(target.place, ChangeKind::Attach, format!("function {name}"), detail, outcome)
}

/// Each function once, and a row for each one that cannot be found.
pub(super) async fn all<'a>(selectors: &[FunctionSelector], targets: &[Target<'a>]) -> (Vec<Found<'a>>, Vec<Change>) {
    let searches = selectors.iter().map(|selector| async move {
        match selector {
            FunctionSelector::Named(function) => named(function, targets).await,
            FunctionSelector::Tagged { key, value } => tagged(selector, key, value.as_deref(), targets).await,
        }
    });
    let (mut found, mut failed): (Vec<Found<'a>>, Vec<Change>) = (Vec::new(), Vec::new());
    for (functions, rows) in join_all(searches).await {
        for function in functions {
            let is_it = |other: &Found<'a>| other.target.place == function.target.place && other.name == function.name;
            if !found.iter().any(is_it) {
                found.push(function);
            }
        }
        failed.extend(rows);
    }
    (found, failed)
}

async fn named<'a>(function: &FunctionName, targets: &[Target<'a>]) -> (Vec<Found<'a>>, Vec<Change>) {
    let refused = |failure: Failure| {
        let row = row(targets[0], function.as_str(), "attach", ChangeOutcome::Failed);
        (Vec::new(), vec![row.failed(&failure.into())])
    };
    if let Some(qualifier) = function.qualifier().filter(|qualifier| *qualifier != "$LATEST") {
        let message = format!(
            "`{function}` is the version or alias `{qualifier}` of a function, but only the layers of the function itself can be changed"
        );
        let name = function.name();
        return refused(
            Failure::user(message).hint(format!("use `{name}`, and publish a new version of the function afterwards")),
        );
    }
    let is_there = |target: &&Target<'a>| {
        let destination = target.version.destination();
        function.region().is_none_or(|region| region == destination.region)
            && function.account().is_none_or(|account| account == destination.account)
    };
    let there: Vec<Target<'a>> = targets.iter().filter(is_there).copied().collect();
    let places = |targets: &[Target<'a>]| {
        targets.iter().map(|target| target.version.destination().to_string()).collect::<Vec<_>>().join(", ")
    };
    if there.is_empty() {
        let message = format!("`{function}` is not in the account and region of the layer: {}", places(targets));
        return refused(Failure::user(message).hint(
            "set `regions` to the region of the function, and `roles` to a role in its account: a function can use only layers in its own region",
        ));
    }
    let asked = there.iter().map(|target| get(*target, function.name()));
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for (target, answer) in there.iter().zip(join_all(asked).await) {
        match answer {
            Ok(function) => found.extend(function),
            Err(error) => {
                failed.push(row(*target, function.name(), "attach", ChangeOutcome::Failed).failed(&error));
            }
        }
    }
    if found.is_empty() && failed.is_empty() {
        let failure = Failure::user(format!("the function `{function}` does not exist in {}", places(&there)));
        return refused(failure.hint("correct `attach-to` or `regions`"));
    }
    (found, failed)
}

async fn tagged<'a>(
    selector: &FunctionSelector,
    key: &str,
    value: Option<&str>,
    targets: &[Target<'a>],
) -> (Vec<Found<'a>>, Vec<Change>) {
    let lists = join_all(targets.iter().map(|target| names_with_tag(*target, key, value))).await;
    let (mut names, mut failed) = (Vec::new(), Vec::new());
    for (target, list) in targets.iter().zip(lists) {
        match list {
            Ok(list) => names.extend(list.into_iter().map(|name| (*target, name))),
            Err(error) => {
                let subject = format!("functions with `{selector}`");
                let row = Change::new(target.place, ChangeKind::Attach, subject, "attach", ChangeOutcome::Failed);
                failed.push(row.failed(&error));
            }
        }
    }
    let asked =
        futures::stream::iter(names).map(|(target, name)| async move { (target, get(target, &name).await, name) });
    let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
    let mut found = Vec::new();
    for (target, answer, name) in answers {
        match answer {
            // A deleted function is still listed for a while.
            Ok(function) => found.extend(function),
            Err(error) => failed.push(row(target, &name, "attach", ChangeOutcome::Failed).failed(&error)),
        }
    }
    if found.is_empty() && failed.is_empty() {
        let places: Vec<String> = targets.iter().map(|target| target.place.to_string()).collect();
        let failure = Failure::user(format!("no function has `{selector}` in {}", places.join(", ")));
        let failure = failure.hint(
            "correct the tag in `attach-to`, or tag the functions; it takes a few seconds until a new tag is found",
        );
        let subject = format!("functions with `{selector}`");
        let row = Change::new(targets[0].place, ChangeKind::Attach, subject, "attach", ChangeOutcome::Failed);
        failed.push(row.failed(&failure.into()));
    }
    (found, failed)
}

/// The names of the functions with a tag in one place.
async fn names_with_tag(target: Target<'_>, key: &str, value: Option<&str>) -> anyhow::Result<Vec<String>> {
    let client = aws_sdk_resourcegroupstagging::Client::new(&target.clients.config);
    let filter = TagFilter::builder().key(key).set_values(value.map(|value| vec![value.to_owned()])).build();
    let request = client.get_resources().resource_type_filters("lambda:function").tag_filters(filter);
    let mut pages = request.into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| errors::explain("tag:GetResources", "*", &error))?;
        for resource in page.resource_tag_mapping_list.unwrap_or_default() {
            let arn = resource.resource_arn.context("AWS listed a tagged function without its ARN")?;
            let function: FunctionName = arn.parse()?;
            names.push(function.name().to_owned());
        }
    }
    Ok(names)
}

/// The function; `None` if it does not exist.
async fn get<'a>(target: Target<'a>, name: &str) -> anyhow::Result<Option<Found<'a>>> {
    let Some(output) = ask(&target.clients.lambda, target.version, name).await? else { return Ok(None) };
    let settings = settings(&output, name)?;
    Ok(Some(Found { target, name: name.to_owned(), output, settings }))
}

pub(super) fn settings(output: &GetFunctionOutput, name: &str) -> anyhow::Result<FunctionConfiguration> {
    output.configuration().cloned().with_context(|| format!("AWS did not return the configuration of `{name}`"))
}

/// Reads the whole function: the same permission covers its settings and the location of its code.
pub(super) async fn ask(
    lambda: &aws_sdk_lambda::Client,
    version: &LayerVersionArn,
    name: &str,
) -> anyhow::Result<Option<GetFunctionOutput>> {
    match lambda.get_function().function_name(name).send().await {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.as_service_error().is_some_and(GetFunctionError::is_resource_not_found_exception) => {
            Ok(None)
        }
        Err(error) => Err(errors::explain("lambda:GetFunction", &function_arn(version, name), &error)),
    }
}

/// The ARN of a function in the region and account of a layer version.
pub(super) fn function_arn(version: &LayerVersionArn, name: &str) -> String {
    let destination = version.destination();
    let (region, account) = (&destination.region, &destination.account);
    format!("arn:{}:lambda:{region}:{account}:function:{name}", facts::partition(region))
}
