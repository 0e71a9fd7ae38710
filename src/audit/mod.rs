//! Checks of a layer before it is published. A check only notes what it finds; [`verdict`] alone decides what is fatal.

pub mod binaries;
mod bytecode;
pub mod distributions;
pub mod exclude;
pub mod imported;
pub mod layer;
pub mod layout;
pub mod leaks;
mod links;
mod outside;
mod paths;
mod programs;
mod requirements;
pub mod shadow;
pub mod size;
pub mod tags;
mod trouble;

use serde::{Deserialize, Deserializer, Serialize};

pub use layer::{File, Kind, Layer};
use links::Names;
pub(crate) use requirements::needed_within;

use crate::error::{Failure, counted};
use crate::report::KnownFinding;
use crate::runtime::Runtime;
use crate::spec::FailOn;
use crate::types::{DistributionName, Target};

/// What is smaller than this many bytes is not worth a notice.
pub(crate) const WORTHWHILE: u64 = 1024 * 1024;

/// Every code there is, each an anchor in `docs/findings.md`.
pub const CODES: &[&str] = &[
    "access-token",
    "broken-binary",
    "broken-metadata",
    "built-elsewhere",
    "case-conflict",
    "conflicting-requirement",
    "corrupt-zip",
    "credential-file",
    "dangling-link",
    "duplicate-distribution",
    "duplicate-entry",
    "encrypted-entry",
    "exclude-files-kept",
    "exclude-files-unused",
    "exclude-unknown",
    "excluded-but-needed",
    "executable-stack",
    "extension-not-executable",
    "foreign-bytecode",
    "function-budget",
    "glibc-too-new",
    "import-failed",
    "import-not-tested",
    "in-runtime",
    "installer-included",
    "interpreter-missing",
    "known-secret",
    "libstdcxx-too-new",
    "link-outside",
    "lost-file",
    "max-unzipped-size",
    "max-zipped-size",
    "missing-library",
    "missing-requirement",
    "mode-refused",
    "no-bytecode",
    "no-licence",
    "no-metadata",
    "not-compiled",
    "not-declared",
    "not-importable",
    "not-on-path",
    "not-stripped",
    "nothing-importable",
    "orphan-library",
    "password-in-url",
    "path-outside",
    "private-key",
    "program-not-executable",
    "pth-file",
    "requires-python",
    "runtime-package-kept",
    "shadows-runtime",
    "shared-path",
    "smoke-test-not-run",
    "stale-bytecode",
    "tests-included",
    "text-relocations",
    "unsafe-path",
    "unsearched-folder",
    "unsupported-compression",
    "unzipped-size",
    "wrong-extension-tag",
    "wrong-machine",
    "wrong-wheel-tag",
    "zip-bomb",
    "zipped-size",
];

/// Errors that `fail-on: never` does not change.
const NOT_TO_BE_PUBLISHED: &[&str] = &["known-secret", "unzipped-size", "zipped-size"];

/// What follows from limits and functions as they are in a run, and not from the layer alone.
const OF_THE_RUN: &[&str] = &["function-budget", "max-unzipped-size", "max-zipped-size"];

/// One of [`CODES`].
pub type Code = &'static str;

/// Something that was noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    #[serde(deserialize_with = "known_code")]
    pub code: Code,
    pub severity: Severity,
    /// The file, distribution or layer it is about.
    pub subject: String,
    /// The distribution to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<DistributionName>,
    /// The line that asks for that distribution, if one does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Box<ManifestPlace>>,
    pub message: String,
    pub help: String,
}

/// That of another version of this program may be unknown here.
fn known_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    Ok(code_of(&String::deserialize(deserializer)?))
}

fn code_of(code: &str) -> Code {
    CODES.iter().find(|known| **known == code).copied().unwrap_or("unknown")
}

/// A line of a dependency file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPlace {
    /// Path in the repository.
    pub file: String,
    /// From 1.
    pub line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
    /// Good to know; never fails a run.
    Notice,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

impl Finding {
    pub(crate) fn error(
        code: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        debug_assert!(CODES.contains(&code), "`{code}` is missing in CODES");
        Self {
            code,
            severity: Severity::Error,
            subject: subject.into(),
            distribution: None,
            place: None,
            message: message.into(),
            help: help.into(),
        }
    }

    pub(crate) fn warning(
        code: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, subject, message, help) }
    }

    pub(crate) fn notice(
        code: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Notice, ..Self::error(code, subject, message, help) }
    }

    #[must_use]
    pub(crate) fn into_error(self) -> Self {
        Self { severity: Severity::Error, ..self }
    }

    #[must_use]
    pub(crate) fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    #[must_use]
    pub(crate) fn blames(self, distribution: Option<&DistributionName>) -> Self {
        Self { distribution: distribution.cloned(), ..self }
    }

    /// Where its code is explained, if this program was built with the address of its repository.
    pub fn page(&self) -> Option<String> {
        let repository = env!("CARGO_PKG_REPOSITORY").trim_end_matches('/');
        (!repository.is_empty()).then(|| format!("{repository}/blob/main/docs/findings.md#{}", self.code))
    }

    /// Worst first, then by what it is about.
    pub(crate) fn rank(&self) -> (Severity, &str, &str, &str) {
        (self.severity, self.code, &self.subject, &self.message)
    }

    fn is_fatal(&self, fail_on: FailOn) -> bool {
        match fail_on {
            FailOn::Warning => self.severity <= Severity::Warning,
            FailOn::Error => self.severity == Severity::Error,
            // A secret of this run would be everyone's, and what Lambda does not take cannot be published: neither is a
            // matter of opinion.
            FailOn::Never => self.severity == Severity::Error && NOT_TO_BE_PUBLISHED.contains(&self.code),
        }
    }
}

/// Looks at a finished layer, wherever it comes from.
pub fn check(layer: &Layer, target: Target, runtime: &Runtime) -> Vec<Finding> {
    let names = Names::of(layer);
    let binaries = binaries::check(layer, &names, target);
    let tags = tags::check(layer, &binaries, target);
    [
        binaries,
        tags,
        bytecode::check(layer, target),
        distributions::check(layer, target),
        layout::check(layer, &names, target),
        leaks::check(layer),
        outside::check(layer),
        paths::check(layer, target),
        programs::check(layer, &names, target),
        requirements::check(layer, runtime, target),
        shadow::check(&layer.distributions, runtime, target),
        trouble::check(layer),
    ]
    .concat()
}

/// `a`, `b`, `c` and 4 more
fn listed(names: impl IntoIterator<Item = String>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_at_checked(SHOWN) {
        Some((shown, rest)) if rest.len() > 1 => format!("{} and {} more", shown.join(", "), rest.len()),
        _ => names.join(", "),
    }
}

/// What was noted of a published layer and `fail-on` does not let pass: it may be stricter than when it was published.
/// Nothing of what nobody noted the severity of.
pub fn fatal_of_published(noted: &[KnownFinding], fail_on: FailOn) -> Vec<Finding> {
    let findings = noted.iter().filter_map(|KnownFinding { code, subject, severity }| {
        let (code, severity, word) = (code_of(code), (*severity)?, (*severity)?.word());
        let message = format!("what is published has the {word} `{code}`: `{subject}`");
        let help = "correct it as docs/findings.md says, which publishes a new version, or loosen `fail-on`".to_owned();
        Some(Finding { code, severity, subject: subject.clone(), distribution: None, place: None, message, help })
    });
    findings.filter(|finding| !OF_THE_RUN.contains(&finding.code) && finding.is_fatal(fail_on)).collect()
}

/// Decides, alone, what findings mean for the run.
///
/// # Errors
/// The user's, with every finding that keeps the layer from being published.
pub fn verdict(findings: &[Finding], fail_on: FailOn) -> Result<(), Failure> {
    let fatal: Vec<&Finding> = findings.iter().filter(|finding| finding.is_fatal(fail_on)).collect();
    match fatal.as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::user(only.message.clone()).hint(only.help.clone())),
        all => {
            let causes = all.iter().map(|finding| format!("{} ({}) [{}]", finding.message, finding.help, finding.code));
            Err(Failure::user(format!("{} findings keep the layer from being published", all.len()))
                .causes(causes)
                .hint("correct all of them and run again"))
        }
    }
}

/// The same for a layer that is only looked at: there `fail-on` alone counts. `summary` is the failure's message.
///
/// # Errors
/// The user's; the findings themselves are told before.
pub fn verdict_on_foreign(findings: &[Finding], fail_on: FailOn, summary: &str) -> Result<(), Failure> {
    if fail_on == FailOn::Never || !findings.iter().any(|finding| finding.is_fatal(fail_on)) {
        return Ok(());
    }
    Err(Failure::user(summary).hint("each finding says what to do; `fail-on: never` only tells them"))
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

/// Severity, code and message of each, one a line.
#[cfg(test)]
fn told_of(findings: &[Finding]) -> String {
    let line = |finding: &Finding| format!("{:?} {}: {}\n", finding.severity, finding.code, finding.message);
    findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_counts_for_a_stricter_run() {
        let findings = [
            Finding::error("max-unzipped-size", "layer", "too large", "make it smaller"),
            Finding::warning("missing-library", "python/x.so", "`x.so` needs `libx.so.1`", "add it"),
            Finding::notice("no-licence", "six", "`six` has no licence", "ask its authors"),
        ];
        let mut noted = KnownFinding::noted(&findings);
        let told = |noted: &[KnownFinding], fail_on| told_of(&fatal_of_published(noted, fail_on));
        insta::assert_snapshot!(told(&noted, FailOn::Warning), @"Warning missing-library: what is published has the warning `missing-library`: `python/x.so`");
        assert_eq!(told(&noted, FailOn::Error), "", "the limit of that time is no limit of this run");
        noted[1].severity = None;
        assert_eq!(told(&noted, FailOn::Warning), "", "an older program did not say");
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
