//! The real program against real servers and real packages. One binary: a harness, and one file a feature.

mod at_once;
mod directory;
mod generated;
mod harness;
mod servers;
mod tools;
