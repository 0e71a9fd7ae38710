//! Explains requirements that no version satisfies: the file and line of each, and the versions that exist.

use std::collections::BTreeSet;

use super::explain::place_of;
use super::installer::Request;
use crate::error::Failure;
use crate::manifest::{Manifest, RequirementKind};
use crate::types::normalized;

/// The normalized names of the requirements that a tool cannot meet, from its output.
fn names(output: &str) -> BTreeSet<String> {
    // uv: "you require a==1 and b>2, we can conclude"
    // pip: "satisfies the requirement a==1 (from", "Cannot install a and b because"
    const SAID: &[(&str, &str)] =
        &[("you require ", ", we"), ("satisfies the requirement ", " ("), ("Cannot install ", " because")];
    let text = output.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = |(start, end): &(&str, &str)| -> Vec<String> {
        let after = text.match_indices(start).map(|(at, start)| &text[at + start.len()..]);
        after.filter_map(|rest| Some(rest.split_once(end)?.0.to_owned())).collect()
    };
    let is_end = |character: char| !character.is_alphanumeric() && !"-_.".contains(character);
    let said: Vec<String> = SAID.iter().flat_map(said).collect();
    let words = said.iter().flat_map(|said| said.split_whitespace());
    words.filter_map(|word| word.split(is_end).next()).map(normalized).collect()
}

/// The files and lines of the requirements that a tool cannot meet.
pub(super) fn places(output: &str, manifest: &Manifest) -> Vec<String> {
    let names = names(output);
    let asked = manifest.requirements.iter().filter_map(|requirement| match &requirement.kind {
        RequirementKind::Named(named) if names.contains(&named.name.to_string()) => {
            Some(format!("`{}` is required in {}:{}", named.name, requirement.file, requirement.line))
        }
        _ => None,
    });
    asked.collect()
}

/// The failure, if uv says that all allowed versions are for other Pythons. `newest` returns the newest version of a
/// distribution with a wheel for the target.
pub(super) fn no_version(
    output: &str,
    request: &Request<'_>,
    newest: impl Fn(&str) -> Option<String>,
) -> Option<Failure> {
    let text = output.split_whitespace().collect::<Vec<_>>().join(" ");
    // "the requested Python version (>=3.10.22) does not satisfy Python>=3.11 and all of: numpy>=2.3.0,<=2.4.0"
    if !text.contains("does not satisfy Python") {
        return None;
    }
    let manifest = request.manifest;
    let asked: Vec<String> = names(output).into_iter().filter(|name| place_of(name, manifest).is_some()).collect();
    let named = asked.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let python = request.spec.target.python;
    let failure = Failure::user(match asked.len() {
        0 => format!("a requirement has no version for Python {python}"),
        _ => format!("no required version of {named} supports Python {python}"),
    });
    let places = asked.iter().filter_map(|name| Some(format!("`{name}` is required in {}", place_of(name, manifest)?)));
    let fitting = asked.iter().filter_map(|name| {
        Some(format!("use `{name}=={}`, the newest version with a compatible wheel, or ", newest(name)?))
    });
    let hint = format!("{}choose a newer `python-version`", fitting.collect::<String>());
    let causes = if asked.is_empty() { crate::process::output::causes(output) } else { Vec::new() };
    Some(failure.causes(places).causes(causes).hint(hint))
}
