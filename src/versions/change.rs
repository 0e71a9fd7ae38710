//! The changes that a run made to published versions: shared, attached, named, labelled, removed. One row each.

use serde::{Deserialize, Serialize};

use crate::error::Explanation;
use crate::types::{AccountId, ByteSize, Place};

/// One change that was made, or would be, to one subject in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    pub region: String,
    pub kind: ChangeKind,
    /// The subject: `version 7`, `function orders`, `parameter /layers/shared/latest`.
    pub subject: String,
    /// A description, with the old and the new value if there are both: `version 6 → 7`, `shared with 123456789012`.
    pub detail: String,
    pub outcome: ChangeOutcome,
    /// The bytes that the change frees, or that the subject uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<ByteSize>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Explanation>,
}

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Share,
    Parameter,
    Manifest,
    Label,
    Attach,
    Cleanup,
    Signing,
    Release,
}

/// The outcome of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeOutcome {
    Done,
    /// Nothing had to be changed.
    Unchanged,
    /// A dry run or a plan: the subject would be changed.
    Would,
    /// A clean-up keeps the subject.
    Kept,
    Failed,
}

impl ChangeOutcome {
    /// The outcome in words, for tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Would => "would be done",
            Self::Kept => "kept",
            Self::Failed => "failed",
        }
    }
}

impl Change {
    pub fn new(
        place: &Place,
        kind: ChangeKind,
        subject: impl Into<String>,
        detail: impl Into<String>,
        outcome: ChangeOutcome,
    ) -> Self {
        let (account, region) = (place.shown_account().cloned(), place.region.clone());
        Self {
            account,
            region,
            kind,
            subject: subject.into(),
            detail: detail.into(),
            outcome,
            bytes: None,
            error: None,
        }
    }

    /// The same change with the outcome `Failed`, and the reason.
    #[must_use]
    pub fn failed(self, error: &anyhow::Error) -> Self {
        Self { outcome: ChangeOutcome::Failed, error: Some(Explanation::of(error)), ..self }
    }

    pub fn place(&self) -> String {
        Place::in_account(self.account.clone(), &self.region).to_string()
    }
}

/// A summary such as `2 done, 1 unchanged`.
pub fn count(changes: &[Change]) -> String {
    let outcomes = [
        ChangeOutcome::Failed,
        ChangeOutcome::Done,
        ChangeOutcome::Would,
        ChangeOutcome::Kept,
        ChangeOutcome::Unchanged,
    ];
    let counts = outcomes.map(|outcome| (outcome, changes.iter().filter(|change| change.outcome == outcome).count()));
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let texts: Vec<String> = counts.map(|(outcome, count)| format!("{count} {}", outcome.word())).collect();
    if texts.is_empty() { "nothing to do".to_owned() } else { texts.join(", ") }
}
