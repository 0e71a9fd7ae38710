//! What stands in for compilers on a machine that has none, as in the small image.
//!
//! Many distributions have compiled code that is optional: without a compiler their build makes a wheel of Python alone,
//! silently, and the layer would depend on the machine. So this program stands on `PATH` under the names of compilers,
//! notes who calls, and ends the build.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::Environment;
use crate::error::Failure;
use crate::runtime::images;
use crate::types::Target;

/// Where calls are noted; set for builds alone.
pub(super) const VARIABLE: &str = "LAMBDA_LAYER_COMPILER_CALLS";
/// What builds look for beside the plain names: compilers of Rust, and those that the Pythons of Debian and Amazon Linux
/// were compiled with (`sysconfig.get_config_var("CC")`).
const MORE_NAMES: &[&str] = &[
    "rustc",
    "cargo",
    "x86_64-linux-gnu-gcc",
    "x86_64-linux-gnu-g++",
    "aarch64-linux-gnu-gcc",
    "aarch64-linux-gnu-g++",
];

/// Links to this program under the names of compilers, in a folder for `PATH`.
///
/// # Errors
/// A link that cannot be made.
pub(super) fn stand_in(folder: &Utf8Path, names: &[&str]) -> anyhow::Result<()> {
    let this = std::env::current_exe()?;
    for name in names.iter().chain(MORE_NAMES) {
        fs_err::os::unix::fs::symlink(&this, folder.join(name))?;
    }
    Ok(())
}

/// Acts as a compiler if this start was meant for one: notes the distribution that is built in this folder, and ends the
/// build. Gives the exit code.
pub fn act(arguments: &[OsString], environment: &Environment) -> Option<u8> {
    let name = Utf8Path::from_path(arguments.first()?.as_ref())?.file_name()?;
    let calls = environment.get(VARIABLE).filter(|_| name != "lambda-layer")?;
    let built = built_in(&environment.current_directory).unwrap_or_default();
    let file = fs_err::OpenOptions::new().create(true).append(true).open(calls);
    file.and_then(|mut file| writeln!(file, "{name} {built}")).ok();
    // Else the build goes on without it, and its wheel gets into the installer's cache.
    if let Some(parent) = rustix::process::getppid() {
        rustix::process::kill_process(parent, rustix::process::Signal::KILL).ok();
    }
    Some(1)
}

/// The name of what is built in a folder, or in one below it: a source distribution says it in `PKG-INFO` (PEP 643), a project
/// in `pyproject.toml` (PEP 621).
fn built_in(folder: &Utf8Path) -> Option<String> {
    folder.ancestors().find_map(|folder| of_metadata(folder).or_else(|| of_project(folder)))
}

fn of_metadata(folder: &Utf8Path) -> Option<String> {
    let text = fs_err::read_to_string(folder.join("PKG-INFO")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Name:")).map(|name| name.trim().to_owned())
}

fn of_project(folder: &Utf8Path) -> Option<String> {
    let text = fs_err::read_to_string(folder.join("pyproject.toml")).ok()?;
    let project: toml::Table = text.parse().ok()?;
    Some(project.get("project")?.get("name")?.as_str()?.to_owned())
}

/// What was refused, if a compiler was called.
pub(super) fn refusal(calls: &Utf8PathBuf, target: Target) -> Option<Failure> {
    let text = fs_err::read_to_string(calls).ok()?;
    let calls: BTreeSet<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let names: BTreeSet<&str> = calls.iter().map(|(_, built)| *built).filter(|built| !built.is_empty()).collect();
    let subject = match names.len() {
        0 => "a distribution that is built from source".to_owned(),
        _ => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and "),
    };
    let (verb, program) =
        (if names.len() > 1 { "need" } else { "needs" }, calls.first().map_or("cc", |(name, _)| *name));
    let failure = Failure::user(format!("{subject} {verb} a compiler, and this machine has none"));
    Some(failure.cause(format!("its build calls `{program}`")).hint(images::other_ways(target)))
}
