//! Whether known vulnerabilities are looked up, where, and which of them are accepted for now.

use std::collections::BTreeSet;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::civil::Date;

use super::Reading;
use crate::cli::{Inputs, given, lines};
use crate::error::Failure;
use crate::files;
use crate::layer::Severity;

#[derive(Clone, Debug)]
pub struct VulnerabilityCheck {
    /// Of a finding about a known vulnerability.
    pub severity: Severity,
    /// Nobody asked for it: without a network, there is nothing to complain about.
    pub is_default: bool,
    pub ignored: Vec<IgnoredVulnerability>,
    /// The database to ask instead of OSV's API, absolute, and its path as it was given.
    pub database: Option<(Utf8PathBuf, String)>,
}

/// A vulnerability that somebody accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredVulnerability {
    /// As it was given; any of the ids of an advisory, in upper or lower case.
    pub id: String,
    /// The last day on which it is ignored (UTC).
    pub until: Date,
    pub reason: String,
}

/// The values of the input `vulnerabilities`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VulnerabilityLevel {
    Off,
    Found(Severity),
}

impl FromStr for VulnerabilityLevel {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "off" => Ok(Self::Off),
            "notice" => Ok(Self::Found(Severity::Notice)),
            "warning" => Ok(Self::Found(Severity::Warning)),
            "error" => Ok(Self::Found(Severity::Error)),
            _ => Err(Failure::user(format!("`vulnerabilities` is `{text}`, which is not a valid value"))
                .hint("use `off`, `notice`, `warning` or `error`")),
        }
    }
}

impl FromStr for IgnoredVulnerability {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            let failure = Failure::user(format!("`ignore-vulnerabilities` contains `{text}`, {why}"));
            failure.hint(
                "write the ID, the last day and the reason, for example `CVE-2024-35195 2027-06-30 we send no requests with verify=False`",
            )
        };
        let mut words = text.splitn(3, char::is_whitespace);
        let (id, until) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let reason = words.next().map(str::trim).unwrap_or_default();
        if !is_id(id) {
            return Err(wrong("which does not begin with the ID of a vulnerability"));
        }
        if until.is_empty() {
            return Err(wrong("which has no date and no reason"));
        }
        // A day and nothing else: a date of this type may also have a time behind it.
        let date = Some(until).filter(|until| until.len() == "2027-06-30".len()).and_then(|until| until.parse().ok());
        let Some(until) = date else { return Err(wrong("whose second word is not a date such as `2027-06-30`")) };
        if reason.is_empty() {
            return Err(wrong("which has no reason"));
        }
        Ok(Self { id: id.to_owned(), until, reason: reason.to_owned() })
    }
}

/// Whether this can be the id of an advisory: `GHSA-x84v-xcm2-53pg`, `PYSEC-2023-74`, `CVE-2023-32681`
/// (<https://ossf.github.io/osv-schema/#id-modified-fields>).
pub(crate) fn is_id(text: &str) -> bool {
    const LONGEST: usize = 100;
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':');
    text.len() <= LONGEST
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.contains('-')
        && text.chars().all(is_part)
}

impl Reading<'_> {
    /// `None` if nothing is looked up. Invalid inputs are problems all the same.
    pub(super) fn vulnerabilities(&mut self, inputs: &Inputs, looks_up: bool) -> Option<VulnerabilityCheck> {
        let level = given(inputs.vulnerabilities.as_ref())
            .map(|level| self.problems.check(level.parse::<VulnerabilityLevel>()));
        let ignored: Vec<_> =
            lines(&inputs.ignore_vulnerabilities).iter().filter_map(|line| self.problems.check(line.parse())).collect();
        self.refuse_ignored_twice(&ignored);
        let database = given(inputs.vulnerability_database.as_ref()).and_then(|path| self.database(path));
        // A database is given for no other reason than to ask it.
        let is_default = level.is_none();
        let default = (looks_up || database.is_some()).then_some(VulnerabilityLevel::Found(Severity::Notice));
        match level.unwrap_or(default)? {
            VulnerabilityLevel::Off => None,
            VulnerabilityLevel::Found(severity) => Some(VulnerabilityCheck { severity, is_default, ignored, database }),
        }
    }

    fn refuse_ignored_twice(&mut self, ignored: &[IgnoredVulnerability]) {
        let mut known = BTreeSet::new();
        for IgnoredVulnerability { id, .. } in ignored {
            if !known.insert(id.to_lowercase()) {
                let failure = Failure::user(format!("`ignore-vulnerabilities` contains `{id}` more than once"));
                self.problems.push(failure.hint("keep one line for each ID"));
            }
        }
    }

    fn database(&mut self, given: &str) -> Option<(Utf8PathBuf, String)> {
        let path = self.folder.join(given);
        if path.is_file() {
            return Some((path, given.to_owned()));
        }
        let failure = if path.exists() {
            Failure::user(format!("`vulnerability-database` is `{given}`, which is not a file"))
                .hint("give the path of the zip with OSV's database of PyPI, see docs/vulnerabilities.md")
        } else {
            let what = "`vulnerability-database` is a path that cannot be read: ";
            files::missing(what, &self.folder, Utf8Path::new(given))
        };
        self.problems.push(failure);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_an_id_a_day_and_a_reason() {
        let read = |text: &str| text.parse::<IgnoredVulnerability>().map_err(|failure| failure.message);
        let entry = read("CVE-2024-35195 2027-06-30  not used: no verify=False").expect("is valid");
        assert_eq!(
            (entry.until.to_string(), entry.reason.as_str()),
            ("2027-06-30".to_owned(), "not used: no verify=False")
        );
        for (text, why) in [
            ("2027-06-30 not used", "which does not begin with the ID of a vulnerability"),
            ("CVE-2024-35195", "which has no date and no reason"),
            ("CVE-2024-35195 not used", "whose second word is not a date such as `2027-06-30`"),
            ("CVE-2024-35195 2027-02-30 not used", "whose second word is not a date such as `2027-06-30`"),
            ("CVE-2024-35195 2027-06-30T10:00 x", "whose second word is not a date such as `2027-06-30`"),
            ("CVE-2024-35195 2027-06-30", "which has no reason"),
            ("<b>-1 2027-06-30 x", "which does not begin with the ID of a vulnerability"),
        ] {
            assert_eq!(read(text), Err(format!("`ignore-vulnerabilities` contains `{text}`, {why}")));
        }
    }
}
