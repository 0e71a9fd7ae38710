//! Decides which files of a tree a level of `slim` leaves out, and by which rule.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::checks::Subject;
use super::rules::{Check, Rule, rules};
use super::uses::{self, Candidates, Uses};
use crate::build::{Owner, Tree};
use crate::spec::SlimLevel;

/// A tree, and what the checks ask about it as a whole.
pub(super) struct Layer<'a> {
    pub(super) tree: &'a Tree,
    pub(super) candidates: Candidates,
    pub(super) uses: Uses,
    pub(super) has_compiler: bool,
}

#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Path of a file that is left out, to the rule.
    pub(super) files: BTreeMap<Utf8PathBuf, &'static str>,
    /// The rule that shortens each `METADATA`.
    pub(super) descriptions: Option<&'static str>,
}

pub(super) fn choose(tree: &Tree, packages: &Utf8Path, level: SlimLevel) -> anyhow::Result<Chosen> {
    let active: Vec<&'static Rule> = rules().rules.iter().filter(|rule| rule.level <= level).collect();
    let subjects = tree.entries.iter().filter_map(|(place, entry)| {
        let path = place.strip_prefix(packages).unwrap_or(place);
        let name = path.file_name()?;
        let is_module = matches!(path.extension(), Some("py" | "pyi" | "pyc" | "so"));
        let is_kept = in_metadata(path) || (!is_module && rules().keep.is_match(name.to_uppercase()));
        let in_packages = place.starts_with(packages);
        (!is_kept).then_some(Subject { path, place, in_packages, entry })
    });
    let subjects: Vec<Subject<'_>> = subjects.collect();
    let candidates = candidates(&subjects, &active);
    let names = names(&subjects, &active);
    let uses = uses::find(tree, packages, &candidates, &names)?;
    let has_compiler = tree.entries.keys().filter_map(|path| path.file_name()).any(|it| rules().compilers.is_match(it));
    let layer = Layer { tree, candidates, uses, has_compiler };
    let mut chosen = Chosen::default();
    for subject in &subjects {
        for rule in &active {
            if rule.applies_to(subject) && allowed(rule, subject, &layer)? {
                chosen.files.insert(subject.place.to_owned(), &rule.name);
                break;
            }
        }
    }
    let shortens = active.iter().find(|rule| rule.cuts_description && !layer.uses.reads_descriptions);
    chosen.descriptions = shortens.map(|rule| rule.name.as_str());
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

/// Whether it is in a folder that describes a distribution.
fn in_metadata(path: &Utf8Path) -> bool {
    let top = path.components().next().map(|part| part.as_str().to_owned()).unwrap_or_default();
    top.ends_with(".dist-info") || top.ends_with(".egg-info")
}

impl Rule {
    fn applies_to(&self, subject: &Subject<'_>) -> bool {
        let is_of_distribution = matches!(subject.entry.owner, Owner::Distribution(_) | Owner::Unknown);
        let in_stubs = || subject.path.components().next().is_some_and(|top| top.as_str().ends_with("-stubs"));
        (self.every_owner || (is_of_distribution && subject.in_packages))
            && (subject.path.file_name().is_some_and(|name| self.files.is_match(name))
                || self.folder_of(subject.path).is_some()
                || (self.stub_packages && in_stubs()))
    }

    /// The outermost folder, or the module itself, that the rule is about.
    fn folder_of<'a>(&self, path: &'a Utf8Path) -> Option<&'a Utf8Path> {
        self.folders_of(path).last()
    }

    /// All of them, innermost first.
    fn folders_of<'a>(&self, path: &'a Utf8Path) -> impl Iterator<Item = &'a Utf8Path> {
        path.ancestors()
            .enumerate()
            .filter(|(depth, folder)| {
                let name = folder.file_name().unwrap_or_default();
                let names = if *depth == 0 { &self.modules } else { &self.folders };
                names.iter().any(|wanted| wanted == name)
                    || (*depth > 0 && self.below.iter().any(|wanted| *folder == wanted))
            })
            .map(|(_, folder)| folder)
    }
}

/// Folders and modules that could be left out as a whole.
fn candidates(subjects: &[Subject<'_>], rules: &[&Rule]) -> Candidates {
    let mut found = Candidates::new();
    for rule in rules {
        let of_rule = || {
            let files = subjects.iter().filter(|subject| rule.applies_to(subject));
            files.flat_map(|subject| rule.folders_of(subject.path).map(move |folder| (folder, subject.path)))
        };
        let with_modules: BTreeSet<&Utf8Path> = if rule.checks.contains(&Check::NoModules) {
            let modules = of_rule().filter(|(_, path)| matches!(path.extension(), Some("py" | "so" | "pyc")));
            modules.map(|(folder, _)| folder).collect()
        } else {
            BTreeSet::new()
        };
        found.extend(
            of_rule().map(|(folder, _)| folder).filter(|it| !with_modules.contains(it)).map(Utf8Path::to_owned),
        );
    }
    found
}

/// Names of files that go only if no code has them.
fn names<'a>(subjects: &'a [Subject<'_>], rules: &[&Rule]) -> BTreeSet<&'a str> {
    let by_name = rules.iter().filter(|rule| rule.checks.contains(&Check::Unmentioned));
    let names = by_name.flat_map(|rule| subjects.iter().filter(|subject| rule.applies_to(subject)));
    names.filter_map(|subject| subject.path.file_name()).collect()
}
