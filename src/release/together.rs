//! Releases of several layers, one after another: layers with the same tag share a release, each with its part.

use super::{follow, run};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::registry::connections::Connections;
use crate::report::Report;
use crate::spec::{Spec, VersionChoice, VersionCommandSpec};
use crate::types::LayerName;
use crate::versions::ChangeOutcome;

/// Releases all layers of a run, after all of them are published.
pub async fn together(
    reports: Vec<Report>,
    specs: &[Spec],
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> Vec<Report> {
    let layers: Vec<LayerName> = specs.iter().map(|spec| spec.layer.clone()).collect();
    let mut released = Vec::new();
    for (report, spec) in reports.into_iter().zip(specs) {
        released.push(Box::pin(follow(report, spec, &layers, connections, environment, console)).await);
    }
    released
}

/// Releases what other jobs published. A new attempt updates the same releases.
pub async fn of_results(
    reports: Vec<Report>,
    specs: Vec<VersionCommandSpec>,
    environment: &Environment,
    console: &Console,
) -> Vec<Report> {
    let layers: Vec<LayerName> = specs.iter().map(|spec| spec.layer.clone()).collect();
    let connections = Connections::default();
    let mut specs = specs;
    let mut released = Vec::new();
    for report in reports {
        let version = report.arn().map(crate::types::LayerVersionArn::version);
        let Some(version) = version.filter(|_| report.published && report.failure().is_none()) else {
            released.push(report);
            continue;
        };
        let Some(spec) = specs.iter_mut().find(|spec| spec.layer.as_str() == report.layer_name) else {
            let error = Failure::user(format!("`{}` is not one of the layers to release", report.layer_name));
            let error = error.hint("give `merge` the same `config` as its jobs, and check out the repository");
            released.push(failed(report, &error.into()));
            continue;
        };
        spec.version = VersionChoice::Number(version);
        released.push(match Box::pin(run(spec, &layers, &connections, environment, console)).await {
            Ok(of_release) => Report {
                changes: [report.changes, of_release.changes].concat(),
                release_url: of_release.release_url,
                ..report
            },
            Err(error) => failed(report, &error),
        });
    }
    released
}

/// The versions stay in the report: they are published.
fn failed(report: Report, error: &anyhow::Error) -> Report {
    let change = super::row("release", "", ChangeOutcome::Failed).failed(error);
    Report { changes: [report.changes, vec![change]].concat(), ..report }
}
