//! Decompresses one entry of a zip, and refuses it unless it has as many bytes as it declares.

use libdeflater::{DecompressionError, Decompressor, crc32};
use rawzip::{CompressionMethod, ZipArchiveEntryWayfinder, ZipSliceArchive};

use crate::facts;
use crate::layer::Finding;
use crate::types::ByteSize;

/// Where an entry's bytes are and how they are packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) wayfinder: ZipArchiveEntryWayfinder,
    pub(super) method: CompressionMethod,
    pub(super) crc: u32,
}

/// # Errors
/// The finding to tell in place of the bytes. `name` can be shown.
pub(super) fn inflate(zip: &ZipSliceArchive<&[u8]>, place: Place, name: &str) -> Result<Vec<u8>, Finding> {
    let declared = place.wayfinder.uncompressed_size_hint();
    let entry = zip.get_entry(place.wayfinder).map_err(|_unreadable| corrupt(name, "its data is not in the zip"))?;
    let packed = entry.data();
    let limits = facts::opening();
    let most = if place.method == CompressionMethod::DEFLATE { limits.deflate_ratio } else { 1 };
    if declared > (packed.len() as u64 + 1).saturating_mul(most) {
        let reason =
            format!("it declares {} for {} of compressed data", ByteSize(declared), ByteSize(packed.len() as u64));
        return Err(bomb(name, &format!("{reason}, more than that can hold")));
    }
    if declared > limits.entry {
        let reason = format!("it is {}, over the limit of {}", ByteSize(declared), ByteSize(limits.entry));
        return Err(bomb(name, &reason));
    }
    let length = usize::try_from(declared).map_err(|_large| bomb(name, "it is too large for this machine"))?;
    let bytes = if place.method == CompressionMethod::STORE {
        if packed.len() != length {
            return Err(corrupt(name, "its size differs from the size that it declares"));
        }
        packed.to_vec()
    } else {
        let mut bytes = vec![0; length];
        let written = match Decompressor::new().deflate_decompress(packed, &mut bytes) {
            Ok(written) => written,
            Err(DecompressionError::InsufficientSpace) => {
                return Err(bomb(
                    name,
                    &format!("it unpacks to more than the {} that it declares", ByteSize(declared)),
                ));
            }
            Err(DecompressionError::BadData) => return Err(corrupt(name, "its data cannot be decompressed")),
        };
        if written != length {
            return Err(corrupt(name, "it unpacks to less than it declares"));
        }
        bytes
    };
    if crc32(&bytes) != place.crc {
        return Err(corrupt(name, "its checksum is wrong"));
    }
    Ok(bytes)
}

pub(super) fn corrupt(name: &str, why: &str) -> Finding {
    Finding::error(
        "corrupt-zip",
        name,
        format!("`{name}` is corrupt: {why}"),
        "create the zip again, or download it again",
    )
}

pub(super) fn bomb(name: &str, why: &str) -> Finding {
    Finding::error(
        "zip-bomb",
        name,
        format!("`{name}` was not unpacked: {why}"),
        "do not unpack it: no layer is that large; find out who created it",
    )
}
