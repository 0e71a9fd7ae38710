//! Which functions use which version of a layer, and which of them do not use the current one.

mod read;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cleanup::rows;
use crate::error::{Explanation, Kind, counted};
use crate::types::{AccountId, ByteSize, ContentHash, Label, LayerVersionArn, Place};
use crate::vulnerabilities::VersionVulnerabilities;
pub(crate) use read::{Wanted, read};

/// The version of a function as it is now (Lambda API, `FunctionConfiguration`).
const LATEST: &str = "$LATEST";

/// Who uses the versions of a layer, in all places of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerUsage {
    /// When it was read (UTC); ages count from then.
    pub read: Timestamp,
    /// How many functions use any version now (`$LATEST`).
    pub function_count: usize,
    /// How many published versions of functions use any version.
    pub function_version_count: usize,
    /// Place by place, the newest version first; only some of them if only those were asked for.
    pub versions: Vec<VersionUsage>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// A version, and who uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionUsage {
    #[serde(rename = "layer-version-arn")]
    pub arn: LayerVersionArn,
    pub status: Status,
    /// When it was published (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zipped_size: Option<ByteSize>,
    pub labels: BTreeSet<Label>,
    /// How many functions use it now (`$LATEST`).
    pub function_count: usize,
    /// How many published versions of functions use it.
    pub function_version_count: usize,
    pub functions: Vec<FunctionUsage>,
    /// The names of SSM parameters that contain its ARN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Whether all functions that could use it were read.
    pub is_complete: bool,
    /// `None` if that was not looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_vulnerabilities: Option<VersionVulnerabilities>,
    /// What it is a version of, as far as that is recorded.
    #[serde(skip)]
    pub(crate) contents: BTreeSet<ContentHash>,
}

/// A function that uses a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FunctionUsage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    pub function: String,
    /// `$LATEST`, then the numbers of published versions.
    pub versions: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It has the current content of its place; the newest one in a place without a recorded current content.
    Current,
    Outdated,
    /// It was deleted. Functions keep it, but nothing else can use it.
    Deleted,
    /// It belongs to an account that this run does not read, or the list of versions could not be read.
    Unknown,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Outdated => "outdated",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that could not be read in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unread {
    /// `the functions`
    pub what: String,
    /// `eu-west-1`, `123456789012/eu-west-1`
    pub place: String,
    pub error: Explanation,
}

impl FunctionUsage {
    /// Whether the function uses the version of the layer as it is now, and not only in published versions.
    pub fn has_latest(&self) -> bool {
        self.versions.iter().any(|version| version == LATEST)
    }
}

impl VersionUsage {
    pub fn is_used(&self) -> bool {
        self.function_count + self.function_version_count > 0 || !self.parameters.is_empty()
    }

    /// Whether it is more than an old version that nothing uses.
    pub fn is_of_interest(&self) -> bool {
        self.is_used() || self.status == Status::Current
    }

    /// For example `3 days`; `None` if it is not known when it was published.
    pub fn age(&self, now: Timestamp) -> Option<String> {
        self.created.map(|created| rows::age(now.duration_since(created)))
    }
}

impl LayerUsage {
    /// Drops the versions that are current, and those that nothing uses. The counts remain.
    pub(crate) fn keep_outdated(&mut self) {
        self.versions.retain(|version| version.status != Status::Current && version.is_used());
    }

    /// For example `12 functions and 3 published function versions use it; 2 functions do not use the current version`.
    pub fn summary(&self) -> String {
        let all = (self.function_count, self.function_version_count);
        if all == (0, 0) {
            return "no function uses it".to_owned();
        }
        let verb = if all.0 + all.1 == 1 { "uses" } else { "use" };
        let shown = counted_users(all);
        match users(&self.versions, |version| version.status != Status::Current) {
            (0, 0) => format!("{shown} {verb} the current version"),
            others if others == all => format!("{shown} {verb} it, but not the current version"),
            others => {
                let verb = if others.0 + others.1 == 1 { "does" } else { "do" };
                format!("{shown} use it; {} {verb} not use the current version", counted_users(others))
            }
        }
    }

    /// For example `12 functions and 3 published function versions`.
    pub(crate) fn used_by(&self) -> String {
        let all = match (self.function_count, self.function_version_count) {
            (0, 0) => "no function".to_owned(),
            all => counted_users(all),
        };
        if self.unread.is_empty() { all } else { format!("{all}; not everything could be read") }
    }

    /// One or two words for the first line.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.function_count + self.function_version_count > 0 || self.versions.iter().any(VersionUsage::is_used) {
            _ if !self.unread.is_empty() => "partly read",
            true => "in use",
            false => "not in use",
        }
    }

    /// Why the run fails: something could not be read, so functions may be missing.
    pub(crate) fn failure(&self, layer: &str) -> Option<Explanation> {
        let first = self.unread.first()?;
        let is_users = self.unread.iter().all(|unread| unread.error.kind == Kind::User);
        let hint = first.error.hint.as_deref().map(|hint| format!("{hint}; ")).unwrap_or_default();
        let cause = |unread: &Unread| format!("{} in {}: {}", unread.what, unread.place, unread.error.one_line());
        Some(Explanation {
            kind: if is_users { Kind::User } else { Kind::System },
            error: format!("not everything that uses `{layer}` could be read"),
            causes: self.unread.iter().map(cause).collect(),
            hint: Some(format!("{hint}everything else was read and is shown")),
            place: None,
        })
    }

    pub(crate) fn errors_mut(&mut self) -> impl Iterator<Item = &mut Explanation> {
        self.unread.iter_mut().map(|unread| &mut unread.error)
    }

    /// Keeps this number of functions, and this number of versions that nothing uses. The counts remain.
    pub(crate) fn shorten(&mut self, functions: usize) {
        let (mut rest, mut unused, mut ids) = (functions, functions, functions);
        self.versions.retain(|version| {
            let is_kept = version.is_used() || unused > 0;
            unused = unused.saturating_sub(usize::from(!version.is_used()));
            is_kept
        });
        for version in &mut self.versions {
            version.functions.truncate(rest);
            rest -= version.functions.len();
            if let Some(known) = &mut version.known_vulnerabilities {
                known.ids.truncate(ids);
                known.ignored.truncate(ids);
                ids -= known.ids.len();
            }
        }
    }

    /// Whether the versions are of several accounts, so that rows have to name them.
    pub(crate) fn has_accounts(&self) -> bool {
        let accounts = self.versions.iter().map(|version| version.arn.destination().account);
        accounts.collect::<BTreeSet<_>>().len() > 1
    }
}

/// The place of a version, for example `eu-west-1`, or `123456789012/eu-west-1` if rows have to name accounts.
pub(crate) fn shown_place(arn: &LayerVersionArn, has_accounts: bool) -> String {
    let destination = arn.destination();
    if has_accounts { destination.to_string() } else { Place::own(&destination.region).to_string() }
}

/// How many functions and published function versions use the versions that fit.
fn users(versions: &[VersionUsage], fits: impl Fn(&VersionUsage) -> bool) -> (usize, usize) {
    let versions = versions.iter().filter(|version| fits(version));
    versions.fold((0, 0), |(functions, published), version| {
        (functions + version.function_count, published + version.function_version_count)
    })
}

fn counted_users((functions, published): (usize, usize)) -> String {
    let published_versions = counted(published, "published function version");
    match (functions, published) {
        (functions, 0) => counted(functions, "function"),
        (0, _) => published_versions,
        (functions, _) => format!("{} and {published_versions}", counted(functions, "function")),
    }
}
