//! Limits for layers that come from elsewhere, from `data/opening.yml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::embedded;

/// Limits for unpacking a zip that this program did not make; see `data/opening.yml` for the reasons. Sizes in bytes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Opening {
    /// All files together.
    pub total: u64,
    /// One file.
    pub entry: u64,
    /// The zip itself.
    pub zip: u64,
    /// Files, folders and links.
    pub entries: u64,
    /// Bytes that one byte of deflate stands for at most.
    pub deflate_ratio: u64,
}

static OPENING: LazyLock<Opening> = LazyLock::new(|| embedded(include_str!("../../data/opening.yml")));

pub fn opening() -> &'static Opening {
    &OPENING
}
