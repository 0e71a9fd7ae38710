//! Installs with pip, if the user chose it. The target's markers must be those of this machine's Python.

use std::process::Command;

use camino::Utf8Path;
use secrecy::SecretString;

use super::explain;
use super::git::Git;
use super::installer::{Installer, Outcome, Request};
use super::uv::Uv;
use super::wanted::Found;
use crate::error::Failure;
use crate::process::child;
use crate::secrets::SecretUrl;
use crate::spec::indexes;
use crate::types::Target;

#[derive(Debug)]
pub(super) struct Pip {
    version: String,
}

impl Pip {
    /// Finds pip in the Python that runs the installer.
    ///
    /// # Errors
    /// The target is not this machine's Python and processor: pip would evaluate markers for the wrong one.
    pub(super) fn find(request: &Request<'_>) -> anyhow::Result<Self> {
        let Request { spec, host, environment, .. } = request;
        if !host.can_build_for(spec.target) {
            let failure = Failure::user(format!(
                "pip cannot install for {} with Python {} on this machine",
                spec.target, host.version
            ));
            let failure =
                failure.cause("pip evaluates markers such as `python_version` for the Python that it runs on");
            return Err(failure
                .hint("use `installer: uv`, or run on Linux with the target's own Python and architecture")
                .into());
        }
        let mut command = child::command(host.executable.as_str(), Utf8Path::new("/"), environment);
        // `-m pip --version` prints the same, but loads all of pip: 170 ms of processor time instead of 20.
        command.args(["-c", "import pip; print('pip', pip.__version__)"]);
        let version = child::version(command)
            .ok_or_else(|| Failure::system(format!("`{}` has no pip", host.executable)).hint("use `installer: uv`"))?;
        Ok(Self { version })
    }
}

/// Wheel platforms that run on the target, best first (PEP 600, and the older names of PEP 513, 571 and 599).
fn platforms(target: Target) -> Vec<String> {
    let machine = target.architecture.machine();
    let modern = (5..=target.glibc().minor).rev().map(|minor| format!("manylinux_2_{minor}"));
    let older = ["manylinux2014", "manylinux2010", "manylinux1", "linux"].map(str::to_owned);
    modern.chain(older).map(|platform| format!("{platform}_{machine}")).collect()
}

/// What pip has to install.
enum Task<'a> {
    /// The manifest's requirements, resolved by pip itself: it runs in the target's own Python and on its system.
    Resolve,
    /// The versions that were resolved for the target, in a file of pins in addition to the manifest's requirements.
    Take { pins: &'a Utf8Path },
    /// One distribution whose version is already known.
    Alone,
}

fn command(request: &Request<'_>, git: &Git, task: &Task<'_>) -> Command {
    let Request { spec, manifest, host, environment, indexes, destination, staging, .. } = request;
    let dependencies = &spec.dependencies;
    let mut command = child::command(host.executable.as_str(), &staging.folder, environment);
    git.apply(&mut command);
    request.compilers.apply(&mut command);
    command.args(["-m", "pip", "install", "--target", destination.as_str()]);
    command.args(["--no-compile", "--disable-pip-version-check", "--no-warn-script-location", "--progress-bar", "off"]);
    // With `--no-input` pip overwrites GIT_SSH_COMMAND. Without it pip does not wait either, because it has no input.
    if environment.get("GIT_SSH_COMMAND").is_none() {
        command.arg("--no-input");
    }
    if !host.can_compile_for(spec.target) {
        let python = spec.target.python;
        command.args(["--implementation", "cp", "--python-version", &python.release().to_string()]);
        for abi in [&format!("cp{}", python.digits()), "abi3", "none"] {
            command.args(["--abi", abi]);
        }
        for platform in platforms(spec.target) {
            command.args(["--platform", &platform]);
        }
    }
    // A pinned manifest already lists everything that is installed.
    if let Task::Take { pins } = task
        && !manifest.is_pinned()
    {
        command.args(["--requirement", pins.as_str()]);
    }
    if let Some(url) = &indexes.default {
        command.env("PIP_INDEX_URL", url.exposed());
    }
    if !indexes.first.is_empty() {
        let urls: Vec<&str> = indexes.first.iter().map(SecretUrl::exposed).collect();
        command.env("PIP_EXTRA_INDEX_URL", urls.join(" "));
    }
    if dependencies.no_deps || manifest.is_locked || !matches!(task, Task::Resolve) {
        command.arg("--no-deps");
    }
    // pip has no other name for standard input.
    command.args(["--requirement", "/dev/stdin"]);
    for file in &dependencies.constraints {
        command.args(["--constraint", file.as_str()]);
    }
    command
}

impl Installer for Pip {
    fn name(&self) -> String {
        format!("pip {}", self.version)
    }

    /// Takes nothing from the cache: which wheel pip prefers is its own affair.
    fn install(&self, _found: Option<Found>, request: &Request<'_>) -> anyhow::Result<Outcome> {
        let Request { spec, manifest, host, environment, console, indexes, .. } = request;
        if !indexes.first.is_empty() {
            indexes::check_merged(manifest)?;
        }
        // Markers are evaluated for the target; pip would evaluate them for the Python that it runs in.
        let git = Git::new(Some(&manifest.decided(spec.target)), environment);
        let input = git.requirements.as_ref();
        let is_foreign = !host.can_compile_for(spec.target);
        let settings = request.settings.of_pip(&self.version)?;
        let pins;
        let task = if is_foreign {
            let asked = Git::new(manifest.joined.as_ref(), environment);
            pins = request.write_pins(&Uv::find(request)?.choose(&asked, request)?)?;
            Task::Take { pins: &pins }
        } else {
            Task::Resolve
        };
        let command = || {
            let mut command = command(request, &git, &task);
            command.args(&settings);
            command
        };
        let mut outcome = child::run_with_input(command(), input, &self.name(), console)?;
        if outcome.status.success() {
            let built = explain::built(&outcome.output).filter_map(|name| name.parse().ok()).collect();
            return Ok(Outcome { built, ..Outcome::default() });
        }
        if explain::hides_its_reason(&outcome.output) {
            let mut command = command();
            command.arg("-vv");
            let more = child::run_with_input(command, input, &format!("{} -vv", self.name()), console)?;
            outcome.output.insert_str(0, &explain::reasons_of_pip(&more.output));
        }
        let output = request.staging.shown(&outcome.output);
        Err(explain::failed_install("pip", &output, request, is_foreign).into())
    }

    fn install_alone(&self, requirement: &SecretString, request: &Request<'_>) -> anyhow::Result<()> {
        let git = Git::new(Some(&request.manifest.text), request.environment);
        let mut command = command(request, &git, &Task::Alone);
        command.args(request.settings.of_pip(&self.version)?);
        let outcome = child::run_with_input(command, Some(requirement), &self.name(), request.console)?;
        if outcome.status.success() {
            return Ok(());
        }
        let output = request.staging.shown(&outcome.output);
        Err(explain::failed_install("pip", &output, request, !request.host.can_compile_for(request.spec.target)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_end_at_the_runtime_s_glibc() {
        let platforms_of = |python: &str| {
            platforms(Target {
                python: python.parse().expect("is known"),
                architecture: "arm64".parse().expect("is known"),
            })
        };
        assert_eq!(platforms_of("3.13")[0], "manylinux_2_34_aarch64");
        assert_eq!(platforms_of("3.11")[0], "manylinux_2_26_aarch64");
        assert_eq!(platforms_of("3.11").last().map(String::as_str), Some("linux_aarch64"));
    }
}
