//! The real program against real servers and real packages. One binary: a harness, and one file a feature.

mod generated;
mod harness;
