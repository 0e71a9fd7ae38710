//! Child processes: their environment and their output.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use anyhow::Context as _;
use camino::Utf8Path;
use secrecy::{ExposeSecret as _, SecretString};

use crate::console::Console;
use crate::environment;
use crate::environment::installer_variables::Effect;
use crate::environment::{Environment, certificates, pip_configuration};
use crate::process::sandbox;

/// A command with the environment of a build: reproducible, without the run's credentials, and with only those
/// installer variables that a build uses, including the ones from pip's configuration files.
pub(crate) fn command(program: &str, folder: &Utf8Path, environment: &Environment) -> Command {
    // An unreadable file is reported elsewhere, when pip is the installer.
    let all = environment.with_defaults(pip_configuration::settings(environment).unwrap_or_default());
    let visible = all.variables().iter().filter(|(name, _)| Effect::of(name).is_passed_on());
    let mut command = reproducible(program, folder, visible);
    command.envs(certificates::variables(&all)).env("PIP_CONFIG_FILE", pip_configuration::NONE);
    command
}

/// A command of the user, with the whole environment except for the run's credentials.
pub(crate) fn script(program: &str, folder: &Utf8Path, environment: &Environment) -> Command {
    let mut command = reproducible(program, folder, environment.variables().iter());
    command.envs(certificates::variables(environment));
    command
}

/// Removes the variables that would choose another version of the tools that the command downloads.
pub(crate) fn without_choices(command: &mut Command) {
    let names: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for name in names.iter().filter(|name| name.to_str().is_some_and(|name| Effect::of(name).chooses())) {
        command.env_remove(name);
    }
}

/// The pip of a Python, for downloading a tool of this program from the indexes that pip is configured for.
pub(crate) fn fetching_pip(python: &str, environment: &Environment) -> Command {
    let mut command = command(python, Utf8Path::new("/"), environment);
    without_choices(&mut command);
    let all = environment.with_defaults(pip_configuration::settings(environment).unwrap_or_default());
    for name in ["PIP_INDEX_URL", "PIP_PYPI_URL", "PIP_EXTRA_INDEX_URL"] {
        command.envs(all.get(name).map(|value| (name, value)));
    }
    command.args(["-m", "pip"]);
    command
}

fn reproducible<'a>(
    program: &str,
    folder: &Utf8Path,
    variables: impl Iterator<Item = (&'a String, &'a String)>,
) -> Command {
    let mut command = Command::new(program);
    let visible = variables.filter(|(name, _)| !environment::is_hidden(name));
    command.current_dir(folder).env_clear().envs(visible).stdin(Stdio::null());
    // Values that compilers and archivers would otherwise take from the clock or at random.
    command.env("SOURCE_DATE_EPOCH", "315532800").env("PYTHONHASHSEED", "0").env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("NO_COLOR", "1");
    command
}

/// The outcome of a child process.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    /// Standard output and standard error in their order, without known secrets.
    pub(crate) output: String,
}

/// Runs a command until it ends. Both of its outputs go through one pipe and are shown line by line.
pub(crate) fn run(command: Command, name: &str, console: &Console) -> anyhow::Result<Outcome> {
    run_with_input(command, None, name, console)
}

/// The same with a text as standard input.
pub(crate) fn run_with_input(
    command: Command,
    input: Option<&SecretString>,
    name: &str,
    console: &Console,
) -> anyhow::Result<Outcome> {
    let log = console.child(name);
    follow(command, sandbox::spawn_apart, input, console, |line| log.line(line))
}

/// The same, but its outputs are shown in verbose mode only.
pub(crate) fn run_silently(
    command: Command,
    input: Option<&SecretString>,
    console: &Console,
) -> anyhow::Result<Outcome> {
    follow(command, sandbox::spawn_apart, input, console, |line| console.debug(line))
}

/// Runs a command of the user, which may do everything that the user may, `sudo` included.
pub(crate) fn run_script(command: Command, name: &str, console: &Console) -> anyhow::Result<Outcome> {
    let log = console.child(name);
    follow(command, Command::spawn, None, console, |line| log.line(line))
}

fn follow(
    mut command: Command,
    spawn: fn(&mut Command) -> std::io::Result<Child>,
    input: Option<&SecretString>,
    console: &Console,
    mut tell: impl FnMut(&str),
) -> anyhow::Result<Outcome> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = spawn(&mut command).with_context(|| format!("could not start `{program}`"))?;
    // The command holds our ends of the pipe. Without them, reading ends when the child does.
    drop(command);
    let feeding = feed(&mut child, input);
    let output = read_lines(reader, console, &mut tell)?;
    if let Some(feeding) = feeding {
        feeding.join().ok();
    }
    Ok(Outcome { status: child.wait()?, output })
}

/// The output of a child process that answers on standard output.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    /// Standard output, unchanged: it may contain credentials.
    pub(crate) text: SecretString,
    /// Standard error, without known secrets.
    pub(crate) said: String,
}

/// Runs a command and returns its standard output; its standard error is shown in verbose mode only.
pub(crate) fn capture(command: Command, console: &Console) -> anyhow::Result<Answer> {
    capture_with_input(command, None, console)
}

/// The same with a text as standard input.
pub(crate) fn capture_with_input(
    command: Command,
    input: Option<&SecretString>,
    console: &Console,
) -> anyhow::Result<Answer> {
    listen(command, input, console, |line| console.debug(line))
}

/// The same for a slow command: its standard error is shown line by line.
pub(crate) fn answer(
    command: Command,
    input: Option<&SecretString>,
    name: &str,
    console: &Console,
) -> anyhow::Result<Answer> {
    let log = console.child(name);
    listen(command, input, console, |line| log.line(line))
}

fn listen(
    mut command: Command,
    input: Option<&SecretString>,
    console: &Console,
    mut tell: impl FnMut(&str),
) -> anyhow::Result<Answer> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = sandbox::spawn_apart(&mut command).with_context(|| format!("could not start `{program}`"))?;
    let feeding = feed(&mut child, input);
    let mut stdout = child.stdout.take().expect("is piped");
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let said = read_lines(child.stderr.take().expect("is piped"), console, &mut tell)?;
    let text = reading.join().expect("does not panic")?;
    if let Some(feeding) = feeding {
        feeding.join().ok();
    }
    Ok(Answer { status: child.wait()?, text: String::from_utf8(text)?.into(), said })
}

/// Writes a text to a child's standard input. A child that stops reading reports the reason itself.
fn feed(child: &mut Child, input: Option<&SecretString>) -> Option<JoinHandle<Option<()>>> {
    let (mut stdin, input) = child.stdin.take().zip(input.cloned())?;
    Some(std::thread::spawn(move || stdin.write_all(input.expose_secret().as_bytes()).ok()))
}

/// Reads and shows all lines, and returns them without known secrets.
fn read_lines(reader: impl Read, console: &Console, tell: &mut impl FnMut(&str)) -> anyhow::Result<String> {
    let mut output = String::new();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = console.redact(&String::from_utf8_lossy(&line));
        tell(text.trim_end());
        output += &text;
        line.clear();
    }
    Ok(output)
}

/// The version that a command prints as its second word, as `uv --version` does; `None` if the command does not run.
pub(crate) fn version(mut command: Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).map(str::to_owned)
}
