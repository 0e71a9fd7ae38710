//! Limits the rate of requests that AWS counts per account and region: those to Lambda's control plane, and writes of
//! parameters.
//!
//! Everything else that deploys in the account shares these quotas. Waiting here costs less than being throttled,
//! because the SDK then waits longer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::time::Instant;

use crate::facts;
use crate::types::Place;

/// A rate limit for one account and region. Clones share it.
#[derive(Clone)]
pub(crate) struct Limit {
    /// The time between two requests when many wait.
    interval: Duration,
    /// How far the schedule may be behind the clock: that many requests may be sent at once after a pause.
    burst: Duration,
    /// When the next request may be sent.
    next: Arc<Mutex<Instant>>,
}

impl Limit {
    /// The limit from [`facts::Limits`], well below the quota of the account.
    fn of_control_plane() -> Self {
        let limits = facts::limits();
        Self::new(limits.own_requests_per_second, limits.own_burst)
    }

    /// Also from [`facts::Limits`].
    fn of_parameter_writes() -> Self {
        Self::new(facts::limits().own_parameter_writes_per_second, 0)
    }

    fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second;
        Self { interval, burst: interval * burst, next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Waits before a request is started. A request that waits inside the SDK for more than a moment counts as stalled.
    pub(crate) async fn turn(&self) {
        tokio::time::sleep_until(self.take()).await;
    }

    /// Reserves the next slot, and returns its time.
    fn take(&self) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let due = (*next).max(now.checked_sub(self.burst).unwrap_or(now));
        *next = due + self.interval;
        due
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Limit({:?})", self.interval)
    }
}

/// The limits of one account and region.
#[derive(Clone, Debug)]
pub(crate) struct PlaceLimits {
    pub(crate) control_plane: Limit,
    pub(crate) parameter_writes: Limit,
}

/// The limits of all places of a run. Registries with the same place share them.
#[derive(Clone, Debug, Default)]
pub struct Limits(Arc<Mutex<BTreeMap<Place, PlaceLimits>>>);

impl Limits {
    /// The limits of a place, which are created on first use and then shared.
    pub(crate) fn of(&self, place: &Place) -> PlaceLimits {
        let mut limits = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let new =
            || PlaceLimits { control_plane: Limit::of_control_plane(), parameter_writes: Limit::of_parameter_writes() };
        limits.entry(place.clone()).or_insert_with(new).clone()
    }
}

/// An HTTP client that makes every request wait for its turn, including repeated ones.
#[derive(Clone, Debug)]
pub(crate) struct Limited {
    pub(crate) client: SharedHttpClient,
    pub(crate) limit: Limit,
}

impl HttpClient for Limited {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(LimitedConnector { connector, limit: self.limit.clone() })
    }
}

#[derive(Debug)]
struct LimitedConnector {
    connector: SharedHttpConnector,
    limit: Limit,
}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (connector, due) = (self.connector.clone(), self.limit.take());
        HttpConnectorFuture::new(async move {
            tokio::time::sleep_until(due).await;
            connector.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_requests_are_spaced_out_and_few_are_not() {
        let limits = facts::limits();
        let (limit, start) = (Limit::of_control_plane(), Instant::now());
        let count = 3 * limits.own_requests_per_second;
        let last = (0..count).map(|_| limit.take()).max().expect("is one");
        let took = last.saturating_duration_since(start);
        assert!(took >= Duration::from_millis(2500) && took <= Duration::from_secs(3), "{took:?}");
        tokio::time::advance(Duration::from_mins(1)).await;
        let at_once = (0..20).filter(|_| limit.take() <= Instant::now()).count();
        assert_eq!(u32::try_from(at_once), Ok(limits.own_burst + 1), "after a pause");
        assert!(limits.own_requests_per_second + limits.own_burst < limits.control_plane_requests_per_second);
    }
    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_writes_of_parameters_than_parameter_store_takes() {
        let limit = Limit::of_parameter_writes();
        tokio::time::advance(Duration::from_mins(1)).await;
        let due: Vec<Instant> = (0..20).map(|_| limit.take()).collect();
        let quota = usize::try_from(facts::limits().parameter_writes_per_second).expect("is small");
        let is_spaced = |window: &[Instant]| window[quota] - window[0] > Duration::from_secs(1);
        assert!(due.windows(quota + 1).all(is_spaced), "{due:?}");
    }
}
