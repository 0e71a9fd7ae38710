//! What a layer contains in addition to the dependencies, and in which folders.

use std::collections::BTreeSet;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{BuildScript, Reading};
use crate::error::Failure;
use crate::layer::Layout;
use crate::layer::scan::binary::has_library_name;
use crate::types::{DistributionName, FileGlob};
use crate::{facts, files};

#[derive(Clone, Debug)]
pub struct Content {
    pub include: Vec<Include>,
    /// Packages, modules or folders with these, relative to the working directory.
    pub source: Vec<Utf8PathBuf>,
    /// Projects of `source`, which have to be built; relative to the working directory.
    pub projects: Vec<Utf8PathBuf>,
    /// The script that runs before anything is installed.
    pub build_script: Option<BuildScript>,
    pub exclude: BTreeSet<DistributionName>,
    pub exclude_files: Vec<FileGlob>,
    pub runtime_packages: RuntimePackages,
    pub slim: SlimLevel,
    /// Whether symbols are removed from shared objects.
    pub strip: bool,
    pub bytecode: Bytecode,
    pub layout: Layout,
}

/// What to do with distributions that the runtime already has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimePackages {
    #[default]
    Keep,
    Drop,
}

impl FromStr for RuntimePackages {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "keep" => Ok(Self::Keep),
            "drop" => Ok(Self::Drop),
            _ => Err(Failure::user(format!("`runtime-packages` is `{text}`, which is not a valid value"))
                .hint("use `keep` or `drop`")),
        }
    }
}

/// How much is left out of distributions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlimLevel {
    None,
    #[default]
    Safe,
    Max,
}

impl FromStr for SlimLevel {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "none" => Ok(Self::None),
            "safe" => Ok(Self::Safe),
            "max" => Ok(Self::Max),
            _ => Err(Failure::user(format!("`slim` is `{text}`, which is not a valid value"))
                .hint("use `none`, `safe` or `max`")),
        }
    }
}

/// Whether the layer contains bytecode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bytecode {
    None,
    /// In addition to the sources, if this machine can have the layer's Python.
    #[default]
    #[serde(rename = "compile")]
    Auto,
    /// In addition to the sources; it is an error if this machine cannot have the layer's Python.
    Compile,
    /// Instead of the sources.
    Only,
}

impl FromStr for Bytecode {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            "compile" => Ok(Self::Compile),
            "only" => Ok(Self::Only),
            _ => Err(Failure::user(format!("`bytecode` is `{text}`, which is not a valid value"))
                .hint("use `auto`, `compile`, `only` or `none`")),
        }
    }
}

/// A line `from=to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The path as given, relative to the working directory.
    pub from: Utf8PathBuf,
    /// The normalized path in the layer, relative to `/opt`.
    pub to: Utf8PathBuf,
}

impl Content {
    /// Whether the layer has modules to import even without dependencies.
    pub fn has_own_code(&self) -> bool {
        !self.source.is_empty() || !self.projects.is_empty()
    }

    /// Whether the layer has files even without dependencies.
    pub fn has_own_files(&self) -> bool {
        self.has_own_code() || !self.include.is_empty() || self.build_script.is_some()
    }
}

impl Reading<'_> {
    pub(super) fn content(
        &mut self,
        include: &[String],
        source: &[String],
        exclude: &[String],
        layout: Layout,
    ) -> Content {
        let (folder, workspace, problems) = (&self.folder, &self.workspace, &mut self.problems);
        let include =
            include.iter().filter_map(|line| problems.check(parse_include(line, folder, workspace))).collect();
        let source = source.iter().filter_map(|path| problems.check(parse_source(path, folder, workspace)));
        let (projects, source): (Vec<_>, Vec<_>) = source.partition(|(_, kind)| *kind == SourceKind::Project);
        let paths = |source: Vec<(Utf8PathBuf, SourceKind)>| source.into_iter().map(|(path, _)| path).collect();
        Content {
            include,
            source: paths(source),
            projects: paths(projects),
            build_script: None,
            exclude: exclude.iter().filter_map(|name| problems.check(name.parse())).collect(),
            exclude_files: Vec::new(),
            runtime_packages: RuntimePackages::default(),
            slim: SlimLevel::default(),
            strip: false,
            bytecode: Bytecode::default(),
            layout,
        }
    }
}

fn parse_include(line: &str, folder: &Utf8Path, workspace: &Utf8Path) -> Result<Include, Failure> {
    let (from, to) = line.split_once('=').unwrap_or((line, line));
    let (from, to) = (from.trim(), to.trim());
    if from.is_empty() || to.is_empty() {
        return Err(Failure::user(format!("`include` contains `{line}`, which is not a `from=to` line"))
            .hint("write it as `from=to`, for example `tools/ffmpeg=bin/ffmpeg`"));
    }
    inside_workspace("include", from, folder, workspace)?;
    let name = Utf8Path::new(from).file_name().unwrap_or("tool");
    let is_folder = folder.join(from).is_dir();
    let refused = |why: &str, instead: &str| {
        Failure::user(format!("`include` places `{from}` at `{to}`, {why}"))
            .hint(format!("use a path relative to `/opt`, for example `{from}={instead}`"))
    };
    // The usual name for it, if there is one.
    let usual = format!("{}/{name}", if has_library_name(Utf8Path::new(name)) { "lib" } else { "bin" });
    let as_folder = to.ends_with('/');
    let Some(mut place) = files::normalize(Utf8Path::new(to)) else {
        return Err(refused("which is outside the layer", &usual));
    };
    let inside = place.strip_prefix("/opt").or_else(|_| place.strip_prefix("opt")).ok();
    let inside = inside.map(|inside| if inside.as_str().is_empty() { &usual } else { inside.as_str() });
    if place.is_absolute() {
        return Err(refused("which is not a path inside the layer", inside.unwrap_or(&usual)));
    }
    if let Some(inside) = inside {
        return Err(refused("which would be in `/opt/opt`", inside));
    }
    if as_folder {
        place.push(name);
    }
    if !is_folder && place.as_str().is_empty() {
        return Err(refused("which is the layer itself", &usual));
    }
    if !is_folder && facts::lambda().top_level_folders.iter().any(|folder| place == *folder) {
        return Err(refused("which is a folder in every layer", &format!("{place}/{name}")));
    }
    Ok(Include { from: from.into(), to: place })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    /// Copied into the layer.
    Files,
    /// Built as a wheel, and installed.
    Project,
}

fn parse_source(path: &str, folder: &Utf8Path, workspace: &Utf8Path) -> Result<(Utf8PathBuf, SourceKind), Failure> {
    inside_workspace("source", path, folder, workspace)?;
    let full = folder.join(path);
    if full.is_file() && full.extension() != Some("py") {
        return Err(Failure::user(format!("`source` contains `{path}`, which is not a Python module"))
            .hint("use `include` for other files"));
    }
    let kind = if is_project(&full, path)? { SourceKind::Project } else { SourceKind::Files };
    Ok((Utf8PathBuf::from(path), kind))
}

/// Whether a folder is a project that can be built. A `pyproject.toml` may also contain only settings of tools, and a
/// package may have a module named `setup`.
fn is_project(folder: &Utf8Path, shown: &str) -> Result<bool, Failure> {
    let file = folder.join("pyproject.toml");
    if !file.is_file() {
        return Ok(folder.join("setup.py").exists() && !folder.join("__init__.py").exists());
    }
    let unreadable = |why: String| {
        let failure = Failure::user(format!("could not read `{shown}/pyproject.toml`")).cause(why);
        failure.hint("correct this file, which describes how the project is built")
    };
    let text = fs_err::read_to_string(&file).map_err(|error| unreadable(error.to_string()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let before = &text[..error.span().map_or(0, |span| span.start)];
        unreadable(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
    })?;
    let is_described = table.contains_key("project") || table.contains_key("build-system");
    Ok(is_described || (folder.join("setup.py").exists() && !folder.join("__init__.py").exists()))
}

pub(super) fn inside_workspace(
    input: &str,
    path: &str,
    folder: &Utf8Path,
    workspace: &Utf8Path,
) -> Result<(), Failure> {
    let full = folder.join(path);
    let resolved = full.canonicalize_utf8().map_err(|_missing| {
        files::missing(&format!("`{input}` contains a path that cannot be read: "), folder, Utf8Path::new(path))
    })?;
    if workspace.canonicalize_utf8().is_ok_and(|workspace| resolved.starts_with(workspace)) {
        Ok(())
    } else {
        Err(Failure::user(format!("`{input}` contains `{path}`, which leads outside the workspace, to `{resolved}`"))
            .hint("copy it into the repository"))
    }
}
