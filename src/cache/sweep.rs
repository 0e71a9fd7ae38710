//! Keeps the cache within its limit: what was not used for the longest time goes first.

use std::time::SystemTime;

use camino::Utf8Path;
use walkdir::WalkDir;

/// In bytes. The files of a layer at Lambda's limit take about a third of it.
pub(super) const LIMIT: u64 = 1_000_000_000;

/// Removes files until the cache has 80% of `limit`, if it has more than that. What another run uses stays open there.
pub(super) fn sweep(folder: &Utf8Path, limit: u64) {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    let mut files: Vec<_> = files
        .filter_map(|entry| {
            let file = entry.metadata().ok()?;
            Some((file.modified().unwrap_or(SystemTime::UNIX_EPOCH), file.len(), entry.into_path()))
        })
        .collect();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    if total <= limit {
        return;
    }
    files.sort();
    for (_, bytes, path) in files {
        if total <= limit / 5 * 4 {
            return;
        }
        if fs_err::remove_file(path).is_ok() {
            total -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_files_go_first() {
        let keep = tempfile::tempdir().expect("can be made");
        let folder = Utf8Path::from_path(keep.path()).expect("is UTF-8");
        for (age, name) in ["new", "old", "older"].into_iter().enumerate() {
            let path = folder.join(name);
            fs_err::write(&path, [0; 100]).expect("can be written");
            let time = SystemTime::now() - std::time::Duration::from_hours(age as u64);
            fs_err::File::options().write(true).open(&path).expect("is there").set_modified(time).expect("can be set");
        }
        let left = || {
            let names = ["new", "old", "older"].into_iter().filter(|name| folder.join(name).exists());
            names.collect::<Vec<_>>()
        };
        sweep(folder, 300);
        assert_eq!(left(), ["new", "old", "older"]);
        sweep(folder, 260);
        assert_eq!(left(), ["new", "old"]);
        sweep(folder, 100);
        assert_eq!(left(), [""; 0]);
    }
}
