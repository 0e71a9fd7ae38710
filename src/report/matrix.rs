//! The output `matrix`: one job for each layer that needs a build, in the form that `strategy.matrix` takes.

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
}

/// Empty unless a plan found something to build. If there are more layers than GitHub starts jobs, layers of one target
/// share a job and are built one after another; `layer-name` then has several names with commas, as the input `layers`
/// takes them.
pub(super) fn matrix(run: &RunReport) -> Value {
    let wanted: Vec<&Report> = run.layers.iter().filter(|report| report.needs_build()).collect();
    let mut per_job = 1;
    let mut jobs = of_size(&wanted, per_job);
    while jobs.len() > facts::github().matrix_jobs {
        per_job += 1;
        jobs = of_size(&wanted, per_job);
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
        let matrix = matrix(&RunReport::new("plan", layers));
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
}
