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

/// A tool, and the versions of all its parts.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// A plugin that is installed with it.
    pub(crate) plugin: Option<&'static str>,
    /// The setting of a project for the allowed versions of the tool.
    pub(crate) setting: &'static str,
    /// The pinned versions from `data/exporters/`, for every Python.
    pub(crate) versions: &'static str,
}

/// The Pythons that tools may run in, preferably the first: on Python 3.9 the tools are old.
const PYTHONS: &[&str] = &[">=3.10", ">=3.9"];

/// Where the tool is installed from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// uv's cache, without a network.
    Cache,
    /// The run's indexes, and PyPI for packages that they lack.
    Indexes,
    /// Only PyPI, if the indexes have other versions of some packages.
    PyPi,
}

/// A tool that is ready to run, with a folder for files that it writes.
pub(crate) struct Ready<'a> {
    tool: &'static Tool,
    pub(crate) target: Target,
    uv: Utf8PathBuf,
    /// The folder where it runs.
    project: Utf8PathBuf,
    /// The run's indexes, with the one to ask last at the end.
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

    /// Runs `command`, which is the tool or the Python that it is installed for, with additional `variables`.
    ///
    /// # Errors
    /// A system error if the tool cannot be installed. The caller judges its output.
    pub(crate) fn ask(&self, command: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Answer> {
        self.ask_version(None, command, variables)
    }

    /// The same for a version in this range (PEP 440) instead of the pinned one.
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
        let why = if range.is_some() { "which the project requires" } else { "which is needed to read this lock file" };
        let failure = Failure::system(format!("uv could not install {wanted}, {why}")).causes(output::causes(&said));
        let hint = if lacks_python(&said) {
            format!("install Python 3.10 or later, which {wanted} needs")
        } else {
            let change = range.map(|_| format!(", or change `{}`", self.tool.setting)).unwrap_or_default();
            format!("set `index-url` to an index that offers {wanted}, or allow access to PyPI{change}")
        };
        Err(failure.hint(hint).into())
    }

    fn command(&self, python: &str, origin: Origin, wanted: &str) -> Command {
        let mut command = child::command(self.uv.as_str(), &self.project, self.environment);
        child::without_choices(&mut command);
        // What Python compiles of the tool stays in uv's cache, and the tool starts twice as fast the next time.
        command.env_remove("PYTHONDONTWRITEBYTECODE");
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

/// A range in uv's form. In Poetry's, a version without an operator means `==`.
fn specifiers(range: &str) -> String {
    let range: String = range.chars().filter(|character| !character.is_whitespace()).collect();
    if range.starts_with(|first: char| first.is_ascii_digit()) { format!("=={range}") } else { range }
}

/// Whether the answer is from uv, because it could not start the tool.
fn is_uvs(answer: &Answer) -> bool {
    !answer.status.success() && answer.said.starts_with("error: ")
}

fn lacks_python(said: &str) -> bool {
    said.contains("No interpreter found")
}
