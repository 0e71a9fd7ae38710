//! The folder where installers run: a view of the workspace with links to everything in it, but copies of the projects
//! among the requirements. Build backends write into a project's folder. The copy leaves out files of earlier builds,
//! which a build would mistake for the project's own, and it keeps the files of this build out of the workspace.

use std::collections::BTreeSet;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::files;
use crate::files::FileKind;
use crate::manifest::Manifest;
use crate::spec::Spec;

#[derive(Debug)]
pub(super) struct Staging {
    /// Takes the place of the working directory.
    pub(super) folder: Utf8PathBuf,
    /// The root of the view, and the folder of the workspace that it shows; `None` if installers run in the workspace
    /// itself.
    view: Option<(Utf8PathBuf, Utf8PathBuf)>,
}

/// Folders that builds read but do not write, beside the files of a project: versions come from tags, and a requirement
/// may name a wheel.
const LINKED: &[&str] = &[".git", ".hg", "dist"];

impl Staging {
    /// Creates the view in `place`, which does not exist yet.
    ///
    /// # Errors
    /// A link in a project leaves the workspace, or a file cannot be read or written.
    pub(super) fn new(spec: &Spec, manifest: &Manifest, place: &Utf8Path) -> anyhow::Result<Self> {
        let projects = manifest.projects.iter().filter_map(|path| files::normalize(&spec.folder.join(path)));
        let projects: BTreeSet<Utf8PathBuf> = projects.collect();
        if projects.is_empty() {
            return Ok(Self { folder: spec.folder.clone(), view: None });
        }
        let named = manifest.projects.iter().chain(&manifest.local).map(|path| spec.folder.join(path));
        let root = named
            .chain([spec.workspace.clone()])
            .fold(spec.folder.clone(), |root, path| common(&root, &highest(&path)));
        let view = View { projects: &projects, folder: &spec.folder, workspace: &spec.workspace };
        view.show(&root, place)?;
        let inside = spec.folder.strip_prefix(&root).expect("is an ancestor");
        Ok(Self { folder: place.join(inside), view: Some((place.to_owned(), root)) })
    }

    /// The text with paths of the workspace instead of those of the view.
    pub(super) fn shown(&self, text: &str) -> String {
        match &self.view {
            Some((view, root)) => text.replace(view.as_str(), root.as_str().trim_end_matches('/')),
            None => text.to_owned(),
        }
    }
}

struct View<'a> {
    projects: &'a BTreeSet<Utf8PathBuf>,
    folder: &'a Utf8Path,
    workspace: &'a Utf8Path,
}

impl View<'_> {
    fn show(&self, real: &Utf8Path, place: &Utf8Path) -> anyhow::Result<()> {
        if self.projects.contains(real) {
            return self.copy(real, place);
        }
        let leads_on = self.projects.iter().map(Utf8PathBuf::as_path).chain([self.folder]);
        if !leads_on.into_iter().any(|inside| inside.starts_with(real)) {
            return Ok(std::os::unix::fs::symlink(real, place)?);
        }
        fs_err::create_dir_all(place)?;
        for entry in real.read_dir_utf8()? {
            let entry = entry?;
            self.show(entry.path(), &place.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn copy(&self, project: &Utf8Path, copy: &Utf8Path) -> anyhow::Result<()> {
        copy_files(&files::project(project, self.workspace)?, copy)?;
        for name in LINKED.iter().filter(|name| project.join(name).exists() && !copy.join(name).exists()) {
            std::os::unix::fs::symlink(project.join(name), copy.join(name))?;
        }
        Ok(())
    }
}

/// Creates the folder `copy` and copies files and links into it.
pub(super) fn copy_files(entries: &[files::FileEntry], copy: &Utf8Path) -> anyhow::Result<()> {
    fs_err::create_dir_all(copy)?;
    for entry in entries {
        let place = copy.join(&entry.path);
        fs_err::create_dir_all(place.parent().unwrap_or(copy))?;
        match &entry.kind {
            FileKind::File { source, .. } => drop(fs_err::copy(source, place)?),
            FileKind::Link { target } => std::os::unix::fs::symlink(target, place)?,
        }
    }
    Ok(())
}

/// The highest folder on a path: `/a` for `/a/b/../c`.
fn highest(path: &Utf8Path) -> Utf8PathBuf {
    let mut place = Utf8PathBuf::new();
    let mut highest = None::<Utf8PathBuf>;
    for component in path.components() {
        if component == Utf8Component::ParentDir {
            place.pop();
            highest = highest.filter(|highest| place.starts_with(highest)).or_else(|| Some(place.clone()));
        } else {
            place.push(component);
        }
    }
    highest.map_or_else(|| place.clone(), |highest| common(&highest, &place))
}

/// The nearest folder that contains both paths.
fn common(left: &Utf8Path, right: &Utf8Path) -> Utf8PathBuf {
    let same = left.components().zip(right.components()).take_while(|(left, right)| left == right);
    same.map(|(component, _)| component.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_all_that_paths_lead_through() {
        for (path, expected) in [
            ("/w/a", "/w/a"),
            ("/w/a/../b", "/w"),
            ("/w/a/b/../../a/c", "/w"),
            ("/w/a/./b/../b", "/w/a"),
            ("/w/../x", "/"),
        ] {
            assert_eq!(highest(path.into()), expected, "{path}");
        }
        assert_eq!(common("/w/a/b".into(), "/w/ab".into()), "/w");
    }
}
