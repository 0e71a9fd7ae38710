//! What setuptools leaves in the folder of a project that it builds, removed again.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::manifest::Manifest;
use crate::spec::Spec;

/// Removes in the end what was not there in the beginning: the next build would take modules from it that are long gone.
#[derive(Debug)]
pub(super) struct Leftovers {
    /// Folders that it is found in.
    folders: Vec<Utf8PathBuf>,
    before: BTreeSet<Utf8PathBuf>,
}

impl Leftovers {
    /// Looks at the projects among the requirements.
    pub(super) fn watch(spec: &Spec, manifest: &Manifest) -> Self {
        let projects = manifest.projects.iter().map(|path| spec.folder.join(path));
        let folders: Vec<Utf8PathBuf> = projects.flat_map(|project| [project.join("src"), project]).collect();
        let before = folders.iter().flat_map(|folder| output(folder)).collect();
        Self { folders, before }
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let now = self.folders.iter().flat_map(|folder| output(folder));
        for path in now.filter(|path| !self.before.contains(path)) {
            // What cannot be removed stays; the layer does not depend on it.
            fs_err::remove_dir_all(path).ok();
        }
    }
}

fn output(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let is_output = |name: &str| name == "build" || name.ends_with(".egg-info");
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    entries.filter(|entry| is_output(entry.file_name())).map(camino::Utf8DirEntry::into_path).collect()
}
