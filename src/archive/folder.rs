//! Opens a folder that is laid out as `/opt` will be. Links are kept as they are and never followed.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use super::capped::Noticed;
use super::contents::{Contents, Found};
use super::{Opened, contents, modes, names, unpack};
use crate::error::Failure;
use crate::layer::{Finding, Kind};
use crate::secrets::Secrets;
use crate::types::ByteSize;
use crate::{facts, files};

/// # Errors
/// What the file system says, a name that is not UTF-8, or a folder that is far too large for a layer.
pub fn open(folder: &Utf8Path, shown: &str, secrets: &Secrets) -> anyhow::Result<Opened> {
    let mut noticed = Noticed::default();
    let contents = list(folder, shown, &mut noticed)?;
    if folder.file_name() == Some("python") && !folder.join("python").exists() {
        let parent = Utf8Path::new(shown).parent().filter(|parent| !parent.as_str().is_empty());
        let failure = Failure::user(format!("`{shown}` is the package folder of a layer, not the layer itself"));
        return Err(failure
            .hint(format!("audit its parent folder: `{}`", parent.unwrap_or(Utf8Path::new("."))))
            .into());
    }
    let layer = contents::read(&contents, secrets, &mut noticed, bytes_of);
    Ok(Opened { layer, findings: noticed.finish(), is_read: true, content: None, zipped_size: None })
}

/// Copies it to a new folder, `opt`.
///
/// # Errors
/// As of [`open`].
pub fn lay_out(folder: &Utf8Path, shown: &str, opt: &Utf8Path) -> anyhow::Result<()> {
    unpack::write(&list(folder, shown, &mut Noticed::default())?, opt, bytes_of)
}

fn bytes_of(path: &Utf8Path, source: &Utf8PathBuf) -> Result<Vec<u8>, Finding> {
    fs_err::read(source).map_err(|error| {
        let why = format!("`{path}` cannot be read: {error}");
        Finding::error("mode-refused", path.as_str(), why, "run `chmod -R a+rX` on the layer's folder")
    })
}

fn list(folder: &Utf8Path, shown: &str, noticed: &mut Noticed) -> anyhow::Result<Contents<Utf8PathBuf>> {
    let limits = facts::opening();
    let (mut contents, mut total) = (Contents::new(), 0_u64);
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("could not read `{shown}`"))?;
        let source = files::utf8(entry.path())?;
        let path = source.strip_prefix(folder).expect("walkdir stays in its folder").to_owned();
        let metadata = entry.metadata()?;
        if let Err(why) = names::path(path.as_str().as_bytes()) {
            noticed.push(names::refused(&names::shown(path.as_str().as_bytes()), why));
            continue;
        }
        let mode = Some(metadata.permissions().mode());
        if metadata.is_dir() {
            if !path.as_str().is_empty() {
                noticed.extend(modes::of_folder(&path, mode));
            }
            continue;
        }
        noticed.extend(modes::of_file(&path, mode));
        let (kind, size) = if metadata.is_symlink() {
            let target = files::utf8(&fs_err::read_link(source)?)?.to_owned();
            (Kind::Link { target }, 0)
        } else if metadata.is_file() {
            (Kind::File { executable: metadata.permissions().mode() & 0o111 != 0 }, metadata.len())
        } else {
            // Noted by its mode; reading a pipe would wait for ever.
            continue;
        };
        total += size;
        if total > limits.total || size > limits.entry || contents.len() as u64 >= limits.entries {
            let failure = Failure::user(format!("`{shown}` is far too large for a layer"));
            let cause =
                format!("it contains more than {} files or {}", limits.entries, ByteSize(limits.total.min(total)));
            return Err(failure.cause(cause).hint("give the folder that would become `/opt`").into());
        }
        contents.insert(path, Found { kind, size, place: source.to_owned() });
    }
    Ok(contents)
}
