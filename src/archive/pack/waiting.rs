//! Where compressed bytes are until it is their turn to be written.

use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use fs_err::File;

/// Compressed bytes.
pub(super) enum Deflated {
    Here(Vec<u8>),
    /// In the waiting room.
    Waiting {
        offset: u64,
        length: usize,
    },
}

/// A file without a name, which is made when it is needed and ends with this value.
#[derive(Default)]
pub(super) struct WaitingRoom {
    file: Mutex<Option<File>>,
    /// In bytes.
    length: AtomicU64,
}

impl WaitingRoom {
    pub(super) fn put(&self, bytes: &[u8]) -> std::io::Result<Deflated> {
        let offset = self.length.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.with_file(|file| file.file().write_all_at(bytes, offset))?;
        Ok(Deflated::Waiting { offset, length: bytes.len() })
    }

    pub(super) fn take(&self, deflated: Deflated) -> std::io::Result<Vec<u8>> {
        let (offset, length) = match deflated {
            Deflated::Here(bytes) => return Ok(bytes),
            Deflated::Waiting { offset, length } => (offset, length),
        };
        let mut bytes = vec![0; length];
        self.with_file(|file| file.file().read_exact_at(&mut bytes, offset))?;
        Ok(bytes)
    }

    fn with_file(&self, work: impl FnOnce(&File) -> std::io::Result<()>) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(File::from_parts(tempfile::tempfile()?, "a temporary file")),
        };
        work(file)
    }
}
