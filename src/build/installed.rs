//! The files of the installed distributions: on disk as the installer left them, or in the cache.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::assemble;
use crate::cache;
use crate::cache::{Cache, Pack, Row};
use crate::console::Console;
use crate::files;
use crate::files::{FileEntry, FileKind};
use crate::layer::{Distribution, Source, Stored};
use crate::process::side_by_side;
use crate::spec::Spec;
use crate::types::{ByteSize, Digest, DistributionName};

/// All installed files, and what the cache knows about them.
#[derive(Debug, Default)]
pub(crate) struct Installed {
    /// By their paths from the folder of the installation.
    pub(crate) files: BTreeMap<Utf8PathBuf, File>,
    /// All of them, also those that are left out of the layer.
    pub(crate) distributions: Vec<Distribution>,
    /// The distributions that the cache has, or may keep.
    pub(crate) known: BTreeMap<DistributionName, Known>,
}

#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) source: Source,
    /// SHA-256 of the bytes and their number; `None` if nobody needs them.
    pub(crate) content: Option<(Digest, ByteSize)>,
}

/// A distribution of the cache.
#[derive(Debug)]
pub(crate) struct Known {
    /// The digest of its files.
    pub(crate) content: Digest,
    /// What the cache has.
    pub(crate) pack: Option<Pack>,
    /// Whether no installer ran for it.
    pub(crate) is_taken: bool,
}

/// A distribution that is taken from the cache, instead of being installed.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) distribution: Distribution,
    pub(crate) content: Digest,
    pub(crate) pack: Pack,
}

impl Taken {
    /// Reads the metadata in a pack; `None` if that is incomplete.
    pub(crate) fn of(content: Digest, pack: Pack) -> Option<Self> {
        let info = pack.files.keys().find_map(|path| {
            let folder = path.parent().filter(|_| path.file_name() == Some("METADATA"))?;
            (folder.extension() == Some("dist-info") && folder.components().count() == 1).then_some(folder)
        })?;
        let text = |name: &str| {
            let bytes = pack.files.get(&info.join(name))?.file.bytes().ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let distribution = Distribution::read(info.as_str(), text).ok().filter(|it| !it.record.is_empty())?;
        let row = |path: &Utf8Path| pack.files.get(path).map(|row| (row.file.digest, row.executable));
        let is_it = content_of(&distribution, row) == Some(content);
        is_it.then_some(Self { distribution, content, pack })
    }
}

/// The digest of a distribution's files, by paths and modes; `None` if one of them is missing. `row` gives the digest of
/// a file, and whether it is executable.
fn content_of(distribution: &Distribution, row: impl Fn(&Utf8Path) -> Option<(Digest, bool)>) -> Option<Digest> {
    let mut parts = Vec::new();
    for path in paths(distribution).filter(|path| !assemble::is_noise(path)) {
        let (digest, executable) = row(path)?;
        parts.extend([path.to_string(), digest.hex(), executable.to_string()]);
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Some(cache::digest_of(&parts))
}

/// What the cache's answers depend on, besides the files of a distribution.
pub(crate) fn variant(spec: &Spec) -> Digest {
    let packages = spec.content.layout.packages(spec.target.python);
    cache::variant(&[&spec.target.python.to_string(), packages.as_str()])
}

impl Installed {
    /// Looks at a folder that an installer wrote, and adds what was taken from the cache. `distributions` are those in
    /// the folder.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn read(
        folder: &Utf8Path,
        distributions: &[Distribution],
        taken: Vec<Taken>,
        spec: &Spec,
        cache: &Cache,
        console: &Console,
    ) -> anyhow::Result<Self> {
        let mut installed = Self::default();
        let recorded: BTreeSet<&str> = if cache.is_there() {
            distributions.iter().flat_map(|it| it.record.keys().map(|path| path.as_str())).collect()
        } else {
            BTreeSet::new()
        };
        let entries = files::walk_all(folder)?;
        let contents = contents(&entries, &recorded)?;
        let files = entries.into_iter().zip(contents);
        installed.files = files
            .map(|(FileEntry { path, kind }, content)| (path, File { source: assemble::source_of(kind), content }))
            .collect();
        let variant = variant(spec);
        if cache.is_there() {
            // What is built from a folder or a repository is searched for more kinds of credentials.
            let is_of_index = |it: &&Distribution| !it.is_built_here && !it.is_local && it.repository.is_none();
            let of_index: Vec<_> = distributions.iter().filter(is_of_index).collect();
            let known = side_by_side(&of_index, |distribution| {
                let content = content_of(distribution, |path| installed.row(path, distribution));
                let known = |content| Known { content, pack: cache.pack(content, variant, console), is_taken: false };
                Ok((distribution.name.clone(), content.map(known)))
            })?;
            for (name, known) in known {
                let Some(known) = known else { continue };
                if let Some(pack) = &known.pack {
                    installed.use_streams(pack);
                }
                installed.known.insert(name, known);
            }
        }
        installed.distributions = distributions.to_vec();
        for Taken { distribution, content, pack } in taken {
            for (path, row) in &pack.files {
                let source = Source::Stored { file: Arc::clone(&row.file), executable: row.executable };
                let content = Some((row.file.digest, row.file.size));
                installed.files.entry(path.clone()).or_insert(File { source, content });
            }
            let known = Known { content, pack: Some(pack), is_taken: true };
            installed.known.insert(distribution.name.clone(), known);
            installed.distributions.push(distribution);
        }
        Ok(installed)
    }

    pub(crate) fn has(&self, path: &Utf8Path) -> bool {
        self.files.contains_key(path)
    }

    /// The digest of a file of a distribution, and whether it is executable. This program writes the scripts of entry
    /// points itself; the installer's have the path of its Python in them.
    fn row(&self, path: &Utf8Path, distribution: &Distribution) -> Option<(Digest, bool)> {
        if is_entry_point(path, distribution) {
            return Some((Digest::of(b""), true));
        }
        let file = self.files.get(path)?;
        let (digest, _) = file.content.filter(|_| !matches!(file.source, Source::Link { .. }))?;
        Some((digest, file.source.is_executable()))
    }

    /// Files of which the cache has the compressed bytes need not be read and compressed again.
    fn use_streams(&mut self, pack: &Pack) {
        for (path, row) in &pack.files {
            if let Some(file) = self.files.get_mut(path)
                && file.content.is_some_and(|(digest, _)| digest == row.file.digest)
                && row.file.stream.is_some()
            {
                file.source = Source::Stored { file: Arc::clone(&row.file), executable: row.executable };
            }
        }
    }

    /// What the cache has of a file.
    pub(crate) fn row_of(&self, name: &DistributionName, path: &Utf8Path) -> Option<&Row> {
        self.known.get(name)?.pack.as_ref()?.files.get(path)
    }
}

/// The files of a distribution that an installer leaves on disk. Bytecode is left out of every layer.
pub(crate) fn paths(distribution: &Distribution) -> impl Iterator<Item = &Utf8Path> {
    let paths = distribution.record.keys().map(Utf8PathBuf::as_path);
    paths.filter(|path| !path.as_str().contains("__pycache__/"))
}

pub(crate) fn is_entry_point(path: &Utf8Path, distribution: &Distribution) -> bool {
    path.strip_prefix("bin").is_ok_and(|name| distribution.scripts.contains_key(name.as_str()))
}

/// Digests and sizes of the recorded files. All processors share the work.
fn contents(entries: &[FileEntry], recorded: &BTreeSet<&str>) -> anyhow::Result<Vec<Option<(Digest, ByteSize)>>> {
    side_by_side(entries, |entry| match &entry.kind {
        FileKind::File { source, .. } if recorded.contains(entry.path.as_str()) => {
            files::digest_of_file(source).context("could not read an installed file").map(Some)
        }
        FileKind::File { .. } | FileKind::Link { .. } => Ok(None),
    })
}

/// The bytes of a source.
///
/// # Errors
/// It cannot be read.
pub(crate) fn bytes_of(source: &Source) -> std::io::Result<Vec<u8>> {
    match source {
        Source::File { path, .. } => fs_err::read(path),
        Source::Stored { file, .. } => Stored::bytes(file),
        Source::Bytes { bytes, .. } => Ok(bytes.clone()),
        Source::Link { .. } => Ok(Vec::new()),
    }
}
