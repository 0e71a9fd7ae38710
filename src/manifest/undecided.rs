//! Finds markers that depend on facts which AWS changes without notice: the patch release of a runtime's Python, and
//! the kernel. A layer needs a decision, so a note says how it was made.

use std::collections::BTreeSet;

use super::{Manifest, marker_environment};
use crate::types::{PythonVersion, Target, pep508};

/// Marker variables about the kernel (PEP 508).
const KERNEL: &[&str] = &["platform_release", "platform_version"];
/// How many are named. One is enough to find the others.
const NAMED: usize = 3;

impl Manifest {
    /// The Python of a layer with a patch release that these projects allow, if there is one.
    pub fn python(&self, python: PythonVersion) -> PythonVersion {
        let ranges = self.python_ranges.iter().filter_map(|(_, range)| range.parse().ok());
        ranges.fold(python, |python, range| python.within(&range).unwrap_or(python))
    }

    /// Notes about decisions for the target that would differ with another patch release of its Python, or another
    /// kernel.
    pub fn undecided(&self, target: Target) -> Vec<String> {
        let markers = self.requirements.iter().chain(&self.constraints).map(super::Requirement::marker);
        let markers: BTreeSet<String> = markers.filter_map(|marker| Some(marker.contents()?.to_string())).collect();
        let of_release = markers.iter().filter(|text| depends_on_release(text, target));
        let release = target.python.release();
        let of_release = note(&of_release.collect::<Vec<_>>(), |markers, verb| {
            format!(
                "{markers} {verb} true only for some patch releases of Python {}; the layer is built for {release}",
                target.python
            )
        });
        let of_kernel = markers.iter().filter(|text| KERNEL.iter().any(|name| text.contains(name)));
        let of_kernel = note(&of_kernel.collect::<Vec<_>>(), |markers, verb| {
            format!("{markers} {verb} evaluated with an empty value, because AWS can change the kernel at any time")
        });
        of_release.into_iter().chain(of_kernel).collect()
    }

    /// Notes about why another patch release than the runtime's was chosen, if it was.
    pub fn other_release(&self, python: PythonVersion) -> Vec<String> {
        let taken = python.release();
        let of_runtime = python.to_string().parse::<PythonVersion>().map_or(python, |python| python).release();
        if taken == of_runtime {
            return Vec::new();
        }
        let is_cause =
            |range: &str| range.parse().is_ok_and(|range: pep440_rs::VersionSpecifiers| !range.contains(&of_runtime));
        let causes = self.python_ranges.iter().filter(|(_, range)| is_cause(range));
        let causes = causes.map(|(file, range)| {
            format!("`{file}` requires Python {range}, but Lambda's python{python} is {of_runtime} or later; the layer is built for {taken}")
        });
        causes.collect()
    }
}

/// Whether the text names a patch release of this Python, and the result differs between its releases.
fn depends_on_release(marker: &str, target: Target) -> bool {
    let Ok(tree) = pep508::marker(marker) else { return false };
    let answer = |python| tree.evaluate(&marker_environment(Target { python, ..target }), &[]);
    let wanted = answer(target.python);
    marker.contains(&format!("{}.", target.python)) && target.python.releases().any(|python| answer(python) != wanted)
}

fn note(markers: &[&String], text: impl Fn(&str, &str) -> String) -> Option<String> {
    let named: Vec<String> = markers.iter().take(NAMED).map(|marker| format!("`{marker}`")).collect();
    let more = match markers.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let verb = if markers.len() == 1 { "is" } else { "are" };
    (!markers.is_empty()).then(|| text(&format!("{}{more}", named.join(", ")), verb))
}
