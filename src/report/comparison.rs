//! Compares a layer with its previous version, package by package, with sizes in bytes.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use crate::layer::DistributionSize;
use crate::layer::KnownFinding;
use crate::types::ByteSize;

/// What a layer was like before: in the published version, or on the base branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Before {
    /// What people call this version: `version 7`.
    pub name: String,
    pub zipped_size: Option<ByteSize>,
    pub unzipped_size: Option<ByteSize>,
    pub distributions: Vec<DistributionSize>,
    /// What its checks found; `None` if that was not recorded.
    #[serde(skip)]
    pub findings: Option<Vec<KnownFinding>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageChangeKind {
    Added,
    Removed,
    Upgraded,
    Downgraded,
    /// The same version with other bytes.
    Resized,
}

impl PackageChangeKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Resized => "resized",
        }
    }
}

/// A change of one distribution, or of the files that belong to none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageChange {
    pub kind: PackageChangeKind,
    pub name: String,
    /// The version before; empty if the package is new.
    pub from: String,
    /// The version now; empty if the package is gone.
    pub to: String,
    pub bytes_before: ByteSize,
    pub bytes_after: ByteSize,
}

impl PackageChange {
    /// How much it grew, in bytes, unzipped; negative if it shrank.
    pub fn growth(&self) -> i64 {
        self.bytes_after.0.cast_signed() - self.bytes_before.0.cast_signed()
    }
}

/// The packages that changed, the largest growth or shrinkage first.
pub fn package_changes(before: &[DistributionSize], after: &[DistributionSize]) -> Vec<PackageChange> {
    let mut pairs: BTreeMap<&str, (Option<&DistributionSize>, Option<&DistributionSize>)> = BTreeMap::new();
    for row in before {
        pairs.entry(&row.name).or_default().0 = Some(row);
    }
    for row in after {
        pairs.entry(&row.name).or_default().1 = Some(row);
    }
    let mut changes: Vec<PackageChange> =
        pairs.into_iter().filter_map(|(name, (was, is))| change(name, was, is)).collect();
    changes.sort_by(|left, right| {
        right.growth().unsigned_abs().cmp(&left.growth().unsigned_abs()).then_with(|| left.name.cmp(&right.name))
    });
    changes
}

fn change(name: &str, was: Option<&DistributionSize>, is: Option<&DistributionSize>) -> Option<PackageChange> {
    let version = |row: Option<&DistributionSize>| row.map(|row| row.version.clone()).unwrap_or_default();
    let size = |row: Option<&DistributionSize>| row.map_or(ByteSize(0), |row| row.size);
    let kind = match (was, is) {
        (Some(was), Some(is)) if was.version != is.version => {
            if is_older(&is.version, &was.version) {
                PackageChangeKind::Downgraded
            } else {
                PackageChangeKind::Upgraded
            }
        }
        (Some(was), Some(is)) if was.size != is.size => PackageChangeKind::Resized,
        (Some(_), Some(_)) | (None, None) => return None,
        (None, Some(_)) => PackageChangeKind::Added,
        (Some(_), None) => PackageChangeKind::Removed,
    };
    Some(PackageChange {
        kind,
        name: name.to_owned(),
        from: version(was),
        to: version(is),
        bytes_before: size(was),
        bytes_after: size(is),
    })
}

/// Compares by PEP 440; a text that is not a valid version counts as not older.
fn is_older(version: &str, than: &str) -> bool {
    match (Version::from_str(version), Version::from_str(than)) {
        (Ok(version), Ok(than)) => version < than,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_says_what_became_of_it() {
        let before = DistributionSize::rows(&[
            ("six", "1.9", 10),
            ("idna", "3.10", 50),
            ("gone", "1", 5),
            ("same", "1", 1),
            ("grown", "1", 1),
        ]);
        let after = DistributionSize::rows(&[
            ("six", "1.17", 30),
            ("idna", "3.9", 40),
            ("new", "2", 7),
            ("same", "1", 1),
            ("grown", "1", 2),
        ]);
        let changes = package_changes(&before, &after);
        let words: Vec<String> = changes
            .iter()
            .map(|change| {
                format!("{} {:?} {} {} {}", change.name, change.kind, change.from, change.to, change.growth())
            })
            .collect();
        assert_eq!(
            words,
            [
                "six Upgraded 1.9 1.17 20",
                "idna Downgraded 3.10 3.9 -10",
                "new Added  2 7",
                "gone Removed 1  -5",
                "grown Resized 1 1 1"
            ]
        );
    }
}
