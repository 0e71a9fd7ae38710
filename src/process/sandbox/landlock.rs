//! Limits a sandboxed program to some files, and hides other processes from it:
//! <https://docs.kernel.org/userspace-api/landlock.html>.
//!
//! A process of a Landlock domain cannot trace one outside of it, nor read its memory or variables in `/proc`. That
//! binds root, too, but for who has a capability that gives more. A kernel that knows less of it enforces what it
//! knows.

use std::process::{Child, Command};

use anyhow::Context as _;
use camino::Utf8PathBuf;
use landlock::{
    ABI, Access as _, AccessFs, BitFlags, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::capabilities;

/// The newest that was looked at: Linux 6.12, with signals and abstract sockets.
const KNOWN: ABI = ABI::V6;
/// Where a system has its programs and libraries, and what it tells of itself. Homes, the workspace and the files of
/// the runner are elsewhere.
const SYSTEM: &[&str] = &[
    "/bin",
    "/dev",
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
/// Devices that programs write to.
const DEVICES: &[&str] = &["/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"];

/// Lets this process, and what it becomes, read the system and `readable`, and write below `writable` alone; `false` if
/// the kernel has no Landlock.
pub(super) fn restrict(readable: &[Utf8PathBuf], writable: &[Utf8PathBuf]) -> anyhow::Result<bool> {
    let rules = || -> Result<RulesetCreated, RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?
            // Names alone: programs look around.
            .add_rules(path_beneath_rules(["/"], AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(SYSTEM, AccessFs::from_read(KNOWN)))?
            .add_rules(path_beneath_rules(DEVICES, AccessFs::from_read(KNOWN) | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules(readable, AccessFs::from_read(KNOWN)))?
            .add_rules(path_beneath_rules(writable, AccessFs::from_all(KNOWN)))
    };
    let status = rules().and_then(RulesetCreated::restrict_self).context("Landlock cannot close the file system")?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// A domain is of a thread and what that starts: this thread ends at once.
pub(super) fn spawn_apart(command: &mut Command) -> std::io::Result<Child> {
    let spawn = || {
        capabilities::leave_tracing();
        // A kernel without it, or a container that forbids it, is no reason not to build.
        leave_all_but_processes().ok();
        command.spawn()
    };
    std::thread::scope(|scope| scope.spawn(spawn).join().expect("does not panic"))
}

/// Forbids nothing with files. Moves between folders have to be allowed: every domain forbids them otherwise.
fn leave_all_but_processes() -> Result<(), RulesetError> {
    let moves: BitFlags<AccessFs> = AccessFs::Refer.into();
    let ruleset = Ruleset::default().handle_access(moves)?.create()?;
    ruleset.add_rules(path_beneath_rules(["/"], moves))?.restrict_self().map(drop)
}
