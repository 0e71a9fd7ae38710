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
    /// A part of the error message of regions that refuse `CompatibleArchitectures`.
    pub architectures_refused: String,
    pub top_level_folders: Vec<String>,
    /// The folders, as absolute paths.
    pub program_folders: Vec<String>,
    /// The folders, as absolute paths.
    pub library_folders: Vec<String>,
    pub looking_variables: Vec<LookingVariable>,
    /// The folders, as absolute paths.
    pub function_folders: Vec<String>,
    /// The regions by partition.
    pub regions: BTreeMap<String, Vec<String>>,
    /// The regions of the partition `aws` that need not be enabled.
    pub default_regions: Vec<String>,
    /// The prefixes of region names by partition, such as `us-gov`.
    pub(super) region_areas: BTreeMap<String, Vec<String>>,
    /// The part of the name between prefix and number.
    pub(super) region_directions: Vec<String>,
    /// The audience for STS by partition.
    pub(super) token_audiences: BTreeMap<String, String>,
}

/// An environment variable of functions that makes programs or libraries search another folder of the layer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LookingVariable {
    pub name: String,
    /// Whether it applies to programs, whatever their names.
    #[serde(default)]
    programs: bool,
    /// Endings of the file names that it applies to.
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
    /// The value with which Lambda finds this file of the layer; `path` is relative to `/opt`. `None` if the variable
    /// is for other files.
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
    /// The unzipped size of a function and all its layers together.
    pub unzipped_size: u64,
    /// The size of a zip that is sent in the request instead of through S3.
    pub direct_upload_size: u64,
    pub layer_name_length: usize,
    pub description_length: usize,
    pub license_length: usize,
    pub compatible_runtimes: usize,
    /// The most memory that a function can have.
    pub function_memory: u64,
    /// The most layers on one function.
    pub layers: usize,
    /// The quota of requests to Lambda's control plane, per account and region.
    pub control_plane_requests_per_second: u32,
    /// The share that this program uses.
    pub own_requests_per_second: u32,
    /// How many more may be sent at once after a pause.
    pub own_burst: u32,
    /// The longest time in seconds from a publish request until the version is listed.
    pub publish_seconds: u32,
    /// Bytes per second of the slowest connection on which a direct upload has to work.
    pub slowest_upload: u64,
    /// The quota of writes to Parameter Store, per account and region.
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
