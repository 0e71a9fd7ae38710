//! A layer while it is still being packed: its paths, and what its libraries are.

use std::collections::BTreeMap;

use crate::layer::scan::Observed;
use crate::layer::scan::binary::{Binary, has_library_name};
use crate::layer::{Layer, Source, Tree};

/// As much of the layer as imports need.
///
/// # Errors
/// A file cannot be read.
pub(super) fn layer(tree: &Tree) -> anyhow::Result<Layer> {
    Ok(Layer::of(tree, libraries(tree)?))
}

/// What the libraries of a tree are: some are no modules. Nothing else was scanned yet.
fn libraries(tree: &Tree) -> anyhow::Result<BTreeMap<String, Observed>> {
    let mut libraries = BTreeMap::new();
    for (path, entry) in tree.entries.iter().filter(|(path, _)| has_library_name(path)) {
        let known = match &entry.source {
            Source::Stored { file, .. } => file.learned.observed.clone(),
            Source::File { .. } | Source::Bytes { .. } | Source::Link { .. } => None,
        };
        let observed = match known {
            Some(known) => known,
            None => Observed { binary: Binary::of(path, &entry.bytes()?), ..Observed::default() },
        };
        libraries.insert(path.to_string(), observed);
    }
    Ok(libraries)
}
