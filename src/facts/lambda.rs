//! Lambda: its limits, folders and variables, from `data/lambda.yml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::embedded;

/// See `data/lambda.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lambda {
    pub limits: Limits,
    pub compatible_runtimes: Vec<String>,
    /// Part of the error of a region that refuses `CompatibleArchitectures`.
    pub architectures_refused: String,
    pub top_level_folders: Vec<String>,
    /// Absolute paths.
    pub program_folders: Vec<String>,
    /// Absolute paths.
    pub library_folders: Vec<String>,
    pub looking_variables: Vec<LookingVariable>,
    /// Absolute paths.
    pub function_folders: Vec<String>,
    /// Partition to its regions.
    pub regions: BTreeMap<String, Vec<String>>,
    /// Of the partition `aws`.
    pub default_regions: Vec<String>,
    /// Partition to what its regions' names begin with, `us-gov`.
    pub(super) region_areas: BTreeMap<String, Vec<String>>,
    /// What follows in the name, before the number.
    pub(super) region_directions: Vec<String>,
    /// Partition to its name for STS.
    pub(super) token_audiences: BTreeMap<String, String>,
}

/// An environment variable of a function that makes programs or libraries search another folder of the layer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LookingVariable {
    pub name: String,
    /// Whether it is for programs, whatever their names.
    #[serde(default)]
    programs: bool,
    /// Endings of the file names that it is for.
    #[serde(default)]
    endings: Vec<String>,
    names: Named,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Named {
    File,
    Folder,
}

impl LookingVariable {
    /// The value that makes Lambda find this file of the layer; `path` is relative to `/opt`. `None` if the variable is
    /// for other files.
    pub fn value_for(&self, path: &Utf8Path, is_program: bool) -> Option<Utf8PathBuf> {
        let is_meant = self.endings.iter().any(|ending| path.as_str().ends_with(ending));
        let named = match self.names {
            Named::File => path,
            Named::Folder => path.parent().unwrap_or(path),
        };
        (is_meant || (self.programs && is_program)).then(|| Utf8Path::new("/opt").join(named))
    }
}

/// Sizes in bytes, lengths in characters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// Of a function and all its layers together.
    pub unzipped_size: u64,
    /// Of a zip that is sent in the request instead of through S3.
    pub direct_upload_size: u64,
    pub layer_name_length: usize,
    pub description_length: usize,
    pub license_length: usize,
    pub compatible_runtimes: usize,
    /// The most that a function can have.
    pub function_memory: u64,
    /// On one function.
    pub layers: usize,
    /// Requests to Lambda's control plane, in one account and region.
    pub control_plane_requests_per_second: u32,
    /// The share that this program uses.
    pub own_requests_per_second: u32,
    /// How many more may be sent at once after a pause.
    pub own_burst: u32,
    /// The longest time in seconds from a publish request until the version is listed.
    pub publish_seconds: u32,
    /// Bytes per second of the slowest connection on which a direct upload has to work.
    pub slowest_upload: u64,
    /// In Parameter Store, in one account and region.
    pub parameter_writes_per_second: u32,
    /// The share that this program uses.
    pub own_parameter_writes_per_second: u32,
}

static LAMBDA: LazyLock<Lambda> = LazyLock::new(|| embedded(include_str!("../../data/lambda.yml")));

pub fn lambda() -> &'static Lambda {
    &LAMBDA
}

pub fn limits() -> &'static Limits {
    &LAMBDA.limits
}
