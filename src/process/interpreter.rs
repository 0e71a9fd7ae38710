//! The Python that runs the installer, and whether it can build for the target.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::cache::programs;
use crate::environment::Environment;
use crate::error::Failure;
use crate::types::{Architecture, Glibc, Target};

/// A Python interpreter of this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Host {
    pub(crate) executable: Utf8PathBuf,
    /// The version without the patch number, `3.13`.
    pub(crate) version: String,
    /// The value of `sys.version`, which is another one for each build of a Python.
    #[serde(default)]
    pub(crate) build: String,
    /// The value of `sys.platform`, `linux`.
    platform: String,
    /// The version of glibc, `2.34`; empty with another C library.
    glibc: String,
    /// Whether the standard library is complete. In Debian's `python3-minimal`, and in a Python that was compiled
    /// without some headers, modules are missing; an import that fails there proves nothing about a layer.
    is_whole: bool,
    /// Whether it is a final release: the bytecode of a release candidate may differ.
    is_release: bool,
}

/// A program that prints a [`Host`] as JSON.
const QUESTION: &str = include_str!("question.py");

impl Host {
    /// The target's own version if it is on `PATH`, otherwise any Python 3.
    pub(crate) fn find(target: Target, environment: &Environment) -> Option<Self> {
        let exact = [format!("python{}", target.python), format!("/var/lang/bin/python{}", target.python)];
        let any = ["python3".to_owned(), "python".to_owned()];
        let mut fallback = None;
        // `python` is usually another name of `python3`, and starting an interpreter takes 20 ms.
        let names = if is_one_program(&any, environment) { &any[..1] } else { &any[..] };
        for name in exact.iter().chain(names) {
            match ask(name, environment) {
                Some(host) if host.is_exactly(target) => return Some(host),
                host => fallback = fallback.or(host),
            }
        }
        fallback
    }

    /// The files and folders that it needs to start, in addition to those of every system: the executable, as a link
    /// and as the file, and its libraries.
    pub(crate) fn files(&self) -> Vec<Utf8PathBuf> {
        let file = self.executable.canonicalize_utf8().unwrap_or_else(|_| self.executable.clone());
        let prefix = |executable: &Utf8Path| executable.parent().and_then(Utf8Path::parent).map(Utf8Path::to_owned);
        let environment = prefix(&self.executable).map(|prefix| prefix.join("pyvenv.cfg")).filter(|file| file.exists());
        let library = prefix(&file).map(|prefix| prefix.join("lib"));
        [self.executable.clone(), file].into_iter().chain(environment).chain(library).collect()
    }

    /// The folder where it is installed.
    pub(crate) fn folder(&self) -> &Utf8Path {
        self.executable.parent().and_then(Utf8Path::parent).unwrap_or(&self.executable)
    }

    pub(crate) fn glibc(&self) -> Option<Glibc> {
        self.glibc.parse().ok()
    }

    /// Whether it is a complete final release of the target's own version.
    pub(super) fn is_exactly(&self, target: Target) -> bool {
        self.is_whole && self.is_release && self.version == target.python.to_string()
    }

    /// Whether its builds can run on the target: same Python, same processor, Linux.
    pub(crate) fn can_build_for(&self, target: Target) -> bool {
        self.version == target.python.to_string()
            && self.platform == "linux"
            && Architecture::of_this_machine() == Some(target.architecture)
    }

    /// Whether the code that it compiles needs no newer C library than the target has.
    pub(crate) fn can_compile_for(&self, target: Target) -> bool {
        self.can_build_for(target) && self.glibc().is_some_and(|glibc| glibc <= target.glibc())
    }
}

/// The failure for callers that cannot work without a Python.
pub(crate) fn missing() -> Failure {
    let failure =
        Failure::system("Python 3 is not installed on this machine").cause("looked for `python3` and `python` on PATH");
    failure.hint("install Python 3 (for wheels, any version is sufficient), or let uv download one")
}

/// Whether all of these names are links to one file, in the first folder of `PATH` that has them.
fn is_one_program(names: &[String], environment: &Environment) -> bool {
    let path = environment.get("PATH").unwrap_or_default();
    let found = |name: &String| {
        let place = path.split(':').map(|folder| Utf8Path::new(folder).join(name)).find(|place| place.is_file())?;
        Some((place.parent()?.to_owned(), place.canonicalize_utf8().ok()?))
    };
    let mut places = names.iter().map(found);
    let first = places.next().flatten();
    first.is_some() && places.all(|place| place == first)
}

/// The properties of a program; `None` if it does not start or is not a Python 3. They are remembered: the library of a
/// Python may become complete, but seldom incomplete.
pub(super) fn ask(program: &str, environment: &Environment) -> Option<Host> {
    let found = on_path(program, environment)?;
    programs::answer(&found, QUESTION, environment, || start(program, environment), |host| host.is_whole)
}

/// The file that the system starts for a program's name.
fn on_path(program: &str, environment: &Environment) -> Option<Utf8PathBuf> {
    if program.contains('/') {
        return Some(program.into());
    }
    let folders = environment.get("PATH").unwrap_or_default().split(':');
    folders
        .map(|folder| Utf8Path::new(folder).join(program))
        .find(|file| file.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0))
}

fn start(program: &str, environment: &Environment) -> Option<Host> {
    let folder = Utf8Path::new("/");
    let mut command: Command = super::child::command(program, folder, environment);
    let output = command.args(["-I", "-S", "-c", QUESTION]).output().ok().filter(|output| output.status.success())?;
    serde_json::from_slice(&output.stdout).ok().filter(|host: &Host| host.version.starts_with("3."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_file_in_one_folder_are_one_program() {
        let keep = tempfile::tempdir().expect("can be made");
        let root = Utf8Path::from_path(keep.path()).expect("is UTF-8");
        for (folder, target) in [("alone", None), ("links", Some("python3")), ("others", Some("../alone/python3"))] {
            fs_err::create_dir(root.join(folder)).expect("can be made");
            fs_err::write(root.join(folder).join("python3"), "").expect("can be written");
            if let Some(target) = target {
                std::os::unix::fs::symlink(target, root.join(folder).join("python")).expect("can be made");
            }
        }
        let names = ["python3".to_owned(), "python".to_owned()];
        let found = |path: &[&str]| {
            let path: Vec<String> = path.iter().map(|folder| root.join(folder).into_string()).collect();
            let variables = [("PATH".to_owned(), path.join(":"))].into_iter().collect();
            is_one_program(&names, &Environment::new(variables, root.to_owned()))
        };
        assert!(found(&["links"]) && found(&["nowhere", "links", "others"]));
        // No `python`; one in another folder; a link to another file.
        assert!(!found(&["alone"]) && !found(&["alone", "links"]) && !found(&["others"]));
    }
}
