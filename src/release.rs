//! The command `release`, and the input of that name: a git tag and a GitHub release for a published version.

use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::report::Report;
use crate::spec::{ActSpec, Spec};

/// After a publish, if that was asked for.
///
/// # Errors
/// What GitHub says.
pub async fn follow(
    report: Report,
    _spec: &Spec,
    _environment: &Environment,
    _console: &Console,
) -> anyhow::Result<Report> {
    Ok(report)
}

/// For a version that exists.
///
/// # Errors
/// What the registry and GitHub say.
pub async fn run(_spec: &ActSpec, _environment: &Environment, _console: &Console) -> anyhow::Result<Report> {
    Err(Failure::user("`release` is not there yet").into())
}
