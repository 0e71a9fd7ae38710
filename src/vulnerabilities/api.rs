//! OSV's API (<https://google.github.io/osv.dev/api/>): which advisories are known of packages, and what they say.
//!
//! Everything together has a time limit. What was answered until then counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use octocrab::service::middleware::retry::RetryConfig;
use octocrab::{Octocrab, ReqwestClientConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::advisory::Advisory;
use super::{Answer, Package};
use crate::environment::{Environment, certificates};
use crate::error::{Failure, counted};
use crate::github::innermost;
use crate::secrets::without_credentials;
use crate::spec::is_vulnerability_id;

const PUBLIC_API: &str = "https://api.osv.dev";
/// The address of a mirror, or of a stand-in, without the path `/v1`.
const ADDRESS_VARIABLE: &str = "LAMBDA_LAYER_OSV_URL";
/// The time limit for all requests together, in seconds.
const SECONDS_VARIABLE: &str = "LAMBDA_LAYER_OSV_SECONDS";
const SECONDS: u64 = 10;
const LONGEST_SECONDS: u64 = 3_600;
/// The longest answer, in bytes: twice of what OSV sends.
const LONGEST: u64 = 64 * 1024 * 1024;
/// A firewall that swallows packets must not take all of the time of a run that nobody asked to look anything up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The most attempts of a request, and of one that finds no server.
const ATTEMPTS: u32 = 3;
const ATTEMPTS_TO_CONNECT: u32 = 2;
/// Wait before the first retry, unless OSV says how long; doubled each time.
const BACK_OFF: Duration = Duration::from_millis(300);
/// The most packages that OSV accepts in one question.
const BATCH: usize = 1_000;
/// The most pages of the advisories of a package, of about a thousand each.
const PAGES: usize = 10;
/// The most advisories whose details are asked for, and how many at once.
const ADVISORIES: usize = 5_000;
const AT_ONCE: usize = 16;

#[derive(Debug)]
pub(super) struct Api {
    octocrab: Octocrab,
    /// In front of every path.
    prefix: String,
    /// The address, for people.
    pub(super) shown: String,
    seconds: u64,
}

/// Why a question has no answer.
#[derive(Clone, Debug)]
enum Silence {
    /// No connection, or one that broke.
    Unreachable(String),
    Late,
    Refused(u16),
    Broken,
}

impl Api {
    /// # Errors
    /// The user's if the address in the environment is wrong; the system's if its certificates are.
    pub(super) fn new(environment: &Environment) -> Result<Self, Failure> {
        let address = environment.get(ADDRESS_VARIABLE).unwrap_or(PUBLIC_API).trim_end_matches('/');
        let wrong = |why: String| {
            let shown = without_credentials(address);
            let failure = Failure::user(format!("{ADDRESS_VARIABLE} is `{shown}`, which is not a valid address"));
            failure
                .cause(why)
                .hint(format!("set it to an address such as `{PUBLIC_API}`, without a user and a password"))
        };
        let url = url::Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        let origin = url.origin();
        if !matches!(url.scheme(), "http" | "https") || !origin.is_tuple() {
            return Err(wrong("this is not the address of a web server".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it contains credentials".to_owned()));
        }
        let seconds = match environment.get(SECONDS_VARIABLE).map(|text| (text, text.parse())) {
            None => SECONDS,
            Some((_, Ok(seconds))) => u64::min(seconds, LONGEST_SECONDS),
            Some((text, Err(_))) => {
                let failure =
                    Failure::user(format!("{SECONDS_VARIABLE} is `{text}`, which is not a number of seconds"));
                return Err(failure.hint("use a whole number, or leave it out"));
            }
        };
        // The client of GitHub's API is one of HTTP with proxies and certificates; it has no token here.
        let builder = Octocrab::builder().base_uri(origin.ascii_serialization());
        let builder = builder.map_err(|error| wrong(error.to_string()))?;
        let builder = builder.add_retry_config(RetryConfig::None).set_connect_timeout(Some(CONNECT_TIMEOUT));
        let octocrab = builder.build_with_reqwest(ReqwestClientConfig::Default).map_err(|error| {
            Failure::system("could not set up the client for OSV").cause(innermost(&error)).hint(certificates::HINT)
        })?;
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { octocrab, prefix, shown: address.to_owned(), seconds })
    }

    /// Which advisories there are of each of these packages, in their order.
    pub(super) async fn ask(&self, packages: &[Package]) -> Answer {
        let limit = Instant::now() + Duration::from_secs(self.seconds);
        let mut answer = Answer::of(packages.len());
        let ids = self.ids(packages, limit, &mut answer).await;
        let all: BTreeSet<&String> = ids.iter().flatten().collect();
        let details = self.details(&all, limit, &mut answer).await;
        for (known, ids) in answer.advisories.iter_mut().zip(&ids) {
            known.extend(ids.iter().map(|id| details.get(id).cloned().unwrap_or_else(|| Advisory::unknown(id))));
        }
        answer
    }

    /// The ids of the advisories of each package.
    async fn ids(&self, packages: &[Package], limit: Instant, answer: &mut Answer) -> Vec<BTreeSet<String>> {
        let mut found = vec![BTreeSet::new(); packages.len()];
        let mut open: Vec<(usize, Option<String>)> = (0..packages.len()).map(|index| (index, None)).collect();
        for _page in 0..PAGES {
            let mut next = Vec::new();
            for part in open.chunks(BATCH) {
                let queries: Vec<Value> =
                    part.iter().map(|(index, token)| packages[*index].query(token.as_deref())).collect();
                let value = self.send("/v1/querybatch", Some(&json!({ "queries": queries })), limit).await;
                let results = value.and_then(|value| match value {
                    Value::Object(mut value) => value.remove("results").filter(Value::is_array).ok_or(Silence::Broken),
                    _ => Err(Silence::Broken),
                });
                match results {
                    Ok(results) => {
                        let results = results.as_array().map(Vec::as_slice).unwrap_or_default();
                        for (index, _) in part.iter().skip(results.len()) {
                            answer.is_answered[*index] = false;
                        }
                        for ((index, _), result) in part.iter().zip(results) {
                            found[*index].extend(ids_in(result));
                            next.extend(
                                result["next_page_token"].as_str().map(|token| (*index, Some(token.to_owned()))),
                            );
                        }
                    }
                    Err(silence) => {
                        answer.is_unreachable |= matches!(silence, Silence::Unreachable(_));
                        answer.problems.push(self.said(&silence));
                        for (index, _) in part {
                            answer.is_answered[*index] = false;
                        }
                    }
                }
            }
            next.retain(|token| !open.contains(token));
            open = next;
            if open.is_empty() || found.iter().map(BTreeSet::len).sum::<usize>() > ADVISORIES {
                break;
            }
        }
        for (index, _) in &open {
            answer.is_answered[*index] = false;
        }
        let missing = answer.is_answered.iter().filter(|is_answered| !**is_answered).count();
        if missing > 0 && answer.problems.is_empty() {
            answer.problems.push(format!(
                "{} did not answer completely for {}",
                self.shown,
                counted(missing, "package")
            ));
        }
        found
    }

    /// What the advisories with these ids say, as far as it could be read.
    async fn details(
        &self,
        ids: &BTreeSet<&String>,
        limit: Instant,
        answer: &mut Answer,
    ) -> BTreeMap<String, Advisory> {
        let each = ids.iter().take(ADVISORIES).map(|id| async move {
            let path = format!("/v1/vulns/{}", utf8_percent_encode(id, PART));
            let value = self.send(&path, None, limit).await?;
            let advisory = Advisory::read(&value).ok_or(Silence::Broken)?;
            // An alias leads to the advisory, too.
            Ok::<_, Silence>(((*id).clone(), Advisory { id: (*id).clone(), ..advisory }))
        });
        let read: Vec<_> = futures::stream::iter(each).buffered(AT_ONCE).collect().await;
        let (mut found, mut silences) = (BTreeMap::new(), Vec::new());
        for one in read {
            match one {
                Ok((id, advisory)) => drop(found.insert(id, advisory)),
                Err(silence) => silences.push(silence),
            }
        }
        let missing = counted(ids.len() - found.len(), "advisory").replace("advisorys", "advisories");
        match silences.first() {
            Some(silence) => {
                answer.problems.push(format!("the details of {missing} are missing: {}", self.said(silence)));
            }
            None if ids.len() > ADVISORIES => {
                answer.problems.push(format!("the details of {missing} were not asked for"));
            }
            None => {}
        }
        found
    }

    /// The answer to one request, with retries until the time limit.
    async fn send(&self, path: &str, body: Option<&Value>, limit: Instant) -> Result<Value, Silence> {
        let path = format!("{}{path}", self.prefix);
        let (mut back_off, mut late) = (BACK_OFF, Silence::Late);
        for attempt in 1.. {
            let answer = timeout_at(limit, self.attempt(&path, body)).await;
            let (silence, wait) = match answer {
                Err(_elapsed) => return Err(late),
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(failed)) => failed,
            };
            let attempts = match silence {
                Silence::Unreachable(_) => ATTEMPTS_TO_CONNECT,
                Silence::Refused(408 | 429 | 500..) => ATTEMPTS,
                Silence::Refused(_) | Silence::Late | Silence::Broken => 1,
            };
            let wait = wait.unwrap_or(back_off);
            if attempt >= attempts || wait >= limit.saturating_duration_since(Instant::now()) {
                return Err(silence);
            }
            // A firewall that swallows packets is no server that is slow.
            late = if matches!(silence, Silence::Unreachable(_)) { silence } else { Silence::Late };
            sleep(wait).await;
            back_off *= 2;
        }
        unreachable!("the last attempt returns")
    }

    /// With the time to wait before the next attempt, if OSV names one.
    async fn attempt(&self, path: &str, body: Option<&Value>) -> Result<Value, (Silence, Option<Duration>)> {
        let unreachable = |error: &octocrab::Error| (Silence::Unreachable(innermost(error)), None);
        let response = match body {
            Some(body) => self.octocrab._post(path, Some(body)).await,
            None => self.octocrab._get(path).await,
        };
        let response = response.map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            return Err((Silence::Refused(status), seconds.map(Duration::from_secs)));
        }
        let length =
            response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > LONGEST) {
            return Err((Silence::Broken, None));
        }
        let text = match self.octocrab.body_to_string(response).await {
            Ok(text) => text,
            Err(octocrab::Error::InvalidUtf8 { .. }) => return Err((Silence::Broken, None)),
            Err(error) => return Err(unreachable(&error)),
        };
        serde_json::from_str(&text).map_err(|_broken| (Silence::Broken, None))
    }

    fn said(&self, silence: &Silence) -> String {
        let address = &self.shown;
        match silence {
            Silence::Unreachable(why) => format!("{address} did not respond: {why}"),
            Silence::Late => format!("{address} did not respond within {}", counted_seconds(self.seconds)),
            Silence::Refused(429) => format!("{address} accepts no more requests for now (429)"),
            Silence::Refused(status) => format!("{address} refused the request ({status})"),
            Silence::Broken => format!("{address} returned an unexpected response"),
        }
    }
}

/// Characters that are percent-encoded in a part of a URL.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Package {
    fn query(&self, page: Option<&str>) -> Value {
        // A namespace is a path.
        const PATH: &AsciiSet = &PART.remove(b'/');
        let (name, version) = (utf8_percent_encode(&self.name, PATH), utf8_percent_encode(&self.version, PART));
        let package = json!({ "purl": format!("pkg:{}/{name}@{version}", self.kind) });
        match page {
            Some(token) => json!({ "package": package, "page_token": token }),
            None => json!({ "package": package }),
        }
    }
}

fn ids_in(result: &Value) -> impl Iterator<Item = String> {
    let found = result["vulns"].as_array().into_iter().flatten().filter_map(|found| found["id"].as_str());
    found.filter(|id| is_vulnerability_id(id)).map(str::to_owned)
}

fn counted_seconds(seconds: u64) -> String {
    counted(usize::try_from(seconds).unwrap_or(usize::MAX), "second")
}
