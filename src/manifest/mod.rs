//! Dependency files: what they say, and what that means for one target.

mod lines;
mod meaning;
mod requirements;

pub use meaning::Meaning;
pub(crate) use meaning::marker_environment;
pub use requirements::{Manifest, Requirement, RequirementKind};
