//! The packages that changed, in the order in which a reviewer wants to know of them: first what the dependency files ask
//! for, then what nobody should overlook, then all others.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;

use super::{PackageChange, PackageChangeKind, Report};
use crate::layer::ManifestPlace;

/// How many of the changes that were asked for are shown, the largest; those that nobody should overlook always are.
const ASKED: usize = 20;
/// How many changes are shown if none was asked for.
const UNASKED: usize = 10;

/// The changes of a layer.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Those that are shown.
    pub first: Vec<ShownChange>,
    /// Those that are only there to look them up, with those that the others bring; the largest first.
    pub folded: Vec<PackageChange>,
}

/// A change with those that it brings.
#[derive(Clone, Debug)]
pub struct ShownChange {
    pub change: PackageChange,
    /// Each of them is in no other change.
    pub brings: Vec<PackageChange>,
}

impl Changes {
    fn of(all: Vec<ShownChange>, mut folded: Vec<PackageChange>) -> Self {
        let mut first = Vec::new();
        for shown in all {
            if first.len() < ASKED || shown.change.is_risky() {
                first.push(shown);
            } else {
                folded.push(shown.change);
                folded.extend(shown.brings);
            }
        }
        folded.extend(first.iter().flat_map(|shown| shown.brings.iter().cloned()));
        largest_first(&mut folded);
        Self { first, folded }
    }
}

fn largest_first(changes: &mut [PackageChange]) {
    changes.sort_by(|left, right| {
        right.growth().unsigned_abs().cmp(&left.growth().unsigned_abs()).then_with(|| left.name.cmp(&right.name))
    });
}

impl ShownChange {
    fn alone(change: PackageChange) -> Self {
        Self { change, brings: Vec::new() }
    }

    /// The largest first.
    fn rank(&self) -> (std::cmp::Reverse<u64>, String) {
        (std::cmp::Reverse(self.growth().unsigned_abs()), self.change.name.clone())
    }

    /// How much the layer grows by all of them, in bytes.
    pub fn growth(&self) -> i64 {
        self.change.growth() + self.brings.iter().map(PackageChange::growth).sum::<i64>()
    }
}

impl PackageChange {
    /// Whether the first number of the version rose. Years are versions, too, but no promises.
    pub fn is_major(&self) -> bool {
        const YEARS: u64 = 1_000;
        let first = |text: &str| text.parse::<Version>().ok().map(|version| (version.epoch(), version.release()[0]));
        let versions = first(&self.from).zip(first(&self.to));
        self.kind == PackageChangeKind::Upgraded && versions.is_some_and(|(from, to)| from < to && from.1 < YEARS)
    }

    /// Whether it can break what uses the layer.
    fn is_risky(&self) -> bool {
        matches!(self.kind, PackageChangeKind::Removed | PackageChangeKind::Downgraded) || self.is_major()
    }
}

impl Report {
    /// The packages that changed; none if there is nothing to compare with.
    pub fn package_groups(&self) -> Changes {
        let all = self.package_changes();
        // Files of no distribution are the user's own.
        let is_own = |change: &PackageChange| {
            let is_known = !self.provenance.is_empty() && change.kind != PackageChangeKind::Removed;
            is_known && !self.provenance.contains_key(&change.name)
        };
        let is_asked = |change: &PackageChange| {
            let has_line = || self.place_of(&change.name).is_some();
            is_own(change) || (change.kind != PackageChangeKind::Resized && has_line())
        };
        let (mut asked, others): (Vec<PackageChange>, Vec<PackageChange>) = all.into_iter().partition(is_asked);
        // What is new explains other new packages better than what was there before.
        asked.sort_by_key(|change| change.kind != PackageChangeKind::Added);
        let reached: Vec<BTreeSet<&str>> = asked.iter().map(|change| self.needed_by(&change.name)).collect();
        let mut asked: Vec<ShownChange> = asked.into_iter().map(ShownChange::alone).collect();
        let (mut risky, mut rest) = (Vec::new(), Vec::new());
        for change in others {
            let brought_by = reached.iter().position(|names| names.contains(change.name.as_str()));
            match brought_by {
                _ if change.is_risky() => risky.push(ShownChange::alone(change)),
                Some(index) if change.kind != PackageChangeKind::Resized => asked[index].brings.push(change),
                _ => rest.push(change),
            }
        }
        if asked.is_empty() {
            largest_first(&mut rest);
            let folded = rest.split_off(rest.len().min(UNASKED));
            risky.extend(rest.into_iter().map(ShownChange::alone));
            rest = folded;
        }
        asked.sort_by_key(ShownChange::rank);
        risky.sort_by_key(ShownChange::rank);
        Changes::of(asked.into_iter().chain(risky).collect(), rest)
    }

    /// The line that asks for a distribution.
    pub fn place_of(&self, name: &str) -> Option<&ManifestPlace> {
        self.provenance.get(name)?.place.as_ref()
    }

    /// The page on which the authors of a package from a public index say what changed, an `https` address.
    pub fn changelog_of(&self, name: &str) -> Option<&str> {
        self.provenance.get(name)?.changelog.as_deref().filter(|page| page.starts_with("https://"))
    }

    /// For each distribution that is only there because others need it, those of them that a line asks for.
    pub fn brought_by(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for asked in self.provenance.keys().filter(|name| self.place_of(name).is_some()) {
            for name in self.needed_by(asked).into_iter().filter(|name| self.place_of(name).is_none()) {
                found.entry(name).or_default().push(asked);
            }
        }
        found
    }

    /// All distributions that one needs, directly or not.
    fn needed_by(&self, name: &str) -> BTreeSet<&str> {
        let needs =
            |name: &str| self.provenance.get(name).into_iter().flat_map(|of| of.needs.iter().map(String::as_str));
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = needs(name).collect();
        while let Some(next) = open.pop() {
            if next != name && found.insert(next) {
                open.extend(needs(next));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{DistributionSize, Provenance};
    use crate::report::Before;

    fn provenance(rows: &[(&str, usize, &[&str])]) -> BTreeMap<String, Provenance> {
        let of = |(name, line, needs): &(&str, usize, &[&str])| {
            let place = ManifestPlace { file: "requirements.txt".to_owned(), line: *line };
            let needs = needs.iter().map(|name| (*name).to_owned()).collect();
            ((*name).to_owned(), Provenance { place: (*line > 0).then_some(place), needs, ..Provenance::default() })
        };
        rows.iter().map(of).collect()
    }

    fn report(before: &[(&str, &str, u64)], after: &[(&str, &str, u64)]) -> Report {
        let distributions = DistributionSize::rows(after);
        let report = Report { distributions, ..Report::new("preview", "x".to_owned(), None, String::new()) };
        report.compared_with(Before { distributions: DistributionSize::rows(before), ..Before::default() })
    }

    fn told(changes: &Changes) -> String {
        let names = |list: &[PackageChange]| list.iter().map(|of| of.name.clone()).collect::<Vec<_>>().join(" ");
        let first: Vec<String> = changes
            .first
            .iter()
            .map(|shown| format!("{} {} ({})", shown.change.name, shown.growth(), names(&shown.brings)))
            .collect();
        format!("{} | {}", first.join(", "), names(&changes.folded))
    }

    #[test]
    fn what_was_asked_for_comes_first_with_what_it_brings() {
        let before =
            [("six", "1.16", 5), ("idna", "3.10", 5), ("urllib3", "1.26", 5), ("certifi", "2025.1", 5), ("x", "1", 5)];
        let after = [
            ("six", "1.17", 6),
            ("boto3", "1", 10),
            ("botocore", "1", 100),
            ("jmespath", "1", 20),
            ("idna", "3.9", 4),
            ("urllib3", "2.1", 7),
            ("certifi", "2026.1", 6),
        ];
        let provenance = provenance(&[
            ("six", 1, &[]),
            ("boto3", 2, &["botocore", "six"]),
            ("botocore", 0, &["jmespath", "urllib3", "boto3"]),
            ("jmespath", 0, &[]),
            ("requests", 3, &["idna", "certifi"]),
            ("idna", 0, &[]),
            ("urllib3", 0, &[]),
            ("certifi", 0, &[]),
        ]);
        let report = Report { provenance, ..report(&before, &after) };
        let changes = report.package_groups();
        assert_eq!(
            told(&changes),
            "boto3 130 (botocore jmespath), six 1 (), x -5 (), urllib3 2 (), idna -1 () | botocore jmespath certifi"
        );
        assert_eq!(report.brought_by()["urllib3"], ["boto3"]);
        assert_eq!(report.brought_by().get("six"), None);
    }

    #[test]
    fn without_a_request_all_are_shown() {
        let changes =
            report(&[("six", "1.16", 5), ("a", "1", 1)], &[("six", "1.17", 6), ("a", "1", 9)]).package_groups();
        assert_eq!(told(&changes), "a 8 (), six 1 () | ");
    }

    #[test]
    fn years_are_no_major_versions() {
        let is_major = |from: &str, to: &str| {
            report(&[("a", from, 1)], &[("a", to, 1)]).package_changes().first().is_some_and(PackageChange::is_major)
        };
        assert!(is_major("1.26.4", "2.0") && is_major("1.0", "1!0.5"));
        assert!(
            !is_major("2025.1", "2026.1") && !is_major("2.0", "1.9") && !is_major("x", "y") && !is_major("2.0", "2.1")
        );
    }
}
