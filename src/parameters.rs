//! SSM parameters that name versions, so that nobody has to guess the newest number.
//!
//! A parameter is written where its value differs, and only if it names a version of this very layer or nothing yet.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::delete_parameter::DeleteParameterError;
use aws_sdk_ssm::operation::put_parameter::PutParameterError;
use aws_sdk_ssm::types::{Parameter, ParameterType};
use futures::future::join_all;

use crate::error::Failure;
use crate::facts;
use crate::registry::state::{Content, State};
use crate::registry::store::StateStore;
use crate::registry::{Registry, aws_error};
use crate::report::{Change, ChangeKind, ChangeOutcome};
use crate::spec::Spec;
use crate::types::{ContentHash, Label, LayerName, LayerVersionArn, ParameterTemplate, Place};
use crate::versions::Choice;

/// Names that one `GetParameters` takes.
const NAMES: usize = 10;
/// How often a parameter is read and written while others write it.
const ATTEMPTS: usize = 3;

/// A parameter, and what it shall name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    place: Place,
    name: String,
    /// `None`: there shall be none.
    arn: Option<LayerVersionArn>,
}

/// After publishing: the parameter of the newest version, and that of the git tag where there are no labels, which have
/// theirs.
pub async fn apply(
    template: &ParameterTemplate,
    choice: &Choice,
    spec: &Spec,
    registry: &Registry,
    store: &StateStore,
) -> Vec<Change> {
    let (python, architecture) = (spec.target.python.to_string(), spec.target.architecture.to_string());
    let target = (python.as_str(), architecture.as_str());
    let tag = spec.declaration.label.as_ref().filter(|_| matches!(store, StateStore::Nowhere));
    let tag = tag.and_then(|tag| template.tagged(&spec.layer, target, tag));
    let latest = template.latest(&spec.layer, target);
    let names: BTreeSet<String> = std::iter::once(latest).chain(tag).collect();
    let wanted = choice.versions.iter().flat_map(|chosen| {
        let arn = chosen.arn.as_ref().ok().cloned();
        names.iter().filter_map(move |name| {
            Some(Wanted { place: chosen.place.clone(), name: name.clone(), arn: Some(arn.clone()?) })
        })
    });
    converge(wanted.collect(), &spec.layer, registry, spec.dry_run).await
}

/// Brings the parameters of labels to what the labels are on. `content` is what they were put on or taken from.
pub async fn follow_labels(
    template: &ParameterTemplate,
    labels: &BTreeSet<Label>,
    content: ContentHash,
    (before, after): (&State, &State),
    registry: &Registry,
    dry_run: bool,
) -> Vec<Change> {
    let has_names = |state: &State| {
        let target = state.contents.get(&content).and_then(target_of);
        !template.needs_target() || target.is_some()
    };
    if !has_names(after) {
        let failure = Failure::user(format!(
            "it is not known which Python and architecture `{content}` was built for, which `ssm-parameter` names"
        ));
        let error =
            failure.hint("publish this layer once more, or use a template without `{python}` and `{arch}`").into();
        let failed = |place: &Place| {
            let change = Change::new(place, ChangeKind::Parameter, template.to_string(), "", ChangeOutcome::Failed);
            change.failed(&error)
        };
        return registry.places().iter().map(failed).collect();
    }
    let mut wanted = Vec::new();
    for place in registry.places() {
        for label in labels {
            let names = named(template, label, content, (before, after), &place);
            wanted.extend(names.into_iter().map(|(name, arn)| Wanted { place: place.clone(), name, arn }));
        }
    }
    converge(wanted, &after.layer, registry, dry_run).await
}

/// Names of a label's parameters in a place, and the newest version that has the label there: one for each target that
/// the label is or was on, since the target may be part of the name.
fn named(
    template: &ParameterTemplate,
    label: &Label,
    content: ContentHash,
    (before, after): (&State, &State),
    place: &Place,
) -> BTreeMap<String, Option<LayerVersionArn>> {
    let on = |state: &State| state.labels.get(label).cloned().unwrap_or_default();
    let now = on(after);
    let mut names: BTreeMap<String, Option<LayerVersionArn>> = BTreeMap::new();
    for hash in on(before).union(&now).chain(std::iter::once(&content)) {
        let target = match after.contents.get(hash).and_then(target_of) {
            None if template.needs_target() => continue,
            target => target.unwrap_or_default(),
        };
        let Some(name) = template.labelled(&after.layer, target, label) else { continue };
        let version = after.version_in(*hash, place).filter(|_| now.contains(hash));
        let newest = names.entry(name).or_default();
        if let Some(version) = version
            && newest.as_ref().is_none_or(|newest| newest.version() < version.version)
        {
            *newest = Some(version.arn.clone());
        }
    }
    names
}

/// Python version and architecture.
fn target_of(content: &Content) -> Option<(&str, &str)> {
    Some((content.python.as_deref()?, content.architecture.as_deref()?))
}

/// Each place by itself, all side by side; within a place one after the other: SSM takes three writes a second.
async fn converge(wanted: Vec<Wanted>, layer: &LayerName, registry: &Registry, dry_run: bool) -> Vec<Change> {
    let Some(aws) = registry.aws() else { return Vec::new() };
    let mut by_place: BTreeMap<Place, Vec<Wanted>> = BTreeMap::new();
    for parameter in wanted {
        by_place.entry(parameter.place.clone()).or_default().push(parameter);
    }
    let places = by_place.into_iter().map(|(place, wanted)| async move {
        let parameters = Parameters { client: Client::new(&aws.clients(&place).config), place, layer, dry_run };
        parameters.converge(&wanted).await
    });
    join_all(places).await.into_iter().flatten().collect()
}

/// The parameters of a place.
struct Parameters<'a> {
    client: Client,
    place: Place,
    layer: &'a LayerName,
    dry_run: bool,
}

/// What a parameter has.
enum Held {
    Nothing,
    Version(LayerVersionArn),
    /// What this program never wrote.
    Other,
}

impl Parameters<'_> {
    async fn converge(&self, wanted: &[Wanted]) -> Vec<Change> {
        let names: Vec<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        let held = match self.read(&names).await {
            Ok(held) => held,
            Err(error) => return wanted.iter().map(|wanted| self.change(wanted, "").failed(&error)).collect(),
        };
        let mut changes = Vec::new();
        for wanted in wanted {
            changes.push(self.converge_one(wanted, held.get(&wanted.name)).await);
        }
        changes
    }

    async fn converge_one(&self, wanted: &Wanted, held: Option<&Parameter>) -> Change {
        let mut held = held.map_or(Held::Nothing, |parameter| self.held(parameter));
        for _ in 0..ATTEMPTS {
            let before = match &held {
                Held::Nothing => None,
                Held::Version(arn) => Some(arn),
                Held::Other => return self.change(wanted, "").failed(&self.is_foreign(&wanted.name).into()),
            };
            let detail = detail(before, wanted.arn.as_ref());
            let change = self.change(wanted, detail);
            if before == wanted.arn.as_ref() {
                return Change { outcome: ChangeOutcome::Unchanged, ..change };
            }
            if self.dry_run {
                return Change { outcome: ChangeOutcome::Would, ..change };
            }
            let written = match &wanted.arn {
                Some(arn) => self.put(&wanted.name, arn, before.is_some()).await,
                None => self.delete(&wanted.name).await.map(|()| Put::Done),
            };
            match written {
                Ok(Put::Done) => return change,
                Ok(Put::Exists) => {}
                Err(error) => return change.failed(&error),
            }
            held = match self.read(&[&wanted.name]).await {
                Ok(read) => read.get(&wanted.name).map_or(Held::Nothing, |parameter| self.held(parameter)),
                Err(error) => return change.failed(&error),
            };
        }
        let failure = Failure::system(format!("others keep writing the parameter `{}`", wanted.name)).hint("run again");
        self.change(wanted, "").failed(&failure.into())
    }

    fn change(&self, wanted: &Wanted, detail: impl Into<String>) -> Change {
        let subject = format!("parameter {}", wanted.name);
        Change::new(&self.place, ChangeKind::Parameter, subject, detail, ChangeOutcome::Done)
    }

    fn held(&self, parameter: &Parameter) -> Held {
        let is_text = parameter.r#type() == Some(&ParameterType::String);
        let arn: Option<LayerVersionArn> = parameter.value().filter(|_| is_text).and_then(|value| value.parse().ok());
        match arn.filter(|arn| arn.layer() == self.layer.as_str() && self.place.is(&arn.destination())) {
            Some(arn) => Held::Version(arn),
            None => Held::Other,
        }
    }

    fn is_foreign(&self, name: &str) -> Failure {
        let failure = Failure::user(format!("the parameter `{name}` holds no version of `{}`", self.layer));
        failure.hint("it stays as it is: name another with `ssm-parameter`, or delete it")
    }

    async fn read(&self, names: &[&str]) -> anyhow::Result<BTreeMap<String, Parameter>> {
        let mut found = BTreeMap::new();
        for names in names.chunks(NAMES) {
            let request = self.client.get_parameters().set_names(Some(names.iter().map(ToString::to_string).collect()));
            let reply = request.send().await;
            let reply = reply.map_err(|error| aws_error::explain("ssm:GetParameters", &self.arn(names[0]), &error))?;
            for parameter in reply.parameters.unwrap_or_default() {
                found.insert(parameter.name().unwrap_or_default().to_owned(), parameter);
            }
        }
        Ok(found)
    }

    async fn put(&self, name: &str, arn: &LayerVersionArn, overwrites: bool) -> anyhow::Result<Put> {
        let description = format!("Version of the Lambda layer {}", self.layer);
        let request = self.client.put_parameter().name(name).value(arn.to_string()).r#type(ParameterType::String);
        // What appeared since it was read is looked at first.
        match request.description(description).overwrite(overwrites).send().await {
            Ok(_) => Ok(Put::Done),
            Err(error)
                if error.as_service_error().is_some_and(PutParameterError::is_parameter_already_exists)
                    && !overwrites =>
            {
                Ok(Put::Exists)
            }
            Err(error) => Err(aws_error::explain("ssm:PutParameter", &self.arn(name), &error)),
        }
    }

    async fn delete(&self, name: &str) -> anyhow::Result<()> {
        match self.client.delete_parameter().name(name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(DeleteParameterError::is_parameter_not_found) => Ok(()),
            Err(error) => Err(aws_error::explain("ssm:DeleteParameter", &self.arn(name), &error)),
        }
    }

    fn arn(&self, name: &str) -> String {
        let region = &self.place.region;
        let account = self.place.account.as_ref().map_or("*", |account| account.as_str());
        format!("arn:{}:ssm:{region}:{account}:parameter/{}", facts::partition(region), name.trim_start_matches('/'))
    }
}

enum Put {
    Done,
    /// It appeared meanwhile.
    Exists,
}

/// `version 6 → 7`
fn detail(before: Option<&LayerVersionArn>, after: Option<&LayerVersionArn>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before != after => format!("version {} → {}", before.version(), after.version()),
        (_, Some(after)) => format!("version {}", after.version()),
        (Some(before), None) => format!("version {} → removed", before.version()),
        (None, None) => "is not there".to_owned(),
    }
}
