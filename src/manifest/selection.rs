//! The groups and extras of a project that were selected.

use std::collections::BTreeSet;

use super::project::normalized;
use crate::error::{Failure, Problems, alternatives, nearest};

/// Normalized names. The main dependencies are always included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub groups: BTreeSet<String>,
    pub extras: BTreeSet<String>,
}

impl Selection {
    pub fn new(groups: &[String], extras: &[String]) -> Self {
        let names = |names: &[String]| names.iter().map(|name| normalized(name)).collect();
        Self { groups: names(groups), extras: names(extras) }
    }

    /// Reports selected names that are in none of `files`.
    pub(super) fn check(&self, known: &Self, files: &[String], problems: &mut Problems) {
        check_names("groups", "group", &self.groups, &known.groups, files, problems);
        check_names("extras", "extra", &self.extras, &known.extras, files, problems);
    }
}

fn check_names(
    input: &str,
    noun: &str,
    asked: &BTreeSet<String>,
    known: &BTreeSet<String>,
    files: &[String],
    problems: &mut Problems,
) {
    let place = files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ");
    let place = if place.is_empty() { "the dependency files".to_owned() } else { place };
    for name in asked.difference(known) {
        let failure = Failure::user(format!("`{input}` contains `{name}`, but there is no such {noun} in {place}"));
        let known_names = || known.iter().map(String::as_str);
        problems.push(match nearest(name, known_names()) {
            Some(near) => failure.hint(format!("did you mean `{near}`? Available: {}", alternatives(known_names()))),
            None if known.is_empty() => failure.hint(format!("remove `{input}`: there are no {input}")),
            None => failure.hint(format!("use {}", alternatives(known_names()))),
        });
    }
}
