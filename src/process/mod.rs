//! Child processes and threads: interpreters, tools, workers, and the sandbox for untrusted code.

pub mod child;
pub mod interpreter;
pub mod interrupt;
pub mod output;
pub mod pythons;
pub mod sandbox;
pub mod scratch;
pub mod uv;
pub mod workers;
pub use interpreter::Host;
pub use pythons::Pythons;
