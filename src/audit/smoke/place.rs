//! Lays out the folders that stand for `/opt` and `/var/task`, and sets the environment variables of a Lambda function.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::part::Part;
use crate::facts;
use crate::layer::{Entry, Source, Tree};
use crate::process::sandbox::{Sandbox, User};
use crate::process::{Host, side_by_side};
use crate::types::Target;

/// The folders that a function's imports use, and its environment variables.
#[derive(Debug)]
pub(super) struct Place {
    /// The layer.
    pub(super) opt: Utf8PathBuf,
    /// The function's code: an empty folder.
    pub(super) function: Utf8PathBuf,
    /// Folders on the search path before the standard library.
    pub(super) path: Vec<String>,
    /// Folders whose `.pth` files are read.
    pub(super) sites: Vec<String>,
    /// The user's own modules.
    pub(super) own: Vec<String>,
    /// Modules of the layer that were not laid out: no package that is there has them.
    pub(super) left_out: Vec<String>,
    /// Folders in which something was not laid out.
    pub(super) incomplete: Vec<String>,
    pub(super) variables: BTreeMap<&'static str, String>,
    pub(super) sandbox: Sandbox,
}

/// Where Lambda's images have the interpreter and the runtime's code.
const LANGUAGE: &str = "/var/lang";
const RUNTIME: &str = "/var/runtime";
/// The home folder of Lambda's user, which does not exist and cannot be created.
const HOME: &str = "home/sbx_user1051";
/// Folders of the system's libraries, with those that Debian has instead of `/lib64`. In Lambda, they come before the
/// layer's.
const SYSTEM_LIBRARIES: &str = "/var/lang/lib:/lib64:/usr/lib64:/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:\
    /lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:/var/runtime:/var/runtime/lib";

/// Whether this machine is Lambda's image for that Python, with the packages of the runtime.
pub(super) fn is_runtime(host: &Host) -> bool {
    host.executable.starts_with(LANGUAGE) && Utf8Path::new(RUNTIME).is_dir()
}

/// The distributions that the runtime's image brings, with their versions.
pub(super) fn runtime_packages(host: &Host) -> Vec<String> {
    if !is_runtime(host) {
        return Vec::new();
    }
    let entries = Utf8Path::new(RUNTIME).read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
    names.sort();
    names
}

impl Place {
    /// `scratch` is an empty folder; `opt` is what the function would see as `/opt`.
    pub(super) fn new(scratch: &Utf8Path, opt: &Utf8Path, host: &Host, target: Target) -> anyhow::Result<Self> {
        let (function, temporary) = (scratch.join("task"), scratch.join("tmp"));
        for folder in [&function, &temporary] {
            fs_err::create_dir(folder)?;
        }
        let interpreter = host.files();
        let reached = interpreter.iter().map(Utf8PathBuf::as_path).chain(scratch.parent());
        let user = User::instead_of_root(reached);
        // Without such a user the current one stays, and the sandbox has to rely on Landlock.
        let user = user.filter(|user| user.admit(scratch).and_then(|()| user.own(&temporary)).is_ok());
        let readable = [&[opt.to_owned(), function.clone()], interpreter.as_slice()].concat();
        let memory = facts::limits().function_memory;
        let sandbox = Sandbox { memory, user, readable, writable: vec![temporary.clone()] };
        let layer = [opt.join(format!("python/lib/python{}/site-packages", target.python)), opt.join("python")];
        let own: Vec<String> = [&function].into_iter().chain(&layer).map(ToString::to_string).collect();
        let (mut path, mut sites) = (own.clone(), own);
        let mut library_path = format!("{SYSTEM_LIBRARIES}:{function}:{function}/lib:{opt}/lib");
        let mut programs = format!("/usr/local/bin:/usr/bin:/bin:{opt}/bin");
        if is_runtime(host) {
            path.push(RUNTIME.to_owned());
            sites.push(format!("{LANGUAGE}/lib/python{}/site-packages", target.python));
            programs = format!("{LANGUAGE}/bin:{programs}");
        } else {
            // If Python was built with a shared library, it is found relative to the real executable; a virtual
            // environment's is a link.
            let executable = host.executable.canonicalize_utf8().unwrap_or_else(|_| host.executable.clone());
            if let Some(own) = executable.parent().and_then(Utf8Path::parent) {
                library_path = format!("{own}/lib:{library_path}");
            }
        }
        let architecture = target.architecture;
        let variables = BTreeMap::from([
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_EXECUTION_ENV", format!("AWS_Lambda_python{}", target.python)),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", (memory >> 20).to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", format!("smoke-test-{architecture}").replace('_', "-")),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("HOME", scratch.join(HOME).to_string()),
            ("LAMBDA_RUNTIME_DIR", RUNTIME.to_owned()),
            ("LAMBDA_TASK_ROOT", function.to_string()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("LD_LIBRARY_PATH", library_path),
            ("PATH", programs),
            ("PYTHONPATH", RUNTIME.to_owned()),
            ("TMPDIR", temporary.to_string()),
            ("TZ", ":UTC".to_owned()),
        ]);
        let (own, left_out, incomplete) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { opt: opt.to_owned(), function, path, sites, own, left_out, incomplete, variables, sandbox })
    }

    /// Tells what was not laid out.
    pub(super) fn leave_out(&mut self, part: Option<&Part<'_>>) {
        let Some(part) = part else { return };
        self.left_out = part.modules.iter().cloned().collect();
        self.incomplete = part.incomplete.iter().map(|folder| self.opt.join(folder).into_string()).collect();
    }

    /// Replaces the paths of our folders in a text by those of a function.
    pub(super) fn as_in_lambda(&self, text: &str) -> String {
        let scratch = self.opt.parent().unwrap_or(&self.opt);
        let folders = [("opt", "/opt"), ("task", "/var/task"), ("tmp", "/tmp"), ("home", "/home")];
        let renamed = |text: String, (ours, theirs): (&str, &str)| text.replace(scratch.join(ours).as_str(), theirs);
        folders.into_iter().fold(text.to_owned(), renamed)
    }
}

/// Copies a tree to where a function would see it. Files are not hard-linked: they share content with the installer's
/// cache, and a module may write to its own files.
/// Only the paths of `part` are laid out, if there is one. `spare` is bytecode that the tree lacks.
pub(super) fn lay_out(
    tree: &Tree,
    spare: &BTreeMap<Utf8PathBuf, Entry>,
    part: Option<&Part<'_>>,
    opt: &Utf8Path,
) -> anyhow::Result<()> {
    fs_err::create_dir_all(opt)?;
    let mut folder = Utf8Path::new("");
    let spare = spare.iter().filter(|(path, _)| !tree.spare.contains_key(*path) && !tree.entries.contains_key(*path));
    let entries = tree.entries.iter().chain(&tree.spare).chain(spare);
    let entries: Vec<(&Utf8PathBuf, &Entry)> =
        entries.filter(|(path, entry)| part.is_none_or(|part| part.has(path, &entry.owner))).collect();
    for (path, _) in &entries {
        if let Some(parent) = path.parent().filter(|parent| *parent != folder) {
            fs_err::create_dir_all(opt.join(parent))?;
            folder = parent;
        }
    }
    side_by_side(&entries, |(path, entry)| place(&opt.join(path), &entry.source, opt))?;
    Ok(())
}

fn place(path: &Utf8Path, source: &Source, opt: &Utf8Path) -> anyhow::Result<()> {
    // In Lambda, nobody can write to `/opt`.
    let mode = |executable| std::fs::Permissions::from_mode(if executable { 0o555 } else { 0o444 });
    match source {
        Source::File { path: from, executable } => {
            fs_err::copy(from, path)?;
            fs_err::set_permissions(path, mode(*executable))?;
        }
        Source::Bytes { bytes, executable } => {
            fs_err::write(path, bytes)?;
            fs_err::set_permissions(path, mode(*executable))?;
        }
        Source::Stored { file, executable } => {
            fs_err::write(path, file.bytes()?)?;
            fs_err::set_permissions(path, mode(*executable))?;
        }
        Source::Link { target } => {
            let here = target.strip_prefix("/opt").map_or_else(|_| target.clone(), |inside| opt.join(inside));
            fs_err::os::unix::fs::symlink(here, path)?;
        }
    }
    Ok(())
}
