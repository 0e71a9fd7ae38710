//! Limits how much of the machine a sandboxed program may use.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Processes and threads, including all others of this user: Lambda allows 1,024 for a single function. The limit does
/// not apply to root.
const PROCESSES: u64 = 4096;
/// Open files, as for a function: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const FILES: u64 = 1024;

/// Sets the limits; `memory` is in bytes. Stricter limits stay.
pub(super) fn set(memory: u64) {
    // Limits private writable memory: the address space would include memory that allocators only reserve.
    let limits =
        [(Resource::Data, memory), (Resource::Nproc, PROCESSES), (Resource::Nofile, FILES), (Resource::Core, 0)];
    for (resource, limit) in limits {
        let limit = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) }).ok();
    }
    // If the machine has less memory than that, the kernel ends this process first.
    fs_err::write("/proc/self/oom_score_adj", "1000").ok();
}
