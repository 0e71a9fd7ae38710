//! Runs external tools in pinned versions and isolated environments.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::files;
use crate::process::child::Answer;
use crate::process::{Host, child, output, scratch, uv};
use crate::secrets::SecretUrl;
use crate::spec::Spec;
use crate::types::Target;

/// A tool, and the versions of all that it consists of.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// What is installed beside it.
    pub(crate) plugin: Option<&'static str>,
    /// Where a project says which versions of it may be used.
    pub(crate) setting: &'static str,
    /// Of `data/exporters/`, for every Python.
    pub(crate) versions: &'static str,
}

/// What the tools may run in, the first if there is one: on Python 3.9 they are old.
const PYTHONS: &[&str] = &[">=3.10", ">=3.9"];

/// Where the tool comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Of uv, without a network.
    Cache,
    /// Those of the run; PyPI for what they do not have.
    Indexes,
    /// For indexes that have some of it in other versions.
    PyPi,
}

/// A tool that is ready to be asked, with a folder for what it wants to write.
pub(crate) struct Ready<'a> {
    tool: &'static Tool,
    pub(crate) target: Target,
    uv: Utf8PathBuf,
    /// Where it runs.
    project: Utf8PathBuf,
    /// The run's indexes, the one that is asked last at the end.
    indexes: Vec<&'a SecretUrl>,
    environment: &'a Environment,
    console: &'a Console,
    folder: TempDir,
}

impl Tool {
    pub(crate) fn ready<'a>(
        &'static self,
        project: &Utf8Path,
        spec: &'a Spec,
        environment: &'a Environment,
        console: &'a Console,
    ) -> anyhow::Result<Ready<'a>> {
        let uv = uv::find(Host::find(spec.target, environment).as_ref(), environment, console)?;
        let folder = scratch::folder(&environment.scratch_directory())?;
        let dependencies = &spec.dependencies;
        let indexes = dependencies.extra_index_urls.iter().chain(&dependencies.index_url).collect();
        let (target, project) = (spec.target, project.to_owned());
        let ready = Ready { tool: self, target, uv, project, indexes, environment, console, folder };
        fs_err::write(ready.place("versions.txt"), self.versions)?;
        Ok(ready)
    }
}

impl Ready<'_> {
    /// A path in the tool's own folder.
    pub(crate) fn place(&self, name: &str) -> Utf8PathBuf {
        files::utf8(self.folder.path()).expect("was made in a folder of that kind").join(name)
    }

    /// Runs `command`, the tool or the Python it is installed for, with `variables` of its own.
    ///
    /// # Errors
    /// Ours if the tool cannot be had. What it says is for the caller to judge.
    pub(crate) fn ask(&self, command: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Answer> {
        self.ask_version(None, command, variables)
    }

    /// The same of a version of this range (PEP 440) in place of the pinned one.
    pub(crate) fn ask_version(
        &self,
        range: Option<&str>,
        command: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let wanted = format!("{}{}", self.tool.name, range.map(specifiers).unwrap_or_default());
        let mut said = String::new();
        for python in PYTHONS {
            for origin in [Origin::Cache, Origin::Indexes, Origin::PyPi] {
                let mut child = self.command(python, origin, &wanted);
                child.args(command).envs(variables.iter().copied());
                let answer = child::capture(child, self.console)?;
                if !is_uvs(&answer) {
                    return Ok(answer);
                }
                said = answer.said;
                if lacks_python(&said) || (origin == Origin::Indexes && self.indexes.is_empty()) {
                    break;
                }
            }
            if !lacks_python(&said) {
                break;
            }
        }
        let why = if range.is_some() { "which is what the project takes" } else { "which reads this lock file" };
        let failure = Failure::system(format!("uv cannot get {wanted}, {why}")).causes(output::causes(&said));
        let hint = if lacks_python(&said) {
            format!("install Python 3.10 or later, which {wanted} runs in")
        } else {
            let change = range.map(|_| format!(", or change `{}`", self.tool.setting)).unwrap_or_default();
            format!("let `index-url` name an index that has {wanted}, or let the run reach PyPI{change}")
        };
        Err(failure.hint(hint).into())
    }

    fn command(&self, python: &str, origin: Origin, wanted: &str) -> Command {
        let mut command = child::command(self.uv.as_str(), &self.project, self.environment);
        child::without_choices(&mut command);
        if origin == Origin::Indexes && !self.indexes.is_empty() {
            let urls: Vec<String> = self.indexes.iter().map(|url| url.exposed_with_name()).collect();
            command.env("UV_INDEX", urls.join(" "));
        }
        command.args(["tool", "run", "--isolated", "--quiet", "--no-config", "--no-progress", "--color", "never"]);
        command.args(["--no-python-downloads", "--python", python]);
        if wanted == self.tool.name {
            command.args(["--constraints", self.place("versions.txt").as_str()]);
        }
        command.args(["--from", wanted]);
        if let Some(plugin) = self.tool.plugin {
            command.args(["--with", plugin]);
        }
        if origin == Origin::Cache {
            command.arg("--offline");
        }
        command
    }
}

/// A range as uv has it; Poetry writes `==` by leaving it out.
fn specifiers(range: &str) -> String {
    let range: String = range.chars().filter(|character| !character.is_whitespace()).collect();
    if range.starts_with(|first: char| first.is_ascii_digit()) { format!("=={range}") } else { range }
}

/// Whether uv speaks, because it could not start the tool.
fn is_uvs(answer: &Answer) -> bool {
    !answer.status.success() && answer.said.starts_with("error: ")
}

fn lacks_python(said: &str) -> bool {
    said.contains("No interpreter found")
}
