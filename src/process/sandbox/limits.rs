//! Limits on what a sandboxed program may use of the machine.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Processes and threads, of all that this user runs: Lambda allows 1,024 for a function alone. It does not bind root.
const PROCESSES: u64 = 4096;
/// Open files, as of a function: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const FILES: u64 = 1024;

/// `memory` is in bytes. What is already tighter stays so.
pub(super) fn set(memory: u64) {
    // Private writable memory: address space alone would also count what is only reserved, as allocators do.
    let limits =
        [(Resource::Data, memory), (Resource::Nproc, PROCESSES), (Resource::Nofile, FILES), (Resource::Core, 0)];
    for (resource, limit) in limits {
        let limit = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) }).ok();
    }
    // Where the machine has less memory than that, this ends first and nobody else.
    fs_err::write("/proc/self/oom_score_adj", "1000").ok();
}
