//! Measures the imports of the version that a preview compares with, in the same run and on the same machine.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::archive;
use crate::audit::smoke::times::{self, Measured};
use crate::console::Console;
use crate::decide::Context;
use crate::environment::Environment;
use crate::error::Explanation;
use crate::layer::import_times::ImportTimes;
use crate::process::Pythons;
use crate::registry::fetch;
use crate::registry::state::State;
use crate::report::Report;
use crate::spec::Spec;
use crate::types::DistributionName;

/// Adds the times of the version before, if its zip can be had. Nothing fails without it: a run that only looks may have
/// no permission to download.
pub(super) async fn measure<'scope>(
    report: Report,
    spec: &'scope Spec,
    state: Option<&State>,
    named: BTreeSet<DistributionName>,
    context: Context<'_, 'scope, '_>,
) -> Report {
    let Context { environment, console, workers, .. } = context;
    let is_wanted = report.changed && report.before.is_some();
    let Some(times) = report.import_times.clone().filter(|_| is_wanted) else { return report };
    let before = match zip(spec, state, environment).await {
        Ok(Some(zip)) => workers.run(move || of_zip(&zip, spec, named, environment, console)).await,
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let before = before.unwrap_or_else(|error| {
        console.debug(&format!("imports are not compared: {}", Explanation::of(&error).one_line()));
        None
    });
    Report { import_times: Some(ImportTimes { before: before.map(Box::new), ..times }), ..report }
}

/// The zip of what the preview compares with: the current version, if it is for the same target, or else the baseline.
async fn zip(spec: &Spec, state: Option<&State>, environment: &Environment) -> anyhow::Result<Option<Vec<u8>>> {
    if let Some((_, content)) = state.and_then(State::current_content) {
        let is_of_target = content.python.as_ref().is_none_or(|python| *python == spec.target.python.to_string());
        let Some(version) = content.versions.values().next().filter(|_| is_of_target) else { return Ok(None) };
        return Ok(Some(Box::pin(fetch::fetch(&version.arn, &spec.registry, environment)).await?.zip));
    }
    let baseline = spec.github.baseline.as_deref().map(fs_err::read).transpose()?;
    Ok(baseline.filter(|bytes| bytes.starts_with(b"PK")))
}

fn of_zip(
    zip: &[u8],
    spec: &Spec,
    named: BTreeSet<DistributionName>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Option<ImportTimes>> {
    const SHOWN: &str = "the version before";
    let layer = archive::open_zip(zip, SHOWN, &console.secrets())?.layer;
    let pythons = Pythons::find(spec.target, &spec.folder, environment, console);
    let measured = Measured { layer: &layer, target: spec.target, wanted: &spec.checks.smoke_test, known: &[], named };
    let lay_out = |opt: &Utf8Path| archive::lay_out_zip(zip, SHOWN, opt);
    times::of_laid_out(&measured, lay_out, &pythons, environment, console)
}
