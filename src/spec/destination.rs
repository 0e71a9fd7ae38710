//! The destinations of versions and of the state.

use camino::Utf8PathBuf;

use super::{Reading, Task};
use crate::environment::Environment;
use crate::error::Failure;
use crate::types::{AccountId, Region, RoleArn};

/// The AWS accounts and regions to publish to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsDestinations {
    /// Empty for the region of the AWS configuration.
    pub regions: Vec<Region>,
    /// Empty for the run's own identity.
    pub roles: Vec<RoleArn>,
    pub external_id: Option<String>,
    /// Empty if all accounts are allowed.
    pub allowed_accounts: Vec<AccountId>,
    /// May contain `{region}` and `{account}`.
    pub bucket: Option<String>,
    /// The signing profile of AWS Signer.
    pub signing_profile: Option<String>,
}

/// The input `registry`, with the inputs that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryChoice {
    Aws(AwsDestinations),
    /// The folder, absolute.
    Directory(Utf8PathBuf),
}

impl RegistryChoice {
    /// The signing profile of AWS Signer.
    pub fn signing_profile(&self) -> Option<&str> {
        match self {
            Self::Aws(destinations) => destinations.signing_profile.as_deref(),
            Self::Directory(_) => None,
        }
    }

    /// A notice about regions in which Lambda is not known to exist, from the inputs or the environment.
    pub fn doubts(&self, environment: &Environment) -> Vec<String> {
        let Self::Aws(destinations) = self else { return Vec::new() };
        let of_environment = || environment.get("AWS_REGION").or_else(|| environment.get("AWS_DEFAULT_REGION"));
        let regions: Vec<Region> = match destinations.regions.as_slice() {
            [] => of_environment().and_then(|region| region.parse().ok()).into_iter().collect(),
            given => given.to_vec(),
        };
        regions.iter().filter_map(Region::doubt).collect()
    }

    /// The regions as given; empty for a directory.
    pub fn regions(&self) -> &[Region] {
        match self {
            Self::Aws(destinations) => &destinations.regions,
            Self::Directory(_) => &[],
        }
    }
}

/// The input `state`, or its default, which depends on the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatePlace {
    /// `bucket` may contain `{region}` and `{account}`, which stand for the region and account of the first
    /// destination.
    S3 { bucket: String, prefix: String },
    /// The folder, absolute.
    Directory(Utf8PathBuf),
    /// No state: each run reads the list of versions.
    Nowhere,
}

/// The folder of the directory registry outside of workflows.
pub const REGISTRY_FOLDER: &str = ".lambda-layers";
/// The key prefix of everything that this program writes to a bucket.
pub const BUCKET_PREFIX: &str = "lambda-layers";

impl Reading<'_> {
    pub(super) fn registry(
        &mut self,
        task: Task,
        registry: Option<&str>,
        regions: &[String],
        bucket: Option<&str>,
        accounts: AwsDestinations,
    ) -> RegistryChoice {
        let default = if self.environment.in_actions() { "aws" } else { REGISTRY_FOLDER };
        let regions = self.regions(regions);
        if let Some(bucket) = bucket {
            self.problems.check(bucket_template(bucket, "bucket"));
        }
        match registry.unwrap_or(default) {
            "aws" => {
                self.check_bucket_of_regions(bucket, &regions);
                RegistryChoice::Aws(AwsDestinations { regions, bucket: bucket.map(str::to_owned), ..accounts })
            }
            place => {
                if place.eq_ignore_ascii_case("aws") || place.contains("://") {
                    self.problems.push(
                        Failure::user(format!("`registry` is `{place}`, which is not a valid value"))
                            .hint("use `aws` or a folder"),
                    );
                }
                let folder = self.folder.join(place);
                if task == Task::Publish {
                    self.check_writable("registry", &folder);
                }
                RegistryChoice::Directory(folder)
            }
        }
    }

    fn regions(&mut self, names: &[String]) -> Vec<Region> {
        let mut regions: Vec<Region> = Vec::new();
        for region in names.iter().filter_map(|name| self.problems.check(name.parse())) {
            if !regions.contains(&region) {
                regions.push(region);
            }
        }
        regions
    }

    /// Reads the inputs `roles`, `external-id` and `allowed-account-ids`.
    pub(super) fn accounts(
        &mut self,
        roles: &[String],
        external_id: Option<&str>,
        allowed: &[String],
    ) -> AwsDestinations {
        let mut known: Vec<RoleArn> = Vec::new();
        let roles: Vec<RoleArn> = roles.iter().filter_map(|role| self.problems.check(role.parse())).collect();
        for role in roles {
            match known.iter().find(|other| other.account() == role.account()) {
                Some(other) if *other == role => {}
                Some(other) => {
                    let failure = Failure::user(format!(
                        "`roles` contains two roles of the same account: `{other}` and `{role}`"
                    ));
                    self.problems.push(failure.hint("remove one of them: a layer is published once per account"));
                }
                None => known.push(role),
            }
        }
        if known.is_empty() && self.problems.len() == 0 && external_id.is_some() {
            let failure = Failure::user("`external-id` is given without `roles`");
            self.problems
                .push(failure.hint("set `roles` to the role to assume with this external ID, or remove `external-id`"));
        }
        AwsDestinations {
            roles: known,
            external_id: external_id.map(str::to_owned),
            allowed_accounts: allowed.iter().filter_map(|id| self.problems.check(id.parse())).collect(),
            ..AwsDestinations::default()
        }
    }

    fn check_bucket_of_regions(&mut self, bucket: Option<&str>, regions: &[Region]) {
        if let Some(bucket) = bucket.filter(|bucket| regions.len() > 1 && !bucket.contains("{region}")) {
            let failure = Failure::user(format!(
                "`bucket` is `{bucket}` for {} regions, but Lambda reads a zip only from a bucket in the same region as the layer",
                regions.len()
            ));
            self.problems
                .push(failure.hint("use `{region}` to name one bucket for each region, for example `layers-{region}`"));
        }
    }

    pub(super) fn state(&mut self, state: Option<&str>, registry: &RegistryChoice) -> StatePlace {
        match (state.map(|place| place.strip_prefix("s3://").ok_or(place)), registry) {
            (Some(Ok(place)), _) => {
                let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
                self.problems.check(bucket_template(bucket, "state"));
                StatePlace::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() }
            }
            (Some(Err(place)), _) => {
                if place.contains("://") {
                    self.problems.push(
                        Failure::user(format!("`state` is `{place}`, which is not a valid location"))
                            .hint("use `s3://bucket/prefix` or a folder"),
                    );
                }
                StatePlace::Directory(self.folder.join(place))
            }
            (None, RegistryChoice::Directory(directory)) => StatePlace::Directory(directory.join("state")),
            (None, RegistryChoice::Aws(destinations)) => match &destinations.bucket {
                Some(bucket) => StatePlace::S3 { bucket: bucket.clone(), prefix: format!("{BUCKET_PREFIX}/state") },
                None => StatePlace::Nowhere,
            },
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
        Some(name) => format!("give only the name: `{}`", name.trim_end_matches('/')),
        None => "use 3 to 63 lower-case letters, digits, dots and hyphens; `{region}` and `{account}` are replaced"
            .to_owned(),
    };
    Err(Failure::user(format!("`{input}` contains `{bucket}`, which is not a valid bucket name")).hint(advice))
}
