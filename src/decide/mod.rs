//! Compares the published versions with what the inputs ask for, and decides what to do.

pub mod context;
mod difference;
pub mod existing;
pub mod fingerprint;
pub mod native;
pub mod plan;
pub mod python;
pub mod remember;
mod settings;
pub mod unresolved;
pub use context::Context;

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::console::Console;
use crate::decide::existing::{Existing, Status};
use crate::decide::fingerprint::{Fingerprinted, RawInputs};
use crate::decide::plan::{Action, Plan};
use crate::environment::Environment;
use crate::manifest::Manifest;
use crate::registry::connections::Connections;
use crate::registry::publish::Known;
use crate::registry::store::StateStore;
use crate::registry::{Registry, publish};
use crate::resolve;
use crate::spec::{Spec, Task};
use crate::types::description::Declaration;

/// The registry and the store of the state, and what is known from both.
#[derive(Debug)]
pub(crate) struct Connected {
    pub registry: Registry,
    pub store: StateStore,
    pub known: Known,
}

/// What the inputs ask for, and what to do about it.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub wanted: Fingerprinted,
    /// `None` if the dependency files did not have to be resolved.
    pub manifest: Option<Cow<'a, Manifest>>,
    pub existing: Vec<Existing>,
    pub plan: Plan,
}

/// Connects to the registry and to the state's store, and reads what is published.
///
/// # Errors
/// There are no credentials, or the registry or the state cannot be read.
pub(crate) async fn read(
    spec: &Spec,
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Connected> {
    let mut registry = connections.registry(&spec.registry, &spec.state, environment).await?;
    let store = connections.store(&spec.state, &registry, environment).await?;
    if matches!((&store, spec.task), (StateStore::Nowhere, Task::Publish)) {
        console.warning("without `bucket` or `state`, nothing prevents two runs from publishing at the same time");
    }
    let known = publish::read(&registry, &store, &spec.layer, console).await?;
    registry.identify(&known.state).await?;
    Ok(Connected { registry, store, known })
}

/// Compares the inputs with what is published, and resolves the dependency files if that is needed for it.
///
/// # Errors
/// A default would change the layer's Python, a dependency file's own tool fails, or no place answers.
pub(crate) async fn decide<'scope>(
    spec: &'scope Spec,
    raw: &RawInputs,
    published: &mut Connected,
    context: Context<'_, 'scope, '_>,
) -> anyhow::Result<Decision<'scope>> {
    let Context { environment, console, workers, .. } = context;
    let Connected { registry, known, .. } = published;
    python::check(spec, known)?;
    let unreadable = std::mem::take(&mut known.unreadable);
    let state = &known.state;
    let (wanted, manifest) = match Fingerprinted::remembered(raw, state) {
        Some(wanted) if !spec.dependencies.manifest.locks.is_empty() => (wanted, None),
        _ => {
            let manifest = if spec.dependencies.manifest.locks.is_empty() {
                // Without lock files, no tool has to run.
                resolve::resolve(spec, environment, console)?
            } else {
                workers.run(|| resolve::resolve(spec, environment, console)).await?
            };
            (Fingerprinted::of(raw, &manifest, spec.target), Some(manifest))
        }
    };
    console.debug(&serde_json::to_string_pretty(&wanted.recipe)?);
    let matched = plan::compare(&wanted, state);
    let existing = existing::ask(spec, matched, registry, state, unreadable).await?;
    warn_of_declared(&spec.declaration, &existing, console);
    let plan = plan::decide(matched, &wanted, state, &existing);
    let plan = match plan::refresh(&wanted) {
        Some(refresh) if spec.dependencies.refresh && plan.action != Action::Build => refresh,
        _ => plan,
    };
    Ok(Decision { wanted, manifest, existing, plan })
}

/// Warns about differences in the declaration that do not cause a new version, once per input.
fn warn_of_declared(declaration: &Declaration, existing: &[Existing], console: &Console) {
    let mut warned = BTreeSet::new();
    for Existing { place, status } in existing {
        let Status::Exists(version) = status else { continue };
        for difference in version.declares.iter().flat_map(|declares| declaration.differences(declares)) {
            if warned.insert(difference.part) {
                let (number, input) = (version.version, difference.part.input());
                console.warning(&format!(
                    "version {number} in {place} keeps its current declaration ({difference}): set `republish: true` to publish a version with the new `{input}`"
                ));
            }
        }
    }
}
