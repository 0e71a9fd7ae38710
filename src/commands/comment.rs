//! The comment on a pull request: whether to post it, its text, and the result.

use camino::Utf8Path;
use secrecy::SecretString;
use url::Url;

use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Explanation, Failure};
use crate::github::comment::Wish;
use crate::github::{Client, PullRequest, comment};
use crate::layer::Severity;
use crate::report::{CommentResult, Links, Report, RunReport};
use crate::spec::{CommentWhen, Spec, Task};
use crate::types::ByteSize;
use crate::{config, report};

/// What a comment needs that somebody insists on, before anything is built.
///
/// # Errors
/// `comment` is `always`, and there is no pull request or no token.
pub(crate) fn check(specs: &[Spec], environment: &Environment) -> Result<(), Failure> {
    let insists = |spec: &&Spec| spec.task == Task::Preview && spec.github.comment == CommentWhen::Always;
    let Some(spec) = specs.iter().find(insists) else { return Ok(()) };
    if let Err(why) = PullRequest::of_event(environment) {
        let failure = Failure::user(format!("`comment` is `always`, but {why}"));
        return Err(failure.hint("run the workflow on the event `pull_request`, or use `comment: auto`"));
    }
    Client::new(spec.github.token.as_ref(), environment).map(drop)
}

/// Posts the comment about the layers of a preview, or reports why it cannot. Does nothing for other commands.
///
/// # Errors
/// What GitHub says, if `comment` is `always`. Otherwise the report says why there is no comment.
pub(crate) async fn post_for_preview(
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
    let report_url = first.github.report_url.clone();
    let wanted = Wanted { marker, always, never, is_worth: worth, report_url };
    let token = first.github.token.as_ref();
    let comment = post(&run, &wanted, token, environment, console).await?;
    Ok(RunReport { comment, ..run })
}

/// When to comment, and which comment to update.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Marks our comment, so that the next run finds it.
    pub marker: String,
    pub always: bool,
    pub never: bool,
    pub is_worth: bool,
    /// The address of the report page.
    pub report_url: Option<Url>,
}

/// Posts, updates or corrects the comment of a run.
///
/// # Errors
/// As of [`post_for_preview`].
pub(crate) async fn post(
    run: &RunReport,
    wanted: &Wanted,
    token: Option<&SecretString>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<CommentResult> {
    // Secrets are redacted before the text is escaped.
    let shown = run.clone().redacted(|text| console.redact(text));
    let shown: Vec<&Report> = shown.layers.iter().collect();
    let pull_request = PullRequest::of_event(environment);
    let known = pull_request.as_ref().ok();
    let (run_page, docs) = (run_page(environment), environment.docs());
    let page = known.and_then(|known| pull_request_page(known, environment));
    let links = Links {
        run: run_page.as_deref(),
        docs: docs.as_deref(),
        pull_request: page.as_deref(),
        commit: known.and_then(|known| known.head.as_deref()),
        report: wanted.report_url.as_ref().map(Url::as_str),
    };
    let text = console.redact(&report::comment(&shown, &wanted.marker, links));
    let comment = CommentResult { markdown: Some(text.clone()), ..CommentResult::default() };
    if wanted.never {
        return Ok(comment);
    }
    let pull_request = match pull_request {
        Ok(pull_request) => pull_request,
        Err(_) if !environment.in_actions() => return Ok(comment),
        Err(why) => {
            let failure = Failure::user(why).hint("run the workflow on the event `pull_request` to get a comment");
            return Ok(without_comment(comment, &failure, console));
        }
    };
    let wish = if wanted.always || wanted.is_worth { Wish::Say(&text) } else { Wish::Correct(&text) };
    let step = console.step("Comment on the pull request");
    let client = match Client::new(token, environment) {
        Ok(client) => client,
        Err(failure) => return Ok(without_comment(comment, &failure, console)),
    };
    match comment::put(&client, &pull_request, &wanted.marker, wish, report::says_the_same).await {
        Ok(posted) => {
            step.done(posted.done);
            Ok(CommentResult { comment_url: posted.url, ..comment })
        }
        Err(error) => {
            step.skip();
            let failure = comment::explain(&error, &pull_request);
            // A rejection by the checks is the more important error.
            if wanted.always && run.failure().is_none() {
                return Err(failure.into());
            }
            Ok(without_comment(comment, &failure, console))
        }
    }
}

fn without_comment(comment: CommentResult, failure: &Failure, console: &Console) -> CommentResult {
    let problem = Explanation::of(&failure.clone().into());
    let hint = problem.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    console.notice(&format!(
        "no comment was written on a pull request: {}{hint}; the text is in the job summary",
        problem.one_line()
    ));
    CommentResult { comment_problem: Some(problem), ..comment }
}

/// Whether a layer is worth a comment: it failed, has new errors, or changed by the threshold or more.
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
    Some(format!("{}/actions/runs/{}", repository_page(environment)?, environment.get("GITHUB_RUN_ID")?))
}

fn pull_request_page(pull_request: &PullRequest, environment: &Environment) -> Option<String> {
    Some(format!("{}/pull/{}", repository_page(environment)?, pull_request.number))
}

fn repository_page(environment: &Environment) -> Option<String> {
    Some(format!("{}/{}", environment.get("GITHUB_SERVER_URL")?, environment.get("GITHUB_REPOSITORY")?))
}
