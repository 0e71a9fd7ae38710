//! Creates the temporary folders of a build, and removes those of killed runs.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use tempfile::TempDir;
use walkdir::{DirEntry, WalkDir};

use super::{side_by_side, workers};

/// Prefixes that only builds use: for their folder, and for the zip while it is written.
const PREFIXES: &[&str] = &["lambda-layer-build-", ".lambda-layer-"];
/// The age of leftovers. No run takes longer: GitHub ends a job after six hours.
const ABANDONED: Duration = Duration::from_hours(24);

/// The folder for files in memory (shm_overview(7)), and the kind of its file system (statfs(2)).
const MEMORY: &str = "/dev/shm";
#[cfg(target_os = "linux")]
const TMPFS: i64 = 0x0102_1994;
/// The part of the free memory that a build takes at most for its files: other builds run beside it.
#[cfg(target_os = "linux")]
const SHARE: u64 = 8;

/// A new folder in `parent`, which is removed when the value is dropped.
pub(crate) fn folder(parent: &Utf8Path) -> anyhow::Result<TempDir> {
    sweep(parent, SystemTime::now());
    Ok(tempfile::Builder::new().prefix(PREFIXES[0]).tempdir_in(parent)?)
}

/// A new folder for what uv installs: in `parent`, unless uv would have to copy the files of its `cache` from one mount to
/// another. Then it is in the cache: to link some thousand files takes a tenth of a second, and to copy them 3 s.
pub(crate) fn folder_for_links(parent: &Utf8Path, cache: Option<&Utf8Path>) -> anyhow::Result<TempDir> {
    let elsewhere = cache.filter(|cache| !is_linkable(cache, parent) && fs_err::create_dir_all(cache).is_ok());
    match elsewhere.map(folder) {
        Some(Ok(folder)) => Ok(folder),
        _ => folder(parent),
    }
}

/// Whether files of one folder can be linked into the other (link(2), `EXDEV`); folders need not exist yet.
fn is_linkable(one: &Utf8Path, other: &Utf8Path) -> bool {
    let mount = |folder: &Utf8Path| folder.ancestors().find_map(mount);
    mount(one) == mount(other)
}

/// Mount and device. A folder that is mounted in two places is one device, and a subvolume of Btrfs is another device of
/// the same mount: files of neither can be linked into the other.
#[cfg(target_os = "linux")]
fn mount(path: &Utf8Path) -> Option<(u64, u64)> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
    let found = statx(CWD, path.as_std_path(), AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    Some((found.stx_mnt_id, makedev(found.stx_dev_major, found.stx_dev_minor)))
}

#[cfg(not(target_os = "linux"))]
fn mount(path: &Utf8Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Some(path.metadata().ok()?.dev())
}

/// Removes a folder, which may have thousands of files, on all processors. What cannot be removed stays.
pub(crate) fn remove(folder: TempDir) {
    // `installed/package/part`: of these there are enough.
    let parts = WalkDir::new(folder.path()).min_depth(3).max_depth(3).into_iter().flatten();
    let parts: Vec<_> = parts.filter(|part| part.file_type().is_dir()).map(DirEntry::into_path).collect();
    let remove = |part: &PathBuf| Ok(fs_err::remove_dir_all(part).ok());
    side_by_side(&parts, remove).ok();
    drop(folder);
}

/// A folder for this many bytes of files that are soon removed again: in memory if there is plenty of it, because many
/// disks take longer to create a file than to write it; otherwise in `parent`.
pub(crate) fn quick_folder(parent: &Utf8Path, bytes: u64) -> anyhow::Result<TempDir> {
    let memory = Utf8Path::new(MEMORY);
    if has_room(memory, bytes)
        && let Ok(folder) = folder(memory)
    {
        return Ok(folder);
    }
    folder(parent)
}

/// The memory that a file of this size takes, in bytes: whole pages.
pub(crate) fn pages(size: u64) -> u64 {
    size.next_multiple_of(rustix::param::page_size() as u64)
}

/// Whether files in this folder are in memory, with room for so many bytes, and programs may use them. Containers have a
/// small one, from which no library can be loaded.
#[cfg(target_os = "linux")]
fn has_room(folder: &Utf8Path, bytes: u64) -> bool {
    use rustix::fs::{StatVfsMountFlags, access, statfs, statvfs};
    let Ok((kind, room)) = statfs(folder.as_std_path()).and_then(|kind| Ok((kind, statvfs(folder.as_std_path())?)))
    else {
        return false;
    };
    let is_usable = !room.f_flag.intersects(StatVfsMountFlags::NOEXEC | StatVfsMountFlags::RDONLY);
    let may_write = access(folder.as_std_path(), rustix::fs::Access::WRITE_OK).is_ok();
    let is_free = room.f_bavail.saturating_mul(room.f_frsize) / SHARE >= bytes;
    let is_available = workers::available_memory().is_some_and(|available| available / SHARE >= bytes);
    kind.f_type == TMPFS && is_usable && may_write && is_free && is_available
}

#[cfg(not(target_os = "linux"))]
fn has_room(_folder: &Utf8Path, _bytes: u64) -> bool {
    false
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
    fn what_does_not_fit_into_memory_is_on_disk() {
        let keep = tempfile::tempdir().expect("can be made");
        let parent = crate::files::utf8(keep.path()).expect("is UTF-8");
        for bytes in [0, u64::MAX] {
            let folder = quick_folder(parent, bytes).expect("can be made");
            let is_on_disk = folder.path().starts_with(parent);
            assert!(is_on_disk || (bytes == 0 && folder.path().starts_with(MEMORY)), "{}", folder.path().display());
            fs_err::write(folder.path().join("x"), "x").expect("can be written");
        }
        // Only a file system in memory counts.
        assert!(!has_room(Utf8Path::new("/proc"), 0));
    }

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
