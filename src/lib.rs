//! Keeps AWS Lambda layers for Python in step with a repository's dependency files.
//!
//! [`run::run`] tells the story of a run. Data goes one way: inputs → spec → fingerprint → plan → tree → findings →
//! archive → published versions → report.

pub mod act;
pub mod actions;
pub mod after;
pub mod archive;
pub mod attach;
pub mod audit;
pub mod budget;
pub mod build;
pub mod bytecode;
pub mod cleanup;
pub mod codeartifact;
pub mod console;
pub mod credentials;
pub mod environment;
pub mod error;
pub mod export;
pub mod facts;
pub mod files;
pub mod fingerprint;
pub mod github;
pub mod hold;
pub mod indexes;
pub mod inputs;
pub mod inspect;
pub mod labels;
pub mod leaks;
pub mod make;
pub mod manifest;
pub mod observe;
pub mod opened;
pub mod papers;
pub mod parameters;
pub mod permissions;
pub mod plan;
pub mod presence;
pub mod preview;
pub mod publish;
pub mod registry;
pub mod release;
pub mod report;
pub mod resolve;
pub mod run;
pub mod runtime;
pub mod sandbox;
pub mod secrets;
pub mod share;
pub mod slim;
pub mod smoke;
pub mod spec;
pub mod strip;
pub mod types;
pub mod version_list;
pub mod versions;
