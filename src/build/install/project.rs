//! Own projects: built as wheels and installed beside the dependencies.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::installer::Request;
use super::uv::Uv;
use super::{failed_build, staging};
use crate::error::Failure;
use crate::layer::{Distribution, distribution};
use crate::process::child;
use crate::types::DistributionName;

/// Builds the projects of `source`, each from a copy in `scratch`: build backends write into the folder they build from,
/// and would take what an earlier build left there. Gives their names, in that order.
///
/// # Errors
/// The user's for a project that cannot be built, or that is in the layer already.
pub(super) fn install_all(
    request: &Request<'_>,
    scratch: &Utf8Path,
    distributions: &mut Vec<Distribution>,
) -> anyhow::Result<Vec<DistributionName>> {
    let Request { spec, console, destination, .. } = request;
    let mut names = Vec::new();
    if spec.content.projects.is_empty() {
        return Ok(names);
    }
    let uv = Uv::find(request)?;
    for (number, path) in spec.content.projects.iter().enumerate() {
        let step = console.step(format!("Build {path}"));
        let copy = scratch.join(format!("projects/{number}"));
        staging::copy_files(&spec.project_files(path)?, &copy)?;
        let command = uv.project_command(&copy, request);
        let before: BTreeSet<_> =
            distributions.iter().map(|distribution| (distribution.name.clone(), distribution.info.clone())).collect();
        let outcome = child::run(command, "uv", console)?;
        if !outcome.status.success() {
            let output = outcome.output.replace(copy.as_str(), path.as_str());
            return Err(failed_build::unbuildable_project(path, &output, request).into());
        }
        *distributions = distribution::read_all(destination)?;
        let is_new =
            |distribution: &&Distribution| !before.contains(&(distribution.name.clone(), distribution.info.clone()));
        let Some(built) = distributions.iter().find(is_new).filter(|_| distributions.len() > before.len()) else {
            let failure = Failure::user(format!("the project `{path}` of `source` is in the layer already"));
            let failure = failure.cause("a requirement asks for a distribution of the same name and version");
            return Err(failure.hint("take it out of the requirements, or out of `source`").into());
        };
        step.done(format!("{} {}", built.name, built.version));
        names.push(built.name.clone());
    }
    Ok(names)
}
