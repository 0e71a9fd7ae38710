//! Checks of a layer before it is published. A check only reports what it finds; [`verdict`] alone decides what is
//! fatal.

pub mod binaries;
pub mod budget;
mod bytecode;
pub mod distributions;
pub mod exclude;
pub mod import_time;
pub mod imported;
pub mod layout;
pub mod leaks;
pub mod licences;
mod metadata;
mod outside;
mod paths;
mod programs;
mod requirements;
pub mod shadow;
pub mod size;
pub mod smoke;
pub mod tags;
pub mod verdict;

use crate::layer::links::Names;
use crate::layer::{Finding, Layer};
use crate::runtime::Runtime;
use crate::types::Target;
pub(crate) use requirements::needed_within;
pub use verdict::{fatal_of_published, tally, verdict, verdict_on_foreign};

/// The smallest size, in bytes, that is worth a notice.
pub(crate) const WORTHWHILE: u64 = 1024 * 1024;

/// Checks a finished layer, whoever built it.
pub fn check(layer: &Layer, target: Target, runtime: &Runtime) -> Vec<Finding> {
    let names = Names::of(layer);
    let binaries = binaries::check(layer, &names, target);
    let tags = tags::check(layer, &binaries, target);
    [
        binaries,
        tags,
        bytecode::check(layer, target),
        distributions::check(layer, target),
        layout::check(layer, &names, target),
        leaks::check(layer),
        outside::check(layer),
        paths::check(layer, target),
        programs::check(layer, &names, target),
        requirements::check(layer, runtime, target),
        shadow::check(&layer.distributions, runtime, target),
        metadata::check(layer),
    ]
    .concat()
}

/// `a`, `b`, `c` and 4 more
fn listed(names: impl IntoIterator<Item = String>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_at_checked(SHOWN) {
        Some((shown, rest)) if rest.len() > 1 => format!("{} and {} more", shown.join(", "), rest.len()),
        _ => names.join(", "),
    }
}

/// The severity, code and message of each finding, one a line.
#[cfg(test)]
fn as_lines(findings: &[Finding]) -> String {
    let line = |finding: &Finding| format!("{:?} {}: {}\n", finding.severity, finding.code, finding.message);
    findings.iter().map(line).collect()
}
