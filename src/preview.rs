//! The command `preview`: builds, compares with what is published, tells a pull request.

use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::report::Report;
use crate::spec::Spec;

/// # Errors
/// What building says; whatever GitHub does not let us say is told here, and is no failure.
pub async fn run(_spec: &Spec, _environment: &Environment, _console: &Console) -> anyhow::Result<Report> {
    Err(Failure::user("`preview` is not there yet").into())
}
