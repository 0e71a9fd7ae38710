//! Stand-ins for compilers on a machine that has none, as in the small image.
//!
//! In many distributions compiled code is optional: without a compiler, their build silently makes a pure-Python wheel,
//! and the layer would depend on the machine. So this program is on `PATH` under the names of compilers, records each
//! call, and ends the build.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::Environment;
use crate::error::Failure;
use crate::runtime::images;
use crate::types::Target;

/// The file that records calls; set for builds only.
pub(super) const VARIABLE: &str = "LAMBDA_LAYER_COMPILER_CALLS";
/// Other names that builds look for: compilers for Rust, and the compilers of the Pythons of Debian and Amazon Linux
/// (`sysconfig.get_config_var("CC")`).
const MORE_NAMES: &[&str] = &[
    "rustc",
    "cargo",
    "x86_64-linux-gnu-gcc",
    "x86_64-linux-gnu-g++",
    "aarch64-linux-gnu-gcc",
    "aarch64-linux-gnu-g++",
];

/// Creates links to this program under the names of compilers, in a folder for `PATH`.
///
/// # Errors
/// A link cannot be created.
pub(super) fn stand_in(folder: &Utf8Path, names: &[&str]) -> anyhow::Result<()> {
    let this = std::env::current_exe()?;
    for name in names.iter().chain(MORE_NAMES) {
        fs_err::os::unix::fs::symlink(&this, folder.join(name))?;
    }
    Ok(())
}

/// Acts as a compiler if this program was started under the name of one: records the distribution that is built in the
/// current folder, and ends the build. Returns the exit code.
pub fn act(arguments: &[OsString], environment: &Environment) -> Option<u8> {
    let name = Utf8Path::from_path(arguments.first()?.as_ref())?.file_name()?;
    let calls = environment.get(VARIABLE).filter(|_| name != "lambda-layer")?;
    let built = built_in(&environment.current_directory).unwrap_or_default();
    let file = fs_err::OpenOptions::new().create(true).append(true).open(calls);
    file.and_then(|mut file| writeln!(file, "{name} {built}")).ok();
    // Otherwise the build would continue without the compiler, and the installer would cache its wheel.
    if let Some(parent) = rustix::process::getppid() {
        rustix::process::kill_process(parent, rustix::process::Signal::KILL).ok();
    }
    Some(1)
}

/// The name of the distribution that is built in this folder or in one above it: from the `PKG-INFO` of a source
/// distribution (PEP 643), or the `pyproject.toml` of a project (PEP 621).
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

/// The failure, if a build called a compiler.
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
    let failure = Failure::user(format!("{subject} {verb} a compiler, but this machine has none"));
    Some(failure.cause(format!("its build calls `{program}`")).hint(images::other_ways(target)))
}
