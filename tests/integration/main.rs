//! The real program against real servers and real packages. One binary: a harness, and one file a feature.

mod account;
mod actions;
mod at_once;
mod aws;
mod aws_at_once;
mod bad_input;
mod codeartifact;
mod codeartifact_api;
mod content;
mod directory;
mod faults;
mod generated;
mod harness;
mod leaks;
mod manifests;
mod packages;
mod private_indexes;
mod proxy;
mod pypi;
mod regions;
mod secrets;
mod servers;
mod sources;
mod targets;
mod tools;
mod zip;
