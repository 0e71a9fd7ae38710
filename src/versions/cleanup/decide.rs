//! Decides which versions to remove: those that no rule keeps. A pure function.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use jiff::{SignedDuration, Timestamp};

use crate::registry::aws::functions::LayerUser;
use crate::spec::Retention;
use crate::types::{ByteSize, ContentHash, Label, LayerVersionArn};

/// Younger versions are kept, because another run may be about to use them.
pub(super) const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// All versions of the layer in one place.
#[derive(Clone, Debug)]
pub(super) struct Inventory {
    pub versions: Vec<Candidate>,
    /// What could not be read. If there is anything, nothing is removed in this place.
    pub unread: Vec<String>,
    /// When the state was rebuilt (UTC): earlier labels are unknown, except those that were put on a version again.
    pub rebuilt: Option<Timestamp>,
    /// Labels of any version.
    pub known_labels: BTreeSet<Label>,
}

/// One version, with its data from the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::versions) struct Candidate {
    pub arn: LayerVersionArn,
    /// When it was published (UTC).
    pub created: Option<Timestamp>,
    /// The size of the zip.
    pub size: Option<ByteSize>,
    /// The content according to the state and to the version's own description; they differ only if somebody edited one
    /// of them. Empty for a version that another tool published.
    pub contents: BTreeSet<ContentHash>,
    pub labels: BTreeSet<Label>,
    /// Whether it has the content of the newest finished run.
    pub is_current: bool,
    /// Whether it has the content that another run is publishing.
    pub is_claimed: bool,
    /// When a run published or found it (UTC); `None` if that is unknown.
    pub recorded: Option<Timestamp>,
}

/// Who uses which version, in all places together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::versions) struct Usage {
    pub functions: BTreeMap<LayerVersionArn, Users>,
    /// The names of SSM parameters, by the version that they name.
    pub parameters: BTreeMap<LayerVersionArn, Vec<String>>,
}

/// The functions and published function versions that use a version; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::versions) struct Users(pub Vec<LayerUser>);

impl Usage {
    pub(super) fn add_function(&mut self, arn: LayerVersionArn, user: LayerUser) {
        self.functions.entry(arn).or_insert_with(|| Users(Vec::new())).0.push(user);
    }

    pub(super) fn extend(&mut self, other: Self) {
        for (arn, users) in other.functions {
            self.functions.entry(arn).or_insert_with(|| Users(Vec::new())).0.extend(users.0);
        }
        for (arn, names) in other.parameters {
            self.parameters.entry(arn).or_default().extend(names);
        }
    }

    pub(super) fn add_parameter(&mut self, arn: LayerVersionArn, name: String) {
        self.parameters.entry(arn).or_default().push(name);
    }
}

/// For example `orders:7 and 3 more`.
impl Display for Users {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => Ok(()),
            [only] => only.fmt(formatter),
            [first, more @ ..] => write!(formatter, "{first} and {} more", more.len()),
        }
    }
}

/// Why a version is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Unread(String),
    Newest,
    AmongNewest(usize),
    Young(u32),
    Labelled(Label),
    /// It may have had one of the labels that are lost.
    LabelsLost,
    Used(Users),
    Named(String),
    Current,
    Claimed,
    Recent,
    UnknownAge,
    UnknownOrigin,
}

impl Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(what) => write!(formatter, "{what} could not be read"),
            Self::Newest => formatter.write_str("the newest"),
            Self::AmongNewest(count) => write!(formatter, "among the newest {count}"),
            Self::Young(days) => write!(formatter, "younger than {days} days"),
            Self::Labelled(label) => write!(formatter, "has the label {label}"),
            Self::LabelsLost => formatter.write_str("its labels are unknown because the state was lost"),
            Self::Used(users) => write!(formatter, "used by {users}"),
            Self::Named(parameter) => write!(formatter, "used by the parameter {parameter}"),
            Self::Current => formatter.write_str("the current version"),
            Self::Claimed => formatter.write_str("another run is publishing the same content"),
            Self::Recent => write!(formatter, "was in use in the last {} minutes", GRACE.as_mins()),
            Self::UnknownAge => formatter.write_str("its age is unknown"),
            Self::UnknownOrigin => formatter.write_str("published by something else"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub version: Candidate,
    /// Why it is kept; empty if it is removed.
    pub reasons: Vec<Reason>,
}

impl Decision {
    pub(super) fn goes(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Decides for each version, in the order of their numbers, the newest first.
pub(super) fn decide(inventory: &Inventory, usage: &Usage, retention: &Retention, now: Timestamp) -> Vec<Decision> {
    let mut versions: Vec<&Candidate> = inventory.versions.iter().collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.arn.version()));
    let is_younger = |time: Timestamp, age: SignedDuration| now.duration_since(time) < age;
    let mut counted = 0;
    let decisions = versions.into_iter().enumerate().map(|(index, version)| {
        let mut reasons: Vec<Reason> = inventory.unread.iter().cloned().map(Reason::Unread).collect();
        let is_known = !version.contents.is_empty();
        // Versions that are kept in any case do not count.
        counted += usize::from(is_known || retention.includes_unknown);
        match retention.versions {
            _ if index == 0 => reasons.push(Reason::Newest),
            Some(count) if counted <= count && (is_known || retention.includes_unknown) => {
                reasons.push(Reason::AmongNewest(count));
            }
            Some(_) | None => {}
        }
        match (retention.days, version.created) {
            (_, None) => reasons.push(Reason::UnknownAge),
            (Some(days), Some(created)) if is_younger(created, SignedDuration::from_hours(24 * i64::from(days))) => {
                reasons.push(Reason::Young(days));
            }
            (_, Some(_)) => {}
        }
        reasons.extend(retention.labels.intersection(&version.labels).cloned().map(Reason::Labelled));
        let is_from_before = |rebuilt| version.created.is_none_or(|created| created <= rebuilt);
        let are_lost = !retention.labels.is_subset(&inventory.known_labels);
        if are_lost && inventory.rebuilt.is_some_and(is_from_before) {
            reasons.push(Reason::LabelsLost);
        }
        reasons.extend(usage.functions.get(&version.arn).cloned().map(Reason::Used));
        reasons.extend(usage.parameters.get(&version.arn).and_then(|names| names.last()).cloned().map(Reason::Named));
        let times = version.created.into_iter().chain(version.recorded);
        let conditions = [
            (version.is_current, Reason::Current),
            (version.is_claimed, Reason::Claimed),
            (times.into_iter().any(|time| is_younger(time, GRACE)), Reason::Recent),
            (!is_known && !retention.includes_unknown, Reason::UnknownOrigin),
        ];
        reasons.extend(conditions.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason));
        Decision { version: version.clone(), reasons }
    });
    decisions.collect()
}

/// The reason for removing versions:
/// `not among the newest 3, not younger than 30 days, no label to keep, not in use`.
pub(super) fn why_it_goes(retention: &Retention) -> String {
    let rules = [
        retention.versions.map(|count| match count {
            1 => "not the newest".to_owned(),
            _ => format!("not among the newest {count}"),
        }),
        retention.days.map(|days| format!("not younger than {days} days")),
        (!retention.labels.is_empty()).then(|| "no label to keep".to_owned()),
        Some("not in use".to_owned()),
    ];
    rules.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
