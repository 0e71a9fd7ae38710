//! The files of a zip that is no layer, one after another.

use rawzip::{CompressionMethod, ZipArchive};

use super::inflate::{Place, inflate};
use super::names;
use crate::types::ByteSize;

/// What is passed on of a file.
#[derive(Debug)]
pub struct Listed {
    /// As it stands in the zip, made printable.
    pub name: String,
    /// Or why they cannot be read.
    pub bytes: Result<Vec<u8>, String>,
}

/// Gives each file to `take`, in the order of the zip's directory; one of more than `longest` bytes is not unpacked.
///
/// # Errors
/// Why this is no zip, or has a directory that cannot be read to its end.
pub fn each(zip: &[u8], longest: ByteSize, mut take: impl FnMut(Listed)) -> Result<(), String> {
    let zip = ZipArchive::from_slice(zip).map_err(|error| error.to_string())?;
    let (mut entries, mut count) = (zip.entries(), 0_u64);
    while let Some(entry) =
        entries.next_entry().map_err(|_broken| format!("its directory cannot be read after entry {count}"))?
    {
        count += 1;
        if entry.is_dir() {
            continue;
        }
        let name = names::shown(entry.file_path().as_bytes());
        let (size, method) = (ByteSize(entry.uncompressed_size_hint()), entry.compression_method());
        let is_readable =
            [CompressionMethod::STORE, CompressionMethod::DEFLATE].contains(&method) && !entry.flags().is_encrypted();
        let bytes = if size > longest {
            Err(format!("it is {size}, over the limit of {longest}"))
        } else if is_readable {
            let place = Place { wayfinder: entry.wayfinder(), method, crc: entry.crc32() };
            inflate(&zip, place, &name).map_err(|finding| finding.message)
        } else {
            Err("it is encrypted, or compressed in another way than with deflate".to_owned())
        };
        take(Listed { name, bytes });
    }
    if count != zip.entries_hint() {
        return Err(format!("its directory has {count} entries, but declares {}", zip.entries_hint()));
    }
    Ok(())
}
