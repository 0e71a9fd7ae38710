//! What known vulnerabilities mean for a run, as findings.

use jiff::civil::Date;

use super::found::{Ignored, Vulnerabilities, Vulnerability};
use crate::error::counted;
use crate::layer::{Finding, Severity};
use crate::spec::{IgnoredVulnerability, VulnerabilityCheck};

/// So many vulnerabilities have a finding of their own; the result has all of them.
const FINDINGS: usize = 200;
/// Names in a message.
const NAMES: usize = 5;

/// Marks what is ignored on this day, and gives a finding for everything else.
pub(super) fn of(vulnerabilities: &mut Vulnerabilities, check: &VulnerabilityCheck, today: Date) -> Vec<Finding> {
    mark_ignored(&mut vulnerabilities.found, check, today);
    let is_valid = |ignored: &&IgnoredVulnerability| ignored.until >= today;
    let mut findings: Vec<Finding> =
        vulnerabilities.open().take(FINDINGS).map(|one| known(one, check.severity)).collect();
    if let Some(more) = vulnerabilities.open().count().checked_sub(FINDINGS).filter(|more| *more > 0) {
        findings.push(many(more, check.severity));
    }
    let is_complete = vulnerabilities.problem.is_none() && vulnerabilities.not_asked.is_empty();
    findings.extend(check.ignored.iter().filter_map(|ignored| {
        let is_found = vulnerabilities.found.iter().any(|one| one.has_id(&ignored.id));
        match (is_valid(&ignored), is_found) {
            (false, true) => Some(expired(ignored)),
            // What was not looked up may have it.
            (_, false) if is_complete => Some(unused(ignored)),
            (true, true) | (_, false) => None,
        }
    }));
    findings.extend(vulnerabilities.problem.as_deref().map(|problem| unknown(problem, check.severity)));
    findings.extend((!vulnerabilities.not_asked.is_empty()).then(|| not_asked(&vulnerabilities.not_asked)));
    findings
}

/// Marks what is ignored on this day.
pub(super) fn mark_ignored(found: &mut [Vulnerability], check: &VulnerabilityCheck, today: Date) {
    let is_valid = |ignored: &&IgnoredVulnerability| ignored.until >= today;
    for one in found {
        let accepted = check.ignored.iter().filter(is_valid).find(|ignored| one.has_id(&ignored.id));
        one.ignored = accepted.map(|IgnoredVulnerability { until, reason, .. }| Ignored {
            until: until.to_string(),
            reason: reason.clone(),
        });
    }
}

fn known(one: &Vulnerability, severity: Severity) -> Finding {
    let Vulnerability { id, aliases, distribution, version, summary, fixed_in, brought_by, bundled, .. } = one;
    let cve = aliases.iter().find(|alias| alias.starts_with("CVE-")).map(|cve| format!(", {cve}")).unwrap_or_default();
    let brought = match brought_by.as_slice() {
        [] => String::new(),
        names => format!(", which {} {},", listed(names), if names.len() == 1 { "brings" } else { "bring" }),
    };
    let summary = if summary.is_empty() { String::new() } else { format!(": {summary}") };
    let rated = one.rated();
    let has = match bundled {
        Some(bundled) => format!("bundles `{bundled}`, which has"),
        None => "has".to_owned(),
    };
    let message =
        format!("`{distribution} {version}`{brought} {has} the known vulnerability {id} ({rated}{cve}){summary}");
    let remedy = match (fixed_in, bundled) {
        (Some(fixed), None) => format!("use {distribution} {fixed} or later"),
        (Some(fixed), Some(_)) => format!("use a version of {distribution} that bundles {fixed} or later"),
        (None, _) => "no fixed version is known".to_owned(),
    };
    // Whoever only wants to know has nothing to accept.
    let or = if severity == Severity::Notice { "" } else { ", or accept it for a time with `ignore-vulnerabilities`" };
    let help = format!("{remedy}{or}; see {}", one.url());
    let finding = Finding::error("vulnerability", one.subject(), message, help);
    Finding { severity, ..finding }.blames(Some(distribution))
}

fn many(more: usize, severity: Severity) -> Finding {
    let message = format!("the layer has {more} more known vulnerabilities");
    let finding = Finding::error(
        "vulnerability",
        "layer",
        message,
        "see `vulnerabilities` in the output `result` for all of them",
    );
    Finding { severity, ..finding }
}

fn expired(ignored: &IgnoredVulnerability) -> Finding {
    let IgnoredVulnerability { id, until, reason } = ignored;
    let reason = reason.replace('`', "'");
    Finding::notice(
        "ignore-vulnerability-expired",
        id,
        format!("`{id}` was ignored until {until} ({reason}), and counts again"),
        "update the distribution, or give a later date in `ignore-vulnerabilities`",
    )
}

fn unused(ignored: &IgnoredVulnerability) -> Finding {
    let id = &ignored.id;
    Finding::notice(
        "ignore-vulnerability-unused",
        id,
        format!("`ignore-vulnerabilities` contains `{id}`, which is not known of any distribution in the layer"),
        "remove it, or check its spelling",
    )
}

/// Only whoever made vulnerabilities an error wants a run to fail because nobody knows.
fn unknown(problem: &str, severity: Severity) -> Finding {
    let finding = Finding::notice(
        "vulnerabilities-unknown",
        "OSV",
        format!("known vulnerabilities could not be looked up, or not all of them: {problem}"),
        "run again later, or give OSV's database with `vulnerability-database`",
    );
    if severity == Severity::Error { finding.into_error() } else { finding }
}

fn not_asked(names: &[String]) -> Finding {
    let (count, shown) = (counted(names.len(), "distribution"), listed(names));
    let (was, they) = if names.len() == 1 { ("was", "it") } else { ("were", "they") };
    Finding::notice(
        "vulnerabilities-unknown",
        "names",
        format!(
            "{count} {was} not looked up, because {they} may not be from PyPI, and such names are not sent to anyone: {shown}"
        ),
        "give OSV's database with `vulnerability-database`, which is searched on this machine",
    )
}

/// `a`, `b` and 3 more
fn listed<T: ToString>(names: &[T]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES).map(|name| format!("`{}`", name.to_string())).collect();
    match (names.len().saturating_sub(NAMES), shown.split_last()) {
        (0, Some((last, [_, ..]))) => format!("{} and {last}", shown[..shown.len() - 1].join(", ")),
        (0, _) => shown.concat(),
        (more, _) => format!("{} and {more} more", shown.join(", ")),
    }
}
