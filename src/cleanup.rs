//! Removes versions that no rule keeps and nobody uses.

use crate::console::Console;
use crate::publish::Known;
use crate::registry::Registry;
use crate::registry::store::StateStore;
use crate::report::Change;
use crate::spec::{ActSpec, Retention, Spec};

/// For the command `cleanup`.
///
/// # Errors
/// What keeps all of it from being done.
pub async fn run(
    _retention: &Retention,
    _spec: &ActSpec,
    _known: Known,
    _registry: &Registry,
    _store: &mut StateStore,
    _console: &Console,
) -> anyhow::Result<Vec<Change>> {
    Ok(Vec::new())
}

/// After publishing.
///
/// # Errors
/// As of [`run`].
pub async fn follow(
    _retention: &Retention,
    _spec: &Spec,
    _registry: &Registry,
    _store: &mut StateStore,
    _console: &Console,
) -> anyhow::Result<Vec<Change>> {
    Ok(Vec::new())
}
