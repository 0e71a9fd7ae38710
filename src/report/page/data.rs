//! What the page shows, as JSON: rows instead of objects, and each folder's name only once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Serialize;

use super::text;
use super::text::visible;
use super::usage::UsageRows;
use crate::facts;
use crate::layer::import_times::{ImportTime, ImportTimes, ImportedModule};
use crate::layer::scan::binary;
use crate::layer::{File, Finding, Kind, Layer, Saving};
use crate::report::vulnerabilities::{in_one_line, state};
use crate::report::{DestinationReport, PackageChange, PackageChangeKind, Report};
use crate::types::DistributionName;
use crate::vulnerabilities::Vulnerability;

/// The longest name, in characters; Linux allows no longer file names.
pub(super) const NAME: usize = 255;
/// The longest message, in characters.
pub(super) const MESSAGE: usize = 2_000;
/// The longest table, in rows; the rows beyond are counted, and the output `result` has them.
pub(super) const ROWS: usize = 1_000;
/// How many files are listed one by one, the largest first. No real layer has more, but a foreign zip may.
const FILES: usize = 50_000;

/// Error, causes, hint.
type FailureRow<'a> = (Cow<'a, str>, Vec<Cow<'a, str>>, Cow<'a, str>);
/// Kind, name, version before and after, bytes before and after, address of the changelog.
type ChangeRow = (PackageChangeKind, String, String, String, u64, u64, Option<String>);
/// Severity, code, subject, distribution, message, help.
type FindingRow<'a> = (&'static str, &'static str, Cow<'a, str>, Cow<'a, str>, Cow<'a, str>, Cow<'a, str>);

/// Name, version, bytes, licence.
type PackageRow<'a> = (Cow<'a, str>, Cow<'a, str>, u64, Cow<'a, str>);
/// Depth, name, time in milliseconds.
type ModuleRow<'a> = (usize, Cow<'a, str>, u64);
/// Name, time before, time now, in milliseconds, and the modules.
type ImportRow<'a> = (Cow<'a, str>, Option<u64>, u64, Vec<ModuleRow<'a>>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    name: Cow<'a, str>,
    command: &'a str,
    verdict: &'a str,
    reason: Cow<'a, str>,
    failure: Option<FailureRow<'a>>,
    target: Option<String>,
    /// Bytes that Lambda accepts, unzipped.
    limit: u64,
    zipped: Option<u64>,
    unzipped: Option<u64>,
    before: Option<Before<'a>>,
    content_hash: Option<String>,
    fingerprint: Option<String>,
    /// Outcome, place, ARN.
    destinations: Vec<(&'static str, String, String)>,
    packages: Vec<PackageRow<'a>>,
    changes: Rows<ChangeRow>,
    findings: Rows<FindingRow<'a>>,
    /// Severity, code, number of findings.
    tally: Vec<(&'static str, &'static str, usize)>,
    /// `None` if they were not looked up.
    vulnerabilities: Option<VulnerabilityRows<'a>>,
    /// `None` if that was not read.
    usage: Option<UsageRows<'a>>,
    /// URL of the documentation; the code of a finding is appended.
    docs: Option<String>,
    /// Rule, owner, files, bytes.
    savings: Rows<(Cow<'a, str>, Cow<'a, str>, usize, u64)>,
    /// `None` if they were not measured.
    imports: Option<Imports<'a>>,
    /// `None` if the layer was not opened.
    files: Option<Files<'a>>,
}

/// Id, page, severity, score, distribution, fixed version, what brings it, what became of it, summary.
type VulnerabilityRow<'a> =
    (Cow<'a, str>, String, &'static str, f64, Cow<'a, str>, Cow<'a, str>, String, Cow<'a, str>, Cow<'a, str>);

#[derive(Serialize)]
struct VulnerabilityRows<'a> {
    /// How many there are, in a sentence.
    headline: String,
    #[serde(flatten)]
    rows: Rows<VulnerabilityRow<'a>>,
}

/// Milliseconds.
#[derive(Serialize)]
struct Imports<'a> {
    total: u64,
    before: Option<u64>,
    rows: Vec<ImportRow<'a>>,
}

impl<'a> Imports<'a> {
    fn of(times: &'a ImportTimes) -> Self {
        let before = times.before.as_deref();
        let module = |row: &'a ImportedModule| (row.depth, visible(&row.module, NAME), row.milliseconds.0);
        let row = |time: &'a ImportTime| {
            let was = before.and_then(|before| before.of(&time.name)).map(|was| was.0);
            (visible(&time.name, NAME), was, time.milliseconds.0, time.tree.iter().map(module).collect())
        };
        Self {
            total: times.milliseconds.0,
            before: before.map(|before| before.milliseconds.0),
            rows: times.requirements.iter().map(row).collect(),
        }
    }
}

#[derive(Serialize)]
struct Before<'a> {
    name: Cow<'a, str>,
    zipped: Option<u64>,
    unzipped: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Rows<T> {
    pub(super) rows: Vec<T>,
    /// How many rows were left out.
    pub(super) more: usize,
}

/// Columns. Each folder stands after its parent; number 0 is `/opt`.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Files<'a> {
    folder_parents: Vec<usize>,
    folder_names: Vec<Cow<'a, str>>,
    folders: Vec<usize>,
    names: Vec<Cow<'a, str>>,
    sizes: Vec<u64>,
    /// Index into the rows of `packages`.
    packages: Vec<usize>,
    /// One digit for each file, see [`kind`].
    kinds: String,
    /// Files that are not listed one by one: package, number of files, bytes.
    rest: Vec<(usize, usize, u64)>,
}

pub(super) fn of(report: &Report, docs: Option<&str>) -> String {
    let packages: Vec<_> = report
        .distributions
        .iter()
        .map(|row| {
            let licence = visible(row.licence.as_deref().unwrap_or_default(), NAME);
            (visible(&row.name, NAME), visible(&row.version, NAME), row.size.0, licence)
        })
        .collect();
    let failure = report.failure();
    let changes = report.package_changes();
    let data = Data {
        name: visible(&report.layer_name, NAME),
        command: report.command,
        verdict: report.verdict(),
        reason: visible(&report.reason, MESSAGE),
        failure: failure.as_ref().map(|failure| {
            let causes = failure.causes.iter().take(ROWS).map(|cause| visible(cause, MESSAGE)).collect();
            (visible(&failure.error, MESSAGE), causes, visible(failure.hint.as_deref().unwrap_or_default(), MESSAGE))
        }),
        target: report
            .python_version
            .zip(report.architecture)
            .map(|(python, architecture)| format!("python{python} on {architecture}")),
        limit: facts::limits().unzipped_size,
        zipped: report.zipped_size.map(|size| size.0),
        unzipped: report.unzipped_size.map(|size| size.0),
        before: report.before.as_ref().map(|before| Before {
            name: visible(&before.name, NAME),
            zipped: before.zipped_size.map(|size| size.0),
            unzipped: before.unzipped_size.map(|size| size.0),
        }),
        content_hash: report.code_sha256.map(|hash| hash.to_string()),
        fingerprint: report.fingerprint.map(|fingerprint| fingerprint.to_string()),
        destinations: report.destinations.iter().map(destination).collect(),
        changes: Rows::of(&changes, |changed| change(report, changed)),
        findings: Rows::of(&report.findings, finding),
        tally: tally(&report.findings),
        vulnerabilities: report.vulnerabilities.as_ref().map(|known| VulnerabilityRows {
            headline: visible(&in_one_line(known), MESSAGE).into_owned(),
            rows: Rows::of(&known.found.iter().chain(&known.removed).collect::<Vec<_>>(), |one| vulnerability(one)),
        }),
        usage: report.usage.as_ref().map(UsageRows::of),
        docs: docs.map(|docs| format!("{docs}/findings.md#")),
        savings: Rows::of(&report.savings, |saving: &Saving| {
            (visible(&saving.rule, NAME), visible(&saving.owner, NAME), saving.files, saving.bytes.0)
        }),
        imports: report.import_times.as_ref().map(Imports::of),
        files: report.layer.as_ref().map(|layer| Files::of(layer, report)),
        packages,
    };
    text::json(&serde_json::to_string(&data).expect("rows of text and numbers are JSON"))
}

impl<T> Rows<T> {
    pub(super) fn of<'a, F>(all: &'a [F], row: impl Fn(&'a F) -> T) -> Self {
        Self { rows: all.iter().take(ROWS).map(row).collect(), more: all.len().saturating_sub(ROWS) }
    }
}

fn destination(destination: &DestinationReport) -> (&'static str, String, String) {
    let arn = destination.layer_version_arn.as_ref().map(ToString::to_string).unwrap_or_default();
    (destination.outcome.word(), destination.place(), arn)
}

fn change(report: &Report, change: &PackageChange) -> ChangeRow {
    let [name, from, to] = [&change.name, &change.from, &change.to].map(|text| visible(text, NAME).into_owned());
    let is_update = matches!(change.kind, PackageChangeKind::Upgraded | PackageChangeKind::Downgraded);
    let changelog = report.changelog_of(&change.name).filter(|_| is_update).map(str::to_owned);
    (change.kind, name, from, to, change.bytes_before.0, change.bytes_after.0, changelog)
}

fn finding(finding: &Finding) -> FindingRow<'_> {
    let distribution = finding.distribution.as_ref().map(ToString::to_string).unwrap_or_default();
    (
        finding.severity.word(),
        finding.code,
        visible(&finding.subject, MESSAGE),
        Cow::Owned(distribution),
        visible(&finding.message, MESSAGE),
        visible(&finding.help, MESSAGE),
    )
}

fn vulnerability(one: &Vulnerability) -> VulnerabilityRow<'_> {
    let brought_by: Vec<&str> = one.brought_by.iter().map(DistributionName::as_str).collect();
    let bundled = one.bundled.as_deref().map(|bundled| format!(" ({bundled})")).unwrap_or_default();
    let distribution = format!("{} {}{bundled}", one.distribution, one.version);
    (
        visible(&one.id, NAME),
        one.url(),
        one.severity.word(),
        one.score.unwrap_or_default(),
        Cow::Owned(visible(&distribution, NAME).into_owned()),
        visible(one.fixed_in.as_deref().unwrap_or_default(), NAME),
        brought_by.join(", "),
        Cow::Owned(visible(&state(one).unwrap_or_default(), MESSAGE).into_owned()),
        visible(&one.summary, MESSAGE),
    )
}

/// The worst severity comes first.
fn tally(findings: &[Finding]) -> Vec<(&'static str, &'static str, usize)> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry((finding.severity, finding.code)).or_default() += 1;
    }
    counts.into_iter().map(|((severity, code), count)| (severity.word(), code, count)).collect()
}

impl<'a> Files<'a> {
    fn of(layer: &'a Layer, report: &Report) -> Self {
        let rows = report.distributions.iter().enumerate();
        let rows: BTreeMap<&str, usize> = rows.map(|(index, row)| (row.name.as_str(), index)).collect();
        let owners = layer.files.values().map(|file| &file.owner);
        let mut packages = BTreeMap::new();
        for owner in owners {
            packages.entry(owner).or_insert_with(|| rows.get(owner.to_string().as_str()).copied().unwrap_or_default());
        }
        let smallest = smallest_shown(layer);
        let mut files = Self { folder_parents: vec![0], folder_names: vec![Cow::Borrowed("")], ..Self::default() };
        let mut known: BTreeMap<&str, usize> = BTreeMap::from([("", 0)]);
        let mut rest: BTreeMap<usize, (usize, u64)> = BTreeMap::new();
        for (path, file) in &layer.files {
            let package = packages[&file.owner];
            if files.names.len() == FILES || file.size.0 < smallest {
                let (count, bytes) = rest.entry(package).or_default();
                *count += 1;
                *bytes += file.size.0;
                continue;
            }
            let (folder, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
            let folder = files.folder(folder, &mut known);
            files.folders.push(folder);
            files.names.push(visible(name, NAME));
            files.sizes.push(file.size.0);
            files.packages.push(package);
            files.kinds.push(kind(path, file));
        }
        files.rest = rest.into_iter().map(|(package, (count, bytes))| (package, count, bytes)).collect();
        files
    }

    /// Gives the folder's number; adds the folder and its parents if they are new.
    fn folder(&mut self, path: &'a str, known: &mut BTreeMap<&'a str, usize>) -> usize {
        let mut above = path;
        let mut new = Vec::new();
        let mut parent = loop {
            if let Some(number) = known.get(above) {
                break *number;
            }
            new.push(above);
            above = above.rsplit_once('/').map_or("", |(above, _)| above);
        };
        for path in new.into_iter().rev() {
            let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
            self.folder_parents.push(parent);
            self.folder_names.push(visible(name, NAME));
            parent = self.folder_names.len() - 1;
            known.insert(path, parent);
        }
        parent
    }
}

/// The smallest size, in bytes, of the files that are listed one by one.
fn smallest_shown(layer: &Layer) -> u64 {
    if layer.files.len() <= FILES {
        return 0;
    }
    let mut sizes: Vec<u64> = layer.files.values().map(|file| file.size.0).collect();
    let (_, smallest, _) = sizes.select_nth_unstable_by(FILES, |left, right| right.cmp(left));
    *smallest
}

/// `0` compiled, `1` Python, `2` bytecode, `3` metadata of a package, `4` anything else, `5` a link.
fn kind(path: &Utf8Path, file: &File) -> char {
    let is_metadata = || path.components().any(|part| part.as_str().ends_with(".dist-info"));
    match (&file.kind, path.extension()) {
        (Kind::Link { .. }, _) => '5',
        _ if file.observed.binary.is_some() || binary::has_library_name(path) => '0',
        (_, Some("py" | "pyi")) => '1',
        (_, Some("pyc")) => '2',
        _ if is_metadata() => '3',
        _ => '4',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stand_after_the_one_they_are_in() {
        let paths = ["python/a/b/c.py", "python/a.py", "python/a/d.py", "x", "/absolute", "../up"];
        let layer = Layer::of_paths(&paths);
        let report = Report::new("audit", "test".to_owned(), None, String::new());
        let files = Files::of(&layer, &report);
        assert!(files.folder_parents.iter().enumerate().skip(1).all(|(number, parent)| *parent < number));
        let path = |mut folder: usize, name: &str| {
            let mut path = name.to_owned();
            while folder != 0 {
                path = format!("{}/{path}", files.folder_names[folder]);
                folder = files.folder_parents[folder];
            }
            path
        };
        let mut paths: Vec<String> =
            files.folders.iter().zip(&files.names).map(|(folder, name)| path(*folder, name)).collect();
        paths.sort();
        assert_eq!(paths, ["../up", "absolute", "python/a.py", "python/a/b/c.py", "python/a/d.py", "x"]);
    }

    #[test]
    fn kinds_are_told_by_what_is_in_a_file() {
        let layer = Layer::of_paths(&["python/a.so", "b.py", "c.pyc", "a-1.dist-info/METADATA", "d.dat", "e.so.1"]);
        let files = Files::of(&layer, &Report::new("audit", "test".to_owned(), None, String::new()));
        let by_name: BTreeMap<&str, char> = files.names.iter().map(AsRef::as_ref).zip(files.kinds.chars()).collect();
        let expected =
            [("METADATA", '3'), ("a.so", '0'), ("b.py", '1'), ("c.pyc", '2'), ("d.dat", '4'), ("e.so.1", '0')];
        assert_eq!(by_name, BTreeMap::from(expected));
    }
}
