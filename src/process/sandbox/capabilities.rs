//! Removes capabilities of root from the programs that root starts.

use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

/// Capabilities with which a process can read memory and variables of any other; since Linux 6.13 each of the last two
/// is enough.
const LOOKING_INTO_PROCESSES: CapabilitySet =
    CapabilitySet::SYS_PTRACE.union(CapabilitySet::SYS_ADMIN).union(CapabilitySet::PERFMON);

/// Removes all capabilities from programs that this thread starts.
pub(super) fn leave_all() {
    leave(CapabilitySet::all());
}

/// Keeps programs that this thread starts from inspecting processes which they did not start.
pub(super) fn leave_tracing() {
    leave(LOOKING_INTO_PROCESSES);
}

/// Does nothing unless root runs this, because other users have no capabilities.
fn leave(capabilities: CapabilitySet) {
    for capability in capabilities {
        remove_capability_from_bounding_set(capability).ok();
    }
}
