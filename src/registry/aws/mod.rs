//! The AWS registry: Lambda in one or several regions. It takes the zip from a bucket or in the request.

mod clients;
pub(crate) mod functions;
mod github;
pub(crate) mod identity;
mod limit;
pub(crate) mod listing;
mod publishing;
pub(crate) mod removing;
mod signing;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_lambda::operation::get_layer_version::{GetLayerVersionError, GetLayerVersionOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use jiff::SignedDuration;
use tokio::sync::{OnceCell, Semaphore};

use super::homes::Bucket;
use super::state::Version;
use super::store::StateStore;
use crate::archive::pack::Archive;
use crate::aws::errors;
use crate::aws::{attempts_of, configuration};
use crate::environment::Environment;
use crate::error::{Failure, Kind, Problems, alternatives};
use crate::facts;
use crate::registry::aws::identity::Voucher;
use crate::spec::{AwsDestinations, BUCKET_PREFIX, StatePlace};
use crate::types::description::Declared;
use crate::types::{AccountId, ContentHash, LayerName, Place, Region, RoleArn};

pub(crate) use clients::PlaceClients;
pub use limit::Limits;
pub use signing::{SignedZip, SignedZips};

/// Lambda in the regions and accounts of a run, with the identities to use there.
#[derive(Clone, Debug)]
pub struct AwsRegistry {
    /// One for each place, in the user's order, grouped by role.
    clients: Vec<PlaceClients>,
    /// The run's own identity, or the first role if it has none, in the first region.
    own: SdkConfig,
    /// The account of that identity, after it was requested.
    account: Arc<OnceCell<AccountId>>,
    path_style: bool,
    /// May contain `{region}` and `{account}`.
    bucket: Option<String>,
    /// The profile of AWS Signer, if zips are signed before they are published.
    signing_profile: Option<String>,
    settling: SignedDuration,
    /// Allows one direct upload at a time: each holds the zip in memory, and all share the same connection.
    direct: Arc<Semaphore>,
    /// The functions of each place, for commands that may read them once for all layers.
    functions: functions::Listed,
}

impl AwsRegistry {
    /// Reads the AWS configuration and assumes the roles. Requests the account's number only if something depends on
    /// it.
    ///
    /// # Errors
    /// There is no region, a role cannot be assumed, or an account is not allowed.
    pub async fn connect(
        destinations: &AwsDestinations,
        state: &StatePlace,
        limits: &Limits,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let AwsDestinations { regions, roles, external_id, allowed_accounts, bucket, signing_profile } = destinations;
        let config = configuration(environment, regions.first().map(Region::as_str)).await?;
        let regions: Vec<String> = if regions.is_empty() {
            let region = config
                .region()
                .map(ToString::to_string)
                .ok_or_else(|| Failure::user("no region is given").hint("set `regions` or AWS_REGION"))?;
            // This region has to follow the same rules as a given one.
            vec![region.parse::<Region>()?.to_string()]
        } else {
            regions.iter().map(ToString::to_string).collect()
        };
        let mut own = config.to_builder().region(aws_config::Region::new(regions[0].clone())).build();
        let names_account = |bucket: &str| bucket.contains("{account}");
        let in_state = matches!(state, StatePlace::S3 { bucket, .. } if names_account(bucket));
        let identities: Vec<(Option<AccountId>, SdkConfig)> = if roles.is_empty() {
            let is_needed = in_state || bucket.as_deref().is_some_and(names_account) || !allowed_accounts.is_empty();
            let account = if is_needed { Some(identity::own_account(&own).await?) } else { None };
            vec![(account, own.clone())]
        } else {
            // The accounts of the roles are in their ARNs.
            check_allowed(roles.iter().map(RoleArn::account), allowed_accounts)?;
            let voucher = Voucher::of(environment, &own, external_id.as_deref())?;
            let assumed = identity::assume_all(roles, &voucher, &own, environment).await?;
            if let Voucher::GitHub(_) = voucher {
                // The run has no other identity.
                own = assumed[0].1.clone();
            }
            assumed.into_iter().map(|(account, config)| (Some(account), config)).collect()
        };
        check_allowed(identities.iter().filter_map(|(account, _)| account.clone()), allowed_accounts)?;
        // Servers other than AWS seldom have a host name for each bucket.
        let path_style = environment.get("AWS_ENDPOINT_URL_S3").is_some() || config.endpoint_url().is_some();
        let mut clients = Vec::new();
        for (account, config) in &identities {
            for region in &regions {
                let place = Place::in_account(account.clone(), region);
                let limits = limits.of(&place);
                clients.push(PlaceClients::new(config, place, path_style, limits));
            }
        }
        let (bucket, signing_profile) = (bucket.clone(), signing_profile.clone());
        let direct = Arc::new(Semaphore::new(1));
        let settling = settling(environment)?;
        let (account, functions) = (Arc::default(), functions::Listed::default());
        Ok(Self { clients, own, account, path_style, bucket, signing_profile, settling, direct, functions })
    }

    pub(super) fn settling(&self) -> SignedDuration {
        self.settling
    }

    /// Requests the account of the run's own identity, to distinguish its places from other accounts' places in the
    /// same region.
    ///
    /// # Errors
    /// AWS refuses the request, or does not answer.
    pub(crate) async fn identify(&mut self) -> anyhow::Result<()> {
        if self.clients.iter().any(|clients| clients.place.account.is_none()) {
            let account = self.account.get_or_try_init(|| identity::own_account(&self.own)).await?.clone();
            for clients in self.clients.iter_mut().filter(|clients| clients.place.account.is_none()) {
                clients.place = Place { account: Some(account.clone()), is_implied: true, ..clients.place.clone() };
            }
        }
        Ok(())
    }

    /// Makes messages name the account, which they leave out while there is only one.
    pub(crate) fn show_accounts(&mut self) {
        self.clients.iter_mut().for_each(|clients| clients.place.is_implied = false);
    }

    /// The store for the state in S3. If the bucket's name depends on the place, it is the bucket of one of the places.
    /// If the state is in the same bucket as the zips, the place's identity reads it, otherwise the run's own.
    pub fn state_store(&self, bucket: &str, prefix: &str) -> StateStore {
        let is_beside_zips = self.bucket.as_deref() == Some(bucket);
        let buckets = self.clients.iter().map(|clients| {
            let client = if is_beside_zips {
                clients.s3.clone()
            } else if bucket.contains("{region}") {
                let region = aws_config::Region::new(clients.place.region.clone());
                PlaceClients::s3_of(&self.own.to_builder().region(region).build(), self.path_style)
            } else {
                PlaceClients::s3_of(&self.own, self.path_style)
            };
            Bucket { client, name: fill(bucket, &clients.place) }
        });
        StateStore::in_s3(buckets.collect(), prefix.to_owned())
    }

    pub(crate) fn clients(&self, place: &Place) -> &PlaceClients {
        &self.clients[self.number_of(place)]
    }

    /// The index of a place among those of this registry.
    fn number_of(&self, place: &Place) -> usize {
        let is_it = |clients: &PlaceClients| {
            // A place with and one without a known account can be the same.
            let accounts = clients.place.account.as_ref().zip(place.account.as_ref());
            clients.place.region == place.region && accounts.is_none_or(|(own, other)| own == other)
        };
        self.clients.iter().position(is_it).expect("only configured places are asked for")
    }

    /// The bucket of a place.
    pub(crate) fn bucket(&self, place: &Place) -> Option<String> {
        self.bucket.as_deref().map(|template| fill(template, place))
    }

    pub(super) fn has_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        self.clients.iter().map(|clients| clients.place.clone()).collect()
    }

    pub(super) async fn declared_by(
        &self,
        place: &Place,
        layer: &LayerName,
        version: &Version,
        content: ContentHash,
    ) -> anyhow::Result<Option<Declared>> {
        let number = i64::try_from(version.version)?;
        match self
            .clients(place)
            .lambda
            .get_layer_version()
            .layer_name(layer.as_str())
            .version_number(number)
            .send()
            .await
        {
            Ok(found) => {
                // Another account may have a version with the same number.
                let is_it = found.layer_version_arn() == Some(&version.arn.to_string());
                Ok((is_it && self.has_content(&found, content)).then(|| declared(&found)))
            }
            Err(error)
                if error.as_service_error().is_some_and(GetLayerVersionError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(errors::explain("lambda:GetLayerVersion", &version.arn.to_string(), &error)),
        }
    }

    pub(super) async fn check_buckets(&self) -> anyhow::Result<()> {
        let Some(template) = &self.bucket else { return Ok(()) };
        let checks = self.clients.iter().map(|clients| async move {
            let bucket = fill(template, &clients.place);
            let region = match clients.s3.head_bucket().bucket(&bucket).send().await {
                Ok(found) => found.bucket_region().map(str::to_owned),
                Err(error) => {
                    match (errors::bucket_region(&error), error.raw_response().map(|raw| raw.status().as_u16())) {
                        (_, Some(404)) => {
                            return Err(Failure::user(format!("the bucket `{bucket}` does not exist"))
                                .hint("create it, or correct `bucket`"));
                        }
                        // Without `s3:ListBucket` the status is 403, and the reply still names the region; publishing
                        // does not need that permission.
                        (region, Some(301 | 400 | 403)) => region,
                        _ => {
                            return Err(errors::failure_of(
                                "s3:ListBucket",
                                &errors::s3_arn(&clients.place.region, &bucket),
                                &error,
                            ));
                        }
                    }
                }
            };
            match region {
                Some(region) if region != clients.place.region => {
                    let failure = Failure::user(format!(
                        "the bucket `{bucket}` is in {region}, but Lambda in {} reads only from buckets in its own region",
                        clients.place.region
                    ));
                    Err(failure.hint("use a bucket in that region, for example with `{region}` in `bucket`"))
                }
                _ => Ok(()),
            }
        });
        let (mut problems, mut faults) = (Problems::default(), Vec::new());
        let (buckets, signing) = futures::future::join(futures::future::join_all(checks), self.check_signing()).await;
        let buckets: Vec<Failure> = buckets.into_iter().filter_map(Result::err).collect();
        // A problem with a bucket would be reported a second time for its signing.
        for failure in if buckets.is_empty() { signing } else { buckets } {
            match failure.kind {
                Kind::User => problems.push(failure),
                Kind::System => faults.push(failure),
            }
        }
        problems.into_result()?;
        // Regions that answer continue without the others.
        match faults.pop() {
            Some(fault) if faults.len() + 1 == self.clients.len() => Err(fault.into()),
            _ => Ok(()),
        }
    }

    /// Uploads a zip. The key is the content's hash, so a second upload writes the same bytes to the same key. An
    /// existing object must have that hash, because anybody who may write to the bucket may have put something else
    /// there.
    pub(super) async fn upload(&self, place: &Place, layer: &LayerName, archive: &Archive) -> anyhow::Result<()> {
        let Some(template) = &self.bucket else { return Ok(()) };
        let clients = self.clients(place);
        let (bucket, key) = (fill(template, place), zip_key(layer, archive.content));
        let asked = clients.s3.head_object().bucket(&bucket).key(&key).checksum_mode(ChecksumMode::Enabled).send();
        let there = asked.await;
        // An object from before the bucket kept versions has no version that could be signed.
        let can_be_signed = |version: Option<&str>| version.is_some_and(|version| version != "null");
        if there.is_ok_and(|object| {
            object.checksum_sha256() == Some(&archive.content.to_string())
                && (self.signing_profile.is_none() || can_be_signed(object.version_id()))
        }) {
            return Ok(());
        }
        let body = ByteStream::from_path(archive.path()).await.context("could not read the zip")?;
        let request = clients.s3.put_object().bucket(&bucket).key(&key).content_type("application/zip").body(body);
        // S3 refuses the object if it receives other bytes.
        let request =
            request.checksum_algorithm(ChecksumAlgorithm::Sha256).checksum_sha256(archive.content.to_string());
        let in_time = attempts_of(publishing::timeout(archive.zipped_size.0));
        let in_time = aws_sdk_s3::config::Builder::new().timeout_config(in_time);
        request.customize().config_override(in_time).send().await.map_err(|error| {
            errors::explain("s3:PutObject", &errors::s3_arn(&place.region, &format!("{bucket}/{key}")), &error)
        })?;
        Ok(())
    }
}

/// The longest time from a request to publish until the lists show the version.
fn settling(environment: &Environment) -> Result<SignedDuration, Failure> {
    const VARIABLE: &str = "LAMBDA_LAYER_PUBLISH_SECONDS";
    let Some(text) = environment.get(VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(SignedDuration::from_secs(facts::limits().publish_seconds.into()));
    };
    let seconds = text.parse::<u16>().ok().filter(|seconds| (1..=900).contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        Failure::user(format!("`{VARIABLE}` is `{text}`, which is not a valid number of seconds"))
            .hint("use a number of seconds from 1 to 900, or unset the variable")
    })?;
    Ok(SignedDuration::from_secs(seconds.into()))
}

fn declared(found: &GetLayerVersionOutput) -> Declared {
    Declared::of(
        found.description().unwrap_or_default(),
        found.license_info(),
        found.compatible_runtimes().iter().map(|runtime| runtime.as_str().to_owned()),
        found.compatible_architectures().iter().map(|name| name.as_str().to_owned()),
    )
}

fn fill(template: &str, place: &Place) -> String {
    let account = place.account.as_ref().map(AccountId::as_str).unwrap_or_default();
    template.replace("{region}", &place.region).replace("{account}", account)
}

fn check_allowed(accounts: impl Iterator<Item = AccountId>, allowed: &[AccountId]) -> Result<(), Failure> {
    let mut problems = Problems::default();
    for account in accounts.filter(|account| !allowed.is_empty() && !allowed.contains(account)) {
        let names = alternatives(allowed.iter().map(AccountId::as_str));
        let failure = Failure::user(format!("the account is {account}, but `allowed-account-ids` allows only {names}"));
        problems.push(failure.hint("check which role the previous step assumes, or correct `allowed-account-ids`"));
    }
    problems.into_result()
}

/// The key of a zip in its bucket: `lambda-layers/<layer>/<sha256>.zip`.
fn zip_key(layer: &LayerName, content: ContentHash) -> String {
    format!("{}{}{ZIP}", zip_prefix(layer), content.0.hex())
}

/// The key prefix of a layer's zips.
pub(crate) fn zip_prefix(layer: &LayerName) -> String {
    format!("{BUCKET_PREFIX}/{layer}/")
}

pub(crate) const ZIP: &str = ".zip";

fn layer_arn(region: &str, layer: &LayerName) -> String {
    format!("arn:{}:lambda:{region}:*:layer:{layer}", facts::partition(region))
}
