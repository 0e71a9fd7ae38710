//! The outputs `matrix`, `matrix-wheels` and `matrix-native`: one job for each layer that needs a build, in the form that
//! `strategy.matrix` takes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Outcome, Report, RunReport};
use crate::facts;
use crate::report::cache;

impl Report {
    /// Whether the plan says that this layer has to be built.
    pub fn needs_build(&self) -> bool {
        self.command == "plan"
            && self.destinations.iter().any(|destination| destination.outcome == Outcome::WouldPublish)
    }

    fn is_native(&self) -> bool {
        self.native == Some(true)
    }
}

/// Empty unless a plan found something to build. If there are more layers than GitHub starts jobs, layers of one target
/// share a job and are built one after another; `layer-name` then has several names with commas, as the input `layers`
/// takes them.
pub(super) fn matrix(run: &RunReport) -> Value {
    matrix_of(&wanted(run).collect::<Vec<_>>())
}

/// Those of them that need no image of a Python.
pub(super) fn of_wheels(run: &RunReport) -> Value {
    matrix_of(&wanted(run).filter(|report| !report.is_native()).collect::<Vec<_>>())
}

/// The others: a matrix for each Python among them.
pub(super) fn of_native(run: &RunReport) -> Value {
    let mut pythons: BTreeMap<String, Vec<&Report>> = BTreeMap::new();
    for report in wanted(run).filter(|report| report.is_native()) {
        let python = report.python_version.map(|python| python.to_string()).unwrap_or_default();
        pythons.entry(python).or_default().push(report);
    }
    let matrices = pythons.into_iter().map(|(python, reports)| (python, matrix_of(&reports)));
    json!(matrices.collect::<BTreeMap<_, _>>())
}

fn wanted(run: &RunReport) -> impl Iterator<Item = &Report> {
    run.layers.iter().filter(|report| report.needs_build())
}

fn matrix_of(wanted: &[&Report]) -> Value {
    let mut per_job = 1;
    let mut jobs = of_size(wanted, per_job);
    while jobs.len() > facts::github().matrix_jobs {
        per_job += 1;
        jobs = of_size(wanted, per_job);
        // Reached only if there are more targets than jobs, which no Lambda setup has.
        if per_job > wanted.len() {
            break;
        }
    }
    json!({ "include": jobs.iter().map(|job| entry(job)).collect::<Vec<_>>() })
}

/// Groups layers of the same target and runner, `per_job` to a job, in their order.
fn of_size<'a>(wanted: &[&'a Report], per_job: usize) -> Vec<Vec<&'a Report>> {
    let mut jobs: Vec<Vec<&Report>> = Vec::new();
    for report in wanted {
        let fits = |job: &&mut Vec<&Report>| {
            let first = job[0];
            job.len() < per_job
                && first.python_version == report.python_version
                && first.architecture == report.architecture
                && first.runs_on == report.runs_on
                && first.is_native() == report.is_native()
        };
        match jobs.iter_mut().find(fits) {
            Some(job) => job.push(report),
            None => jobs.push(vec![report]),
        }
    }
    jobs
}

fn entry(job: &[&Report]) -> Value {
    let first = job[0];
    let names: Vec<&str> = job.iter().map(|report| report.layer_name.as_str()).collect();
    let runs_on = match first.runs_on.as_slice() {
        [label] => json!(label),
        labels => json!(labels),
    };
    let mut entry = json!({
        "layer-name": names.join(","),
        "python-version": first.python_version,
        "architecture": first.architecture,
        "runs-on": runs_on,
        "native": first.is_native(),
    });
    if let Some(key) = cache::joined(job) {
        entry["cache-key"] = json!(key);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::DestinationReport;
    use crate::types::{Place, Target};

    fn planned(name: &str, python: &str, outcome: Outcome) -> Report {
        let target =
            Target { python: python.parse().expect("is valid"), architecture: "x86_64".parse().expect("is valid") };
        let destinations = vec![DestinationReport::new(&Place::own("local"), outcome, None)];
        Report { destinations, runs_on: vec!["ubuntu-latest".to_owned()], ..Report::of_plan(name, target) }
    }

    fn jobs(layers: Vec<Report>) -> Vec<String> {
        names(&matrix(&RunReport::new("plan", layers)))
    }

    fn names(matrix: &Value) -> Vec<String> {
        let include = matrix["include"].as_array().expect("is a list");
        include.iter().map(|job| job["layer-name"].as_str().expect("is text").to_owned()).collect()
    }

    #[test]
    fn who_needs_no_build_gets_no_job() {
        let layers = vec![planned("a", "3.13", Outcome::WouldPublish), planned("b", "3.13", Outcome::Unchanged)];
        assert_eq!(jobs(layers), ["a"]);
        assert!(jobs(vec![planned("b", "3.13", Outcome::Unchanged)]).is_empty());
    }

    #[test]
    fn more_layers_than_jobs_share_them_by_target() {
        let most = facts::github().matrix_jobs;
        let layers = |count: usize| {
            let python = |index: usize| if index.is_multiple_of(2) { "3.13" } else { "3.14" };
            (0..count).map(move |index| planned(&format!("layer-{index}"), python(index), Outcome::WouldPublish))
        };
        assert_eq!(jobs(layers(most).collect()).len(), most);
        let shared = jobs(layers(most + 1).collect());
        assert!(shared.len() <= most, "{}", shared.len());
        assert_eq!(shared[..2], ["layer-0,layer-2", "layer-1,layer-3"]);
        assert_eq!(shared.iter().flat_map(|names| names.split(',')).count(), most + 1);
    }

    #[test]
    fn only_layers_of_one_image_share_a_job() {
        let most = facts::github().matrix_jobs;
        let layers = (0..2 * most).map(|index| {
            let native = Some(index.is_multiple_of(2));
            Report { native, ..planned(&format!("layer-{index}"), "3.13", Outcome::WouldPublish) }
        });
        let run = RunReport::new("plan", layers.collect());
        let together = names(&matrix(&run));
        assert_eq!((together.len(), together[..2].join(" ")), (most, "layer-0,layer-2 layer-1,layer-3".to_owned()));
        // Either has room for all of its own.
        assert_eq!(names(&of_wheels(&run)).len(), most);
        assert_eq!(names(&of_native(&run)["3.13"]).len(), most);
        assert_eq!(of_native(&RunReport::new("plan", Vec::new())), json!({}));
    }
}
