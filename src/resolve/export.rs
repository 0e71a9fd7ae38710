//! Exports lock files as requirement files with the tools that wrote them.

use secrecy::SecretString;

use super::{pdm, pipenv, poetry, uv};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::facts::Kind;
use crate::manifest::{Lock, Selection};
use crate::process::child::Answer;
use crate::process::output;
use crate::resolve::tool::Ready;
use crate::spec::Spec;

/// The requirements of a lock file for the selected groups and extras: pinned, with hashes and markers.
///
/// # Errors
/// A user error if the lock file does not fit its project; a system error if a tool does not run.
pub fn requirements(
    lock: &Lock,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<SecretString> {
    let (read, tool): (Read, _) = match lock.kind {
        Kind::Poetry => (poetry::requirements, &poetry::POETRY),
        Kind::Pdm => (pdm::requirements, &pdm::PDM),
        Kind::Pipenv => (pipenv::requirements, &pipenv::PIPENV),
        _ => return uv::requirements(lock, spec, environment, console),
    };
    read(lock, &spec.dependencies.selection, &tool.ready(&lock.project, spec, environment, console)?)
}

type Read = fn(&Lock, &Selection, &Ready<'_>) -> anyhow::Result<SecretString>;

pub(super) fn stale(lock: &Lock) -> Failure {
    let facts = lock.kind.facts();
    let (beside, refresh) = (facts.beside.as_deref().unwrap_or_default(), facts.refresh.as_deref().unwrap_or_default());
    Failure::user(format!("`{}` does not match `{beside}`", lock.path))
        .hint(format!("run `{refresh}` and commit the result; nothing was published"))
}

pub(super) fn failed(tool: &str, lock: &Lock, answer: &Answer) -> Failure {
    let refresh = lock.kind.facts().refresh.as_deref().unwrap_or_default();
    Failure::user(format!("{tool} could not read `{}`", lock.path))
        .causes(output::last_lines(&answer.said))
        .hint(format!("correct the problem, or create the lock file again with `{refresh}`"))
}
