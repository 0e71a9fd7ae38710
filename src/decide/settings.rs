//! The part of a recipe that follows from the inputs alone, without resolving the dependency files.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::files;
use crate::layer::Layout;
use crate::manifest::{Place, place_of};
use crate::spec::{Bytecode, InstallerChoice, RuntimePackages, SlimLevel, Spec};
use crate::types::{Architecture, DistributionName, PythonVersion};

/// The format of the recipe and of the archive that is packed from it. Raise it when the same recipe gives other bytes.
const FORMAT: u32 = 1;

/// The settings that determine the bytes of a layer, in addition to its dependency files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Settings {
    format: u32,
    python_version: PythonVersion,
    architecture: Architecture,
    layout: Layout,
    installer: InstallerChoice,
    no_deps: bool,
    index_url: Option<String>,
    extra_index_urls: Vec<String>,
    /// The repositories as written, in order, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    codeartifact: String,
    /// Variables of the installer that affect what it installs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variables: BTreeMap<String, String>,
    exclude: BTreeSet<DistributionName>,
    /// The patterns as given, sorted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    exclude_files: BTreeSet<String>,
    runtime_packages: RuntimePackages,
    slim: SlimLevel,
    strip: bool,
    bytecode: Bytecode,
    /// The digest of the files, by their path in the layer.
    include: BTreeMap<Utf8PathBuf, String>,
    /// The digests of local folders and files that packages are installed from, by path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    packages: BTreeMap<Utf8PathBuf, String>,
    /// The digest of the own source, by its path in the repository.
    source: BTreeMap<Utf8PathBuf, String>,
    /// The digest of the script's text, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    build_script: BTreeMap<String, String>,
}

impl Settings {
    pub(super) fn of(spec: &Spec) -> anyhow::Result<Self> {
        let digest =
            |path: &Utf8PathBuf| Ok::<_, anyhow::Error>(files::digest(&spec.folder.join(path), &spec.workspace)?.hex());
        let mut include = BTreeMap::new();
        for line in &spec.content.include {
            // The executable bit of a single file is also part of the layer.
            let executable = is_executable(&spec.folder.join(&line.from))?;
            let file = format!("{}{}", digest(&line.from)?, if executable { " executable" } else { "" });
            // Several folders may have the same path in the layer.
            let place = if line.to == "" { ".".into() } else { line.to.clone() };
            include.entry(place).and_modify(|files| *files = format!("{files} {file}")).or_insert(file);
        }
        let mut source: BTreeMap<_, _> =
            spec.content.source.iter().map(|path| Ok((path.clone(), digest(path)?))).collect::<anyhow::Result<_>>()?;
        for path in &spec.content.projects {
            source.insert(path.clone(), files::digest_of_entries(&spec.project_files(path)?)?.hex());
        }
        let script = spec.content.build_script.as_ref();
        let packages = spec.dependencies.packages.iter();
        Ok(Self {
            format: FORMAT,
            python_version: spec.target.python,
            architecture: spec.target.architecture,
            layout: spec.content.layout,
            installer: spec.dependencies.installer,
            no_deps: spec.dependencies.no_deps,
            index_url: spec.dependencies.index_url.as_ref().map(|url| anywhere(url.shown(), spec)),
            extra_index_urls: spec
                .dependencies
                .extra_index_urls
                .iter()
                .map(|url| anywhere(url.shown(), spec))
                .collect(),
            codeartifact: spec.dependencies.codeartifact.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            variables: variables(spec),
            exclude: spec.content.exclude.clone(),
            exclude_files: spec.content.exclude_files.iter().map(|glob| glob.as_str().to_owned()).collect(),
            runtime_packages: spec.content.runtime_packages,
            slim: spec.content.slim,
            strip: spec.content.strip,
            bytecode: spec.content.bytecode,
            include,
            packages: packages.map(|(path, digest)| (shown(path, spec), digest.hex())).collect(),
            source,
            build_script: script.map(|script| (script.name().to_owned(), script.digest().hex())).into_iter().collect(),
        })
    }
}

/// A local path relative to the repository, so that it can be hashed.
fn shown(path: &Utf8Path, spec: &Spec) -> Utf8PathBuf {
    files::shown(&spec.folder.join(path), &spec.folder, &spec.workspace)
}

/// A URL that means the same in every checkout of the repository.
fn anywhere(url: &str, spec: &Spec) -> String {
    match place_of(url) {
        Place::Local(path) => shown(&path, spec).into_string(),
        Place::Url => url.to_owned(),
    }
}

/// The variables, with local paths and URLs that mean the same in every checkout.
fn variables(spec: &Spec) -> BTreeMap<String, String> {
    let shown = |(name, value): (&String, &String)| {
        let is_end = |character: char| character.is_whitespace() || character == ',';
        let words = value.split_inclusive(is_end).map(|word| {
            let (bare, end) = word.split_at(word.trim_end_matches(is_end).len());
            let is_place = bare.starts_with('/') || bare.starts_with("file:");
            format!("{}{end}", if is_place { anywhere(bare, spec) } else { bare.to_owned() })
        });
        (name.clone(), words.collect())
    };
    spec.dependencies.variables.iter().map(shown).collect()
}

fn is_executable(path: &Utf8Path) -> anyhow::Result<bool> {
    Ok(path.is_file() && matches!(files::file_kind(path)?, files::FileKind::File { executable: true, .. }))
}
