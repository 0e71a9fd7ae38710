//! What the world outside decides: Lambda's runtimes, limits and regions, read from `data/`.

pub mod lockfiles;
pub mod missing_in_builds;
pub mod permissions;
pub use lockfiles::{Kind, KindFacts};

use std::collections::BTreeMap;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::facts::missing_in_builds::Need;

/// One managed Python runtime; see `data/runtimes.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runtime {
    /// `3.13`
    pub python: String,
    /// `18` of `3.13.18`, the newest patch release that is known.
    patch: u32,
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
    /// In what a region says that takes no `CompatibleArchitectures`.
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
    region_areas: BTreeMap<String, Vec<String>>,
    /// What follows, before a number.
    region_directions: Vec<String>,
    /// Partition to its name for STS.
    token_audiences: BTreeMap<String, String>,
}

/// A variable of a function that has something looked for elsewhere in the layer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LookingVariable {
    pub name: String,
    /// It is for programs, whatever they are called.
    #[serde(default)]
    programs: bool,
    /// Of names that it is for.
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
    /// What to set it to for a file of the layer, seen from `/opt`, if it is for files like that.
    pub fn value_for(&self, path: &Utf8Path, is_program: bool) -> Option<Utf8PathBuf> {
        let is_meant = self.endings.iter().any(|ending| path.as_str().ends_with(ending));
        let named = match self.names {
            Named::File => path,
            Named::Folder => path.parent().unwrap_or(path),
        };
        (is_meant || (self.programs && is_program)).then(|| Utf8Path::new("/opt").join(named))
    }
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
    /// The longest time from sending a publish to the version in the lists, in seconds.
    pub publish_seconds: u32,
    /// Bytes a second of the slowest line that direct uploads have to work on.
    pub slowest_upload: u64,
    /// In Parameter Store, in one account and region.
    pub parameter_writes_per_second: u32,
    /// What this program takes of them.
    pub own_parameter_writes_per_second: u32,
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

/// Variables of installers and lock tools by what becomes of them; see `data/installer-variables.yml` for the meaning of
/// each and the sources. In a name `*` stands for any letters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstallerVariables {
    /// How the names begin that are theirs.
    pub families: Vec<String>,
    pub access: Vec<String>,
    pub builds: Vec<String>,
    pub places: Vec<String>,
    pub choices: Vec<String>,
    pub files: Vec<String>,
    pub configuration: Vec<String>,
    pub read_here: Vec<String>,
}

/// Settings of uv's configuration files; see `data/uv-settings.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UvSettings {
    /// To the variables that stand for them.
    pub access: BTreeMap<String, String>,
    pub choices: BTreeMap<String, String>,
    pub not_heeded: Vec<String>,
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

    /// Whether it is one of those, by a name without version, `libz`.
    pub fn has_library_called(&self, stem: &str) -> bool {
        let is_it = |library: &String| library.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".so"));
        self.libraries.iter().flatten().any(is_it)
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
    pub url_parameters: UrlParameters,
    /// Hosts of git on which everybody has repositories that all can read.
    pub public_hosts: Vec<String>,
    pub tokens: Vec<TokenFormat>,
    pub private_keys: Vec<String>,
    pub files: Vec<CredentialFile>,
    pub weak: Weak,
}

/// What stands in anybody's files by chance. All but the words are numbers of characters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weak {
    pub shortest: usize,
    pub long: usize,
    pub changes: usize,
    pub distinct: usize,
    pub rest: usize,
    /// In lines.
    pub words: Vec<Vec<String>>,
}

/// Names in small letters, with `_` for `-`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlParameters {
    /// Their values are credentials.
    pub secrets: Vec<String>,
    /// They come with a signature, and say nothing without it.
    pub signed: Vec<String>,
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

/// Settings of a project for uv, by what becomes of them; see `data/uv-projects.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UvProjects {
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

static RUNTIMES: LazyLock<Vec<Runtime>> = LazyLock::new(|| embedded(include_str!("../../data/runtimes.yml")));
static LAMBDA: LazyLock<Lambda> = LazyLock::new(|| embedded(include_str!("../../data/lambda.yml")));

static SYSTEMS: LazyLock<Vec<System>> = LazyLock::new(|| embedded(include_str!("../../data/systems.yml")));
static RUNTIME_PACKAGES: LazyLock<RuntimePackages> =
    LazyLock::new(|| embedded(include_str!("../../data/runtime-packages.yml")));

static LIBRARIES: LazyLock<Libraries> = LazyLock::new(|| embedded(include_str!("../../data/libraries.yml")));

static LOCKFILES: LazyLock<Vec<KindFacts>> = LazyLock::new(|| embedded(include_str!("../../data/lockfiles.yml")));

static OPENING: LazyLock<Opening> = LazyLock::new(|| embedded(include_str!("../../data/opening.yml")));

static GITHUB: LazyLock<GitHub> = LazyLock::new(|| embedded(include_str!("../../data/github.yml")));

static LICENCES: LazyLock<Licences> = LazyLock::new(|| embedded(include_str!("../../data/licences.yml")));

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| embedded(include_str!("../../data/secrets.yml")));

static INSTALLER_VARIABLES: LazyLock<InstallerVariables> =
    LazyLock::new(|| embedded(include_str!("../../data/installer-variables.yml")));

static NOT_IN_A_BUILD: LazyLock<Vec<Need>> = LazyLock::new(|| embedded(include_str!("../../data/not-in-a-build.yml")));

static UV_PROJECTS: LazyLock<UvProjects> = LazyLock::new(|| embedded(include_str!("../../data/uv-projects.yml")));

static UV_SETTINGS: LazyLock<UvSettings> = LazyLock::new(|| embedded(include_str!("../../data/uv-settings.yml")));

static TOOLS: LazyLock<Tools> = LazyLock::new(|| embedded(include_str!("../../data/tools.yml")));

/// Kinds of dependency files, in the order in which they are looked for.
pub fn lockfiles() -> &'static [KindFacts] {
    &LOCKFILES
}

/// The patch release of a runtime, `18` of 3.13.18: that of the runtime's own image where this program runs in it, else
/// the newest that is known.
pub fn patch_release(runtime: &Runtime) -> u32 {
    // C compilers read it, so every image that can build has it.
    let header = format!("/var/lang/include/python{}/patchlevel.h", runtime.python);
    let of_image = fs_err::read_to_string(header).ok().and_then(|text| patch_of_header(&text));
    of_image.unwrap_or(runtime.patch)
}

/// `#define PY_MICRO_VERSION        9`
fn patch_of_header(text: &str) -> Option<u32> {
    let value = text.lines().find_map(|line| line.strip_prefix("#define PY_MICRO_VERSION"))?;
    value.split_whitespace().next()?.parse().ok()
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

pub fn installer_variables() -> &'static InstallerVariables {
    &INSTALLER_VARIABLES
}

/// What modules want while they are imported, and a build does not have.
pub fn not_in_a_build() -> &'static [Need] {
    &NOT_IN_A_BUILD
}

pub fn uv_projects() -> &'static UvProjects {
    &UV_PROJECTS
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

    /// Whether the dynamic linker finds a library of the system or of Python, `libz.so.1`.
    pub fn has_library(&self, name: &str) -> bool {
        self.system().has_library(name) || name == format!("libpython{}.so.1.0", self.python) || name == "libpython3.so"
    }

    /// Whether such a library is at a place seen from `/`, whose name may have more of its version, `libz.so.1.2.11`.
    pub fn is_library(&self, place: &Utf8Path) -> bool {
        let is_folder = place.parent().is_some_and(|folder| LAMBDA.library_folders.iter().any(|known| folder == known));
        let name = place.file_name().unwrap_or_default();
        let shorter = name.match_indices('.').map(|(end, _)| &name[..end]);
        is_folder && shorter.chain([name]).any(|name| self.has_library(name))
    }
}

pub fn limits() -> &'static Limits {
    &LAMBDA.limits
}

/// The partition that a region belongs to, the second word of its ARNs: `aws`, `aws-cn`, …
pub fn partition(region: &str) -> &'static str {
    let found = LAMBDA.regions.iter().find(|(_, regions)| regions.iter().any(|known| known == region));
    found.map(|(partition, _)| partition.as_str()).or_else(|| partition_of_name(region)).unwrap_or("aws")
}

/// The partition whose regions have such names, though this one is not known: `eu-west-9` is one of `aws`.
pub fn partition_of_name(region: &str) -> Option<&'static str> {
    let (start, number) = region.rsplit_once('-')?;
    let (area, direction) = start.rsplit_once('-')?;
    let is_name = number.parse::<u8>().is_ok_and(|number| number > 0 && !region.ends_with(&format!("0{number}")))
        && LAMBDA.region_directions.iter().any(|known| known == direction);
    let is_of = |areas: &Vec<String>| areas.iter().any(|known| known == area);
    let found = LAMBDA.region_areas.iter().find(|(_, areas)| is_name && is_of(areas))?;
    Some(found.0)
}

/// Whom an identity token has to be for that STS of a partition takes.
pub fn token_audience(partition: &str) -> &'static str {
    LAMBDA.token_audiences.get(partition).map_or("sts.amazonaws.com", String::as_str)
}

/// Whether an account has to enable a region before it can use it: so it is with all that came after 2019.
pub fn is_opt_in(region: &str) -> bool {
    let is_known = LAMBDA.regions.values().flatten().any(|known| known == region);
    let is_of_aws = LAMBDA.regions.get("aws").is_some_and(|regions| regions.iter().any(|known| known == region))
        || (!is_known && partition_of_name(region) == Some("aws"));
    is_of_aws && !LAMBDA.default_regions.iter().any(|known| known == region)
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
    fn an_image_tells_its_patch_release() {
        let header = "#define PY_MINOR_VERSION        13\n#define PY_MICRO_VERSION        9\n";
        assert_eq!(super::patch_of_header(header), Some(9));
        assert_eq!(super::patch_of_header("#define PY_MICRO_VERSION\n"), None);
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
        let settings = super::uv_projects();
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
        for (partition, regions) in &super::lambda().regions {
            for region in regions {
                assert_eq!(super::partition_of_name(region), Some(partition.as_str()), "{region}");
            }
        }
        assert!(super::is_opt_in("eu-west-9") && !super::is_opt_in("us-gov-east-9") && !super::is_opt_in("local"));
        assert_eq!((super::partition("us-gov-east-9"), super::partition("local")), ("aws-us-gov", "aws"));
        for slip in
            ["eu-wset-1", "eu-west", "eu-west-", "eu-west-0", "eu-west-01", "eu-west-1a", "eu-west-1000", "x-west-1"]
        {
            assert_eq!(super::partition_of_name(slip), None, "{slip}");
        }
        assert_eq!(super::token_audience("aws-cn"), "sts.amazonaws.com.cn");
        assert_eq!(
            (super::token_audience("aws"), super::token_audience("aws-us-gov")),
            ("sts.amazonaws.com", "sts.amazonaws.com")
        );
    }
}
