//! The report of a layer that was built: published, or what publishing would have done.

use super::zip_in_registry;
use crate::archive::pack::Archive;
use crate::build;
use crate::decide::existing::{Existing, Status};
use crate::error::Explanation;
use crate::registry::Registry;
use crate::registry::publish::{Placed, Published};
use crate::registry::state::{State, Version};
use crate::report::{DestinationReport, Outcome, Report};
use crate::spec::Spec;
use crate::types::Place;
use crate::types::description::Declaration;

/// What publishing would have done, according to the state.
pub(in crate::commands) fn rehearsed(
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

pub(in crate::commands) fn delivered(
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
            format!("{}, but the zip is identical to that of version {}", report.reason, placed.arn.version())
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
