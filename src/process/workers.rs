//! Threads for work that keeps a processor busy: installing, packing, importing. Requests continue meanwhile.

use std::panic;
use std::thread::Scope;

use anyhow::Context as _;
use tokio::sync::{Semaphore, oneshot};

/// Limits how many threads work at once. The others wait.
#[derive(Debug)]
pub struct Workers<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    free: Semaphore,
}

impl<'scope, 'env> Workers<'scope, 'env> {
    pub fn new(scope: &'scope Scope<'scope, 'env>, count: usize) -> Self {
        Self { scope, free: Semaphore::new(count) }
    }

    /// Runs `work` on its own thread as soon as a worker is free.
    ///
    /// # Errors
    /// The errors of `work`.
    pub async fn run<T: Send + 'scope>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'scope,
    ) -> anyhow::Result<T> {
        let _turn = self.free.acquire().await.expect("is never closed");
        let (sender, receiver) = oneshot::channel();
        self.scope.spawn(move || {
            // A panic in one layer is reported as the error of that layer.
            let done = panic::catch_unwind(panic::AssertUnwindSafe(work));
            // If the run was given up, nobody waits for the result.
            drop(sender.send(done));
        });
        match receiver.await.context("a thread ended without a result")? {
            Ok(result) => result,
            Err(_) => anyhow::bail!("the program crashed; its own message is above"),
        }
    }
}

/// Memory for one build, in bytes. Measured for scipy and pandas, 194 MB unpacked: 160 MB, with the interpreters that
/// compile and import. Compilers for distributions that are built from source need several times that.
const MEMORY: u64 = 600_000_000;

/// How many builds run at once: as many as the processors and the memory allow.
pub fn default_count() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = available_memory().map_or(processors, |bytes| usize::try_from(bytes / MEMORY).unwrap_or(processors));
    processors.min(memory).max(1)
}

/// The available memory in bytes, of the machine or of the container if that has less (cgroup v2).
pub(super) fn available_memory() -> Option<u64> {
    let meminfo = fs_err::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024;
    let limit = |name: &str| fs_err::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    let container = limit("memory.max").map(|most| most.saturating_sub(limit("memory.current").unwrap_or(0)));
    Some(container.map_or(machine, |container| container.min(machine)))
}
