//! A layer as the checks see it: its files and what their bytes show, whoever built it.

pub mod distribution;
pub mod files;
pub mod finding;
pub mod import_times;
pub mod layout;
pub mod licence_policy;
pub mod licences;
pub mod links;
pub(crate) mod locked;
pub mod materials;
pub mod origins;
pub mod paths;
pub mod provenance;
pub mod saving;
pub mod sboms;
pub mod scan;
pub mod sizes;
pub mod stored;
pub mod tree;
pub use distribution::Distribution;
pub(crate) use distribution::headers;
pub use finding::{Code, Finding, KnownFinding, ManifestPlace, Severity};
pub use layout::Layout;
pub use materials::Materials;
pub use origins::{Origin, Origins, Standing};
pub use provenance::Provenance;
pub use saving::Saving;
pub use sizes::{DistributionSize, OwnLimits, distribution_sizes};
pub use stored::{CacheMiss, Habit, Learned, Mentions, Stored, Stream, StreamRange};
pub use tree::{Compiled, Entry, Made, Owner, Source, Tree};

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::layer::scan::Observed;
use crate::types::{ByteSize, DistributionName, PythonVersion};

#[derive(Clone, Debug, Default)]
pub struct Layer {
    /// Path seen from `/opt` to what is there; no folders.
    pub files: BTreeMap<Utf8PathBuf, File>,
    /// Sorted by name.
    pub distributions: Vec<Distribution>,
    /// Distributions that were left out on purpose; the user knows what needs them.
    pub left_out: BTreeSet<DistributionName>,
    /// What nothing uses was left out, so what is there is used.
    pub is_slimmed: bool,
}

#[derive(Clone, Debug)]
pub struct File {
    pub kind: Kind,
    /// Unzipped; 0 for a link.
    pub size: ByteSize,
    pub owner: Owner,
    pub observed: Observed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File { executable: bool },
    Link { target: Utf8PathBuf },
}

impl Layer {
    /// From a tree that was built here, and the scans of its files while they were packed.
    pub fn of(tree: &Tree, mut observed: BTreeMap<String, Observed>) -> Self {
        let files = tree.entries.iter().map(|(path, entry)| {
            let kind = match &entry.source {
                Source::File { executable, .. }
                | Source::Bytes { executable, .. }
                | Source::Stored { executable, .. } => Kind::File { executable: *executable },
                Source::Link { target } => Kind::Link { target: target.clone() },
            };
            let observed = observed.remove(path.as_str()).unwrap_or_default();
            (path.clone(), File { kind, size: entry.size, owner: entry.owner.clone(), observed })
        });
        Self { files: files.collect(), distributions: tree.distributions.clone(), ..Self::default() }
    }

    /// Distributions that the target's Python finds; a layer for several Pythons has others beside them.
    pub fn importable(&self, python: PythonVersion) -> Vec<&Distribution> {
        let folders = package_folders(python);
        let is_found =
            |distribution: &&Distribution| folders.iter().any(|folder| self.has(&folder.join(&distribution.info)));
        self.distributions.iter().filter(is_found).collect()
    }

    /// Whether something is there: a file, a link, or a folder of them.
    pub fn has(&self, path: &Utf8Path) -> bool {
        self.files.range(path.to_owned()..).next().is_some_and(|(found, _)| found.starts_with(path))
    }

    /// Bytes by owner.
    pub fn sizes(&self) -> BTreeMap<Owner, ByteSize> {
        let mut sizes = BTreeMap::new();
        for file in self.files.values() {
            sizes.entry(file.owner.clone()).or_insert(ByteSize(0)).0 += file.size.0;
        }
        sizes
    }

    pub fn unzipped_size(&self) -> ByteSize {
        ByteSize(self.files.values().map(|file| file.size.0).sum())
    }
}

impl Kind {
    pub fn is_link(&self) -> bool {
        matches!(self, Self::Link { .. })
    }
}

#[cfg(test)]
impl Layer {
    /// Of empty files of no distribution.
    pub(crate) fn of_paths(paths: &[&str]) -> Self {
        let mut layer = Self::default();
        for path in paths {
            layer.add(path, Kind::File { executable: false });
        }
        layer
    }

    /// Of these distributions, each by its name, version and headers of its metadata.
    pub(crate) fn of_distributions(distributions: &[(&str, &str, &[&str])]) -> Self {
        let mut layer = Self::default();
        for (name, version, headers) in distributions {
            let info = format!("{name}-{version}.dist-info");
            let metadata = format!("Name: {name}\nVersion: {version}\n{}\n", headers.join("\n"));
            let read = Distribution::read(&info, |file| (file == "METADATA").then(|| metadata.clone()));
            layer.distributions.push(read.expect("is readable"));
            layer.add(&format!("python/{info}/METADATA"), Kind::File { executable: false });
        }
        layer
    }

    pub(crate) fn add_link(&mut self, path: &str, target: &str) {
        self.add(path, Kind::Link { target: target.into() });
    }

    fn add(&mut self, path: &str, kind: Kind) {
        let file = File { kind, size: ByteSize(0), owner: Owner::Unknown, observed: Observed::default() };
        self.files.insert(path.into(), file);
    }
}

impl File {
    /// The distribution that it is of.
    pub fn distribution(&self) -> Option<&DistributionName> {
        match &self.owner {
            Owner::Distribution(name) => Some(name),
            Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => None,
        }
    }
}

/// Whether this is below a packages folder of any layout.
pub fn is_package_path(path: &Utf8Path) -> bool {
    path.starts_with("python")
}

/// The folders of the layer that the target's Python looks into, in its order.
pub fn package_folders(python: PythonVersion) -> [Utf8PathBuf; 2] {
    [Layout::SitePackages, Layout::Python].map(|layout| layout.packages(python))
}

/// The path seen from that of those folders that it is in, as `RECORD` has it.
pub fn within_packages<'a>(path: &'a Utf8Path, folders: &[Utf8PathBuf]) -> Option<&'a Utf8Path> {
    folders.iter().find_map(|folder| path.strip_prefix(folder).ok())
}
