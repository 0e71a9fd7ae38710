//! What started the workflow, as its event payload says: which pull request, and from where.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use camino::Utf8Path;
use serde_json::Value;

use crate::environment::Environment;

/// Far more than GitHub sends.
const LARGEST_PAYLOAD: u64 = 64 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    /// Its newest commit, 40 or 64 hexadecimal digits; `None` if the event does not tell.
    pub head: Option<String>,
    /// Why the workflow's own token is read-only, always or by default; `None` if only the workflow decides.
    pub outsider: Option<Outsider>,
}

/// Whose pull request gets a read-only token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outsider {
    /// Whatever the workflow asks for.
    Fork,
    /// Unless the workflow asks for more with `permissions`
    /// (<https://docs.github.com/en/code-security/dependabot/troubleshooting-dependabot/troubleshooting-dependabot-on-github-actions>).
    Dependabot,
}

impl PullRequest {
    /// That of this run.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn of_event(environment: &Environment) -> Result<Self, String> {
        let event = environment.get("GITHUB_EVENT_NAME").ok_or("this is not a workflow run")?;
        let path = environment.get("GITHUB_EVENT_PATH").ok_or("GITHUB_EVENT_PATH is not set")?;
        let path = Utf8Path::new(path);
        let unreadable = |error: std::io::Error| format!("could not read the event's payload ({})", error.kind());
        let size = fs_err::metadata(path).map_err(unreadable)?.len();
        if size > LARGEST_PAYLOAD {
            return Err("the event's payload is too large".to_owned());
        }
        let text = fs_err::read(path).map_err(unreadable)?;
        let payload: Value =
            serde_json::from_slice(&text).map_err(|error| format!("the event's payload is incomplete ({error})"))?;
        let found = Self::of_payload(&payload, event, environment.get("GITHUB_ACTOR"));
        found.ok_or_else(|| format!("the event `{}` does not belong to a pull request", event.replace('`', "'")))
    }

    fn of_payload(payload: &Value, event: &str, actor: Option<&str>) -> Option<Self> {
        let pull_request = &payload["pull_request"];
        let issue = &payload["issue"];
        let number = match pull_request["number"].as_u64() {
            Some(number) => number,
            // A comment on a pull request is one on its issue.
            None => issue["number"].as_u64().filter(|_| issue["pull_request"].is_object())?,
        };
        let repository = |side: &str| pull_request[side]["repo"]["full_name"].as_str();
        // The repository of a fork may be gone. The other events run as those of the repository itself.
        let is_restricted = event.starts_with("pull_request") && event != "pull_request_target";
        let outsider = match actor {
            _ if !is_restricted => None,
            Some("dependabot[bot]") => Some(Outsider::Dependabot),
            _ if repository("head") != repository("base") => Some(Outsider::Fork),
            _ => None,
        };
        let is_commit =
            |text: &&str| matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let head = pull_request["head"]["sha"].as_str().filter(is_commit).map(str::to_owned);
        (number > 0).then_some(Self { number, head, outsider })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn payload(head: Option<&str>) -> Value {
        let head = head.map(|name| json!({ "full_name": name }));
        json!({"pull_request": {"number": 7, "head": {"repo": head}, "base": {"repo": {"full_name": "acme/layers"}}}})
    }

    #[test]
    fn a_pull_request_says_where_it_is_from() {
        let outsider = |head, event, actor| {
            PullRequest::of_payload(&payload(head), event, actor).expect("is a pull request").outsider
        };
        assert_eq!(outsider(Some("acme/layers"), "pull_request", Some("ada")), None);
        assert_eq!(outsider(Some("ada/layers"), "pull_request", Some("ada")), Some(Outsider::Fork));
        assert_eq!(outsider(None, "pull_request", None), Some(Outsider::Fork), "the fork is gone");
        let bot = outsider(Some("acme/layers"), "pull_request", Some("dependabot[bot]"));
        assert_eq!(bot, Some(Outsider::Dependabot));
        assert_eq!(outsider(Some("ada/layers"), "pull_request_target", Some("ada")), None);
    }

    #[test]
    fn a_pull_request_says_what_its_newest_commit_is() {
        let head = |sha: &str| {
            let payload = json!({"pull_request": {"number": 7, "head": {"sha": sha}}});
            PullRequest::of_payload(&payload, "pull_request", None).expect("is a pull request").head
        };
        let sha = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(head(sha).as_deref(), Some(sha));
        for wrong in ["", "main", &sha[1..], &sha.replace('0', "é"), &sha.replace('0', ")")] {
            assert_eq!(head(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn other_events_are_of_no_pull_request() {
        let number = |payload: &Value, event| PullRequest::of_payload(payload, event, None).map(|found| found.number);
        assert_eq!(number(&json!({"issue": {"number": 9, "pull_request": {}}}), "issue_comment"), Some(9));
        for payload in [
            json!({"issue": {"number": 9}}),
            json!({"ref": "refs/heads/main"}),
            json!({"pull_request": {"number": "7"}}),
            json!({"pull_request": {"number": 0}}),
            json!({"pull_request": null}),
            json!([7]),
            json!("pull_request"),
        ] {
            assert_eq!(number(&payload, "push"), None, "{payload}");
        }
    }
}
