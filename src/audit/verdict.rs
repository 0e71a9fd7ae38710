//! What findings mean for a run.

use crate::error::{Failure, counted};
use crate::layer::finding::code_of;
use crate::layer::{Finding, KnownFinding, Severity};
use crate::spec::FailOn;

/// Codes of errors that stay fatal with `fail-on: never`.
const NOT_TO_BE_PUBLISHED: &[&str] = &["known-secret", "unzipped-size", "zipped-size"];

/// Codes of findings that depend on a run's limits, lists and functions, and not on the layer alone.
const OF_THE_RUN: &[&str] = &[
    "function-budget",
    "import-time-unknown",
    "licence-denied",
    "licence-not-allowed",
    "licence-unknown",
    "max-import-time",
    "max-unzipped-size",
    "max-zipped-size",
];

fn is_fatal(finding: &Finding, fail_on: FailOn) -> bool {
    match fail_on {
        FailOn::Warning => finding.severity <= Severity::Warning,
        FailOn::Error => finding.severity == Severity::Error,
        // Publishing a secret of this run would make it public, and Lambda refuses what is too large: the user cannot
        // choose to ignore these.
        FailOn::Never => finding.severity == Severity::Error && NOT_TO_BE_PUBLISHED.contains(&finding.code),
    }
}

/// The recorded findings of a published layer that `fail-on` does not allow: it may be stricter now than when the layer
/// was published. Findings without a recorded severity are ignored.
pub fn fatal_of_published(noted: &[KnownFinding], fail_on: FailOn) -> Vec<Finding> {
    let findings = noted.iter().filter_map(|KnownFinding { code, subject, severity }| {
        let (code, severity, word) = (code_of(code), (*severity)?, (*severity)?.word());
        let message = format!("the published version has the {word} `{code}`: `{subject}`");
        let help =
            "correct it as docs/findings.md describes, which publishes a new version, or relax `fail-on`".to_owned();
        Some(Finding { code, severity, subject: subject.clone(), distribution: None, place: None, message, help })
    });
    findings.filter(|finding| !OF_THE_RUN.contains(&finding.code) && is_fatal(finding, fail_on)).collect()
}

/// Decides what the findings mean for the run; nothing else does.
///
/// # Errors
/// A user error with every finding that prevents publishing.
pub fn verdict(findings: &[Finding], fail_on: FailOn) -> Result<(), Failure> {
    let fatal: Vec<&Finding> = findings.iter().filter(|finding| is_fatal(finding, fail_on)).collect();
    match fatal.as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::user(only.message.clone()).hint(only.help.clone())),
        all => {
            let causes = all.iter().map(|finding| format!("{} ({}) [{}]", finding.message, finding.help, finding.code));
            Err(Failure::user(format!("{} findings prevent the layer from being published", all.len()))
                .causes(causes)
                .hint("correct all of them and run again"))
        }
    }
}

/// The same for a layer that is only checked: here only `fail-on` counts. `summary` is the message of the failure.
///
/// # Errors
/// A user error; the findings themselves have been printed before.
pub fn verdict_on_foreign(findings: &[Finding], fail_on: FailOn, summary: &str) -> Result<(), Failure> {
    if fail_on == FailOn::Never || !findings.iter().any(|finding| is_fatal(finding, fail_on)) {
        return Ok(());
    }
    Err(Failure::user(summary).hint("each finding says what to do; `fail-on: never` only reports them"))
}

/// `3 errors, 1 warning`, or `no findings`.
pub fn tally(findings: &[Finding]) -> String {
    let of = |severity, name| match findings.iter().filter(|finding| finding.severity == severity).count() {
        0 => None,
        count => Some(counted(count, name)),
    };
    let parts = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Notice, "notice")];
    let parts: Vec<String> = parts.into_iter().filter_map(|(severity, name)| of(severity, name)).collect();
    if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::as_lines;

    #[test]
    fn what_was_noted_counts_for_a_stricter_run() {
        let findings = [
            Finding::error("max-unzipped-size", "layer", "too large", "make it smaller"),
            Finding::warning("missing-library", "python/x.so", "`x.so` needs `libx.so.1`", "add it"),
            Finding::notice("no-licence", "six", "`six` has no licence", "ask its authors"),
        ];
        let mut noted = KnownFinding::noted(&findings);
        let found = |noted: &[KnownFinding], fail_on| as_lines(&fatal_of_published(noted, fail_on));
        insta::assert_snapshot!(found(&noted, FailOn::Warning), @"Warning missing-library: the published version has the warning `missing-library`: `python/x.so`");
        assert_eq!(found(&noted, FailOn::Error), "", "the limit of that time is no limit of this run");
        noted[1].severity = None;
        assert_eq!(found(&noted, FailOn::Warning), "", "an older program did not say");
    }

    #[test]
    fn only_errors_are_fatal() {
        let warning = Finding::warning("exclude-unknown", "x", "x is not there", "remove it");
        assert_eq!(verdict(std::slice::from_ref(&warning), FailOn::Error), Ok(()));
        let error = Finding::error("max-unzipped-size", "layer", "too large", "make it smaller");
        let both = [warning.clone(), error];
        let failure = verdict(&both, FailOn::Error).expect_err("is fatal");
        assert_eq!((failure.message.as_str(), failure.hint.as_deref()), ("too large", Some("make it smaller")));
        assert!(verdict(std::slice::from_ref(&warning), FailOn::Warning).is_err());
        assert_eq!(verdict(&both, FailOn::Never), Ok(()));
        let secret = Finding::error("known-secret", "x", "x holds a secret", "take it out");
        assert!(verdict(&[secret], FailOn::Never).is_err(), "nobody wants that published");
        let impossible = Finding::error("unzipped-size", "layer", "too large", "make it smaller");
        assert!(verdict(std::slice::from_ref(&impossible), FailOn::Never).is_err(), "Lambda does not take it");
        assert_eq!(verdict_on_foreign(&[impossible], FailOn::Never, "x"), Ok(()), "nothing is published");
        let notice = Finding::notice("pth-file", "x", "x", "x");
        assert_eq!(verdict(&[notice], FailOn::Warning), Ok(()));
    }
}
