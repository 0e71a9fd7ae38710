//! Writes each `RECORD` again, sorted and with only the files that are in the layer. Files that were left out are not
//! listed; files that were changed or replaced are listed as they are. So each `RECORD` is true, and the same for every
//! installer.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::assemble::entry;
use crate::layer::{Entry, Owner, Source, Tree, paths};
use crate::process::side_by_side;
use crate::spec::Spec;
use crate::types::Digest;

/// Writes the records as the last step of a tree: files that are left out later would still be recorded.
///
/// Bytecode is not recorded; the specification does not require it.
pub fn with_records(mut tree: Tree, spec: &Spec) -> anyhow::Result<Tree> {
    let packages = spec.content.layout.packages(spec.target.python);
    let hashes = hashes(&tree)?;
    let up: String = packages.components().map(|_| "../").collect();
    for distribution in tree.distributions.clone() {
        let mut lines = Vec::new();
        for path in distribution.record.keys() {
            let place = paths::place(path, Some(&distribution), &packages);
            let Some(recorded) = hashes.get(place.as_str()) else { continue };
            let seen = place.strip_prefix(&packages).map_or_else(|_| format!("{up}{place}"), ToString::to_string);
            lines.push(format!("{},{recorded}\n", quoted(&seen)));
        }
        let record = distribution.info.join("RECORD");
        lines.push(format!("{record},,\n"));
        lines.sort();
        let source = Source::Bytes { bytes: lines.concat().into_bytes(), executable: false };
        tree.add(packages.join(record), entry(source, Owner::Distribution(distribution.name.clone()))?)?;
    }
    Ok(tree)
}

/// What is recorded for each path: hash and size of a file, nothing for a link. All processors share the work, because
/// a layer may have hundreds of megabytes.
fn hashes(tree: &Tree) -> anyhow::Result<BTreeMap<String, String>> {
    let entries: Vec<(&Utf8PathBuf, &Entry)> = tree.entries.iter().collect();
    let hashes = side_by_side(&entries, |(place, entry)| {
        let recorded = match entry.source {
            Source::Link { .. } => ",".to_owned(),
            _ => match entry.digest {
                Some(digest) => recorded(digest, entry.size.0),
                None => hash_and_size(&entry.bytes()?),
            },
        };
        Ok((place.to_string(), recorded))
    });
    Ok(hashes?.into_iter().collect())
}

/// The hash and the size in bytes, in the form of a `RECORD`.
pub(crate) fn hash_and_size(bytes: &[u8]) -> String {
    recorded(Digest::of(bytes), bytes.len() as u64)
}

fn recorded(digest: Digest, bytes: u64) -> String {
    format!("sha256={},{bytes}", digest.base64_for_urls())
}

fn quoted(path: &str) -> String {
    if path.contains([',', '"']) { format!("\"{}\"", path.replace('"', "\"\"")) } else { path.to_owned() }
}
