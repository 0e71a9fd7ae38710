//! What the tool of a dependency file makes of it: the lock, and what it installs or exports for a target.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use super::contents::{self, Contents};
use super::evaluate;
use super::network::Network;
use super::packages::normalized;
use super::rows::{Build, Row};
use super::target::Target;
use crate::locks;
use crate::tools::tools;

/// The last Poetry whose lock files have no markers of their own (lock version 2.0).
const POETRY_1: &[&str] = &["--from", "poetry==1.8.5", "poetry"];

/// A distribution that has to be in the layer.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// None for what is a place, whose version the tool does not say.
    pub(super) version: Option<String>,
    pub(super) origin: Origin,
}

#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// The file itself.
    Exactly(String),
    /// A file with one of these SHA-256.
    Hashed(Vec<String>),
    Any,
}

pub(super) type Answer = BTreeMap<String, Expected>;

/// A workspace and what is asked about it.
pub(super) struct Question<'a> {
    /// A copy of the workspace, which tools may write to.
    pub(super) workspace: &'a Utf8Path,
    pub(super) row: &'a Row,
    pub(super) network: &'a Network,
    /// What tools said before of the same lock.
    pub(super) said: &'a Said,
}

/// By the words of the command.
pub(super) type Said = RefCell<BTreeMap<String, Result<String, String>>>;

impl Question<'_> {
    fn folder(&self) -> Utf8PathBuf {
        self.workspace.join(&self.row.folder)
    }

    /// Runs the command of the row that makes its lock.
    pub(super) fn lock(&self) -> Result<(), String> {
        let Some(line) = &self.row.lock else { return Ok(()) };
        let mut words = line.split_whitespace();
        let name = words.next().expect("has a command");
        let mut command = match name {
            "poetry-1" => locks::tool_from(POETRY_1, &self.folder()),
            _ => self.command(name),
        };
        // It is of this row alone, so that nothing remembers other packages of these names.
        for variable in ["POETRY_CACHE_DIR", "PDM_CACHE_DIR", "PIPENV_CACHE_DIR"] {
            command.env(variable, self.workspace.join("own/cache"));
        }
        run(self.reached(command.args(words))).map(|_| ())
    }

    fn command(&self, name: &str) -> Command {
        match name {
            "uv" => {
                let mut command = locks::uv(&self.folder());
                // It prefers what it built before to a wheel of the index: so nothing of other runs may be in its cache.
                command.env_remove("UV_NO_CONFIG").env("UV_CACHE_DIR", &self.network.cache);
                // Else it asks every Python of this machine what it is.
                command.env("UV_PYTHON", tools().program("python3")).env("PATH", tools().path());
                command
            }
            "pip" => {
                let mut command = Command::new(tools().program("python3"));
                command.current_dir(self.folder()).env("PIP_CACHE_DIR", crate::tools::cache("pip"));
                command.args(["-m", "pip", "--disable-pip-version-check"]);
                command
            }
            _ => locks::tool(name, &self.folder()),
        }
    }

    /// With the network, and the indexes that the row gives.
    fn reached<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.envs(self.network.variables(false)).env("HOME", self.workspace.join("own"));
        command.env("PIP_CONFIG_FILE", "/dev/null").env_remove("PIP_FIND_LINKS");
        if let Some((last, first)) = self.row.indexes().split_last() {
            command.env("UV_DEFAULT_INDEX", last).env("PIP_INDEX_URL", last);
            if !first.is_empty() {
                command.env("UV_INDEX", first.join(" ")).env("PIP_EXTRA_INDEX_URL", first.join(" "));
            }
        }
        command
    }

    /// What the tool has for the target; for pip in place of uv where there is no lock.
    pub(super) fn answer(&self, build: &Build, target: &Target, installer: &str) -> Result<Answer, String> {
        let (groups, extras) = (&build.groups, &build.extras);
        let of_uv = [each("--group", groups), each("--extra", extras)].concat();
        match self.row.kind().as_str() {
            "uv.lock" if target.is_here() => {
                let venv = self.workspace.join("venv");
                let options = ["sync", "--frozen", "--no-install-project", "--no-editable", "--no-default-groups"];
                let mut command = self.command("uv");
                command.args(options).args(of_uv).env("UV_PROJECT_ENVIRONMENT", &venv).envs(&build.variables);
                run(self.reached(&mut command))?;
                let packages = venv.join(format!("lib/python{}/site-packages", target.python));
                Ok(exactly(contents::of_folder(&packages)))
            }
            "uv.lock" => {
                let options = ["export", "--frozen", "--no-emit-project", "--no-default-groups", "--no-header"];
                self.evaluated(&self.asked("uv", &options, of_uv, build)?, target)
            }
            "poetry.lock" => {
                let with = if groups.is_empty() { Vec::new() } else { vec!["--with".to_owned(), groups.join(",")] };
                let selection = [with, each("--extras", extras)].concat();
                let text = self.asked("poetry", &["export", "--format", "requirements.txt"], selection, build);
                let exported = text.and_then(|text| self.evaluated(&text, target));
                if target.is_here() { self.installed_by_poetry(build, &exported.unwrap_or_default()) } else { exported }
            }
            "pdm.lock" => {
                let selection = each("--group", &[groups.as_slice(), extras].concat());
                let mut options = vec!["export", "--format", "requirements"];
                // Else it exports groups of development, too.
                options.extend(groups.is_empty().then_some("--prod"));
                let text = self.asked("pdm", &options, selection.clone(), build);
                // It gives up on hashes where anything can have none.
                options.push("--no-hashes");
                self.evaluated(&text.or_else(|_| self.asked("pdm", &options, selection, build))?, target)
            }
            "Pipfile.lock" => {
                let categories = [&["default".to_owned()], groups.as_slice()].concat().join(",");
                let options = ["requirements", "--hash", "--categories", &categories.replace("dev", "develop")];
                self.evaluated(&self.asked("pipenv", &options, Vec::new(), build)?, target)
            }
            "pylock.toml" => self.installed_by_uv(build, target, &[]),
            // Of a project it installs the project, and what uv's tables say it does not know.
            file if installer == "pip" && file != "pyproject.toml" => self.reported_by_pip(build),
            _ => {
                let installed = self.installed_by_uv(build, target, &of_uv)?;
                let options = ["pip", "compile", "--no-header", "--no-annotate", "--quiet"];
                let selection = [target.options_of_uv().to_vec(), self.files(), of_uv].concat();
                let compiled = self.evaluated(&self.asked("uv", &options, selection, build)?, target)?;
                let is_known = |(name, expected): (&String, &Expected)| {
                    let known = installed.get(name).and_then(|known| known.version.as_ref());
                    expected.version.is_none() || expected.version.as_ref() == known
                };
                if !compiled.keys().eq(installed.keys()) || !compiled.iter().all(is_known) {
                    return Err(format!("uv compiles {compiled:?} and installs {installed:?}"));
                }
                Ok(installed)
            }
        }
    }

    /// What a tool says; once for all targets of the same selection.
    fn asked(&self, name: &str, options: &[&str], selection: Vec<String>, build: &Build) -> Result<String, String> {
        let words = [options.iter().map(|word| (*word).to_owned()).collect(), selection].concat();
        let key = format!("{name} {} {:?}", words.join(" "), build.variables);
        if let Some(said) = self.said.borrow().get(&key) {
            return said.clone();
        }
        let mut command = if name == "poetry" { self.poetry_with_export() } else { self.command(name) };
        let said = run(self.reached(command.args(words).envs(&build.variables)));
        self.said.borrow_mut().insert(key, said.clone());
        said
    }

    fn poetry_with_export(&self) -> Command {
        let versions = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("data/exporters/poetry.txt");
        let origin =
            ["--constraints", versions.as_str(), "--from", "poetry", "--with", "poetry-plugin-export", "poetry"];
        locks::tool_from(&origin, &self.folder())
    }

    /// What Poetry would install, which is not always what it exports; with the files that it exports.
    fn installed_by_poetry(&self, build: &Build, exported: &Answer) -> Result<Answer, String> {
        let groups = [&["main".to_owned()], build.groups.as_slice()].concat().join(",");
        let mut command = self.command("poetry");
        command.args(["install", "--dry-run", "--no-root", "--no-ansi", "--only", &groups]);
        build.extras.iter().for_each(|extra| _ = command.args(["--extras", extra]));
        let said = run(self.reached(command.env("POETRY_VIRTUALENVS_CREATE", "false")))?;
        // `  - Installing pure (2.0)`, with `: Skipped for …` behind it if it is not meant.
        let lines = said.lines().filter_map(|line| line.trim().strip_prefix("- Installing ")?.split_once(" ("));
        let installed = lines.filter(|(_, rest)| !rest.contains("Skipped")).map(|(name, rest)| {
            let version = rest.split([' ', ')']).next().map(str::to_owned);
            let origin = exported.get(&normalized(name)).map_or(Origin::Any, |expected| expected.origin.clone());
            (normalized(name), Expected { version, origin })
        });
        Ok(installed.collect())
    }

    /// `--requirements a.txt --constraints b.txt`
    fn files(&self) -> Vec<String> {
        let constraints = self.row.constraints.iter().flat_map(|file| ["--constraints".to_owned(), file.clone()]);
        self.row.manifests().into_iter().chain(constraints).collect()
    }

    fn installed_by_uv(&self, build: &Build, target: &Target, selection: &[String]) -> Result<Answer, String> {
        let folder = self.workspace.join("installed");
        fs_err::remove_dir_all(&folder).ok();
        let mut command = self.command("uv");
        command.args(["pip", "install", "--quiet", "--preview", "--no-editable", "--target", folder.as_str()]);
        for file in self.row.manifests() {
            command.args(["--requirements", &file]);
        }
        self.row.constraints.iter().for_each(|file| _ = command.args(["--constraints", file]));
        command.args(target.options_of_uv()).args(selection).envs(&build.variables);
        run(self.reached(&mut command))?;
        Ok(exactly(contents::of_folder(&folder)))
    }

    fn reported_by_pip(&self, build: &Build) -> Result<Answer, String> {
        let mut command = self.command("pip");
        command.args(["install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]);
        for file in self.row.manifests() {
            command.args(["--requirement", &file]);
        }
        self.row.constraints.iter().for_each(|file| _ = command.args(["--constraint", file]));
        command.envs(&build.variables);
        let report: Value = serde_json::from_str(&run(self.reached(&mut command))?).expect("is JSON");
        let rows = report["install"].as_array().expect("is a list").iter();
        let answer = rows.map(|row| {
            let text = |key: &str| row["metadata"][key].as_str().expect("is text").to_owned();
            let place = &row["download_info"];
            let hash = place["archive_info"]["hashes"]["sha256"].as_str();
            let local = place["url"].as_str().and_then(|url| url.strip_prefix(&format!("file://{}/", self.workspace)));
            let origin = match local {
                Some(path) => Origin::Exactly(path.to_owned()),
                None => hash.map_or(Origin::Any, |hash| Origin::Hashed(vec![hash.to_owned()])),
            };
            (normalized(&text("name")), Expected { version: Some(text("version")), origin })
        });
        Ok(answer.collect())
    }

    /// Of a file by its URL or path.
    fn origin(&self, url: &str) -> Option<String> {
        let url = url.split('#').next().unwrap_or_default();
        if let Some((index, file)) = url.strip_prefix("http://localhost/").and_then(|path| path.split_once("/files/")) {
            return Some(format!("{index}/{file}"));
        }
        let here = format!("file://{}/", self.workspace);
        let path = url.strip_prefix(&here).or_else(|| url.strip_prefix("./"))?;
        Utf8Path::new(path).extension().is_some_and(|extension| extension == "whl").then(|| path.to_owned())
    }

    /// What is left of the export of a lock on the target.
    fn evaluated(&self, requirements: &str, target: &Target) -> Result<Answer, String> {
        let found = evaluate::meant(requirements, self.workspace, &target.markers())?;
        let answer = found.iter().map(|row| {
            let hashes = row["hashes"].as_array().expect("is a list").iter();
            let hashes: Vec<String> = hashes.filter_map(Value::as_str).map(str::to_owned).collect();
            let url = row["url"].as_str();
            let origin = match url.and_then(|url| self.origin(url)) {
                Some(origin) => Origin::Exactly(origin),
                None if hashes.is_empty() => Origin::Any,
                None => Origin::Hashed(hashes),
            };
            let version = row["version"].as_str().map(str::to_owned);
            (normalized(row["name"].as_str().expect("is text")), Expected { version, origin })
        });
        Ok(answer.collect())
    }
}

/// `--group docs --group dev`
fn each(option: &str, names: &[String]) -> Vec<String> {
    names.iter().flat_map(|name| [option.to_owned(), name.clone()]).collect()
}

fn exactly(contents: Contents) -> Answer {
    let expected = contents.into_iter().map(|(name, installed)| {
        let origin = installed.origin.map_or(Origin::Any, Origin::Exactly);
        (name, Expected { version: Some(installed.version), origin })
    });
    expected.collect()
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().expect("can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    Err(format!("`{}` failed\n{}{}", words.join(" "), text(&output.stdout), text(&output.stderr)))
}
