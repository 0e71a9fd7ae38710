//! Checks of a layer before it is published. A check only notes what it finds; [`verdict`] alone decides what is fatal.

pub mod distributions;
pub mod exclude;
pub mod layer;
pub mod layout;
pub mod leaks;
pub mod size;

use serde::Serialize;

pub use layer::{File, Kind, Layer};

use crate::error::Failure;
use crate::spec::FailOn;
use crate::types::{DistributionName, Target};

/// Every code there is, each an anchor in `docs/findings.md`.
pub const CODES: &[&str] = &[
    "built-elsewhere",
    "exclude-unknown",
    "excluded-but-needed",
    "extension-not-executable",
    "import-failed",
    "import-not-tested",
    "known-secret",
    "lost-file",
    "nothing-importable",
    "password-in-url",
    "project-needs-more",
    "pth-file",
    "shared-path",
    "smoke-test-not-run",
    "top-level-folder",
    "unsearched-folder",
    "unzipped-size",
    "zipped-size",
];

/// Something that was noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: &'static str,
    pub severity: Severity,
    /// The file, distribution or layer it is about.
    pub subject: String,
    /// The distribution to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<DistributionName>,
    pub message: String,
    pub help: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
    /// Good to know; never fails a run.
    Notice,
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
    pub(crate) fn blames(self, distribution: Option<&DistributionName>) -> Self {
        Self { distribution: distribution.cloned(), ..self }
    }

    /// Worst first, then by what it is about.
    pub(crate) fn rank(&self) -> (Severity, &str, &str, &str) {
        (self.severity, self.code, &self.subject, &self.message)
    }

    fn is_fatal(&self, fail_on: FailOn) -> bool {
        match fail_on {
            FailOn::Warning => self.severity <= Severity::Warning,
            FailOn::Error => self.severity == Severity::Error,
            // A secret of this run would be everyone's: that is no matter of opinion.
            FailOn::Never => self.code == "known-secret",
        }
    }
}

/// Looks at a finished layer, wherever it comes from.
pub fn check(layer: &Layer, target: Target) -> Vec<Finding> {
    let _ = target;
    leaks::check(layer)
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
            let causes = all.iter().map(|finding| format!("{} ({})", finding.message, finding.help));
            Err(Failure::user(format!("{} findings keep the layer from being published", all.len()))
                .causes(causes)
                .hint("correct all of them and run again"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_are_fatal() {
        let warning = Finding::warning("exclude-unknown", "x", "x is not there", "remove it");
        assert_eq!(verdict(std::slice::from_ref(&warning), FailOn::Error), Ok(()));
        let error = Finding::error("unzipped-size", "layer", "too large", "make it smaller");
        let both = [warning.clone(), error];
        let failure = verdict(&both, FailOn::Error).expect_err("is fatal");
        assert_eq!((failure.message.as_str(), failure.hint.as_deref()), ("too large", Some("make it smaller")));
        assert!(verdict(std::slice::from_ref(&warning), FailOn::Warning).is_err());
        assert_eq!(verdict(&both, FailOn::Never), Ok(()));
        let secret = Finding::error("known-secret", "x", "x holds a secret", "take it out");
        assert!(verdict(&[secret], FailOn::Never).is_err(), "nobody wants that published");
        let notice = Finding::notice("pth-file", "x", "x", "x");
        assert_eq!(verdict(&[notice], FailOn::Warning), Ok(()));
    }
}
