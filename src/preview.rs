//! The command `preview`: builds, compares with what is published, tells a pull request. It changes nothing else.

use crate::audit::Severity;
use crate::baseline::{self, Baseline};
use crate::console::Console;
use crate::decide::{self, Decision, InPlace};
use crate::environment::Environment;
use crate::error::{Explanation, Failure, counted};
use crate::fingerprint::{Fingerprinted, RawInputs};
use crate::github::comment::{self, Wish};
use crate::github::{Client, PullRequest};
use crate::make;
use crate::manifest::Manifest;
use crate::papers;
use crate::plan::Action;
use crate::report::{self, DestinationReport, Outcome, Report};
use crate::resolve;
use crate::run;
use crate::spec::{CommentWhen, RegistryChoice, Spec};
use crate::types::{ByteSize, Place};

/// # Errors
/// What building says, or GitHub where the comment must be; elsewhere the report says why there is none.
pub async fn run(spec: &Spec, environment: &Environment, console: &Console) -> anyhow::Result<Report> {
    let pull_request = PullRequest::of_event(environment);
    let client = Client::new(spec.github.token.as_ref(), environment);
    if spec.github.comment == CommentWhen::Always {
        // Before anything is built.
        if let Err(why) = &pull_request {
            let failure = Failure::user(format!("`comment` is `always`, but {why}"));
            return Err(failure.hint("run on the event `pull_request`, or use `comment: auto`").into());
        }
        if let Err(failure) = &client {
            return Err(failure.clone().into());
        }
    }
    let report = Box::pin(compare(spec, environment, console)).await?;
    let report = papers::write(report, spec, environment, console).await?;
    tell(report, spec, pull_request, client, environment, console).await
}

/// Builds, if there is something new, and compares.
async fn compare(spec: &Spec, environment: &Environment, console: &Console) -> anyhow::Result<Report> {
    let raw = RawInputs::of(spec)?;
    run::warn_of_deprecation(spec.target, console);
    spec.dependencies.notes.iter().for_each(|note| console.warning(note));
    let step = console.step("Decide");
    let published = decide::read(spec, environment, console).await;
    let is_known = published.as_ref().is_ok_and(|published| {
        published.known.state.current_content().is_some_and(|(_, content)| content.unzipped_size.is_some())
    });
    let baseline = match &spec.github.baseline {
        Some(path) if !is_known => Some(baseline::read(path, spec, console)?),
        Some(_) | None => None,
    };
    match published {
        Ok(mut published) => {
            let decision = decide::decide(spec, &raw, &mut published, environment, console).await?;
            if let Action::Unchanged(content) = decision.plan.action {
                step.done("nothing to build");
                let Decision { wanted, presence, plan, .. } = decision;
                let state = &published.known.state;
                return run::unchanged(spec, &wanted, content, plan.reason, state, &presence, console);
            }
            step.done("to be built");
            let Decision { wanted, manifest, plan, .. } = decision;
            console.note(&plan.reason);
            let manifest = manifest.map_or_else(|| resolve::resolve(spec, environment, console), Ok)?;
            let known = Known { published: Some(&published), baseline };
            build(spec, &wanted, &manifest, plan.reason, known, environment, console).await
        }
        Err(error) => {
            let why = format!("what is published cannot be read: {}", Explanation::of(&error).one_line());
            let manifest = resolve::resolve(spec, environment, console)?;
            let wanted = Fingerprinted::of(&raw, &manifest, spec.target);
            if let Some(baseline) =
                baseline.as_ref().filter(|baseline| baseline.fingerprint == Some(wanted.fingerprint))
            {
                step.done("nothing to build");
                let report =
                    Report::of(spec, &wanted, format!("the inputs mean the same as those of {}", baseline.before.name));
                return Ok(baseline.unchanged(report));
            }
            step.done("to be built");
            console.notice(&why);
            let reason = match &baseline {
                Some(baseline) => format!("the inputs are not those of {}", baseline.before.name),
                None => format!("there is nothing to compare with: no `baseline` is given, and {why}"),
            };
            let known = Known { published: None, baseline };
            build(spec, &wanted, &manifest, reason, known, environment, console).await
        }
    }
}

/// What a build is compared with.
struct Known<'a> {
    /// `None` if it cannot be read.
    published: Option<&'a InPlace>,
    baseline: Option<Baseline>,
}

async fn build(
    spec: &Spec,
    wanted: &Fingerprinted,
    manifest: &Manifest,
    reason: String,
    known: Known<'_>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Report> {
    let mut made = make::make(spec, manifest, environment, console)?;
    match known.published {
        Some(_) => run::check_budgets(&mut made, spec, environment, console).await?,
        None if spec.checks.budget_functions.is_empty() => {}
        None => console.warning(&format!(
            "{} not asked for room: there is no access to AWS",
            counted(spec.checks.budget_functions.len(), "function")
        )),
    }
    let report = Report { changed: true, ..Report::of(spec, wanted, reason).with_made(&made) };
    let report = match (known.published, &known.baseline) {
        (_, Some(baseline)) => baseline.compare(report),
        (Some(published), None) => report.compared_to(&published.known.state),
        (None, None) => report,
    };
    let is_changed = report.changed;
    let archive = match made.into_archive() {
        Ok(archive) => archive,
        Err(failure) => {
            let report = Report { destinations: places(spec, environment), ..report };
            return Ok(Report { changed: is_changed, ..report.rejected(&failure) });
        }
    };
    let report = match known.published {
        Some(published) => run::rehearsed(report, &archive, &published.known.state, &published.registry),
        None => Report { destinations: places(spec, environment), ..report },
    };
    Ok(report.with_zip(make::keep(archive, spec)?))
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
    let places = accounts.iter().flat_map(|account| {
        regions.iter().map(|region| Place { account: account.clone(), region: (*region).to_owned() })
    });
    places.map(|place| DestinationReport::new(&place, Outcome::WouldPublish, None)).collect()
}

/// Comments, or says why not.
async fn tell(
    report: Report,
    spec: &Spec,
    pull_request: Result<PullRequest, String>,
    client: Result<Client, Failure>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Report> {
    // Before it is escaped.
    let shown = report.clone().redacted(|text| console.redact(text));
    let text = console.redact(&report::comment(&[&shown], run_page(environment).as_deref()));
    let report = Report { comment: Some(text.clone()), ..report };
    if spec.github.comment == CommentWhen::Never {
        return Ok(report);
    }
    let pull_request = match pull_request {
        Ok(pull_request) => pull_request,
        Err(_) if !environment.in_actions() => return Ok(report),
        Err(why) => {
            let failure = Failure::user(why).hint("run on the event `pull_request` for a comment");
            return Ok(without_comment(report, &failure, console));
        }
    };
    let wish = if spec.github.comment == CommentWhen::Always || is_worth(&report, spec.github.comment_threshold) {
        Wish::Say(&text)
    } else {
        Wish::Correct(&text)
    };
    let step = console.step("Comment");
    let client = match client {
        Ok(client) => client,
        Err(failure) => return Ok(without_comment(report, &failure, console)),
    };
    let marker = report::marker(&[spec.layer.as_str()]);
    match comment::put(&client, &pull_request, &marker, wish, report::says_the_same).await {
        Ok(posted) => {
            step.done(posted.done);
            Ok(Report { comment_url: posted.url, ..report })
        }
        Err(error) => {
            step.skip();
            let failure = comment::explain(&error, &pull_request);
            // What the checks refuse is the greater trouble.
            if spec.github.comment == CommentWhen::Always && report.rejection.is_none() {
                return Err(failure.into());
            }
            Ok(without_comment(report, &failure, console))
        }
    }
}

fn without_comment(report: Report, failure: &Failure, console: &Console) -> Report {
    let problem = Explanation::of(&failure.clone().into());
    let hint = problem.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    console
        .notice(&format!("no comment on a pull request: {}{hint}; the text is in the job summary", problem.one_line()));
    Report { comment_problem: Some(problem), ..report }
}

/// Whether somebody wants to know.
fn is_worth(report: &Report, threshold: Option<ByteSize>) -> bool {
    let errors = report.new_findings().iter().any(|finding| finding.severity == Severity::Error);
    if report.rejection.is_some() || errors {
        return true;
    }
    let is_large = |diff: i64| threshold.is_none_or(|threshold| diff.unsigned_abs() >= threshold.0);
    report.changed && report.size_diff.is_none_or(is_large)
}

/// The page of the workflow run.
fn run_page(environment: &Environment) -> Option<String> {
    let (server, repository) = (environment.get("GITHUB_SERVER_URL")?, environment.get("GITHUB_REPOSITORY")?);
    Some(format!("{server}/{repository}/actions/runs/{}", environment.get("GITHUB_RUN_ID")?))
}
