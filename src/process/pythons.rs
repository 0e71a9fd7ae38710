//! Finds the Pythons for a target: those on `PATH`, and those that uv has or downloads.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::ExposeSecret as _;

use super::{Host, child, interpreter, output, uv};
use crate::console::Console;
use crate::environment::Environment;
use crate::environment::installer_variables::Effect;
use crate::error::Failure;
use crate::types::Target;

/// The interpreters for a build for one target.
#[derive(Clone, Debug)]
pub struct Pythons {
    /// The target's own version, or the reason why there is none.
    exact: Result<Host, String>,
    /// An interpreter of any other version.
    other: Option<Host>,
}

impl Pythons {
    /// Finds the target's own Python: on `PATH`, or one that uv has, or one that uv may download
    /// (<https://docs.astral.sh/uv/guides/install-python/>); in addition, any other Python on `PATH`. The settings of
    /// uv in `folder` and in the environment decide whether and where uv searches and downloads.
    pub(crate) fn find(target: Target, folder: &Utf8Path, environment: &Environment, console: &Console) -> Self {
        let on_path = Host::find(target, environment);
        match on_path {
            Some(host) if host.is_exactly(target) && !wants_managed(environment) => {
                Self { exact: Ok(host), other: None }
            }
            other => Self { exact: of_uv(target, other.as_ref(), folder, environment, console), other },
        }
    }

    /// The same if any version will do: nothing is downloaded if there is one.
    pub(crate) fn find_any(target: Target, folder: &Utf8Path, environment: &Environment, console: &Console) -> Self {
        match Host::find(target, environment) {
            Some(host) => Self::of(host, target),
            None => Self::find(target, folder, environment, console),
        }
    }

    fn of(host: Host, target: Target) -> Self {
        if host.is_exactly(target) {
            return Self { exact: Ok(host), other: None };
        }
        Self { exact: Err(format!("this machine has no Python {} on PATH", target.python)), other: Some(host) }
    }

    /// The target's own Python, or the reason why there is none: "this machine has no Python 3.13, and …".
    pub(crate) fn exact(&self) -> Result<&Host, &str> {
        self.exact.as_ref().map_err(String::as_str)
    }

    /// The best Python for an installer.
    ///
    /// # Errors
    /// There is no Python at all.
    pub(crate) fn any(&self) -> Result<&Host, Failure> {
        match &self.exact {
            Ok(host) => Ok(host),
            Err(why) => self.other.as_ref().ok_or_else(|| interpreter::missing().cause(why.clone())),
        }
    }
}

/// The results of uv in this run: layers that are built in parallel wait for one download, and a failed one is not
/// repeated.
static OF_UV: LazyLock<Mutex<BTreeMap<String, Result<Host, String>>>> = LazyLock::new(Mutex::default);

fn of_uv(
    target: Target,
    host: Option<&Host>,
    folder: &Utf8Path,
    environment: &Environment,
    console: &Console,
) -> Result<Host, String> {
    let mut known = OF_UV.lock().unwrap_or_else(PoisonError::into_inner);
    let find = || Uv::find(host, folder, environment, console)?.python(target, console);
    let found = known.entry(target.python.to_string()).or_insert_with(find).clone();
    let part = host.filter(|host| host.version == target.python.to_string() && !host.is_exactly(target));
    let but =
        part.map(|host| format!(" (`{}` is not a release, or lacks parts of the standard library)", host.executable));
    found.map_err(|why| format!("this machine has no Python {}{}, and {why}", target.python, but.unwrap_or_default()))
}

/// uv's commands for interpreters.
struct Uv<'a> {
    program: Utf8PathBuf,
    folder: &'a Utf8Path,
    environment: &'a Environment,
}

impl<'a> Uv<'a> {
    fn find(
        host: Option<&Host>,
        folder: &'a Utf8Path,
        environment: &'a Environment,
        console: &Console,
    ) -> Result<Self, String> {
        let program = uv::find(host, environment, console);
        let program = program.map_err(|error| format!("uv is not available to download one: {error}"))?;
        Ok(Self { program, folder, environment })
    }

    /// The target's Python, which uv has or downloads, or the reason why it does not.
    fn python(&self, target: Target, console: &Console) -> Result<Host, String> {
        if let Some(host) = self.known(target, console) {
            return Ok(host);
        }
        if let Some(setting) = forbids_downloads(self.environment) {
            return Err(format!("`{setting}` prevents uv from downloading one"));
        }
        let python = target.python;
        let step = console.step(format!("Download Python {python}"));
        let mut command = self.command("install");
        // Half a second, for a standard library that is compiled at each start otherwise: imports run where nothing can be
        // written. In the environment, because an older uv does not know the option.
        command.env("UV_COMPILE_BYTECODE", "1");
        command.arg(python.to_string());
        let outcome = child::run(command, "uv", console).map_err(|error| format!("{error:#}"))?;
        if !outcome.status.success() {
            step.done("not possible");
            return Err(format!("uv could not download one: {}", short_reason(&outcome.output)));
        }
        match self.known(target, console) {
            Some(host) => {
                step.done(format!("with uv, to {}", host.folder()));
                Ok(host)
            }
            None => Err(format!(
                "the interpreter that uv downloaded is not Python {python}, or does not start on this machine"
            )),
        }
    }

    fn known(&self, target: Target, console: &Console) -> Option<Host> {
        let mut command = self.command("find");
        // The project's Python version and virtual environment are ignored.
        command.args(["--no-project", "--system", "--no-python-downloads", &target.python.to_string()]);
        let answer = child::capture(command, console).ok().filter(|answer| answer.status.success())?;
        let host = interpreter::ask(answer.text.expose_secret().trim(), self.environment)?;
        host.is_exactly(target).then_some(host)
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = child::command(self.program.as_str(), self.folder, self.environment);
        let variables = self.environment.variables().iter();
        command.envs(variables.filter(|(name, _)| Effect::of(name) == Effect::Configuration));
        // No links in ~/.local/bin: the user did not ask for a `python3.13` on PATH.
        command.env("UV_PYTHON_INSTALL_BIN", "0");
        if let Some(place) = place_on_a_runner(self.environment) {
            command.env("UV_PYTHON_INSTALL_DIR", place);
        }
        command.args(["python", subcommand, "--no-progress", "--color", "never"]);
        command
    }
}

/// What uv tried, and the innermost cause of its failure.
fn short_reason(said: &str) -> String {
    let causes = output::causes(said);
    match causes.as_slice() {
        [] => output::last_lines(said).join(" "),
        [only] => only.clone(),
        [first, .., last] => format!("{first}: {last}"),
    }
}

/// On a runner, interpreters are kept in uv's cache, so that `actions/cache` saves both; elsewhere in uv's own folder.
fn place_on_a_runner(environment: &Environment) -> Option<Utf8PathBuf> {
    let is_given = environment.get("UV_PYTHON_INSTALL_DIR").is_some();
    let cache = environment.uv_cache().filter(|_| environment.in_actions() && !is_given)?;
    Some(cache.join("lambda-layer-python"))
}

/// Whether only interpreters that uv manages may be used
/// (<https://docs.astral.sh/uv/concepts/python-versions/#requiring-or-disabling-managed-python-versions>).
fn wants_managed(environment: &Environment) -> bool {
    environment.get("UV_PYTHON_PREFERENCE") == Some("only-managed") || environment.is_on("UV_MANAGED_PYTHON")
}

/// The variable, with its value, that forbids automatic downloads of interpreters.
fn forbids_downloads(environment: &Environment) -> Option<String> {
    let is = |name: &str, values: &[&str]| {
        let value = environment.get(name).filter(|value| values.contains(&value.to_lowercase().as_str()))?;
        Some(format!("{name}={value}"))
    };
    let on = |name: &str| environment.is_on(name).then(|| name.to_owned());
    is("UV_PYTHON_DOWNLOADS", &["never", "manual", "false"])
        .or_else(|| is("UV_PYTHON_PREFERENCE", &["only-system"]))
        .or_else(|| on("UV_NO_MANAGED_PYTHON"))
        .or_else(|| on("UV_OFFLINE"))
}
