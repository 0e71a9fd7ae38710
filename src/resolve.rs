//! What the dependency files ask for. A lock file is asked through the tool that wrote it, and only if something changed.

use std::borrow::Cow;

use crate::build::interpreter::Host;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::Problems;
use crate::export;
use crate::fingerprint::{Fingerprinted, RawInputs};
use crate::manifest::{Exports, Manifest, ParsedLocks};
use crate::registry::state::State;
use crate::spec::{Spec, Task};
use crate::workers::Workers;

/// The manifest with what its lock files ask for.
///
/// # Errors
/// The user's for a lock file that is out of date or has nothing for the target, ours for a tool that does not run.
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

/// Why a plan says that a layer is to be built without knowing what its dependency files ask for: a lock file was edited,
/// and its tool cannot run on this machine. `None` where somebody can be asked.
///
/// # Errors
/// This program's.
pub async fn unread<'scope>(
    spec: &'scope Spec,
    raw: &RawInputs,
    state: &State,
    environment: &'scope Environment,
    workers: &Workers<'scope, '_>,
) -> anyhow::Result<Option<String>> {
    let locks = &spec.dependencies.manifest.locks;
    if spec.task != Task::Plan || locks.is_empty() || Fingerprinted::remembered(raw, state).is_some() {
        return Ok(None);
    }
    if workers.run(|| Ok(Host::find(spec.target, environment).is_some())).await? {
        return Ok(None);
    }
    if state.builds.is_empty() {
        return Ok(Some("the layer was never published".to_owned()));
    }
    let names: Vec<String> = locks.iter().map(|lock| format!("`{}`", lock.path)).collect();
    let verb = if names.len() == 1 { "means" } else { "mean" };
    Ok(Some(format!("the inputs were edited; what {} {verb} is found out by the build", names.join(" and "))))
}
