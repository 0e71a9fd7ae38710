//! The command `preview`: builds, compares with the published version and comments on the pull request. It changes
//! nothing else.

pub mod baseline;
mod measure;

use std::borrow::Cow;

use super::known_vulnerabilities::{self, Prepared};
use super::{outcome, preflight};
use crate::audit::smoke::times;
use crate::commands::preview::baseline::Baseline;
use crate::decide::fingerprint::Fingerprinted;
use crate::decide::plan::Action;
use crate::decide::{Connected, Context, Decision};
use crate::environment::Environment;
use crate::error::{Explanation, counted};
use crate::manifest::Manifest;
use crate::report::{DestinationReport, Outcome, Report};
use crate::spec::{RegistryChoice, Spec};
use crate::types::Place;
use crate::{build, decide, resolve};

/// Builds, if there is something new, and compares.
///
/// # Errors
/// What building says.
pub async fn run<'scope>(spec: &'scope Spec, context: Context<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let Context { environment, console, connections, workers } = context;
    let raw = preflight::read_inputs(spec, console)?;
    let step = console.step("Check for changes");
    let published = decide::read(spec, connections, environment, console).await;
    let is_known = published.as_ref().is_ok_and(|published| {
        published.known.state.current_content().is_some_and(|(_, content)| content.unzipped_size.is_some())
    });
    let baseline = match &spec.github.baseline {
        Some(path) if !is_known => Some(baseline::read(path, spec, console)?),
        Some(_) | None => None,
    };
    match published {
        Ok(mut published) => {
            let decision = decide::decide(spec, &raw, &mut published, context).await?;
            if let Action::Unchanged(content) = decision.plan.action {
                step.done_for_nothing("nothing to build");
                let Decision { wanted, existing, plan, .. } = decision;
                let state = &published.known.state;
                return outcome::unchanged(spec, &wanted, content, plan.reason, state, &existing, console);
            }
            step.done("a build is needed");
            let Decision { wanted, manifest, plan, .. } = decision;
            console.note(&plan.reason);
            let manifest = match manifest {
                Some(manifest) => manifest,
                None => workers.run(|| resolve::resolve(spec, environment, console)).await?,
            };
            let known = Known { published: Some(&published), baseline };
            build(spec, &wanted, manifest, plan.reason, known, context).await
        }
        Err(error) => {
            let why = format!("could not read the published versions: {}", Explanation::of(&error).one_line());
            let manifest = workers.run(|| resolve::resolve(spec, environment, console)).await?;
            let wanted = Fingerprinted::of(&raw, &manifest, spec.target);
            if let Some(baseline) =
                baseline.as_ref().filter(|baseline| baseline.fingerprint == Some(wanted.fingerprint))
            {
                step.done("nothing to build");
                let report = Report::of(
                    spec,
                    &wanted,
                    format!("the inputs are equivalent to those of {}", baseline.before.name),
                );
                return Ok(baseline.unchanged(report));
            }
            step.done("a build is needed");
            console.notice(&why);
            let reason = match &baseline {
                Some(baseline) => format!("the inputs differ from those of {}", baseline.before.name),
                None => format!("there is nothing to compare with: `baseline` is not set, and {why}"),
            };
            let known = Known { published: None, baseline };
            build(spec, &wanted, manifest, reason, known, context).await
        }
    }
}

/// What a build is compared with.
struct Known<'a> {
    /// `None` if it cannot be read.
    published: Option<&'a Connected>,
    baseline: Option<Baseline>,
}

async fn build<'scope>(
    spec: &'scope Spec,
    wanted: &Fingerprinted,
    manifest: Cow<'scope, Manifest>,
    reason: String,
    known: Known<'_>,
    context: Context<'_, 'scope, '_>,
) -> anyhow::Result<Report> {
    let Context { environment, console, workers, .. } = context;
    let prepared = Prepared::of(known_vulnerabilities::lookup(spec, environment)?, spec, &manifest);
    let named = times::named(&manifest);
    let mut built = workers.run(move || build::build(spec, &manifest, environment, console)).await?;
    match known.published {
        Some(_) => preflight::check_budgets(&mut built, spec, environment, console).await?,
        None if spec.checks.budget_functions.is_empty() => {}
        None => console.warning(&format!(
            "{} {} not checked for room: AWS is not accessible",
            counted(spec.checks.budget_functions.len(), "function"),
            if spec.checks.budget_functions.len() == 1 { "was" } else { "were" }
        )),
    }
    let report = Report { changed: true, ..Report::of(spec, wanted, reason).with_build(&built) };
    let report = match (known.published, &known.baseline) {
        (_, Some(baseline)) => baseline.compare(report),
        (Some(published), None) => report.compared_to(&published.known.state),
        (None, None) => report,
    };
    let report = known_vulnerabilities::add(prepared, &mut built, report, spec, console).await?;
    let state = known.published.map(|published| &published.known.state).filter(|_| known.baseline.is_none());
    let report = measure::add(&mut built, report, spec, state, named, context).await?;
    let is_changed = report.changed;
    let archive = match built.into_archive() {
        Ok(archive) => archive,
        Err(failure) => {
            let report = Report { destinations: places(spec, environment), ..report };
            return Ok(Report { changed: is_changed, ..report.rejected(&failure) });
        }
    };
    let report = match known.published {
        Some(published) => {
            outcome::rehearsed(report, &archive, &spec.declaration, &published.known.state, &published.registry)
        }
        None => Report { destinations: places(spec, environment), ..report },
    };
    Ok(report.with_zip(build::keep(archive, spec)?))
}

/// Where it would be published, by the inputs alone.
fn places(spec: &Spec, environment: &Environment) -> Vec<DestinationReport> {
    let RegistryChoice::Aws(destinations) = &spec.registry else { return Vec::new() };
    let mut regions: Vec<&str> = destinations.regions.iter().map(crate::types::Region::as_str).collect();
    if regions.is_empty() {
        regions.extend(environment.get("AWS_REGION").or_else(|| environment.get("AWS_DEFAULT_REGION")));
    }
    let accounts: Vec<_> = destinations.roles.iter().map(|role| Some(role.account())).collect();
    let accounts = if accounts.is_empty() { vec![None] } else { accounts };
    let places =
        accounts.iter().flat_map(|account| regions.iter().map(|region| Place::in_account(account.clone(), region)));
    places.map(|place| DestinationReport::new(&place, Outcome::WouldPublish, None)).collect()
}
