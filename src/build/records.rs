//! Writes each `RECORD` anew, sorted and with what is in the layer alone, so that it is the same for every installer.

use camino::Utf8Path;

use super::assemble::entry;
use super::places;
use super::tree::{Owner, Source, Tree};
use crate::spec::Spec;

/// The last step of a tree: whatever is left out after it would still be recorded.
///
/// Bytecode is not recorded, which the specification leaves open.
pub fn with_records(mut tree: Tree, spec: &Spec) -> anyhow::Result<Tree> {
    let packages = spec.content.layout.packages(spec.target.python);
    let up: String = packages.components().map(|_| "../").collect();
    for distribution in tree.distributions.clone() {
        let mut lines = Vec::new();
        for (path, recorded) in &distribution.record {
            let place = places::place(path, Some(&distribution), &packages);
            let Some(entry) = tree.entries.get(&place) else { continue };
            // What this program wrote is not what was recorded.
            let recorded = if is_original(&entry.source, &place) { recorded.as_str() } else { "," };
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

fn is_original(source: &Source, place: &Utf8Path) -> bool {
    matches!(source, Source::File { .. } | Source::Link { .. }) && !place.starts_with("bin")
}

fn quoted(path: &str) -> String {
    if path.contains([',', '"']) { format!("\"{}\"", path.replace('"', "\"\"")) } else { path.to_owned() }
}
