//! Runs untrusted code: as another user if this program is root, without network, with limits on memory, processes and
//! files, and without the variables and files of the run.
//!
//! Between fork and exec only unsafe code can run. So this program starts itself once more, as [`COMMAND`], gives up
//! its rights, and becomes the other program. That needs no rights of its own, so it works in a container as well.

#[cfg(target_os = "linux")]
mod capabilities;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod seccomp;
mod user;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::error::Failure;
pub(crate) use user::User;

/// First argument of a start of this program that becomes another one. No command of the command line: nobody types it.
pub const COMMAND: &str = "--in-sandbox";
/// Exit code of a sandbox that could not be closed: as of `env`, `timeout` and others that become another program.
pub const UNAVAILABLE: u8 = 125;

/// What a program may use of this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sandbox {
    /// In bytes.
    pub(crate) memory: u64,
    /// Who runs it; `None` is who runs this program.
    pub(crate) user: Option<User>,
    /// Files and folders to read, beside those of the system; the interpreter is one of them.
    pub(crate) readable: Vec<Utf8PathBuf>,
    /// Folders to write to, and nowhere else.
    pub(crate) writable: Vec<Utf8PathBuf>,
}

impl Sandbox {
    /// A command that starts the program inside, in a process group of its own, with an empty environment.
    pub(crate) fn command(&self, program: &Utf8Path) -> anyhow::Result<Command> {
        let this = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(this);
        command.args([COMMAND, &serde_json::to_string(self)?, program.as_str()]).env_clear().process_group(0);
        Ok(command)
    }
}

/// Keeps this process's memory, and the variables that it was started with, from other programs of the same user: they
/// all see `/proc`. Who may trace anybody (`CAP_SYS_PTRACE`, `CAP_PERFMON`) is not bound by it, as root is outside of
/// containers; [`spawn_apart`] and the sandbox bind that one, too.
pub fn hide_this_process() {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
}

/// Starts a command that cannot look into processes which it did not start, whoever runs it: what an installer builds
/// is code of strangers. All else is as usual. Without Landlock (Linux before 5.19) only [`hide_this_process`] is left.
///
/// # Errors
/// As for [`Command::spawn`].
pub(crate) fn spawn_apart(command: &mut Command) -> std::io::Result<Child> {
    #[cfg(target_os = "linux")]
    return landlock::spawn_apart(command);
    #[cfg(not(target_os = "linux"))]
    command.spawn()
}

/// The arguments of a sandbox, if this start is one.
pub fn arguments(arguments: &[OsString]) -> Option<&[OsString]> {
    arguments.get(1..).filter(|rest| rest.first().is_some_and(|first| first == COMMAND)).map(|rest| &rest[1..])
}

/// Closes the sandbox and becomes the program; returns only what kept it from that.
pub fn enter(arguments: &[OsString]) -> anyhow::Error {
    let parsed = match arguments {
        [sandbox, program, rest @ ..] => sandbox
            .to_str()
            .and_then(|text| serde_json::from_str::<Sandbox>(text).ok())
            .map(|sandbox| (sandbox, program, rest)),
        _ => None,
    };
    let Some((sandbox, program, rest)) = parsed else {
        let failure = Failure::user(format!("`{COMMAND}` is for this program's own use"));
        return failure.hint("`lambda-layer --help` lists commands").into();
    };
    match restrict(&sandbox) {
        Ok(()) => become_program(program, rest, sandbox.user),
        Err(error) => error,
    }
}

fn become_program(program: &OsStr, arguments: &[OsString], user: Option<User>) -> anyhow::Error {
    let mut command = Command::new(program);
    if let Some(user) = user {
        // Without the groups of root, too: `Command` sees to it.
        command.gid(user.group).uid(user.id);
    }
    let error = command.args(arguments).exec();
    anyhow::Error::new(error).context(format!("cannot start `{}`", program.display()))
}

#[cfg(not(target_os = "linux"))]
fn restrict(_sandbox: &Sandbox) -> anyhow::Result<()> {
    let failure = Failure::user("only Linux has what it takes to run a program without network");
    Err(failure.hint("run it on Linux, or say `smoke-test: off`").into())
}

#[cfg(target_os = "linux")]
fn restrict(sandbox: &Sandbox) -> anyhow::Result<()> {
    limits::set(sandbox.memory);
    capabilities::leave_all();
    let is_closed = landlock::restrict(&sandbox.readable, &sandbox.writable)?;
    if !is_closed && sandbox.user.is_none() && rustix::process::geteuid().is_root() {
        let failure =
            Failure::user("root would run it, and neither Landlock nor another user keeps it from the job's files");
        let hint = "run it as another user, or on Linux 5.13 or later where programs may use Landlock, as in Docker's containers";
        return Err(failure.hint(hint).into());
    }
    seccompiler::apply_filter(&seccomp::filter()?).map_err(|error| {
        let failure = Failure::user(format!("seccomp cannot close the network: {error}"));
        failure.hint("run it where programs may use seccomp, as in Docker's containers").into()
    })
}
