//! GitHub's rate limits: how long to wait before the next request.
//!
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>

use std::time::Duration;

use jiff::Timestamp;

/// The wait for a secondary limit if GitHub names none.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

/// How long to wait; `None` if the refusal is not about a rate limit.
pub(super) fn limit_of(error: &octocrab::Error, now: Timestamp) -> Option<Duration> {
    let octocrab::Error::GitHub { source, .. } = error else { return None };
    let header = |name: &str| source.headers.as_ref()?.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let limits = Limits {
        retry_after: header("retry-after"),
        remaining: header("x-ratelimit-remaining"),
        reset: header("x-ratelimit-reset"),
    };
    limits.wait(source.status_code.as_u16(), &source.message, now)
}

/// What the headers of an answer say of limits.
struct Limits {
    /// Seconds.
    retry_after: Option<u64>,
    /// Requests.
    remaining: Option<u64>,
    /// Seconds since 1970 (UTC).
    reset: Option<u64>,
}

impl Limits {
    fn wait(&self, status: u16, message: &str, now: Timestamp) -> Option<Duration> {
        if !matches!(status, 403 | 429) {
            return None;
        }
        match (self.retry_after, self.remaining, self.reset) {
            (Some(seconds), _, _) => Some(Duration::from_secs(seconds)),
            (None, Some(0), Some(reset)) => {
                let now = u64::try_from(now.as_second()).unwrap_or_default();
                // A clock that is a little ahead must not ask too early.
                Some(Duration::from_secs(reset.saturating_sub(now) + 1))
            }
            _ if status == 429 || message.to_lowercase().contains("rate limit") => Some(DEFAULT_WAIT),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_from_refusals() {
        let now = Timestamp::from_second(1_000).expect("is valid");
        let limits = |retry_after, remaining, reset| Limits { retry_after, remaining, reset };
        let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs());
        assert_eq!(seconds(limits(Some(7), None, None).wait(429, "", now)), Some(7));
        assert_eq!(seconds(limits(None, Some(0), Some(1_030)).wait(403, "", now)), Some(31));
        assert_eq!(seconds(limits(None, Some(0), Some(900)).wait(403, "", now)), Some(1));
        let secondary = "You have exceeded a secondary rate limit";
        assert_eq!(seconds(limits(None, Some(4_000), Some(1_030)).wait(403, secondary, now)), Some(60));
        let refused = "Resource not accessible by integration";
        assert_eq!(limits(None, Some(4_000), Some(1_030)).wait(403, refused, now), None);
        assert_eq!(limits(Some(7), None, None).wait(502, "", now), None);
    }
}
