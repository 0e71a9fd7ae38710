//! What the bytes of one file say, looked at while they pass on their way into a zip, or out of one: no file is read
//! twice for it. What several files say together is for the checks in `audit`.

pub mod binary;
pub mod elf;

use camino::Utf8Path;

use self::binary::Binary;
use crate::build::Owner;
use crate::leaks::{Leak, Scan};

/// Nothing, for most files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The worst credential in it.
    pub leak: Option<Leak>,
    /// What it is if it is compiled, or has the name of something compiled.
    pub binary: Option<Binary>,
}

impl Observed {
    pub fn of(path: &Utf8Path, owner: &Owner, bytes: &[u8], scan: &Scan) -> Self {
        Self { leak: scan.look(path, owner, bytes), binary: Binary::of(path, bytes) }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
