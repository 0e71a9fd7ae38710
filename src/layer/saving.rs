//! Files that were left out of a layer, by rule.

use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

use crate::types::ByteSize;

/// What one rule removed from one distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saving {
    /// Its name in `data/slim.yml`, or the input that asked for it.
    pub rule: String,
    /// The distribution, or what the files belong to.
    pub owner: String,
    pub files: usize,
    /// Unzipped.
    pub bytes: ByteSize,
}

/// Rule, files and bytes, largest first.
pub fn by_rule(savings: &[Saving]) -> Vec<(&str, usize, ByteSize)> {
    let mut rules: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for saving in savings {
        let row = rules.entry(&saving.rule).or_default();
        row.0 += saving.files;
        row.1 += saving.bytes.0;
    }
    let mut rules: Vec<_> = rules.into_iter().map(|(rule, (files, bytes))| (rule, files, ByteSize(bytes))).collect();
    rules.sort_by_key(|(rule, _, bytes)| (std::cmp::Reverse(*bytes), *rule));
    rules
}
