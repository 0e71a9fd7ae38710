//! What checks notice of a layer, as data that the build, the checks and the report share.

use serde::{Deserialize, Deserializer, Serialize};

use crate::types::DistributionName;

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
    "ignore-vulnerability-expired",
    "ignore-vulnerability-unused",
    "import-failed",
    "import-not-tested",
    "import-time-unknown",
    "in-runtime",
    "installer-included",
    "interpreter-missing",
    "known-secret",
    "libstdcxx-too-new",
    "licence-denied",
    "licence-not-allowed",
    "licence-unknown",
    "link-outside",
    "lost-file",
    "max-import-time",
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
    "vulnerabilities-unknown",
    "vulnerability",
    "wrong-extension-tag",
    "wrong-machine",
    "wrong-wheel-tag",
    "zip-bomb",
    "zipped-size",
];

/// Codes of findings that depend on the day, and not on the layer alone: a version does not record them.
const OF_THE_DAY: &[&str] =
    &["ignore-vulnerability-expired", "ignore-vulnerability-unused", "vulnerabilities-unknown", "vulnerability"];

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

pub fn code_of(code: &str) -> Code {
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

    /// Its code, with a link to where it is explained if the address of the docs is known.
    pub(crate) fn linked_code(&self, docs: Option<&str>) -> String {
        docs.map_or_else(|| self.code.to_owned(), |docs| format!("[{0}]({docs}/findings.md#{0})", self.code))
    }

    /// Worst first, then by what it is about.
    pub(crate) fn rank(&self) -> (Severity, &str, &str, &str) {
        (self.severity, self.code, &self.subject, &self.message)
    }
}

/// A finding of an earlier run, as far as is needed to know it again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KnownFinding {
    pub code: String,
    pub subject: String,
    /// `None`: the program that noted it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

impl KnownFinding {
    /// Characters of a subject: names of files may be very long.
    const SUBJECT: usize = 300;
    /// A state notes so many of a layer.
    const NOTED: usize = 200;

    pub fn of(finding: &Finding) -> Self {
        let (code, subject) = (finding.code.to_owned(), finding.subject.clone());
        Self { code, subject, severity: Some(finding.severity) }.shortened()
    }

    /// Whether it is this one, however severe it was then.
    pub fn is(&self, finding: &Finding) -> bool {
        let finding = Self::of(finding);
        (&self.code, &self.subject) == (&finding.code, &finding.subject)
    }

    /// As much of its subject as is noted.
    #[must_use]
    pub fn shortened(&self) -> Self {
        Self { subject: self.subject.chars().take(Self::SUBJECT).collect(), ..self.clone() }
    }

    /// Worst first, as many as are noted.
    pub fn noted(findings: &[Finding]) -> Vec<Self> {
        let lasting = findings.iter().filter(|finding| !OF_THE_DAY.contains(&finding.code));
        lasting.take(Self::NOTED).map(Self::of).collect()
    }
}
