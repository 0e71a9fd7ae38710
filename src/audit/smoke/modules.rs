//! The importable modules of a layer, each with its owner.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Component, Utf8Path};

use crate::layer::scan::binary::Binary;
use crate::layer::{File, Layer, Owner};
use crate::types::Target;

/// Names of folders with tests and the like, which nobody imports.
const NOT_IMPORTED: &[&str] = &[
    "__main__",
    "__init__",
    "__pycache__",
    "benchmark",
    "benchmarks",
    "conftest",
    "doc",
    "docs",
    "example",
    "examples",
    "sample",
    "samples",
    "setup",
    "test",
    "testing",
    "tests",
];
/// Names of folders that are packages only if they have an `__init__`.
const DATA: &[&str] = &[
    "bin", "data", "etc", "include", "lib", "lib64", "man", "script", "scripts", "share", "src", "stubs", "tools",
    "typings",
];
/// `azure.mgmt.compute` has two levels; deeper folders have only data.
const DEEPEST_NAMESPACE: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) owner: Owner,
    /// Whether the distribution is about this module, or only has it in addition.
    pub(super) is_main: bool,
}

impl Module {
    pub(super) fn is_of_distribution(&self) -> bool {
        matches!(self.owner, Owner::Distribution(_))
    }
}

/// Sorted by owner, then by name.
pub(super) fn of_layer(layer: &Layer, target: Target) -> Vec<Module> {
    let mut paths: BTreeMap<&Owner, BTreeSet<&Utf8Path>> = BTreeMap::new();
    for (path, file) in &layer.files {
        if matches!(file.owner, Owner::Include | Owner::BuildScript) {
            continue;
        }
        if let Some(path) = in_packages(path, target).filter(|path| !is_plug_in(path, file)) {
            paths.entry(&file.owner).or_default().insert(path);
        }
    }
    paths.into_iter().flat_map(|(owner, paths)| of_owner(owner, &paths, target)).collect()
}

/// Owners whose main modules all work.
pub(super) fn owners(modules: &[Module], works: impl Fn(&str) -> bool) -> BTreeSet<Owner> {
    let (good, bad): (Vec<_>, Vec<_>) =
        modules.iter().filter(|module| module.is_main).partition(|module| works(&module.name));
    let bad: BTreeSet<&Owner> = bad.into_iter().map(|module| &module.owner).collect();
    good.into_iter().map(|module| &module.owner).filter(|owner| !bad.contains(owner)).cloned().collect()
}

/// The modules that the user asked for, each with its owner if the layer has it.
pub(super) fn of_names(names: &[String], layer: &Layer, target: Target) -> Vec<Module> {
    let owner = |name: &str| {
        let file = layer.files.iter().find(|(path, _)| {
            let Some(path) = in_packages(path, target) else { return false };
            let (folder, file) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default());
            let module = match module_name(file, target) {
                Some("__init__") => folder.to_owned(),
                Some(stem) => folder.join(stem),
                None => return false,
            };
            module.as_str().replace('/', ".") == name
        });
        file.map_or(Owner::Unknown, |(_, file)| file.owner.clone())
    };
    names.iter().map(|name| Module { name: name.clone(), owner: owner(name), is_main: true }).collect()
}

/// The path relative to its folder of packages.
fn in_packages(path: &Utf8Path, target: Target) -> Option<&Utf8Path> {
    let inside = path.strip_prefix("python").ok()?;
    let version = inside.strip_prefix("lib").ok().and_then(|rest| rest.components().next());
    match version {
        Some(Utf8Component::Normal(version)) if version.starts_with("python") => {
            inside.strip_prefix(format!("lib/python{}/site-packages", target.python)).ok()
        }
        _ => Some(inside),
    }
}

fn of_owner(owner: &Owner, paths: &BTreeSet<&Utf8Path>, target: Target) -> BTreeSet<Module> {
    let module =
        |path: &Utf8Path| Some((path.parent()?.to_owned(), module_name(path.file_name()?, target)?.to_owned()));
    let modules: Vec<_> = paths.iter().filter_map(|path| module(path)).collect();
    let packages: BTreeSet<&Utf8Path> =
        modules.iter().filter(|(_, name)| name == "__init__").map(|(folder, _)| folder.as_path()).collect();
    let is_package = |folder: &Utf8Path| !folder.as_str().is_empty() && packages.contains(folder);

    let mut found = BTreeSet::new();
    for (folder, name) in &modules {
        let is_inside = |folder: &Utf8Path| folder.ancestors().any(is_package);
        let (path, is_namespaced) = if name == "__init__" && is_package(folder) {
            let parent = folder.parent().unwrap_or(folder);
            (folder.clone(), is_inside(parent))
        } else {
            (folder.join(name), is_inside(folder))
        };
        let parts: Vec<&str> = path.components().map(|part| part.as_str()).collect();
        let (last, namespaces) = parts.split_last().expect("has a name");
        let is_folder = name == "__init__";
        if is_namespaced || namespaces.len() > DEEPEST_NAMESPACE || !is_imported(last) {
            continue;
        }
        if !namespaces.iter().all(|part| is_imported(part) && !DATA.contains(part)) {
            continue;
        }
        let is_main = !last.starts_with('_') && (is_folder || namespaces.is_empty());
        found.insert(Module { name: parts.join("."), owner: owner.clone(), is_main });
    }
    found
}

fn is_imported(name: &str) -> bool {
    is_identifier(name) && !is_beside(name)
}

/// Whether folders of this name have tests, documentation and the like.
pub(crate) fn is_beside(name: &str) -> bool {
    NOT_IMPORTED.contains(&name) || name.starts_with("test_")
}

pub(super) fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|other| other.is_alphanumeric() || other == '_')
}

/// Whether the library is a plug-in: it has no init function of the module that its name stands for.
fn is_plug_in(path: &Utf8Path, file: &File) -> bool {
    let name = path.file_name().and_then(|name| name.split('.').next()).unwrap_or_default();
    matches!(&file.observed.binary, Some(Binary::Elf(elf)) if !elf.is_module(name))
}

/// The name of the module in a file, if the target's Python would import it.
fn module_name(file: &str, target: Target) -> Option<&str> {
    if let Some(name) = file.strip_suffix(".py").or_else(|| file.strip_suffix(".pyc")) {
        return (!name.contains('.')).then_some(name);
    }
    let own = format!(".cpython-{}-{}-linux-gnu", target.python.digits(), target.architecture.machine());
    let stem = file.strip_suffix(".so")?;
    let name = stem.strip_suffix(&own).or_else(|| stem.strip_suffix(".abi3")).unwrap_or(stem);
    // Without a tag, `libx.so` is a library that modules link against.
    let is_library = name == stem && name.starts_with("lib");
    (!name.contains('.') && !is_library).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Kind;
    use crate::layer::scan::Observed;
    use crate::types::ByteSize;

    fn modules(paths: &[&str]) -> Vec<String> {
        let target = Target { python: "3.13".parse().expect("is known"), architecture: "x86_64".parse().expect("is") };
        let owner = Owner::Distribution("some".parse().expect("is a name"));
        let file =
            File { kind: Kind::File { executable: false }, size: ByteSize(1), owner, observed: Observed::default() };
        let files = paths.iter().map(|path| ((*path).into(), file.clone())).collect();
        let found = of_layer(&Layer { files, distributions: Vec::new(), ..Layer::default() }, target);
        found
            .into_iter()
            .map(|module| if module.is_main { module.name } else { format!("({})", module.name) })
            .collect()
    }

    #[test]
    fn modules_are_what_can_be_imported() {
        let paths = [
            "python/one.py",
            "python/two/__init__.py",
            "python/two/inner/__init__.py",
            "python/two/inner/deep.py",
            "python/three.cpython-313-x86_64-linux-gnu.so",
            "python/four.abi3.so",
            "python/five/__init__.pyc",
            "python/six.pyc",
            "python/_seven.so",
        ];
        assert_eq!(modules(&paths), ["(_seven)", "five", "four", "one", "six", "three", "two"]);
    }

    #[test]
    fn namespaces_are_followed_to_their_packages() {
        let paths = [
            "python/azure/mgmt/compute/__init__.py",
            "python/azure/mgmt/compute/models/__init__.py",
            "python/google/auth/__init__.py",
            "python/google/rpc/status_pb2.py",
        ];
        assert_eq!(modules(&paths), ["azure.mgmt.compute", "google.auth", "(google.rpc.status_pb2)"]);
    }

    #[test]
    fn both_layouts_are_seen_and_other_pythons_are_not() {
        let paths = [
            "python/lib/python3.13/site-packages/one/__init__.py",
            "python/lib/python3.12/site-packages/two/__init__.py",
            "python/lib/__init__.py",
        ];
        assert_eq!(modules(&paths), ["lib", "one"]);
    }

    #[test]
    fn what_nobody_imports_is_none() {
        let paths = [
            "bin/tool.py",
            "lib/three.so",
            "python/__main__.py",
            "python/__init__.py",
            "python/a-b.py",
            "python/examples/demo.py",
            "python/libx.so",
            "python/one.cpython-312-x86_64-linux-gnu.so",
            "python/one.cpython-313-darwin.so",
            "python/one.dist-info/hook.py",
            "python/one.libs/x.so",
            "python/share/one/conf.py",
            "python/test_one.py",
            "python/tests/__init__.py",
            "python/tests/test_one.py",
            "python/types-stubs/__init__.pyi",
            "python/__pycache__/one.cpython-313.pyc",
        ];
        assert_eq!(modules(&paths), Vec::<String>::new());
    }
}
