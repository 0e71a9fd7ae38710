//! Files and folders of the workspace: read in a fixed order, with one rule for links.

mod digest;
mod errors;
mod links;
mod paths;
mod walk;

pub use digest::{digest, digest_of_entries, digest_of_file};
pub(crate) use errors::unreadable;
pub use errors::{missing, nearest_sibling};
pub use paths::{normalize, relative, shown, utf8};
pub use walk::{FileEntry, FileKind, file_kind, project, walk, walk_all, walk_layer};
pub(crate) use walk::{is_ignored, is_ignored_name};

#[cfg(test)]
mod tests;
