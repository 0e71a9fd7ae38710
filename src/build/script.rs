//! Runs the user's own script before anything is installed, for example to install compilers, headers and tools that a
//! build needs.

use std::process::Command;

use camino::Utf8Path;
use secrecy::ExposeSecret as _;

use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::process::child;
use crate::process::output;
use crate::runtime::images;
use crate::spec::{BuildScript, Spec};

/// The variable that passes the commands to the shell: unlike an argument or a file, nobody else can read it, and the
/// programs that the commands start do not inherit it.
const COMMANDS: &str = "LAMBDA_LAYER_BUILD_SCRIPT";
const RUN_COMMANDS: &str = "commands=$LAMBDA_LAYER_BUILD_SCRIPT; unset LAMBDA_LAYER_BUILD_SCRIPT; eval \"$commands\"";

/// Runs the script. The files that it puts into `opt` are part of the layer.
///
/// # Errors
/// A user error with the end of the script's output, if the script exits with anything but 0.
pub(crate) fn run(
    script: &BuildScript,
    opt: &Utf8Path,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<()> {
    if shell(environment).is_none() {
        let failure = Failure::user("`build-script` needs a shell, but this machine has none")
            .cause("looked for `bash` and `sh` on PATH");
        let python = spec.target.python;
        return Err(failure.hint(format!("use the action `{}`, whose image has one", images::action(python))).into());
    }
    let step = console.step("Run the build script");
    fs_err::create_dir_all(opt)?;
    let mut command = command(script, spec, environment);
    command.env("LAMBDA_LAYER_OPT", opt);
    let outcome = child::run_script(command, "build-script", console)?;
    if outcome.status.success() {
        step.done(script.name());
        return Ok(());
    }
    let end = match outcome.status.code() {
        Some(code) => format!("failed with exit code {code}"),
        None => format!("was terminated ({})", outcome.status),
    };
    let subject =
        script.path.as_ref().map_or_else(|| "`build-script`".to_owned(), |path| format!("`build-script` ({path})"));
    let failure = Failure::user(format!("{subject} {end}")).causes(output::last_lines(&outcome.output));
    Err(failure.hint("nothing was installed or published; the script stops at the first command that fails").into())
}

/// The first shell on `PATH`, with the options that make it stop at the first failing command.
fn shell(environment: &Environment) -> Option<(&'static str, &'static [&'static str])> {
    const SHELLS: &[(&str, &[&str])] = &[("bash", &["-euo", "pipefail"]), ("sh", &["-eu"])];
    let folders = || environment.get("PATH").unwrap_or_default().split(':').map(Utf8Path::new);
    SHELLS.iter().find(|(shell, _)| folders().any(|folder| folder.join(shell).is_file())).copied()
}

fn command(script: &BuildScript, spec: &Spec, environment: &Environment) -> Command {
    let (shell, options) = shell(environment).unwrap_or(("sh", &["-eu"]));
    let mut command = child::script(shell, &spec.folder, environment);
    command.args(options);
    match &script.path {
        Some(path) => command.args(["--", path.as_str()]),
        None => command.env(COMMANDS, script.text.expose_secret()).args(["-c", RUN_COMMANDS, "build-script"]),
    };
    command.env("LAMBDA_LAYER_PYTHON_VERSION", spec.target.python.to_string());
    command.env("LAMBDA_LAYER_ARCHITECTURE", spec.target.architecture.to_string());
    command
}
