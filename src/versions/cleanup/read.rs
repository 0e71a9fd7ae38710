//! Reads what a clean-up needs: versions, the functions that use them, the parameters that name them, and zips. All
//! places are read in parallel. Who only asks for the usage needs no zips.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::decide::Usage;
use crate::aws::errors;
use crate::registry::aws::AwsRegistry;
use crate::registry::aws::functions::Freshness;
use crate::registry::aws::listing::is_whole;
use crate::registry::aws::removing::StoredZip;
use crate::registry::state::State;
use crate::registry::{Listed, Registry};
use crate::types::{ByteSize, LayerName, LayerVersionArn, ParameterTemplate, Place};

/// The most parameters on a page (Systems Manager API, `GetParametersByPath` and `GetParameters`).
const PARAMETERS: usize = 10;

#[derive(Debug)]
pub(super) struct Read {
    /// The places in the user's order.
    pub places: Vec<PlaceRead>,
    /// The uses in all places together, because a function may use a layer of another account.
    pub usage: Usage,
    pub buckets: Vec<Bucket>,
}

#[derive(Debug)]
pub(in crate::versions) struct PlaceRead {
    pub place: Place,
    pub listed: Vec<Listed>,
    /// Failures, with the name of what could not be read for reports.
    pub faults: Vec<(&'static str, anyhow::Error)>,
    /// The names of what could not be read, here or elsewhere, and prevents that versions are removed here.
    pub unread: Vec<String>,
    /// The code storage of the account in the region; `None` if it cannot be read.
    pub storage: Option<ByteSize>,
}

/// A bucket with zips, which several accounts may share.
#[derive(Debug)]
pub(in crate::versions) struct Bucket {
    pub name: String,
    /// The places that publish from it; the first one reads it.
    pub places: Vec<Place>,
    pub zips: anyhow::Result<Vec<StoredZip>>,
}

pub(super) async fn read(
    registry: &Registry,
    layer: &LayerName,
    template: Option<&ParameterTemplate>,
    state: &State,
) -> Read {
    let places = registry.places();
    let storage = join_all(places.iter().map(|place| storage(registry, place)));
    let (read, storage, buckets) = tokio::join!(
        read_usage(registry, layer, template, state, Freshness::Now),
        storage,
        buckets(registry, &places, layer)
    );
    let (mut places, usage) = read;
    places.iter_mut().zip(storage).for_each(|(place, storage)| place.storage = storage);
    let mut read = Read { places, usage, buckets };
    read.spread_faults();
    read
}

/// Reads the versions, and who uses them, without the storage and the zips.
pub(in crate::versions) async fn read_usage(
    registry: &Registry,
    layer: &LayerName,
    template: Option<&ParameterTemplate>,
    state: &State,
    freshness: Freshness,
) -> (Vec<PlaceRead>, Usage) {
    let places = registry.places();
    let reads = places.iter().map(|place| place_read(registry, place, layer, template, state, freshness));
    let reads = join_all(reads).await;
    let (mut places, mut usage) = (Vec::new(), Usage::default());
    for (read, used) in reads {
        places.push(read);
        usage.extend(used);
    }
    (places, usage)
}

/// The code storage of an account in a region. No decision depends on it.
async fn storage(registry: &Registry, place: &Place) -> Option<ByteSize> {
    registry.aws()?.code_storage(place).await.ok()
}

impl Read {
    /// Reads versions, functions and parameters again, right before something is removed.
    pub(super) async fn look_again(
        &mut self,
        registry: &Registry,
        layer: &LayerName,
        template: Option<&ParameterTemplate>,
        state: &State,
    ) {
        let (places, usage) = read_usage(registry, layer, template, state, Freshness::Now).await;
        for (known, read) in self.places.iter_mut().zip(places) {
            *known = PlaceRead { storage: known.storage, ..read };
        }
        self.usage = usage;
        self.spread_faults();
    }

    fn spread_faults(&mut self) {
        let of_place = |read: &PlaceRead| -> Vec<(Place, &'static str)> {
            read.faults.iter().map(|(what, _)| (read.place.clone(), *what)).collect()
        };
        let faults: Vec<(Place, &'static str)> = self.places.iter().flat_map(of_place).collect();
        for read in &mut self.places {
            let reaches = |(place, what): &&(Place, &'static str)| {
                // A function uses only layers of its own region, but of any account.
                *place == read.place || (*what != VERSIONS && place.region == read.place.region)
            };
            read.unread = faults.iter().filter(reaches).map(|(place, what)| format!("{what} in {place}")).collect();
        }
    }
}

pub(in crate::versions) const VERSIONS: &str = "the versions";
pub(in crate::versions) const FUNCTIONS: &str = "the functions";

async fn place_read(
    registry: &Registry,
    place: &Place,
    layer: &LayerName,
    template: Option<&ParameterTemplate>,
    state: &State,
    freshness: Freshness,
) -> (PlaceRead, Usage) {
    let mut faults = Vec::new();
    let mut note = |what, error| faults.push((what, error));
    let mut usage = Usage::default();
    let listed = if let Some(aws) = registry.aws() {
        let parameters = async {
            match template {
                Some(template) => named(aws, place, layer, template, state).await,
                None => Ok(Vec::new()),
            }
        };
        let (listed, functions, parameters) =
            tokio::join!(registry.list(place, layer), used(aws, place, layer, freshness), parameters);
        match functions {
            Ok(functions) => usage.extend(functions),
            Err(error) => note(FUNCTIONS, error),
        }
        match parameters {
            Ok(parameters) => parameters.into_iter().for_each(|(arn, name)| usage.add_parameter(arn, name)),
            Err(error) => note("the parameters", error),
        }
        listed
    } else {
        registry.list(place, layer).await
    };
    let listed = listed.unwrap_or_else(|error| {
        note(VERSIONS, error);
        Vec::new()
    });
    (PlaceRead { place: place.clone(), listed, faults, unread: Vec::new(), storage: None }, usage)
}

/// The versions that the functions of an account use, including published function versions.
async fn used(aws: &AwsRegistry, place: &Place, layer: &LayerName, freshness: Freshness) -> anyhow::Result<Usage> {
    let mut usage = Usage::default();
    for (arn, user) in aws.functions_with(place, layer, freshness).await? {
        usage.add_function(arn, user);
    }
    Ok(usage)
}

/// The versions that parameters name whose names fit the template, with any label.
async fn named(
    aws: &AwsRegistry,
    place: &Place,
    layer: &LayerName,
    template: &ParameterTemplate,
    state: &State,
) -> anyhow::Result<Vec<(LayerVersionArn, String)>> {
    let ssm = aws_sdk_ssm::Client::new(&aws.clients(place).config);
    let mut found = Vec::new();
    let mut note = |parameter: aws_sdk_ssm::types::Parameter| {
        let arn = parameter.value().and_then(|value| value.parse::<LayerVersionArn>().ok());
        found.extend(arn.zip(parameter.name).filter(|(arn, _)| arn.layer() == layer.as_str()));
    };
    if let Some(folder) = template.folder(layer) {
        const ACTION: &str = "ssm:GetParametersByPath";
        let mut pages = ssm.get_parameters_by_path().path(&folder).recursive(true).into_paginator().send();
        let mut rest = None;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| errors::explain(ACTION, &parameter_arn(place, &folder), &error))?;
            rest = page.next_token;
            page.parameters.unwrap_or_default().into_iter().for_each(&mut note);
        }
        is_whole(ACTION, rest.as_deref())?;
        return Ok(found);
    }
    let names: Vec<String> = names(template, layer, state).into_iter().collect();
    for names in names.chunks(PARAMETERS) {
        let reply = ssm.get_parameters().set_names(Some(names.to_vec())).send().await;
        let reply =
            reply.map_err(|error| errors::explain("ssm:GetParameters", &parameter_arn(place, &names[0]), &error))?;
        reply.parameters.unwrap_or_default().into_iter().for_each(&mut note);
    }
    Ok(found)
}

/// All names that a template without a folder can give.
fn names(template: &ParameterTemplate, layer: &LayerName, state: &State) -> BTreeSet<String> {
    let mut targets: BTreeSet<(String, String)> = state
        .contents
        .values()
        .filter_map(|content| Some((content.python.clone()?, content.architecture.clone()?)))
        .collect();
    for python in crate::facts::runtimes() {
        for architecture in [crate::types::Architecture::X86_64, crate::types::Architecture::Arm64] {
            targets.insert((python.python.clone(), architecture.to_string()));
        }
    }
    let mut names = BTreeSet::new();
    for (python, architecture) in &targets {
        let target = (python.as_str(), architecture.as_str());
        names.insert(template.latest(layer, target));
        names.extend(state.labels.keys().filter_map(|label| template.labelled(layer, target, label)));
    }
    names
}

fn parameter_arn(place: &Place, name: &str) -> String {
    let account = place.account.as_ref().map_or("*", |account| account.as_str());
    let (partition, region) = (crate::facts::partition(&place.region), &place.region);
    format!("arn:{partition}:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
}

async fn buckets(registry: &Registry, places: &[Place], layer: &LayerName) -> Vec<Bucket> {
    let Some(aws) = registry.aws() else { return Vec::new() };
    let mut buckets: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for place in places {
        if let Some(name) = aws.bucket(place) {
            buckets.entry(name).or_default().push(place.clone());
        }
    }
    let read = buckets.into_iter().map(|(name, places)| async move {
        let zips = aws.stored_zips(&places[0], layer).await;
        Bucket { name, places, zips }
    });
    join_all(read).await
}
