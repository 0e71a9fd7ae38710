//! Finds the file: the one that the input `config` names, or the default one.

use camino::{Utf8Path, Utf8PathBuf};

use crate::cli::{Inputs, given};
use crate::environment::Environment;
use crate::error::Failure;
use crate::files;

pub(crate) const NAMES: [&str; 2] = ["lambda-layers.yml", "lambda-layers.yaml"];

/// The file, relative to where the program was started.
///
/// # Errors
/// The named file does not exist, or there are two files.
pub(super) fn find(inputs: &Inputs, environment: &Environment) -> Result<Option<Utf8PathBuf>, Failure> {
    let start = &environment.current_directory;
    if let Some(named) = given(inputs.config.as_ref()) {
        let path = Utf8Path::new(named);
        if !start.join(path).exists() {
            let failure = files::missing("`config`: ", start, path);
            return Err(if failure.hint.as_deref().is_some_and(|hint| hint.starts_with("did you")) {
                failure
            } else {
                failure.hint("the path is relative to the folder in which the program is started; run `lambda-layer init` to create a first file")
            });
        }
        return Ok(Some(path.to_owned()));
    }
    let mut there = NAMES.iter().filter(|name| start.join(name).exists());
    match (there.next(), there.next()) {
        (Some(first), Some(second)) => Err(Failure::user(format!("`{first}` and `{second}` both exist"))
            .hint("keep only one of them, or choose one with `config`")),
        (first, _) => Ok(first.map(Utf8PathBuf::from)),
    }
}
