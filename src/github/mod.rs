//! GitHub: who asks, with what token, about which pull request.

pub mod client;
pub mod comment;
mod error;
pub mod event;
mod limits;
pub mod release;
pub mod workflow_commands;

pub use client::Client;
pub use error::ApiError;
pub use event::PullRequest;
