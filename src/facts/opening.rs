//! Limits for layers from elsewhere, from `data/opening.yml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// Limits for unpacking a zip that this program did not make; see `data/opening.yml` for the reasons. Sizes in bytes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Opening {
    /// The size of all files together.
    pub total: u64,
    /// The size of one file.
    pub entry: u64,
    /// The size of the zip.
    pub zip: u64,
    /// The number of files, folders and links.
    pub entries: u64,
    /// The most bytes that one byte of deflate can expand to.
    pub deflate_ratio: u64,
}

static OPENING: LazyLock<Opening> = LazyLock::new(|| embedded(include_str!("../../data/opening.yml")));

pub fn opening() -> &'static Opening {
    &OPENING
}
