//! GitHub: who asks, with what token, about which pull request.

pub mod client;
pub mod comment;
pub mod event;
mod limits;
pub mod release;

pub use client::{ApiError, Client};
pub use event::PullRequest;
