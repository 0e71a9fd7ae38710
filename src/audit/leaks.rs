//! Whether a credential would be published.

use camino::Utf8Path;

use super::{Finding, Layer};
use crate::leaks::Leak;

/// The value itself is in no finding.
pub(crate) fn check(layer: &Layer) -> Vec<Finding> {
    let leaks = layer.files.iter().filter_map(|(path, file)| Some((path, file, file.observed.leak?)));
    leaks.map(|(path, file, leak)| finding(path, leak).blames(file.distribution())).collect()
}

fn finding(path: &Utf8Path, leak: Leak) -> Finding {
    match leak {
        Leak::Known => Finding::error(
            "known-secret",
            path.as_str(),
            format!("`{path}` holds a secret that this run was given"),
            "take it out, and let the function read it at run time; see docs/findings.md for what is compared",
        ),
        Leak::InUrl { line } => Finding::error(
            "password-in-url",
            path.as_str(),
            format!("`{path}` has a URL with a password in line {line}"),
            "take it out; in an example write a placeholder such as `{password}`",
        ),
    }
}
