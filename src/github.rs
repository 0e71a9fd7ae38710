//! GitHub: who asks, with what token, about which pull request.

pub mod comment;
pub mod event;
