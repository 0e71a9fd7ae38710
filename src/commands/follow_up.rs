//! The steps after a publish: share, name, label, attach, clean up. In this order a killed run can be started again.
//!
//! Each step finds out what is so already, and does the rest. It runs for versions that were there before, too: a run
//! that was killed after publishing is healed by the next one, which publishes nothing.

use crate::console::Console;
use crate::environment::Environment;
use crate::registry::Registry;
use crate::registry::claim::Owner;
use crate::registry::store::StateStore;
use crate::report::Report;
use crate::spec::{Labelling, Spec, ownership};
use crate::types::Label;
use crate::versions::change::count;
use crate::versions::select::Choice;
use crate::versions::{Change, attach, cleanup, labels, parameters, share};

/// # Errors
/// What keeps all of it from being done; what fails for some is among the changes.
pub async fn follow(
    spec: &Spec,
    report: &Report,
    registry: &Registry,
    store: &mut StateStore,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Vec<Change>> {
    let after = &spec.follow_up;
    let choice = Choice { content: report.code_sha256, versions: report.placed() };
    let mut changes = Vec::new();
    if let Some(principals) = &after.share_with {
        let step = console.step("Share the version");
        let shared = share::apply(principals, &choice.versions, registry, spec.dry_run, console).await;
        step.done(count(&shared));
        changes.extend(shared);
    }
    if let Some(template) = &after.ssm_parameter {
        let step = console.step("Write the SSM parameters");
        let named = parameters::apply(template, &choice, spec, registry, store).await;
        step.done(count(&named));
        changes.extend(named);
    }
    if !after.labelling.add.is_empty() {
        let step = console.step("Label the version");
        let labelled = labels::follow(&after.labelling, &choice, spec, registry, store, console).await;
        step.done(count(&labelled));
        changes.extend(labelled);
    }
    if let Some(tag) = spec.declaration.label.as_ref().filter(|_| !matches!(store, StateStore::Nowhere)) {
        changes.extend(label_with_tag(tag, &choice, spec, registry, store, console).await);
    }
    if !after.attach_to.is_empty() {
        let step = console.step("Attach to functions");
        let attached = attach::apply(&after.attach_to, &choice.versions, registry, spec.dry_run).await;
        step.done(count(&attached));
        changes.extend(attached);
    }
    if let Some(retention) = &after.retention {
        let owner = Owner::this_run(environment);
        changes.extend(cleanup::follow(retention, spec, owner, registry, store, console).await);
    }
    ownership::hand_over_destinations(&spec.registry, &spec.state, &spec.workspace)?;
    Ok(changes)
}

/// What a tag run publishes or finds has the tag as its label. A tag that moved takes its label along.
async fn label_with_tag(
    tag: &str,
    choice: &Choice,
    spec: &Spec,
    registry: &Registry,
    store: &mut StateStore,
    console: &Console,
) -> Vec<Change> {
    let Some(label) = Label::of_tag(tag) else {
        console.warning(&format!("the git tag `{tag}` is a number, so it cannot be a label of the version"));
        return Vec::new();
    };
    let step = console.step("Label with the git tag");
    let labelling = Labelling { add: [label].into(), remove: [].into(), moves: true };
    let labelled = labels::follow(&labelling, choice, spec, registry, store, console).await;
    step.done(count(&labelled));
    labelled
}
