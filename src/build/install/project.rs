//! Builds the user's own projects as wheels and installs them beside the dependencies.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::installer::Request;
use super::uv::Uv;
use super::{failed_build, staging};
use crate::error::Failure;
use crate::layer::{Distribution, distribution};
use crate::process::child;
use crate::types::DistributionName;

/// Builds the projects of `source`, each from a copy in `scratch`: build backends write into the project's folder, and
/// would reuse files of an earlier build. Returns the names of the projects, in the same order.
///
/// # Errors
/// A user error if a project cannot be built, or is already in the layer.
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
            let failure = Failure::user(format!("the project `{path}` in `source` is already in the layer"));
            let failure = failure.cause("a requirement installs a distribution with the same name and version");
            return Err(failure.hint("remove it from the requirements or from `source`").into());
        };
        step.done(format!("{} {}", built.name, built.version));
        names.push(built.name.clone());
    }
    Ok(names)
}
