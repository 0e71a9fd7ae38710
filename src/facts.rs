//! What the world outside decides: Lambda's runtimes, limits and regions, read from `data/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use camino::Utf8Path;
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
    /// First two bytes of the compiled files that it reads, little-endian.
    pub bytecode_magic: u16,
}

/// See `data/lambda.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lambda {
    pub limits: Limits,
    pub compatible_runtimes: Vec<String>,
    pub top_level_folders: Vec<String>,
    /// Absolute paths.
    pub program_folders: Vec<String>,
    /// Partition to its regions.
    pub regions: BTreeMap<String, Vec<String>>,
    /// Of the partition `aws`.
    pub default_regions: Vec<String>,
}

/// GitHub Actions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GitHub {
    /// Labels, by architecture.
    pub runners: BTreeMap<String, String>,
    /// That a matrix may have.
    pub matrix_jobs: usize,
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
    /// The most that a function can have.
    pub function_memory: u64,
    /// On one function.
    pub layers: usize,
    /// All calls that change or list, in one account and region.
    pub control_plane_requests_per_second: u32,
    /// What this program takes of them.
    pub own_requests_per_second: u32,
    /// And how many more go at once after a pause.
    pub own_burst: u32,
}

/// How much is opened of what something else made; see `data/opening.yml` for the reasons. Sizes in bytes.
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

/// Versions of the tools that are brought along; see `data/tools.yml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tools {
    pub uv: String,
}

/// The operating system of a runtime, as compiled code sees it; see `data/systems.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct System {
    /// `os` of the runtimes that have it.
    pub name: String,
    /// `GLIBCXX` to `3.4.29`: the highest version of such symbols.
    pub symbol_versions: BTreeMap<String, String>,
    /// Names that programs link against (`libz.so.1`), in lines.
    libraries: Vec<Vec<String>>,
}

impl System {
    /// Whether the dynamic linker finds a library outside of the layer.
    pub fn has_library(&self, name: &str) -> bool {
        self.libraries.iter().flatten().any(|library| library == name)
    }
}

/// See `data/libraries.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Libraries {
    optional: Vec<OptionalLibrary>,
    replacements: Vec<Replacement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct OptionalLibrary {
    library: String,
    /// A glob, seen from the folder of packages.
    files: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Replacement {
    of: String,
    by: String,
}

/// What the runtimes bring; see `data/runtime-packages.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuntimePackages {
    /// When it was seen, UTC.
    pub date: jiff::civil::Date,
    pub packages: Vec<RuntimePackage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuntimePackage {
    pub name: String,
    pub version: String,
    /// As in `Requires-Dist`.
    pub requires: Vec<String>,
}

/// What credentials look like; see `data/secrets.yml` for the meaning of each and the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Secrets {
    pub tokens: Vec<TokenFormat>,
    pub private_keys: Vec<String>,
    pub files: Vec<CredentialFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFormat {
    /// `a GitHub token`
    pub kind: String,
    pub pattern: String,
    pub near: Option<String>,
    #[serde(default)]
    pub checksum: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFile {
    /// `a netrc file with a password`
    pub kind: String,
    pub paths: Vec<String>,
    pub holds: Option<String>,
}

/// Settings of uv by what becomes of them; see `data/uv-settings.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UvSettings {
    /// Handed on: they decide what requirements resolve to.
    pub resolving: Vec<String>,
    /// Handed on, for locked requirements as well.
    pub building: Vec<String>,
    /// Heeded by this program itself.
    pub heeded: Vec<String>,
    /// Values that change nothing.
    pub defaults: BTreeMap<String, String>,
    pub idle: Vec<String>,
    /// To what to do in their place.
    pub refused: BTreeMap<String, String>,
    /// Of the table `pip`.
    pub idle_of_pip: Vec<String>,
    /// Of those that are handed on.
    pub known_to_pip: Vec<String>,
}

/// See `data/licences.yml` for the sources. Identifiers are those of the SPDX licence list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Licences {
    /// The last part of a classifier to the identifier that it means.
    pub classifiers: BTreeMap<String, String>,
    /// An identifier to what authors write for it, in lower case.
    pub names: BTreeMap<String, Vec<String>>,
    pub unknown_to_cyclonedx: Vec<String>,
}

static RUNTIMES: LazyLock<Vec<Runtime>> = LazyLock::new(|| embedded(include_str!("../data/runtimes.yml")));
static LAMBDA: LazyLock<Lambda> = LazyLock::new(|| embedded(include_str!("../data/lambda.yml")));

static SYSTEMS: LazyLock<Vec<System>> = LazyLock::new(|| embedded(include_str!("../data/systems.yml")));
static RUNTIME_PACKAGES: LazyLock<RuntimePackages> =
    LazyLock::new(|| embedded(include_str!("../data/runtime-packages.yml")));

static LIBRARIES: LazyLock<Libraries> = LazyLock::new(|| embedded(include_str!("../data/libraries.yml")));

static LOCKFILES: LazyLock<Vec<KindFacts>> = LazyLock::new(|| embedded(include_str!("../data/lockfiles.yml")));

static OPENING: LazyLock<Opening> = LazyLock::new(|| embedded(include_str!("../data/opening.yml")));

static GITHUB: LazyLock<GitHub> = LazyLock::new(|| embedded(include_str!("../data/github.yml")));

static LICENCES: LazyLock<Licences> = LazyLock::new(|| embedded(include_str!("../data/licences.yml")));

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| embedded(include_str!("../data/secrets.yml")));

static UV_SETTINGS: LazyLock<UvSettings> = LazyLock::new(|| embedded(include_str!("../data/uv-settings.yml")));

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

pub fn opening() -> &'static Opening {
    &OPENING
}

pub fn github() -> &'static GitHub {
    &GITHUB
}

pub fn licences() -> &'static Licences {
    &LICENCES
}

pub fn secrets() -> &'static Secrets {
    &SECRETS
}

pub fn uv_settings() -> &'static UvSettings {
    &UV_SETTINGS
}

pub fn tools() -> &'static Tools {
    &TOOLS
}

pub fn runtime_packages() -> &'static RuntimePackages {
    &RUNTIME_PACKAGES
}

/// Whether a file does without a library that it says it needs; the path is seen from the folder of packages.
pub fn is_optional_library(library: &str, path: &Utf8Path) -> bool {
    let mut known = LIBRARIES.optional.iter().filter(|known| known.library == library);
    known.any(|known| globset::Glob::new(&known.files).is_ok_and(|glob| glob.compile_matcher().is_match(path)))
}

/// The distribution that can take the place of one whose libraries are missing.
pub fn replacement(distribution: &str) -> Option<&'static str> {
    LIBRARIES.replacements.iter().find(|known| known.of == distribution).map(|known| known.by.as_str())
}

impl Runtime {
    pub fn system(&self) -> &'static System {
        SYSTEMS.iter().find(|system| system.name == self.os).expect("the data files are checked by a test")
    }
}

pub fn limits() -> &'static Limits {
    &LAMBDA.limits
}

/// The partition that a region belongs to, the second word of its ARNs: `aws`, `aws-cn`, …
pub fn partition(region: &str) -> &'static str {
    let found = LAMBDA.regions.iter().find(|(_, regions)| regions.iter().any(|known| known == region));
    found.map_or("aws", |(partition, _)| partition)
}

/// Whether an account has to enable a region before it can use it.
pub fn is_opt_in(region: &str) -> bool {
    let is_default = |known: &String| known == region;
    LAMBDA.regions.get("aws").is_some_and(|regions| regions.iter().any(|known| known == region))
        && !LAMBDA.default_regions.iter().any(is_default)
}

/// Files of this repository, compiled in; the unit test below reads each of them.
fn embedded<T: for<'de> Deserialize<'de>>(text: &str) -> T {
    serde_yaml::from_str(text).expect("the data files are checked by a test")
}

#[cfg(test)]
mod tests {
    use super::{LIBRARIES, is_optional_library, replacement};

    #[test]
    fn some_libraries_are_not_missed() {
        let file = camino::Utf8Path::new("numba/np/ufunc/tbbpool.cpython-313-x86_64-linux-gnu.so");
        assert!(is_optional_library("libtbb.so.12", file));
        assert!(!is_optional_library("libz.so.1", file));
        assert_eq!((replacement("psycopg2"), replacement("numpy")), (Some("psycopg2-binary"), None));
        for known in &LIBRARIES.optional {
            assert!(globset::Glob::new(&known.files).is_ok(), "{}", known.files);
        }
    }

    #[test]
    fn the_data_files_are_readable() {
        assert!(super::tools().uv.contains('.'));
        assert!(super::runtimes().len() >= 6);
        for runtime in super::runtimes() {
            assert!(runtime.system().has_library("libc.so.6"));
            assert_eq!(runtime.system().symbol_versions["GLIBC"], runtime.glibc);
        }
        for package in &super::runtime_packages().packages {
            assert!(package.version.parse::<pep440_rs::Version>().is_ok(), "{}", package.version);
            for requirement in &package.requires {
                assert!(requirement.parse::<pep508_rs::Requirement>().is_ok(), "{requirement}");
            }
        }
        let settings = super::uv_settings();
        assert!(settings.defaults.keys().all(|name| settings.resolving.contains(name)));
        assert!(settings.known_to_pip.iter().any(|name| settings.building.contains(name)));
        assert_eq!(super::github().runners.len(), 2);
        assert!(super::github().matrix_jobs > 1);
        assert!(super::opening().total > super::opening().entry);
        assert_eq!(super::limits().unzipped_size, 250 * 1024 * 1024);
        assert!(super::is_opt_in("af-south-1") && !super::is_opt_in("eu-west-1") && !super::is_opt_in("cn-north-1"));
        for region in &super::lambda().default_regions {
            assert!(super::lambda().regions["aws"].contains(region), "{region}");
        }
        assert_eq!((super::partition("cn-north-1"), super::partition("eu-west-1")), ("aws-cn", "aws"));
        assert!(super::lambda().regions["aws"].contains(&"eu-west-1".to_owned()));
    }
}
