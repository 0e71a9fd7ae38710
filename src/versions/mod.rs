//! What can be done with a published version: it is named, labelled, shared, attached, removed; and who uses it.

pub mod attach;
pub mod change;
pub mod cleanup;
pub mod labels;
pub mod list;
pub mod parameters;
pub mod reserve;
pub mod select;
pub mod share;
pub mod usage;
pub use change::{Change, ChangeKind, ChangeOutcome};
