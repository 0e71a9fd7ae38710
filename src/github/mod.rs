//! GitHub: its API, the token, the event and its pull request, releases and workflow commands.

pub mod client;
pub mod comment;
mod error;
pub mod event;
mod limits;
pub mod release;
pub mod workflow_commands;

pub use client::Client;
pub use error::ApiError;
pub(crate) use error::innermost;
pub use event::PullRequest;
