//! The commands on published versions: share, attach, label, clean up.

use super::usage;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::registry::claim::Owner;
use crate::registry::connections::Connections;
use crate::registry::{publish, version_list};
use crate::release;
use crate::report::Report;
use crate::spec::{VersionCommand, VersionCommandSpec, ownership};
use crate::versions::{ChangeOutcome, attach, change, cleanup, labels, reserve, select, share};
use crate::vulnerabilities::Answers;

/// # Errors
/// What kept all of it from being done; what failed for some stands in the report.
pub async fn run(
    spec: &VersionCommandSpec,
    connections: &Connections,
    answers: &Answers,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Report> {
    spec.registry.doubts(environment).iter().for_each(|doubt| console.warning(doubt));
    if spec.act == VersionCommand::Release {
        return Box::pin(release::run(spec, std::slice::from_ref(&spec.layer), connections, environment, console))
            .await;
    }
    if let VersionCommand::Usage(choice) = spec.act {
        return Box::pin(usage::run(spec, choice, connections, answers, environment, console)).await;
    }
    let step = console.step("Read the state");
    let mut registry = connections.registry(&spec.registry, &spec.state, environment).await?;
    let mut store = connections.store(&spec.state, &registry, environment).await?;
    let known = publish::read(&registry, &store, &spec.layer, console).await?;
    registry.identify(&known.state).await?;
    step.done(counted(known.state.contents.len(), "content"));
    let (changes, known_state) = match &spec.act {
        VersionCommand::Cleanup(retention) => {
            let owner = Owner::this_run(environment);
            let changes = cleanup::run(retention, spec, &known, owner, &registry, &mut store, console).await?;
            (changes, known.state)
        }
        act => {
            let choice = select::choose(&spec.version, &spec.layer, &known.state, &registry, console).await?;
            if !spec.dry_run && matches!(act, VersionCommand::Attach(_) | VersionCommand::Label(_)) {
                let owner = Owner::this_run(environment);
                reserve::reserve(&choice, &spec.layer, &owner, &registry, &store, console).await?;
            }
            let known_state = known.state.clone();
            let changes = match act {
                VersionCommand::Share(principals) => {
                    let step = console.step("Share the version");
                    let shared = share::apply(principals, &choice.versions, &registry, spec.dry_run, console).await;
                    step.done(change::count(&shared));
                    shared
                }
                VersionCommand::Attach(functions) => {
                    let step = console.step("Attach to functions");
                    let attached = attach::apply(functions, &choice.versions, &registry, spec.dry_run).await;
                    step.done(change::count(&attached));
                    attached
                }
                VersionCommand::Label(labelling) => {
                    labels::apply(labelling, &choice, spec, known, &registry, &mut store, console).await?
                }
                VersionCommand::Cleanup(_) | VersionCommand::Usage(_) | VersionCommand::Release => {
                    unreachable!("was matched above")
                }
            };
            (changes, known_state)
        }
    };
    ownership::hand_over_destinations(&spec.registry, &spec.state, &spec.workspace)?;
    let count =
        if matches!(spec.act, VersionCommand::Cleanup(_)) { cleanup::count(&changes) } else { change::count(&changes) };
    let has_changed = changes.iter().any(|change| change.outcome == ChangeOutcome::Done);
    let stored = if has_changed { store.read(&spec.layer).await.ok() } else { None };
    let state = stored.and_then(|stored| stored.state).unwrap_or(known_state);
    let versions = Some(version_list::output(&state, &store));
    Ok(Report { versions, ..Report::of_version_command(spec, count, changes) })
}
