//! Checks of a layer before it is published. A check only notes what it finds; [`verdict`] alone decides what is fatal.

pub mod distributions;
pub mod exclude;
pub mod layout;
pub mod leaks;
pub mod size;

use serde::Serialize;

use crate::error::Failure;

/// Every code there is, each an anchor in `docs/findings.md`.
pub const CODES: &[&str] = &[
    "built-elsewhere",
    "exclude-unknown",
    "excluded-but-needed",
    "extension-not-executable",
    "known-secret",
    "lost-file",
    "nothing-importable",
    "password-in-url",
    "project-needs-more",
    "pth-file",
    "shared-path",
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
    pub message: String,
    pub help: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

impl Finding {
    pub(crate) fn error(
        code: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        debug_assert!(CODES.contains(&code), "`{code}` is missing in CODES");
        Self { code, severity: Severity::Error, subject: subject.into(), message: message.into(), help: help.into() }
    }

    pub(crate) fn warning(
        code: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, subject, message, help) }
    }
}

/// # Errors
/// The user's, with every finding that keeps the layer from being published.
pub fn verdict(findings: &[Finding]) -> Result<(), Failure> {
    let fatal: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
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
        assert_eq!(verdict(std::slice::from_ref(&warning)), Ok(()));
        let error = Finding::error("unzipped-size", "layer", "too large", "make it smaller");
        let failure = verdict(&[warning, error]).expect_err("is fatal");
        assert_eq!((failure.message.as_str(), failure.hint.as_deref()), ("too large", Some("make it smaller")));
    }
}
