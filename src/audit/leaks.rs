//! Whether a credential would be published.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::Finding;
use crate::leaks::Leak;

/// The value itself is in no finding.
pub(crate) fn check(leaks: &BTreeMap<Utf8PathBuf, Leak>) -> Vec<Finding> {
    leaks.iter().map(|(path, leak)| finding(path, *leak)).collect()
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
