//! Small values in files of their own, each with a checksum. They appear at once or not at all.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

use crate::types::Digest;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// `None` if there is no such value, or if it is not what was written.
pub(super) fn read<T: DeserializeOwned>(path: &Utf8Path) -> Option<T> {
    fs_err::metadata(path).ok().filter(|file| file.is_file() && file.len() <= LARGEST)?;
    let text = fs_err::read_to_string(path).ok()?;
    let (sum, value) = text.split_once('\n')?;
    (Digest::of(value.as_bytes()).hex() == sum).then(|| serde_json::from_str(value).ok())?
}

pub(super) fn write<T: Serialize>(path: &Utf8Path, value: &T) -> anyhow::Result<()> {
    let value = serde_json::to_string(value)?;
    let mut file = temporary_file(path)?;
    write!(file, "{}\n{value}", Digest::of(value.as_bytes()))?;
    persist(file, path)
}

/// A new file in the folder of `path`, to be moved there.
pub(super) fn temporary_file(path: &Utf8Path) -> anyhow::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(path);
    super::place::create(folder)?;
    Ok(tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?)
}

/// Others may read it: the step that saves a runner's caches has another user.
pub(super) fn persist(file: NamedTempFile, path: &Utf8Path) -> anyhow::Result<()> {
    fs_err::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}
