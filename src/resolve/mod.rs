//! Resolves the dependency files. A lock file is exported by the tool that wrote it, and only if something changed.

pub mod export;
pub mod paths;
pub mod pdm;
pub mod pipenv;
pub mod poetry;
pub mod tool;
pub mod uv;
pub mod uv_check;
pub mod workspace_copy;

use std::borrow::Cow;

use crate::console::Console;
use crate::environment::Environment;
use crate::error::Problems;
use crate::manifest::{Exports, Manifest, ParsedLocks};
use crate::spec::Spec;

/// The manifest with the requirements of its lock files.
///
/// # Errors
/// A user error if a lock file is out of date or has nothing for the target; a system error if a tool does not run.
pub fn resolve<'a>(spec: &'a Spec, environment: &Environment, console: &Console) -> anyhow::Result<Cow<'a, Manifest>> {
    let dependencies = &spec.dependencies;
    dependencies.manifest.other_release(spec.target.python).iter().for_each(|notice| console.notice(notice));
    if dependencies.manifest.locks.is_empty() {
        dependencies.manifest.undecided(spec.target).iter().for_each(|notice| console.notice(notice));
        return Ok(Cow::Borrowed(&dependencies.manifest));
    }
    let mut exports = Exports::new();
    for lock in &dependencies.manifest.locks {
        let step = console.step(format!("Read {}", lock.path));
        let export = export::requirements(lock, spec, environment, console)?;
        exports.insert(lock.path.clone(), export);
        step.done("");
    }
    let mut problems = Problems::default();
    let manifest = Manifest::read(&spec.asked(&ParsedLocks::default(), environment), &exports, &mut problems);
    problems.into_result()?;
    console.hide(&manifest.secrets);
    manifest.undecided(spec.target).iter().for_each(|notice| console.notice(notice));
    let has_own_files = spec.content.has_own_files();
    if let Some(failure) = manifest.nothing_for(spec.target, &spec.dependencies.requirements, has_own_files) {
        return Err(failure.into());
    }
    Ok(Cow::Owned(manifest))
}
