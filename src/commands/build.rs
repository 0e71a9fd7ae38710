//! The command `build`: builds and checks a zip, and publishes nothing.

use super::known_vulnerabilities::{self, Prepared};
use super::preflight;
use crate::decide::Context;
use crate::decide::fingerprint::Fingerprinted;
use crate::error::counted;
use crate::report::Report;
use crate::spec::Spec;
use crate::{build, resolve};

/// # Errors
/// What building says. A layer that the checks refuse is a report.
pub async fn run<'scope>(spec: &'scope Spec, context: Context<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let Context { environment, console, workers, .. } = context;
    let raw = preflight::read_inputs(spec, console)?;
    let lookup = known_vulnerabilities::lookup(spec, environment)?;
    spec.registry.doubts(environment).iter().for_each(|doubt| console.warning(doubt));
    let manifest = workers.run(|| resolve::resolve(spec, environment, console)).await?;
    let wanted = Fingerprinted::of(&raw, &manifest, spec.target);
    let prepared = Prepared::of(lookup, spec, &manifest);
    let mut built = workers.run(move || build::build(spec, &manifest, environment, console)).await?;
    let reason = format!("{} for {}", counted(built.files, "file"), spec.target);
    let report = Report::of(spec, &wanted, reason).with_build(&built);
    let report = known_vulnerabilities::add(prepared, &mut built, report, spec, console).await?;
    Ok(match built.into_archive() {
        Ok(archive) => report.with_zip(build::keep(archive, spec)?),
        Err(failure) => report.rejected(&failure),
    })
}
