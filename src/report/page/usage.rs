//! Who uses the layer, as rows of the page.

use std::borrow::Cow;

use serde::Serialize;

use super::data::{MESSAGE, NAME, ROWS, Rows};
use super::text::visible;
use crate::report::usage::{more_versions, name, shown, users, versions};
use crate::types::Label;
use crate::versions::usage::{FunctionUsage, LayerUsage, Status, VersionUsage, shown_place};
use crate::vulnerabilities::VersionVulnerabilities;

/// Place, number, status, date of publication, age, bytes, labels, known vulnerabilities, users.
type VersionRow = (String, u64, &'static str, String, String, Option<u64>, Vec<String>, Option<String>, String);
/// Function, its versions, whether `$LATEST` is one of them, index of the version of the layer.
type FunctionRow<'a> = (Cow<'a, str>, String, bool, usize);

#[derive(Serialize)]
pub(super) struct UsageRows<'a> {
    /// `2 functions use it; 1 function does not use the current version`
    summary: String,
    /// What could not be read, with the reason.
    unread: Vec<Cow<'a, str>>,
    versions: Rows<VersionRow>,
    functions: Rows<FunctionRow<'a>>,
    /// Names of SSM parameters, each with the index of the version.
    parameters: Rows<(Cow<'a, str>, usize)>,
    /// `3 older versions are not in use`
    unused: Option<String>,
    /// The day on which it was read, from which ages count.
    read: String,
}

impl<'a> UsageRows<'a> {
    pub(super) fn of(usage: &'a LayerUsage) -> Self {
        let (shown, unused) = shown(usage);
        let mut functions: Vec<(usize, &VersionUsage, &FunctionUsage)> = shown
            .iter()
            .take(ROWS)
            .enumerate()
            .flat_map(|(index, version)| version.functions.iter().map(move |function| (index, *version, function)))
            .collect();
        // If there are too many, those that do not use the current version must not be left out.
        functions.sort_by_key(|(_, version, _)| version.status == Status::Current);
        let parameters: Vec<(usize, &String)> = shown
            .iter()
            .take(ROWS)
            .enumerate()
            .flat_map(|(index, version)| version.parameters.iter().map(move |parameter| (index, parameter)))
            .collect();
        let unread = usage.unread.iter().take(ROWS).map(|unread| {
            let said = format!("{} in {} could not be read: {}", unread.what, unread.place, unread.error.one_line());
            Cow::Owned(visible(&said, MESSAGE).into_owned())
        });
        Self {
            summary: usage.summary(),
            unread: unread.collect(),
            versions: Rows::of(&shown, |version| version_row(usage, version)),
            functions: Rows {
                rows: functions.iter().take(ROWS).map(|row| function_row(*row)).collect(),
                more: functions.len().saturating_sub(ROWS),
            },
            parameters: Rows {
                rows: parameters.iter().take(ROWS).map(|(index, name)| (visible(name, NAME), *index)).collect(),
                more: parameters.len().saturating_sub(ROWS),
            },
            unused: (unused > 0).then(|| more_versions(unused)),
            read: usage.read.strftime("%Y-%m-%d").to_string(),
        }
    }
}

fn version_row(usage: &LayerUsage, version: &VersionUsage) -> VersionRow {
    (
        shown_place(&version.arn, usage.has_accounts()),
        version.arn.version(),
        version.status.word(),
        version.created.map(|created| created.strftime("%Y-%m-%d").to_string()).unwrap_or_default(),
        version.age(usage.read).unwrap_or_default(),
        version.zipped_size.map(|size| size.0),
        version.labels.iter().map(|label| visible(Label::as_str(label), NAME).into_owned()).collect(),
        version.known_vulnerabilities.as_ref().map(VersionVulnerabilities::shown),
        users(version),
    )
}

fn function_row<'a>((index, version, function): (usize, &VersionUsage, &'a FunctionUsage)) -> FunctionRow<'a> {
    let shown = visible(&name(version, function), NAME).into_owned();
    (Cow::Owned(shown), visible(&versions(function), NAME).into_owned(), function.has_latest(), index)
}
