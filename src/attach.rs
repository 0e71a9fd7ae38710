//! Puts a version on functions, in the place of the version of this layer that they have.

use crate::registry::Registry;
use crate::report::Change;
use crate::types::FunctionSelector;
use crate::versions::Chosen;

/// # Errors
/// The functions cannot be found out.
pub async fn apply(
    _functions: &[FunctionSelector],
    _versions: &[Chosen],
    _registry: &Registry,
    _dry_run: bool,
) -> anyhow::Result<Vec<Change>> {
    Ok(Vec::new())
}
