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
pub(super) mod wanted;

use std::collections::BTreeMap;

use super::installed::Installed;
use super::{assemble, script};
use crate::audit::distributions;
use crate::build::install::compilers::Compilers;
use crate::build::install::installer::{Outcome, Request};
use crate::build::install::settings::Settings;
use crate::build::install::staging::Staging;
use crate::build::install::wanted::{Found, Wanted};
use crate::cache::Cache;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::files;
use crate::layer::{CacheMiss, Tree, distribution};
use crate::manifest::Manifest;
use crate::process::{Pythons, interpreter, scratch};
use crate::spec::indexes::Indexes;
use crate::spec::{InstallerChoice, Spec};
use crate::types::{Digest, DistributionName};

/// For each distribution, what the cache will find its wheel under.
pub(super) type Keys = BTreeMap<DistributionName, Vec<Digest>>;

/// Builds the tree of a layer. The temporary folder with its files exists as long as the tree. If an installer has to run,
/// `meanwhile` runs beside it.
///
/// # Errors
/// A user error if requirements cannot be met; a system error if a tool is missing or the network is down.
pub(super) fn install<T: Send>(
    spec: &Spec,
    manifest: &Manifest,
    pythons: Option<&Pythons>,
    cache: &Cache,
    environment: &Environment,
    console: &Console,
    meanwhile: impl FnOnce() -> T + Send,
) -> anyhow::Result<(Tree, Installed, Keys, Option<T>)> {
    let cache_of_uv = environment.uv_cache().filter(|_| !environment.is_on("UV_NO_CACHE"));
    let folder = scratch::folder_for_links(&environment.scratch_directory(), cache_of_uv.as_deref())?;
    let place = files::utf8(folder.path())?;
    let installed = place.join("installed");
    let opt = place.join("opt");
    fs_err::create_dir_all(&installed)?;
    if let Some(script) = &spec.content.build_script {
        script::run(script, &opt, spec, environment, console)?;
    }
    let (mut distributions, mut projects, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    let (mut taken, mut keys, mut done) = (Vec::new(), Keys::new(), None);
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
            cache,
            indexes: &indexes,
            compilers: &compilers,
            staging: &staging,
            settings: &settings,
            destination: &installed,
        };
        let explained = |error| compilers.refusal(spec.target).map_or(error, anyhow::Error::from);
        let (mut outcome, mut installed_with) = (Outcome::default(), None);
        let mut found = in_cache(&request);
        let is_whole = |found: &Found| found.is_all() && found.is_complete_with(&[], &request);
        if let Some(Found { wanted, taken, .. }) = found.take_if(|found| is_whole(found)) {
            console.step("Install").done(summary(0, taken.len(), spec));
            outcome = Outcome { taken, wanted: Some(wanted), ..outcome };
        } else if !spec.dependencies.requirements.is_empty() {
            let installer = installer::choose(&request)?;
            let step = console.step(format!("Install with {}", installer.name()));
            let ran = std::thread::scope(|scope| {
                let other = scope.spawn(meanwhile);
                let ran = installer.install(found, &request);
                done = Some(other.join().expect("does not panic"));
                ran
            });
            outcome = match ran {
                // The expired token may be the reason for any failure.
                Err(_) if access.has_ended() => {
                    console.note("the CodeArtifact token expired during the build; installing again with a new one");
                    renewed = Indexes::of(&spec.dependencies, &log_in()?.urls);
                    request.indexes = &renewed;
                    fs_err::remove_dir_all(&installed)?;
                    fs_err::create_dir(&installed)?;
                    installer.install(in_cache(&request), &request)?
                }
                outcome => outcome.map_err(explained)?,
            };
            distributions = distribution::read_all(&installed)?;
            settings::check_own_names(manifest, &distributions)?;
            step.done(summary(distributions.len(), outcome.taken.len(), spec));
            installed_with = Some(installer);
        }
        let mut built = outcome.built;
        taken = outcome.taken;
        keys = outcome.wanted.map(|wanted| wanted.keys(&taken, &request)).unwrap_or_default();
        let for_builds = Settings::of_builds(manifest, place)?;
        projects = project::install_all(&Request { settings: &for_builds, ..request }, place, &mut distributions)
            .map_err(explained)?;
        built.extend(projects.iter().cloned());
        let is_again = |name: &DistributionName| taken.iter().any(|taken| taken.distribution.name == *name);
        anyhow::ensure!(!projects.iter().any(is_again), CacheMiss::Absent);
        // What is taken from the cache shares no path with others.
        if let Some(installer) = installed_with.filter(|_| taken.is_empty()) {
            shared_paths::settle(&*installer, &request, &distributions, &projects)?;
        }
        for distribution in &mut distributions {
            distribution.is_built_here = built.contains(&distribution.name);
        }
        if !host.can_build_for(spec.target) && !spec.dependencies.no_deps && !manifest.is_locked {
            findings.extend(distributions::check_foreign_builds(&built, &distributions, &host.version));
        }
    }
    let on_disk = distributions.clone();
    distributions.extend(taken.iter().map(|taken| taken.distribution.clone()));
    distributions.sort_by(|left, right| (&left.name, &left.info).cmp(&(&right.name, &right.info)));
    let installed = Installed::read(&installed, &on_disk, taken, spec, cache, console)?;
    let mut tree = assemble::assemble(spec, &installed, &opt, (distributions, &projects), folder)?;
    tree.findings.extend(findings);
    Ok((tree, installed, keys, done))
}

/// What the cache has of what is to be installed; `None` if it is not known before an installer decides.
fn in_cache(request: &Request<'_>) -> Option<Found> {
    let dependencies = &request.spec.dependencies;
    if dependencies.requirements.is_empty() || dependencies.installer == InstallerChoice::Pip {
        return None;
    }
    Some(Wanted::of_manifest(request)?.in_cache(request))
}

/// `14 distributions for python3.13 on x86_64, 12 of them from the cache`
fn summary(installed: usize, taken: usize, spec: &Spec) -> String {
    let all = format!("{} for {}", counted(installed + taken, "distribution"), spec.target);
    match (installed, taken) {
        (_, 0) => all,
        (0, _) => format!("{all}, all from the cache"),
        _ => format!("{all}, {taken} of them from the cache"),
    }
}
