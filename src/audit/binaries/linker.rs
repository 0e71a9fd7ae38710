//! Where the target's dynamic linker finds a library: `ld.so(8)` with Lambda's `LD_LIBRARY_PATH`, in which `/opt/lib`
//! comes after the folders of the runtime.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::Compiled;
use crate::layer::links::{End, Names};
use crate::layer::{Layer, links};
use crate::types::Target;

pub(super) struct Linker<'a> {
    layer: &'a Layer,
    names: &'a Names<'a>,
    target: Target,
    compiled: BTreeMap<&'a Utf8Path, &'a Compiled<'a>>,
    /// The names of all compiled files and links: other names need no search.
    file_names: BTreeSet<&'a str>,
    /// Libraries by the name of their file and by their `soname`.
    by_name: BTreeMap<&'a str, BTreeSet<&'a Utf8Path>>,
    /// The files that need a library, by the library's name.
    needed_by: BTreeMap<&'a str, Vec<&'a Compiled<'a>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Runtime,
    /// The file in the layer that is loaded.
    Layer(&'a Utf8Path),
    /// Files of that name exist in the layer, but in folders that are not searched. They are used only if something
    /// loaded them before.
    Elsewhere(Vec<&'a Utf8Path>),
    Nowhere,
}

impl<'a> Linker<'a> {
    pub(super) fn new(layer: &'a Layer, names: &'a Names<'a>, compiled: &'a [Compiled<'a>], target: Target) -> Self {
        let mut by_name: BTreeMap<&str, BTreeSet<&Utf8Path>> = BTreeMap::new();
        let mut needed_by: BTreeMap<&str, Vec<&Compiled<'_>>> = BTreeMap::new();
        for file in compiled {
            for name in file_names(file, names) {
                by_name.entry(name).or_default().insert(file.path);
            }
            for name in &file.elf.needed {
                needed_by.entry(name).or_default().push(file);
            }
        }
        // Links that lead out of the layer count, too.
        let links = layer.files.iter().filter(|(_, file)| file.kind.is_link()).map(|(path, _)| path.as_path());
        let paths = links.chain(compiled.iter().flat_map(|file| names.of_file(file.path)));
        let file_names = paths.filter_map(Utf8Path::file_name).collect();
        let compiled = compiled.iter().map(|file| (file.path, file)).collect();
        Self { layer, names, target, compiled, file_names, by_name, needed_by }
    }

    pub(super) fn find(&self, file: &Compiled<'_>, name: &str) -> Place<'a> {
        if name.contains('/') {
            return self.at(Utf8Path::new(name)).unwrap_or_else(|| self.elsewhere(name));
        }
        if !self.file_names.contains(name) {
            return if self.is_in_runtime(name) { Place::Runtime } else { self.elsewhere(name) };
        }
        let inherited = if file.elf.runpath.is_empty() { self.inherited(file, name) } else { None };
        if let Some(found) = inherited {
            return found;
        }
        if self.is_in_runtime(name) {
            return Place::Runtime;
        }
        let in_lib = self.at(&Utf8Path::new("/opt/lib").join(name));
        let found = in_lib.or_else(|| self.search(file, &file.elf.runpath, name));
        found.unwrap_or_else(|| self.elsewhere(name))
    }

    pub(super) fn target(&self) -> Target {
        self.target
    }

    pub(super) fn file(&self, path: &Utf8Path) -> Option<&'a Compiled<'a>> {
        self.compiled.get(path).copied()
    }

    fn is_in_runtime(&self, name: &str) -> bool {
        self.target.python.runtime().has_library(name)
    }

    /// Searches the `RPATH` of the file, then those of the files that load it, and so on.
    fn inherited(&self, file: &Compiled<'_>, name: &str) -> Option<Place<'a>> {
        if let Some(found) = self.search(file, &file.elf.rpath, name) {
            return Some(found);
        }
        let names = |file: &Compiled<'_>| {
            let names = file_names(file, self.names);
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

    /// If a file is loaded through a link, `$ORIGIN` is the folder of the link.
    fn search(&self, file: &Compiled<'_>, folders: &[String], name: &str) -> Option<Place<'a>> {
        let origins = self.names.of_file(file.path).filter_map(|name| name.parent());
        let origins: BTreeSet<Utf8PathBuf> = origins.map(|folder| Utf8Path::new("/opt").join(folder)).collect();
        folders.iter().find_map(|folder| {
            origins.iter().find_map(|origin| {
                let folder = folder.replace("${ORIGIN}", origin.as_str()).replace("$ORIGIN", origin.as_str());
                self.at(&Utf8Path::new(&folder).join(name))
            })
        })
    }

    /// A library for the target at a path relative to `/`.
    fn at(&self, place: &Utf8Path) -> Option<Place<'a>> {
        let normal = normal(place);
        let inside = place.strip_prefix("/opt").or_else(|_| normal.strip_prefix("/opt")).ok()?;
        match links::follow(self.layer, inside).end {
            End::File(path) => self.file(path).map(|file| Place::Layer(file.path)),
            End::Outside(place) => self.target.python.runtime().is_library(&place).then_some(Place::Runtime),
            End::Folder(_) | End::Nothing | End::Endless => None,
        }
    }

    fn elsewhere(&self, name: &str) -> Place<'a> {
        let name = name.rsplit('/').next().unwrap_or_default();
        match self.by_name.get(name) {
            Some(places) => Place::Elsewhere(places.iter().copied().collect()),
            None => Place::Nowhere,
        }
    }
}

/// The `soname` of a file, its file name, and the names of links to it.
fn file_names<'b>(file: &'b Compiled<'_>, names: &'b Names<'_>) -> impl Iterator<Item = &'b str> {
    let of_paths = names.of_file(file.path).filter_map(Utf8Path::file_name);
    file.elf.soname.as_deref().into_iter().chain(of_paths)
}

/// The path without `.` and `..`.
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
