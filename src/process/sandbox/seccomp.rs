//! Denies a sandboxed program the system calls that reach the network and other processes.

use std::collections::BTreeMap;

use anyhow::Context as _;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Socket families that reach other machines: `AF_INET`, `AF_INET6`, `AF_PACKET`, `AF_VSOCK`, `AF_XDP`
/// (`linux/socket.h`).
const FAMILIES: [u64; 5] = [2, 10, 17, 40, 44];
/// `AF_UNIX`.
const LOCAL: u64 = 1;
/// `SOCK_DGRAM` and `SOCK_RAW`, which is the same for local sockets, below `SOCK_TYPE_MASK` (`linux/net.h`): they can
/// send to a name without a connection.
const DATAGRAMS: [u64; 2] = [2, 3];
const TYPE_MASK: u64 = 0xf;
/// `EACCES`, the same on all processors of Lambda.
const ACCESS_DENIED: u32 = 13;

/// Numbers of system calls, from `asm/unistd_64.h` and `asm-generic/unistd.h`.
struct Calls {
    socket: i64,
    socketpair: i64,
    /// Calls that are always refused.
    closed: &'static [i64],
}

const X86_64: Calls = Calls {
    socket: 41,
    socketpair: 53,
    closed: &[
        42,  // connect: a container has the socket of its Docker
        101, // ptrace
        155, // pivot_root
        161, // chroot
        165, // mount
        248, // add_key
        249, // request_key
        250, // keyctl
        272, // unshare
        298, // perf_event_open
        304, // open_by_handle_at
        308, // setns
        310, // process_vm_readv
        311, // process_vm_writev
        312, // kcmp
        321, // bpf
        323, // userfaultfd
    ],
};
const ARM64: Calls = Calls {
    socket: 198,
    socketpair: 199,
    closed: &[
        203, // connect
        117, // ptrace
        41,  // pivot_root
        51,  // chroot
        40,  // mount
        217, // add_key
        218, // request_key
        219, // keyctl
        97,  // unshare
        241, // perf_event_open
        265, // open_by_handle_at
        268, // setns
        270, // process_vm_readv
        271, // process_vm_writev
        272, // kcmp
        280, // bpf
        282, // userfaultfd
    ],
};
/// Newer calls, which have the same number on every processor.
const CLOSED_EVERYWHERE: &[i64] = &[
    425, // io_uring_setup: rings of requests would do all of this behind the filter's back
    428, // open_tree
    429, // move_mount
    430, // fsopen
    438, // pidfd_getfd
];
/// On `x86_64`, the bit that marks the same calls with 32-bit pointers.
const X32: i64 = 0x4000_0000;
/// Calls with 32-bit pointers that have another number (`asm/unistd_x32.h`).
const CLOSED_X32: &[i64] = &[
    521, // ptrace
    539, // process_vm_readv
    540, // process_vm_writev
];

/// A filter under which Internet sockets cannot be created and nothing can be connected to. Pairs of stream sockets
/// within a process work.
pub(super) fn filter() -> anyhow::Result<BpfProgram> {
    let calls = if cfg!(target_arch = "x86_64") { X86_64 } else { ARM64 };
    let leads_out = |family: &u64| SeccompRule::new(vec![equal(0, *family)?]);
    let is_datagram = |kind: &u64| SeccompRule::new(vec![equal(0, LOCAL)?, masked(1, TYPE_MASK, *kind)?]);
    let datagrams: Vec<SeccompRule> = DATAGRAMS.iter().map(is_datagram).collect::<Result<_, _>>()?;
    let mut sockets: Vec<SeccompRule> = FAMILIES.iter().map(leads_out).collect::<Result<_, _>>()?;
    sockets.extend(datagrams.iter().cloned());

    let mut rules = BTreeMap::new();
    for offset in [0, X32] {
        rules.insert(calls.socket + offset, sockets.clone());
        rules.insert(calls.socketpair + offset, datagrams.clone());
        rules.extend(calls.closed.iter().chain(CLOSED_EVERYWHERE).map(|call| (call + offset, Vec::new())));
    }
    rules.extend(CLOSED_X32.iter().map(|call| (call + X32, Vec::new())));
    let machine =
        std::env::consts::ARCH.try_into().context("seccomp filters are not supported on this architecture")?;
    let refuse = SeccompAction::Errno(ACCESS_DENIED);
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, refuse, machine)?.try_into()?)
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}
