//! Leaves out what a function does not need, and says what that saved.

use serde::Serialize;

use crate::build::{Host, Tree};
use crate::console::Console;
use crate::environment::Environment;
use crate::spec::Spec;
use crate::types::ByteSize;

/// What one rule took from one distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Saving {
    /// Its name in `data/slim.yml`, or the input that asked for it.
    pub rule: String,
    /// The distribution, or what the files belong to.
    pub owner: String,
    pub files: usize,
    /// Unzipped.
    pub bytes: ByteSize,
}

pub fn slim(
    tree: Tree,
    _spec: &Spec,
    _host: Option<&Host>,
    _environment: &Environment,
    _console: &Console,
) -> anyhow::Result<(Tree, Vec<Saving>)> {
    Ok((tree, Vec::new()))
}
