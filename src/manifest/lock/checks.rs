//! Checks whether a lock file can be used: its version, its Python and its systems.

use camino::Utf8Path;

use crate::error::{Failure, alternatives};
use crate::facts::Kind;
use crate::manifest::marker_environment;
use crate::types::{PythonVersion, Target, pep508};

pub(super) fn check_version(kind: Kind, path: &Utf8Path, version: Option<&str>) -> Result<(), Failure> {
    let known = &kind.facts().versions;
    let refresh = kind.facts().refresh.as_deref().unwrap_or_default();
    match version {
        Some(version) if known.iter().any(|known| known == version) => Ok(()),
        Some(version) => Err(Failure::user(format!("`{path}` has lock version {version}, which is not supported"))
            .hint(format!(
                "run `{refresh}` with a version of the tool that writes lock version {}",
                alternatives(known.iter().map(String::as_str))
            ))),
        None => Err(Failure::user(format!("`{path}` contains no lock version: it is truncated or not a lock file"))
            .hint(format!("restore the file, or create it again with `{refresh}`"))),
    }
}

/// Refuses a lock that was made for other environments than the target's. A lock without environments is for all.
pub(in crate::manifest) fn check_environments(
    path: &Utf8Path,
    environments: &[String],
    target: Target,
) -> Result<(), Failure> {
    let is_it =
        |marker: &String| pep508::marker(marker).is_ok_and(|marker| marker.evaluate(&marker_environment(target), &[]));
    if environments.is_empty() || environments.iter().any(is_it) {
        return Ok(());
    }
    let failure = Failure::user(format!(
        "`{path}` was not locked for {target}, but for {}",
        alternatives(environments.iter().map(String::as_str))
    ));
    Err(failure.hint(match Kind::of(path) {
        Kind::Uv => "add the target to `environments` in `[tool.uv]`, and run `uv lock`".to_owned(),
        Kind::Pdm => "run `pdm lock` without `--platform`, which locks all platforms".to_owned(),
        _ => "lock the project again for the target".to_owned(),
    }))
}

/// The note for a lock that was made for another Python: it lacks distributions that only the target's Python needs.
pub(super) fn other_python(path: &Utf8Path, locked: &str, python: PythonVersion) -> Option<String> {
    let is_same = locked.splitn(3, '.').take(2).collect::<Vec<_>>().join(".") == python.to_string();
    (!is_same).then(|| {
        format!(
            "`{path}` was locked for Python {locked} and may lack packages that Python {python} needs: lock it for Python {python}"
        )
    })
}

/// The note for a group or an extra (`what`) that has nothing for the target.
pub(in crate::manifest) fn unused_note(what: &str, name: &str, path: &Utf8Path, target: Target) -> String {
    format!("the {what} `{name}` in `{path}` has no packages for {target}")
}
