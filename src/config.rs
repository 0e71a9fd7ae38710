//! `lambda-layers.yml`: which layers there are, and what is asked of each.

use crate::environment::Environment;
use crate::error::Failure;
use crate::inputs::{Cli, Inputs, given};

/// Where it is looked for.
pub const FILE: &str = "lambda-layers.yml";

/// The specs of all layers that the run is about: of those of the file that were chosen, or of the one that the inputs
/// describe.
///
/// # Errors
/// Everything that is wrong with the file, or with what it asks for.
pub fn resolve<S>(
    cli: &Cli,
    _environment: &Environment,
    resolve: impl Fn(&Inputs) -> Result<S, Failure>,
) -> Result<Vec<S>, Failure> {
    Ok(vec![resolve(cli.command.inputs())?])
}

/// JSON Schema of the file.
pub fn schema() -> String {
    String::new()
}

/// How many layers are built at once.
///
/// # Errors
/// The user's if it is no number.
pub fn jobs(inputs: &Inputs) -> Result<Option<usize>, Failure> {
    let Some(text) = given(inputs.jobs.as_ref()) else { return Ok(None) };
    match text.parse() {
        Ok(jobs @ 1..) => Ok(Some(jobs)),
        Ok(0) | Err(_) => {
            let failure = Failure::user(format!("`jobs` is `{text}`, which is no number of layers"));
            Err(failure.hint("write a whole number from 1 on, or leave it out"))
        }
    }
}
