//! Opens a layer that another tool built, a zip or a folder, so that it can be checked. Nothing is unpacked to
//! disk, unless what is in it shall be run.
//!
//! What is wrong with the zip itself is noted here; nothing in it is trusted before it was looked at.

mod capped;
mod contents;
pub mod deflate;
mod each;
mod folder;
mod inflate;
mod modes;
mod names;
pub mod pack;
#[cfg(test)]
mod tests;
mod unpack;
mod zip;

pub use each::{Listed, each};
pub use folder::{lay_out as lay_out_folder, open as open_folder};

pub use zip::{lay_out as lay_out_zip, open as open_zip, reader as reader_of_zip};

use crate::layer::{Finding, Layer};
use crate::types::{ByteSize, ContentHash};

/// A layer with the findings from opening it.
#[derive(Debug)]
pub struct Opened {
    pub layer: Layer,
    pub findings: Vec<Finding>,
    /// Whether the files' bytes were looked at. They are not where a zip is made to exhaust whoever unpacks it.
    pub is_read: bool,
    /// Of a zip.
    pub content: Option<ContentHash>,
    pub zipped_size: Option<ByteSize>,
}
