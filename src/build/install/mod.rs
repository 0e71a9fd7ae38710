//! From a [`Spec`] to a [`Tree`]: installs the dependencies and lays everything out as the layer will hold it.

mod alone;
mod availability;
mod brought_by;
pub mod codeartifact;
mod compilers;
pub(crate) mod explain;
mod failed_build;
mod git;
mod installer;
pub mod no_compiler;
mod pip;
mod pip_settings;
mod project;
mod resolution;
mod settings;
pub(super) mod shared_paths;
mod staging;
mod unmet;
mod uv;

use std::collections::BTreeSet;

use super::{assemble, script};
use crate::audit::distributions;
use crate::build::install::compilers::Compilers;
use crate::build::install::installer::Request;
use crate::build::install::settings::Settings;
use crate::build::install::staging::Staging;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::files;
use crate::layer::Tree;
use crate::layer::distribution;
use crate::manifest::Manifest;
use crate::process::{Pythons, interpreter, scratch};
use crate::spec::Spec;
use crate::spec::indexes::Indexes;

/// Builds the tree of a layer. The temporary folder with its files exists as long as the tree.
///
/// # Errors
/// A user error if requirements cannot be met; a system error if a tool is missing or the network is down.
pub fn install(
    spec: &Spec,
    manifest: &Manifest,
    pythons: Option<&Pythons>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Tree> {
    let folder = scratch::folder(&environment.scratch_directory())?;
    let place = files::utf8(folder.path())?;
    let installed = place.join("installed");
    let opt = place.join("opt");
    fs_err::create_dir_all(&installed)?;
    if let Some(script) = &spec.content.build_script {
        script::run(script, &opt, spec, environment, console)?;
    }
    let (mut distributions, mut projects, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    if !spec.dependencies.requirements.is_empty() || !spec.content.projects.is_empty() {
        let host = pythons.ok_or_else(interpreter::missing)?.any()?;
        let log_in = || codeartifact::log_in(&spec.dependencies.codeartifact, environment, console);
        let access = log_in()?;
        let indexes = Indexes::of(&spec.dependencies, &access.urls);
        let compilers = Compilers::new(&place.join("compilers"), environment)?;
        let staging = Staging::new(spec, manifest, &place.join("view"))?;
        let renewed;
        let settings = Settings::of_requirements(manifest, place)?;
        let mut request = Request {
            spec,
            manifest,
            host,
            environment,
            console,
            indexes: &indexes,
            compilers: &compilers,
            staging: &staging,
            settings: &settings,
            destination: &installed,
        };
        let explained = |error| compilers.refusal(spec.target).map_or(error, anyhow::Error::from);
        let (mut built, mut installed_with) = (BTreeSet::new(), None);
        if !spec.dependencies.requirements.is_empty() {
            let installer = installer::choose(&request)?;
            let step = console.step(format!("Install with {}", installer.name()));
            built = match installer.install(&request) {
                // The expired token may be the reason for any failure.
                Err(_) if access.has_ended() => {
                    console.note("the CodeArtifact token expired during the build; installing again with a new one");
                    renewed = Indexes::of(&spec.dependencies, &log_in()?.urls);
                    request.indexes = &renewed;
                    fs_err::remove_dir_all(&installed)?;
                    fs_err::create_dir(&installed)?;
                    installer.install(&request)?
                }
                outcome => outcome.map_err(explained)?,
            };
            distributions = distribution::read_all(&installed)?;
            settings::check_own_names(manifest, &distributions)?;
            step.done(format!("{} for {}", counted(distributions.len(), "distribution"), spec.target));
            installed_with = Some(installer);
        }
        let for_builds = Settings::of_builds(manifest, place)?;
        projects = project::install_all(&Request { settings: &for_builds, ..request }, place, &mut distributions)
            .map_err(explained)?;
        built.extend(projects.iter().cloned());
        if let Some(installer) = installed_with {
            shared_paths::settle(&*installer, &request, &distributions, &projects)?;
        }
        for distribution in &mut distributions {
            distribution.is_built_here = built.contains(&distribution.name);
        }
        if !host.can_build_for(spec.target) && !spec.dependencies.no_deps && !manifest.is_locked {
            findings.extend(distributions::check_foreign_builds(&built, &distributions, &host.version));
        }
    }
    let mut tree = assemble::assemble(spec, &installed, &opt, (distributions, &projects), folder)?;
    tree.findings.extend(findings);
    Ok(tree)
}
