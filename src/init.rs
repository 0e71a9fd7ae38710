//! The command `init`: a first `lambda-layers.yml` from what is in the repository.

use crate::environment::Environment;
use crate::error::Failure;
use crate::inputs::{Given, Inputs};

/// Writes the file and says what stands in it.
///
/// # Errors
/// There is one already, or nothing to make a layer of.
pub fn run(_inputs: &Inputs, _given: &Given, _environment: &Environment) -> anyhow::Result<String> {
    Err(Failure::user("not there yet").into())
}
