//! The command `publish`: decide whether anything changed, build, check, publish, follow up, report.

use super::known_vulnerabilities::{self, Prepared};
use super::{outcome, preflight};
use crate::archive::pack::Archive;
use crate::commands::follow_up;
use crate::decide::fingerprint::Fingerprinted;
use crate::decide::plan::Action;
use crate::decide::remember::remember;
use crate::decide::{Connected, Context, Decision};
use crate::environment::Environment;
use crate::layer::{KnownFinding, Origins};
use crate::registry::claim::Owner;
use crate::registry::publish::{Known, Publication};
use crate::registry::state::Content;
use crate::registry::{NewVersion, publish};
use crate::report::Report;
use crate::spec::Spec;
use crate::types::ContentHash;
use crate::types::description::{Declaration, Identity};
use crate::{build, decide, resolve};

/// From the inputs to the layer version.
///
/// # Errors
/// A failure that ended the run. One that concerns some regions alone stands in the report.
pub async fn run<'scope>(spec: &'scope Spec, context: Context<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let Context { environment, console, connections, .. } = context;
    let raw = preflight::read_inputs(spec, console)?;
    spec.registry.doubts(environment).iter().for_each(|doubt| console.warning(doubt));

    let step = console.step("Check for changes");
    let mut connected = decide::read(spec, connections, environment, console).await?;
    let decision = decide::decide(spec, &raw, &mut connected, context).await?;
    match decision.plan.action {
        Action::Unchanged(content) => {
            step.done_for_nothing("nothing to do");
            Box::pin(keep_published(spec, decision, content, connected, context)).await
        }
        Action::Build => {
            step.done("a build is needed");
            Box::pin(build_and_publish(spec, decision, connected, context)).await
        }
    }
}

/// What is published already is noted as current, and gets what follows a publish.
async fn keep_published<'scope>(
    spec: &'scope Spec,
    decision: Decision<'scope>,
    content: ContentHash,
    connected: Connected,
    context: Context<'_, 'scope, '_>,
) -> anyhow::Result<Report> {
    let Context { environment, console, .. } = context;
    let Decision { wanted, existing, plan, .. } = decision;
    let Connected { registry, mut store, known: Known { state, tag, .. } } = connected;
    if !spec.dry_run {
        remember(&wanted, content, spec.target, &existing, (&state, &tag), &store, console).await?;
    }
    let report = outcome::unchanged(spec, &wanted, content, plan.reason, &state, &existing, console)?;
    if report.rejection.is_some() {
        return Ok(report);
    }
    let changes = follow_up::follow(spec, &report, &registry, &mut store, environment, console).await?;
    let versions = Some(outcome::versions(spec, state, &store).await);
    Ok(Report { changes, versions, ..report })
}

async fn build_and_publish<'scope>(
    spec: &'scope Spec,
    decision: Decision<'scope>,
    connected: Connected,
    context: Context<'_, 'scope, '_>,
) -> anyhow::Result<Report> {
    let Context { environment, console, workers, .. } = context;
    let Decision { wanted, manifest, existing, plan } = decision;
    let lookup = known_vulnerabilities::lookup(spec, environment)?;
    let Connected { mut registry, mut store, known: Known { state, .. } } = connected;
    console.note(&plan.reason);
    registry.check().await?;
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => workers.run(|| resolve::resolve(spec, environment, console)).await?,
    };
    let origins = Origins::of(spec, &manifest);
    let prepared = Prepared::of(lookup, spec, &manifest);
    let mut built = workers.run(move || build::build(spec, &manifest, environment, console)).await?;
    preflight::check_budgets(&mut built, spec, environment, console).await?;
    let report = Report::of(spec, &wanted, plan.reason).with_build(&built).compared_to(&state);
    let report = known_vulnerabilities::add(prepared, &mut built, report, spec, console).await?;
    let archive = match built.into_archive() {
        Ok(archive) => archive,
        Err(failure) => return Ok(report.rejected(&failure)),
    };
    if spec.dry_run {
        let report = outcome::rehearsed(report, &archive, &spec.declaration, &state, &registry);
        return Ok(report.with_zip(build::keep(archive, spec)?));
    }
    registry.identify_publisher(&store).await?;
    let declaration = spec.declaration.clone().or_license(report.licences.as_deref());
    let publication = publication((spec, &declaration), &wanted, (&report, &origins), &archive, environment);
    let mut published = publish::publish(&publication, &registry, &mut store, console).await?;
    let state = published.state.take().unwrap_or(state);
    let report = outcome::delivered(spec, report, archive, published, &existing)?;
    let changes = follow_up::follow(spec, &report, &registry, &mut store, environment, console).await?;
    let versions = Some(outcome::versions(spec, state, &store).await);
    Ok(Report { changes, versions, ..report })
}

fn publication<'a>(
    (spec, declaration): (&'a Spec, &'a Declaration),
    wanted: &Fingerprinted,
    (report, origins): (&Report, &Origins),
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
            standings: report.layer.as_ref().map(|layer| origins.standings(layer)).unwrap_or_default(),
            findings: Some(KnownFinding::noted(&report.findings)),
            python: Some(spec.target.python.to_string()),
            architecture: Some(spec.target.architecture.to_string()),
            ..Content::default()
        },
        owner: Owner::this_run(environment),
    }
}
