//! Gives folders that root wrote to the owner of the workspace.

use camino::Utf8Path;

use crate::github::workflow_commands::hand_over;
use crate::spec::{RegistryChoice, StatePlace};

/// Does this for a registry and a state that are folders.
pub fn hand_over_destinations(
    registry: &RegistryChoice,
    state: &StatePlace,
    workspace: &Utf8Path,
) -> std::io::Result<()> {
    if let RegistryChoice::Directory(folder) = registry
        && folder.exists()
    {
        hand_over(folder, workspace)?;
    }
    match state {
        StatePlace::Directory(folder) if folder.exists() => hand_over(folder, workspace),
        StatePlace::Directory(_) | StatePlace::S3 { .. } | StatePlace::Nowhere => Ok(()),
    }
}
