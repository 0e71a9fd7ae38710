//! Fetches the zip of a published version and its declaration, from AWS or from a directory registry.

use aws_config::SdkConfig;
use aws_sdk_lambda::operation::get_layer_version::GetLayerVersionError;
use camino::Utf8Path;

use crate::aws::{self, download, errors};
use crate::environment::Environment;
use crate::error::Failure;
use crate::facts;
use crate::layer::Finding;
use crate::registry::aws::{AwsRegistry, Limits};
use crate::registry::directory;
use crate::spec::{RegistryChoice, StatePlace};
use crate::types::{Architecture, ByteSize, ContentHash, Digest, LayerVersionArn, Region, Target};

/// A published version.
#[derive(Debug)]
pub struct Published {
    pub zip: Vec<u8>,
    /// Runtimes such as `python3.13`; empty if none is declared, so that all are allowed.
    pub runtimes: Vec<String>,
    /// Architectures, `x86_64` or `arm64`; empty in the same way.
    pub architectures: Vec<String>,
}

/// Fetches the zip of a version, and its declaration.
///
/// # Errors
/// The version does not exist, may not be read, or has other bytes than the registry says.
pub async fn fetch(
    arn: &LayerVersionArn,
    registry: &RegistryChoice,
    environment: &Environment,
) -> anyhow::Result<Published> {
    let region = arn.destination().region;
    match registry {
        RegistryChoice::Directory(folder) if region == directory::REGION => from_directory(arn, folder),
        RegistryChoice::Aws(_) if region == directory::REGION => {
            Err(Failure::user(format!("`{arn}` is in a directory registry"))
                .hint("set `registry` to its folder")
                .into())
        }
        RegistryChoice::Aws(destinations) if !destinations.roles.is_empty() => {
            let aws =
                Box::pin(AwsRegistry::connect(destinations, &StatePlace::Nowhere, &Limits::default(), environment))
                    .await?;
            let of_account = aws.places().into_iter().find(|place| place.is(&arn.destination()));
            match of_account {
                Some(place) => from_aws(arn, &aws.clients(&place).config).await,
                None => from_aws(arn, &own_configuration(&region, environment).await?).await,
            }
        }
        _ => from_aws(arn, &own_configuration(&region, environment).await?).await,
    }
}

fn from_directory(arn: &LayerVersionArn, folder: &Utf8Path) -> anyhow::Result<Published> {
    let (path, runtimes, architectures) = directory::declared(folder, arn)?;
    let architectures = architectures.iter().map(Architecture::to_string).collect();
    Ok(Published { zip: fs_err::read(path)?, runtimes, architectures })
}

/// The AWS configuration of the run's own identity.
async fn own_configuration(region: &str, environment: &Environment) -> anyhow::Result<SdkConfig> {
    let region: Region = region.parse()?;
    let config = aws::configuration(environment, Some(region.as_str())).await?.to_builder();
    Ok(config.region(aws_config::Region::new(region.to_string())).build())
}

async fn from_aws(arn: &LayerVersionArn, config: &SdkConfig) -> anyhow::Result<Published> {
    let lambda = aws_sdk_lambda::Client::new(config);
    let number = i64::try_from(arn.version())?;
    let version = lambda.get_layer_version().layer_name(arn.layer_arn()).version_number(number).send().await.map_err(
        |error| {
            if error.as_service_error().is_some_and(GetLayerVersionError::is_resource_not_found_exception) {
                let failure = Failure::user(format!("`{arn}` does not exist"));
                return failure.hint("run `aws lambda list-layer-versions` to list the versions").into();
            }
            errors::explain("lambda:GetLayerVersion", &arn.to_string(), &error)
        },
    )?;
    let content = version.content();
    let size = content.map_or(0, |content| u64::try_from(content.code_size()).unwrap_or(0));
    if size > facts::opening().zip {
        let failure = Failure::user(format!("`{arn}` is {}, which is too large to open", ByteSize(size)));
        return Err(failure.hint(format!("use a zip of at most {}", ByteSize(facts::opening().zip))).into());
    }
    let location = content.and_then(|content| content.location()).unwrap_or_default();
    let zip = download::get(config, location, &arn.to_string(), 0, ByteSize(size)).await?;
    let hash = ContentHash(Digest::of(&zip)).to_string();
    if content.and_then(|content| content.code_sha256()) != Some(&hash) {
        let failure = Failure::system(format!("the download of `{arn}` does not have the hash that AWS reports"));
        return Err(failure.cause(format!("its hash is {hash}")).hint("run again").into());
    }
    Ok(Published {
        zip,
        runtimes: version.compatible_runtimes().iter().map(|name| name.as_str().to_owned()).collect(),
        architectures: version.compatible_architectures().iter().map(|name| name.as_str().to_owned()).collect(),
    })
}

impl Published {
    /// The Python that it declares, if it declares exactly one.
    pub fn only_python(&self) -> Option<&str> {
        let mut pythons = self.runtimes.iter().filter_map(|runtime| runtime.strip_prefix("python"));
        pythons.next().filter(|_| pythons.next().is_none())
    }

    pub fn only_architecture(&self) -> Option<&str> {
        match self.architectures.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Findings about a target that the version does not declare: Lambda's console does not offer it then, but a
    /// function may use it nevertheless.
    pub fn check_declaration(&self, target: Target) -> Vec<Finding> {
        let (python, architecture) = (format!("python{}", target.python), target.architecture.to_string());
        let missing = |declared: &[String], wanted: &str, input: &str| {
            (!declared.is_empty() && !declared.iter().any(|name| name == wanted)).then(|| {
                Finding::warning(
                    "not-declared",
                    "layer",
                    format!("the version does not declare `{wanted}`, only {}", declared.join(", ")),
                    format!("set `{input}` to what your functions use, or publish a version that declares it"),
                )
            })
        };
        let runtime = missing(&self.runtimes, &python, "python-version");
        runtime.into_iter().chain(missing(&self.architectures, &architecture, "architecture")).collect()
    }
}
