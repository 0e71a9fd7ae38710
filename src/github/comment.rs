//! The one comment of this action on a pull request: found by its marker and its author, and updated in place.

use serde::Deserialize;
use serde_json::json;

use super::ApiError;
use super::client::{Client, Method};
use super::event::{Outsider, PullRequest};
use crate::error::Failure;

/// The author, where a token does not say whose it is.
const WORKFLOW_TOKEN: &str = "github-actions[bot]";

/// What to do with the comment.
#[derive(Clone, Copy, Debug)]
pub enum Wish<'a> {
    /// Write this; create the comment if there is none.
    Say(&'a str),
    /// Write this only if there is a comment, because its text is out of date.
    Correct(&'a str),
}

/// What was done with the comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// `None` if there is no comment.
    pub url: Option<String>,
    pub done: &'static str,
}

#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    html_url: Option<String>,
    body: Option<String>,
    user: Option<User>,
}

#[derive(Debug, Deserialize)]
struct User {
    login: String,
    /// `Bot` or `User`.
    #[serde(rename = "type", default)]
    kind: String,
}

/// Updates the comment with this marker. `same` decides whether two bodies say the same.
///
/// # Errors
/// GitHub refuses the request or does not answer.
pub async fn put(
    client: &Client,
    pull_request: &PullRequest,
    marker: &str,
    wish: Wish<'_>,
    same: impl Fn(&str, &str) -> bool,
) -> Result<Posted, ApiError> {
    let mut own = own_comments(client, pull_request, marker).await?;
    // Concurrent runs may each have created one.
    for double in own.split_off(own.len().min(1)) {
        client.delete(&client.path(&format!("issues/comments/{}", double.id))).await?;
    }
    let (Wish::Say(text) | Wish::Correct(text)) = wish;
    match (own.pop(), wish) {
        (Some(comment), _) if same(comment.body.as_deref().unwrap_or_default(), text) => {
            Ok(Posted { url: comment.html_url, done: "unchanged" })
        }
        (Some(comment), _) => {
            let path = client.path(&format!("issues/comments/{}", comment.id));
            let changed: Result<Comment, _> = client.change(Method::Patch, &path, &json!({ "body": text })).await;
            match changed {
                Ok(comment) => Ok(Posted { url: comment.html_url, done: "updated" }),
                // Somebody removed it in the meantime.
                Err(error) if error.status == Some(404) => create(client, pull_request, marker, text).await,
                Err(error) => Err(error),
            }
        }
        (None, Wish::Say(text)) => create(client, pull_request, marker, text).await,
        (None, Wish::Correct(_)) => Ok(Posted { url: None, done: "not needed" }),
    }
}

async fn create(client: &Client, pull_request: &PullRequest, marker: &str, text: &str) -> Result<Posted, ApiError> {
    let path = client.path(&format!("issues/{}/comments", pull_request.number));
    let created: Result<Comment, _> = client.change(Method::Post, &path, &json!({ "body": text })).await;
    match created {
        Ok(comment) => Ok(Posted { url: comment.html_url, done: "new" }),
        Err(error) if error.is_unclear() => {
            // GitHub may have created it nevertheless.
            let comment = match own_comments(client, pull_request, marker).await?.pop() {
                Some(comment) => comment,
                None => client.change(Method::Post, &path, &json!({ "body": text })).await?,
            };
            Ok(Posted { url: comment.html_url, done: "new" })
        }
        Err(error) => Err(error),
    }
}

/// Those that begin with the marker and that this token's user wrote, oldest first.
async fn own_comments(client: &Client, pull_request: &PullRequest, marker: &str) -> Result<Vec<Comment>, ApiError> {
    let path = client.path(&format!("issues/{}/comments", pull_request.number));
    let mut comments: Vec<Comment> = client.list(&path).await?;
    comments.retain(|comment| comment.body.as_deref().is_some_and(|body| body.starts_with(marker)));
    if comments.is_empty() {
        return Ok(comments);
    }
    let login = client.login().await?.unwrap_or_else(|| WORKFLOW_TOKEN.to_owned());
    comments.retain(|comment| comment.user.as_ref().is_some_and(|user| user.is(&login)));
    Ok(comments)
}

impl User {
    fn is(&self, login: &str) -> bool {
        // In GraphQL the name of a bot does not always say that it is one; another user may have that name.
        let bare = self.login.strip_suffix("[bot]").filter(|_| self.kind == "Bot");
        self.login.eq_ignore_ascii_case(login) || bare.is_some_and(|bare| bare.eq_ignore_ascii_case(login))
    }
}

/// What to do where the comment is refused.
pub fn explain(error: &ApiError, pull_request: &PullRequest) -> Failure {
    let hint = match (error.is_permission(), pull_request.outsider) {
        (true, Some(Outsider::Fork)) => {
            "use the workflow in docs/pull-requests.md, which can comment on pull requests from forks: their own token is read-only".to_owned()
        }
        (true, Some(Outsider::Dependabot)) => {
            "give the job `permissions: pull-requests: write`: without it, a pull request from Dependabot gets a read-only token".to_owned()
        }
        (true, None) => "give the job `permissions: pull-requests: write`".to_owned(),
        (false, _) => return error.failure.clone(),
    };
    let failure = Failure { causes: Vec::new(), ..error.failure.clone() };
    failure.cause(error.message.trim_end_matches('.')).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_is_not_the_user_of_its_name() {
        let user = |login: &str, kind: &str| User { login: login.to_owned(), kind: kind.to_owned() };
        assert!(user("github-actions[bot]", "Bot").is("github-actions[bot]"));
        assert!(user("github-actions[bot]", "Bot").is("github-actions"));
        assert!(!user("github-actions", "User").is("github-actions[bot]"));
        assert!(user("Ada", "User").is("ada"));
    }

    #[test]
    fn a_comment_of_somebody_who_left_is_read() {
        let ghost = json!({"id": 1, "html_url": "https://x", "body": "x", "user": null});
        let ghost: Comment = serde_json::from_value(ghost).expect("is readable");
        assert!(ghost.user.is_none());
    }
}
