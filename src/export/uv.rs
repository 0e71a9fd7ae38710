//! placeholder
use secrecy::SecretString;

use crate::console::Console;
use crate::environment::Environment;
use crate::manifest::Lock;
use crate::spec::Spec;
pub(super) fn requirements(
    _lock: &Lock,
    _spec: &Spec,
    _environment: &Environment,
    _console: &Console,
) -> anyhow::Result<SecretString> {
    anyhow::bail!("not yet")
}
