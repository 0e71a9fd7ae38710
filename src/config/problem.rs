//! Problems of the file, each with its line and a caret, reported together.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use crate::error::{Failure, Hintless, Kind};
use crate::secrets::Secrets;

/// How many problems are reported. Further ones mostly have the same cause.
const TOLD: usize = 20;
/// The longest part of a line that is shown, in characters.
const LONGEST_LINE: usize = 110;

/// A part of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// The number of the line, from 1.
    pub(super) line: usize,
    /// The first column in characters, from 0.
    pub(super) column: usize,
    /// The length in characters, at least 1.
    pub(super) length: usize,
}

impl Span {
    pub(super) const START: Self = Self { line: 1, column: 0, length: 1 };
}

#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The place in the file; `None` if the problem is not in the file.
    pub(super) span: Option<Span>,
    pub(super) failure: Box<Failure>,
}

impl Problem {
    pub(super) fn at(span: Span, message: impl Into<String>) -> HintlessProblem {
        HintlessProblem { span, failure: Failure::user(message) }
    }

    pub(super) fn of(span: Option<Span>, failure: Failure) -> Self {
        Self { span, failure: Box::new(failure) }
    }
}

/// The same as [`Hintless`], with a place.
#[must_use]
pub(super) struct HintlessProblem {
    span: Span,
    failure: Hintless,
}

impl HintlessProblem {
    pub(super) fn hint(self, hint: impl Into<String>) -> Problem {
        Problem::of(Some(self.span), self.failure.hint(hint))
    }

    /// Adds the hint `did you mean` if there is a similar name, otherwise another hint.
    pub(super) fn near(self, near: Option<&str>, otherwise: impl Into<String>) -> Problem {
        match near {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self.hint(otherwise),
        }
    }
}

/// The text that problems point into.
#[derive(Debug)]
pub(super) struct Source {
    /// The path as messages show it.
    pub(super) name: Utf8PathBuf,
    /// The path relative to the repository's root, for annotations.
    pub(super) annotated: String,
    lines: Vec<String>,
    /// The passwords in URLs of the file.
    secrets: Secrets,
}

impl Source {
    pub(super) fn new(name: Utf8PathBuf, annotated: String, text: &str) -> Self {
        let mut secrets = Secrets::default();
        secrets.add_urls_in(text);
        Self { name, annotated, lines: text.lines().map(str::to_owned).collect(), secrets }
    }

    pub(super) fn line(&self, number: usize) -> &str {
        self.lines.get(number - 1).map_or("", String::as_str)
    }

    /// All problems as one failure, in the order of their lines.
    pub(super) fn failure(&self, mut problems: Vec<Problem>) -> Failure {
        problems.sort_by_key(|problem| problem.span);
        // A problem of a default is found again in each layer.
        let mut seen = BTreeSet::new();
        problems.retain(|problem| seen.insert((problem.span, problem.failure.message.clone())));
        let place = problems.iter().find_map(|problem| problem.span).map(|span| (self.annotated.clone(), span.line));
        let is_ours = problems.iter().any(|problem| problem.failure.kind == Kind::System);
        let mut failure = match problems.as_slice() {
            [only] => {
                let failure = Failure::user(self.message(only)).causes(self.shown(only));
                failure.hint(only.failure.hint.clone().unwrap_or_default())
            }
            _ => self.several(&problems),
        };
        failure.place = place.map(Box::new);
        if is_ours {
            failure.kind = Kind::System;
        }
        failure
    }

    fn several(&self, problems: &[Problem]) -> Failure {
        let mut failure = Failure::user(format!("{} problems in `{}`", problems.len(), self.name));
        for problem in problems.iter().take(TOLD) {
            let advice = problem.failure.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            failure = failure.cause(format!("{}{advice}", self.message(problem))).causes(self.shown(problem));
        }
        if let Some(more @ 1..) = problems.len().checked_sub(TOLD) {
            failure = failure.cause(format!("and {more} more"));
        }
        failure.hint("nothing was built or published; correct all of them and run again")
    }

    fn message(&self, problem: &Problem) -> String {
        let message = self.secrets.redact(&problem.failure.message);
        match problem.span {
            Some(span) => format!("{}:{}:{}: {message}", self.name, span.line, span.column + 1),
            None => message,
        }
    }

    /// The line with a caret below, and the rest of what the problem says.
    fn shown(&self, problem: &Problem) -> Vec<String> {
        let mut shown = problem.span.map(|span| self.excerpt(span)).unwrap_or_default();
        shown.extend(problem.failure.causes.iter().map(|cause| format!("  {}", self.secrets.redact(cause))));
        shown
    }

    fn excerpt(&self, span: Span) -> Vec<String> {
        let line = self.line(span.line);
        let redacted = self.secrets.redact(line);
        if redacted.trim().is_empty() {
            return Vec::new();
        }
        let characters: Vec<char> = redacted.trim_end().chars().map(harmless).collect();
        let number = span.line.to_string();
        let width = number.len().max(3);
        let start = if characters.len() > LONGEST_LINE { span.column.saturating_sub(LONGEST_LINE / 2) } else { 0 };
        let end = characters.len().min(start + LONGEST_LINE);
        let cut: String = characters.get(start..end).unwrap_or_default().iter().collect();
        let (before, after) = (if start > 0 { "…" } else { "" }, if end < characters.len() { "…" } else { "" });
        let text = format!("{number:>width$} | {before}{cut}{after}");
        // After a redacted password, columns have moved.
        if redacted != line {
            return vec![text];
        }
        let indent = span.column - start + before.chars().count();
        let length = span.length.min(end.saturating_sub(span.column)).max(1);
        vec![text, format!("{:>width$} | {}{}", "", " ".repeat(indent), "^".repeat(length))]
    }
}

/// Replaces a character that is invisible, or reverses the order of others, by a visible one.
fn harmless(character: char) -> char {
    match character {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}
