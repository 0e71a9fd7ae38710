//! Keeps AWS Lambda layers for Python in step with a repository's dependency files.

pub mod environment;
pub mod error;
pub mod facts;
pub mod files;
pub mod inputs;
pub mod manifest;
pub mod secrets;
pub mod types;
