//! Compiles Python to bytecode. `/opt` is read-only, so without bytecode in the layer every cold start compiles the
//! modules again.

mod marshal;
mod worker;

use std::collections::BTreeSet;
use std::num::NonZero;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::bytecode::marshal::CodeLayout;
use crate::build::bytecode::worker::{Compiled, Module};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::layer::{Entry, Finding, Source, Tree};
use crate::process::Pythons;
use crate::runtime::images;
use crate::spec::{Bytecode, Spec};
use crate::types::{ByteSize, PythonVersion};
use crate::{facts, files};

/// Adds the bytecode of modules, or replaces the modules by it.
///
/// # Errors
/// The interpreter does not run, or a file cannot be written. A module that cannot be compiled stays as it is.
pub fn compile(
    mut tree: Tree,
    spec: &Spec,
    pythons: Option<&Pythons>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Tree> {
    let (bytecode, python) = (spec.content.bytecode, spec.target.python);
    if bytecode == Bytecode::None {
        return Ok(tree);
    }
    let modules = modules(&tree, &spec.content.layout.packages(python));
    if modules.is_empty() {
        return Ok(tree);
    }
    let host = match pythons.map_or(Err("this machine has no Python"), Pythons::exact) {
        Ok(host) => host,
        Err(why) => {
            tree.findings.push(no_interpreter(why, python, bytecode));
            return Ok(tree);
        }
    };
    let step = console.step("Compile to bytecode");
    let folder = tree.new_folder("bytecode")?;
    let interpreters = std::thread::available_parallelism().map_or(1, NonZero::get);
    let layout = CodeLayout::of(python);
    let compiled = worker::compile_all(&modules, &folder, host, layout, interpreters, environment)?;

    if bytecode != Bytecode::Only
        && let Some(finding) = too_large(&tree, &modules, &compiled)
    {
        step.done("too large for the layer");
        tree.findings.push(finding);
        return Ok(tree);
    }
    let linked = linked(&tree);
    let mut refused = Vec::new();
    let mut bytes = 0;
    for (module, compiled) in modules.iter().zip(compiled) {
        let Some(compiled) = compiled else {
            refused.push(module.place.as_path());
            continue;
        };
        let Some(owner) = tree.entries.get(&module.place).map(|entry| entry.owner.clone()) else { continue };
        bytes += compiled.size.0;
        let place = match bytecode {
            Bytecode::Only => module.place.with_extension("pyc"),
            Bytecode::Auto | Bytecode::Compile | Bytecode::None => beside(&module.place, python),
        };
        if bytecode == Bytecode::Only && !linked.contains(&module.place) {
            tree.entries.remove(&module.place);
        }
        let source = Source::File { path: compiled.file, executable: false };
        tree.entries.insert(place, Entry { source, owner, size: compiled.size });
    }
    let done = counted(modules.len() - refused.len(), "module");
    step.done(format!("{done}, {} of bytecode", ByteSize(bytes)));
    tree.findings.extend(not_compiled(&refused, python));
    Ok(tree)
}

/// Modules that Python could import: no folder in their path has a dot in its name, as `x.dist-info` has.
fn modules(tree: &Tree, packages: &Utf8Path) -> Vec<Module> {
    let is_module = |path: &Utf8Path| {
        let Ok(below) = path.strip_prefix(packages) else { return false };
        let Some(name) = below.as_str().strip_suffix(".py") else { return false };
        !name.is_empty() && !name.ends_with('/') && !name.contains('.')
    };
    let found = tree.entries.iter().filter(|(place, _)| is_module(place));
    let found = found.filter_map(|(place, entry)| match &entry.source {
        Source::File { path, .. } => Some(Module { place: place.clone(), source: path.clone(), size: entry.size }),
        // This program itself writes only scripts.
        Source::Bytes { .. } | Source::Link { .. } => None,
    });
    found.collect()
}

/// The path of a module's bytecode: `a/__pycache__/b.cpython-313.pyc` for `a/b.py` (PEP 3147).
fn beside(module: &Utf8Path, python: PythonVersion) -> Utf8PathBuf {
    let name = format!("{}.cpython-{}.pyc", module.file_stem().unwrap_or_default(), python.digits());
    module.with_file_name("__pycache__").join(name)
}

/// The targets of links in the tree.
fn linked(tree: &Tree) -> BTreeSet<Utf8PathBuf> {
    let targets = tree.entries.iter().filter_map(|(place, entry)| match &entry.source {
        Source::Link { target } => files::normalize(&place.parent()?.join(target)),
        Source::File { .. } | Source::Bytes { .. } => None,
    });
    targets.collect()
}

/// The finding when the target's Python is missing: an error if the user asked for bytecode, otherwise a warning.
fn no_interpreter(why: &str, python: PythonVersion, bytecode: Bytecode) -> Finding {
    let instead = if bytecode == Bytecode::Only { " and keeps its sources" } else { "" };
    let finding = if bytecode == Bytecode::Auto { Finding::warning } else { Finding::error };
    finding(
        "no-bytecode",
        "layer",
        format!("{why}: the layer contains no bytecode{instead}, so every cold start compiles its modules"),
        format!(
            "let uv download it (set `UV_PYTHON_INSTALL_MIRROR` to use a mirror), put `python{python}` on PATH, use the action `{}`, or set `bytecode: none`",
            images::action(python)
        ),
    )
}

/// The finding if only the bytecode takes the layer over Lambda's limit. A slower start is better than no layer.
fn too_large(tree: &Tree, modules: &[Module], compiled: &[Option<Compiled>]) -> Option<Finding> {
    let (before, limit) = (tree.unzipped_size().0, facts::limits().unzipped_size);
    let bytecode: u64 = compiled.iter().flatten().map(|compiled| compiled.size.0).sum();
    let after = before + bytecode;
    if before > limit || after <= limit {
        return None;
    }
    let sources = modules.iter().zip(compiled).filter(|(_, compiled)| compiled.is_some());
    let alone = after - sources.map(|(module, _)| module.size.0).sum::<u64>();
    let help = if alone <= limit {
        format!(
            "use `bytecode: only` to replace the sources with it ({} in total), or leave something out",
            ByteSize(alone)
        )
    } else {
        "leave something out, split the layer, or set `bytecode: none`".to_owned()
    };
    let (bytecode, after, limit) = (ByteSize(bytecode), ByteSize(after), ByteSize(limit));
    Some(Finding::warning(
        "no-bytecode",
        "layer",
        format!(
            "with {bytecode} of bytecode the layer would be {after}, over Lambda's limit of {limit}: it contains no bytecode, so every cold start compiles its modules"
        ),
        help,
    ))
}

fn not_compiled(refused: &[&Utf8Path], python: PythonVersion) -> Option<Finding> {
    /// The most files that a finding names.
    const SHOWN: usize = 3;
    let first = refused.first()?;
    let names: Vec<String> = refused.iter().take(SHOWN).map(|path| format!("`{path}`")).collect();
    let more = if refused.len() > SHOWN { ", …" } else { "" };
    let stay = if refused.len() == 1 { "stays" } else { "stay" };
    Some(Finding::notice(
        "not-compiled",
        first.as_str(),
        format!(
            "python{python} cannot compile {}, which {stay} as source: {}{more}",
            counted(refused.len(), "file"),
            names.join(", ")
        ),
        "this is normal for templates and for code written for another Python version; otherwise, check the file",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytecode_stands_where_python_looks() {
        let python = "3.13".parse().expect("is known");
        assert_eq!(beside("python/a/b.py".into(), python), "python/a/__pycache__/b.cpython-313.pyc");
    }
}
