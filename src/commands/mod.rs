//! All layers of a run, side by side: one that fails stops no other.

pub mod audit;
pub mod build;
pub(crate) mod comment;
pub mod follow_up;
pub mod merge;
mod outcome;
pub mod plan;
mod preflight;
pub mod preview;
pub mod publish;
mod reporting;
pub mod results;
pub mod since;
pub mod versions;

use std::collections::BTreeMap;
use std::thread;

use camino::Utf8PathBuf;
use futures::StreamExt as _;

use crate::console::Console;
use crate::decide::Context;
use crate::documents;
use crate::environment::Environment;
use crate::error::Explanation;
use crate::layer::Materials;
use crate::process::workers;
use crate::process::workers::Workers;
use crate::registry::connections::Connections;
use crate::release;
use crate::report::cache::Cache;
use crate::report::{Report, RunReport, cache};
use crate::spec::{AuditSpec, Spec, Subject, Task, VersionCommandSpec, input_paths};

/// Layers that are under way at once: so many states are asked for together.
const AT_ONCE: usize = 32;

/// What a run has to know beside its layers.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// So many layers are built at once; as many as this machine can where it is not said.
    pub jobs: Option<usize>,
    /// A revision: of what did not change since then nothing is asked.
    pub since: Option<String>,
    /// The file that the layers are from, absolute.
    pub config: Option<Utf8PathBuf>,
}

/// Runs a command on one layer to its report.
///
/// # Errors
/// A failure that ended the run. One that concerns some regions alone stands in the report.
async fn run<'scope>(spec: &'scope Spec, context: Context<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let report = match spec.task {
        Task::Publish => Box::pin(publish::run(spec, context)).await?,
        Task::Build => Box::pin(build::run(spec, context)).await?,
        Task::Plan => Box::pin(plan::run(spec, context)).await?,
        Task::Preview => Box::pin(preview::run(spec, context)).await?,
    };
    Box::pin(documents::write(report, spec, context.environment, context.console)).await
}

/// Builds what has to be built.
///
/// # Errors
/// Of the only layer, if there is just one. What fails of several stands in their reports.
pub fn make(
    specs: &[Spec],
    orders: &Orders,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<RunReport> {
    let untouched = match &orders.since {
        Some(revision) => since::untouched(specs, revision, orders.config.as_deref(), console)?,
        None => specs.iter().map(|_| None).collect(),
    };
    let consoles: Vec<Console> = specs.iter().map(|spec| console.of_layer(spec.layer.as_str())).collect();
    let connections = Connections::default();
    thread::scope(|scope| {
        let workers = Workers::new(scope, orders.jobs.unwrap_or_else(workers::default_count));
        let context = |console| Context { environment, console, connections: &connections, workers: &workers };
        runtime()?.block_on(async {
            comment::check(specs, environment)?;
            let layers = match specs {
                [spec] => {
                    let report = match untouched.into_iter().flatten().next() {
                        Some(report) => report,
                        None => Box::pin(run(spec, context(console))).await?,
                    };
                    vec![report]
                }
                several => {
                    let each = several.iter().zip(&consoles).map(|(spec, own)| (spec, context(own)));
                    side_by_side(each.zip(untouched).collect(), console).await
                }
            };
            let mut layers = release::together(layers, specs, &connections, environment, console).await;
            if let [report] = layers.as_mut_slice() {
                report.steps = console.steps();
            }
            let layers = layers.into_iter().zip(specs).map(|(report, spec)| Report {
                input_paths: input_paths::shown(spec, orders.config.as_deref()),
                cache_key: cache::key(spec),
                ..report
            });
            let layers: Vec<Report> = layers.collect();
            let cache = Cache::of(&layers, environment);
            let run = RunReport { cache, ..RunReport::new(specs[0].task.command(), layers) };
            comment::tell(run, specs, orders.config.as_deref(), environment, console).await
        })
    })
}

/// Reports in the order of the layers, whichever is done first. What is known already needs no run.
async fn side_by_side<'scope>(
    layers: Vec<((&'scope Spec, Context<'_, 'scope, '_>), Option<Report>)>,
    console: &Console,
) -> Vec<Report> {
    let progress = console.progress(layers.len());
    let each = layers.into_iter().enumerate().map(|(index, ((spec, context), known))| async move {
        if let Some(report) = known {
            return (index, report, context.console);
        }
        let report = Box::pin(run(spec, context)).await.unwrap_or_else(|error| {
            let (name, target) = (spec.layer.to_string(), Some(spec.target));
            Report::of_failure(spec.task.command(), name, target, Explanation::of(&error))
        });
        (index, ended(report, context.console), context.console)
    });
    let mut under_way = futures::stream::iter(each).buffer_unordered(AT_ONCE);
    let mut reports = BTreeMap::new();
    while let Some((index, report, own)) = under_way.next().await {
        progress.suspend(|| console.release(own));
        progress.inc(1);
        reports.insert(index, report);
    }
    progress.finish_and_clear();
    reports.into_values().collect()
}

/// Audits one after another: each has its imports, which take all processors.
///
/// # Errors
/// As of [`make`].
pub fn audit(specs: &[AuditSpec], environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    let connections = Connections::default();
    let one = async |spec: &AuditSpec, own: &Console| Box::pin(audit::run(spec, &connections, environment, own)).await;
    let subject = |spec: &AuditSpec| spec.subject.as_ref().map(Subject::name).unwrap_or_default();
    let name = |spec: &AuditSpec| spec.layer.clone().unwrap_or_else(|| subject(spec));
    one_by_one("audit", specs, name, &one, console)
}

/// Acts on versions of one layer after another.
///
/// # Errors
/// As of [`make`].
pub fn act(specs: &[VersionCommandSpec], environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    let connections = Connections::default();
    let one = async |spec: &VersionCommandSpec, own: &Console| {
        Box::pin(versions::run(spec, &connections, environment, own)).await
    };
    let command = specs[0].act.command();
    one_by_one(command, specs, |spec| spec.layer.to_string(), &one, console)
}

fn one_by_one<S>(
    command: &'static str,
    specs: &[S],
    name: impl Fn(&S) -> String,
    one: &impl AsyncFn(&S, &Console) -> anyhow::Result<Report>,
    console: &Console,
) -> anyhow::Result<RunReport> {
    runtime()?.block_on(async {
        if let [spec] = specs {
            let report = one(spec, console).await?;
            return Ok(RunReport::new(command, vec![Report { steps: console.steps(), ..report }]));
        }
        let mut layers = Vec::new();
        for spec in specs {
            let own = console.of_layer(&name(spec));
            let result = one(spec, &own).await;
            let report =
                result.unwrap_or_else(|error| Report::of_failure(command, name(spec), None, Explanation::of(&error)));
            layers.push(ended(report, &own));
            console.release(&own);
        }
        Ok(RunReport::new(command, layers))
    })
}

/// Tells why it failed where its steps stand, and lets go of what only files about it needed.
fn ended(report: Report, console: &Console) -> Report {
    if let Some(failure) = report.failure() {
        console.error(&failure, report.has_error(&failure.error));
    }
    Report { steps: console.steps(), layer: None, materials: Materials::default(), ..report }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
