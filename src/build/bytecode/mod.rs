//! Compiles Python to bytecode. `/opt` is read-only, so without bytecode in the layer every cold start compiles the
//! modules again.

mod marshal;
mod room;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::Arc;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::build::bytecode::marshal::CodeLayout;
use crate::build::bytecode::room::Room;
use crate::build::bytecode::worker::{Interpreter, Module};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::layer::{Compiled, Entry, Finding, Made, Source, Tree};
use crate::process::{Host, Pythons, scratch};
use crate::runtime::images;
use crate::spec::{Bytecode, Spec};
use crate::types::{ByteSize, PythonVersion};
use crate::{facts, files};

/// Starts an interpreter for modules that are still being installed; `None` if nothing will be compiled, or if it does not
/// run, which compiling then says.
pub fn prepare(spec: &Spec, pythons: Option<&Pythons>, environment: &Environment) -> Option<Interpreter> {
    let pythons = pythons.filter(|_| spec.content.bytecode != Bytecode::None)?;
    Interpreter::start(pythons.exact().ok()?, environment).ok()
}

/// Adds the bytecode of modules, or replaces the modules by it. One interpreter may be running already.
///
/// # Errors
/// The interpreter does not run, or a file cannot be written. A module that cannot be compiled stays as it is.
pub fn compile(
    mut tree: Tree,
    spec: &Spec,
    (pythons, interpreter): (Option<&Pythons>, Option<Interpreter>),
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
    let mut room = Room::of(&tree, &modules, host, bytecode);
    let missing: Vec<usize> = (0..modules.len()).filter(|index| !is_kept(&tree, &modules[*index], host)).collect();
    // A module and its bytecode are of about the same size.
    let bytes = missing.iter().map(|index| 2 * scratch::pages(modules[*index].size.0)).sum();
    let keep = scratch::quick_folder(&environment.scratch_directory(), bytes)?;
    let folder = files::utf8(keep.path())?.to_owned();
    tree.folders.push(keep);
    let mut files = BTreeMap::new();
    if !room.is_used_up() {
        let sources = folder.join("sources");
        let asked = missing.iter().map(|index| {
            let module = &modules[*index];
            let source = tree.entries[&module.place].on_disk(&sources.join(&module.place))?;
            anyhow::Ok((*index, source.with_context(|| format!("`{}` is no file", module.place))?))
        });
        let asked = asked.collect::<anyhow::Result<Vec<_>>>()?;
        let interpreters = std::thread::available_parallelism().map_or(1, NonZero::get);
        let layout = CodeLayout::of(python);
        let work = worker::Work { modules: &modules, asked: &asked, folder: &folder, host, layout, environment };
        for (index, compiled) in worker::compile_all(&work, (interpreter, interpreters), &mut room)? {
            let made = compiled.map(|compiled| {
                files.insert(index, compiled.file);
                Made { digest: compiled.digest, size: compiled.size, stored: None, place: None }
            });
            tree.compiled.insert(modules[index].place.clone(), Compiled { python: host.build.clone(), made });
        }
    }
    if room.is_used_up() {
        step.done("too large for the layer");
        tree.findings.push(too_large(&tree, &modules, &room));
        tree.spare = spare(&tree, &modules, &files, python);
        return Ok(tree);
    }
    let linked = linked(&tree);
    let mut refused = Vec::new();
    let mut bytes = 0;
    for (index, module) in modules.iter().enumerate() {
        let Some(made) = tree.compiled.get_mut(&module.place).and_then(|compiled| compiled.made.as_mut()) else {
            refused.push(module.place.as_path());
            continue;
        };
        let Some(owner) = tree.entries.get(&module.place).map(|entry| entry.owner.clone()) else { continue };
        let source = match (files.remove(&index), &made.stored) {
            (Some(path), _) => Source::File { path, executable: false },
            (None, Some(file)) => Source::Stored { file: Arc::clone(file), executable: false },
            (None, None) => continue,
        };
        bytes += made.size.0;
        let place = match bytecode {
            Bytecode::Only => module.place.with_extension("pyc"),
            Bytecode::Auto | Bytecode::Compile | Bytecode::None => beside(&module.place, python),
        };
        made.place = Some(place.clone());
        if bytecode == Bytecode::Only && !linked.contains(&module.place) {
            tree.entries.remove(&module.place);
        }
        tree.entries.insert(place, Entry { source, owner, size: made.size, digest: Some(made.digest) });
    }
    let done = counted(modules.len() - refused.len(), "module");
    let kept = modules.len() - missing.len();
    let from_cache = if kept > 0 { format!(" ({kept} from the cache)") } else { String::new() };
    step.done(format!("{done}{from_cache}, {} of bytecode", ByteSize(bytes)));
    tree.findings.extend(not_compiled(&refused, python));
    Ok(tree)
}

/// The bytecode that was compiled before there was no more room.
fn spare(
    tree: &Tree,
    modules: &[Module],
    files: &BTreeMap<usize, Utf8PathBuf>,
    python: PythonVersion,
) -> BTreeMap<Utf8PathBuf, Entry> {
    let entries = files.iter().filter_map(|(index, file)| {
        let module = &modules[*index].place;
        let made = tree.compiled.get(module)?.made.as_ref()?;
        let source = Source::File { path: file.clone(), executable: false };
        let owner = tree.entries.get(module)?.owner.clone();
        Some((beside(module, python), Entry { source, owner, size: made.size, digest: Some(made.digest) }))
    });
    entries.collect()
}

/// Whether the cache has what this Python makes of a module.
fn is_kept(tree: &Tree, module: &Module, host: &Host) -> bool {
    let known = tree.compiled.get(&module.place).filter(|known| known.python == host.build);
    let has_stream = |made: &Made| made.stored.as_ref().is_some_and(|stored| stored.stream.is_some());
    known.is_some_and(|known| known.made.as_ref().is_none_or(has_stream))
}

/// Modules that Python could import: no folder in their path has a dot in its name, as `x.dist-info` has.
fn modules(tree: &Tree, packages: &Utf8Path) -> Vec<Module> {
    let is_module = |path: &Utf8Path| {
        let Ok(below) = path.strip_prefix(packages) else { return false };
        let Some(name) = below.as_str().strip_suffix(".py") else { return false };
        !name.is_empty() && !name.ends_with('/') && !name.contains('.')
    };
    let found = tree.entries.iter().filter(|(place, entry)| {
        // This program itself writes only scripts.
        is_module(place) && matches!(entry.source, Source::File { .. } | Source::Stored { .. })
    });
    found.map(|(place, entry)| Module { place: place.clone(), size: entry.size }).collect()
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
        Source::File { .. } | Source::Bytes { .. } | Source::Stored { .. } => None,
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
fn too_large(tree: &Tree, modules: &[Module], room: &Room) -> Finding {
    let (before, limit) = (tree.unzipped_size().0, facts::limits().unzipped_size);
    let bytecode = room.estimate();
    let after = before + bytecode;
    let alone = after - modules.iter().map(|module| module.size.0).sum::<u64>().min(after);
    let help = if alone <= limit {
        format!(
            "use `bytecode: only` to replace the sources with it (about {} in total), or leave something out",
            ByteSize(alone)
        )
    } else {
        "leave something out, split the layer, or set `bytecode: none`".to_owned()
    };
    let (bytecode, after, limit) = (ByteSize(bytecode), ByteSize(after), ByteSize(limit));
    Finding::warning(
        "no-bytecode",
        "layer",
        format!(
            "with about {bytecode} of bytecode the layer would be about {after}, over Lambda's limit of {limit}: it contains no bytecode, so every cold start compiles its modules"
        ),
        help,
    )
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
