//! What is started beside this program: interpreters, tools, workers, and the sandbox for what nobody vouches for.

pub mod child;
pub mod interpreter;
pub mod interrupt;
pub mod output;
pub mod sandbox;
pub mod scratch;
pub mod uv;
pub mod workers;
pub use interpreter::Host;
