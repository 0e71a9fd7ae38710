//! Digests of files and folders.

use std::io::Read as _;

use camino::Utf8Path;
use sha2::{Digest as _, Sha256};

use super::{FileEntry, FileKind, walk};
use crate::types::{ByteSize, Digest};

/// Digest of a file, or of a folder's paths, modes and bytes.
pub fn digest(path: &Utf8Path, workspace: &Utf8Path) -> anyhow::Result<Digest> {
    if path.is_file() {
        return Ok(digest_of_file(path)?.0);
    }
    digest_of_entries(&walk(path, workspace)?)
}

/// Digest of a file's bytes, and their number.
pub fn digest_of_file(path: &Utf8Path) -> std::io::Result<(Digest, ByteSize)> {
    let mut hasher = Sha256::new();
    let length = hash_file(&mut hasher, path)?;
    Ok((Digest::finish(hasher), ByteSize(length)))
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

/// Reads in pieces, so that a large file takes no memory. Returns the number of bytes.
fn hash_file(hasher: &mut Sha256, path: &Utf8Path) -> std::io::Result<u64> {
    // Less than what musl would take from the kernel for each file anew (128 kB).
    const LARGEST_PIECE: u64 = 1 << 16;
    let mut file = fs_err::File::open(path)?;
    let piece = file.metadata()?.len().clamp(1, LARGEST_PIECE);
    let mut piece = vec![0; usize::try_from(piece).expect("fits")];
    let mut total = 0;
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(total),
            length => {
                hasher.update(&piece[..length]);
                total += length as u64;
            }
        }
    }
}
