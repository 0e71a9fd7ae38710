//! Compiles Python to bytecode: `/opt` is read-only, so a layer without it is compiled at every cold start.

use crate::build::{Host, Tree};
use crate::console::Console;
use crate::environment::Environment;
use crate::spec::Spec;

pub fn compile(
    tree: Tree,
    _spec: &Spec,
    _host: Option<&Host>,
    _environment: &Environment,
    _console: &Console,
) -> anyhow::Result<Tree> {
    Ok(tree)
}
