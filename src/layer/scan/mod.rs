//! Scans the bytes of each file while it is packed or unpacked, so that no file is read twice. Checks that compare
//! files are in `audit`.

pub mod binary;
pub mod elf;
pub mod leaks;
pub mod places;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::layer::Owner;
use crate::layer::scan::binary::Binary;
use crate::layer::scan::leaks::{Leak, Scan};
use crate::layer::scan::places::Place;

/// What was seen in a file; for most files that is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    /// The worst credential in it. It is never written down.
    #[serde(skip)]
    pub leak: Option<Leak>,
    /// Set if the file is compiled, or has the name of a compiled file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<Binary>,
    /// The first line of a script, without `#!`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// Set for a `*.pyc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytecode: Option<Bytecode>,
    /// Folders outside of the layer that it names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// The header of a bytecode file (PEP 552).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytecode {
    /// The magic number of the Python that reads it, as in `data/runtimes.yml`.
    pub magic: u16,
    /// Whether it is valid only if the source has the modification time in the header.
    pub has_time: bool,
}

impl Observed {
    pub fn of(path: &Utf8Path, owner: &Owner, bytes: &[u8], scan: &Scan) -> Self {
        Self {
            leak: scan.look(path, owner, bytes),
            binary: Binary::of(path, bytes),
            interpreter: interpreter(bytes),
            bytecode: bytecode(path, bytes),
            places: places::of(path, bytes),
        }
    }

    /// A link has no content of its own; the file that it leads to is scanned by itself.
    pub fn of_link(path: &Utf8Path, owner: &Owner, target: &Utf8Path, scan: &Scan) -> Self {
        Self { leak: scan.look(path, owner, target.as_str().as_bytes()), ..Self::default() }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

fn interpreter(bytes: &[u8]) -> Option<String> {
    /// The longest first line that Linux reads, in bytes.
    const LONGEST: usize = 256;
    let rest = bytes.strip_prefix(b"#!")?;
    let line = rest[..rest.len().min(LONGEST)].split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).trim_start().to_owned())
}

fn bytecode(path: &Utf8Path, bytes: &[u8]) -> Option<Bytecode> {
    let head = bytes.first_chunk::<16>().filter(|_| path.extension() == Some("pyc"))?;
    let [first, second, b'\r', b'\n', flags, ..] = *head else { return None };
    Some(Bytecode { magic: u16::from_le_bytes([first, second]), has_time: flags & 1 == 0 })
}
