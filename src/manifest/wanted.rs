//! Collects the requirements of a project before their sources are known, each with the extra or group that lists it.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use pep440_rs::Version;
use pep508_rs::{MarkerTree, VerbatimUrl, VersionOrUrl};

use super::project::{Metadata, normalized};
use crate::error::{Failure, alternatives};
use crate::types::pep508;

/// A requirement of a project.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The text as it is in the file.
    pub(super) text: String,
    /// The parsed requirement; `None` if it is not in the form of PEP 508, which is reported when the line is read.
    requirement: Option<pep508_rs::Requirement<VerbatimUrl>>,
    /// The markers of the requirements that led to it.
    inherited: MarkerTree,
    /// The extra or the group that lists it.
    pub(super) extra: Option<String>,
    pub(super) group: Option<String>,
}

impl Wanted {
    fn new(text: &str, extra: Option<String>, group: Option<String>) -> Self {
        let requirement = pep508::requirement(text).ok();
        Self { text: text.to_owned(), requirement, inherited: MarkerTree::TRUE, extra, group }
    }

    /// A requirement of `project.dependencies`.
    pub(super) fn of_project(text: &str) -> Self {
        Self::new(text, None, None)
    }

    pub(super) fn of_extra(text: &str, extra: &str) -> Self {
        Self::new(text, Some(normalized(extra)), None)
    }

    pub(super) fn of_group(text: &str, group: &str) -> Self {
        Self::new(text, None, Some(normalized(group)))
    }

    pub(super) fn name(&self) -> Option<String> {
        self.requirement.as_ref().map(|requirement| requirement.name.to_string())
    }

    pub(super) fn extras(&self) -> Vec<String> {
        self.requirement.iter().flat_map(|requirement| requirement.extras.iter().map(ToString::to_string)).collect()
    }

    /// The marker for all conditions of the requirement.
    pub(super) fn marker(&self) -> MarkerTree {
        let mut marker = self.inherited.clone();
        marker.and(self.requirement.as_ref().map_or(MarkerTree::TRUE, |requirement| requirement.marker.clone()));
        marker
    }

    /// A marker as it follows a requirement, with the separator before it; in the project's own words if possible.
    pub(super) fn condition(&self, marker: &MarkerTree) -> String {
        let own = self.requirement.as_ref().filter(|requirement| requirement.marker == *marker);
        let written = own.and_then(|_| Some(self.text.rsplit_once(';')?.1.trim().to_owned()));
        marker.try_to_string().map(|marker| format!(" ; {}", written.unwrap_or(marker))).unwrap_or_default()
    }

    /// The requirement as a line of a requirement file.
    pub(super) fn line(&self) -> String {
        if self.inherited.is_true() { self.text.clone() } else { self.line_with(&self.marker()) }
    }

    /// The line with this marker instead of its own.
    pub(super) fn line_with(&self, marker: &MarkerTree) -> String {
        let Some(mut requirement) = self.requirement.clone() else { return self.text.clone() };
        if requirement.marker == *marker {
            return self.text.clone();
        }
        requirement.marker = marker.clone();
        requirement.to_string()
    }
}

/// Replaces requirements of the project for itself: `name[extra]` means the requirements of the extra, recursively,
/// with the markers of all that led there. No index is asked for the project's own name.
///
/// # Errors
/// An extra does not exist, or the project requires another source or version of itself, or only itself.
pub(super) fn without_itself(
    file: &Utf8Path,
    metadata: &Metadata,
    wanted: Vec<Wanted>,
) -> Result<Vec<Wanted>, Failure> {
    let Some(own) = metadata.name.as_deref().map(normalized) else { return Ok(wanted) };
    let extras: BTreeMap<String, &Vec<String>> =
        metadata.optional_dependencies.iter().map(|(name, list)| (normalized(name), list)).collect();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    // In reverse, so that the order of the file is kept.
    let mut open: Vec<Wanted> = wanted.into_iter().rev().collect();
    while let Some(next) = open.pop() {
        if next.marker().is_false() {
            continue;
        }
        let Some(requirement) =
            next.requirement.as_ref().filter(|requirement| normalized(requirement.name.as_ref()) == own)
        else {
            found.push(next);
            continue;
        };
        check_itself(file, metadata, &next, requirement)?;
        for extra in next.extras().iter().map(|extra| normalized(extra)).rev() {
            let list = *extras.get(&extra).ok_or_else(|| unknown_extra(file, &next.text, &extra, &extras))?;
            // Extras may refer to each other in a circle.
            let condition = next.marker().try_to_string().unwrap_or_default();
            if seen.insert((extra.clone(), condition)) {
                let behind =
                    list.iter().map(|text| Wanted { inherited: next.marker(), ..Wanted::of_extra(text, &extra) });
                open.extend(behind.rev());
            }
        }
    }
    Ok(found)
}

fn check_itself(
    file: &Utf8Path,
    metadata: &Metadata,
    wanted: &Wanted,
    requirement: &pep508_rs::Requirement<VerbatimUrl>,
) -> Result<(), Failure> {
    let name = metadata.name.as_deref().unwrap_or_default();
    let failure = || {
        Failure::user(format!(
            "`{file}` of the project `{name}` requires `{}`, which is the project itself",
            wanted.text
        ))
    };
    let hint = "remove the requirement, or rename the project if you mean another package with the same name";
    match &requirement.version_or_url {
        Some(VersionOrUrl::Url(_)) => return Err(failure().hint(hint)),
        Some(VersionOrUrl::VersionSpecifier(range)) => {
            let own = metadata.version.as_deref().and_then(|version| version.parse::<Version>().ok());
            if let Some(own) = own.filter(|own| !range.contains(own)) {
                return Err(failure().cause(format!("its version is {own}")).hint(hint));
            }
        }
        None => {}
    }
    // In a group, this means the main dependencies, which are in the layer anyway.
    let is_main = wanted.extra.is_none() && wanted.group.is_none();
    if is_main && requirement.extras.is_empty() { Err(failure().hint(hint)) } else { Ok(()) }
}

fn unknown_extra(file: &Utf8Path, text: &str, extra: &str, known: &BTreeMap<String, &Vec<String>>) -> Failure {
    let failure = Failure::user(format!("`{file}` requires `{text}`, but the project has no extra `{extra}`"));
    if known.is_empty() {
        return failure.hint("add it to `project.optional-dependencies`, or remove the line");
    }
    failure.hint(format!("use {}", alternatives(known.keys().map(String::as_str))))
}
