//! The command `usage`, and the same for the report pages of other commands: who uses the layer.

use super::known_vulnerabilities;
use crate::audit::verdict;
use crate::console::Console;
use crate::decide::Context;
use crate::documents::{self, Place};
use crate::environment::Environment;
use crate::error::{Explanation, counted};
use crate::registry::aws::functions::Freshness;
use crate::registry::claim::Owner;
use crate::registry::connections::Connections;
use crate::registry::state::State;
use crate::registry::store::StateStore;
use crate::registry::{publish, version_list};
use crate::report::Report;
use crate::spec::{
    AuditSpec, Documents, RegistryChoice, Spec, StatePlace, Task, UsageChoice, VersionCommandSpec, VulnerabilityCheck,
};
use crate::versions::usage::{self, LayerUsage, Wanted};
use crate::vulnerabilities::{Answers, Lookup};

/// # Errors
/// The state cannot be read, or the database of vulnerabilities. What else cannot be read stands in the report.
pub(super) async fn run(
    spec: &VersionCommandSpec,
    choice: UsageChoice,
    connections: &Connections,
    answers: &Answers,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Report> {
    let lookup = Lookup::prepare(spec.vulnerabilities.as_ref(), environment)?;
    let parameters = spec.ssm_parameter.as_ref();
    let wanted = Wanted { layer: &spec.layer, parameters, freshness: Freshness::ThisRun };
    let found = find(wanted, (&spec.registry, &spec.state), connections, environment, console).await?;
    let Found { mut usage, state, store } = found;
    if choice == UsageChoice::Outdated {
        usage.keep_outdated();
    }
    let (vulnerabilities, findings) = match &lookup {
        Some(lookup) => known_vulnerabilities::add_to_usage((lookup, answers), &mut usage, &state, console).await?,
        None => (None, Vec::new()),
    };
    console.findings(&findings, false);
    let about = format!("{} in versions of `{}` that are current or in use", verdict::tally(&findings), spec.layer);
    let rejection = verdict::verdict_on_foreign(&findings, spec.fail_on, &about).err();
    let rejection = rejection.map(|failure| Explanation::of(&failure.into()));
    let versions = Some(version_list::output(&state, &store));
    let report = Report::of_version_command(spec, usage.summary(), Vec::new());
    let report = Report { versions, usage: Some(usage), vulnerabilities, findings, rejection, ..report };
    // The others are about what is in one version.
    let documents = Documents { page: spec.documents.page.clone(), ..Documents::default() };
    let place = Place { start: &environment.current_directory, workspace: &spec.workspace };
    Ok(documents::write_all(report, &documents, place, environment, console))
}

/// Adds who uses the layer to the report of a run that publishes or previews, if its page shall say that.
pub(super) async fn add_for_page(report: Report, spec: &Spec, context: Context<'_, '_, '_>) -> Report {
    let Context { environment, console, connections, .. } = context;
    if !spec.documents.usage || !matches!(spec.task, Task::Publish | Task::Preview) {
        return report;
    }
    // Functions that this run has changed were perhaps listed before.
    let is_attached = !spec.follow_up.attach_to.is_empty() && !spec.dry_run;
    let freshness = if is_attached { Freshness::Now } else { Freshness::ThisRun };
    let wanted = Wanted { layer: &spec.layer, parameters: None, freshness };
    let (place, check) = ((&spec.registry, &spec.state), spec.checks.vulnerabilities.as_ref());
    Box::pin(add(report, wanted, place, check, (connections, environment, console))).await
}

/// The same for an audit of the current version of a layer. Of a zip nobody knows who uses it.
pub(super) async fn add_for_audit(
    report: Report,
    spec: &AuditSpec,
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> Report {
    let name = spec.layer.as_ref().filter(|_| spec.documents.usage && spec.subject.is_none());
    let Some(layer) = name.and_then(|name| name.parse().ok()) else { return report };
    let wanted = Wanted { layer: &layer, parameters: None, freshness: Freshness::ThisRun };
    let (place, check) = ((&spec.registry, &spec.state), spec.checks.vulnerabilities.as_ref());
    Box::pin(add(report, wanted, place, check, (connections, environment, console))).await
}

/// Nothing fails without it: the run may have no permission to list functions.
async fn add(
    report: Report,
    wanted: Wanted<'_>,
    place: (&RegistryChoice, &StatePlace),
    vulnerabilities: Option<&VulnerabilityCheck>,
    (connections, environment, console): (&Connections, &Environment, &Console),
) -> Report {
    let without = |what: &str, error: &Explanation| {
        console.notice(&format!("the report page does not show {what}: {}", error.one_line()));
    };
    let Found { mut usage, state, .. } = match find(wanted, place, connections, environment, console).await {
        Ok(found) => found,
        Err(error) => {
            without("who uses the layer", &Explanation::of(&error));
            return report;
        }
    };
    for unread in &usage.unread {
        without(&format!("{} in {}", unread.what, unread.place), &unread.error);
    }
    let known = match Lookup::prepare(vulnerabilities, environment) {
        Ok(Some(lookup)) => {
            let answers = Answers::default();
            known_vulnerabilities::add_to_usage((&lookup, &answers), &mut usage, &state, console).await.map(drop)
        }
        other => other.map(drop),
    };
    if let Err(error) = known {
        without("the known vulnerabilities of earlier versions", &Explanation::of(&error.into()));
    }
    Report { usage: Some(usage), ..report }
}

/// Who uses the layer, and the state by which that was judged.
struct Found {
    usage: LayerUsage,
    state: State,
    store: StateStore,
}

async fn find(
    wanted: Wanted<'_>,
    (registry, state): (&RegistryChoice, &StatePlace),
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Found> {
    let step = console.step("Read the state");
    let mut registry = connections.registry(registry, state, environment).await?;
    let store = connections.store(state, &registry, environment).await?;
    let state = publish::read(&registry, &store, wanted.layer, console).await?.state;
    registry.identify(&state).await?;
    step.done(counted(state.contents.len(), "content"));
    let owner = Owner::this_run(environment);
    let usage = usage::read(wanted, &state, &owner, &registry, store.now(), console).await;
    Ok(Found { usage, state, store })
}
