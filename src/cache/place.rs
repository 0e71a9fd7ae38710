//! Where the cache is, and whether it can be trusted: whoever writes to it can change layers.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::Environment;

/// The name of the folder inside uv's cache on a runner.
pub const FOLDER: &str = "lambda-layer-distributions";
/// The variable that moves it.
const VARIABLE: &str = "LAMBDA_LAYER_CACHE_DIR";

/// The folder. On a runner it is in uv's cache, so that `actions/cache` saves both; `None` without a home, and for those
/// who want no cache of uv either.
pub fn folder(environment: &Environment) -> Option<Utf8PathBuf> {
    if environment.is_on("UV_NO_CACHE") {
        return None;
    }
    if let Some(given) = environment.get(VARIABLE) {
        return Some(environment.current_directory.join(given));
    }
    if environment.in_actions() {
        return Some(environment.uv_cache()?.join(FOLDER));
    }
    Some(environment.cache_directory()?.join("distributions"))
}

/// Creates the folder if it is missing. The answer is the reason if it cannot be used.
pub(super) fn prepare(folder: &Utf8Path, environment: &Environment) -> Result<(), String> {
    let because = |error: std::io::Error| error.to_string();
    if folder.symlink_metadata().is_err() {
        create(folder).map_err(because)?;
    }
    let is = folder.symlink_metadata().map_err(because)?;
    if is.is_symlink() {
        return Err("it is a link".to_owned());
    }
    if !is.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    let own = rustix::process::geteuid().as_raw();
    // A container's user is root, and a restored cache has the runner's user, who owns the workspace, too.
    let of_runner = environment.runner_workspace().and_then(|workspace| Some(workspace.metadata().ok()?.uid()));
    if is.uid() != own && Some(is.uid()) != of_runner {
        return Err(format!("it belongs to user {}, and not to user {own}", is.uid()));
    }
    if is.mode() & 0o022 != 0 {
        return Err(format!("others can write to it (mode {:o})", is.mode() & 0o777));
    }
    Ok(())
}

/// Creates a folder that only its owner can write to, whatever the umask allows.
pub(super) fn create(folder: &Utf8Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)
}
