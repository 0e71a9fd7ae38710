//! Where the dynamic linker of the target finds a library: `ld.so(8)`, with Lambda's `LD_LIBRARY_PATH`, in which
//! `/opt/lib` comes after the folders of the runtime.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::Compiled;
use crate::audit::{Kind, Layer};
use crate::types::Target;

/// Links that lead to links.
const MOST_LINKS: usize = 8;

pub(super) struct Linker<'a> {
    layer: &'a Layer,
    target: Target,
    compiled: BTreeMap<&'a Utf8Path, &'a Compiled<'a>>,
    /// Names of compiled files and of links: what is not among them needs no search.
    file_names: BTreeSet<&'a str>,
    /// Names that libraries have, in the file and of the file.
    by_name: BTreeMap<&'a str, BTreeSet<&'a Utf8Path>>,
    /// Name of a library to those that need it.
    needed_by: BTreeMap<&'a str, Vec<&'a Compiled<'a>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Runtime,
    /// The file that is loaded.
    Layer(&'a Utf8Path),
    /// Files of that name are in the layer, where nobody looks for them. They are used if something loaded them before.
    Elsewhere(Vec<&'a Utf8Path>),
    Nowhere,
}

impl<'a> Linker<'a> {
    pub(super) fn new(layer: &'a Layer, compiled: &'a [Compiled<'a>], target: Target) -> Self {
        let mut by_name: BTreeMap<&str, BTreeSet<&Utf8Path>> = BTreeMap::new();
        let mut needed_by: BTreeMap<&str, Vec<&Compiled<'_>>> = BTreeMap::new();
        for file in compiled {
            for name in file.elf.soname.as_deref().into_iter().chain(file.path.file_name()) {
                by_name.entry(name).or_default().insert(file.path);
            }
            for name in &file.elf.needed {
                needed_by.entry(name).or_default().push(file);
            }
        }
        let links = layer.files.iter().filter(|(_, file)| matches!(file.kind, Kind::Link { .. }));
        let paths = links.map(|(path, _)| path.as_path()).chain(compiled.iter().map(|file| file.path));
        let file_names = paths.filter_map(Utf8Path::file_name).collect();
        let compiled = compiled.iter().map(|file| (file.path, file)).collect();
        Self { layer, target, compiled, file_names, by_name, needed_by }
    }

    pub(super) fn find(&self, file: &Compiled<'_>, name: &str) -> Place<'a> {
        if name.contains('/') {
            return self.at(Utf8Path::new(name)).map_or_else(|| self.elsewhere(name), Place::Layer);
        }
        if !self.file_names.contains(name) {
            return if self.is_in_runtime(name) { Place::Runtime } else { self.elsewhere(name) };
        }
        let inherited = if file.elf.runpath.is_empty() { self.inherited(file, name) } else { None };
        if let Some(found) = inherited {
            return Place::Layer(found);
        }
        if self.is_in_runtime(name) {
            return Place::Runtime;
        }
        let in_lib = self.at(&Utf8Path::new("/opt/lib").join(name));
        let found = in_lib.or_else(|| self.search(file, &file.elf.runpath, name));
        found.map_or_else(|| self.elsewhere(name), Place::Layer)
    }

    pub(super) fn target(&self) -> Target {
        self.target
    }

    pub(super) fn file(&self, path: &Utf8Path) -> Option<&'a Compiled<'a>> {
        self.compiled.get(path).copied()
    }

    fn is_in_runtime(&self, name: &str) -> bool {
        let python = self.target.python;
        self.target.python.runtime().system().has_library(name)
            || name == format!("libpython{python}.so.1.0")
            || name == "libpython3.so"
    }

    /// By the `RPATH` of a file and of those that load it, and what loads these.
    fn inherited(&self, file: &Compiled<'_>, name: &str) -> Option<&'a Utf8Path> {
        if let Some(found) = self.search(file, &file.elf.rpath, name) {
            return Some(found);
        }
        let names = |file: &Compiled<'_>| {
            let names = file.elf.soname.as_deref().into_iter().chain(file.path.file_name());
            names.filter_map(|name| self.needed_by.get(name)).flatten().copied().collect::<Vec<_>>()
        };
        let mut seen: BTreeSet<&Utf8Path> = BTreeSet::new();
        let mut loaders = names(file);
        while let Some(loader) = loaders.pop() {
            if !seen.insert(loader.path) {
                continue;
            }
            if let Some(found) = self.search(loader, loader.elf.inherited_path(), name) {
                return Some(found);
            }
            loaders.extend(names(loader));
        }
        None
    }

    fn search(&self, file: &Compiled<'_>, folders: &[String], name: &str) -> Option<&'a Utf8Path> {
        let origin = Utf8Path::new("/opt").join(file.path.parent()?);
        folders.iter().find_map(|folder| {
            let folder = folder.replace("${ORIGIN}", origin.as_str()).replace("$ORIGIN", origin.as_str());
            self.at(&Utf8Path::new(&folder).join(name))
        })
    }

    /// A library for the target at a place seen from `/`.
    fn at(&self, place: &Utf8Path) -> Option<&'a Utf8Path> {
        let mut place = normal(place).strip_prefix("/opt").ok()?.to_owned();
        for _ in 0..MOST_LINKS {
            let (path, file) = self.layer.files.get_key_value(&place)?;
            match &file.kind {
                Kind::File { .. } => return self.compiled.get(path.as_path()).map(|file| file.path),
                Kind::Link { target } => {
                    let from = Utf8Path::new("/opt").join(path.parent()?);
                    place = normal(&from.join(target)).strip_prefix("/opt").ok()?.to_owned();
                }
            }
        }
        None
    }

    fn elsewhere(&self, name: &str) -> Place<'a> {
        let name = name.rsplit('/').next().unwrap_or_default();
        match self.by_name.get(name) {
            Some(places) => Place::Elsewhere(places.iter().copied().collect()),
            None => Place::Nowhere,
        }
    }
}

/// Without `.` and `..`.
fn normal(path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::ParentDir => {
                normal.pop();
            }
            Utf8Component::CurDir => {}
            part => normal.push(part.as_str()),
        }
    }
    normal
}
