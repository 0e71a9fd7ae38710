//! Errors of GitHub in words: its message, and the permission that is missing.

use std::fmt::{self, Display};
use std::time::Duration;

use super::client::Method;
use crate::environment::certificates;
use crate::error::Failure;

/// What GitHub refused, or why it did not answer.
#[derive(Debug)]
pub struct ApiError {
    /// Of the answer.
    pub status: Option<u16>,
    /// GitHub's own words.
    pub message: String,
    pub failure: Failure,
}

impl ApiError {
    /// Whether the token may not do this, whoever asks.
    pub fn is_permission(&self) -> bool {
        self.status.is_some_and(|status| is_permission(status, &self.message))
    }

    /// Whether the request may have been carried out all the same.
    pub fn is_unclear(&self) -> bool {
        self.status.is_none_or(|status| status >= 500)
    }
}

impl Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(formatter)
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.failure)
    }
}

pub(super) fn explain(method: Method, path: &str, error: &octocrab::Error, limit: Option<Duration>) -> ApiError {
    let what = format!("{} {}", method.word(), path.split('?').next().unwrap_or(path));
    let octocrab::Error::GitHub { source, .. } = error else {
        let cause = innermost(error);
        let hint = if cause.contains("certificate") {
            certificates::HINT
        } else {
            "check that the address in GITHUB_API_URL is correct, and that this machine can reach it"
        };
        let failure = Failure::system(format!("GitHub did not respond to `{what}`")).cause(cause).hint(hint);
        return ApiError { status: None, message: String::new(), failure };
    };
    let (status, message) = (source.status_code.as_u16(), source.message.clone());
    let failure = match (limit, status) {
        (Some(wait), _) => Failure::system(format!("GitHub accepts no more requests for {} seconds", wait.as_secs()))
            .hint("run again later; jobs that run at the same time share one limit"),
        (None, 500..) => Failure::system(format!("GitHub failed to process `{what}` ({status})"))
            .hint("run again, or see https://www.githubstatus.com for known problems"),
        (None, _) => Failure::user(format!("GitHub refused `{what}` ({status})")).hint(hint(status, &message, path)),
    };
    let details = source.errors.iter().flatten().map(detail);
    let failure = failure.cause(message.trim_end_matches('.')).causes(details);
    ApiError { status: Some(status), message, failure }
}

fn is_permission(status: u16, message: &str) -> bool {
    status == 403 && message.contains("not accessible by")
}

/// What to do about a refusal.
fn hint(status: u16, message: &str, path: &str) -> String {
    // Of a comment or a release: what else is asked for needs what one of them needs.
    let permission = if path.contains("/issues/") || path.contains("/pulls/") { "pull-requests" } else { "contents" };
    match status {
        401 => "set `github-token` to a valid token: this one is invalid or has expired".to_owned(),
        403 if !is_permission(status, message) => {
            "check whether the pull request or the repository is locked, and check the rules of the repository and its organization".to_owned()
        }
        // What a token may not see is not there for it.
        403 | 404 => format!("give the job `permissions: {permission}: write`"),
        _ => "correct what GitHub reports, or run again if something else was making changes at the same time".to_owned(),
    }
}

/// `{"resource": "Release", "code": "already_exists", "field": "tag_name"}` in words.
fn detail(error: &serde_json::Value) -> String {
    let word = |name: &str| error[name].as_str();
    match (error.as_str().or(word("message")), word("field"), word("code")) {
        (Some(message), _, _) => message.to_owned(),
        (None, Some(field), Some(code)) => format!("{field}: {code}"),
        _ => error.to_string(),
    }
}

/// What is behind all others; octocrab's own words would have a backtrace in them.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
