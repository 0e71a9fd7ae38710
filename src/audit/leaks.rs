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
    const REVOKE: &str = "take it out, have it revoked if others saw it, and let the function read it at run time";
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
        Leak::PrivateKey { line, is_certain } => {
            let message = format!("`{path}` has a private key in line {line}");
            let finding = Finding::error("private-key", path.as_str(), message, REVOKE);
            if is_certain { finding } else { finding.into_warning() }
        }
        Leak::Token { kind, line } => {
            Finding::error("access-token", path.as_str(), format!("`{path}` has {kind} in line {line}"), REVOKE)
        }
        Leak::File { kind, is_certain } => {
            let finding = Finding::error(
                "credential-file",
                path.as_str(),
                format!("`{path}` is {kind}"),
                "leave it out with `exclude-files`, or move it out of `source` and `include`",
            );
            if is_certain { finding } else { finding.into_warning() }
        }
    }
}
