//! What is known of a layer, as plain data for the report.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::cvss::Rating;
use crate::types::DistributionName;

/// What a run found out about known vulnerabilities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Vulnerabilities {
    /// The address of the API, or the path of the database as it was given.
    pub source: String,
    /// The number of distributions in the layer that there is an answer about.
    pub asked: usize,
    /// Distributions whose names were not sent, because they may not be from PyPI.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_asked: Vec<String>,
    /// Why the answer is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Those of the layer, the worst first.
    pub found: Vec<Vulnerability>,
    /// Those that the layer had before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Vulnerability>,
}

/// One vulnerability of one distribution, under all of its ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Vulnerability {
    /// In OSV.
    pub id: String,
    /// Its other ids, such as that of CVE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    pub distribution: DistributionName,
    pub version: String,
    /// The package inside of the distribution that has it, with its version: `openssl 0.10.55`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundled: Option<String>,
    /// One line, from the advisory; may be empty.
    pub summary: String,
    pub severity: Rating,
    /// The base score of CVSS v3, from 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The vector of that score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<String>,
    /// The first fixed version above this one; of a bundled package, its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_in: Option<String>,
    /// The distributions that need it, directly or through others, and that the dependency files ask for, or that nothing
    /// else needs; empty for one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brought_by: Vec<DistributionName>,
    /// `None` if it is not known what the layer had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Ignored>,
}

/// What the change of a layer means for a vulnerability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The layer did not have it before.
    Brought,
    Kept,
    Removed,
}

/// Why a vulnerability is no finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// The last day on which it is ignored.
    pub until: String,
    pub reason: String,
}

impl Vulnerability {
    pub(super) fn worst_first(left: &Self, right: &Self) -> Ordering {
        let score = |one: &Self| one.score.unwrap_or_default();
        (right.severity.cmp(&left.severity)).then_with(|| score(right).total_cmp(&score(left))).then_with(|| {
            (&left.distribution, &left.version, &left.id).cmp(&(&right.distribution, &right.version, &right.id))
        })
    }

    /// What a finding about it calls it: the same in each version of the distribution.
    pub fn subject(&self) -> String {
        format!("{}: {}", self.distribution, self.id)
    }

    /// Its page in OSV.
    pub fn url(&self) -> String {
        url(&self.id)
    }

    /// `high 7.5`
    pub fn rated(&self) -> String {
        match self.score {
            Some(score) => format!("{} {score:.1}", self.severity.word()),
            None => self.severity.word().to_owned(),
        }
    }

    /// Whether one of its ids is this one.
    pub(super) fn has_id(&self, id: &str) -> bool {
        std::iter::once(&self.id).chain(&self.aliases).any(|known| known.eq_ignore_ascii_case(id))
    }

    /// Whether it counts, and is new.
    pub fn is_new(&self) -> bool {
        self.ignored.is_none() && !matches!(self.effect, Some(Effect::Kept | Effect::Removed))
    }
}

/// The page of an advisory in OSV. An id has no character that a URL must not have.
pub fn url(id: &str) -> String {
    format!("https://osv.dev/vulnerability/{id}")
}

impl Vulnerabilities {
    /// Those that nobody accepted.
    pub fn open(&self) -> impl Iterator<Item = &Vulnerability> {
        self.found.iter().filter(|one| one.ignored.is_none())
    }
}
