//! Whether the layer would publish a credential.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::error::counted;
use crate::layer::scan::leaks::Leak;
use crate::layer::{Finding, Layer};
use crate::types::DistributionName;

/// Findings never have the value itself.
pub(crate) fn check(layer: &Layer) -> Vec<Finding> {
    let leaks = layer.files.iter().filter_map(|(path, file)| Some((path, file, file.observed.leak?)));
    let (by_chance, leaks): (Vec<_>, Vec<_>) = leaks.partition(|(_, _, leak)| *leak == Leak::KnownByChance);
    let mut findings: Vec<Finding> =
        leaks.into_iter().map(|(path, file, leak)| finding(path, leak).blames(file.distribution())).collect();
    let mut places: BTreeMap<Option<&DistributionName>, Vec<&Utf8Path>> = BTreeMap::new();
    for (path, file, _) in by_chance {
        places.entry(file.distribution()).or_default().push(path);
    }
    findings.extend(places.into_iter().map(|(name, paths)| chance(&paths).blames(name)));
    findings
}

/// A short secret was found in these files of a distribution.
fn chance(paths: &[&Utf8Path]) -> Finding {
    let (first, others) = (paths[0], paths.len() - 1);
    let (others, hold) = match others {
        0 => (String::new(), "contains"),
        others => (format!(" and {}", counted(others, "other file")), "contain"),
    };
    Finding::warning(
        "known-secret",
        first.as_str(),
        format!("`{first}`{others} {hold} the weak password from a variable of this run, most likely by coincidence"),
        "ignore this if others may know it, for example the password of a test database; otherwise, choose a longer one and change it wherever it is used",
    )
}

fn finding(path: &Utf8Path, leak: Leak) -> Finding {
    const REVOKE: &str = "remove it, revoke it if others may have seen it, and let the function read it at run time";
    match leak {
        Leak::KnownByChance => chance(&[path]),
        Leak::Known => Finding::error(
            "known-secret",
            path.as_str(),
            format!("`{path}` contains a secret that was passed to this run"),
            "remove it, and let the function read it at run time; docs/findings.md explains what is compared",
        ),
        Leak::InUrl { line } => Finding::error(
            "password-in-url",
            path.as_str(),
            format!("`{path}` contains a URL with a password on line {line}"),
            "remove it; in an example, write a placeholder such as `{password}`",
        ),
        Leak::PrivateKey { line, is_certain } => {
            let message = format!("`{path}` contains a private key on line {line}");
            let finding = Finding::error("private-key", path.as_str(), message, REVOKE);
            if is_certain { finding } else { finding.into_warning() }
        }
        Leak::Token { kind, line } => {
            Finding::error("access-token", path.as_str(), format!("`{path}` contains {kind} on line {line}"), REVOKE)
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
