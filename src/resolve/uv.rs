//! Exports `uv.lock` with uv.

use std::process::Command;

use camino::Utf8Path;
use secrecy::{ExposeSecret as _, SecretString};

use super::uv_check::Check;
use crate::console::Console;
use crate::environment::Environment;
use crate::environment::installer_variables::Effect;
use crate::error::Failure;
use crate::manifest::Lock;
use crate::process::{Pythons, child, output, uv};
use crate::secrets::SecretUrl;
use crate::spec::Spec;

pub(crate) fn requirements(
    lock: &Lock,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<SecretString> {
    let pythons = Pythons::find_any(spec.target, &spec.folder, environment, console);
    let host = pythons.any()?;
    let program = uv::find(Some(host), environment, console)?;
    Check { lock, spec, host, program: &program, environment, console }.run()?;
    let mut command = command(&program, &lock.project, lock, environment);
    command.args(["export", "--quiet", "--format", "requirements.txt", "--no-header", "--no-annotate"]);
    // Leaves out the project itself, and links to its folder.
    command.args(["--no-default-groups", "--no-emit-project", "--no-editable"]);
    command.args(["--no-python-downloads", "--no-progress", "--color", "never"]);
    // The lock was already checked by a uv that the project allows (`required-version`).
    command.args(["--frozen", "--no-config"]).env_remove("UV_CONFIG_FILE");
    let selection = &spec.dependencies.selection;
    selection.groups.iter().for_each(|group| _ = command.args(["--group", group]));
    selection.extras.iter().for_each(|extra| _ = command.args(["--extra", extra]));
    let outcome = child::capture(command, console)?;
    if outcome.status.success() {
        return Ok(outcome.text);
    }
    if outcome.said.contains("incompatible with the declared conflicts") {
        let failure =
            Failure::user("`groups` and `extras` select a combination that `pyproject.toml` declares as conflicting");
        return Err(failure.causes(output::causes(&outcome.said)).hint("remove one of them").into());
    }
    let failure = Failure::user(format!("uv could not read `{}`", lock.path)).causes(output::causes(&outcome.said));
    Err(failure.hint("correct the problem, or create the lock file again with `uv lock`").into())
}

/// A command of uv in a project's folder.
pub(crate) fn command(program: &Utf8Path, folder: &Utf8Path, lock: &Lock, environment: &Environment) -> Command {
    let mut command = child::command(program.as_str(), folder, environment);
    command.envs(environment.variables().iter().filter(|(name, _)| Effect::of(name) == Effect::Configuration));
    if let Some(links) = &lock.foreign_links {
        command.env("UV_FIND_LINKS", links.expose_secret());
    }
    if let Some((last, others)) = lock.foreign.split_last() {
        let others: Vec<String> = others.iter().map(SecretUrl::exposed_with_name).collect();
        command.env("UV_DEFAULT_INDEX", last.exposed()).env("UV_INDEX", others.join(" "));
    }
    command
}
