//! The part of a layer that some imports need, so that a new version of one distribution does not cost the time to write
//! all others to disk.
//!
//! The imports of a distribution find its own files, those of what it requires, and the metadata of all distributions.
//! Should a module look for anything else that the layer has, this is noticed, and the imports are repeated with all of
//! the layer.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::modules::is_identifier;
use super::outcome::{Outcome, Ran};
use crate::layer::{Owner, Source, Tree, package_folders, within_packages};
use crate::types::{DistributionName, Target};

/// Which files of a layer are laid out.
pub(super) struct Part<'a> {
    needed: &'a BTreeSet<DistributionName>,
    /// All other files, by their paths in the layer.
    left_out: BTreeSet<&'a Utf8Path>,
    /// The modules that no laid out package has, `numpy` or `google.auth`; those inside of them are not named.
    pub(super) modules: BTreeSet<String>,
    /// The folders, seen from the layer, in which something was left out.
    pub(super) incomplete: BTreeSet<&'a Utf8Path>,
}

impl<'a> Part<'a> {
    /// The files of the needed distributions; `None` if that is all, or if it cannot be told what depends on what.
    pub(super) fn of(tree: &'a Tree, needed: &'a BTreeSet<DistributionName>, target: Target) -> Option<Self> {
        let mut part =
            Self { needed, left_out: BTreeSet::new(), modules: BTreeSet::new(), incomplete: BTreeSet::new() };
        let mut folders: BTreeSet<&Utf8Path> = BTreeSet::new();
        for (path, entry) in &tree.entries {
            if matches!(entry.source, Source::Link { .. }) {
                return None;
            }
            if part.has(path, &entry.owner) {
                folders.extend(path.ancestors().skip(1));
            } else {
                part.left_out.insert(path);
            }
        }
        let packages = package_folders(target.python);
        for path in &part.left_out {
            // Without this file, the folder would be another kind of package.
            if path.file_stem() == Some("__init__") && path.parent().is_some_and(|folder| folders.contains(folder)) {
                return None;
            }
            // The outermost folder that is not there, or the file itself.
            let first = path.ancestors().take_while(|above| !folders.contains(above)).last().unwrap_or(path);
            part.incomplete.extend(first.parent());
            part.modules.extend(within_packages(first, &packages).and_then(module));
        }
        (!part.left_out.is_empty()).then_some(part)
    }

    pub(super) fn has(&self, path: &Utf8Path, owner: &Owner) -> bool {
        match owner {
            Owner::Distribution(name) => self.needed.contains(name) || is_listed(path),
            Owner::Source | Owner::Include | Owner::BuildScript | Owner::Unknown => true,
        }
    }

    /// Whether imports could have had another outcome with all of the layer. Those that failed may have lacked a library,
    /// which nobody tells.
    pub(super) fn was_too_little(&self, ran: &Ran) -> bool {
        let is_settled = |outcome: &Outcome| match outcome {
            Outcome::Imported(_) => true,
            Outcome::Raised(errors) => errors.iter().any(|error| error.missing.is_some()),
            Outcome::Died(_) | Outcome::Hung(_) | Outcome::NotTried => false,
        };
        let mut read = ran.reads.iter().flat_map(|reads| &reads.files);
        ran.has_missed
            || read.any(|path| self.left_out.contains(path.as_path()))
            || !ran.outcomes.values().all(is_settled)
    }
}

/// Whether this is a file of a distribution's metadata.
pub(super) fn is_metadata(path: &Utf8Path) -> bool {
    path.parent().is_some_and(|folder| folder.extension() == Some("dist-info"))
}

/// Whether `importlib.metadata` reads this file to list distributions, their modules and entry points.
fn is_listed(path: &Utf8Path) -> bool {
    const FILES: &[&str] = &["METADATA", "RECORD", "entry_points.txt", "top_level.txt"];
    is_metadata(path) && path.file_name().is_some_and(|name| FILES.contains(&name))
}

/// The name under which a file or folder is imported.
fn module(path: &Utf8Path) -> Option<String> {
    let name = path.as_str().split('.').next()?.replace('/', ".");
    name.split('.').all(is_identifier).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Entry;
    use crate::types::ByteSize;

    fn tree(entries: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::empty();
        for (owner, path) in entries {
            let owner = Owner::Distribution(owner.parse().expect("is a name"));
            let source = Source::Bytes { bytes: Vec::new(), executable: false };
            tree.entries.insert((*path).into(), Entry { source, owner, size: ByteSize(0), digest: None });
        }
        tree
    }

    fn parts(entries: &[(&str, &str)], needed: &str) -> Option<(String, String)> {
        let target = Target { python: "3.13".parse().expect("is known"), architecture: "x86_64".parse().expect("is") };
        let needed = [needed.parse().expect("is a name")].into();
        let tree = tree(entries);
        let part = Part::of(&tree, &needed, target)?;
        let incomplete = part.incomplete.iter().map(|path| path.as_str());
        Some((part.modules.iter().cloned().collect::<Vec<_>>().join(" "), incomplete.collect::<Vec<_>>().join(" ")))
    }

    #[test]
    fn what_is_left_out_is_named_by_its_outermost_module() {
        let files = [
            ("auth", "python/google/auth/__init__.py"),
            ("auth", "python/google/auth/inner/deep.py"),
            ("auth", "python/google_auth-1.dist-info/METADATA"),
            ("auth", "python/google_auth-1.dist-info/LICENSE"),
            ("rpc", "python/google/rpc/status.py"),
            ("six", "python/six.py"),
            ("speed", "python/_speed.cpython-313-x86_64-linux-gnu.so"),
            ("speed", "bin/speed"),
        ];
        let expected = ("_speed google.auth six", "python python/google python/google_auth-1.dist-info");
        let expected = (expected.0.to_owned(), format!(" {}", expected.1));
        assert_eq!(parts(&files, "rpc"), Some(expected));
        assert_eq!(parts(&files[..3], "auth"), None, "all of it");
    }

    #[test]
    fn a_folder_does_not_become_another_kind_of_package() {
        let files = [("one", "python/google/__init__.py"), ("two", "python/google/two.py")];
        assert_eq!(parts(&files, "two"), None);
        assert_eq!(parts(&files, "one"), Some(("google.two".to_owned(), "python/google".to_owned())));
    }
}
