//! Who may use a version: statements of its policy that this program made, and no others.

use std::collections::BTreeSet;

use crate::registry::Registry;
use crate::report::Change;
use crate::types::Principal;
use crate::versions::Chosen;

/// Grants what is missing and revokes what is not named, in all places side by side.
pub async fn apply(
    _principals: &BTreeSet<Principal>,
    _versions: &[Chosen],
    _registry: &Registry,
    _dry_run: bool,
) -> Vec<Change> {
    Vec::new()
}
