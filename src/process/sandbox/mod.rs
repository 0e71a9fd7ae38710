//! Runs untrusted code: as another user if this program is root, without network, with limits on memory, processes and
//! files, and without the run's variables and files.
//!
//! Between fork and exec only unsafe code could set this up. So this program starts itself again, as [`COMMAND`], gives
//! up its rights, and becomes the other program. That needs no special rights, so it also works in a container.

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

/// The first argument when this program starts itself to become another one. It is not a command for users.
pub const COMMAND: &str = "--in-sandbox";
/// The exit code if the sandbox cannot be set up, the same as for `env`, `timeout` and other programs that become
/// another one.
pub const UNAVAILABLE: u8 = 125;

/// What a sandboxed program may use of this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sandbox {
    /// The limit of memory in bytes.
    pub(crate) memory: u64,
    /// The user that runs the program; `None` for the user that runs this one.
    pub(crate) user: Option<User>,
    /// Files and folders that the program may read, in addition to the system's; the interpreter is one of them.
    pub(crate) readable: Vec<Utf8PathBuf>,
    /// The only folders that the program may write to.
    pub(crate) writable: Vec<Utf8PathBuf>,
}

impl Sandbox {
    /// A command that starts the program in the sandbox, in its own process group and with an empty environment.
    pub(crate) fn command(&self, program: &Utf8Path) -> anyhow::Result<Command> {
        let this = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(this);
        command.args([COMMAND, &serde_json::to_string(self)?, program.as_str()]).env_clear().process_group(0);
        Ok(command)
    }
}

/// Hides this process's memory and initial variables from other programs of the same user, which can all read `/proc`.
/// Programs with `CAP_SYS_PTRACE` or `CAP_PERFMON`, such as root outside of containers, can still read them;
/// [`spawn_apart`] and the sandbox remove these capabilities.
pub fn hide_this_process() {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
}

/// Starts a command that cannot inspect processes which it did not start, whichever user runs it: installers run
/// untrusted code to build distributions. Nothing else is restricted. Without Landlock (Linux before 5.19) only
/// [`hide_this_process`] applies.
///
/// # Errors
/// The same as for [`Command::spawn`].
pub(crate) fn spawn_apart(command: &mut Command) -> std::io::Result<Child> {
    #[cfg(target_os = "linux")]
    return landlock::spawn_apart(command);
    #[cfg(not(target_os = "linux"))]
    command.spawn()
}

/// The arguments for a sandbox, if this program was started as one.
pub fn arguments(arguments: &[OsString]) -> Option<&[OsString]> {
    arguments.get(1..).filter(|rest| rest.first().is_some_and(|first| first == COMMAND)).map(|rest| &rest[1..])
}

/// Sets up the sandbox and becomes the program; returns only if that fails.
pub fn enter(arguments: &[OsString]) -> anyhow::Error {
    let parsed = match arguments {
        [sandbox, program, rest @ ..] => sandbox
            .to_str()
            .and_then(|text| serde_json::from_str::<Sandbox>(text).ok())
            .map(|sandbox| (sandbox, program, rest)),
        _ => None,
    };
    let Some((sandbox, program, rest)) = parsed else {
        let failure = Failure::user(format!("`{COMMAND}` is only for this program's internal use"));
        return failure.hint("`lambda-layer --help` lists the commands").into();
    };
    match restrict(&sandbox) {
        Ok(()) => become_program(program, rest, sandbox.user),
        Err(error) => error,
    }
}

fn become_program(program: &OsStr, arguments: &[OsString], user: Option<User>) -> anyhow::Error {
    let mut command = Command::new(program);
    if let Some(user) = user {
        // `Command` also drops the supplementary groups of root.
        command.gid(user.group).uid(user.id);
    }
    let error = command.args(arguments).exec();
    anyhow::Error::new(error).context(format!("could not start `{}`", program.display()))
}

#[cfg(not(target_os = "linux"))]
fn restrict(_sandbox: &Sandbox) -> anyhow::Result<()> {
    let failure = Failure::user("a program can be run without network access only on Linux");
    Err(failure.hint("run it on Linux, or set `smoke-test: off`").into())
}

#[cfg(target_os = "linux")]
fn restrict(sandbox: &Sandbox) -> anyhow::Result<()> {
    limits::set(sandbox.memory);
    capabilities::leave_all();
    let is_closed = landlock::restrict(&sandbox.readable, &sandbox.writable)?;
    if !is_closed && sandbox.user.is_none() && rustix::process::geteuid().is_root() {
        let failure = Failure::user(
            "it would run as root, and neither Landlock nor a different user would protect the job's files from it",
        );
        let hint = "run it as another user, or on Linux 5.13 or later where programs can use Landlock, for example in a Docker container";
        return Err(failure.hint(hint).into());
    }
    seccompiler::apply_filter(&seccomp::filter()?).map_err(|error| {
        let failure = Failure::user(format!("seccomp could not block network access: {error}"));
        failure.hint("run it where programs can use seccomp, for example in a Docker container").into()
    })
}
