//! The command `merge`: the results of several jobs as one summary, one comment and one release.

use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::inputs::Inputs;
use crate::report::RunReport;

/// # Errors
/// There are no results, or what GitHub says.
pub fn run(_inputs: &Inputs, _environment: &Environment, _console: &Console) -> anyhow::Result<RunReport> {
    Err(Failure::user("not there yet").into())
}
