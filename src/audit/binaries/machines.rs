//! Code that was compiled for another processor or another operating system.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::{Origin, by_origin, extensions, is_started, some_of, verb};
use crate::audit::WORTHWHILE;
use crate::layer::links::Names;
use crate::layer::scan::binary::{Binary, has_library_name};
use crate::layer::scan::elf::Kind;
use crate::layer::{Finding, Layer, Severity};
use crate::types::Target;

/// Some distributions have one variant for each machine and choose at run time; variants for other machines are then
/// dead weight. If Python, Lambda or the dynamic linker would load such a file, it is an error.
pub(super) fn check(layer: &Layer, names: &Names<'_>, target: Target) -> Vec<Finding> {
    let machine = target.architecture.machine();
    let mut fitting = BTreeSet::new();
    let mut others = Vec::new();
    for (path, file) in &layer.files {
        let made_for = match &file.observed.binary {
            Some(Binary::Elf(elf)) if elf.kind == Kind::Other => continue,
            Some(Binary::Elf(elf)) if elf.machine.is(machine) => {
                fitting.insert(Origin::of(layer, path, file));
                continue;
            }
            Some(Binary::Elf(elf)) => format!("{}, but the layer is for {}", elf.machine, target.architecture),
            Some(Binary::Foreign(system)) => format!("{system}, but Lambda runs Linux"),
            Some(Binary::Broken(_)) | None => continue,
        };
        others.push((path.as_path(), file, made_for));
    }
    let mut findings = Vec::new();
    for (origin, files) in by_origin(layer, others) {
        let is_portable = is_portable(layer, &origin);
        let rated = files.iter().map(|(path, made_for)| {
            let file = &layer.files[*path];
            let is_foreign = matches!(file.observed.binary, Some(Binary::Foreign(_)));
            let severity = if extensions::has_other_variant(names, path, target) {
                Severity::Notice
            } else if names.of_file(path).any(|name| extensions::would_be_loaded(name, target))
                || is_started(path, file, names)
            {
                Severity::Error
            } else if fitting.contains(&origin) || (is_foreign && !is_module(path)) {
                Severity::Notice
            } else if is_portable {
                Severity::Warning
            } else {
                Severity::Error
            };
            (severity, *path, made_for)
        });
        let rated: Vec<_> = rated.collect();
        // Only the worst severity is reported: the others have the same cause.
        let Some(worst) = rated.iter().map(|(severity, ..)| *severity).min() else { continue };
        let worst: Vec<_> = rated.into_iter().filter(|(severity, ..)| *severity == worst).collect();
        let (severity, first, made_for) = worst[0];
        let size: u64 = worst.iter().map(|(_, path, _)| layer.files[*path].size.0).sum();
        if severity == Severity::Notice && size < WORTHWHILE {
            continue;
        }
        let message = format!(
            "{} {} compiled for {made_for}",
            some_of(first, worst.len(), &origin),
            verb(worst.len(), "is", "are"),
        );
        let help = match severity {
            Severity::Error => origin.remedy(&format!("Linux on {}", target.architecture)),
            Severity::Warning => {
                "its wheel claims to work on every platform; make sure that it works without this file".to_owned()
            }
            Severity::Notice => "nothing loads it; use `exclude-files` to make the layer smaller".to_owned(),
        };
        let finding = Finding { severity, ..Finding::error("wrong-machine", first.as_str(), message, help) };
        findings.push(finding.blames(origin.distribution.as_ref()));
    }
    findings
}

/// Whether it is a library or module by its name, on any operating system.
fn is_module(path: &Utf8Path) -> bool {
    has_library_name(path) || path.extension() == Some("pyd")
}

/// Whether the distribution's wheel claims to work on every machine.
fn is_portable(layer: &Layer, origin: &Origin) -> bool {
    let Some(name) = &origin.distribution else { return false };
    let found = layer.distributions.iter().find(|distribution| distribution.name == *name);
    found.is_some_and(|found| found.tags.iter().any(|tag| tag.ends_with("-any")))
}
