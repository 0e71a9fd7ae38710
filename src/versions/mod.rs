//! What can be done with a published version: it is named, labelled, shared, attached, removed.

pub mod attach;
pub mod change;
pub mod cleanup;
pub mod labels;
pub mod list;
pub mod parameters;
pub mod reserve;
pub mod select;
pub mod share;
pub use change::{Change, ChangeKind, ChangeOutcome};
