//! A client for GitHub's REST API: it waits when GitHub asks for it, retries transient failures, and says which
//! permission is missing.
//!
//! <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>

use std::cell::Cell;
use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use octocrab::service::middleware::retry::RetryConfig;
use octocrab::{Octocrab, ReqwestClientConfig};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ApiError, explain, innermost};
use super::limits::limit_of;
use crate::environment::Environment;
use crate::error::Failure;

/// The most attempts of a request.
const ATTEMPTS: u32 = 4;
/// Wait before the first retry; doubled each time.
const BACK_OFF: Duration = Duration::from_millis(500);
/// The longest total time that a run waits for GitHub.
const PATIENCE: Duration = Duration::from_mins(1);
const TIMEOUT: Duration = Duration::from_secs(30);
const PUBLIC_API: &str = "https://api.github.com";

/// Requests to one repository.
#[derive(Debug)]
pub struct Client {
    octocrab: Octocrab,
    /// `OWNER/NAME`
    repository: String,
    /// In front of every path: `/api/v3` of an Enterprise server.
    prefix: String,
    graphql: String,
    waited: Cell<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
    Put,
    Delete,
}

/// An answer's body, and where the next page is.
struct Answer {
    text: String,
    next: Option<String>,
}

impl Client {
    /// # Errors
    /// The user's if there is no token, or no repository that this run is of.
    pub fn new(token: Option<&SecretString>, environment: &Environment) -> Result<Self, Failure> {
        let token = token.ok_or_else(|| {
            Failure::user("no GitHub token is given")
                .hint("set `github-token`, or the environment variable GITHUB_TOKEN")
        })?;
        if !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
            let failure = Failure::user("`github-token` contains a character that is not allowed in a token");
            return Err(failure.hint("give only the token, without a line break"));
        }
        let repository = environment.get("GITHUB_REPOSITORY").filter(|name| is_repository(name)).ok_or_else(|| {
            Failure::user("this run does not belong to a GitHub repository")
                .hint("set GITHUB_REPOSITORY to `OWNER/NAME`")
        })?;
        let api = environment.get("GITHUB_API_URL").unwrap_or(PUBLIC_API).trim_end_matches('/');
        let wrong = |error: &dyn Display| {
            let failure = Failure::user(format!("GITHUB_API_URL is `{api}`, which is not a valid address"))
                .cause(error.to_string());
            failure.hint("set it to an address such as `https://github.example.com/api/v3`")
        };
        let url = url::Url::parse(api).map_err(|error| wrong(&error))?;
        let origin = url.origin();
        if !matches!(url.scheme(), "http" | "https") || !origin.is_tuple() {
            return Err(wrong(&"this is not the address of a web server"));
        }
        let builder = Octocrab::builder()
            // With a folder behind it, it would stand before absolute addresses, too.
            .base_uri(origin.ascii_serialization())
            .map_err(|error| wrong(&error))?
            .personal_token(token.clone())
            // Its own policy waits for hours, if GitHub says so.
            .add_retry_config(RetryConfig::None)
            .set_connect_timeout(Some(TIMEOUT))
            .set_read_timeout(Some(TIMEOUT));
        // The other client knows no proxies.
        let octocrab = builder.build_with_reqwest(ReqwestClientConfig::Default).map_err(|error| {
            let failure = Failure::system("could not set up the GitHub client").cause(innermost(&error));
            failure.hint("check that the certificates of this machine are installed, and that SSL_CERT_FILE is correct if it is set")
        })?;
        let graphql = environment.get("GITHUB_GRAPHQL_URL").map_or_else(|| format!("{api}/graphql"), str::to_owned);
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { octocrab, repository: repository.to_owned(), prefix, graphql, waited: Cell::default() })
    }

    /// `OWNER/NAME`
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// A path of the repository: `issues/7/comments`.
    pub fn path(&self, path: &str) -> String {
        format!("/repos/{}/{path}", self.repository)
    }

    /// # Errors
    /// GitHub refuses the request or does not answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let answer = self.ask(Method::Get, path, None::<&()>).await?;
        read(&answer.text, path)
    }

    /// `None` for what does not exist.
    ///
    /// # Errors
    /// GitHub refuses the request or does not answer.
    pub async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ApiError> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every page of a list.
    ///
    /// # Errors
    /// GitHub refuses the request or does not answer.
    pub async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ApiError> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut page = Some(format!("{path}{separator}per_page=100"));
        let mut items = Vec::new();
        while let Some(path) = page {
            let answer = self.ask(Method::Get, &path, None::<&()>).await?;
            items.extend(read::<Vec<T>>(&answer.text, &path)?);
            page = answer.next;
        }
        Ok(items)
    }

    /// Sends a change. One that creates something is not retried if it may have succeeded ([`ApiError::is_unclear`]).
    ///
    /// # Errors
    /// GitHub refuses the request or does not answer.
    pub async fn change<T: DeserializeOwned, B: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T, ApiError> {
        let answer = self.ask(method, path, Some(body)).await?;
        read(&answer.text, path)
    }

    /// Deletes something; it is no error if it does not exist.
    ///
    /// # Errors
    /// GitHub refuses the request or does not answer.
    pub async fn delete(&self, path: &str) -> Result<(), ApiError> {
        match self.ask(Method::Delete, path, None::<&()>).await {
            Err(error) if error.status != Some(404) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Attaches a file to a release.
    ///
    /// # Errors
    /// GitHub refuses the request or does not answer; part of the file may be there.
    pub async fn upload(&self, release: u64, name: &str, bytes: Vec<u8>) -> Result<(), ApiError> {
        let (owner, repository) = self.repository.split_once('/').expect("was checked when the client was made");
        let repository = self.octocrab.repos(owner, repository);
        let path = self.path(&format!("releases/{release}/assets"));
        let sent = repository.releases().upload_asset(release, name, bytes.into()).send().await;
        sent.map(drop).map_err(|error| explain(Method::Post, &path, &error, limit_of(&error, Timestamp::now())))
    }

    /// Whose token this is; tokens of apps and of workflows have no other way to ask.
    ///
    /// # Errors
    /// GitHub refuses the request or does not answer.
    pub async fn login(&self) -> Result<Option<String>, ApiError> {
        let question = serde_json::json!({ "query": "query { viewer { login } }" });
        let answer: serde_json::Value = self.change(Method::Post, &self.graphql, &question).await?;
        Ok(answer["data"]["viewer"]["login"].as_str().map(str::to_owned))
    }

    async fn ask<B: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Answer, ApiError> {
        let mut back_off = BACK_OFF;
        for attempt in 1.. {
            let error = match self.send(method, path, body).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let limit = limit_of(&error, Timestamp::now());
            let again = match limit {
                Some(wait) => Some(wait),
                // A question is one, although it is sent.
                None if method == Method::Post && path != self.graphql => None,
                None if status_of(&error).is_none_or(|status| status >= 500) => Some(back_off),
                None => None,
            };
            let left = PATIENCE.saturating_sub(self.waited.get());
            match again.filter(|wait| attempt < ATTEMPTS && *wait <= left) {
                Some(wait) => {
                    self.waited.set(self.waited.get() + wait);
                    tokio::time::sleep(wait).await;
                    back_off *= 2;
                }
                None => return Err(explain(method, path, &error, limit)),
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn send<B: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Answer, octocrab::Error> {
        let path = if path.starts_with('/') { &format!("{}{path}", self.prefix) } else { path };
        let response = match method {
            Method::Get => self.octocrab._get(path).await,
            Method::Post => self.octocrab._post(path, body).await,
            Method::Patch => self.octocrab._patch(path, body).await,
            Method::Put => self.octocrab._put(path, body).await,
            Method::Delete => self.octocrab._delete(path, body).await,
        };
        let response = octocrab::map_github_error(response?).await?;
        let link = response.headers().get("link").and_then(|link| link.to_str().ok());
        let next = link.and_then(next_page);
        Ok(Answer { text: self.octocrab.body_to_string(response).await?, next })
    }
}

fn is_repository(name: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    name.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name))
}

/// The address behind `rel="next"` of a `Link` header (RFC 8288), as GitHub writes it.
fn next_page(link: &str) -> Option<String> {
    let next = link.split(", <").find(|part| part.contains("rel=\"next\""))?;
    let (address, _) = next.trim_start_matches('<').split_once('>')?;
    Some(address.to_owned())
}

fn read<T: DeserializeOwned>(text: &str, path: &str) -> Result<T, ApiError> {
    // There is nothing in an answer without content.
    let text = if text.is_empty() { "null" } else { text };
    serde_json::from_str(text).map_err(|error| {
        let failure = Failure::system(format!("GitHub returned an unexpected response to `{path}`"));
        ApiError {
            status: Some(200),
            message: String::new(),
            failure: failure.cause(error.to_string()).hint("run again"),
        }
    })
}

fn status_of(error: &octocrab::Error) -> Option<u16> {
    match error {
        octocrab::Error::GitHub { source, .. } => Some(source.status_code.as_u16()),
        _ => None,
    }
}

impl Method {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_off_the_link() {
        let link = "<https://x/y?page=1>; rel=\"prev\", <https://x/y?page=3>; rel=\"next\", <https://x/y?page=9>; rel=\"last\"";
        assert_eq!(next_page(link).as_deref(), Some("https://x/y?page=3"));
        assert_eq!(next_page("<https://x/y?page=1>; rel=\"first\""), None);
    }

    #[test]
    fn a_repository_is_two_names() {
        assert!(is_repository("acme/layers.py"));
        for wrong in ["acme", "acme/", "/layers", "acme/layers/x", "acme/../x", "a b/c"] {
            assert!(!is_repository(wrong), "{wrong}");
        }
    }
}
