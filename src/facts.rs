//! What the world outside decides: Lambda's runtimes, limits and regions, read from `data/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::manifest::KindFacts;

/// One managed Python runtime; see `data/runtimes.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runtime {
    /// `3.13`
    pub python: String,
    pub os: String,
    /// glibc of the runtime, `2.34`: what a wheel may need at most.
    pub glibc: String,
    /// The platform to ask uv for, without the architecture.
    pub uv_platform: String,
    /// Date (UTC) of deprecation, `2026-10-31`.
    pub deprecated: Option<jiff::civil::Date>,
}

/// See `data/lambda.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lambda {
    pub limits: Limits,
    pub compatible_runtimes: Vec<String>,
    pub top_level_folders: Vec<String>,
    /// Partition to its regions.
    pub regions: BTreeMap<String, Vec<String>>,
}

/// Sizes in bytes, lengths in characters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// Of a function and all its layers together.
    pub unzipped_size: u64,
    /// Of a zip that travels inside the request instead of through S3.
    pub direct_upload_size: u64,
    pub layer_name_length: usize,
    pub description_length: usize,
    pub license_length: usize,
    pub compatible_runtimes: usize,
}

/// Versions of the tools that are brought along; see `data/tools.yml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tools {
    pub uv: String,
}

static RUNTIMES: LazyLock<Vec<Runtime>> = LazyLock::new(|| embedded(include_str!("../data/runtimes.yml")));
static LAMBDA: LazyLock<Lambda> = LazyLock::new(|| embedded(include_str!("../data/lambda.yml")));

static LOCKFILES: LazyLock<Vec<KindFacts>> = LazyLock::new(|| embedded(include_str!("../data/lockfiles.yml")));

static TOOLS: LazyLock<Tools> = LazyLock::new(|| embedded(include_str!("../data/tools.yml")));

/// Kinds of dependency files, in the order in which they are looked for.
pub fn lockfiles() -> &'static [KindFacts] {
    &LOCKFILES
}

/// Supported runtimes, newest first.
pub fn runtimes() -> &'static [Runtime] {
    &RUNTIMES
}

pub fn lambda() -> &'static Lambda {
    &LAMBDA
}

pub fn tools() -> &'static Tools {
    &TOOLS
}

pub fn limits() -> &'static Limits {
    &LAMBDA.limits
}

/// The partition that a region belongs to, the second word of its ARNs: `aws`, `aws-cn`, …
pub fn partition(region: &str) -> &'static str {
    let found = LAMBDA.regions.iter().find(|(_, regions)| regions.iter().any(|known| known == region));
    found.map_or("aws", |(partition, _)| partition)
}

/// Files of this repository, compiled in; the unit test below reads each of them.
fn embedded<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_yaml::from_str(text).expect("the data files are checked by a test")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_data_files_are_readable() {
        assert!(super::tools().uv.contains('.'));
        assert!(super::runtimes().len() >= 6);
        assert_eq!(super::limits().unzipped_size, 250 * 1024 * 1024);
        assert_eq!((super::partition("cn-north-1"), super::partition("eu-west-1")), ("aws-cn", "aws"));
        assert!(super::lambda().regions["aws"].contains(&"eu-west-1".to_owned()));
    }
}
