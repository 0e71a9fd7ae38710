//! Decides which files of a tree a level of `slim` leaves out, and by which rule.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::checks::Subject;
use super::rules::{Check, Rule, rules};
use super::uses;
use super::uses::{Candidates, Uses};
use crate::layer::{Mentions, Owner, Tree};
use crate::spec::SlimLevel;

/// A tree, and what the checks need to know about it as a whole.
pub(super) struct Layer<'a> {
    pub(super) tree: &'a Tree,
    pub(super) candidates: Candidates,
    pub(super) uses: Uses,
    pub(super) has_compiler: bool,
}

#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// The path of each file that is left out, with the rule.
    pub(super) files: BTreeMap<Utf8PathBuf, &'static str>,
    /// The rule that shortens each `METADATA`.
    pub(super) descriptions: Option<&'static str>,
    /// What modules mention of which nothing was known before, by their paths in the layer.
    pub(super) learned: BTreeMap<Utf8PathBuf, Mentions>,
}

pub(super) fn choose(tree: &Tree, packages: &Utf8Path, level: SlimLevel) -> anyhow::Result<Chosen> {
    let active: Vec<&'static Rule> = rules().rules.iter().filter(|rule| rule.level <= level).collect();
    let subjects = tree.entries.iter().filter_map(|(place, entry)| {
        let inside = place.as_str().strip_prefix(packages.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let path = inside.map_or(place.as_path(), Utf8Path::new);
        let name = path.file_name()?;
        let is_of_distribution = matches!(entry.owner, Owner::Distribution(_) | Owner::Unknown);
        let is_module = matches!(path.extension(), Some("py" | "pyi" | "pyc" | "so"));
        if in_metadata(path) || (!is_module && rules().keep.is_match(name.to_uppercase())) {
            return None;
        }
        let may = |rule: &&Rule| rule.every_owner || (is_of_distribution && inside.is_some());
        let rules: Vec<&'static Rule> = active.iter().copied().filter(may).filter(|rule| rule.is_about(path)).collect();
        (!rules.is_empty()).then_some(Subject { path, place, entry, rules })
    });
    let subjects: Vec<Subject<'_>> = subjects.collect();
    let candidates = candidates(&subjects);
    let uses = uses::find(tree, packages, &candidates)?;
    let has_compiler = tree.entries.keys().filter_map(|path| path.file_name()).any(|it| rules().compilers.is_match(it));
    let layer = Layer { tree, candidates, uses, has_compiler };
    let mut chosen = Chosen::default();
    for subject in &subjects {
        for rule in &subject.rules {
            if allowed(rule, subject, &layer)? {
                chosen.files.insert(subject.place.to_owned(), &rule.name);
                break;
            }
        }
    }
    let shortens = active.iter().find(|rule| rule.cuts_description && !layer.uses.reads_descriptions);
    chosen.descriptions = shortens.map(|rule| rule.name.as_str());
    chosen.learned = layer.uses.learned;
    Ok(chosen)
}

fn allowed(rule: &Rule, subject: &Subject<'_>, layer: &Layer<'_>) -> anyhow::Result<bool> {
    for check in &rule.checks {
        if !check.allows(subject, layer)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file is in the metadata folder of a distribution.
fn in_metadata(path: &Utf8Path) -> bool {
    let top = path.as_str().split('/').next().unwrap_or_default();
    top.ends_with(".dist-info") || top.ends_with(".egg-info")
}

impl Rule {
    fn is_about(&self, path: &Utf8Path) -> bool {
        let in_stubs = || path.as_str().split_once('/').is_some_and(|(top, _)| top.ends_with("-stubs"));
        path.file_name().is_some_and(|name| self.files.is_match(name))
            || self.folders_of(path).next().is_some()
            || (self.stub_packages && in_stubs())
    }

    /// The folders that the rule matches, outermost first, or the module itself.
    fn folders_of<'a>(&self, path: &'a Utf8Path) -> impl Iterator<Item = &'a str> {
        uses::prefixes(path.as_str()).filter(move |folder| {
            let name = folder.rsplit('/').next().unwrap_or_default();
            if folder.len() == path.as_str().len() {
                self.modules.iter().any(|wanted| wanted == name)
            } else {
                self.folders.iter().any(|wanted| wanted == name) || self.below.iter().any(|wanted| wanted == folder)
            }
        })
    }
}

/// Folders and modules that could be left out as a whole.
fn candidates(subjects: &[Subject<'_>]) -> Candidates {
    let mut found = Candidates::new();
    // For rules that keep folders with modules.
    let (mut bare, mut with_modules) = (Candidates::new(), BTreeSet::new());
    for subject in subjects {
        let is_module = matches!(subject.path.extension(), Some("py" | "so" | "pyc"));
        for rule in &subject.rules {
            let folders = rule.folders_of(subject.path);
            if !rule.checks.contains(&Check::NoModules) {
                found.extend(folders.map(str::to_owned));
            } else if is_module {
                with_modules.extend(folders);
            } else {
                bare.extend(folders.map(str::to_owned));
            }
        }
    }
    bare.retain(|folder| !with_modules.contains(folder.as_str()));
    found.extend(bare);
    found
}
