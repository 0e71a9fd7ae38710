//! Writes the files about a layer that were asked for: report page, bill of materials, licences.
//!
//! They describe the content of the zip: of the layer that this run built, or else of the published one, which is
//! downloaded and opened.

mod published;

pub(crate) use published::origins;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::console::Console;
use crate::environment::Environment;
use crate::error::Explanation;
use crate::github::workflow_commands;
use crate::layer::Origins;
use crate::report::Report;
use crate::report::page::page;
use crate::report::sbom::sbom;
use crate::report::third_party_licences::third_party_licences;
use crate::spec::{Documents, RegistryChoice, Spec, Task};

/// The folders that written paths refer to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The folder in which the program was started; paths are shown relative to it.
    pub start: &'a Utf8Path,
    /// New files and folders get the owner of this folder.
    pub workspace: &'a Utf8Path,
}

/// Writes the files about the layer that this run built, or else about the published one, which is downloaded. An error
/// goes into the report, so that what was published stays known.
///
/// # Errors
/// None so far.
pub async fn write(
    report: Report,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Report> {
    if spec.documents.is_empty() {
        return Ok(report);
    }
    if spec.task == Task::Plan {
        // Inputs in a config file are for all commands, so nobody asked the plan for them.
        if !console.is_of_several() {
            console.note("a plan does not build or open a layer, so it writes no report page, SBOM or licences");
        }
        return Ok(report);
    }
    let report = match Box::pin(published::of_run(report, spec, environment, console)).await {
        Ok(report) => report,
        // A run that only looks may have no permission to download.
        Err((report, error)) if spec.dry_run || spec.task == Task::Preview => {
            console.warning(&Explanation::of(&error).one_line());
            return Ok(*report);
        }
        Err((report, error)) => return Ok(with_error(*report, &error, console)),
    };
    let place = Place { start: &spec.start, workspace: &spec.workspace };
    Ok(write_all(report, &spec.documents, place, environment, console))
}

/// Writes the files about an existing version, which is downloaded. Errors go into the report.
pub async fn write_published(
    report: Report,
    registry: &RegistryChoice,
    documents: &Documents,
    place: Place<'_>,
    environment: &Environment,
    console: &Console,
) -> Report {
    if documents.is_empty() {
        return report;
    }
    match published::with_published(report, registry, documents, Origins::default(), environment, console).await {
        Ok(report) => write_all(report, documents, place, environment, console),
        Err((report, error)) => with_error(*report, &error, console),
    }
}

/// Writes the files about the layer of this report. Errors go into the report.
#[must_use]
pub fn write_all(
    report: Report,
    documents: &Documents,
    place: Place<'_>,
    environment: &Environment,
    console: &Console,
) -> Report {
    if documents.is_empty() {
        return report;
    }
    // Who uses a layer is known without its content.
    if report.layer.is_none() && report.command != "usage" {
        console.warning(
            "the report page, SBOM and licences were not written: the contents of the layer could not be read",
        );
        return report;
    }
    let step = console.step("Write the documents");
    let report = report.redacted(|text| console.redact(text));
    let mut written = Vec::new();
    let mut write = |path: &Option<Utf8PathBuf>, text: &dyn Fn() -> Option<String>| {
        let Some((path, text)) = path.as_ref().and_then(|path| Some((path, text()?))) else { return Ok(None) };
        write_file(path, &text, place.workspace)?;
        let shown = path.strip_prefix(place.start).unwrap_or(path).to_string();
        written.push(shown.clone());
        anyhow::Ok(Some(shown))
    };
    let mut paths = report.documents.clone();
    let results = [
        write(&documents.page, &|| Some(page(&report, environment.docs().as_deref()))).map(|path| paths.page = path),
        write(&documents.sbom, &|| sbom(&report)).map(|path| paths.sbom = path),
        write(&documents.licenses, &|| third_party_licences(&report)).map(|path| paths.licenses = path),
    ];
    step.done(written.join(", "));
    let report = Report { documents: paths, ..report };
    results.into_iter().filter_map(Result::err).fold(report, |report, error| with_error(report, &error, console))
}

/// If the layer is refused already, the error is only a warning.
fn with_error(report: Report, error: &anyhow::Error, console: &Console) -> Report {
    let explanation = Explanation::of(error);
    if report.rejection.is_some() {
        console.warning(&explanation.one_line());
        return report;
    }
    Report { paper_error: Some(explanation), ..report }
}

/// Replaces the file in one step, so that a reader never sees half of it.
fn write_file(path: &Utf8Path, text: &str, workspace: &Utf8Path) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(Utf8Path::new("/"));
    workflow_commands::create_folder(parent, workspace)?;
    let because = || format!("could not write `{path}`");
    let mut file = tempfile::Builder::new().prefix(".lambda-layer-").tempfile_in(parent).with_context(because)?;
    file.write_all(text.as_bytes()).with_context(because)?;
    // Temporary files are readable by their owner only.
    fs_err::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644))?;
    file.persist(path).with_context(because)?;
    Ok(workflow_commands::hand_over(path, workspace)?)
}
