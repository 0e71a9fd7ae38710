//! The story of a run: read the inputs, decide whether anything changed, build, check, publish, tell.

use camino::Utf8PathBuf;
use jiff::Timestamp;

use crate::archive::pack::Archive;
use crate::audit::budget::Candidate;
use crate::audit::{budget, size, verdict};
use crate::build::Made;
use crate::commands::{follow_up, preview};
use crate::console::Console;
use crate::decide::fingerprint::{Fingerprinted, RawInputs};
use crate::decide::plan::{Action, Plan};
use crate::decide::presence::{Presence, Status};
use crate::decide::{Decision, InPlace, Surroundings, unread};
use crate::documents;
use crate::environment::Environment;
use crate::error::{Explanation, Failure, counted};
use crate::layer::KnownFinding;
use crate::registry::claim::Owner;
use crate::registry::publish::{Known, Placed, Publication, Published};
use crate::registry::state::{Content, State, Version};
use crate::registry::store::{StateStore, Stored, Tag, Written};
use crate::registry::{NewVersion, Registry, directory, publish, version_list};
use crate::report::{DestinationReport, Outcome, Report};
use crate::spec::{RegistryChoice, Spec, Task};
use crate::types::description::{Declaration, Identity};
use crate::types::{ContentHash, LayerVersionArn, Place, Target};
use crate::{build, decide, resolve};

/// Runs a command to its report.
///
/// # Errors
/// A failure that ended the run. One that concerns some regions alone stands in the report.
pub async fn run<'scope>(spec: &'scope Spec, around: Surroundings<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let Surroundings { environment, console, .. } = around;
    let report = match spec.task {
        Task::Preview => Box::pin(preview::compare(spec, around)).await?,
        Task::Publish | Task::Build | Task::Plan => Box::pin(layer(spec, around)).await?,
    };
    Box::pin(documents::write(report, spec, environment, console)).await
}

/// From the inputs to the layer version.
async fn layer<'scope>(spec: &'scope Spec, around: Surroundings<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let Surroundings { environment, console, connections, workers } = around;
    let raw = RawInputs::of(spec, console.secrets())?;
    warn_of_deprecation(spec.target, console);
    spec.dependencies.notes.iter().for_each(|note| console.warning(note));
    spec.registry.doubts(environment).iter().for_each(|doubt| console.warning(doubt));

    if spec.task == Task::Build {
        let manifest = workers.run(|| resolve::resolve(spec, environment, console)).await?;
        let wanted = Fingerprinted::of(&raw, &manifest, spec.target);
        let made = workers.run(move || build::make(spec, &manifest, environment, console)).await?;
        let reason = format!("{} for {}", counted(made.files, "file"), spec.target);
        let report = Report::of(spec, &wanted, reason).with_made(&made);
        return Ok(match made.into_archive() {
            Ok(archive) => report.with_zip(build::keep(archive, spec)?),
            Err(failure) => report.rejected(&failure),
        });
    }

    let step = console.step("Decide");
    let mut published = decide::read(spec, connections, environment, console).await?;
    if let Some(reason) = unread::unread(spec, &raw, &published.known.state, environment, workers).await? {
        step.done_for_nothing("to be built");
        return Ok(unread(spec, reason, &published.registry));
    }
    let Decision { wanted, manifest, presence, plan } = decide::decide(spec, &raw, &mut published, around).await?;
    let InPlace { mut registry, mut store, known: Known { state, tag, .. } } = published;
    match plan.action {
        Action::Unchanged(_) => step.done_for_nothing("nothing to do"),
        Action::Build if spec.task == Task::Plan => step.done_for_nothing("to be built"),
        Action::Build => step.done("to be built"),
    }

    match (&plan.action, spec.task) {
        (Action::Unchanged(content), task) => {
            if task == Task::Publish && !spec.dry_run {
                remember(&wanted, *content, spec.target, &presence, (&state, &tag), &store, console).await?;
            }
            let report = unchanged(spec, &wanted, *content, plan.reason, &state, &presence, console)?;
            if task == Task::Plan || report.rejection.is_some() {
                return Ok(report);
            }
            let changes = follow_up::follow(spec, &report, &registry, &mut store, environment, console).await?;
            let versions = Some(versions(spec, state, &store).await);
            Ok(Report { changes, versions, ..report })
        }
        (Action::Build, Task::Plan) => Ok(planned(spec, &wanted, plan, &presence, &registry)),
        (Action::Build, _) => {
            console.note(&plan.reason);
            registry.check().await?;
            let manifest = match manifest {
                Some(manifest) => manifest,
                None => workers.run(|| resolve::resolve(spec, environment, console)).await?,
            };
            let mut made = workers.run(move || build::make(spec, &manifest, environment, console)).await?;
            check_budgets(&mut made, spec, environment, console).await?;
            let report = Report::of(spec, &wanted, plan.reason).with_made(&made).compared_to(&state);
            let archive = match made.into_archive() {
                Ok(archive) => archive,
                Err(failure) => return Ok(report.rejected(&failure)),
            };
            if spec.dry_run {
                let report = rehearsed(report, &archive, &spec.declaration, &state, &registry);
                return Ok(report.with_zip(build::keep(archive, spec)?));
            }
            registry.identify_publisher(&store).await?;
            let declaration = spec.declaration.clone().or_license(report.licences.as_deref());
            let publication = publication((spec, &declaration), &wanted, &report, &archive, environment);
            let mut published = publish::publish(&publication, &registry, &mut store, console).await?;
            let state = published.state.take().unwrap_or(state);
            let report = delivered(spec, report, archive, published, &presence)?;
            let changes = follow_up::follow(spec, &report, &registry, &mut store, environment, console).await?;
            let versions = Some(versions(spec, state, &store).await);
            Ok(Report { changes, versions, ..report })
        }
    }
}

/// The list for the output, with what this run did to it after publishing.
async fn versions(spec: &Spec, known: State, store: &StateStore) -> serde_json::Value {
    let is_other = !spec.after.labelling.add.is_empty() || spec.after.retention.is_some();
    let stored = if is_other { store.read(&spec.layer).await.ok() } else { None };
    version_list::output(&stored.and_then(|stored| stored.state).unwrap_or(known), store)
}

pub(crate) fn warn_of_deprecation(target: Target, console: &Console) {
    let python = target.python;
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    if let Some(date) = python.runtime().deprecated.filter(|date| *date <= today) {
        console.warning(&format!(
            "Lambda's python{python} is deprecated since {date} (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html)"
        ));
    }
}

/// Whether what was made fits beside what functions have; not asked for what is refused anyway.
pub(crate) async fn check_budgets(
    made: &mut Made,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<()> {
    let functions = &spec.checks.budget_functions;
    if functions.is_empty() || made.archive().is_none() || made.is_refused() {
        return Ok(());
    }
    let step = console.step("Ask functions for their room");
    let (name, unzipped) = (Some(spec.layer.as_str()), made.sizes.unzipped);
    let candidate = Candidate { name, unzipped, largest: &made.distributions };
    let findings = budget::check(functions, spec.registry.regions(), candidate, environment).await?;
    step.done(counted(functions.len(), "function"));
    made.add(findings, spec.checks.fail_on, console);
    Ok(())
}

/// Notes in the state that these inputs stand for this content, if it does not say so: the next run then needs one read.
/// What is current no clean-up takes, and what was current it leaves alone for a while.
///
/// Another run that writes at the same time knows better what is current, and nothing is lost if this does not succeed.
/// Only a clean-up must learn that the versions are in use, or this run that they are gone.
///
/// # Errors
/// A clean-up took a version while this run looked at it.
async fn remember(
    wanted: &Fingerprinted,
    content: ContentHash,
    target: Target,
    presence: &[Presence],
    (known, tag): (&State, &Tag),
    store: &StateStore,
    console: &Console,
) -> anyhow::Result<()> {
    let versions: Vec<(&Place, &Version)> = presence
        .iter()
        .filter_map(|presence| match &presence.status {
            Status::Exists(version) => Some((&presence.place, version)),
            _ => None,
        })
        .collect();
    let now = store.now();
    let mut state = known.clone();
    let destinations = versions.iter().map(|(_, version)| version.arn.destination());
    state.set_current(wanted.fingerprint, wanted.build(content), destinations, now);
    state.note_target(content, target);
    for (_, version) in &versions {
        state.note_declared(&version.arn, version.declares.as_ref());
    }
    if state == *known && *tag != Tag::Absent {
        return Ok(());
    }
    touch(&mut state, content, &versions, now)?;
    let mut written = store.write(&state, tag).await;
    while let Ok(Written::Conflict) = written {
        let Stored { state: Some(mut newer), tag } = store.read(&state.layer).await? else { return Ok(()) };
        touch(&mut newer, content, &versions, store.now())?;
        written = store.write(&newer, &tag).await;
    }
    let written = match written {
        // What others call the newest may be another one now.
        Ok(Written::Done(_)) => version_list::follow(&state.layer, store).await.map(drop),
        Ok(Written::Conflict) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        let place = store.place(&state.layer);
        console.warning(&format!("`{place}` could not be brought up to date: {}", Explanation::of(&error).one_line()));
    }
    Ok(())
}

fn touch(
    state: &mut State,
    content: ContentHash,
    versions: &[(&Place, &Version)],
    now: Timestamp,
) -> Result<(), Failure> {
    for (place, version) in versions {
        if !state.touch(content, &version.arn, now) {
            let failure = Failure::system(format!("version {} was removed from {place} meanwhile", version.version));
            return Err(failure.hint("run again: it is published anew"));
        }
    }
    Ok(())
}

pub(crate) fn unchanged(
    spec: &Spec,
    wanted: &Fingerprinted,
    content: ContentHash,
    reason: String,
    state: &State,
    presence: &[Presence],
    console: &Console,
) -> anyhow::Result<Report> {
    let destinations = presence.iter().map(|presence| match &presence.status {
        Status::Exists(version) => {
            DestinationReport::new(&presence.place, Outcome::Unchanged, Some(version.arn.clone()))
        }
        Status::Unreadable(error) => DestinationReport::failed(&presence.place, error.clone()),
        Status::Declares(..) | Status::Vanished(_) | Status::Unsigned(_) | Status::Missing => {
            DestinationReport::new(&presence.place, Outcome::WouldPublish, None)
        }
    });
    let destinations = destinations.collect();
    let report = Report::of(spec, wanted, reason).with_content(content, state);
    // Limits and `fail-on` may be stricter than when it was built.
    let mut findings =
        size::check_limits(report.zipped_size, report.unzipped_size, &report.distributions, &spec.checks);
    let noted = state.contents.get(&content).and_then(|content| content.findings.as_deref());
    findings.extend(verdict::fatal_of_published(noted.unwrap_or_default(), spec.checks.fail_on));
    let rejection = verdict(&findings, spec.checks.fail_on).err();
    console.findings(&findings, rejection.is_some());
    let report = Report {
        changed: state.current_content().is_some_and(|(current, _)| current != content),
        destinations,
        findings,
        ..report
    };
    if let Some(failure) = rejection {
        return Ok(report.rejected(&failure));
    }
    let zip = zip_in_registry(spec, report.arn());
    let kept = match &zip {
        Some(zip) if spec.task == Task::Publish => build::keep_copy(zip, spec)?,
        Some(_) | None => None,
    };
    Ok(report.with_zip(kept.or(zip.map(|zip| spec.shown(&zip)))))
}

/// A plan where what is wanted is for the build to find out.
fn unread(spec: &Spec, reason: String, registry: &Registry) -> Report {
    let places = registry.places();
    let destinations = places.iter().map(|place| DestinationReport::new(place, Outcome::WouldPublish, None));
    Report { destinations: destinations.collect(), ..Report::of_unread(spec, reason) }
}

fn planned(spec: &Spec, wanted: &Fingerprinted, plan: Plan, presence: &[Presence], registry: &Registry) -> Report {
    let existing = |place: &Place| {
        presence.iter().find(|presence| presence.place == *place).map(|presence| presence.status.clone())
    };
    let destinations = registry
        .places()
        .iter()
        .map(|place| match existing(place) {
            Some(Status::Exists(version)) => DestinationReport::new(place, Outcome::Unchanged, Some(version.arn)),
            Some(Status::Unreadable(error)) => DestinationReport::failed(place, error),
            Some(Status::Declares(..) | Status::Vanished(_) | Status::Unsigned(_) | Status::Missing) | None => {
                DestinationReport::new(place, Outcome::WouldPublish, None)
            }
        })
        .collect();
    let runs_on = spec.runs_on.clone();
    Report { changed: true, destinations, runs_on, ..Report::of(spec, wanted, plan.reason) }
}

/// What publishing would have done, by what the state knows.
pub(crate) fn rehearsed(
    report: Report,
    archive: &Archive,
    declaration: &Declaration,
    state: &State,
    registry: &Registry,
) -> Report {
    let fits = |version: &&Version| declaration.fits(version.declares.as_ref());
    let destinations = registry
        .places()
        .iter()
        .map(|place| match state.version_in(archive.content, place).filter(fits) {
            Some(version) => DestinationReport::new(place, Outcome::Adopted, Some(version.arn.clone())),
            None => DestinationReport::new(place, Outcome::WouldPublish, None),
        })
        .collect();
    Report { destinations, ..report }
}

fn publication<'a>(
    (spec, declaration): (&'a Spec, &'a Declaration),
    wanted: &Fingerprinted,
    report: &Report,
    archive: &'a Archive,
    environment: &Environment,
) -> Publication<'a> {
    let content = archive.content;
    Publication {
        version: NewVersion {
            layer: &spec.layer,
            archive,
            declaration,
            identity: Identity { fingerprint: wanted.fingerprint, content },
            signed: None,
        },
        build: wanted.build(content),
        content: Content {
            zipped_size: Some(archive.zipped_size),
            unzipped_size: Some(archive.unzipped_size),
            distributions: report.distributions.clone(),
            findings: Some(KnownFinding::noted(&report.findings)),
            python: Some(spec.target.python.to_string()),
            architecture: Some(spec.target.architecture.to_string()),
            ..Content::default()
        },
        owner: Owner::this_run(environment),
    }
}

fn delivered(
    spec: &Spec,
    report: Report,
    archive: Archive,
    published: Published,
    presence: &[Presence],
) -> anyhow::Result<Report> {
    let Published { outcomes, recorded, .. } = published;
    let published = outcomes.iter().any(|outcome| outcome.result.as_ref().is_ok_and(|placed| placed.published));
    let adopted = outcomes.iter().find_map(|outcome| outcome.result.as_ref().ok().filter(|placed| !placed.published));
    let reason = match (published, adopted) {
        (false, Some(placed)) => {
            format!("{}; but the bytes are those of version {}", report.reason, placed.arn.version())
        }
        _ => report.reason.clone(),
    };
    let was_there = |place: &Place, placed: &Placed| {
        presence.iter().any(|presence| {
            let is_it = matches!(&presence.status, Status::Exists(version) if version.arn == placed.arn);
            presence.place == *place && is_it
        })
    };
    let destinations = outcomes.into_iter().map(|outcome| match outcome.result {
        Ok(placed) if placed.published => DestinationReport::new(&outcome.place, Outcome::Published, Some(placed.arn)),
        Ok(placed) if was_there(&outcome.place, &placed) => {
            DestinationReport::new(&outcome.place, Outcome::Unchanged, Some(placed.arn))
        }
        Ok(placed) => DestinationReport::new(&outcome.place, Outcome::Adopted, Some(placed.arn)),
        Err(error) => DestinationReport::failed(&outcome.place, Explanation::of(&error)),
    });
    let state_error = recorded.err().map(|error| Explanation::of(&error));
    let report = Report { published, reason, destinations: destinations.collect(), state_error, ..report };
    let zip = build::keep(archive, spec)?.or_else(|| Some(spec.shown(&zip_in_registry(spec, report.arn())?)));
    Ok(report.with_zip(zip))
}

/// The zip of a version in a directory registry.
fn zip_in_registry(spec: &Spec, arn: Option<&LayerVersionArn>) -> Option<Utf8PathBuf> {
    let RegistryChoice::Directory(folder) = &spec.registry else { return None };
    Some(directory::zip_path(folder, &spec.layer, arn?.version()))
}
