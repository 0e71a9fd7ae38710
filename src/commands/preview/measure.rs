//! Measures the imports of the new layer and those of the version that it is compared with, in turn on the same machine.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::archive;
use crate::audit::import_time;
use crate::audit::smoke::is_for_this_machine;
use crate::audit::smoke::times::{self, LayOut, Measured};
use crate::build::BuiltLayer;
use crate::console::Console;
use crate::decide::Context;
use crate::environment::Environment;
use crate::error::Explanation;
use crate::layer::import_times::ImportTimes;
use crate::layer::{Finding, Layer};
use crate::process::Pythons;
use crate::registry::fetch;
use crate::registry::state::State;
use crate::report::Report;
use crate::spec::Spec;
use crate::types::DistributionName;

/// Adds the times, and what they mean for `max-import-time`. The version before is left out if its zip cannot be had: a
/// run that only looks may have no permission to download.
///
/// # Errors
/// The measurement itself could not run.
pub(super) async fn add<'scope>(
    built: &mut BuiltLayer,
    report: Report,
    spec: &'scope Spec,
    state: Option<&State>,
    named: BTreeSet<DistributionName>,
    context: Context<'_, 'scope, '_>,
) -> anyhow::Result<Report> {
    let Context { environment, console, workers, .. } = context;
    let (Some(layer), Some(archive)) = (built.layer.clone(), built.archive()) else { return Ok(report) };
    let times = if spec.measures_imports() && is_for_this_machine(spec.target) {
        let before = zip_before(&report, spec, state, environment).await;
        let (path, known) = (archive.path().to_owned(), built.findings.clone());
        let measure = move || {
            let now = Zip { bytes: fs_err::read(path)?, shown: "the layer", layer, known };
            let before = before.and_then(|zip| zip.map(|bytes| Zip::open(bytes, console)).transpose());
            let before = before.unwrap_or_else(|error| {
                console.debug(&format!("imports are not compared: {}", Explanation::of(&error).one_line()));
                None
            });
            compare(&now, before.as_ref(), spec, &named, environment, console)
        };
        workers.run(measure).await?
    } else {
        None
    };
    built.add(
        import_time::check(times.as_ref(), spec.checks.max_import_time).into_iter().collect(),
        spec.checks.fail_on,
        console,
    );
    Ok(Report { findings: built.findings.clone(), import_times: times, ..report })
}

/// A zip that is measured.
struct Zip {
    bytes: Vec<u8>,
    /// Its name in messages.
    shown: &'static str,
    layer: Layer,
    /// What the smoke test found.
    known: Vec<Finding>,
}

impl Zip {
    fn open(bytes: Vec<u8>, console: &Console) -> anyhow::Result<Self> {
        let shown = "the version before";
        let layer = archive::open_zip(&bytes, shown, &console.secrets())?.layer;
        Ok(Self { bytes, shown, layer, known: Vec::new() })
    }

    fn measured<'a>(&'a self, spec: &'a Spec, named: &'a BTreeSet<DistributionName>) -> Measured<'a> {
        let Self { layer, known, .. } = self;
        Measured { layer, target: spec.target, wanted: &spec.checks.smoke_test, known, named }
    }

    fn lay_out(&self, opt: &Utf8Path) -> anyhow::Result<()> {
        archive::lay_out_zip(&self.bytes, self.shown, opt)
    }
}

/// The zip of what the preview compares with: the current version, if it is for the same target, or else the baseline.
async fn zip_before(
    report: &Report,
    spec: &Spec,
    state: Option<&State>,
    environment: &Environment,
) -> anyhow::Result<Option<Vec<u8>>> {
    if !report.changed || report.before.is_none() {
        return Ok(None);
    }
    if let Some((_, content)) = state.and_then(State::current_content) {
        let is_of_target = content.python.as_ref().is_none_or(|python| *python == spec.target.python.to_string());
        let Some(version) = content.versions.values().next().filter(|_| is_of_target) else { return Ok(None) };
        return Ok(Some(Box::pin(fetch::fetch(&version.arn, &spec.registry, environment)).await?.zip));
    }
    let baseline = spec.github.baseline.as_deref().map(fs_err::read).transpose()?;
    Ok(baseline.filter(|bytes| bytes.starts_with(b"PK")))
}

fn compare(
    now: &Zip,
    before: Option<&Zip>,
    spec: &Spec,
    named: &BTreeSet<DistributionName>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Option<ImportTimes>> {
    let pythons = Pythons::find(spec.target, &spec.folder, environment, console);
    let now = (now.measured(spec, named), |opt: &Utf8Path| now.lay_out(opt));
    let before = before.map(|before| (before.measured(spec, named), |opt: &Utf8Path| before.lay_out(opt)));
    let before = before.as_ref().map(|(measured, lay_out)| (measured, lay_out as LayOut<'_>));
    times::compare((&now.0, &now.1), before, &pythons, environment, console)
}
