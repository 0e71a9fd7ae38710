//! Runs a program that nobody vouches for: without network, with bounds on what it takes, with no variable of the run.
//!
//! Between fork and exec only unsafe code can run. So this program starts itself once more, as [`COMMAND`], takes away
//! its own rights, and becomes the other program. That needs no rights of its own: it works in a container as well.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;
use camino::Utf8Path;

use crate::error::Failure;

/// First argument of a start of this program that becomes another one. No command of the command line: nobody types it.
pub const COMMAND: &str = "--in-sandbox";
/// Exit code of a sandbox that could not be closed: as of `env`, `timeout` and others that become another program.
pub const UNAVAILABLE: u8 = 125;

/// A command that starts the program in the sandbox, in a process group of its own, with an empty environment.
///
/// `memory` is in bytes.
pub(crate) fn command(program: &Utf8Path, memory: u64) -> anyhow::Result<Command> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(this);
    command.args([COMMAND, &memory.to_string(), program.as_str()]).env_clear().process_group(0);
    Ok(command)
}

/// Keeps this process's memory, and the variables that it was started with, from other programs of the same user: a
/// sandbox hides none of `/proc`. It does not keep them from who may trace anybody (`CAP_SYS_PTRACE`, `CAP_PERFMON`), as root may
/// outside of containers.
pub(crate) fn hide_this_process() {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
}

/// The arguments of a sandbox, if this start is one.
pub fn arguments(arguments: &[OsString]) -> Option<&[OsString]> {
    arguments.get(1..).filter(|rest| rest.first().is_some_and(|first| first == COMMAND)).map(|rest| &rest[1..])
}

/// Closes the sandbox and becomes the program; returns only what kept it from that.
pub fn enter(arguments: &[OsString]) -> anyhow::Error {
    let parsed = match arguments {
        [memory, program, rest @ ..] => {
            memory.to_str().and_then(|text| text.parse().ok()).map(|memory| (memory, program, rest))
        }
        _ => None,
    };
    let Some((memory, program, rest)) = parsed else {
        let failure = Failure::user(format!("`{COMMAND}` is for this program's own use"));
        return failure.hint("`lambda-layer --help` lists commands").into();
    };
    match restrict(memory) {
        Ok(()) => become_program(program, rest),
        Err(error) => error,
    }
}

fn become_program(program: &OsStr, arguments: &[OsString]) -> anyhow::Error {
    let error = Command::new(program).args(arguments).exec();
    anyhow::Error::new(error).context(format!("cannot start `{}`", program.display()))
}

#[cfg(not(target_os = "linux"))]
fn restrict(_memory: u64) -> anyhow::Result<()> {
    let failure = Failure::user("only Linux has what it takes to run a program without network");
    Err(failure.hint("run it on Linux, or say `smoke-test: off`").into())
}

#[cfg(target_os = "linux")]
fn restrict(memory: u64) -> anyhow::Result<()> {
    linux::limit(memory);
    seccompiler::apply_filter(&linux::filter()?).map_err(|error| {
        let failure = Failure::user(format!("seccomp cannot close the network: {error}"));
        failure.hint("run it where programs may use seccomp, as in Docker's containers").into()
    })
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;

    use anyhow::Context as _;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    };

    /// Processes and threads, of all that this user runs: Lambda allows 1,024 for a function alone. It does not bind root.
    const PROCESSES: u64 = 4096;
    /// Open files, as of a function: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
    const FILES: u64 = 1024;
    /// Families of sockets that lead out: `AF_INET`, `AF_INET6`, `AF_PACKET`, `AF_VSOCK` (`linux/socket.h`).
    const FAMILIES: [u64; 4] = [2, 10, 17, 40];
    /// `EACCES`, the same on all processors of Lambda.
    const ACCESS_DENIED: u32 = 13;

    /// Numbers of system calls: `asm/unistd_64.h`, and `asm-generic/unistd.h`.
    struct Calls {
        socket: i64,
        connect: i64,
        io_uring_setup: i64,
    }

    const CALLS: Calls = if cfg!(target_arch = "x86_64") {
        Calls { socket: 41, connect: 42, io_uring_setup: 425 }
    } else {
        Calls { socket: 198, connect: 203, io_uring_setup: 425 }
    };
    /// On `x86_64`, the bit of the calls with 32-bit pointers, which are the same calls once more.
    const X32: i64 = 0x4000_0000;

    /// Sockets of the Internet cannot be made, and nothing can be connected to: a container has the socket of its Docker.
    /// Pairs of sockets inside of a process work. Rings of requests would do the same behind the filter's back.
    pub(super) fn filter() -> anyhow::Result<BpfProgram> {
        let leads_out = |family: &u64| {
            let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *family)?;
            SeccompRule::new(vec![condition])
        };
        let sockets: Vec<SeccompRule> = FAMILIES.iter().map(leads_out).collect::<Result<_, _>>()?;
        let mut rules = BTreeMap::new();
        for offset in [0, X32] {
            rules.insert(CALLS.socket + offset, sockets.clone());
            rules.insert(CALLS.connect + offset, Vec::new());
            rules.insert(CALLS.io_uring_setup + offset, Vec::new());
        }
        let machine = std::env::consts::ARCH.try_into().context("has no seccomp filters here")?;
        let refuse = SeccompAction::Errno(ACCESS_DENIED);
        Ok(SeccompFilter::new(rules, SeccompAction::Allow, refuse, machine)?.try_into()?)
    }

    /// What is already tighter stays so.
    pub(super) fn limit(memory: u64) {
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
}
