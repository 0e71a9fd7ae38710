//! The commands `publish`, `build`, `plan` and `preview` on all layers of a run, side by side.

use std::collections::BTreeMap;
use std::thread;

use camino::Utf8PathBuf;
use futures::StreamExt as _;

use super::{build, comment, finished, plan, preview, publish, runtime, since, usage};
use crate::console::Console;
use crate::decide::Context;
use crate::environment::Environment;
use crate::error::Explanation;
use crate::process::workers::{self, Workers};
use crate::registry::connections::Connections;
use crate::report::cache::{self, Cache};
use crate::report::{Report, RunReport};
use crate::spec::{Spec, Task, input_paths};
use crate::{documents, release};

/// How many layers run at the same time, and so how many states are read at once.
const AT_ONCE: usize = 32;

/// What a run has to know beside its layers.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// How many layers are built at once; `None`: as many as this machine has processors for.
    pub jobs: Option<usize>,
    /// A revision of git: a layer whose files did not change since then is not planned.
    pub since: Option<String>,
    /// The file that lists the layers (`lambda-layers.yml`), absolute.
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
    let report = Box::pin(usage::add_for_page(report, spec, context)).await;
    Box::pin(documents::write(report, spec, context.environment, context.console)).await
}

/// Runs a task (publish, build, plan or preview) on each layer.
///
/// # Errors
/// The failure of the only layer. Of several layers, each failure stands in the report of its layer.
pub fn run_task(
    specs: &[Spec],
    options: &RunOptions,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<RunReport> {
    let untouched = match &options.since {
        Some(revision) => since::untouched(specs, revision, options.config.as_deref(), console)?,
        None => specs.iter().map(|_| None).collect(),
    };
    let consoles: Vec<Console> = specs.iter().map(|spec| console.of_layer(spec.layer.as_str())).collect();
    let connections = Connections::default();
    thread::scope(|scope| {
        let workers = Workers::new(scope, options.jobs.unwrap_or_else(workers::default_count));
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
                input_paths: input_paths::shown(spec, options.config.as_deref()),
                cache_key: cache::key(spec),
                ..report
            });
            let layers: Vec<Report> = layers.collect();
            let cache = Cache::of(&layers, environment);
            let run = RunReport { cache, ..RunReport::new(specs[0].task.command(), layers) };
            comment::post_for_preview(run, specs, options.config.as_deref(), environment, console).await
        })
    })
}

/// Reports in the order of the layers, whichever finishes first. A layer whose report is known already does not run.
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
            let failed = Report::of_failure(spec.task.command(), name, target, Explanation::of(&error));
            Report { folder: spec.folder_in_repository(), ..failed }
        });
        (index, finished(report, context.console), context.console)
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
