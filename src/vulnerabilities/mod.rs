//! Known vulnerabilities of what is in a layer, by OSV (<https://osv.dev>): its API, or its database as a file.
//!
//! The API is told names and versions, so it is only asked about packages that are known to be from PyPI. The database is
//! searched on this machine.

mod advisory;
mod api;
mod bundled;
mod cvss;
mod database;
mod findings;
mod found;
mod grouped;
mod published;
mod ranges;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::audit;
use crate::environment::Environment;
use crate::error::Failure;
use crate::layer::{Distribution, DistributionSize, Finding, Layer, Origins, Standing};
use crate::spec::VulnerabilityCheck;
use crate::types::{DistributionName, Target};
use advisory::{Advisory, PYPI};
use api::Api;
pub use bundled::Boms;
pub use cvss::Rating;
use database::Database;
pub use found::{Effect, Ignored, Vulnerabilities, Vulnerability, url};
use grouped::Before;
pub use published::{Answers, Knowledge, PublishedVersion, VersionVulnerabilities};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    /// Type of its package URL: `pypi`.
    kind: &'static str,
    /// Normalized if it is of PyPI.
    name: String,
    /// Without a local part (`+cpu`), which no advisory knows.
    version: String,
}

/// What is known of some packages.
#[derive(Debug)]
struct Answer {
    /// Of each package.
    advisories: Vec<Vec<Advisory>>,
    /// Whether these are all.
    is_answered: Vec<bool>,
    /// Why something is missing.
    problems: Vec<String>,
    /// There is no network, or no server.
    is_unreachable: bool,
}

impl Answer {
    /// Of so many packages, as if nothing was known of them.
    fn of(packages: usize) -> Self {
        let (advisories, is_answered) = (vec![Vec::new(); packages], vec![true; packages]);
        Self { advisories, is_answered, problems: Vec::new(), is_unreachable: false }
    }
}

#[derive(Debug)]
enum Source {
    Api(Box<Api>),
    Database(Database),
}

/// Where to look, and what to make of it.
#[derive(Debug)]
pub struct Lookup {
    source: Source,
    check: VulnerabilityCheck,
}

/// The layer in question.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub layer: &'a Layer,
    pub target: Target,
    pub origins: &'a Origins,
    /// What its distributions say that they bundle.
    pub boms: &'a Boms,
    /// Distributions that the dependency files ask for, as far as that is known.
    pub direct: &'a BTreeSet<DistributionName>,
    /// What the layer had before; `None` if that is not known.
    pub before: Option<&'a [DistributionSize]>,
}

/// The result of a look-up.
#[derive(Debug, Default)]
pub struct Outcome {
    pub vulnerabilities: Option<Vulnerabilities>,
    pub findings: Vec<Finding>,
    /// Why nothing was looked up, although nobody asked for it.
    pub note: Option<String>,
}

impl Lookup {
    /// Opens the database, or sets up the client. `None` if nothing is to be looked up.
    ///
    /// # Errors
    /// The user's if the database is none, or if the environment names a wrong address.
    pub fn prepare(check: Option<&VulnerabilityCheck>, environment: &Environment) -> Result<Option<Self>, Failure> {
        let Some(check) = check else { return Ok(None) };
        let source = match &check.database {
            Some((path, shown)) => Source::Database(Database::open(path, shown)?),
            // Whoever works without a network wants no word about it each time.
            None if check.is_default && environment.is_on("UV_OFFLINE") => return Ok(None),
            None => Source::Api(Box::new(Api::new(environment)?)),
        };
        Ok(Some(Self { source, check: check.clone() }))
    }

    /// Looks up everything that may be asked about, and says what that means on this day.
    ///
    /// # Errors
    /// The user's if the database cannot be read.
    pub async fn run(&self, subject: Subject<'_>, today: Date) -> Result<Outcome, Failure> {
        let is_local = matches!(self.source, Source::Database(_));
        let (asked, elsewhere) = self.choose(subject);
        let mut packages: BTreeSet<Package> = asked.iter().map(|distribution| Package::of(distribution)).collect();
        packages.extend(packages_before(subject, &packages, is_local));
        let bundled = asked.iter().flat_map(|distribution| subject.boms.of(&distribution.name)).cloned();
        // The database has nothing but packages of PyPI.
        packages.extend(bundled.filter(|package| !is_local || package.kind == PYPI));
        let packages: Vec<Package> = packages.into_iter().collect();
        let answer = self.ask(&packages).await?;
        let is_silent = answer.is_unreachable && answer.is_answered.iter().all(|is_answered| !is_answered);
        if is_silent && self.check.is_default {
            let why = answer.problems.first().cloned().unwrap_or_default();
            let note = format!("known vulnerabilities were not looked up: {why}");
            return Ok(Outcome { note: Some(note), ..Outcome::default() });
        }
        let not_asked = elsewhere.iter().map(|distribution| distribution.name.to_string()).collect();
        let mut vulnerabilities = self.nothing_found(&answer, not_asked);
        let known = Known { packages: &packages, answer: &answer };
        for distribution in &asked {
            vulnerabilities.asked += usize::from(known.of(&Package::of(distribution)).is_some());
        }
        collect(&mut vulnerabilities, &asked, subject, known);
        let findings = findings::of(&mut vulnerabilities, &self.check, today);
        Ok(Outcome { vulnerabilities: Some(vulnerabilities), findings, note: None })
    }

    /// # Errors
    /// The user's if the database cannot be read.
    async fn ask(&self, packages: &[Package]) -> Result<Answer, Failure> {
        match &self.source {
            _ if packages.is_empty() => Ok(Answer::of(0)),
            Source::Api(api) => Ok(api.ask(packages).await),
            Source::Database(database) => database.ask(packages),
        }
    }

    /// Where this answer is from, and what is missing in it.
    fn nothing_found(&self, answer: &Answer, not_asked: Vec<String>) -> Vulnerabilities {
        Vulnerabilities {
            source: match &self.source {
                Source::Api(api) => api.shown.clone(),
                Source::Database(database) => database.shown.clone(),
            },
            not_asked,
            problem: (!answer.problems.is_empty()).then(|| answer.problems.join("; ")),
            ..Vulnerabilities::default()
        }
    }

    /// Whether it may be asked about; `None` for the user's own, which nobody else knows.
    fn may_ask(&self, standing: Standing) -> Option<bool> {
        match (standing, &self.source) {
            (Standing::Own, _) => None,
            (Standing::Public, _) | (Standing::Elsewhere, Source::Database(_)) => Some(true),
            (Standing::Elsewhere, Source::Api(_)) => Some(false),
        }
    }

    /// The distributions to ask about, each version once, and those that may be known but must not be sent.
    fn choose<'a>(&self, subject: Subject<'a>) -> (Vec<&'a Distribution>, Vec<&'a Distribution>) {
        let mut known = BTreeSet::new();
        let all = subject.layer.distributions.iter().filter(|one| known.insert((&one.name, &one.version)));
        let (mut asked, mut elsewhere) = (Vec::new(), Vec::new());
        for distribution in all {
            match self.may_ask(subject.origins.standing(distribution)) {
                Some(true) => asked.push(distribution),
                Some(false) => elsewhere.push(distribution),
                None => {}
            }
        }
        (asked, elsewhere)
    }
}

impl Package {
    fn of(distribution: &Distribution) -> Self {
        Self::new(distribution.name.as_str(), &distribution.version)
    }

    fn new(name: &str, version: &str) -> Self {
        let public = version.split_once('+').map_or(version, |(public, _)| public);
        Self { kind: PYPI, name: name.to_owned(), version: public.to_owned() }
    }
}

/// Other versions that the layer had before. A name that is no longer in the layer may be of another index than it is
/// thought to be, so it is not sent.
fn packages_before(subject: Subject<'_>, now: &BTreeSet<Package>, is_local: bool) -> Vec<Package> {
    let is_there = |name: &str| now.iter().any(|package| package.name == name);
    let is_own = |name: &str| {
        name.parse::<DistributionName>()
            .is_ok_and(|name| subject.origins.named.get(&name).is_some_and(|origin| origin.is_own))
    };
    let rows = subject.before.unwrap_or_default().iter().filter(|row| !row.version.is_empty());
    let rows = rows.filter(|row| is_there(&row.name) || (is_local && !is_own(&row.name)));
    rows.map(|row| Package::new(&row.name, &row.version)).collect()
}

/// What was answered, by package.
#[derive(Clone, Copy)]
struct Known<'a> {
    /// Sorted.
    packages: &'a [Package],
    answer: &'a Answer,
}

impl<'a> Known<'a> {
    /// `None` if nothing was asked or answered about it.
    fn of(self, package: &Package) -> Option<&'a [Advisory]> {
        let index = self.packages.binary_search(package).ok()?;
        // Half an answer is better than none.
        let known = self.answer.advisories[index].as_slice();
        (self.answer.is_answered[index] || !known.is_empty()).then_some(known)
    }
}

/// Adds what is known of each distribution, worst first, and of those that are gone.
fn collect(vulnerabilities: &mut Vulnerabilities, asked: &[&Distribution], subject: Subject<'_>, known: Known<'_>) {
    let roots = Roots::within(subject);
    let rows: BTreeMap<&str, &DistributionSize> =
        subject.before.unwrap_or_default().iter().map(|row| (row.name.as_str(), row)).collect();
    for distribution in asked {
        let package = Package::of(distribution);
        let Some(now) = known.of(&package) else { continue };
        let before = match (subject.before, rows.get(package.name.as_str())) {
            (None, _) => Before::Unknown,
            (Some(_), None) => Before::Absent,
            (Some(_), Some(row)) => match known.of(&Package::new(&row.name, &row.version)) {
                Some(before) => Before::Known(before),
                None => Before::Unknown,
            },
        };
        let mut found = grouped::present(&distribution.name, &package, now, before);
        for inner in subject.boms.of(&distribution.name) {
            let Some(now) = known.of(inner) else { continue };
            let before = match (before, rows.get(package.name.as_str())) {
                // The same version bundles the same.
                (Before::Known(_), Some(row)) if row.version == distribution.version => Before::Known(now),
                (Before::Absent, _) => Before::Absent,
                (Before::Known(_) | Before::Unknown, _) => Before::Unknown,
            };
            let bundled = Some(format!("{} {}", inner.name, inner.version));
            let inside = grouped::present(&distribution.name, inner, now, before).into_iter();
            found.extend(inside.map(|one| Vulnerability { bundled: bundled.clone(), ..one }));
        }
        vulnerabilities.found.extend(found.into_iter().map(|one| Vulnerability {
            version: distribution.version.clone(),
            brought_by: roots.of(&distribution.name),
            ..one
        }));
    }
    for (name, row) in rows {
        let of_name = asked.iter().filter(|distribution| distribution.name.as_str() == name);
        let now = of_name.map(|distribution| known.of(&Package::of(distribution)));
        let package = Package::new(name, &row.version);
        // What is not known to be gone is not said to be.
        let (Some(now), Some(before)) = (now.collect::<Option<Vec<_>>>(), known.of(&package)) else { continue };
        let now: Vec<&Advisory> = now.into_iter().flatten().collect();
        vulnerabilities.removed.extend(grouped::removed(&package, before, &now));
    }
    vulnerabilities.found.sort_by(Vulnerability::worst_first);
    vulnerabilities.removed.sort_by(Vulnerability::worst_first);
}

/// Which distributions bring which others: those that the dependency files ask for, or else those that nothing else in the
/// layer needs.
struct Roots<'a> {
    direct: &'a BTreeSet<DistributionName>,
    /// What needs it, by name.
    needed_by: BTreeMap<DistributionName, BTreeSet<DistributionName>>,
}

impl<'a> Roots<'a> {
    fn within(subject: Subject<'a>) -> Self {
        let mut needed_by: BTreeMap<DistributionName, BTreeSet<DistributionName>> = BTreeMap::new();
        for (by, needed) in audit::needed_within(subject.layer, subject.target) {
            for name in needed.into_iter().filter(|name| *name != by) {
                needed_by.entry(name).or_default().insert(by.clone());
            }
        }
        Self { direct: subject.direct, needed_by }
    }

    /// Empty for one of them, and for a circle that nothing else needs.
    fn of(&self, name: &DistributionName) -> Vec<DistributionName> {
        if self.direct.contains(name) {
            return Vec::new();
        }
        let (mut roots, mut seen, mut next) = (BTreeSet::new(), BTreeSet::from([name]), vec![name]);
        while let Some(one) = next.pop() {
            match self.needed_by.get(one) {
                _ if self.direct.contains(one) => drop(roots.insert(one.clone())),
                Some(above) => next.extend(above.iter().filter(|above| seen.insert(*above))),
                None if one == name => {}
                None => drop(roots.insert(one.clone())),
            }
        }
        roots.into_iter().collect()
    }
}
