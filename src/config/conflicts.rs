//! Refuses layers that would write the same file.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::expand::Wanted;
use super::problem::Problem;
use crate::environment::Environment;
use crate::error::Failure;
use crate::files;

/// Inputs that name a file to write.
const WRITTEN: &[&str] = &["output", "report", "sbom", "third-party-licenses"];

/// Reports one problem for each value, however many layers share it.
pub(super) fn refuse(chosen: &[Wanted], environment: &Environment, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<Utf8PathBuf, &str> = BTreeMap::new();
    let mut told = Vec::new();
    for layer in chosen {
        let folder = layer.given.get("working-directory").and_then(|values| values.last());
        let folder = environment.current_directory.join(folder.map_or("", String::as_str));
        for (input, origin) in WRITTEN.iter().filter_map(|input| Some((*input, layer.origins.get(*input)?.last()?))) {
            let full = folder.join(Utf8Path::new(origin.text.trim()));
            let Some(other) = first.insert(files::normalize(&full).unwrap_or(full), &layer.name) else { continue };
            // If two inputs of one layer name the same file, its spec reports that.
            if other == layer.name || told.contains(&(input, origin.span)) {
                continue;
            }
            told.push((input, origin.span));
            let message = format!("`{input}` is `{}` for `{other}` and for `{}`", origin.text, layer.name);
            let failure = Failure::user(message).hint("include `{layer}`, which stands for the layer's name");
            problems.push(Problem::of(origin.span, failure));
        }
    }
}
