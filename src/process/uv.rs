//! Finds or installs the program uv.

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::{Host, child, output};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::facts;

/// The uv on `PATH`, or the uv that started this program, or else the pinned version, which pip installs into this
/// program's cache. `uvx` sets `UV` (<https://docs.astral.sh/uv/reference/environment/#uv>), and its environments have no
/// pip.
///
/// # Errors
/// There is no uv, and no Python with pip to install it.
pub(crate) fn find(host: Option<&Host>, environment: &Environment, console: &Console) -> anyhow::Result<Utf8PathBuf> {
    let on_path = environment
        .get("PATH")
        .into_iter()
        .flat_map(|path| path.split(':'))
        .map(|folder| Utf8Path::new(folder).join("uv"));
    let started_us = environment.get("UV").map(Utf8PathBuf::from).filter(|program| program.is_absolute());
    match on_path.chain(started_us).find(|program| program.is_file()) {
        Some(program) => Ok(program),
        None => provision(host, environment, console),
    }
}

fn provision(host: Option<&Host>, environment: &Environment, console: &Console) -> anyhow::Result<Utf8PathBuf> {
    let version = &facts::tools().uv;
    let cache = environment.cache_directory().ok_or_else(|| {
        Failure::system(format!("uv is not on PATH, and there is no home directory to install uv {version} in"))
            .hint("install uv, or set XDG_CACHE_HOME")
    })?;
    let program = cache.join(format!("uv-{version}/bin/uv"));
    if program.is_file() {
        return Ok(program);
    }
    let host = host.ok_or_else(|| {
        Failure::system(format!("uv is not on PATH, and there is no Python 3 with pip to install uv {version}"))
            .hint("install uv (https://docs.astral.sh/uv/)")
    })?;
    let step = console.step(format!("Download uv {version}"));
    fs_err::create_dir_all(&cache)?;
    let folder = tempfile::tempdir_in(&cache)?;
    let folder = crate::files::utf8(folder.path())?;
    let mut command = child::fetching_pip(host.executable.as_str(), environment);
    command.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    command.args(["--target", folder.as_str(), &format!("uv=={version}")]);
    let outcome = child::run(command, "pip", console)?;
    if !outcome.status.success() {
        let failure = Failure::system(format!("uv is not on PATH, and pip could not install uv {version}"));
        return Err(failure
            .causes(output::last_lines(&outcome.output))
            .hint("install uv (https://docs.astral.sh/uv/), or install pip for this Python")
            .into());
    }
    // Another run may have installed it meanwhile; then that one is used.
    let place = cache.join(format!("uv-{version}"));
    if let Err(error) = fs_err::rename(folder, &place)
        && !program.is_file()
    {
        return Err(error).with_context(|| format!("could not store uv in `{place}`"));
    }
    step.done(format!("uv is not on PATH; stored in {place}"));
    Ok(program)
}
