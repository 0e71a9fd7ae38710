//! GitHub: who asks, with what token, about which pull request.

pub mod client;
pub mod comment;
pub mod event;
mod limits;
mod refusal;
pub mod release;

pub use client::Client;
pub use event::PullRequest;
pub use refusal::ApiError;
