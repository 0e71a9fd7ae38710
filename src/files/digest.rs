//! Digests of files and folders.

use std::io::Read as _;

use camino::Utf8Path;
use sha2::{Digest as _, Sha256};

use super::{FileEntry, FileKind, walk};
use crate::types::Digest;

/// Digest of a file, or of a folder's paths, modes and bytes.
pub fn digest(path: &Utf8Path, workspace: &Utf8Path) -> anyhow::Result<Digest> {
    if path.is_file() {
        let mut hasher = Sha256::new();
        hash_file(&mut hasher, path)?;
        return Ok(Digest::finish(hasher));
    }
    digest_of_entries(&walk(path, workspace)?)
}

/// Each entry adds a tag, its path and its bytes, each with its length in front, so no two folders look alike.
pub fn digest_of_entries(entries: &[FileEntry]) -> anyhow::Result<Digest> {
    let mut hasher = Sha256::new();
    let add = |hasher: &mut Sha256, bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for entry in entries {
        add(&mut hasher, entry.path.as_str().as_bytes());
        match &entry.kind {
            FileKind::File { source, executable } => {
                add(&mut hasher, if *executable { b"executable" } else { b"file" });
                hasher.update(fs_err::metadata(source)?.len().to_le_bytes());
                hash_file(&mut hasher, source)?;
            }
            FileKind::Link { target } => {
                add(&mut hasher, b"link");
                add(&mut hasher, target.as_str().as_bytes());
            }
        }
    }
    Ok(Digest::finish(hasher))
}

/// Reads in pieces, so that a large file takes no memory.
fn hash_file(hasher: &mut Sha256, path: &Utf8Path) -> anyhow::Result<()> {
    let mut file = fs_err::File::open(path)?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            length => hasher.update(&piece[..length]),
        }
    }
}
