//! What lock files ask for, in the form of requirement files: said by their own tools.

mod uv;

use secrecy::SecretString;

use crate::console::Console;
use crate::environment::Environment;
use crate::manifest::{Kind, Lock};
use crate::spec::Spec;

/// Requirements of a lock file for the groups and extras that were asked for: pinned, hashed, with their markers.
///
/// # Errors
/// The user's for a lock file that does not fit its project, ours for a tool that does not run.
pub fn requirements(
    lock: &Lock,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<SecretString> {
    match lock.kind {
        Kind::Uv => uv::requirements(lock, spec, environment, console),
        _ => anyhow::bail!("not yet"),
    }
}
