//! What a comment links to. Pages of packages are linked only if their index is public.

use crate::facts;
use crate::layer::ManifestPlace;
use crate::report::Report;
use crate::report::escape::{address, name, name_as_code};
use crate::types::Digest;

/// How many digits of a commit are shown, as on GitHub.
const SHORT: usize = 7;

/// Addresses of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links<'a> {
    /// The workflow run.
    pub run: Option<&'a str>,
    /// The folder with this program's documentation.
    pub docs: Option<&'a str>,
    /// The pull request.
    pub pull_request: Option<&'a str>,
    /// The commit that the layer was built from, 40 or 64 hexadecimal digits.
    pub commit: Option<&'a str>,
    /// The report page that was uploaded, from the input `report-url`.
    pub report: Option<&'a str>,
}

impl Links<'_> {
    /// `commit 0123456`, linked to the commit in the pull request.
    pub(super) fn commit(&self) -> Option<String> {
        let commit = self.commit?;
        let shown = &commit[..SHORT.min(commit.len())];
        Some(match self.pull_request {
            Some(url) => format!("commit [{shown}]({}/commits/{commit})", address(url)),
            None => format!("commit {shown}"),
        })
    }

    /// `requirements.txt:3`, linked to the line in the changes of the pull request. GitHub names a file there by the
    /// digest of its path, so that the address is the same for each commit.
    pub(super) fn line(&self, place: &ManifestPlace) -> String {
        let ManifestPlace { file, line } = place;
        let shown = format!("{}:{line}", name(file));
        match self.pull_request {
            Some(url) => {
                let digest = Digest::of(file.as_bytes()).hex();
                format!("[{shown}]({}/files#diff-{digest}R{line})", address(url))
            }
            None => shown,
        }
    }
}

/// The name of a package as code, linked to its project.
pub(super) fn package(report: &Report, package: &str) -> String {
    linked(name_as_code(package), page_of(report, package))
}

/// The same in running text.
pub(super) fn name_of(report: &Report, package: &str) -> String {
    linked(name(package), page_of(report, package))
}

fn page_of(report: &Report, package: &str) -> Option<String> {
    Some(index_of(report, package)?.project(package))
}

/// The version of a package that is in the layer, linked to its release.
pub(super) fn version(report: &Report, package: &str, version: &str) -> String {
    let page = index_of(report, package).and_then(|index| index.release(package, version));
    linked(name(version), page.filter(|_| !version.is_empty()))
}

/// The page on which the authors of a package say what changed.
pub(super) fn changelog(report: &Report, package: &str) -> Option<String> {
    Some(format!("[changelog]({})", address(report.changelog_of(package)?)))
}

fn index_of(report: &Report, package: &str) -> Option<&'static facts::PublicIndex> {
    facts::public_index(report.provenance.get(package)?.index.as_deref()?)
}

fn linked(text: String, page: Option<String>) -> String {
    match page {
        Some(page) => format!("[{text}]({})", address(&page)),
        None => text,
    }
}
