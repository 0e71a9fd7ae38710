//! Installs with uv, which can resolve for every target on every machine.

mod offline;
mod questions;

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use secrecy::{ExposeSecret as _, SecretString};

use crate::build::install::availability::Availability;
use crate::build::install::brought_by::Requirers;
use crate::build::install::failed_build::FailedBuild;
use crate::build::install::git::Git;
use crate::build::install::installer::{Installer, Request};
use crate::build::install::resolution::{Pin, Resolution};
use crate::build::install::wanted::{Found, Wanted};
use crate::build::install::{explain, failed_build, installer, pip_settings, settings, unmet};
use crate::cache::programs;
use crate::error::Failure;
use crate::layer::distribution;
use crate::process::child::Outcome;
use crate::process::{child, uv};
use crate::secrets::SecretUrl;
use crate::spec::InstallerChoice;

#[derive(Debug)]
pub(super) struct Uv {
    program: Utf8PathBuf,
    version: String,
}

impl Uv {
    pub(super) fn find(request: &Request<'_>) -> anyhow::Result<Self> {
        let Request { host, environment, console, .. } = request;
        let program = uv::find(Some(host), environment, console)?;
        let ask = || {
            let mut command = child::command(program.as_str(), Utf8Path::new("/"), environment);
            command.arg("--version");
            child::version(command)
        };
        let version = programs::answer(&program, "--version", environment, ask, |_| true).ok_or_else(|| {
            Failure::system(format!("`{program}` does not run: `uv --version` fails"))
                .hint("reinstall uv, or remove it from PATH; a suitable version is then installed with pip")
        })?;
        Ok(Self { program, version })
    }

    fn pip(&self, subcommand: &str, request: &Request<'_>) -> Command {
        let mut command = self.pip_for_any(subcommand, request);
        let target = request.spec.target;
        let (release, platform) = (target.python.release().to_string(), target.uv_platform());
        command.args(["--python-version", &release, "--python-platform", &platform]);
        command
    }

    /// The same without a target: the caller adds it.
    fn pip_for_any(&self, subcommand: &str, request: &Request<'_>) -> Command {
        let mut command = child::command(self.program.as_str(), &request.staging.folder, request.environment);
        request.compilers.apply(&mut command);
        let configured = request.spec.dependencies.configured.iter();
        command.envs(configured.map(|(name, value)| (name, value.expose_secret())));
        command.args(["pip", subcommand, "--python", request.host.executable.as_str()]);
        command.args(request.settings.of_uv());
        command.args(["--no-python-downloads", "--no-progress", "--color", "never"]);
        let indexes = request.indexes;
        // In the environment, because everyone on the machine can read arguments.
        if let Some(url) = &indexes.default {
            command.env("UV_DEFAULT_INDEX", url.exposed());
        }
        if !indexes.first.is_empty() {
            let urls: Vec<String> = indexes.first.iter().map(SecretUrl::exposed_with_name).collect();
            command.env("UV_INDEX", urls.join(" "));
        }
        if request.manifest.pre {
            command.args(["--prerelease", "allow"]);
        }
        for host in &request.manifest.trusted_hosts {
            command.args(["--allow-insecure-host", host]);
        }
        command
    }

    fn install_for_target(&self, request: &Request<'_>) -> Command {
        let mut command = self.pip("install", request);
        // Images that mount a cache say `copy`, which is for environments that stay. This folder is soon removed again.
        command.env_remove("UV_LINK_MODE");
        command.args(["--target", request.destination.as_str(), "--no-compile-bytecode", "--no-editable"]);
        command
    }

    /// A command that builds a project as a wheel and installs it without its dependencies.
    pub(super) fn project_command(&self, folder: &Utf8Path, request: &Request<'_>) -> Command {
        let mut command = self.install_for_target(request);
        // Sources in `[tool.uv]` are paths relative to the project.
        command.args(["--no-deps", "--no-sources", "--", folder.as_str()]);
        command
    }

    /// Adds the manifest's requirements to a command that takes requirement files after `flag`.
    fn ask_for_requirements(command: &mut Command, flag: Option<&str>, git: &Git, request: &Request<'_>) {
        git.apply(command);
        let dependencies = &request.spec.dependencies;
        if settings::refreshes(request) {
            command.arg("--refresh");
        }
        if dependencies.no_deps || request.manifest.is_locked {
            command.arg("--no-deps");
        }
        for file in &dependencies.constraints {
            command.args(["--constraints", file.as_str()]);
        }
        if dependencies.installer == InstallerChoice::Pip {
            pip_settings::apply(command, request.environment);
        }
        let files = dependencies.requirements.iter().map(|file| file.as_str());
        let files: Vec<&str> = if request.manifest.joined.is_some() { vec!["-"] } else { files.collect() };
        for file in files {
            command.args(flag).arg(file);
        }
    }

    /// The versions for the target, which another installer then installs: uv's choice, all of which can be installed
    /// or built here.
    pub(super) fn choose(&self, git: &Git, request: &Request<'_>) -> anyhow::Result<Vec<Pin>> {
        let resolution = self.resolve(git, request)?;
        self.check_builds(&resolution.without_wheels(request.manifest), git, request)?;
        Ok(resolution.pins())
    }

    /// A distribution with the locked hash is the locked one, whichever index it comes from.
    fn ask_all_indexes(command: &mut Command, request: &Request<'_>) {
        if asks_all_indexes(request) {
            command.args(["--index-strategy", "unsafe-best-match"]);
        }
    }

    fn resolve_command(&self, git: &Git, request: &Request<'_>) -> Command {
        let mut command = self.pip("compile", request);
        command.arg("--no-header");
        Self::ask_for_requirements(&mut command, None, git, request);
        Self::ask_all_indexes(&mut command, request);
        command
    }

    /// For each resolved distribution, those that require it.
    fn requirers(&self, git: &Git, request: &Request<'_>) -> Requirers {
        let mut command = self.resolve_command(git, request);
        command.args(["--quiet", "--annotation-style", "line"]);
        let answer = child::capture_with_input(command, git.requirements.as_ref(), request.console);
        answer.map(|answer| Requirers::read(answer.text.expose_secret())).unwrap_or_default()
    }

    /// The version of each distribution for the target, by uv's own rules: the newest, whether it has a wheel or not,
    /// and no pre-release unless one is asked for.
    fn resolve(&self, git: &Git, request: &Request<'_>) -> anyhow::Result<Resolution> {
        let mut command = self.resolve_command(git, request);
        command.args(["--no-annotate", "--format", "pylock.toml"]);
        let (input, name) = (git.requirements.as_ref(), self.name());
        let mut answer = child::answer(command, input, &name, request.console)?;
        if answer.status.success() {
            return Resolution::read(answer.text.expose_secret()).context("could not read the output of uv");
        }
        if asks_all_indexes(request) && explain::misses_a_name(&answer.said) {
            answer.said += &self.refusals(git, request)?;
        }
        let missing = explain::without_wheels(&answer.said);
        if !missing.is_empty() {
            let found = missing.iter().map(|(name, version)| self.availability_of(name, version.as_deref(), request));
            return Err(explain::no_wheel(&found.collect::<Vec<_>>(), request.manifest, request.spec.target).into());
        }
        if let Some(failure) = unmet::no_version(&answer.said, request, |name| self.newest_that_fits(name, request)) {
            return Err(failure.into());
        }
        Err(self.explain(&answer.said, &[], request))
    }

    /// Installs the resolved versions; without `chosen`, the manifest's requirements, which are pinned. Only `built`
    /// may be built; everything else is installed from wheels.
    fn install_chosen(&self, chosen: Option<&Chosen<'_>>, git: &Git, request: &Request<'_>) -> Command {
        let Request { spec, manifest, .. } = request;
        let mut command = self.install_for_target(request);
        Self::ask_for_requirements(&mut command, Some("--requirements"), git, request);
        Self::ask_all_indexes(&mut command, request);
        // Repositories and folders have no hash; uv checks the hashes of the others anyway. Only the locked
        // distributions are installed, so additional constraints need no hashes, although `--require-hashes` would ask
        // for them.
        let is_whole = manifest.is_hashed() && spec.dependencies.constraints.is_empty();
        let is_hashed = manifest.require_hashes && (!manifest.is_locked || is_whole);
        if is_hashed {
            command.arg("--require-hashes");
        }
        match chosen {
            None => manifest.names().for_each(|name| _ = command.args(["--only-binary", &name])),
            Some(chosen) => {
                let with_wheels = chosen.pins.iter().filter(|pin| !chosen.built.contains(pin));
                with_wheels.for_each(|pin| _ = command.args(["--only-binary", &pin.name]));
                if !is_hashed {
                    command.args(["--constraints", chosen.file.as_str()]);
                    // uv accepts the option only once.
                    if !manifest.pre {
                        command.args(["--prerelease", "allow"]);
                    }
                }
            }
        }
        command
    }

    fn run(&self, command: Command, git: &Git, request: &Request<'_>) -> anyhow::Result<Outcome> {
        child::run_with_input(command, git.requirements.as_ref(), &self.name(), request.console)
    }

    /// Installs what the cache does not have. Gives back what is wanted if the cache has nothing, or if that is not all
    /// that there is to do: then nothing was installed.
    fn install_missing(
        &self,
        found: Found,
        request: &Request<'_>,
    ) -> anyhow::Result<Result<installer::Outcome, Wanted>> {
        if found.taken.is_empty() {
            return Ok(Err(found.wanted));
        }
        if !found.is_all() {
            // The usual way explains what is wrong.
            if !self.install_wheels(&found, request)?.status.success() {
                return clear(request.destination).map(|()| Err(found.wanted));
            }
        }
        if !found.is_complete_with(&distribution::read_all(request.destination)?, request) {
            return clear(request.destination).map(|()| Err(found.wanted));
        }
        Ok(Ok(installer::Outcome { built: BTreeSet::new(), taken: found.taken, wanted: Some(found.wanted) }))
    }

    fn install_wheels(&self, found: &Found, request: &Request<'_>) -> anyhow::Result<Outcome> {
        let missing = found.missing(request.manifest);
        let install = || {
            let mut command = self.install_file(request);
            command.args(["--only-binary", ":all:"]);
            command
        };
        if found.is_locked()
            && let Some(outcome) = self.offline(&missing, install(), Some(&missing), request)?
        {
            return Ok(outcome);
        }
        child::run_with_input(install(), Some(&missing), &self.name(), request.console)
    }

    /// Installs what a requirement file on standard input names, and nothing else.
    fn install_file(&self, request: &Request<'_>) -> Command {
        let mut command = self.install_for_target(request);
        Git::new(Some(&request.manifest.text), request.environment).apply(&mut command);
        Self::ask_all_indexes(&mut command, request);
        command.args(["--no-deps", "--requirements", "-"]);
        command
    }

    /// uv's messages about indexes that refuse access. When uv asks all indexes, it treats such an index as empty.
    fn refusals(&self, git: &Git, request: &Request<'_>) -> anyhow::Result<String> {
        let mut command = self.install_for_target(request);
        command.arg("--dry-run");
        Self::ask_for_requirements(&mut command, Some("--requirements"), git, request);
        let name = format!("{}, index by index", self.name());
        let outcome = child::run_with_input(command, git.requirements.as_ref(), &name, request.console)?;
        Ok(explain::refusals_of_uv(&outcome.output))
    }

    /// The distributions that have to be built, if that is possible here: compiled code needs the target's own system,
    /// and the user learns that before minutes of building.
    fn check_builds(&self, missing: &[Pin], git: &Git, request: &Request<'_>) -> anyhow::Result<Vec<Availability>> {
        let Request { spec, manifest, host, console, .. } = request;
        let found: Vec<Availability> = missing.iter().map(|pin| self.availability(pin, request)).collect();
        let can_compile = host.can_compile_for(spec.target);
        let is_unbuildable =
            |found: &&Availability| manifest.forbids_build(&found.pin.name) || (!can_compile && found.is_compiled());
        let unbuildable: Vec<Availability> = found.iter().filter(is_unbuildable).cloned().collect();
        if !unbuildable.is_empty() {
            let failure = explain::no_wheel(&unbuildable, manifest, spec.target);
            let unnamed: Vec<&str> = unbuildable.iter().map(|found| found.pin.name.as_str()).collect();
            let unnamed: Vec<&str> =
                unnamed.into_iter().filter(|name| explain::place_of(name, manifest).is_none()).collect();
            if unnamed.is_empty() {
                return Err(failure.into());
            }
            let requirers = self.requirers(git, request);
            return Err(failure.causes(unnamed.iter().filter_map(|name| requirers.of(name, manifest))).into());
        }
        for available in &found {
            let Availability { pin, newest_that_fits, .. } = available;
            let newest = newest_that_fits.as_ref().filter(|_| available.is_compiled());
            let newest =
                newest.map(|version| format!("; `{}=={version}` is the newest version that has one", pin.name));
            let newest = newest.unwrap_or_default();
            console.note(&format!("`{pin}` has no wheel for {}, so it is built on this machine{newest}", spec.target));
        }
        Ok(found)
    }

    /// The error for a failure of uv; `built` are the distributions that had to be built.
    fn explain(&self, output: &str, built: &[Availability], request: &Request<'_>) -> anyhow::Error {
        let output = &request.staging.shown(output);
        let cannot_compile = !request.host.can_build_for(request.spec.target);
        let elsewhere = failed_build::compiled_elsewhere(output, request, built).filter(|_| cannot_compile);
        if let Some(failure) = elsewhere {
            return failure.into();
        }
        if let Some(build) = FailedBuild::of(output) {
            let newest = build.name().and_then(|name| self.newest_that_fits(name, request));
            return build.explain(request, newest.as_deref()).into();
        }
        explain::failed_install("uv", output, request, cannot_compile).into()
    }
}

/// Empties the folder of an installation.
fn clear(folder: &Utf8Path) -> anyhow::Result<()> {
    fs_err::remove_dir_all(folder)?;
    Ok(fs_err::create_dir(folder)?)
}

/// The versions to install.
struct Chosen<'a> {
    pins: &'a [Pin],
    /// The versions that have no wheel.
    built: &'a [Pin],
    /// A file with all versions, as constraints.
    file: &'a Utf8Path,
}

/// Whether uv may ask every index for every name: the hashes decide which files are accepted.
fn asks_all_indexes(request: &Request<'_>) -> bool {
    request.manifest.is_locked && request.manifest.names_are_hashed() && !request.indexes.first.is_empty()
}

impl Installer for Uv {
    fn name(&self) -> String {
        format!("uv {}", self.version)
    }

    /// The versions are decided first, for the target and by uv's own rules, so that they are the same on every
    /// machine. Distributions with a fitting wheel are installed from it; the others are built. uv refuses a built
    /// wheel that does not fit the target: for another Python or processor than this machine's, it has to be a
    /// pure-Python wheel.
    ///
    /// As soon as the versions are known, the cache is asked for them, and only the others are installed.
    fn install(&self, found: Option<Found>, request: &Request<'_>) -> anyhow::Result<installer::Outcome> {
        let manifest = request.manifest;
        let git = Git::new(manifest.joined.as_ref(), request.environment);
        let wanted = match found.map(|found| self.install_missing(found, request)).transpose()? {
            Some(Ok(outcome)) => return Ok(outcome),
            Some(Err(wanted)) => Some(wanted),
            None => None,
        };
        let names = |output: &str, built: &[Pin]| {
            let built = built.iter().map(|pin| pin.name.as_str()).chain(explain::built(output));
            built.filter_map(|name| name.parse().ok()).collect()
        };
        // A pinned manifest leaves nothing to choose, and mostly everything has wheels.
        let first = if manifest.is_pinned() {
            let install = || self.install_chosen(None, &git, request);
            let lines = wanted.as_ref().and_then(|wanted| wanted.locked(manifest));
            let offline = lines.map(|lines| self.offline(&lines, install(), git.requirements.as_ref(), request));
            Some(offline.transpose()?.flatten().map_or_else(|| self.run(install(), &git, request), Ok)?)
        } else {
            None
        };
        if let Some(outcome) = first.as_ref().filter(|outcome| outcome.status.success()) {
            return Ok(installer::Outcome { built: names(&outcome.output, &[]), taken: Vec::new(), wanted });
        }
        let resolution = self.resolve(&git, request)?;
        let mut wanted = Wanted::of_resolution(&resolution, request);
        if let Some(chosen) = wanted.take_if(|_| first.is_none()) {
            match self.install_missing(chosen.in_cache(request), request)? {
                Ok(outcome) => return Ok(outcome),
                Err(chosen) => wanted = Some(chosen),
            }
        }
        let built = resolution.without_wheels(manifest);
        if let Some(outcome) = first.filter(|_| built.is_empty()) {
            return Err(self.explain(&outcome.output, &[], request));
        }
        let found = self.check_builds(&built, &git, request)?;
        let pins = resolution.pins();
        let file = request.write_pins(&pins)?;
        let chosen = Chosen { pins: &pins, built: &built, file: &file };
        let outcome = self.run(self.install_chosen(Some(&chosen), &git, request), &git, request)?;
        if outcome.status.success() {
            return Ok(installer::Outcome { built: names(&outcome.output, &built), taken: Vec::new(), wanted });
        }
        Err(self.explain(&outcome.output, &found, request))
    }

    fn install_alone(&self, requirement: &SecretString, request: &Request<'_>) -> anyhow::Result<()> {
        let command = self.install_file(request);
        let outcome = child::run_with_input(command, Some(requirement), &self.name(), request.console)?;
        if outcome.status.success() { Ok(()) } else { Err(self.explain(&outcome.output, &[], request)) }
    }
}
