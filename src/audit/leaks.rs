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
        0 => (String::new(), "holds"),
        others => (format!(" and {} beside", counted(others, "file")), "hold"),
    };
    Finding::warning(
        "known-secret",
        first.as_str(),
        format!("`{first}`{others} {hold} the weak password of a variable of this run, most likely by chance"),
        "nothing to do if others may know it, as that of a database for tests; if not, take a longer one and change it where it is used",
    )
}

fn finding(path: &Utf8Path, leak: Leak) -> Finding {
    const REVOKE: &str = "take it out, have it revoked if others saw it, and let the function read it at run time";
    match leak {
        Leak::KnownByChance => chance(&[path]),
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
