//! SSM parameters that contain the ARN of a version, so that users need not look up its number.
//!
//! The state decides what a parameter names, and not what this run published: of several runs at once, the one that
//! wrote the state last decides, whichever writes the parameter last. A parameter is written only if its value differs,
//! and if it names a version of the same layer or does not exist yet.

mod client;
mod converge;

use std::collections::BTreeSet;

use crate::error::Failure;
use crate::registry::Registry;
use crate::registry::state::{Content, State};
use crate::registry::store::StateStore;
use crate::spec::Spec;
use crate::types::{ContentHash, Destination, Label, LayerName, LayerVersionArn, ParameterTemplate, Place};
use crate::versions::select::Choice;
use crate::versions::{Change, ChangeKind, ChangeOutcome};

/// A parameter and the version that it should name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted<'a> {
    place: Place,
    name: String,
    follows: Follows<'a>,
    /// The version that this run wants it to name; `None` if the parameter should not exist.
    wish: Option<LayerVersionArn>,
}

/// The source of a parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows<'a> {
    /// The version of the current content if that has the same name, otherwise of this content.
    Current(Option<ContentHash>),
    /// The newest version with the label.
    Label(&'a Label),
}

/// The names of a layer's parameters.
#[derive(Clone, Copy)]
struct Names<'a> {
    template: &'a ParameterTemplate,
    layer: &'a LayerName,
}

/// Writes parameters after publishing: that of the newest version, and that of the git tag, unless there are labels,
/// which have their own.
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
    let follows = Follows::Current(choice.content);
    let wanted = choice.versions.iter().flat_map(|chosen| {
        let wish = chosen.arn.as_ref().ok().cloned();
        names.iter().filter_map(move |name| {
            Some(Wanted { place: chosen.place.clone(), name: name.clone(), follows, wish: Some(wish.clone()?) })
        })
    });
    let names = Names { template, layer: &spec.layer };
    converge::converge(wanted.collect(), names, registry, store, spec.dry_run).await
}

/// Updates the parameters of labels. `content` is the one that they were put on or taken off.
pub async fn follow_labels(
    template: &ParameterTemplate,
    labels: &BTreeSet<Label>,
    content: ContentHash,
    (before, after): (&State, &State),
    registry: &Registry,
    store: &StateStore,
    dry_run: bool,
) -> Vec<Change> {
    let names = Names { template, layer: &after.layer };
    if !names.are_known(content, after) {
        let failure = Failure::user(format!(
            "`ssm-parameter` contains the Python version or architecture, but it is not known for which ones `{content}` was built"
        ));
        let error = failure.hint("publish this layer again, or use a template without `{python}` and `{arch}`").into();
        let failed = |place: &Place| {
            let change = Change::new(place, ChangeKind::Parameter, template.to_string(), "", ChangeOutcome::Failed);
            change.failed(&error)
        };
        return registry.places().iter().map(failed).collect();
    }
    let mut wanted = Vec::new();
    for place in registry.places() {
        for label in labels {
            let follows = Follows::Label(label);
            wanted.extend(names.of_label(label, content, (before, after)).into_iter().map(|name| Wanted {
                wish: names.newest(&name, label, after, &place),
                place: place.clone(),
                name,
                follows,
            }));
        }
    }
    converge::converge(wanted, names, registry, store, dry_run).await
}

impl Names<'_> {
    fn are_known(self, content: ContentHash, state: &State) -> bool {
        !self.template.needs_target() || state.contents.get(&content).and_then(target_of).is_some()
    }

    /// The parameter's name for a content: that of a label on it, or that of the newest version. `None` if it has none,
    /// or if the content's target is not known.
    fn of(self, content: ContentHash, label: Option<&Label>, state: &State) -> Option<String> {
        if !self.are_known(content, state) {
            return None;
        }
        let target = state.contents.get(&content).and_then(target_of).unwrap_or_default();
        match label {
            Some(label) => self.template.labelled(self.layer, target, label),
            None => Some(self.template.latest(self.layer, target)),
        }
    }

    /// The names of all parameters of a label: one for each target that the label is or was on, because the target may
    /// be part of the name.
    fn of_label(self, label: &Label, content: ContentHash, (before, after): (&State, &State)) -> BTreeSet<String> {
        let on = |state: &State| state.labels.get(label).cloned().unwrap_or_default();
        let contents = on(before).into_iter().chain(on(after)).chain([content]);
        contents.filter_map(|content| self.of(content, Some(label), after)).collect()
    }

    /// The newest version in a place that has the label and whose parameter has this name.
    fn newest(self, name: &str, label: &Label, state: &State, place: &Place) -> Option<LayerVersionArn> {
        let labelled = state.labels.get(label).into_iter().flatten();
        let named = labelled.filter(|content| self.of(**content, Some(label), state).as_deref() == Some(name));
        let versions = named.filter_map(|content| state.version_in(*content, place));
        versions.max_by_key(|version| version.version).map(|version| version.arn.clone())
    }

    /// The version of the current content in a destination, if its parameter has this name.
    fn current(self, name: &str, state: &State, destination: &Destination) -> Option<LayerVersionArn> {
        let content = state.current_of(destination)?;
        let is_it = self.of(content, None, state).as_deref() == Some(name);
        let version = state.contents.get(&content)?.versions.get(destination)?;
        is_it.then(|| version.arn.clone())
    }

    /// The version that a parameter should name according to the state.
    ///
    /// # Errors
    /// The state has no version for it: the one that this run published or found was removed meanwhile.
    fn by_state(self, wanted: &Wanted<'_>, state: &State) -> Result<Option<LayerVersionArn>, Failure> {
        let Wanted { place, name, follows, wish } = wanted;
        let content = match follows {
            Follows::Label(label) => return Ok(self.newest(name, label, state, place)),
            Follows::Current(content) => content,
        };
        let own = || content.and_then(|content| state.version_in(content, place)).map(|version| version.arn.clone());
        let Some(wish) = wish else { return Ok(None) };
        if let Some(version) = self.current(name, state, &wish.destination()).or_else(own) {
            return Ok(Some(version));
        }
        let failure = Failure::system(format!("the state no longer contains version {} in {place}", wish.version()));
        Err(failure.hint("run again: a clean-up removed the version during this run, and it will be published again"))
    }
}

/// The Python version and architecture of a content.
fn target_of(content: &Content) -> Option<(&str, &str)> {
    Some((content.python.as_deref()?, content.architecture.as_deref()?))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::types::description::Identity;
    use crate::types::{Digest, Fingerprint};

    const EU: &str = "eu-west-1";

    fn identity(text: &str) -> Identity {
        Identity {
            fingerprint: Fingerprint(Digest::of(text.as_bytes())),
            content: ContentHash(Digest::of(text.as_bytes())),
        }
    }

    fn arn(version: u64) -> LayerVersionArn {
        format!("arn:aws:lambda:{EU}:123456789012:layer:shared:{version}").parse().expect("is valid")
    }

    /// A state with contents, each with its version and Python; the last one is current.
    fn state(contents: &[(&str, u64, &str)]) -> State {
        let mut state = State::new(&"shared".parse().expect("is valid"));
        for (text, version, python) in contents {
            state.record_version(identity(text), &arn(*version), Timestamp::UNIX_EPOCH);
            let content = state.contents.get_mut(&identity(text).content).expect("was recorded");
            content.python = Some((*python).to_owned());
            content.architecture = Some("x86_64".to_owned());
            state.current = Some(identity(text).fingerprint);
        }
        state
    }

    #[test]
    fn the_last_state_decides_for_its_own_target_and_never_for_what_is_gone() {
        let template: ParameterTemplate = "/{layer}/{python}/latest".parse().expect("is valid");
        let layer = "shared".parse().expect("is valid");
        let names = Names { template: &template, layer: &layer };
        let wanted = Wanted {
            place: Place::own(EU),
            name: "/shared/3.13/latest".to_owned(),
            follows: Follows::Current(Some(identity("ours").content)),
            wish: Some(arn(1)),
        };
        let by = |state: &State| names.by_state(&wanted, state);
        assert_eq!(by(&state(&[("ours", 1, "3.13")])), Ok(Some(arn(1))));
        assert_eq!(by(&state(&[("ours", 1, "3.13"), ("theirs", 2, "3.13")])), Ok(Some(arn(2))));
        assert_eq!(by(&state(&[("ours", 1, "3.13"), ("theirs", 2, "3.12")])), Ok(Some(arn(1))), "another name");
        assert_eq!(by(&state(&[("ours", 3, "3.13")])), Ok(Some(arn(3))), "it was published anew");
        let gone = by(&state(&[("theirs", 2, "3.12")])).expect_err("names nothing");
        assert_eq!(gone.message, "the state no longer contains version 1 in eu-west-1");
        let mut unknown = state(&[("ours", 1, "3.13"), ("theirs", 2, "3.13")]);
        unknown.contents.get_mut(&identity("theirs").content).expect("is there").python = None;
        assert_eq!(by(&unknown), Ok(Some(arn(1))), "nobody knows what it was built for");
    }
}
