//! `uv.lock`, said by uv itself.

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::SecretString;

use crate::build::explain;
use crate::build::interpreter::{self, Host};
use crate::build::{process, uv};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::manifest::lock::uv::differences;
use crate::manifest::{Lock, text};
use crate::spec::Spec;

pub(super) fn requirements(
    lock: &Lock,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<SecretString> {
    let host = Host::find(spec.target, environment).ok_or_else(interpreter::missing)?;
    let program = uv::program(&host, environment, console)?;
    let export = |check: &[&str]| run(check, lock, spec, &program, environment, console);
    // uv judges whether the lock fits, for which it wants a Python that the project allows.
    let (status, text, said) = export(&["--locked", "--python", host.executable.as_str()])?;
    if status {
        return Ok(text);
    }
    if said.contains("needs to be updated") {
        return Err(stale(lock).into());
    }
    if said.contains("incompatible with the declared conflicts") {
        let failure = Failure::user("`groups` and `extras` name what `pyproject.toml` declares as conflicting");
        return Err(failure.causes(explain::causes(&said)).hint("leave one of them out").into());
    }
    if !lacks_python(&said) {
        let failure = Failure::user(format!("uv could not read `{}`", lock.path)).causes(explain::causes(&said));
        return Err(failure.hint("correct what it says; `uv lock` writes the lock file anew").into());
    }
    refuse_differences(lock, spec, &host)?;
    let (status, text, said) = export(&["--frozen"])?;
    if status {
        return Ok(text);
    }
    let failure = Failure::user(format!("uv could not read `{}`", lock.path)).causes(explain::causes(&said));
    Err(failure.hint("correct what it says; `uv lock` writes the lock file anew").into())
}

/// Whether uv found no Python that the project allows; a lock file is for all of them, and needs none to be read.
fn lacks_python(said: &str) -> bool {
    said.contains("No interpreter found") || said.contains("incompatible with the project's Python requirement")
}

fn run(
    check: &[&str],
    lock: &Lock,
    spec: &Spec,
    program: &Utf8Path,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<(bool, SecretString, String)> {
    let mut command = process::command(program.as_str(), &lock.project, environment);
    command.args(["export", "--quiet", "--format", "requirements.txt", "--no-header", "--no-annotate"]);
    // Without what makes a folder one's own: the project, and links to it.
    command.args(["--no-default-groups", "--no-emit-project", "--no-editable"]);
    command.args(["--no-python-downloads", "--no-progress", "--color", "never"]).args(check);
    let selection = &spec.dependencies.selection;
    selection.groups.iter().for_each(|group| _ = command.args(["--group", group]));
    selection.extras.iter().for_each(|extra| _ = command.args(["--extra", extra]));
    // An index that the project does not name was given from outside when it was locked.
    let foreign: Vec<&str> =
        lock.indexes.iter().filter(|index| !index.has_name()).map(crate::secrets::SecretUrl::exposed).collect();
    if let Some((last, others)) = foreign.split_last() {
        command.env("UV_DEFAULT_INDEX", last).env("UV_INDEX", others.join(" "));
    }
    let outcome = process::capture(command, console)?;
    Ok((outcome.status.success(), outcome.text, outcome.said))
}

fn stale(lock: &Lock) -> Failure {
    Failure::user(format!("`{}` does not fit `pyproject.toml`", lock.path))
        .hint("run `uv lock` and commit the result; nothing was published")
}

/// What uv cannot check here for want of a Python, as far as it shows in the files.
fn refuse_differences(lock: &Lock, spec: &Spec, host: &Host) -> anyhow::Result<()> {
    let source: Utf8PathBuf = lock.project.join("pyproject.toml");
    let lock_text = text::read(&spec.folder, &lock.path)?;
    let project = text::read(&spec.folder, &source)?;
    let found = differences(&lock.path, &lock_text, &source, &project)?;
    if found.is_empty() {
        return Ok(());
    }
    let names = found.iter().map(|name| format!("`{name}` is in one of them and not in the other"));
    let failure = stale(lock).causes(names);
    Err(failure.cause(format!("uv could not check it with Python {} of this machine", host.version)).into())
}
