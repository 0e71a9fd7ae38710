//! One report for each layer, from the results of all jobs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::commands::results::Results;
use crate::error::{Explanation, Failure};
use crate::report::Report;

/// The results of all jobs.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) layers: Vec<Report>,
    /// Layers for which two jobs of the same run left a result.
    pub(super) twice: Vec<String>,
}

/// One report for each layer, in the order of the plan; layers that are not in the plan follow by name. The result of a job
/// replaces the planned one; of several attempts the last one counts.
pub(super) fn gather(files: Vec<Results>) -> Result<Gathered, Failure> {
    let (plans, jobs): (Vec<Results>, Vec<Results>) = files.into_iter().partition(Results::is_plan);
    let plan = plans.into_iter().max_by_key(|plan| plan.run);
    if let Some(error) = plan.as_ref().and_then(|plan| plan.error.as_ref()) {
        let hint = error.hint.as_deref().unwrap_or("check the job that ran the plan");
        let failure = Failure::user("the plan failed").cause(error.one_line()).hint(hint);
        return Err(Failure { kind: error.kind, ..failure });
    }
    let planned_in = plan.as_ref().map_or((0, 0), |plan| plan.run);
    let mut done: BTreeMap<String, ((u64, u64), Report)> = BTreeMap::new();
    let mut twice = Vec::new();
    // The plan already knows what earlier jobs did.
    for job in jobs.into_iter().filter(|job| job.run >= planned_in) {
        let run = job.run;
        for report in job.into_reports() {
            match done.entry(report.layer_name.clone()) {
                Entry::Vacant(entry) => drop(entry.insert((run, report))),
                Entry::Occupied(mut entry) => {
                    let (known_run, known) = entry.get();
                    if *known_run == run {
                        twice.push(report.layer_name.clone());
                    }
                    if (run, weight(&report)) > (*known_run, weight(known)) {
                        entry.insert((run, report));
                    }
                }
            }
        }
    }
    let mut layers: Vec<Report> = Vec::new();
    for planned in plan.into_iter().flat_map(Results::into_reports) {
        let report = match done.remove(&planned.layer_name) {
            Some((_, report)) => report,
            None if planned.needs_build() => lost(planned),
            None => planned,
        };
        layers.push(report);
    }
    layers.extend(done.into_values().map(|(_, report)| report));
    twice.dedup();
    Ok(Gathered { layers, twice })
}

/// Which of two results to keep: of two jobs for the same layer, one published it and the other found it published.
fn weight(report: &Report) -> u8 {
    match () {
        () if report.failure().is_some() => 2,
        () if report.published => 1,
        () => 0,
    }
}

/// A layer that was planned, but whose job left no result.
fn lost(planned: Report) -> Report {
    let failure = Failure::system("its job wrote no result")
        .hint("check the job, then re-run the failed jobs; versions that were already published remain");
    Report { error: Some(Explanation::of(&failure.into())), destinations: Vec::new(), changed: false, ..planned }
}
