//! Uses AWS CodeArtifact repositories as package indexes. Their URLs contain tokens, which the run's AWS identity
//! requests.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::error::Error;

use anyhow::Context as _;
use aws_sdk_codeartifact::Client;
use aws_sdk_codeartifact::config::http::HttpResponse;
use aws_sdk_codeartifact::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_codeartifact::types::PackageFormat;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::aws::{self, errors};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Failure, Kind};
use crate::facts;
use crate::secrets::{SecretUrl, Secrets};
use crate::types::CodeArtifactRepository;

/// The user name for a token (<https://docs.aws.amazon.com/codeartifact/latest/ug/python-configure-pip.html>).
const USER: &str = "aws";
/// A token that expires within this time counts as expired, because the clocks of two machines differ.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);
/// All characters that are percent-encoded in a password: those that RFC 3986 does not call "unreserved".
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URLs that give access to the repositories until their tokens expire.
#[derive(Debug, Default)]
pub struct Access {
    /// In the order in which the repositories are configured.
    pub urls: Vec<SecretUrl>,
    /// When the first token expires.
    until: Option<Timestamp>,
}

impl Access {
    /// Whether a token has expired, or is about to.
    pub fn has_ended(&self) -> bool {
        self.until.is_some_and(|until| until < Timestamp::now() + MARGIN)
    }
}

/// Requests the endpoint and a token for each repository, and hides the tokens in all output. Does nothing without
/// repositories.
///
/// # Errors
/// A user error if a repository does not exist; a system error if the role lacks a permission or the service is down.
pub fn log_in(
    repositories: &[CodeArtifactRepository],
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Access> {
    if repositories.is_empty() {
        return Ok(Access::default());
    }
    let step = console.step("Log in to CodeArtifact");
    let access = on_a_thread(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(ask(repositories, environment))
    })?;
    let mut secrets = Secrets::default();
    access.urls.iter().for_each(|url| secrets.add_urls_in(url.exposed()));
    console.hide(&secrets);
    step.done(repositories.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    Ok(access)
}

/// Runs `work` on a thread of its own: builds are synchronous but run inside the Tokio runtime, which a thread cannot
/// enter twice.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn ask(repositories: &[CodeArtifactRepository], environment: &Environment) -> anyhow::Result<Access> {
    let config = aws::configuration(environment, None).await?;
    let region = config.region().map(ToString::to_string).ok_or_else(|| {
        Failure::user("the CodeArtifact domain cannot be found without a region").hint("set AWS_REGION")
    })?;
    let service = Service { client: Client::new(&config), region };
    let mut tokens = BTreeMap::new();
    let mut access = Access::default();
    for repository in repositories {
        let domain = (&repository.owner, &repository.domain);
        let token = match tokens.entry(domain) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let (token, until) = service.token(repository).await?;
                access.until = access.until.into_iter().chain([until]).min();
                place.insert(token)
            }
        };
        let endpoint = service.endpoint(repository).await?;
        access.urls.push(index_url(&endpoint, token)?);
    }
    Ok(access)
}

/// The URL of a repository as an index: its PEP 503 pages are below `simple/`.
fn index_url(endpoint: &str, token: &SecretString) -> anyhow::Result<SecretUrl> {
    let text = format!("{}/simple/", endpoint.trim_end_matches('/'));
    let not_a_url = || {
        let failure = Failure::system(format!("CodeArtifact returned the endpoint `{endpoint}`, which is not a URL"));
        failure.hint("check AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_CODEARTIFACT: they may point to another service")
    };
    let mut url = Url::parse(&text).ok().filter(Url::has_host).ok_or_else(not_a_url)?;
    let password = utf8_percent_encode(token.expose_secret(), ESCAPED).to_string();
    let is_set = url.set_username(USER).and_then(|()| url.set_password(Some(&password)));
    is_set.map_err(|()| not_a_url())?;
    Ok(SecretUrl::parse("codeartifact", url.as_str())?)
}

struct Service {
    client: Client,
    region: String,
}

impl Service {
    /// A token for the repository's domain, and when it expires.
    async fn token(&self, repository: &CodeArtifactRepository) -> anyhow::Result<(SecretString, Timestamp)> {
        let CodeArtifactRepository { owner, domain, .. } = repository;
        let request = self.client.get_authorization_token().domain(domain).set_domain_owner(owner.clone());
        let reply = request.send().await.map_err(|error| {
            self.explain("codeartifact:GetAuthorizationToken", &format!("domain/{domain}"), repository, &error)
        })?;
        let token = reply.authorization_token().context("CodeArtifact returned no token")?;
        let until = reply.expiration().context("CodeArtifact did not return when the token expires")?;
        Ok((SecretString::from(token), Timestamp::from_second(until.secs())?))
    }

    async fn endpoint(&self, repository: &CodeArtifactRepository) -> anyhow::Result<String> {
        let CodeArtifactRepository { owner, domain, name } = repository;
        let request = self.client.get_repository_endpoint().domain(domain).set_domain_owner(owner.clone());
        let request = request.repository(name).format(PackageFormat::Pypi);
        let reply = request.send().await.map_err(|error| {
            let path = format!("repository/{domain}/{name}");
            self.explain("codeartifact:GetRepositoryEndpoint", &path, repository, &error)
        })?;
        Ok(reply.repository_endpoint().context("CodeArtifact returned no endpoint")?.to_owned())
    }

    fn explain<E>(
        &self,
        action: &str,
        path: &str,
        repository: &CodeArtifactRepository,
        error: &SdkError<E, HttpResponse>,
    ) -> Failure
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let failed = errors::failure_of(action, &arn(&self.region, repository, path), error);
        match error.code() {
            Some("AccessDeniedException") if !errors::is_denied_from_above(error) => {
                failed.hint(format!("allow it: {}", statements(&self.region, repository)))
            }
            Some("ResourceNotFoundException") => {
                let message = format!("`{repository}` does not exist in CodeArtifact in {}", self.region);
                Failure { kind: Kind::User, message, ..failed }.hint("correct `codeartifact`; write a domain of another account as `123456789012/domain/repository`, and set AWS_REGION to the region of the domain")
            }
            Some("ValidationException") => failed.hint("correct `codeartifact`"),
            _ => failed,
        }
    }
}

fn arn(region: &str, repository: &CodeArtifactRepository, path: &str) -> String {
    let owner = repository.owner.as_deref().unwrap_or("*");
    format!("arn:{}:codeartifact:{region}:{owner}:{path}", facts::partition(region))
}

/// The statements of an IAM policy that allows installing from a repository.
fn statements(region: &str, repository: &CodeArtifactRepository) -> String {
    let CodeArtifactRepository { domain, name, .. } = repository;
    let domain_arn = arn(region, repository, &format!("domain/{domain}"));
    let repository_arn = arn(region, repository, &format!("repository/{domain}/{name}"));
    [
        format!(r#"{{"Effect": "Allow", "Action": "codeartifact:GetAuthorizationToken", "Resource": "{domain_arn}"}}"#),
        format!(
            r#"{{"Effect": "Allow", "Action": ["codeartifact:GetRepositoryEndpoint", "codeartifact:ReadFromRepository"], "Resource": "{repository_arn}"}}"#
        ),
        r#"{"Effect": "Allow", "Action": "sts:GetServiceBearerToken", "Resource": "*", "Condition": {"StringEquals": {"sts:AWSServiceName": "codeartifact.amazonaws.com"}}}"#.to_owned(),
    ]
    .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_becomes_the_password_of_an_index() {
        for endpoint in [
            "https://acme-1.d.codeartifact.eu-west-1.amazonaws.com/pypi/python",
            "https://acme-1.d.codeartifact.eu-west-1.amazonaws.com/pypi/python/",
        ] {
            let url = index_url(endpoint, &SecretString::from("a.b-c/d%41=@")).expect("is a URL");
            assert_eq!(
                url.exposed(),
                "https://aws:a.b-c%2Fd%2541%3D%40@acme-1.d.codeartifact.eu-west-1.amazonaws.com/pypi/python/simple/"
            );
            assert_eq!(url.shown(), "https://acme-1.d.codeartifact.eu-west-1.amazonaws.com/pypi/python/simple/");
        }
        assert!(index_url("no endpoint", &SecretString::from("secret")).is_err());
    }
}
