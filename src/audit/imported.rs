//! Corrects findings with what the import of the modules showed.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::binaries;
use crate::layer::Owner;
use crate::layer::{Finding, Layer};
use crate::types::Target;

/// What was seen while modules were imported.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Compiled files of the layer that were loaded.
    pub(crate) loaded: BTreeSet<Utf8PathBuf>,
    /// Those that a module wanted to load, with success or without.
    pub(crate) tried: BTreeSet<Utf8PathBuf>,
    /// Whose modules were imported, all that count.
    pub(crate) owners: BTreeSet<Owner>,
    /// Whether that was in the runtime's image. Another machine may have libraries that the runtime has not.
    pub(crate) in_runtime: bool,
}

impl Imported {
    /// Whether it was loaded as it would be in a function.
    pub(super) fn has_loaded(&self, path: &Utf8Path) -> bool {
        self.in_runtime && self.loaded.contains(path)
    }

    /// Whether it could not be loaded, and who wanted that went on without it.
    pub(super) fn does_without(&self, path: &Utf8Path, owner: &Owner) -> bool {
        self.tried.contains(path) && self.has_ignored(path, owner)
    }

    /// Whether the modules that it belongs to were imported, and it was not loaded.
    pub(super) fn has_ignored(&self, path: &Utf8Path, owner: &Owner) -> bool {
        !self.loaded.contains(path) && self.owners.contains(owner)
    }
}

/// Looks once more at what the import says more about: libraries that nobody has.
#[must_use]
pub fn settled(mut findings: Vec<Finding>, layer: &Layer, target: Target, imported: &Imported) -> Vec<Finding> {
    let known = findings.len();
    findings.retain(|finding| finding.code != binaries::MISSING_LIBRARY);
    if findings.len() < known {
        findings.extend(binaries::missing_libraries(layer, target, imported));
    }
    findings
}
