//! How a run ended: as one word, as one line, and as an error.

use super::{DestinationReport, Outcome, Report};
use crate::error::{Explanation, Kind, counted};
use crate::layer::Severity;
use crate::versions::ChangeOutcome;
use crate::versions::usage::LayerUsage;

impl Report {
    /// One or two words for the first line.
    pub fn verdict(&self) -> &'static str {
        let any = |outcome: Outcome| self.destinations.iter().any(|destination| destination.outcome == outcome);
        match self.command {
            _ if self.error.is_some() => "failed",
            // It reports versions that are published: what it finds refuses none of them.
            "usage" => self.usage.as_ref().map_or("failed", LayerUsage::verdict),
            _ if self.rejection.is_some() => "refused",
            "build" => "built",
            "audit" => "checked",
            "share" | "attach" | "label" | "cleanup" | "release" => self.verdict_on_changes(),
            _ if any(Outcome::Failed) => "failed",
            _ if self.published => "published",
            _ if any(Outcome::WouldPublish) => "would be published",
            _ if any(Outcome::Adopted) => "adopted",
            "plan" if self.changed => "to be built",
            "preview" if self.changed => "changed",
            _ => "unchanged",
        }
    }

    fn verdict_on_changes(&self) -> &'static str {
        let any = |outcome: ChangeOutcome| self.changes.iter().any(|change| change.outcome == outcome);
        match self.command {
            _ if any(ChangeOutcome::Failed) => "failed",
            "cleanup" if any(ChangeOutcome::Done) => "cleaned up",
            "share" if any(ChangeOutcome::Done) => "shared",
            "attach" if any(ChangeOutcome::Done) => "attached",
            "label" if any(ChangeOutcome::Done) => "labelled",
            "release" if any(ChangeOutcome::Done) => "released",
            _ if any(ChangeOutcome::Would) => "planned",
            _ => "unchanged",
        }
    }

    pub fn failed_places(&self) -> Vec<String> {
        let failed = self.destinations.iter().filter(|destination| destination.outcome == Outcome::Failed);
        failed.map(DestinationReport::place).collect()
    }

    /// The verdict, with the places where it failed.
    pub fn headline(&self) -> String {
        match self.failed_places().as_slice() {
            [] => self.verdict().to_owned(),
            places => format!("{} in {}", self.verdict(), places.join(", ")),
        }
    }

    /// Why a run fails that has a report: findings, some of its places, or a state or file that could not be written.
    pub fn failure(&self) -> Option<Explanation> {
        if let Some(error) = self.error.as_ref().or(self.rejection.as_ref()) {
            return Some(error.clone());
        }
        if let Some(failure) = self.own_usage().and_then(|usage| usage.failure(&self.layer_name)) {
            return Some(failure);
        }
        let places = self.failed_places();
        let failed_changes = self.changes.iter().filter(|change| change.outcome == ChangeOutcome::Failed).count();
        let (message, advice) = if failed_changes > 0 && places.is_empty() {
            let message = format!("{} to `{}` failed", counted(failed_changes, "change"), self.layer_name);
            (message, "the next run does only what is missing")
        } else if let (Some(_), [], None) = (&self.paper_error, places.as_slice(), &self.state_error) {
            let message = format!("a file about `{}` could not be written", self.layer_name);
            (message, "everything else was done")
        } else if places.is_empty() {
            let message = format!("the state of `{}` could not be written", self.layer_name);
            (message, "versions that were published remain, and the next run finds them")
        } else {
            let message = format!("`{}` could not be published to {}", self.layer_name, places.join(", "));
            (message, "the next run publishes only what is missing")
        };
        let of_places = self.destinations.iter().filter_map(|failed| Some((failed.place(), failed.error.as_ref()?)));
        let of_changes = self
            .changes
            .iter()
            .filter_map(|change| Some((format!("{} in {}", change.subject, change.place()), change.error.as_ref()?)));
        let errors: Vec<(String, &Explanation)> = of_places
            .chain(of_changes)
            .chain(self.state_error.iter().map(|error| ("state".to_owned(), error)))
            .chain(self.paper_error.iter().map(|error| ("file".to_owned(), error)))
            .collect();
        let mut hints: Vec<&str> = errors.iter().filter_map(|(_, error)| error.hint.as_deref()).collect();
        hints.dedup();
        hints.push(advice);
        let kind = match errors.as_slice() {
            [] => return None,
            errors if errors.iter().all(|(_, error)| error.kind == Kind::User) => Kind::User,
            _ => Kind::System,
        };
        let causes = errors.iter().map(|(place, error)| format!("{place}: {}", error.one_line())).collect();
        Some(Explanation { kind, error: message, causes, hint: Some(hints.join("; ")), place: None })
    }

    /// Whether one of the errors among the findings has this message.
    pub fn has_error(&self, message: &str) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error && finding.message == message)
    }
}
