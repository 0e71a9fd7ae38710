//! Shows a plan and its result as rows: first a summary for each place, then what is removed, then what is kept.

use jiff::{SignedDuration, Timestamp};

use super::Cleaner;
use super::decide::{Candidate, Decision, why_it_goes};
use super::plan::{BucketPlan, PlacePlan, Plan};
use super::read::{PlaceRead, Read};
use super::remove::Removed;
use crate::error::counted;
use crate::types::{ByteSize, Place};
use crate::versions::{Change, ChangeKind, ChangeOutcome};

/// `removed` is `None` for a plan that was not executed; `before` is the code storage of each place.
pub(super) fn rows(
    cleaner: &Cleaner<'_>,
    read: &Read,
    plan: &Plan,
    before: &[Option<ByteSize>],
    removed: Option<&Removed>,
) -> Vec<Change> {
    let mut rows = Vec::new();
    for ((place, read), before) in plan.places.iter().zip(&read.places).zip(before) {
        rows.push(whole(place, read, *before, removed));
    }
    for read in &read.places {
        rows.extend(read.faults.iter().map(|(what, error)| unread(read, what, error)));
    }
    for bucket in &read.buckets {
        if let Err(error) = &bucket.zips {
            let row = row(&bucket.places[0], format!("zips in {}", bucket.name), "not read", ChangeOutcome::Failed);
            rows.push(row.failed(error));
        }
    }
    if let Some(error) = removed.and_then(|removed| removed.ended.as_ref()) {
        let (place, detail) = (&plan.places[0].place, "the clean-up ended early");
        rows.push(row(place, "clean-up", detail, ChangeOutcome::Failed).failed(error));
    }
    let now = Timestamp::now();
    let decisions = || plan.places.iter().flat_map(|place| place.decisions.iter().map(move |one| (&place.place, one)));
    let (going, staying): (Vec<_>, Vec<_>) = decisions().partition(|(_, decision)| goes(decision, removed));
    let why = why_it_goes(cleaner.retention);
    rows.extend(going.into_iter().map(|(place, decision)| going_row(place, &decision.version, &why, removed, now)));
    rows.extend(plan.buckets.iter().map(|bucket| zips(bucket, removed)));
    rows.extend(staying.into_iter().map(|(place, decision)| staying_row(place, decision, now)));
    rows
}

/// Whether a version is shown as removed: a removed one is in no later plan, whatever happened to the others.
fn goes(decision: &Decision, removed: Option<&Removed>) -> bool {
    decision.goes() || removed.is_some_and(|removed| removed.done.contains(&decision.version.arn))
}

fn row(place: &Place, subject: impl Into<String>, detail: impl Into<String>, outcome: ChangeOutcome) -> Change {
    Change::new(place, ChangeKind::Cleanup, subject, detail, outcome)
}

fn whole(plan: &PlacePlan, read: &PlaceRead, before: Option<ByteSize>, removed: Option<&Removed>) -> Change {
    let going: Vec<&Candidate> = match removed {
        None => plan.going().collect(),
        Some(removed) => {
            let versions = plan.decisions.iter().map(|decision| &decision.version);
            versions.filter(|version| removed.done.contains(&version.arn)).collect()
        }
    };
    let (verb, outcome) = match removed {
        _ if going.is_empty() => ("to remove", ChangeOutcome::Unchanged),
        None => ("to remove", ChangeOutcome::Would),
        Some(_) => ("removed", ChangeOutcome::Done),
    };
    let bytes = ByteSize(going.iter().filter_map(|version| version.size).map(|size| size.0).sum());
    // Versions have no size if the layer's state was lost.
    let unsized_versions = going.iter().filter(|version| version.size.is_none()).count();
    let and_more = match unsized_versions {
        0 => String::new(),
        count => format!(" and {count} of unknown size"),
    };
    let size = if going.is_empty() { String::new() } else { format!(", {bytes}{and_more}") };
    let storage = match (before, read.storage) {
        (Some(before), Some(after)) if before == after => format!("; {after} of code storage"),
        (Some(before), Some(after)) => format!("; {before} → {after} of code storage"),
        _ => String::new(),
    };
    let detail = match plan.decisions.len() {
        0 if read.faults.is_empty() => format!("no versions{storage}"),
        count => format!("{} of {count} {verb}{size}{storage}", going.len()),
    };
    row(&plan.place, "all versions", detail, outcome)
}

fn unread(read: &PlaceRead, what: &str, error: &anyhow::Error) -> Change {
    let detail = format!("not read: nothing is removed in {}", read.place.region);
    row(&read.place, what, detail, ChangeOutcome::Failed).failed(error)
}

fn going_row(place: &Place, version: &Candidate, why: &str, removed: Option<&Removed>, now: Timestamp) -> Change {
    let (subject, about) = (subject(version), about(version, now));
    let failed = removed.and_then(|removed| removed.failed.get(&version.arn));
    let (outcome, detail) = match removed {
        None => (ChangeOutcome::Would, format!("{about}, would be removed because: {why}")),
        Some(removed) if removed.done.contains(&version.arn) => {
            (ChangeOutcome::Done, format!("{about}, removed because: {why}"))
        }
        Some(_) if failed.is_some() => (ChangeOutcome::Failed, format!("{about}, could not be removed")),
        Some(_) => (ChangeOutcome::Would, format!("{about}, not removed because the clean-up ended early")),
    };
    let change = Change { bytes: version.size, ..row(place, subject, detail, outcome) };
    match failed {
        Some(error) => change.failed(error),
        None => change,
    }
}

fn staying_row(place: &Place, decision: &Decision, now: Timestamp) -> Change {
    let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    let detail = format!("{}, kept because: {}", about(&decision.version, now), reasons.join("; "));
    row(place, subject(&decision.version), detail, ChangeOutcome::Kept)
}

fn zips(bucket: &BucketPlan, removed: Option<&Removed>) -> Change {
    let subject = format!("zips in {}", bucket.name);
    let bytes = ByteSize(bucket.zips.iter().map(|zip| zip.size.0).sum());
    let (count, bytes, outcome) = match removed.map(|removed| removed.zips.get(&bucket.name)) {
        None | Some(None) => (bucket.zips.len(), bytes, ChangeOutcome::Would),
        Some(Some(done)) => (done.count, done.bytes, ChangeOutcome::Done),
    };
    let detail = format!("{}, {bytes}, not needed by any version", counted(count, "zip"));
    let change = Change { bytes: Some(bytes), ..row(&bucket.place, subject, detail, outcome) };
    let error = removed.and_then(|removed| removed.zips.get(&bucket.name)?.error.as_ref());
    match error {
        Some(error) => change.failed(error),
        None => change,
    }
}

fn subject(version: &Candidate) -> String {
    format!("version {}", version.arn.version())
}

/// For example `12 days, 1.2 MB`.
fn about(version: &Candidate, now: Timestamp) -> String {
    let age = version.created.map_or_else(|| "age unknown".to_owned(), |created| age(now.duration_since(created)));
    let size = version.size.map_or_else(|| "size unknown".to_owned(), |size| size.to_string());
    format!("{age}, {size}")
}

/// For example `3 days`.
pub(in crate::versions) fn age(age: SignedDuration) -> String {
    let count = |number: i64| usize::try_from(number).unwrap_or(0);
    match age.as_mins() {
        minutes @ ..120 => counted(count(minutes), "minute"),
        minutes @ ..2880 => counted(count(minutes / 60), "hour"),
        minutes => counted(count(minutes / 1440), "day"),
    }
}

/// A summary such as `12 versions removed, 8 kept (34.1 MB)`. The bytes are those that are freed, in Lambda's storage
/// and in buckets.
pub(super) fn count(changes: &[Change]) -> String {
    let is_version = |change: &&Change| change.subject.starts_with("version ");
    let of = |outcome| changes.iter().filter(is_version).filter(|change| change.outcome == outcome).count();
    let bytes = |outcome| {
        let bytes = changes.iter().filter(|change| change.outcome == outcome).filter_map(|change| change.bytes);
        ByteSize(bytes.map(|bytes| bytes.0).sum())
    };
    let kept = of(ChangeOutcome::Kept);
    let (outcome, verb) = match of(ChangeOutcome::Done) {
        0 => (ChangeOutcome::Would, "would be removed"),
        _ => (ChangeOutcome::Done, "removed"),
    };
    match (of(outcome), bytes(outcome)) {
        (0, ByteSize(0)) => format!("nothing to remove, {} kept", counted(kept, "version")),
        (count, bytes) => format!("{} {verb}, {kept} kept ({bytes})", counted(count, "version")),
    }
}
