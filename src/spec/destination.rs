//! Where versions and state go.

use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::Environment;
use crate::error::{Failure, Problems};
use crate::types::Region;

/// `registry`, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryChoice {
    Aws {
        /// Empty: the region of the AWS configuration.
        regions: Vec<Region>,
        /// May contain `{region}` and `{account}`.
        bucket: Option<String>,
    },
    /// Absolute.
    Directory(Utf8PathBuf),
}

/// `state`, or what follows from the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatePlace {
    /// `bucket` may contain `{region}` and `{account}`, which stand for those of the first destination.
    S3 { bucket: String, prefix: String },
    /// Absolute.
    Directory(Utf8PathBuf),
    /// Read off the list of versions in each run.
    Nowhere,
}

/// Folder of the directory registry outside of workflows.
const DEFAULT_DIRECTORY: &str = ".lambda-layers";
/// Key prefix of everything this program writes to a bucket.
pub const BUCKET_PREFIX: &str = "lambda-layers";

impl RegistryChoice {
    pub(super) fn resolve(
        registry: Option<&str>,
        regions: &[String],
        bucket: Option<&str>,
        folder: &Utf8Path,
        environment: &Environment,
        problems: &mut Problems,
    ) -> Self {
        let default = if environment.in_actions() { "aws" } else { DEFAULT_DIRECTORY };
        let mut chosen: Vec<Region> = Vec::new();
        for region in regions.iter().filter_map(|region| problems.check(region.parse())) {
            if !chosen.contains(&region) {
                chosen.push(region);
            }
        }
        if let Some(bucket) = bucket {
            problems.check(bucket_template(bucket, "bucket"));
        }
        match registry.unwrap_or(default) {
            "aws" => {
                if let Some(bucket) = bucket.filter(|bucket| chosen.len() > 1 && !bucket.contains("{region}")) {
                    let failure = Failure::user(format!(
                        "`bucket` is `{bucket}` for {} regions, but Lambda reads a zip only from a bucket of the layer's own region",
                        chosen.len()
                    ));
                    problems.push(failure.hint("name one bucket a region with `{region}`, e.g. `layers-{region}`"));
                }
                Self::Aws { regions: chosen, bucket: bucket.map(str::to_owned) }
            }
            directory => {
                if directory.eq_ignore_ascii_case("aws") || directory.contains("://") {
                    problems.push(Failure::user(format!("`registry` is `{directory}`")).hint("use `aws` or a folder"));
                }
                Self::Directory(folder.join(directory))
            }
        }
    }
}

impl StatePlace {
    pub(super) fn resolve(
        state: Option<&str>,
        registry: &RegistryChoice,
        folder: &Utf8Path,
        problems: &mut Problems,
    ) -> Self {
        match (state, registry) {
            (Some(place), _) if place.starts_with("s3://") => {
                let (bucket, prefix) = place["s3://".len()..].split_once('/').unwrap_or((&place["s3://".len()..], ""));
                problems.check(bucket_template(bucket, "state"));
                Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() }
            }
            (Some(place), _) if place.contains("://") => {
                problems
                    .push(Failure::user(format!("`state` is `{place}`")).hint("use `s3://bucket/prefix` or a folder"));
                Self::Nowhere
            }
            (Some(place), _) => Self::Directory(folder.join(place)),
            (None, RegistryChoice::Directory(directory)) => Self::Directory(directory.join("state")),
            (None, RegistryChoice::Aws { bucket: Some(bucket), .. }) => {
                Self::S3 { bucket: bucket.clone(), prefix: format!("{BUCKET_PREFIX}/state") }
            }
            (None, RegistryChoice::Aws { bucket: None, .. }) => Self::Nowhere,
        }
    }
}

/// Naming rules: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn bucket_template(bucket: &str, input: &str) -> Result<(), Failure> {
    let example = bucket.replace("{region}", "eu-west-1").replace("{account}", "123456789012");
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if (3..=63).contains(&example.len()) && example.bytes().all(allowed) {
        return Ok(());
    }
    let advice = match bucket.strip_prefix("s3://").or_else(|| bucket.strip_prefix("arn:aws:s3:::")) {
        Some(name) => format!("give the name alone: `{}`", name.trim_end_matches('/')),
        None => "use 3 to 63 lower-case letters, digits, dots and hyphens; `{region}` and `{account}` are filled in"
            .to_owned(),
    };
    Err(Failure::user(format!("`{input}` has the bucket `{bucket}`, which is not a bucket's name")).hint(advice))
}

/// Whether a file could be made in `folder`, which need not exist yet; makes nothing that stays.
pub(super) fn writable_folder(input: &str, folder: &Utf8Path) -> Result<(), Failure> {
    let existing = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Utf8Path::new("/"));
    tempfile::tempfile_in(existing).map(drop).map_err(|error| {
        Failure::user(format!("`{input}` cannot be written: `{folder}`"))
            .cause(error.to_string())
            .hint("choose a folder that can be written to")
    })
}
