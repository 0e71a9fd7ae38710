//! The result of a layer in one region of one account.

use serde::{Deserialize, Serialize};

use crate::error::Explanation;
use crate::types::{AccountId, LayerVersionArn, Place};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DestinationReport {
    /// `None` stands for the account of the run's own identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    pub region: String,
    /// `None` if the result was read from another job.
    #[serde(skip)]
    place: Option<Place>,
    pub outcome: Outcome,
    pub layer_version_arn: Option<LayerVersionArn>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Explanation>,
}

impl DestinationReport {
    pub fn new(place: &Place, outcome: Outcome, arn: Option<LayerVersionArn>) -> Self {
        let (account, region) = (place.shown_account().cloned(), place.region.clone());
        Self { account, region, place: Some(place.clone()), outcome, layer_version_arn: arn, error: None }
    }

    pub fn failed(place: &Place, error: Explanation) -> Self {
        Self { error: Some(error), ..Self::new(place, Outcome::Failed, None) }
    }

    /// The place as people read it.
    pub fn place(&self) -> String {
        Place::in_account(self.account.clone(), &self.region).to_string()
    }

    /// The place with its account, as far as this run knows it.
    pub fn known_place(&self) -> Place {
        self.place.clone().unwrap_or_else(|| Place::in_account(self.account.clone(), &self.region))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Published,
    /// The same content was already there, so no version was made.
    Adopted,
    Unchanged,
    /// It would be published; this run was a dry run or a plan.
    WouldPublish,
    Failed,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Adopted => "adopted",
            Self::Unchanged => "unchanged",
            Self::WouldPublish => "would be published",
            Self::Failed => "failed",
        }
    }
}
