//! The clock of a server, according to the `Date` of its answers (RFC 9110, 6.6.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

/// A smaller difference in seconds is ignored: `Date` has whole seconds, and an answer takes a while.
const NOTICED: i64 = 3;

/// How far the server's clock is ahead of this machine's. Clones share the value.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// In seconds.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The server's time (UTC); this machine's time until the server has answered.
    pub(super) fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        Timestamp::now().saturating_add(ahead).unwrap_or_else(|_| Timestamp::now())
    }

    fn set(&self, date: &str) {
        static PARSER: DateTimeParser = DateTimeParser::new();
        // RFC 2822 also knows `GMT`.
        let Ok(date) = PARSER.parse_timestamp(date) else { return };
        let ahead = date.duration_since(Timestamp::now()).as_secs();
        self.ahead.store(if ahead.abs() < NOTICED { 0 } else { ahead }, Ordering::Relaxed);
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.set(date);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_the_server() {
        let clock = Clock::default();
        clock.set("Sun, 06 Nov 2044 08:49:37 GMT");
        assert_eq!(clock.clone().now().to_string().get(..10), Some("2044-11-06"));
        clock.set("yesterday");
        assert_eq!(clock.now().to_string().get(..10), Some("2044-11-06"));
        let second_ago = Timestamp::now() - SignedDuration::from_secs(1);
        clock.set(&jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&second_ago).expect("is a date"));
        assert!(clock.now().duration_since(Timestamp::now()).abs() < SignedDuration::from_secs(1));
    }
}
