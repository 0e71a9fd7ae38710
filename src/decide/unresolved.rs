//! What a plan says about a lock file that no tool on this machine can resolve.

use crate::decide::fingerprint::{Fingerprinted, RawInputs};
use crate::environment::Environment;
use crate::process::Host;
use crate::process::workers::Workers;
use crate::registry::state::State;
use crate::spec::{Spec, Task};

/// The reason of a plan that builds a layer without knowing what its dependency files ask for: a lock file was edited,
/// and its tool cannot run on this machine. `None` if the tool can run.
///
/// # Errors
/// An error of this program.
pub async fn reason<'scope>(
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
        return Ok(Some("this layer has not been published before".to_owned()));
    }
    let names: Vec<String> = locks.iter().map(|lock| format!("`{}`", lock.path)).collect();
    let verb = if names.len() == 1 { "means" } else { "mean" };
    Ok(Some(format!(
        "the inputs were edited; the build determines whether {} still {verb} the same",
        names.join(" and ")
    )))
}
