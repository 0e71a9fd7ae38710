//! The things that all layers of a run share.

use crate::console::Console;
use crate::environment::Environment;
use crate::process::workers::Workers;
use crate::registry::connections::Connections;

/// The things that all layers of a run share, with the console of one layer.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a, 'scope, 'env> {
    pub environment: &'scope Environment,
    pub console: &'scope Console,
    pub connections: &'a Connections,
    pub workers: &'a Workers<'scope, 'env>,
}
