//! Limits a sandboxed program to some files, and hides other processes from it:
//! <https://docs.kernel.org/userspace-api/landlock.html>.
//!
//! A process in a Landlock domain cannot trace a process outside of it, nor read its memory or variables in `/proc`.
//! This also applies to root, unless it has a capability that allows more. An older kernel enforces the rules that it
//! supports.

use std::process::{Child, Command};

use anyhow::Context as _;
use camino::Utf8PathBuf;
use landlock::{
    ABI, Access as _, AccessFs, BitFlags, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::capabilities;

/// The newest version that this program knows: Linux 6.12, with signals and abstract sockets.
const KNOWN: ABI = ABI::V6;
/// Folders with the programs, libraries and settings of a system. Homes, the workspace and the files of the runner are
/// elsewhere.
const SYSTEM: &[&str] = &[
    "/bin",
    "/etc",
    "/gnu/store",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/proc",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lang",
    "/var/runtime",
];
/// All that programs may use of `/dev`: elsewhere in it are the machine's disks, and other builds' files (`/dev/shm`, which
/// Lambda does not have).
const DEVICES: &[&str] = &["/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"];

/// Allows this process, and the program that it becomes, to read only the system and `readable`, and to write only
/// below `writable`; `false` if the kernel has no Landlock.
pub(super) fn restrict(readable: &[Utf8PathBuf], writable: &[Utf8PathBuf]) -> anyhow::Result<bool> {
    let rules = || -> Result<RulesetCreated, RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?
            // Programs may list every folder, but not read its files.
            .add_rules(path_beneath_rules(["/"], AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(SYSTEM, AccessFs::from_read(KNOWN)))?
            .add_rules(path_beneath_rules(DEVICES, AccessFs::from_read(KNOWN) | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules(readable, AccessFs::from_read(KNOWN)))?
            .add_rules(path_beneath_rules(writable, AccessFs::from_all(KNOWN)))
    };
    let status = rules()
        .and_then(RulesetCreated::restrict_self)
        .context("Landlock could not restrict access to the file system")?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Spawns a command in a domain of its own. A domain applies to a thread and its child processes, so the thread ends at
/// once.
pub(super) fn spawn_apart(command: &mut Command) -> std::io::Result<Child> {
    let spawn = || {
        capabilities::leave_tracing();
        // The build goes on if the kernel has no Landlock, or a container forbids it.
        leave_all_but_processes().ok();
        command.spawn()
    };
    std::thread::scope(|scope| scope.spawn(spawn).join().expect("does not panic"))
}

/// Restricts only access to other processes, not to files. Moves between folders have to be allowed explicitly, because
/// every domain forbids them by default.
fn leave_all_but_processes() -> Result<(), RulesetError> {
    let moves: BitFlags<AccessFs> = AccessFs::Refer.into();
    let ruleset = Ruleset::default().handle_access(moves)?.create()?;
    ruleset.add_rules(path_beneath_rules(["/"], moves))?.restrict_self().map(drop)
}
