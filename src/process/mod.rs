//! Child processes and threads: interpreters, tools, workers, and the sandbox for untrusted code.

pub mod child;
pub mod interpreter;
pub mod interrupt;
pub mod output;
pub mod pythons;
pub mod sandbox;
pub mod scratch;
mod side_by_side;
pub mod uv;
pub mod workers;
pub use interpreter::Host;
pub use pythons::Pythons;
pub(crate) use side_by_side::side_by_side;
