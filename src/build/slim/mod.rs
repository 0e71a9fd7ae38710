//! Leaves out files that a function does not need, and reports the saved bytes.

mod checks;
mod choose;
mod code;
mod excluded_files;
mod mentions;
mod rules;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::audit::WORTHWHILE;
use crate::console::Console;
use crate::layer::saving::by_rule;
use crate::layer::{Entry, Finding, Saving, Source, Tree};
use crate::manifest::Manifest;
use crate::runtime;
use crate::runtime::{Fate, Runtime};
use crate::spec::{RuntimePackages, SlimLevel, Spec};
use crate::types::{ByteSize, DistributionName};

pub(super) use checks::start;
pub use rules::{Rule, Rules, rules};

/// The number of files and of bytes that were left out, by rule and owner.
#[derive(Debug, Default)]
struct Ledger(BTreeMap<(String, String), (usize, u64)>);

impl Ledger {
    fn note(&mut self, rule: &str, entry: &Entry, bytes: u64) {
        let row = self.0.entry((rule.to_owned(), entry.owner.to_string())).or_default();
        row.0 += 1;
        row.1 += bytes;
    }

    /// The savings, largest first.
    fn into_savings(self) -> Vec<Saving> {
        let rows = self.0.into_iter();
        let mut savings: Vec<Saving> =
            rows.map(|((rule, owner), (files, bytes))| Saving { rule, owner, files, bytes: ByteSize(bytes) }).collect();
        savings.sort_by(|left, right| {
            let names = |saving: &Saving| (saving.rule.clone(), saving.owner.clone());
            right.bytes.cmp(&left.bytes).then_with(|| names(left).cmp(&names(right)))
        });
        savings
    }
}

/// Leaves out files of a tree, and returns the savings by rule and owner.
///
/// # Errors
/// A file of the tree cannot be read.
pub fn slim(
    mut tree: Tree,
    spec: &Spec,
    manifest: &Manifest,
    runtime: &Runtime,
    console: &Console,
) -> anyhow::Result<(Tree, Vec<Saving>)> {
    let step = console.step("Slim the layer");
    let packages = spec.content.layout.packages(spec.target.python);
    let mut ledger = Ledger::default();

    let (excluded, findings) = excluded_files::find(&tree, &spec.content.exclude_files, &packages);
    tree.findings.extend(findings);
    for path in &excluded {
        remove(&mut tree, path, "exclude-files", &mut ledger);
    }

    let fates = runtime::decide(&tree.distributions, manifest, runtime, spec.target);
    if spec.content.runtime_packages == RuntimePackages::Drop {
        drop_runtime_packages(&mut tree, &packages, &fates, runtime, &mut ledger, console);
    }

    if spec.content.slim > SlimLevel::None {
        let chosen = choose::choose(&tree, &packages, spec.content.slim)?;
        for (path, rule) in &chosen.files {
            remove(&mut tree, path, rule, &mut ledger);
        }
        for (path, mentions) in chosen.learned {
            tree.learned.entry(path).or_default().mentions = Some(mentions);
        }
        if let Some(rule) = chosen.descriptions {
            shorten_metadata(&mut tree, &packages, rule, &mut ledger)?;
        }
    }
    if spec.content.runtime_packages == RuntimePackages::Keep {
        let finding = in_runtime(&tree, &fates, runtime);
        tree.findings.extend(finding);
    }

    let savings = ledger.into_savings();
    if savings.is_empty() {
        step.skip();
    } else {
        step.done(summary(&savings));
    }
    Ok((tree, savings))
}

fn remove(tree: &mut Tree, path: &Utf8Path, rule: &str, ledger: &mut Ledger) {
    if let Some(entry) = tree.entries.remove(path) {
        ledger.note(rule, &entry, entry.size.0);
    }
}

fn drop_runtime_packages(
    tree: &mut Tree,
    packages: &Utf8Path,
    fates: &[Fate],
    runtime: &Runtime,
    ledger: &mut Ledger,
    console: &Console,
) {
    let dropped: BTreeSet<DistributionName> =
        fates.iter().filter(|fate| fate.kept_for.is_none()).map(|fate| fate.name.clone()).collect();
    for entry in tree.take_distributions(&dropped, packages).into_values() {
        ledger.note("runtime-packages", &entry, entry.size.0);
    }
    if !dropped.is_empty() {
        let names = fates.iter().filter(|fate| dropped.contains(&fate.name));
        let names: Vec<String> = names.map(|fate| format!("{} {}", fate.name, fate.in_runtime)).collect();
        console.note(&format!(
            "left out, because the runtime provides them ({}): {}",
            runtime.origin,
            names.join(", ")
        ));
    }
    tree.findings.extend(fates.iter().filter_map(|fate| {
        let reason = fate.kept_for.as_ref()?;
        Some(Finding::notice(
            "runtime-package-kept",
            fate.name.to_string(),
            format!(
                "`{} {}` stays in the layer although the runtime has {}: {reason}",
                fate.name, fate.in_layer, fate.in_runtime
            ),
            "this is fine if you need that version; otherwise, allow the runtime's version and later ones",
        ))
    }));
}

/// The finding about what `runtime-packages: drop` would save.
fn in_runtime(tree: &Tree, fates: &[Fate], runtime: &Runtime) -> Option<Finding> {
    let names: BTreeSet<String> =
        fates.iter().filter(|fate| fate.kept_for.is_none()).map(|fate| fate.name.to_string()).collect();
    let sizes = tree.sizes().into_iter().filter(|(owner, _)| names.contains(&owner.to_string()));
    let bytes = ByteSize(sizes.map(|(_, size)| size.0).sum());
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    (bytes.0 >= WORTHWHILE).then(|| {
        Finding::notice(
            "in-runtime",
            "layer",
            format!("{bytes} of the layer are {}, which the runtime has ({})", quoted.join(", "), runtime.origin),
            "leave them out with `runtime-packages: drop`, unless you want to choose their versions yourself",
        )
    })
}

/// Cuts `METADATA` after its headers, which end at the first empty line. The rest is the description that a package
/// index shows.
fn shorten_metadata(tree: &mut Tree, packages: &Utf8Path, rule: &str, ledger: &mut Ledger) -> anyhow::Result<()> {
    let infos: Vec<Utf8PathBuf> = tree.distributions.iter().map(|distribution| distribution.info.clone()).collect();
    for info in infos {
        let Some(entry) = tree.entries.get_mut(&packages.join(info).join("METADATA")) else { continue };
        let text = entry.bytes()?;
        let Some(end) = end_of_headers(&text).filter(|end| *end < text.len()) else { continue };
        ledger.note(rule, entry, (text.len() - end) as u64);
        entry.source = Source::Bytes { bytes: text[..end].to_vec(), executable: false };
        entry.size = ByteSize(end as u64);
        entry.digest = None;
    }
    Ok(())
}

fn end_of_headers(text: &[u8]) -> Option<usize> {
    let position = |end: &[u8]| text.windows(end.len()).position(|bytes| bytes == end).map(|at| at + end.len() / 2);
    [position(b"\n\n"), position(b"\r\n\r\n")].into_iter().flatten().min()
}

/// For example `48.2 MB less: tests 30.1 MB, sources 9.3 MB, …`
fn summary(savings: &[Saving]) -> String {
    const SHOWN: usize = 4;
    let total: u64 = savings.iter().map(|saving| saving.bytes.0).sum();
    let rules = by_rule(savings);
    let mut shown: Vec<String> = rules.iter().take(SHOWN).map(|(rule, _, bytes)| format!("{rule} {bytes}")).collect();
    if rules.len() > SHOWN {
        shown.push("…".to_owned());
    }
    format!("saved {}: {}", ByteSize(total), shown.join(", "))
}
