//! Writes the files about a layer that were asked for: a page, a bill of materials, the licences.

use crate::console::Console;
use crate::environment::Environment;
use crate::report::Report;
use crate::spec::Spec;

/// Of a layer that was built in this run, or else of the one that is published, which is then opened.
///
/// # Errors
/// What opening it or writing says.
pub async fn write(
    report: Report,
    spec: &Spec,
    _environment: &Environment,
    _console: &Console,
) -> anyhow::Result<Report> {
    if spec.papers.is_empty() {
        return Ok(report);
    }
    Ok(report)
}
