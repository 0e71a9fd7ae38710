//! What became of a layer, as its report: nothing to do, planned, rehearsed, published.

use camino::Utf8PathBuf;

use crate::archive::pack::Archive;
use crate::audit::{size, verdict};
use crate::build;
use crate::console::Console;
use crate::decide::existing::{Existing, Status};
use crate::decide::fingerprint::Fingerprinted;
use crate::decide::plan::Plan;
use crate::error::Explanation;
use crate::registry::publish::{Placed, Published};
use crate::registry::state::{State, Version};
use crate::registry::store::StateStore;
use crate::registry::{Registry, directory, version_list};
use crate::report::{DestinationReport, Outcome, Report};
use crate::spec::{RegistryChoice, Spec, Task};
use crate::types::description::Declaration;
use crate::types::{ContentHash, LayerVersionArn, Place};

pub(super) fn unchanged(
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
    // Limits and `fail-on` may be stricter than when it was built.
    let mut findings =
        size::check_limits(report.zipped_size, report.unzipped_size, &report.distributions, &spec.checks);
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

/// A plan where what is wanted is for the build to find out.
pub(super) fn unresolved(spec: &Spec, reason: String, registry: &Registry) -> Report {
    let places = registry.places();
    let destinations = places.iter().map(|place| DestinationReport::new(place, Outcome::WouldPublish, None));
    Report { destinations: destinations.collect(), ..Report::of_unresolved(spec, reason) }
}

pub(super) fn planned(
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

/// What publishing would have done, by what the state knows.
pub(super) fn rehearsed(
    report: Report,
    archive: &Archive,
    declaration: &Declaration,
    state: &State,
    registry: &Registry,
) -> Report {
    let fits = |version: &&Version| declaration.fits(version.declares.as_ref());
    let destinations = registry
        .places()
        .iter()
        .map(|place| match state.version_in(archive.content, place).filter(fits) {
            Some(version) => DestinationReport::new(place, Outcome::Adopted, Some(version.arn.clone())),
            None => DestinationReport::new(place, Outcome::WouldPublish, None),
        })
        .collect();
    Report { destinations, ..report }
}

pub(super) fn delivered(
    spec: &Spec,
    report: Report,
    archive: Archive,
    published: Published,
    existing: &[Existing],
) -> anyhow::Result<Report> {
    let Published { outcomes, recorded, .. } = published;
    let published = outcomes.iter().any(|outcome| outcome.result.as_ref().is_ok_and(|placed| placed.published));
    let adopted = outcomes.iter().find_map(|outcome| outcome.result.as_ref().ok().filter(|placed| !placed.published));
    let reason = match (published, adopted) {
        (false, Some(placed)) => {
            format!("{}; but the bytes are those of version {}", report.reason, placed.arn.version())
        }
        _ => report.reason.clone(),
    };
    let was_there = |place: &Place, placed: &Placed| {
        existing.iter().any(|existing| {
            let is_it = matches!(&existing.status, Status::Exists(version) if version.arn == placed.arn);
            existing.place == *place && is_it
        })
    };
    let destinations = outcomes.into_iter().map(|outcome| match outcome.result {
        Ok(placed) if placed.published => DestinationReport::new(&outcome.place, Outcome::Published, Some(placed.arn)),
        Ok(placed) if was_there(&outcome.place, &placed) => {
            DestinationReport::new(&outcome.place, Outcome::Unchanged, Some(placed.arn))
        }
        Ok(placed) => DestinationReport::new(&outcome.place, Outcome::Adopted, Some(placed.arn)),
        Err(error) => DestinationReport::failed(&outcome.place, Explanation::of(&error)),
    });
    let state_error = recorded.err().map(|error| Explanation::of(&error));
    let report = Report { published, reason, destinations: destinations.collect(), state_error, ..report };
    let zip = build::keep(archive, spec)?.or_else(|| Some(spec.shown(&zip_in_registry(spec, report.arn())?)));
    Ok(report.with_zip(zip))
}

/// The list for the output, with what this run did to it after publishing.
pub(super) async fn versions(spec: &Spec, known: State, store: &StateStore) -> serde_json::Value {
    let is_other = !spec.follow_up.labelling.add.is_empty() || spec.follow_up.retention.is_some();
    let stored = if is_other { store.read(&spec.layer).await.ok() } else { None };
    version_list::output(&stored.and_then(|stored| stored.state).unwrap_or(known), store)
}

/// The zip of a version in a directory registry.
fn zip_in_registry(spec: &Spec, arn: Option<&LayerVersionArn>) -> Option<Utf8PathBuf> {
    let RegistryChoice::Directory(folder) = &spec.registry else { return None };
    Some(directory::zip_path(folder, &spec.layer, arn?.version()))
}
