//! What the dependency files ask for. A lock file is asked through the tool that wrote it, and only if something changed.

use std::borrow::Cow;

use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Failure, Problems};
use crate::export;
use crate::manifest::{Exports, Manifest, Meaning, ParsedLocks};
use crate::spec::Spec;

/// The manifest with what its lock files ask for.
///
/// # Errors
/// The user's for a lock file that is out of date or has nothing for the target, ours for a tool that does not run.
pub fn resolve<'a>(spec: &'a Spec, environment: &Environment, console: &Console) -> anyhow::Result<Cow<'a, Manifest>> {
    let dependencies = &spec.dependencies;
    if dependencies.manifest.locks.is_empty() {
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
    if spec.content.source.is_empty() && Meaning::of(&manifest, spec.target).is_empty() {
        return Err(nothing_to_install(spec).into());
    }
    Ok(Cow::Owned(manifest))
}

fn nothing_to_install(spec: &Spec) -> Failure {
    let names: Vec<String> = spec.dependencies.requirements.iter().map(|file| format!("`{file}`")).collect();
    Failure::user(format!("{} has nothing to install for {}", names.join(", "), spec.target))
        .hint("choose `groups` or `extras`, add a dependency, or look at the markers of those there are")
}
