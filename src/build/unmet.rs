//! Requirements that no version meets: where they stand, and what would meet them.

use std::collections::BTreeSet;

use super::explain::{Availability, place_of};
use crate::error::Failure;
use crate::manifest::{Manifest, RequirementKind, normalized};
use crate::types::Target;

/// Where the requirements stand that a tool says it cannot meet.
pub(super) fn places(output: &str, manifest: &Manifest) -> Vec<String> {
    // uv: "you require a==1 and b>2, we can conclude"; pip: "satisfies the requirement a==1 (from", "Cannot install a and b because"
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
    let names: BTreeSet<String> = words.filter_map(|word| word.split(is_end).next()).map(normalized).collect();
    let asked = manifest.requirements.iter().filter_map(|requirement| match &requirement.kind {
        RequirementKind::Named(named) if names.contains(&named.name.to_string()) => {
            Some(format!("`{}` is asked for in {}:{}", named.name, requirement.file, requirement.line))
        }
        _ => None,
    });
    asked.collect()
}

/// The failure, if uv says that what is asked for is for newer Pythons; `built` are those without a wheel.
pub(super) fn no_version(output: &str, built: &[Availability], manifest: &Manifest, target: Target) -> Option<Failure> {
    let text = output.split_whitespace().collect::<Vec<_>>().join(" ");
    // "the requested Python version (>=3.10) does not satisfy Python>=3.11 and all of: numpy>=2.3.0,<=2.4.0"
    if built.is_empty() || !text.contains("does not satisfy Python") {
        return None;
    }
    let names = built.iter().map(|missing| format!("`{}`", missing.name)).collect::<Vec<_>>().join(", ");
    let failure = Failure::user(format!("no version of {names} that is asked for is for Python {}", target.python));
    let places = built.iter().filter_map(|missing| {
        Some(format!("`{}` is asked for in {}", missing.name, place_of(&missing.name, manifest)?))
    });
    let newest = built.iter().filter_map(|missing| {
        let version = missing.newest_that_fits.as_ref()?;
        Some(format!("`{}=={version}` is the newest version with a fitting wheel; or ", missing.name))
    });
    let hint = format!("{}take a newer `python-version`", newest.collect::<String>());
    Some(failure.causes(places).hint(hint))
}
