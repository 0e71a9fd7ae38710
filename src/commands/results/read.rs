//! Reads the results of other jobs and validates them.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::{FORMAT, LayerResult, Results};
use crate::error::{Failure, Problems};
use crate::types::LayerName;

/// The longest file, in bytes: a plan of thousands of layers has a few million.
const LONGEST: u64 = 64 * 1024 * 1024;
/// The most bytes of all files together.
const LONGEST_ALL: u64 = 4 * LONGEST;
/// The most files.
const FILES: usize = 10_000;

/// All results below a folder, sorted by path. Each artifact may have its own folder.
///
/// # Errors
/// There are no results, or some files are invalid; the error names all of them.
pub fn read(folder: &Utf8Path, shown: &str) -> Result<Vec<(Utf8PathBuf, Results)>, Failure> {
    let hint = "upload the `results` of each job as an artifact, and download all of them into this folder";
    if !folder.is_dir() {
        return Err(Failure::user(format!("`results` is `{shown}`, which is not a folder")).hint(hint));
    }
    let mut problems = Problems::default();
    let (mut files, mut bytes) = (Vec::new(), 0);
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let failure = Failure::user(format!("could not read `{shown}`")).cause(error.to_string());
            failure.hint("give the user who runs this program permission to read it")
        })?;
        let is_result = entry.file_type().is_file() && entry.path().extension().is_some_and(|suffix| suffix == "json");
        let Some(path) = Utf8Path::from_path(entry.path()).filter(|_| is_result) else { continue };
        bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        if files.len() == FILES || bytes > LONGEST_ALL {
            return Err(Failure::user(format!("`{shown}` contains more than the results of layers")).hint(hint));
        }
        let shown = path.strip_prefix(folder).unwrap_or(path);
        if let Some(results) = problems.check(read_one(path, shown)) {
            files.push((shown.to_owned(), results));
        }
    }
    problems.into_result()?;
    if files.is_empty() {
        return Err(Failure::user(format!("`{shown}` contains no results")).hint(hint));
    }
    Ok(files)
}

fn read_one(path: &Utf8Path, shown: &Utf8Path) -> Result<Results, Failure> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let invalid = |why: String| {
        let failure = Failure::user(format!("`{shown}` is not a result of a layer")).cause(why);
        failure.hint("keep only results that this version of the action wrote in this folder")
    };
    let length = fs_err::metadata(path).map_err(|error| invalid(error.to_string()))?.len();
    if length > LONGEST {
        return Err(invalid(format!("it is too large ({length} bytes)")));
    }
    let bytes = fs_err::read(path).map_err(|error| invalid(error.to_string()))?;
    let Format { format } = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    if format != FORMAT {
        return Err(invalid(format!("its format is {format}, but only {FORMAT} is supported")));
    }
    let results: Results = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    for LayerResult { report, .. } in &results.layers {
        if report.command != "audit" {
            report.layer_name.parse::<LayerName>().map_err(|failure| invalid(failure.message))?;
        }
    }
    // Regions are plain strings that are shown as they are, so they are checked here.
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    for LayerResult { report, .. } in &results.layers {
        let regions = report.destinations.iter().map(|destination| &destination.region);
        if let Some(region) = regions.chain(report.changes.iter().map(|change| &change.region)).find(|it| !is_word(it))
        {
            return Err(invalid(format!("`{region}` is not a region")));
        }
    }
    Ok(results)
}
