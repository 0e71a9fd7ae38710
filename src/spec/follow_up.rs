//! What happens after a version is published: sharing, attaching, naming, labelling and cleaning up.

use std::collections::BTreeSet;

use super::{Reading, RegistryChoice, StatePlace};
use crate::cli::{given, list};
use crate::error::Failure;
use crate::types::{FunctionSelector, Label, ParameterTemplate, Principal};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowUp {
    /// All principals that may use the version; `None` leaves permissions as they are.
    pub share_with: Option<BTreeSet<Principal>>,
    pub attach_to: Vec<FunctionSelector>,
    pub ssm_parameter: Option<ParameterTemplate>,
    pub labelling: Labelling,
    pub retention: Option<Retention>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labelling {
    pub add: BTreeSet<Label>,
    pub remove: BTreeSet<Label>,
    /// Whether the labels are removed from versions that have them.
    pub moves: bool,
}

/// Which versions a clean-up keeps. A version is removed only if no rule keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How many of the newest versions to keep.
    pub versions: Option<usize>,
    /// Versions that are younger than this number of days are kept.
    pub days: Option<u32>,
    pub labels: BTreeSet<Label>,
    /// Whether versions that other tools published are also removed.
    pub includes_unknown: bool,
    /// Whether versions are removed; otherwise the run only reports them.
    pub applies: bool,
}

pub(super) struct AfterInputs<'a> {
    pub share_with: &'a [String],
    pub attach_to: &'a [String],
    pub ssm_parameter: Option<&'a String>,
    pub labels: &'a [String],
    pub move_labels: Option<&'a String>,
    pub keep_versions: Option<&'a String>,
    pub keep_days: Option<&'a String>,
    pub keep_labels: &'a [String],
    pub include_unknown: Option<&'a String>,
    pub apply: Option<&'a String>,
}

impl Reading<'_> {
    pub(super) fn follow_up(&mut self, inputs: &AfterInputs<'_>, registry: &RegistryChoice) -> FollowUp {
        let after = FollowUp {
            share_with: self.share_with(&list(inputs.share_with)),
            attach_to: self.all("attach-to", &list(inputs.attach_to)),
            ssm_parameter: given(inputs.ssm_parameter).and_then(|name| self.problems.check(name.parse())),
            labelling: Labelling {
                add: self.all("labels", &list(inputs.labels)),
                remove: BTreeSet::new(),
                moves: self.boolean("move", given(inputs.move_labels), false),
            },
            retention: self.retention(inputs),
        };
        if let RegistryChoice::Directory(_) = registry {
            let needs_aws = [
                ("share-with", after.share_with.is_some()),
                ("attach-to", !after.attach_to.is_empty()),
                ("ssm-parameter", after.ssm_parameter.is_some()),
            ];
            for (name, _) in needs_aws.into_iter().filter(|(_, is_given)| *is_given) {
                let failure = Failure::user(format!("`{name}` is given, but the registry is a folder"));
                self.problems.push(failure.hint("use `registry: aws`, or remove it"));
            }
        }
        after
    }

    pub(super) fn all<T: std::str::FromStr<Err = Failure>, C: FromIterator<T>>(
        &mut self,
        input: &str,
        values: &[String],
    ) -> C {
        let parsed = values.iter().filter_map(|value| {
            let parsed = value.parse::<T>().map_err(|failure| {
                let message = if failure.message.starts_with(&format!("`{input}`")) {
                    failure.message.clone()
                } else {
                    format!("`{input}`: {}", failure.message)
                };
                Failure { message, ..failure }
            });
            self.problems.check(parsed)
        });
        parsed.collect()
    }

    /// Reads `share-with`: `nobody` revokes all grants; without the input all grants stay.
    pub(super) fn share_with(&mut self, names: &[String]) -> Option<BTreeSet<Principal>> {
        if names.is_empty() {
            return None;
        }
        if names.iter().any(|name| name == "nobody") {
            if names.len() > 1 {
                let failure = Failure::user("`share-with` lists `nobody` together with others");
                self.problems.push(failure.hint("remove either `nobody` or the others"));
            }
            return Some(BTreeSet::new());
        }
        Some(self.all("share-with", names))
    }

    /// Checked before anything is published or removed.
    pub(super) fn refuse_kept_labels_without_state(&mut self, after: &FollowUp, state: &StatePlace) {
        let keeps_labels = after.retention.as_ref().is_some_and(|retention| !retention.labels.is_empty());
        if keeps_labels && *state == StatePlace::Nowhere {
            let failure =
                Failure::user("`keep-labels` is given, but labels are stored in the state, and there is no state");
            self.problems.push(failure.hint("set `bucket`, or set `state` to a location for the state"));
        }
    }

    fn retention(&mut self, inputs: &AfterInputs<'_>) -> Option<Retention> {
        let versions = self.count("keep-versions", given(inputs.keep_versions));
        let days = self.count("keep-days", given(inputs.keep_days));
        let labels: BTreeSet<Label> = self.all("keep-labels", &list(inputs.keep_labels));
        let includes_unknown = self.boolean("include-unknown", given(inputs.include_unknown), false);
        let applies = self.boolean("apply", given(inputs.apply), false);
        if versions.is_none() && days.is_none() && labels.is_empty() {
            return None;
        }
        let versions = versions.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Some(Retention { versions, days, labels, includes_unknown, applies })
    }

    fn count(&mut self, input: &str, value: Option<&str>) -> Option<u32> {
        let value = value?;
        match value.parse() {
            Ok(count) if count > 0 => Some(count),
            _ => {
                let failure =
                    Failure::user(format!("`{input}` is `{value}`, which is not a whole number of at least 1"));
                self.problems.push(failure.hint("use a whole number of at least 1; the newest version is always kept"));
                None
            }
        }
    }

    pub(super) fn refuse_labels_without_state(&mut self, labelling: &Labelling, state: &StatePlace) {
        if *state == StatePlace::Nowhere && !(labelling.add.is_empty() && labelling.remove.is_empty()) {
            let failure = Failure::user("`labels` are stored in the state, but there is no state");
            self.problems.push(failure.hint("set `bucket`, or set `state` to a location for the state"));
        }
    }

    pub(super) fn refuse_removed_labels(&mut self, names: &[String]) {
        if let Some(name) = names.first() {
            let failure =
                Failure::user(format!("`remove-labels` contains `{name}`, but this command does not remove labels"));
            self.problems.push(failure.hint("use the command `label`"));
        }
    }

    pub(super) fn signing_profile(&mut self, name: Option<&str>, registry: &mut RegistryChoice) {
        let Some(name) = name else { return };
        // https://docs.aws.amazon.com/signer/latest/api/API_PutSigningProfile.html
        let is_valid =
            (2..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_valid {
            let failure = Failure::user(format!("`signing-profile` is `{name}`, which is not a valid profile name"));
            self.problems.push(failure.hint("use 2 to 64 letters, digits or `_`"));
        }
        match registry {
            RegistryChoice::Aws(destinations) if destinations.bucket.is_some() => {
                destinations.signing_profile = Some(name.to_owned());
            }
            RegistryChoice::Aws(_) | RegistryChoice::Directory(_) => {
                let failure = Failure::user("`signing-profile` is given without `bucket`");
                self.problems.push(
                    failure.hint("set `bucket` to a versioned S3 bucket, from which AWS Signer can read the zip"),
                );
            }
        }
    }
}
