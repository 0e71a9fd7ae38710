//! What a layer weighs: its table, and how sizes are shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::layer::{Distribution, Owner};
use crate::types::ByteSize;

/// A row of the layer's table: a distribution, or what is in none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributionSize {
    pub name: String,
    /// Empty for own source and included files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Unzipped.
    pub size: ByteSize,
    /// Its licence as an expression of SPDX; `None` if it states none, or none was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

#[cfg(test)]
impl DistributionSize {
    /// Of names, versions and bytes.
    pub(crate) fn rows(rows: &[(&str, &str, u64)]) -> Vec<Self> {
        let row = |(name, version, size): &(&str, &str, u64)| Self {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            size: ByteSize(*size),
            licence: None,
        };
        rows.iter().map(row).collect()
    }
}

/// The limits that the user set, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OwnLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_zipped_size: Option<ByteSize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unzipped_size: Option<ByteSize>,
}

impl OwnLimits {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The table of a layer, largest first.
pub fn distribution_sizes(sizes: BTreeMap<Owner, ByteSize>, distributions: &[Distribution]) -> Vec<DistributionSize> {
    let distribution_of = |owner: &Owner| match owner {
        Owner::Distribution(name) => distributions.iter().find(|distribution| distribution.name == *name),
        Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => None,
    };
    let mut rows: Vec<DistributionSize> = sizes
        .into_iter()
        .map(|(owner, size)| DistributionSize {
            name: owner.to_string(),
            version: distribution_of(&owner).map(|found| found.version.clone()).unwrap_or_default(),
            licence: distribution_of(&owner).and_then(|found| found.licence.as_expression()),
            size,
        })
        .collect();
    rows.sort_by(|left, right| right.size.cmp(&left.size).then_with(|| left.name.cmp(&right.name)));
    rows
}

/// A bar of `width` characters, full at `whole`.
pub(crate) fn bar(part: u64, whole: u64, width: usize) -> String {
    let eighths =
        usize::try_from(part.saturating_mul(8 * width as u64) / whole.max(1)).unwrap_or(8 * width).min(8 * width);
    let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{partial}", "█".repeat(eighths / 8))
}

/// `3%`, or `under 1%`
pub(crate) fn percent(part: u64, whole: u64) -> String {
    match part * 100 / whole.max(1) {
        0 => "under 1%".to_owned(),
        percent => format!("{percent}%"),
    }
}

/// `+1.2 MB`, `−300 B`, `±0`
pub(crate) fn signed(bytes: i64) -> String {
    match bytes {
        0 => "±0".to_owned(),
        1.. => format!("+{}", ByteSize(bytes.unsigned_abs())),
        _ => format!("−{}", ByteSize(bytes.unsigned_abs())),
    }
}
