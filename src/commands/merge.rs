//! The command `merge`: the results of several jobs as one summary, one comment and one release.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use camino::Utf8PathBuf;
use secrecy::ExposeSecret as _;

use super::comment::{self, Wanted};
use crate::cli::{Cli, Inputs};
use crate::commands::results;
use crate::commands::results::Results;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Explanation, Failure, counted};
use crate::github::PullRequest;
use crate::report::{Report, RunReport};
use crate::secrets::Secrets;
use crate::spec::{CommentWhen, MergeSpec, Verb, VersionCommandSpec};
use crate::{config, release, report};

/// # Errors
/// There are no results, the plan failed, or what GitHub says.
pub fn run(cli: &Cli, environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    let spec = MergeSpec::resolve(cli.command.inputs(), environment)?;
    if let Some(token) = &spec.github.token {
        let mut secrets = Secrets::default();
        secrets.add("", token.expose_secret());
        console.hide(&secrets);
    }
    let step = console.step("Read");
    let files = results::read(&spec.results, &spec.shown)?;
    let count = files.len();
    // As the plan has it: this job may not have the file.
    let config = files.iter().find_map(|(_, results)| results.config.clone());
    let config = config.or_else(|| config::path(cli, environment).map(Utf8PathBuf::into_string));
    let Gathered { layers, twice } = gather(files.into_iter().map(|(_, results)| results).collect())?;
    step.done(format!("{} about {}", counted(count, "file"), counted(layers.len(), "layer")));
    for name in twice {
        console.warning(&format!("there are two results of `{name}`: is it in the matrix twice?"));
    }
    let run = RunReport::new("merge", layers);
    if run.layers.is_empty() {
        let hint = "let the plan, or at least one job, be about a layer";
        return Err(Failure::user(format!("the results in `{}` are about no layer", spec.shown)).hint(hint).into());
    }
    let specs = if spec.github.release { releases(&run, cli, environment)? } else { Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let layers = if spec.github.release {
            Box::pin(release::of_results(run.layers, specs, environment, console)).await
        } else {
            run.layers
        };
        tell(RunReport { layers, ..run }, config.as_deref(), &spec, environment, console).await
    })
}

/// Where the layers are that are to be released: as the file says, or the inputs.
fn releases(run: &RunReport, cli: &Cli, environment: &Environment) -> Result<Vec<VersionCommandSpec>, Failure> {
    let resolve = |inputs: &Inputs| VersionCommandSpec::resolve(Verb::Release, inputs, environment);
    if config::path(cli, environment).is_some() {
        return Ok(config::resolve(cli, environment, resolve)?.specs);
    }
    let of_layer = |report: &Report| {
        let layer_name = Some(report.layer_name.clone());
        resolve(&Inputs { layer_name, ..cli.command.inputs().clone() })
    };
    run.layers.iter().filter(|report| report.published).map(of_layer).collect()
}

/// The comment, if the layers were previewed.
async fn tell(
    run: RunReport,
    config: Option<&str>,
    spec: &MergeSpec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<RunReport> {
    let is_preview = run.layers.iter().any(|report| report.command == "preview");
    // Where nothing changed there were no jobs, and what was said about the commit before is to be corrected.
    let is_plan = run.layers.iter().all(|report| report.command == "plan");
    let is_corrected = is_plan && PullRequest::of_event(environment).is_ok();
    if !is_preview && !is_corrected {
        return Ok(run);
    }
    let wanted = Wanted {
        marker: report::set_marker(config.unwrap_or(config::FILE)),
        always: spec.github.comment == CommentWhen::Always,
        never: spec.github.comment == CommentWhen::Never,
        is_worth: run.layers.iter().any(|report| comment::is_worth(report, spec.github.comment_threshold)),
    };
    let told = comment::told(&run, &wanted, spec.github.token.as_ref(), environment, console).await?;
    Ok(RunReport { told, ..run })
}

/// Of all jobs.
#[derive(Debug)]
struct Gathered {
    layers: Vec<Report>,
    /// Layers of which two jobs say different things.
    twice: Vec<String>,
}

/// One report for each layer, in the order of the plan, the others behind by their names. What a job did takes the place
/// of what was planned; of several attempts the last one counts.
fn gather(files: Vec<Results>) -> Result<Gathered, Failure> {
    let (plans, jobs): (Vec<Results>, Vec<Results>) = files.into_iter().partition(Results::is_plan);
    let plan = plans.into_iter().max_by_key(|plan| plan.run);
    if let Some(error) = plan.as_ref().and_then(|plan| plan.error.as_ref()) {
        let hint = error.hint.as_deref().unwrap_or("look at the job of the plan");
        let failure = Failure::user("the plan failed").cause(error.one_line()).hint(hint);
        return Err(Failure { kind: error.kind, ..failure });
    }
    let planned_in = plan.as_ref().map_or((0, 0), |plan| plan.run);
    let mut done: BTreeMap<String, ((u64, u64), Report)> = BTreeMap::new();
    let mut twice = Vec::new();
    // What jobs did before it was planned anew is part of that plan.
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

/// What says more: of two jobs for the same layer one published it, and the other found that done.
fn weight(report: &Report) -> u8 {
    match () {
        () if report.failure().is_some() => 2,
        () if report.published => 1,
        () => 0,
    }
}

/// A layer that was to be built, and nobody says that it was.
fn lost(planned: Report) -> Report {
    let failure = Failure::system("its job left no result")
        .hint("look at the job, then re-run the failed jobs: what is published already stays");
    Report { error: Some(Explanation::of(&failure.into())), destinations: Vec::new(), changed: false, ..planned }
}
