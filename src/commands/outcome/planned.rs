//! The report of a layer that was not built: unchanged, or to be built.

use super::zip_in_registry;
use crate::audit::{licences, size, verdict};
use crate::build;
use crate::console::Console;
use crate::decide::existing::{Existing, Status};
use crate::decide::fingerprint::Fingerprinted;
use crate::decide::plan::Plan;
use crate::registry::Registry;
use crate::registry::state::State;
use crate::report::{DestinationReport, Outcome, Report};
use crate::spec::{Spec, Task};
use crate::types::{ContentHash, Place};

pub(in crate::commands) fn unchanged(
    spec: &Spec,
    wanted: &Fingerprinted,
    content: ContentHash,
    reason: String,
    state: &State,
    existing: &[Existing],
    console: &Console,
) -> anyhow::Result<Report> {
    let destinations = existing.iter().map(|existing| match &existing.status {
        Status::Exists(version) => {
            DestinationReport::new(&existing.place, Outcome::Unchanged, Some(version.arn.clone()))
        }
        Status::Unreadable(error) => DestinationReport::failed(&existing.place, error.clone()),
        Status::Declares(..) | Status::Vanished(_) | Status::Unsigned(_) | Status::Missing => {
            DestinationReport::new(&existing.place, Outcome::WouldPublish, None)
        }
    });
    let destinations = destinations.collect();
    let report = Report::of(spec, wanted, reason).with_content(content, state);
    // Limits, lists of licences and `fail-on` may have become stricter since it was built.
    let mut findings =
        size::check_limits(report.zipped_size, report.unzipped_size, &report.distributions, &spec.checks);
    findings.extend(licences::check_stated(&report.distributions, &spec.checks.licences));
    let noted = state.contents.get(&content).and_then(|content| content.findings.as_deref());
    findings.extend(verdict::fatal_of_published(noted.unwrap_or_default(), spec.checks.fail_on));
    let rejection = verdict(&findings, spec.checks.fail_on).err();
    console.findings(&findings, rejection.is_some());
    let report = Report {
        changed: state.current_content().is_some_and(|(current, _)| current != content),
        destinations,
        findings,
        ..report
    };
    if let Some(failure) = rejection {
        return Ok(report.rejected(&failure));
    }
    let zip = zip_in_registry(spec, report.arn());
    let kept = match &zip {
        Some(zip) if spec.task == Task::Publish => build::keep_copy(zip, spec)?,
        Some(_) | None => None,
    };
    Ok(report.with_zip(kept.or(zip.map(|zip| spec.shown(&zip)))))
}

/// A plan whose dependencies only the build can resolve.
pub(in crate::commands) fn unresolved(spec: &Spec, reason: String, registry: &Registry) -> Report {
    let places = registry.places();
    let destinations = places.iter().map(|place| DestinationReport::new(place, Outcome::WouldPublish, None));
    Report { destinations: destinations.collect(), ..Report::of_unresolved(spec, reason) }
}

pub(in crate::commands) fn planned(
    spec: &Spec,
    wanted: &Fingerprinted,
    plan: Plan,
    existing: &[Existing],
    registry: &Registry,
) -> Report {
    let existing = |place: &Place| {
        existing.iter().find(|existing| existing.place == *place).map(|existing| existing.status.clone())
    };
    let destinations = registry
        .places()
        .iter()
        .map(|place| match existing(place) {
            Some(Status::Exists(version)) => DestinationReport::new(place, Outcome::Unchanged, Some(version.arn)),
            Some(Status::Unreadable(error)) => DestinationReport::failed(place, error),
            Some(Status::Declares(..) | Status::Vanished(_) | Status::Unsigned(_) | Status::Missing) | None => {
                DestinationReport::new(place, Outcome::WouldPublish, None)
            }
        })
        .collect();
    let runs_on = spec.runs_on.clone();
    Report { changed: true, destinations, runs_on, ..Report::of(spec, wanted, plan.reason) }
}
