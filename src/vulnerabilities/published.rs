//! Known vulnerabilities of versions that were published before, by what the state recorded of them.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::advisory::Advisory;
use super::found::{Vulnerabilities, Vulnerability};
use super::grouped::{self, Before};
use super::{Known, Lookup, Outcome, Package, Rating, findings};
use crate::error::Failure;
use crate::layer::{DistributionSize, Standing};
use crate::types::DistributionName;

/// What is recorded of a version.
#[derive(Clone, Copy, Debug)]
pub struct PublishedVersion<'a> {
    /// `None` if it is not recorded what is in it.
    pub distributions: Option<&'a [DistributionSize]>,
    /// Where they are from; one that is missing may be private.
    pub standings: &'a BTreeMap<DistributionName, Standing>,
    /// Whether its vulnerabilities are findings.
    pub counts: bool,
}

/// What was answered in this run about any layer, by the database if there is one, so that nothing is asked twice.
#[derive(Debug, Default)]
pub struct Answers(Mutex<BTreeMap<Option<Utf8PathBuf>, Answered>>);

/// The advisories of each package that there is an answer about.
type Answered = BTreeMap<Package, Vec<Advisory>>;

/// What is known of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionVulnerabilities {
    pub knowledge: Knowledge,
    /// How many there are of each severity, without those that are ignored.
    pub severities: BTreeMap<Rating, usize>,
    /// The worst first.
    pub ids: Vec<String>,
    /// The ids of those that somebody accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// Of how many distributions nothing is known, because they may be private or because OSV did not answer.
    pub unanswered: usize,
}

/// How much is known of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knowledge {
    /// There is an answer about each distribution.
    Complete,
    Partial,
    /// It is not recorded what is in it, or there is no answer about anything in it.
    #[default]
    Unknown,
}

impl VersionVulnerabilities {
    /// `1 critical, 2 high`, `none`, `unknown`
    pub fn shown(&self) -> String {
        if self.knowledge == Knowledge::Unknown {
            return "unknown".to_owned();
        }
        // The worst is the greatest.
        let counts = self.severities.iter().rev().map(|(severity, count)| match severity {
            Rating::Unknown => format!("{count} of unknown severity"),
            Rating::None => format!("{count} without severity"),
            Rating::Low | Rating::Medium | Rating::High | Rating::Critical => format!("{count} {}", severity.word()),
        });
        let mut shown = counts.collect::<Vec<_>>().join(", ");
        if shown.is_empty() {
            "none".clone_into(&mut shown);
        }
        if !self.ignored.is_empty() {
            shown = format!("{shown}, {} ignored", self.ignored.len());
        }
        match self.unanswered {
            0 => shown,
            1 => format!("{shown}, 1 package unknown"),
            count => format!("{shown}, {count} packages unknown"),
        }
    }
}

impl Lookup {
    /// Looks up what is in these versions, each name and version once. The outcome is about those that count, and what
    /// is known of each version stands beside it.
    ///
    /// # Errors
    /// The user's if the database cannot be read.
    pub async fn run_on_published(
        &self,
        versions: &[PublishedVersion<'_>],
        answers: &Answers,
        today: Date,
    ) -> Result<(Outcome, Vec<VersionVulnerabilities>), Failure> {
        let rows = || versions.iter().flat_map(|version| self.rows(version));
        let packages: BTreeSet<Package> = rows().filter(|row| row.is_asked).map(|row| row.package).collect();
        let source = self.check.database.as_ref().map(|(path, _)| path);
        let mut answered = answers.0.lock().await;
        let answered = answered.entry(source.cloned()).or_default();
        let new: Vec<Package> = packages.iter().filter(|package| !answered.contains_key(*package)).cloned().collect();
        let answer = self.ask(&new).await?;
        let known = Known { packages: &new, answer: &answer };
        let known = new.iter().filter_map(|package| Some((package.clone(), known.of(package)?.to_vec())));
        answered.extend(known);
        let mut found: BTreeMap<&Package, Vec<Vulnerability>> = BTreeMap::new();
        for package in &packages {
            let (Some(advisories), Ok(name)) = (answered.get(package), package.name.parse()) else { continue };
            let mut of_package = grouped::present(&name, package, advisories, Before::Unknown);
            findings::mark_ignored(&mut of_package, &self.check, today);
            found.insert(package, of_package);
        }
        let of_versions = versions.iter().map(|version| self.of_version(version, &found)).collect();
        if !versions.iter().any(|version| version.counts && version.distributions.is_some()) {
            return Ok((Outcome::default(), of_versions));
        }
        let counting = || versions.iter().filter(|version| version.counts).flat_map(|version| self.rows(version));
        let not_asked: BTreeSet<String> = counting().filter(|row| !row.is_asked).map(|row| row.package.name).collect();
        let counted: BTreeSet<Package> = counting().filter(|row| row.is_asked).map(|row| row.package).collect();
        let of_counted: Vec<&Vec<Vulnerability>> = counted.iter().filter_map(|package| found.get(package)).collect();
        let mut vulnerabilities = Vulnerabilities {
            asked: of_counted.len(),
            found: of_counted.into_iter().flatten().cloned().collect(),
            ..self.nothing_found(&answer, not_asked.into_iter().collect())
        };
        vulnerabilities.found.sort_by(Vulnerability::worst_first);
        let mut findings = findings::of(&mut vulnerabilities, &self.check, today);
        // What is not recorded may have it.
        let is_recorded = versions.iter().all(|version| version.distributions.is_some());
        findings.retain(|finding| is_recorded || finding.code != "ignore-vulnerability-unused");
        Ok((Outcome { vulnerabilities: Some(vulnerabilities), findings, note: None }, of_versions))
    }

    /// What may be known of a version: not the user's own, nor what is no distribution.
    fn rows(&self, version: &PublishedVersion<'_>) -> Vec<Row> {
        let standings = version.standings;
        let rows = version.distributions.unwrap_or_default().iter().filter(|row| !row.version.is_empty());
        let rows = rows.filter_map(|row| {
            let name: DistributionName = row.name.parse().ok()?;
            let is_asked = self.may_ask(standings.get(&name).copied().unwrap_or(Standing::Elsewhere))?;
            Some(Row { package: Package::new(name.as_str(), &row.version), is_asked })
        });
        rows.collect()
    }

    fn of_version(
        &self,
        version: &PublishedVersion<'_>,
        found: &BTreeMap<&Package, Vec<Vulnerability>>,
    ) -> VersionVulnerabilities {
        if version.distributions.is_none() {
            return VersionVulnerabilities::default();
        }
        let (mut known, mut answered) = (VersionVulnerabilities::default(), 0_usize);
        let mut all: Vec<&Vulnerability> = Vec::new();
        for row in self.rows(version) {
            match found.get(&row.package).filter(|_| row.is_asked) {
                Some(of_package) => {
                    answered += 1;
                    all.extend(of_package);
                }
                None => known.unanswered += 1,
            }
        }
        all.sort_by(|left, right| Vulnerability::worst_first(left, right));
        for one in all {
            if one.ignored.is_some() {
                known.ignored.push(one.id.clone());
            } else {
                *known.severities.entry(one.severity).or_default() += 1;
                known.ids.push(one.id.clone());
            }
        }
        known.knowledge = match (answered, known.unanswered) {
            (_, 0) => Knowledge::Complete,
            (0, _) => Knowledge::Unknown,
            (_, _) => Knowledge::Partial,
        };
        known
    }
}

/// A distribution of a version.
struct Row {
    package: Package,
    is_asked: bool,
}
