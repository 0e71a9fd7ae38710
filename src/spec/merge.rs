//! The validated inputs of the command `merge`.

use camino::Utf8PathBuf;
use secrecy::ExposeSecret;

use super::{GithubChoice, Reading, Task};
use crate::cli::{Inputs, given};
use crate::environment::Environment;
use crate::error::Failure;

#[derive(Debug)]
pub struct MergeSpec {
    /// The folder with the results: absolute, and as it was given.
    pub results: Utf8PathBuf,
    pub shown: String,
    pub github: GithubChoice,
}

impl MergeSpec {
    /// Validates the inputs.
    ///
    /// # Errors
    /// One failure that lists every problem.
    pub fn resolve(inputs: &Inputs, environment: &Environment) -> Result<Self, Failure> {
        let mut reading = Reading::new(None, environment);
        let shown = given(inputs.results.as_ref()).unwrap_or_default().to_owned();
        if shown.is_empty() {
            let failure = Failure::user("`results` is missing");
            reading.problems.push(failure.hint("set `results` to the folder that contains the results of the jobs"));
        }
        let github = reading.github(Task::Plan, inputs);
        if github.release {
            reading.check_release(github.token.as_ref().map(ExposeSecret::expose_secret));
        }
        reading.boolean("summary", given(inputs.summary.as_ref()), true);
        let Reading { problems, .. } = reading;
        problems.into_result()?;
        Ok(Self { results: environment.current_directory.join(&shown), shown, github })
    }
}
