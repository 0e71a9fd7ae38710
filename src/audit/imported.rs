//! Corrects findings by what the import of the modules showed.

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
    /// Compiled files that a module tried to load, whether or not that worked.
    pub(crate) tried: BTreeSet<Utf8PathBuf>,
    /// Owners whose main modules were all imported.
    pub(crate) owners: BTreeSet<Owner>,
    /// Whether the import ran in the runtime's image. Another machine may have libraries that the runtime lacks.
    pub(crate) in_runtime: bool,
}

impl Imported {
    /// Whether the file was loaded as in a function.
    pub(super) fn has_loaded(&self, path: &Utf8Path) -> bool {
        self.in_runtime && self.loaded.contains(path)
    }

    /// Whether the file could not be loaded, and its owner's modules were imported all the same.
    pub(super) fn does_without(&self, path: &Utf8Path, owner: &Owner) -> bool {
        self.tried.contains(path) && self.has_ignored(path, owner)
    }

    /// Whether its owner's modules were imported without loading the file.
    pub(super) fn has_ignored(&self, path: &Utf8Path, owner: &Owner) -> bool {
        !self.loaded.contains(path) && self.owners.contains(owner)
    }
}

/// Repeats the check for missing libraries with what the import showed.
#[must_use]
pub fn settled(mut findings: Vec<Finding>, layer: &Layer, target: Target, imported: &Imported) -> Vec<Finding> {
    let known = findings.len();
    findings.retain(|finding| finding.code != binaries::MISSING_LIBRARY);
    if findings.len() < known {
        findings.extend(binaries::missing_libraries(layer, target, imported));
    }
    findings
}
