//! Each command, and how it runs on several layers: a layer that fails does not stop the others.

pub mod audit;
pub mod build;
pub(crate) mod comment;
pub mod follow_up;
mod known_vulnerabilities;
pub mod merge;
mod one_by_one;
mod outcome;
pub mod plan;
mod preflight;
pub mod preview;
pub mod publish;
mod reporting;
pub mod results;
mod side_by_side;
pub mod since;
mod usage;
pub mod versions;

use crate::console::Console;
use crate::layer::Materials;
use crate::report::Report;
pub use one_by_one::{audit, manage_versions};
pub use side_by_side::{RunOptions, run_task};

/// Prints a failure below the steps of its layer, and drops what only the documents needed.
fn finished(report: Report, console: &Console) -> Report {
    if let Some(failure) = report.failure() {
        console.error(&failure, report.has_error(&failure.error));
    }
    Report { steps: console.steps(), layer: None, materials: Materials::default(), ..report }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
