//! Writes the files about a layer that were asked for: a page, a bill of materials, the licences.

use camino::Utf8Path;

use crate::actions;
use crate::console::Console;
use crate::environment::Environment;
use crate::report::{self, PaperPaths, Report};
use crate::spec::{Papers, Spec};

/// Of a layer that was built in this run, or else of the one that is published, which is then opened.
///
/// # Errors
/// What opening it or writing says.
pub async fn write(
    report: Report,
    spec: &Spec,
    _environment: &Environment,
    console: &Console,
) -> anyhow::Result<Report> {
    write_to(report, &spec.papers, &spec.workspace, console)
}

pub fn write_to(report: Report, papers: &Papers, workspace: &Utf8Path, console: &Console) -> anyhow::Result<Report> {
    let Some(place) = &papers.page else { return Ok(report) };
    let report = report.redacted(|text| console.redact(text));
    fs_err::create_dir_all(place.parent().unwrap_or(place))?;
    let start = std::time::Instant::now();
    let page = report::page(&report);
    console.debug(&format!("page: {:?}, {} bytes", start.elapsed(), page.len()));
    fs_err::write(place, page)?;
    actions::hand_over(place, workspace)?;
    let papers = PaperPaths { page: Some(place.to_string()), ..PaperPaths::default() };
    Ok(Report { papers, ..report })
}
