//! Labels: words that people put on versions. They are kept in the state, and parameters follow them.

use crate::console::Console;
use crate::publish::Known;
use crate::registry::Registry;
use crate::registry::store::StateStore;
use crate::report::Change;
use crate::spec::{ActSpec, Labelling, Spec};
use crate::versions::Choice;

/// For the command `label`.
///
/// # Errors
/// There is no state to keep labels in, or it cannot be written.
pub async fn apply(
    _labelling: &Labelling,
    _choice: &Choice,
    _spec: &ActSpec,
    _known: Known,
    _registry: &Registry,
    _store: &mut StateStore,
) -> anyhow::Result<Vec<Change>> {
    Ok(Vec::new())
}

/// After publishing.
///
/// # Errors
/// As of [`apply`].
pub async fn follow(
    _labelling: &Labelling,
    _choice: &Choice,
    _spec: &Spec,
    _registry: &Registry,
    _store: &mut StateStore,
    _console: &Console,
) -> anyhow::Result<Vec<Change>> {
    Ok(Vec::new())
}
