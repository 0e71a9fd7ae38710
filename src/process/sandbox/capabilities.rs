//! Capabilities of root, and which of them a program that root starts keeps.

use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

/// With these, the memory and the variables of any process can be read: the last two are enough for it since Linux 6.13.
const LOOKING_INTO_PROCESSES: CapabilitySet =
    CapabilitySet::SYS_PTRACE.union(CapabilitySet::SYS_ADMIN).union(CapabilitySet::PERFMON);

/// Programs that this thread starts have none at all.
pub(super) fn leave_all() {
    leave(CapabilitySet::all());
}

/// Programs that this thread starts cannot look into processes which they did not start.
pub(super) fn leave_tracing() {
    leave(LOOKING_INTO_PROCESSES);
}

/// Nothing happens where it is not root who runs this: there are none.
fn leave(capabilities: CapabilitySet) {
    for capability in capabilities {
        remove_capability_from_bounding_set(capability).ok();
    }
}
