//! Creates the temporary folder of a build, and removes those of killed runs.

use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use tempfile::TempDir;

/// Prefixes that only builds use: for their folder, and for the zip while it is written.
const PREFIXES: &[&str] = &["lambda-layer-build-", ".lambda-layer-"];
/// The age of leftovers. No run takes longer: GitHub ends a job after six hours.
const ABANDONED: Duration = Duration::from_hours(24);

/// A new folder in `parent`, which is removed when the value is dropped.
pub(crate) fn folder(parent: &Utf8Path) -> anyhow::Result<TempDir> {
    sweep(parent, SystemTime::now());
    Ok(tempfile::Builder::new().prefix(PREFIXES[0]).tempdir_in(parent)?)
}

/// Removes files and folders of runs that were killed before they could clean up. Those that cannot be removed stay.
fn sweep(parent: &Utf8Path, now: SystemTime) {
    let entries = parent.read_dir_utf8().into_iter().flatten().flatten();
    for entry in entries.filter(|entry| PREFIXES.iter().any(|prefix| entry.file_name().starts_with(prefix))) {
        let age = entry.metadata().ok().and_then(|metadata| now.duration_since(metadata.modified().ok()?).ok());
        if age.is_some_and(|age| age > ABANDONED) {
            fs_err::remove_dir_all(entry.path()).or_else(|_| fs_err::remove_file(entry.path())).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_old_runs_left_is_removed() {
        let keep = tempfile::tempdir().expect("can be made");
        let parent = crate::files::utf8(keep.path()).expect("is UTF-8");
        for name in ["lambda-layer-build-old", "uv-1.0"] {
            fs_err::create_dir(parent.join(name)).expect("can be made");
        }
        fs_err::write(parent.join(".lambda-layer-old.zip"), "").expect("can be written");
        let names = || {
            let mut names: Vec<String> =
                parent.read_dir_utf8().expect("is there").flatten().map(|entry| entry.file_name().to_owned()).collect();
            names.sort();
            names
        };
        sweep(parent, SystemTime::now());
        assert_eq!(names(), [".lambda-layer-old.zip", "lambda-layer-build-old", "uv-1.0"]);
        sweep(parent, SystemTime::now() + ABANDONED + Duration::from_hours(1));
        assert_eq!(names(), ["uv-1.0"]);
    }
}
