//! Texts and digests of a layer's files for its SBOM and licences file, read while the files exist.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::Origins;
use crate::layer::Layer;
use crate::layer::files::{is_bundled, is_licence_text, place_of_other};
use crate::types::Digest;

#[derive(Clone, Debug, Default)]
pub struct Materials {
    /// Of licences.
    pub texts: BTreeMap<Utf8PathBuf, String>,
    /// Of the files that a bill of materials names one by one.
    pub digests: BTreeMap<Utf8PathBuf, Digest>,
    pub origins: Origins,
}

/// Which of them the files that were asked for need.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The licences.
    pub texts: bool,
    /// The bill of materials.
    pub digests: bool,
}

/// Bytes of one text; the licences of the largest distributions have a tenth of it.
const LONGEST_TEXT: u64 = 1024 * 1024;

impl Materials {
    /// Reads what the requested documents need, and nothing else. `bytes_of` returns the bytes of a file of the layer.
    pub fn gather(
        layer: &Layer,
        wanted: Wanted,
        origins: Origins,
        bytes_of: impl Fn(&Utf8Path) -> Option<Vec<u8>>,
    ) -> Self {
        let mut materials = Self { origins, ..Self::default() };
        for (path, file) in &layer.files {
            if wanted.texts && file.size.0 <= LONGEST_TEXT && is_licence_text(path, file) {
                let bytes = bytes_of(path).unwrap_or_default();
                materials.texts.insert(path.clone(), String::from_utf8_lossy(&bytes).into_owned());
            }
            let is_alone = || !file.kind.is_link() && place_of_other(path, file).as_ref() == Some(path);
            if wanted.digests
                && (is_bundled(path, file) || is_alone())
                && let Some(bytes) = bytes_of(path)
            {
                materials.digests.insert(path.clone(), Digest::of(&bytes));
            }
        }
        materials
    }
}
