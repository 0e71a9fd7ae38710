//! From what was found in a zip or folder to a [`Layer`]: the distributions, whom each file belongs to, and what its bytes
//! say. Files are read side by side, the largest first, each once; those of `*.dist-info` before, to know the owners.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

use super::capped::Noticed;
use crate::error::Explanation;
use crate::files;
use crate::layer::scan::Observed;
use crate::layer::scan::leaks::Scan;
use crate::layer::scan::places::is_package_folder;
use crate::layer::{Distribution, File, Finding, Kind, Layer, Owner, paths};
use crate::secrets::Secrets;
use crate::types::ByteSize;

/// A file or link, not yet read. `P` is what reading it takes.
#[derive(Clone, Debug)]
pub(super) struct Found<P> {
    pub(super) kind: Kind,
    /// Unzipped, as declared; 0 for a link.
    pub(super) size: u64,
    pub(super) place: P,
}

/// Path in the layer to what is there.
pub(super) type Contents<P> = BTreeMap<Utf8PathBuf, Found<P>>;

/// Of a file that describes a distribution, in bytes: ten times as much as the largest that are known have.
const LARGEST_DESCRIPTION: u64 = 16 << 20;

/// Reads everything once.
pub(super) fn read<P: Sync>(
    contents: &Contents<P>,
    secrets: &Secrets,
    noticed: &mut Noticed,
    bytes_of: impl Fn(&Utf8Path, &P) -> Result<Vec<u8>, Finding> + Sync,
) -> Layer {
    let text_of = |path: &Utf8Path| {
        let found = contents.get(path).filter(|found| found.size <= LARGEST_DESCRIPTION)?;
        let bytes = bytes_of(path, &found.place).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let distributions = distributions(contents, noticed, text_of);
    let owners = owners(contents, &distributions);
    let mut distributions: Vec<Distribution> = distributions.into_values().collect();
    distributions.sort_by(|left, right| (&left.name, &left.info).cmp(&(&right.name, &right.info)));
    let scan = Scan::new(secrets, &distributions);
    let owner_of = |path: &Utf8Path| owners.get(path).cloned().unwrap_or(Owner::Unknown);

    // By number: comparing a hundred thousand paths takes longer than reading short files.
    let all: Vec<(&Utf8PathBuf, &Found<P>)> = contents.iter().collect();
    let mut largest_first: Vec<usize> = (0..all.len()).collect();
    largest_first.sort_by_key(|number| std::cmp::Reverse(all[*number].1.size));
    let next = AtomicUsize::new(0);
    let look_at_some = || {
        let mut seen: Vec<(usize, Result<Observed, Finding>)> = Vec::new();
        while let Some(number) = largest_first.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (path, found) = all[*number];
            let owner = owner_of(path);
            let observed = match &found.kind {
                Kind::File { .. } => {
                    bytes_of(path, &found.place).map(|bytes| Observed::of(path, &owner, &bytes, &scan))
                }
                Kind::Link { target } => Ok(Observed::of_link(path, &owner, target, &scan)),
            };
            seen.push((*number, observed));
        }
        seen
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut seen: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(look_at_some)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    seen.sort_by_key(|(number, _)| *number);
    let files = all.iter().zip(seen).map(|((path, found), (_, observed))| {
        let observed = observed.unwrap_or_else(|finding| {
            noticed.push(finding);
            Observed::default()
        });
        ((*path).clone(), file(found, owner_of(path), observed))
    });
    Layer { files: files.collect(), distributions, ..Layer::default() }
}

/// What is there, without a look at any bytes.
pub(super) fn listed<P>(contents: &Contents<P>) -> Layer {
    let files = contents.iter().map(|(path, found)| (path.clone(), file(found, Owner::Unknown, Observed::default())));
    Layer { files: files.collect(), ..Layer::default() }
}

fn file<P>(found: &Found<P>, owner: Owner, observed: Observed) -> File {
    File { kind: found.kind.clone(), size: ByteSize(found.size), owner, observed }
}

/// Each with its `*.dist-info` as path in the layer.
fn distributions<P>(
    contents: &Contents<P>,
    noticed: &mut Noticed,
    text_of: impl Fn(&Utf8Path) -> Option<String>,
) -> BTreeMap<Utf8PathBuf, Distribution> {
    let metadata = contents.keys().filter(|path| path.file_name() == Some("METADATA"));
    let infos = metadata
        .filter_map(|path| path.parent())
        // Others belong to vendored copies.
        .filter(|info| info.extension() == Some("dist-info") && info.parent().is_some_and(is_package_folder));
    let mut distributions = BTreeMap::new();
    for info in infos {
        match Distribution::read(info.file_name().unwrap_or_default(), |name| text_of(&info.join(name))) {
            Ok(distribution) => {
                distributions.insert(info.to_owned(), distribution);
            }
            Err(error) => noticed.push(Finding::warning(
                "broken-metadata",
                info.as_str(),
                format!("`{info}` does not describe a distribution: {}", Explanation::of(&error).causes.join(": ")),
                "install that distribution again",
            )),
        }
    }
    distributions
}

/// By `RECORD`. Installers and this program put scripts into different folders, and nobody records all bytecode.
fn owners<P>(
    contents: &Contents<P>,
    distributions: &BTreeMap<Utf8PathBuf, Distribution>,
) -> BTreeMap<Utf8PathBuf, Owner> {
    let mut owners = BTreeMap::new();
    for (info, distribution) in distributions {
        let packages = info.parent().unwrap_or(Utf8Path::new(""));
        let owner = Owner::Distribution(distribution.name.clone());
        for path in distribution.record.keys() {
            for place in [packages.join(path), paths::place(path, Some(distribution), packages)] {
                let Some(place) = files::normalize(&place) else { continue };
                for place in bytecode(&place).into_iter().flatten().chain([place]) {
                    if contents.contains_key(&place) {
                        owners.entry(place).or_insert_with(|| owner.clone());
                    }
                }
            }
        }
        let of_info = contents.range(info.clone()..).take_while(|(path, _)| path.starts_with(info));
        for (path, _) in of_info {
            owners.entry(path.clone()).or_insert_with(|| owner.clone());
        }
    }
    // Bytecode of any Python beside its source.
    let cached: Vec<(Utf8PathBuf, Owner)> = contents
        .keys()
        .filter(|path| path.extension() == Some("pyc") && !owners.contains_key(*path))
        .filter_map(|path| {
            let folder = path.parent().filter(|folder| folder.file_name() == Some("__pycache__"))?;
            let module = path.file_name()?.split('.').next()?;
            let source = folder.parent()?.join(format!("{module}.py"));
            Some((path.clone(), owners.get(&source)?.clone()))
        })
        .collect();
    owners.extend(cached);
    owners
}

/// What stands in place of a source: `x.pyc`.
fn bytecode(source: &Utf8Path) -> Option<[Utf8PathBuf; 1]> {
    (source.extension() == Some("py")).then(|| [source.with_extension("pyc")])
}
