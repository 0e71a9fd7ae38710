//! Keeps AWS Lambda layers for Python in step with a repository's dependency files.
//!
//! [`commands`] has a file for each command, which reads as its story. Data goes one way: inputs → spec → fingerprint →
//! plan → tree → findings → archive → published versions → report. CONTRIBUTING.md has the order of the folders.

pub mod archive;
pub mod audit;
pub mod aws;
pub mod build;
pub mod cache;
pub mod cli;
pub mod commands;
pub mod config;
pub mod console;
pub mod decide;
pub mod documents;
pub mod environment;
pub mod error;
pub mod facts;
pub mod files;
pub mod github;
pub mod layer;
pub mod manifest;
pub mod process;
pub mod registry;
pub mod release;
pub mod report;
pub mod resolve;
pub mod runtime;
pub mod secrets;
pub mod spec;
pub mod types;
pub mod versions;
pub mod vulnerabilities;
