//! Advisories about the same vulnerability are one: GitHub, PyPA and others publish each their own, and name the ids of
//! the others as aliases (<https://ossf.github.io/osv-schema/#aliases-field>).

use std::collections::{BTreeMap, BTreeSet};

use super::Package;
use super::advisory::Advisory;
use super::cvss::Rating;
use super::found::{Effect, Vulnerability};
use crate::types::DistributionName;

/// What is known of the distribution in the layer as it was before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before<'a> {
    /// Nothing to compare with.
    Unknown,
    /// It was not there.
    Absent,
    Known(&'a [Advisory]),
}

/// The vulnerabilities of a distribution that is in the layer, or of a package inside of it.
pub(super) fn present(
    distribution: &DistributionName,
    package: &Package,
    now: &[Advisory],
    before: Before<'_>,
) -> Vec<Vulnerability> {
    let known = match before {
        Before::Unknown | Before::Absent => &[],
        Before::Known(advisories) => advisories,
    };
    let all: Vec<&Advisory> = now.iter().chain(known).collect();
    let effect = |group: &[usize]| match before {
        Before::Unknown => None,
        Before::Absent | Before::Known(_) if group.iter().all(|index| *index < now.len()) => Some(Effect::Brought),
        Before::Absent | Before::Known(_) => Some(Effect::Kept),
    };
    let groups = groups(&all).into_iter().filter_map(|group| {
        let of_now: Vec<&Advisory> = group.iter().filter_map(|index| now.get(*index)).collect();
        Some(Vulnerability { effect: effect(&group), ..vulnerability(distribution, package, &of_now)? })
    });
    groups.collect()
}

/// The vulnerabilities of a version that is no longer in the layer, without those that the layer has now.
pub(super) fn removed(package: &Package, before: &[Advisory], now: &[&Advisory]) -> Vec<Vulnerability> {
    let all: Vec<&Advisory> = before.iter().chain(now.iter().copied()).collect();
    let gone = groups(&all).into_iter().filter(|group| group.iter().all(|index| *index < before.len()));
    let Ok(distribution) = package.name.parse() else { return Vec::new() };
    let gone = gone.filter_map(|group| {
        let advisories: Vec<&Advisory> = group.iter().map(|index| all[*index]).collect();
        Some(Vulnerability { effect: Some(Effect::Removed), ..vulnerability(&distribution, package, &advisories)? })
    });
    gone.collect()
}

/// The indexes of advisories that share an id, without withdrawn ones.
fn groups(advisories: &[&Advisory]) -> Vec<Vec<usize>> {
    let mut group_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, advisory) in advisories.iter().enumerate().filter(|(_, advisory)| !advisory.is_withdrawn) {
        let ids: Vec<&str> = ids(advisory).collect();
        let known: BTreeSet<usize> = ids.iter().filter_map(|id| group_of.get(id).copied()).collect();
        let mut members = vec![index];
        // An advisory may connect several groups.
        for group in known {
            members.extend(std::mem::take(&mut groups[group]));
        }
        members.sort_unstable();
        let number = groups.len();
        for member in &members {
            group_of.extend(self::ids(advisories[*member]).map(|id| (id, number)));
        }
        groups.push(members);
    }
    groups.retain(|members| !members.is_empty());
    groups
}

fn ids(advisory: &Advisory) -> impl Iterator<Item = &str> {
    std::iter::once(&advisory.id).chain(&advisory.aliases).map(String::as_str)
}

/// All of these advisories as one; `None` without any.
fn vulnerability(
    distribution: &DistributionName,
    package: &Package,
    advisories: &[&Advisory],
) -> Option<Vulnerability> {
    let mut ranked = advisories.to_vec();
    ranked.sort_by_key(|advisory| (rank(&advisory.id), advisory.id.as_str()));
    let first = *ranked.first()?;
    let aliases: BTreeSet<&str> =
        ranked.iter().flat_map(|advisory| ids(advisory)).filter(|id| *id != first.id).collect();
    let scored = ranked
        .iter()
        .filter_map(|advisory| advisory.scored.clone())
        .max_by(|(_, left), (_, right)| left.total_cmp(right));
    // The database of malicious packages rates nothing.
    let is_malicious = ranked.iter().flat_map(|advisory| ids(advisory)).any(|id| id.starts_with("MAL-"));
    let severity = match &scored {
        _ if is_malicious => Rating::Critical,
        Some((_, score)) => Rating::of_score(*score),
        None => ranked.iter().filter_map(|advisory| advisory.rating).max().unwrap_or(Rating::Unknown),
    };
    let (vector, score) = scored.unzip();
    Some(Vulnerability {
        id: first.id.clone(),
        aliases: aliases.into_iter().map(str::to_owned).collect(),
        distribution: distribution.clone(),
        version: package.version.clone(),
        bundled: None,
        summary: ranked.iter().find(|one| !one.summary.is_empty()).map(|one| one.summary.clone()).unwrap_or_default(),
        severity,
        score,
        vector,
        fixed_in: ranked.iter().find_map(|advisory| advisory.fixed_in(package)),
        brought_by: Vec::new(),
        effect: None,
        ignored: None,
    })
}

/// The advisories of GitHub have severities and descriptions, so they come first.
fn rank(id: &str) -> usize {
    const ORDER: [&str; 3] = ["GHSA-", "PYSEC-", "CVE-"];
    ORDER.iter().position(|start| id.starts_with(start)).unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisory(id: &str, aliases: &[&str]) -> Advisory {
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        Advisory { aliases, ..Advisory::unknown(id) }
    }

    fn package() -> Package {
        Package::new("six", "1.0")
    }

    fn present(package: &Package, now: &[Advisory], before: Before<'_>) -> Vec<Vulnerability> {
        super::present(&"six".parse().expect("is a name"), package, now, before)
    }

    fn shown(found: &[Vulnerability]) -> String {
        let line = |one: &Vulnerability| format!("{} ({}) {:?}\n", one.id, one.aliases.join(" "), one.effect);
        found.iter().map(line).collect()
    }

    #[test]
    fn aliases_are_one_even_if_only_a_third_connects_them() {
        let now = [
            advisory("PYSEC-1-1", &["CVE-1-1"]),
            advisory("GHSA-1", &["CVE-1-2"]),
            advisory("OSV-3", &[]),
            advisory("CVE-1-1", &["CVE-1-2"]),
        ];
        assert_eq!(
            shown(&present(&package(), &now, Before::Unknown)),
            "OSV-3 () None\nGHSA-1 (CVE-1-1 CVE-1-2 PYSEC-1-1) None\n"
        );
    }

    #[test]
    fn withdrawn_advisories_are_none() {
        let withdrawn = Advisory { is_withdrawn: true, ..advisory("GHSA-1", &["CVE-1-1"]) };
        assert!(present(&package(), std::slice::from_ref(&withdrawn), Before::Absent).is_empty());
        let now = [withdrawn, advisory("PYSEC-1-1", &["CVE-1-1"])];
        assert_eq!(shown(&present(&package(), &now, Before::Absent)), "PYSEC-1-1 (CVE-1-1) Some(Brought)\n");
    }

    #[test]
    fn what_was_there_under_another_id_is_kept() {
        let (now, before) = (
            [advisory("GHSA-1", &["CVE-1-1"]), advisory("GHSA-2", &[])],
            [advisory("PYSEC-1-1", &["CVE-1-1"]), advisory("GHSA-3", &[])],
        );
        let found = present(&package(), &now, Before::Known(&before));
        assert_eq!(shown(&found), "GHSA-2 () Some(Brought)\nGHSA-1 (CVE-1-1) Some(Kept)\n");
        let now: Vec<&Advisory> = now.iter().collect();
        assert_eq!(shown(&removed(&package(), &before, &now)), "GHSA-3 () Some(Removed)\n");
    }

    #[test]
    fn malware_is_critical() {
        let found = present(&package(), &[advisory("MAL-2024-1", &[])], Before::Unknown);
        assert_eq!(found[0].severity, Rating::Critical);
    }
}
