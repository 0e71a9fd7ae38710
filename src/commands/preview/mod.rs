//! The command `preview`: builds, compares with what is published, tells a pull request. It changes nothing else.

pub mod baseline;

use std::borrow::Cow;

use camino::Utf8Path;
use secrecy::SecretString;

use crate::commands::preview::baseline::Baseline;
use crate::commands::publish;
use crate::console::Console;
use crate::decide::fingerprint::{Fingerprinted, RawInputs};
use crate::decide::plan::Action;
use crate::decide::{Decision, InPlace, Surroundings};
use crate::environment::Environment;
use crate::error::{Explanation, Failure, counted};
use crate::github::comment::Wish;
use crate::github::{Client, PullRequest, comment};
use crate::layer::Severity;
use crate::manifest::Manifest;
use crate::report::{DestinationReport, Outcome, Report, RunReport, Told};
use crate::spec::{CommentWhen, RegistryChoice, Spec, Task};
use crate::types::{ByteSize, Place};
use crate::{build, config, decide, report, resolve};

/// What a comment needs that somebody insists on, before anything is built.
///
/// # Errors
/// `comment` is `always`, and there is no pull request or no token.
pub fn check(specs: &[Spec], environment: &Environment) -> Result<(), Failure> {
    let insists = |spec: &&Spec| spec.task == Task::Preview && spec.github.comment == CommentWhen::Always;
    let Some(spec) = specs.iter().find(insists) else { return Ok(()) };
    if let Err(why) = PullRequest::of_event(environment) {
        let failure = Failure::user(format!("`comment` is `always`, but {why}"));
        return Err(failure.hint("run on the event `pull_request`, or use `comment: auto`"));
    }
    Client::new(spec.github.token.as_ref(), environment).map(drop)
}

/// Builds, if there is something new, and compares.
///
/// # Errors
/// What building says.
pub async fn compare<'scope>(spec: &'scope Spec, around: Surroundings<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let Surroundings { environment, console, connections, workers } = around;
    let raw = RawInputs::of(spec, console.secrets())?;
    publish::warn_of_deprecation(spec.target, console);
    spec.dependencies.notes.iter().for_each(|note| console.warning(note));
    let step = console.step("Decide");
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
            let decision = decide::decide(spec, &raw, &mut published, around).await?;
            if let Action::Unchanged(content) = decision.plan.action {
                step.done_for_nothing("nothing to build");
                let Decision { wanted, presence, plan, .. } = decision;
                let state = &published.known.state;
                return publish::unchanged(spec, &wanted, content, plan.reason, state, &presence, console);
            }
            step.done("to be built");
            let Decision { wanted, manifest, plan, .. } = decision;
            console.note(&plan.reason);
            let manifest = match manifest {
                Some(manifest) => manifest,
                None => workers.run(|| resolve::resolve(spec, environment, console)).await?,
            };
            let known = Known { published: Some(&published), baseline };
            build(spec, &wanted, manifest, plan.reason, known, around).await
        }
        Err(error) => {
            let why = format!("what is published cannot be read: {}", Explanation::of(&error).one_line());
            let manifest = workers.run(|| resolve::resolve(spec, environment, console)).await?;
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
            build(spec, &wanted, manifest, reason, known, around).await
        }
    }
}

/// What a build is compared with.
struct Known<'a> {
    /// `None` if it cannot be read.
    published: Option<&'a InPlace>,
    baseline: Option<Baseline>,
}

async fn build<'scope>(
    spec: &'scope Spec,
    wanted: &Fingerprinted,
    manifest: Cow<'scope, Manifest>,
    reason: String,
    known: Known<'_>,
    around: Surroundings<'_, 'scope, '_>,
) -> anyhow::Result<Report> {
    let Surroundings { environment, console, workers, .. } = around;
    let mut made = workers.run(move || build::make(spec, &manifest, environment, console)).await?;
    match known.published {
        Some(_) => publish::check_budgets(&mut made, spec, environment, console).await?,
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
        Some(published) => {
            publish::rehearsed(report, &archive, &spec.declaration, &published.known.state, &published.registry)
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

/// Comments on what the layers of a preview become, or says why not; nothing for other commands.
///
/// # Errors
/// GitHub's, where the comment must be; elsewhere the report says why there is none.
pub async fn tell(
    run: RunReport,
    specs: &[Spec],
    config: Option<&Utf8Path>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<RunReport> {
    let wished = specs.iter().zip(&run.layers).filter(|(spec, _)| spec.task == Task::Preview);
    let Some(first) = specs.iter().find(|spec| spec.task == Task::Preview) else { return Ok(run) };
    let always = wished.clone().any(|(spec, _)| spec.github.comment == CommentWhen::Always);
    let never = wished.clone().all(|(spec, _)| spec.github.comment == CommentWhen::Never);
    let worth = wished.clone().any(|(spec, report)| is_worth(report, spec.github.comment_threshold));
    let marker = if let Some(report) = run.only() {
        report::marker(&report.layer_name)
    } else {
        // From the root of the repository, which is not in the same place on every machine.
        let config = config.map(|path| path.strip_prefix(&first.workspace).unwrap_or(path));
        report::set_marker(config.map_or(config::FILE, Utf8Path::as_str))
    };
    let wanted = Wanted { marker, always, never, is_worth: worth };
    let token = first.github.token.as_ref();
    let told = told(&run, &wanted, token, environment, console).await?;
    Ok(RunReport { told, ..run })
}

/// What the comment is to be.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// It is found by this again.
    pub marker: String,
    pub always: bool,
    pub never: bool,
    pub is_worth: bool,
}

pub(crate) async fn told(
    run: &RunReport,
    wanted: &Wanted,
    token: Option<&SecretString>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Told> {
    // Before it is escaped.
    let shown = run.clone().redacted(|text| console.redact(text));
    let shown: Vec<&Report> = shown.layers.iter().collect();
    let text = console.redact(&report::comment(&shown, &wanted.marker, run_page(environment).as_deref()));
    let told = Told { comment: Some(text.clone()), ..Told::default() };
    if wanted.never {
        return Ok(told);
    }
    let pull_request = match PullRequest::of_event(environment) {
        Ok(pull_request) => pull_request,
        Err(_) if !environment.in_actions() => return Ok(told),
        Err(why) => {
            let failure = Failure::user(why).hint("run on the event `pull_request` for a comment");
            return Ok(without_comment(told, &failure, console));
        }
    };
    let wish = if wanted.always || wanted.is_worth { Wish::Say(&text) } else { Wish::Correct(&text) };
    let step = console.step("Comment");
    let client = match Client::new(token, environment) {
        Ok(client) => client,
        Err(failure) => return Ok(without_comment(told, &failure, console)),
    };
    match comment::put(&client, &pull_request, &wanted.marker, wish, report::says_the_same).await {
        Ok(posted) => {
            step.done(posted.done);
            Ok(Told { comment_url: posted.url, ..told })
        }
        Err(error) => {
            step.skip();
            let failure = comment::explain(&error, &pull_request);
            // What the checks refuse is the greater trouble.
            if wanted.always && run.failure().is_none() {
                return Err(failure.into());
            }
            Ok(without_comment(told, &failure, console))
        }
    }
}

fn without_comment(told: Told, failure: &Failure, console: &Console) -> Told {
    let problem = Explanation::of(&failure.clone().into());
    let hint = problem.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    console
        .notice(&format!("no comment on a pull request: {}{hint}; the text is in the job summary", problem.one_line()));
    Told { comment_problem: Some(problem), ..told }
}

/// Whether somebody wants to know.
pub(crate) fn is_worth(report: &Report, threshold: Option<ByteSize>) -> bool {
    let errors = report.new_findings().iter().any(|finding| finding.severity == Severity::Error);
    if report.error.is_some() || report.rejection.is_some() || errors {
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
