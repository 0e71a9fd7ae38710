//! AWS: the configuration of its clients, and its errors in words.

pub mod download;
pub mod errors;

use aws_config::BehaviorVersion;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::ConnectorBuilder;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::time::Duration;

use crate::environment::{Environment, certificates};
use crate::error::Failure;

/// How often any other call is tried, unless AWS_MAX_ATTEMPTS says otherwise.
const ATTEMPTS: u32 = 5;

/// The AWS configuration: region, endpoint, and the run's identity, which is asked for when it is needed. Whoever gives
/// that identity is asked in `region`, else in that of the environment or the profile.
///
/// # Errors
/// The file of `AWS_CA_BUNDLE` has no certificates.
pub(crate) async fn configuration(environment: &Environment, region: Option<&str>) -> Result<SdkConfig, Failure> {
    let attempts = environment.get("AWS_MAX_ATTEMPTS").and_then(|attempts| attempts.parse().ok());
    let attempts = attempts.filter(|attempts| *attempts > 0).unwrap_or(ATTEMPTS);
    let retries = RetryConfig::standard().with_max_attempts(attempts);
    let own = certificates::for_aws(environment)?;
    let trusted = own.into_iter().fold(TrustStore::default(), TrustStore::with_pem_certificate);
    let tls = TlsContext::builder().with_trust_store(trusted).build().expect("has all that rustls needs");
    // One for all services and places, so that certificates are read once.
    let client = aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        builder.set_tls_context(tls.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.set_proxy_config(Some(ProxyConfig::from_env()));
        builder.build()
    });
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(client).retry_config(retries);
    let loader = loader.timeout_config(attempts_of(ATTEMPT_TIMEOUT));
    match region {
        Some(region) => Ok(loader.region(aws_config::Region::new(region.to_owned())).load().await),
        None => Ok(loader.load().await),
    }
}

/// The longest time of one attempt of a request. Without it the program would wait for ever on a connection that a
/// gateway has dropped silently. A request that sends a zip gets the time that the zip needs.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);

/// Each attempt may take so long.
pub(crate) fn attempts_of(time: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(time).build()
}
