//! What a run did with all its layers: one, or those of a file.

use serde::Serialize;

use super::Report;
use crate::console::StepTime;
use crate::error::{Explanation, Kind, counted};
use crate::report::cache::Cache;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunReport {
    pub command: String,
    /// In the order of the file.
    pub layers: Vec<Report>,
    #[serde(flatten)]
    pub told: CommentResult,
    /// Of uv, for the steps around this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// Of the run as a whole.
    pub steps: Vec<StepTime>,
}

/// What a pull request was told about all layers.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CommentResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment_url: Option<String>,
    /// Markdown of that comment, whether or not it could be made.
    #[serde(skip)]
    pub comment: Option<String>,
    /// Why there is none, where one was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment_problem: Option<Explanation>,
}

impl RunReport {
    pub fn new(command: impl Into<String>, layers: Vec<Report>) -> Self {
        Self { command: command.into(), layers, told: CommentResult::default(), cache: None, steps: Vec::new() }
    }

    /// The layer of a run that has just one: outputs and texts are then about it alone.
    pub fn only(&self) -> Option<&Report> {
        match self.layers.as_slice() {
            [report] => Some(report),
            _ => None,
        }
    }

    /// With what came from outside redacted, which has to be done before a renderer escapes it.
    #[must_use]
    pub fn redacted(self, redact: impl Fn(&str) -> String) -> Self {
        let layers = self.layers.into_iter().map(|report| report.redacted(&redact)).collect();
        let comment_problem = self.told.comment_problem.map(|problem| problem.map(&redact));
        Self { layers, told: CommentResult { comment_problem, ..self.told }, ..self }
    }

    /// Those that failed, each with why.
    pub fn failures(&self) -> Vec<(&Report, Explanation)> {
        self.layers.iter().filter_map(|report| Some((report, report.failure()?))).collect()
    }

    /// Why the run fails: that of its only layer, or of all that failed together.
    pub fn failure(&self) -> Option<Explanation> {
        let failures = self.failures();
        if self.only().is_some() || failures.is_empty() {
            return failures.into_iter().next().map(|(_, failure)| failure);
        }
        let is_users = failures.iter().all(|(_, failure)| failure.kind == Kind::User);
        // What is wrong with all of them is told once.
        let mut causes: Vec<(String, Vec<&str>)> = Vec::new();
        for (report, failure) in &failures {
            let hint = failure.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let cause = format!("{}{hint}", failure.one_line());
            match causes.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, names)) => names.push(&report.layer_name),
                None => causes.push((cause, vec![&report.layer_name])),
            }
        }
        let causes = causes.into_iter().map(|(cause, names)| format!("{}: {cause}", few(&names)));
        Some(Explanation {
            kind: if is_users { Kind::User } else { Kind::System },
            error: format!("{} of {} failed", failures.len(), counted(self.layers.len(), "layer")),
            causes: causes.collect(),
            hint: Some("the other layers are as the table says; a new run does only what is missing".to_owned()),
            place: None,
        })
    }

    /// How many layers ended how, in the order in which the ways first occur.
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

/// The first three.
pub(super) fn few(names: &[&str]) -> String {
    match names {
        [first, second, third, _, rest @ ..] => format!("{first}, {second}, {third} and {} more", rest.len() + 1),
        all => all.join(", "),
    }
}
