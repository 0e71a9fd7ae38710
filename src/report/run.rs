//! What a run did with all its layers: with a single one, or with those of a config file.

use serde::Serialize;

use super::Report;
use crate::console::StepTime;
use crate::error::{Explanation, Kind, counted};
use crate::report::cache::Cache;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunReport {
    pub command: String,
    /// In the order of the config file.
    pub layers: Vec<Report>,
    #[serde(flatten)]
    pub comment: CommentResult,
    /// uv's cache, for the steps before and after this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// The steps of the run as a whole.
    pub steps: Vec<StepTime>,
}

/// The comment about all layers on the pull request.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CommentResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment_url: Option<String>,
    /// The comment's Markdown, whether or not it could be posted.
    #[serde(skip)]
    pub markdown: Option<String>,
    /// Why no comment could be posted, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment_problem: Option<Explanation>,
}

impl RunReport {
    pub fn new(command: impl Into<String>, layers: Vec<Report>) -> Self {
        Self { command: command.into(), layers, comment: CommentResult::default(), cache: None, steps: Vec::new() }
    }

    /// The layer of a run with a single one; outputs and texts are then about it alone.
    pub fn only(&self) -> Option<&Report> {
        match self.layers.as_slice() {
            [report] => Some(report),
            _ => None,
        }
    }

    /// Redacts text from outside. This has to happen before a renderer escapes the text.
    #[must_use]
    pub fn redacted(self, redact: impl Fn(&str) -> String) -> Self {
        let layers = self.layers.into_iter().map(|report| report.redacted(&redact)).collect();
        let comment_problem = self.comment.comment_problem.map(|problem| problem.map(&redact));
        Self { layers, comment: CommentResult { comment_problem, ..self.comment }, ..self }
    }

    /// The layers that failed, each with the reason.
    pub fn failures(&self) -> Vec<(&Report, Explanation)> {
        self.layers.iter().filter_map(|report| Some((report, report.failure()?))).collect()
    }

    /// Why the run fails: the failure of its only layer, or those of all layers together.
    pub fn failure(&self) -> Option<Explanation> {
        let failures = self.failures();
        if self.only().is_some() || failures.is_empty() {
            return failures.into_iter().next().map(|(_, failure)| failure);
        }
        let is_users = failures.iter().all(|(_, failure)| failure.kind == Kind::User);
        // A cause that several layers share is listed once.
        let mut causes: Vec<(String, Vec<String>)> = Vec::new();
        for (report, failure) in &failures {
            let hint = failure.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let cause = format!("{}{hint}", failure.one_line());
            match causes.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, names)) => names.push(report.title()),
                None => causes.push((cause, vec![report.title()])),
            }
        }
        let causes = causes.into_iter().map(|(cause, names)| format!("{}: {cause}", few(&names)));
        Some(Explanation {
            kind: if is_users { Kind::User } else { Kind::System },
            error: format!("{} of {} failed", failures.len(), counted(self.layers.len(), "layer")),
            causes: causes.collect(),
            hint: Some(
                "the table shows what happened to the other layers; the next run does only what is missing".to_owned(),
            ),
            place: None,
        })
    }

    /// How many layers ended in each way, in the order in which the ways first occur.
    pub fn tally(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for report in &self.layers {
            match counts.iter_mut().find(|(verdict, _)| *verdict == report.verdict()) {
                Some((_, count)) => *count += 1,
                None => counts.push((report.verdict(), 1)),
            }
        }
        counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect::<Vec<_>>().join(", ")
    }
}

/// The first three names, and the number of the others.
pub(super) fn few<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(3).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn a_cause_of_several_layers_is_told_once_with_their_folders() {
        let lost = Explanation::of(&Failure::user("`requirements.txt` does not exist").hint("create it").into());
        let failed = |name: &str, folder: Option<&str>| Report {
            folder: folder.map(str::to_owned),
            ..Report::of_failure("publish", name.to_owned(), None, lost.clone())
        };
        let layers = vec![failed("web", Some("services/web")), failed("api", Some("api")), failed("root", None)];
        let run = RunReport::new("publish", layers);
        let failure = run.failure().expect("is one");
        assert_eq!(failure.causes, ["web (services/web), api, root: `requirements.txt` does not exist (create it)"]);
        assert_eq!(super::super::text(&run).matches("does not exist").count(), 0);
    }
}
