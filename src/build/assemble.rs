//! Lays out the tree of a layer: the installed files, except those that are left out, with own source and included
//! files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::entry_points;
use super::install::shared_paths;
use super::installed::{File, Installed, bytes_of};
use crate::audit::{distributions, exclude};
use crate::cache::Bytecode;
use crate::files;
use crate::files::{FileEntry, FileKind};
use crate::layer::Finding;
use crate::layer::{Compiled, Distribution, Entry, Made, Owner, Source, Tree, paths, sboms};
use crate::spec::Spec;
use crate::types::{ByteSize, DistributionName};

/// Files of `*.dist-info` that record how a distribution was installed. They differ between tools and machines.
const NOISE: &[&str] = &["INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"];

/// Lays out the tree. `opt` is the folder that the build script wrote to; `folder` contains it and the installed files,
/// and is kept as long as the tree.
pub(crate) fn assemble(
    spec: &Spec,
    installed: &Installed,
    opt: &Utf8Path,
    (distributions, projects): (Vec<Distribution>, &[DistributionName]),
    folder: TempDir,
) -> anyhow::Result<Tree> {
    let (excluded, kept): (Vec<_>, Vec<_>) =
        distributions.into_iter().partition(|distribution| spec.content.exclude.contains(&distribution.name));
    let mut tree = Tree::new(vec![folder]);
    tree.findings.extend(exclude::check(&spec.content.exclude, &excluded, &kept, spec.target));
    let on_disk = kept.iter().filter(|it| !installed.known.get(&it.name).is_some_and(|known| known.is_taken));
    tree.findings.extend(distributions::check_installed(on_disk, |path| installed.has(path)));
    add_installed(spec, installed, (&excluded, &kept, projects), &mut tree)?;
    tree.distributions = kept;
    add_source(spec, &mut tree)?;
    add_include(spec, &mut tree)?;
    if opt.exists() {
        for FileEntry { path, kind } in files::walk_layer(opt)? {
            tree.add(path, entry(source_of(kind), Owner::BuildScript)?)?;
        }
    }
    Ok(tree)
}

fn add_installed(
    spec: &Spec,
    installed: &Installed,
    (excluded, kept, projects): (&[Distribution], &[Distribution], &[DistributionName]),
    tree: &mut Tree,
) -> anyhow::Result<()> {
    let packages = spec.content.layout.packages(spec.target.python);
    let owners = shared_paths::owners(&kept.iter().collect::<Vec<_>>(), projects, spec.target);
    let left_out: BTreeSet<&Utf8Path> =
        excluded.iter().flat_map(|distribution| distribution.record.keys().map(Utf8PathBuf::as_path)).collect();

    let mut entries = Vec::with_capacity(installed.files.len());
    for (path, file) in &installed.files {
        let owner = owners.get(path.as_str());
        if is_noise(path) || (owner.is_none() && (left_out.contains(path.as_path()) || path == ".lock")) {
            continue;
        }
        let place = paths::place(path, owner.copied(), &packages);
        let changed = match place.strip_prefix("bin") {
            Ok(name) => match owner.and_then(|owner| owner.scripts.get(name.as_str())) {
                Some(object) => Some(Source::Bytes {
                    bytes: entry_points::entry_point(object, &packages, spec.target.python),
                    executable: true,
                }),
                None => script_source(file, spec)?,
            },
            Err(_) if sboms::is_one(path) => sbom_source(file)?,
            Err(_) => None,
        };
        let row = owner.and_then(|owner| installed.row_of(&owner.name, path));
        tree.compiled.extend(row.and_then(|row| row.bytecode.clone()).map(|known| (place.clone(), known.into())));
        let owner = owner.map_or(Owner::Unknown, |owner| Owner::Distribution(owner.name.clone()));
        let entry = match (changed, file.content) {
            (None, Some((digest, size))) => Entry { source: file.source.clone(), owner, size, digest: Some(digest) },
            (changed, _) => entry(changed.unwrap_or_else(|| file.source.clone()), owner)?,
        };
        entries.push((place, entry));
    }
    Ok(tree.fill(entries)?)
}

impl From<Bytecode> for Compiled {
    fn from(known: Bytecode) -> Self {
        let made =
            known.file.map(|file| Made { digest: file.digest, size: file.size, stored: Some(file), place: None });
        Self { python: known.python, made }
    }
}

/// Whether a file is left out of every layer: records of the installation, and bytecode. A wheel's bytecode may be for
/// another Python or an older source; this program adds its own.
pub(super) fn is_noise(path: &Utf8Path) -> bool {
    let is_bytecode =
        path.extension() == Some("pyc") && path.parent().is_some_and(|parent| parent.ends_with("__pycache__"));
    let in_info = path.parent().is_some_and(|parent| parent.extension() == Some("dist-info"));
    is_bytecode || in_info && path.file_name().is_some_and(|name| NOISE.contains(&name) || name == "RECORD")
}

/// A script that a distribution ships as a file. pip makes it executable only if it is executable in the wheel.
fn script_source(file: &File, spec: &Spec) -> anyhow::Result<Option<Source>> {
    let bytes = bytes_of(&file.source)?;
    Ok(match (entry_points::with_runtime_interpreter(&bytes, spec.target.python), &file.source) {
        (_, Source::Link { .. }) => None,
        (Some(bytes), _) => Some(Source::Bytes { bytes, executable: true }),
        (None, _) if !bytes.starts_with(b"#!") => None,
        (None, Source::Stored { file, .. }) => Some(Source::Stored { file: Arc::clone(file), executable: true }),
        (None, Source::File { path, .. }) => Some(Source::File { path: path.clone(), executable: true }),
        (None, Source::Bytes { .. }) => None,
    })
}

fn sbom_source(file: &File) -> anyhow::Result<Option<Source>> {
    let changed = std::str::from_utf8(&bytes_of(&file.source)?).ok().and_then(sboms::without_places);
    Ok(changed.map(|text| Source::Bytes { bytes: text.into_bytes(), executable: false }))
}

pub(super) fn source_of(kind: FileKind) -> Source {
    match kind {
        FileKind::File { source, executable } => Source::File { path: source, executable },
        FileKind::Link { target } => Source::Link { target },
    }
}

/// An entry of a tree, with the size of its file.
pub(crate) fn entry(source: Source, owner: Owner) -> anyhow::Result<Entry> {
    let size = match &source {
        Source::File { path, .. } => fs_err::metadata(path)?.len(),
        Source::Bytes { bytes, .. } => bytes.len() as u64,
        Source::Stored { file, .. } => file.size.0,
        Source::Link { .. } => 0,
    };
    let digest = match &source {
        Source::Stored { file, .. } => Some(file.digest),
        Source::File { .. } | Source::Bytes { .. } | Source::Link { .. } => None,
    };
    Ok(Entry { source, owner, size: ByteSize(size), digest })
}

/// Adds own source: a package folder under its name, the content of any other folder directly.
fn add_source(spec: &Spec, tree: &mut Tree) -> anyhow::Result<()> {
    let packages = spec.content.layout.packages(spec.target.python);
    for path in &spec.content.source {
        let full = spec.folder.join(path).canonicalize_utf8()?;
        let is_whole = full.is_file() || full.join("__init__.py").exists();
        let place = if is_whole { packages.join(full.file_name().unwrap_or_default()) } else { packages.clone() };
        add_files(&full, &place, Owner::Source, &spec.workspace, tree)?;
    }
    Ok(())
}

fn add_include(spec: &Spec, tree: &mut Tree) -> anyhow::Result<()> {
    for include in &spec.content.include {
        let full = spec.folder.join(&include.from).canonicalize_utf8()?;
        let files = add_files(&full, &include.to, Owner::Include, &spec.workspace, tree)?;
        // What is included in the root of the layer is judged by its top folders.
        let place_of = |file: &Utf8Path| match include.to.as_str() {
            "" => Utf8PathBuf::from(file.components().next().map_or("", |first| first.as_str())),
            _ => include.to.clone(),
        };
        let mut placed: BTreeMap<Utf8PathBuf, Vec<(&Utf8Path, bool)>> = BTreeMap::new();
        for file in &files {
            let is_program = tree.entries[file].source.is_executable();
            placed.entry(place_of(file)).or_default().push((file, is_program));
        }
        tree.findings
            .extend(placed.into_iter().filter_map(|(place, files)| Finding::unsearched_folder(&place, &files)));
    }
    Ok(())
}

/// Adds files; links among them may lead anywhere in `home`. Returns the paths of the files in the layer.
fn add_files(
    from: &Utf8Path,
    to: &Utf8Path,
    owner: Owner,
    home: &Utf8Path,
    tree: &mut Tree,
) -> anyhow::Result<Vec<Utf8PathBuf>> {
    if from.is_file() {
        tree.add(to.to_owned(), entry(source_of(files::file_kind(from)?), owner)?)?;
        return Ok(vec![to.to_owned()]);
    }
    let mut placed = Vec::new();
    for FileEntry { path, kind } in files::walk(from, home)? {
        let place = to.join(path);
        tree.add(place.clone(), entry(source_of(kind), owner.clone())?)?;
        placed.push(place);
    }
    Ok(placed)
}
