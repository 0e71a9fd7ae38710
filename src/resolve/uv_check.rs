//! Asks uv whether a `uv.lock` is up to date.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::export::stale;
use super::tool::{Ready, Tool};
use super::{uv, workspace_copy};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::files;
use crate::manifest::lock::uv::{LocalProject, differences, local_places, local_projects};
use crate::manifest::{Lock, text};
use crate::process::{Host, child, output, scratch};
use crate::spec::Spec;

/// A uv in the version that a project allows. It has no dependencies, so every version works.
static UV: Tool = Tool { name: "uv", plugin: None, setting: "required-version", versions: "" };

/// The input of a check.
#[derive(Clone, Copy)]
pub(crate) struct Check<'a> {
    pub(crate) lock: &'a Lock,
    pub(crate) spec: &'a Spec,
    pub(crate) host: &'a Host,
    pub(crate) program: &'a Utf8Path,
    pub(crate) environment: &'a Environment,
    pub(crate) console: &'a Console,
}

impl Check<'_> {
    /// Checks that the lock fits its project. A project's own version may have changed.
    ///
    /// # Errors
    /// A user error if the lock does not fit, or if no uv can check it.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let raised = self.raised()?;
        let copy = if raised.is_empty() { None } else { Some(self.with_versions(&raised)?) };
        let folder = copy.as_ref().map_or(&self.lock.project, |(folder, _)| folder);
        let mut said = self.ask(self.program, folder)?;
        if let Some(range) = said.as_deref().and_then(required) {
            let tool = UV.ready(&self.lock.project, self.spec, self.environment, self.console)?;
            said = self.ask(&self.fetched(&tool, &range)?, folder)?;
        }
        let is_unknown = said.as_deref().is_some_and(|said| lacks_python(said) || lacks_folder(said));
        match said {
            None => {}
            Some(said) if said.contains("needs to be updated") => return Err(stale(self.lock).into()),
            Some(said) if is_unknown => self.refuse_differences(&said)?,
            Some(said) => {
                let failure = Failure::user(format!("uv could not read `{}`", self.lock.path));
                let failure = failure.causes(output::causes(&said));
                return Err(failure.hint("correct the problem, or create the lock file again with `uv lock`").into());
            }
        }
        for LocalProject { name, version, now, .. } in raised {
            let path = &self.lock.path;
            self.console.notice(&format!(
                "`{path}` contains `{name}` {version}, but the project is now at {now}; nothing else differs, so the lock file is used (`uv lock` updates it)"
            ));
        }
        Ok(())
    }

    /// uv's objection to the lock; `None` if it fits.
    fn ask(&self, program: &Utf8Path, folder: &Utf8Path) -> anyhow::Result<Option<String>> {
        let mut command = uv::command(program, folder, self.lock, self.environment);
        command.args(["lock", "--locked", "--quiet", "--no-python-downloads", "--no-progress", "--color", "never"]);
        // uv needs a Python that the project allows.
        command.args(["--python", self.host.executable.as_str()]);
        let answer = child::capture(command, self.console)?;
        Ok((!answer.status.success()).then_some(answer.said))
    }

    /// Installs a uv with one of these versions into the tool's folder.
    fn fetched(&self, tool: &Ready<'_>, range: &str) -> anyhow::Result<Utf8PathBuf> {
        let place = tool.place("uv");
        let script = "import shutil, sys; shutil.copy(shutil.which('uv'), sys.argv[1])";
        let answer = tool.ask_version(Some(range), &["python", "-I", "-c", script, place.as_str()], &[])?;
        if answer.status.success() {
            return Ok(place);
        }
        let failure = Failure::user(format!("the project of `{}` requires uv {range}", self.lock.path));
        Err(failure
            .causes(output::last_lines(&answer.said))
            .hint("install such a version of uv, or change `required-version`")
            .into())
    }

    /// Projects whose own version has changed since they were locked.
    fn raised(&self) -> anyhow::Result<Vec<LocalProject>> {
        let lock = text::read(&self.spec.folder, &self.lock.path)?;
        let mut projects =
            local_projects(&lock, |place| text::read(&self.home().join(place), "pyproject.toml".into()).ok());
        projects.retain(|project| project.now != project.version);
        Ok(projects)
    }

    fn home(&self) -> Utf8PathBuf {
        let lock = self.spec.folder.join(&self.lock.path);
        lock.parent().map_or_else(|| self.spec.folder.clone(), Utf8Path::to_owned)
    }

    /// Copies the workspace with these versions in the lock, and returns the copy of the project's folder.
    fn with_versions(&self, projects: &[LocalProject]) -> anyhow::Result<(Utf8PathBuf, TempDir)> {
        let home = self.home().canonicalize_utf8()?;
        let lock = text::read(&self.spec.folder, &self.lock.path)?;
        let keep = scratch::folder(&self.environment.scratch_directory())?;
        let place = |name: &Utf8PathBuf| home.join(name).canonicalize_utf8().ok();
        let mut places: BTreeSet<Utf8PathBuf> = local_places(&lock).iter().filter_map(place).collect();
        let project = self.lock.project.canonicalize_utf8()?;
        places.extend([home.clone(), project.clone()]);
        let copied = workspace_copy::copy(files::utf8(keep.path())?, &places)?;
        let changed = projects.iter().fold(lock, |lock, project| project.in_lock(&lock));
        fs_err::write(copied.place(&home).join("uv.lock"), changed)?;
        Ok((copied.place(&project), keep))
    }

    /// Refuses differences that are visible in the files, if uv itself cannot check the lock here.
    fn refuse_differences(&self, said: &str) -> anyhow::Result<()> {
        let source: Utf8PathBuf = self.lock.project.join("pyproject.toml");
        let lock = text::read(&self.spec.folder, &self.lock.path)?;
        let project = text::read(&self.spec.folder, &source)?;
        let found = differences(&self.lock.path, &lock, &source, &project)?;
        let reason = if lacks_python(said) {
            format!("uv could not check the lock file with Python {}, the version on this machine", self.host.version)
        } else {
            output::causes(said).join(": ")
        };
        if found.is_empty() {
            self.console.debug(&reason);
            return Ok(());
        }
        let names = found.iter().map(|name| format!("only one of the two files contains `{name}`"));
        Err(stale(self.lock).causes(names).cause(reason).into())
    }
}

/// Whether uv found no Python that the project allows. A lock file is for all of them, so it can be read without one.
fn lacks_python(said: &str) -> bool {
    said.contains("No interpreter found") || said.contains("incompatible with the project's Python requirement")
}

/// Whether a folder is missing, which may belong to a group that was not selected.
fn lacks_folder(said: &str) -> bool {
    said.contains("Distribution not found at")
}

/// The versions of uv that a project allows (`required-version`), if uv says that its own is not one of them.
fn required(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("Required uv version `")?;
    rest.split_once('`').map(|(range, _)| range.to_owned())
}
