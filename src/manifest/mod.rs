//! Dependency files: what they say, and what that means for one target.

mod lines;
mod meaning;
mod requirement;
mod requirements;

pub use meaning::Meaning;
pub(crate) use meaning::marker_environment;
pub use requirement::{Requirement, RequirementKind};
pub use requirements::Manifest;
