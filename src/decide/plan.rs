//! Decides what a run has to do, from the inputs, the state and the existing versions. A pure function.

use std::collections::BTreeSet;

use crate::decide::difference::differences;
use crate::decide::existing::{Existing, Status};
use crate::decide::fingerprint::Fingerprinted;
use crate::error::counted;
use crate::registry::state::State;
use crate::types::description::Difference;
use crate::types::{ContentHash, Place};

/// What to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub action: Action,
    /// One sentence for the user, without a full stop.
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Everything is published, so nothing has to be built.
    Unchanged(ContentHash),
    /// The content is unknown, or missing in a place.
    Build,
}

/// How the inputs compare to those of an earlier build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The inputs are the same, byte for byte.
    SameInputs(ContentHash),
    /// The inputs mean the same: they were edited, or the state has only their meaning.
    SameMeaning(ContentHash),
    New,
}

/// Looks up the inputs in the state, first the inputs themselves, then their meaning.
pub fn compare(wanted: &Fingerprinted, state: &State) -> Match {
    let inputs = wanted.inputs.hex();
    let same = state.builds.iter().find(|(_, build)| build.inputs.as_ref() == Some(&inputs));
    match (same, state.content_of(wanted.fingerprint)) {
        // The recorded digest must belong to this fingerprint; otherwise the state was not written by this program.
        (Some((fingerprint, build)), _) if *fingerprint == wanted.fingerprint => Match::SameInputs(build.content),
        (_, Some(content)) => Match::SameMeaning(content),
        _ => Match::New,
    }
}

/// Decides what to do. `existing` has one entry per place for the content that `compare` found; it is empty for
/// `Match::New`.
pub fn decide(matched: Match, wanted: &Fingerprinted, state: &State, existing: &[Existing]) -> Plan {
    let content = match matched {
        Match::SameInputs(content) | Match::SameMeaning(content) => content,
        Match::New => return Plan { action: Action::Build, reason: what_is_new(wanted, state) },
    };
    let vanished: Vec<String> = existing
        .iter()
        .filter_map(|existing| match &existing.status {
            Status::Vanished(version) => {
                Some(format!("version {} no longer exists in {}", version.version, existing.place))
            }
            Status::Unsigned(version) => Some(format!(
                "version {} in {} is not signed as requested, or no longer exists",
                version.version, existing.place
            )),
            Status::Exists(_) | Status::Declares(..) | Status::Missing | Status::Unreadable(_) => None,
        })
        .collect();
    // The wanted declaration is the same in all places.
    let differences = existing.iter().flat_map(|existing| match &existing.status {
        Status::Declares(_, differences) => differences.as_slice(),
        _ => &[],
    });
    let differences: BTreeSet<&Difference> = differences.collect();
    let missing: Vec<String> = existing
        .iter()
        .filter(|existing| existing.status == Status::Missing)
        .map(|existing| existing.place.to_string())
        .collect();
    if !vanished.is_empty() || !missing.is_empty() || !differences.is_empty() {
        let missing = (!missing.is_empty()).then(|| format!("not yet published to {}", missing.join(", ")));
        let differences = differences.into_iter().map(ToString::to_string);
        let reason = vanished.into_iter().chain(missing).chain(differences).collect::<Vec<_>>().join("; ");
        return Plan { action: Action::Build, reason };
    }
    let version = version_of(existing);
    let reason = match matched {
        Match::SameInputs(_) => format!("the inputs are the same as for {version}"),
        Match::SameMeaning(_) | Match::New => {
            // A state that was rebuilt from the list of versions does not know the inputs themselves.
            let is_edited = state.builds.get(&wanted.fingerprint).is_some_and(|build| build.inputs.is_some());
            let edited = if is_edited { "were edited, but " } else { "" };
            format!("the inputs {edited}are equivalent to those of {version}")
        }
    };
    Plan { action: Action::Unchanged(content), reason }
}

/// The plan for `refresh`: requirements without a fixed version are resolved again, to see whether there are newer
/// ones.
pub fn refresh(wanted: &Fingerprinted) -> Option<Plan> {
    let unpinned = wanted.unpinned().len();
    let reason = format!("{} without a fixed version will be resolved again", counted(unpinned, "requirement"));
    (unpinned > 0).then_some(Plan { action: Action::Build, reason })
}

fn what_is_new(wanted: &Fingerprinted, state: &State) -> String {
    let Some(current) = state.current.and_then(|fingerprint| state.builds.get(&fingerprint)) else {
        return if state.builds.is_empty() {
            "this layer has not been published before".to_owned()
        } else {
            "the inputs differ from those of every published version".to_owned()
        };
    };
    let Some(recipe) = &current.recipe else {
        return "the inputs differ from those of the current version, of which only the fingerprint is known"
            .to_owned();
    };
    let mut differences = differences(recipe, &wanted.recipe);
    let more = differences.len().saturating_sub(8);
    differences.truncate(8);
    if more > 0 {
        differences.push(format!("and {more} more"));
    }
    if differences.is_empty() {
        "the inputs differ from those of the current version".to_owned()
    } else {
        differences.join("; ")
    }
}

/// For example `version 3`, or `version 3 (eu-west-1) and 5 (us-east-1)`.
fn version_of(existing: &[Existing]) -> String {
    let mut numbers: Vec<(u64, &Place)> = existing
        .iter()
        .filter_map(|existing| match &existing.status {
            Status::Exists(version) => Some((version.version, &existing.place)),
            _ => None,
        })
        .collect();
    numbers.sort_unstable();
    match numbers.as_slice() {
        [] => "a published version".to_owned(),
        [(first, _), rest @ ..] if rest.iter().all(|(number, _)| number == first) => format!("version {first}"),
        several => {
            let texts: Vec<String> = several.iter().map(|(number, place)| format!("{number} in {place}")).collect();
            format!("version {}", texts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Inputs;
    use crate::decide::fingerprint::RawInputs;
    use crate::environment::Environment;
    use crate::error::Explanation;
    use crate::manifest::ParsedLocks;
    use crate::registry::state::Version;
    use crate::spec::{Spec, Task};
    use crate::types::LayerVersionArn;
    use crate::types::description::Identity;

    /// The fingerprint of a `requirements.txt` with this text.
    fn wanted(requirements: &str) -> Fingerprinted {
        wanted_with(requirements, &[])
    }

    fn wanted_with(requirements: &str, variables: &[(&str, &str)]) -> Fingerprinted {
        let folder = tempfile::tempdir().expect("can be made");
        fs_err::write(folder.path().join("requirements.txt"), requirements).expect("can be written");
        let root = camino::Utf8PathBuf::try_from(folder.path().to_owned()).expect("is UTF-8");
        let inputs = Inputs { layer_name: Some("shared".to_owned()), ..Inputs::default() };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let spec = Spec::resolve(Task::Publish, &inputs, &ParsedLocks::default(), &Environment::new(variables, root))
            .expect("is valid");
        let raw = RawInputs::of(&spec, spec.secrets()).expect("can be read");
        Fingerprinted::of(&raw, &spec.dependencies.manifest, spec.target)
    }

    fn content() -> ContentHash {
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse().expect("is valid")
    }

    fn version(place: &str, number: u64) -> Version {
        let arn = format!("arn:aws:lambda:{place}:123456789012:layer:shared:{number}");
        let arn: LayerVersionArn = arn.parse().expect("is valid");
        Version { version: arn.version(), arn, recorded: jiff::Timestamp::UNIX_EPOCH, declares: None }
    }

    /// A state in which these inputs are version 3 of both places.
    fn state(built: &Fingerprinted) -> State {
        let mut state = State::new(&"shared".parse().expect("is valid"));
        let identity = Identity { fingerprint: built.fingerprint, content: content() };
        for place in ["eu-west-1", "us-east-1"] {
            state.record_version(identity, &version(place, 3).arn, jiff::Timestamp::UNIX_EPOCH);
        }
        state.set_current(built.fingerprint, built.build(content()), [], jiff::Timestamp::UNIX_EPOCH);
        state
    }

    fn existing(eu: Status, us: Status) -> Vec<Existing> {
        [("eu-west-1", eu), ("us-east-1", us)]
            .map(|(place, status)| Existing { place: Place::own(place), status })
            .to_vec()
    }

    fn plan(wanted: &Fingerprinted, state: &State, existing: &[Existing]) -> (bool, String) {
        let plan = decide(compare(wanted, state), wanted, state, existing);
        (plan.action == Action::Build, plan.reason)
    }

    #[test]
    fn the_same_inputs_are_unchanged_where_the_version_exists() {
        let (first, edited) = (wanted("six==1.17.0\n"), wanted("# pinned\nSix == 1.17.0\n"));
        let there = existing(Status::Exists(version("eu-west-1", 3)), Status::Exists(version("us-east-1", 3)));
        let state = state(&first);
        assert_eq!(compare(&first, &state), Match::SameInputs(content()));
        assert_eq!(plan(&first, &state, &there), (false, "the inputs are the same as for version 3".to_owned()));
        assert_eq!(compare(&edited, &state), Match::SameMeaning(content()));
        let reason = "the inputs were edited, but are equivalent to those of version 3";
        assert_eq!(plan(&edited, &state, &there), (false, reason.to_owned()));
        let elsewhere = existing(Status::Exists(version("eu-west-1", 3)), Status::Exists(version("us-east-1", 5)));
        let reason = "the inputs are the same as for version 3 in eu-west-1, 5 in us-east-1";
        assert_eq!(plan(&first, &state, &elsewhere), (false, reason.to_owned()));
    }

    #[test]
    fn what_is_gone_or_missing_is_built_again() {
        let wanted = wanted("six==1.17.0\n");
        let gone = existing(Status::Vanished(version("eu-west-1", 3)), Status::Missing);
        let reason = "version 3 no longer exists in eu-west-1; not yet published to us-east-1";
        assert_eq!(plan(&wanted, &state(&wanted), &gone), (true, reason.to_owned()));
    }

    #[test]
    fn a_region_that_does_not_answer_is_no_reason_to_build() {
        let wanted = wanted("six==1.17.0\n");
        let error = Explanation::of(&anyhow::anyhow!("down"));
        let silent = existing(Status::Exists(version("eu-west-1", 3)), Status::Unreadable(error));
        assert_eq!(
            plan(&wanted, &state(&wanted), &silent),
            (false, "the inputs are the same as for version 3".to_owned())
        );
    }

    #[test]
    fn variables_of_the_installer_are_inputs() {
        let fingerprint = |variables| wanted_with("six\n", variables).fingerprint;
        assert_ne!(fingerprint(&[]), fingerprint(&[("UV_EXCLUDE_NEWER", "2026-01-01")]));
        assert_eq!(fingerprint(&[]), fingerprint(&[("PIP_PRE", "1"), ("UV_CACHE_DIR", "/x")]));
    }

    #[test]
    fn a_change_is_named() {
        let (before, after) = (wanted("six==1.16.0\nidna\n"), wanted("six==1.17.0\nattrs\n"));
        let reason = "requirements: attrs added; requirements: idna removed; requirements: six ==1.16.0 → ==1.17.0";
        assert_eq!(plan(&after, &state(&before), &[]), (true, reason.to_owned()));
        let never = State::new(&"shared".parse().expect("is valid"));
        assert_eq!(plan(&after, &never, &[]), (true, "this layer has not been published before".to_owned()));
        let mut forgotten = state(&before);
        forgotten.builds.values_mut().for_each(|build| build.recipe = None);
        let reason = "the inputs differ from those of the current version, of which only the fingerprint is known";
        assert_eq!(plan(&after, &forgotten, &[]), (true, reason.to_owned()));
    }
}
