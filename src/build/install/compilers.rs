//! Options for compilers, so that the same source gives the same bytes wherever it is built. Installers build in
//! folders with random names, and compilers write those names into their output.
//!
//! What users set for their compilers is left alone: these options do not change how code is compiled, they only keep
//! paths of this machine out of it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::no_compiler;
use crate::environment::Environment;
use crate::error::Failure;
use crate::types::Target;

/// Debug information is full of paths, and a layer has no debugger. The linker gets this option because `-g0` in
/// `CFLAGS` would replace the optimization that a build sets when `CFLAGS` is unset.
const LINKER: &str = "-Wl,--strip-debug";

/// Names of compilers for C, C++ and Fortran. A target may precede and a version may follow them.
const NAMES: &[&str] = &["cc", "c++", "gcc", "g++", "clang", "clang++", "gfortran"];

#[derive(Clone, Debug)]
pub(super) struct Compilers {
    /// `PATH`, starting with the folder of the scripts that wrap compilers.
    path: String,
    /// The wrapper for `rustc` (<https://doc.rust-lang.org/cargo/reference/environment-variables.html>).
    rustc: Utf8PathBuf,
    /// The user's options for the linker, and ours.
    linker: String,
    /// The file that records calls of compilers, if this machine has none; otherwise `None`.
    calls: Option<Utf8PathBuf>,
}

impl Compilers {
    /// Creates `folder` and writes the wrappers into it: a script for each compiler on `PATH`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn new(folder: &Utf8Path, environment: &Environment) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let rustc = folder.join("rustc");
        let own = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"].into_iter().find_map(|name| environment.get(name));
        script(&rustc, &include_str!("compilers/rustc.sh").replace("WRAPPER", &own.map(quoted).unwrap_or_default()))?;
        let path = environment.get("PATH").unwrap_or_default();
        let names = folder.join("bin");
        fs_err::create_dir(&names)?;
        let real = on_path(path);
        let calls = real.is_empty().then(|| folder.join("calls"));
        if calls.is_some() {
            no_compiler::stand_in(&names, NAMES)?;
        }
        for (name, real) in real {
            script(&names.join(name), &include_str!("compilers/cc.sh").replace("REAL", &quoted(real.as_str())))?;
        }
        let path = format!("{names}:{path}");
        let linker = format!("{} {LINKER}", environment.get("LDFLAGS").unwrap_or_default()).trim_start().to_owned();
        Ok(Self { path, rustc, linker, calls })
    }

    /// Whether this machine has a compiler.
    pub(super) fn exist(&self) -> bool {
        self.calls.is_none()
    }

    /// The failure, if a build called a compiler that this machine does not have.
    pub(super) fn refusal(&self, target: Target) -> Option<Failure> {
        no_compiler::refusal(self.calls.as_ref()?, target)
    }

    /// Sets the variables for a command that may build distributions.
    pub(super) fn apply(&self, command: &mut Command) {
        command.env("RUSTC_WRAPPER", &self.rustc).env("LDFLAGS", &self.linker).env("PATH", &self.path);
        // Otherwise numpy's Fortran builds use `LDFLAGS` instead of their own linker options, not in addition to them.
        command.env("NPY_DISTUTILS_APPEND_FLAGS", "1");
        command.envs(self.calls.iter().map(|calls| (no_compiler::VARIABLE, calls)));
    }
}

/// The compilers on `path`, by the names that start them.
fn on_path(path: &str) -> BTreeMap<String, Utf8PathBuf> {
    let mut found = BTreeMap::new();
    let folders = path.split(':').filter(|folder| folder.starts_with('/')).map(Utf8Path::new);
    for entry in folders.filter_map(|folder| folder.read_dir_utf8().ok()).flatten().flatten() {
        let runs =
            || entry.path().metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
        if is_compiler(entry.file_name()) && !found.contains_key(entry.file_name()) && runs() {
            found.insert(entry.file_name().to_owned(), entry.path().to_owned());
        }
    }
    found
}

/// Whether this is a compiler's name, such as `gcc`, `g++-13` or `x86_64-linux-gnu-gcc`.
fn is_compiler(name: &str) -> bool {
    let name = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.').trim_end_matches('-');
    NAMES.iter().any(|known| name.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('-')))
}

fn script(path: &Utf8Path, text: &str) -> anyhow::Result<()> {
    fs_err::write(path, text)?;
    Ok(fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755))?)
}

/// Quotes a text as one word for the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_are_known_by_their_names() {
        for name in ["cc", "g++", "gcc-13", "x86_64-linux-gnu-gcc", "aarch64-linux-gnu-g++-12", "clang-17", "c++"] {
            assert!(is_compiler(name), "{name}");
        }
        for name in ["gcc-ar", "gcc-ar-13", "c++filt", "colorgcc", "clang-format", "13", "rustc", "x86_64-linux-gnu-ld"]
        {
            assert!(!is_compiler(name), "{name}");
        }
    }
}
