//! Compresses files, each as a whole: the same bytes become the same stream on any machine.

use libdeflater::{CompressionError, CompressionLvl, Compressor};

/// The default of zlib and of libdeflate.
const LEVEL: i32 = 6;
/// Libraries take more than half of a usual layer's time at that level: one below, it is a fifth less, for 0.9% of their
/// size (`benches/README.md`).
const LEVEL_OF_LIBRARIES: i32 = 5;
/// Twice as fast, and a tenth to a sixth larger.
const QUICK: i32 = 1;
/// How compiled files begin (elf(5)).
const ELF: &[u8] = b"\x7fELF";

/// A compressor for one thread.
#[expect(missing_debug_implementations, reason = "libdeflater's compressor has none")]
pub struct Deflater {
    libraries: Compressor,
    others: Compressor,
    /// Used again for each file: musl, the C library of the static programs, takes each large piece of memory from the
    /// kernel and returns it at once.
    memory: Vec<u8>,
}

/// Bytes of memory that are kept for the next file.
pub(super) const KEPT_MEMORY: usize = 8 << 20;

impl Deflater {
    /// For what goes into a layer.
    pub fn of_layers() -> Self {
        Self::of_levels(LEVEL_OF_LIBRARIES, LEVEL)
    }

    /// For what only this program reads again.
    pub fn quick() -> Self {
        Self::of_levels(QUICK, QUICK)
    }

    fn of_levels(libraries: i32, others: i32) -> Self {
        let compressor = |level| Compressor::new(CompressionLvl::new(level).expect("is a level"));
        Self { libraries: compressor(libraries), others: compressor(others), memory: Vec::new() }
    }

    /// # Errors
    /// The compressor needs more room than it said, which does not happen.
    pub fn deflate(&mut self, bytes: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let compressor = if bytes.starts_with(ELF) { &mut self.libraries } else { &mut self.others };
        let bound = compressor.deflate_compress_bound(bytes.len());
        if self.memory.len() < bound {
            // Zeroed memory costs nothing until it is written to, so this much is only used where bytes do not compress.
            self.memory = vec![0; bound];
        }
        let length = compressor.deflate_compress(bytes, &mut self.memory)?;
        let deflated = self.memory[..length].to_vec();
        if self.memory.len() > KEPT_MEMORY {
            self.memory = Vec::new();
        }
        Ok(deflated)
    }
}
