//! The real program against real servers and real packages. One binary: a harness, and one file a feature.

mod account;
mod at_once;
mod aws;
mod directory;
mod generated;
mod harness;
mod proxy;
mod servers;
mod tools;
