//! Which files and folders of the repository decide what is in a layer, as paths.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::uv_workspace;
use crate::facts::Kind;
use crate::spec::Spec;
use crate::{facts, files};

/// The files and folders whose bytes are in the fingerprint, absolute. A folder stands for everything in it.
pub fn of(spec: &Spec) -> BTreeSet<Utf8PathBuf> {
    let (manifest, content) = (&spec.dependencies.manifest, &spec.content);
    let locked = manifest.locks.iter();
    let script = content.build_script.as_ref().and_then(|script| script.path.as_ref());
    let given = (manifest.files.iter().map(|file| &file.path))
        .chain(&manifest.local)
        .chain(spec.dependencies.packages.keys())
        .chain(locked.clone().flat_map(|lock| lock.files.iter().map(|file| &file.path)))
        .chain(locked.flat_map(|lock| lock.local.keys()))
        .chain(content.include.iter().map(|include| &include.from))
        .chain(&content.source)
        .chain(&content.projects)
        .chain(script);
    let above = project_above(spec).map(|folder| folder.join("pyproject.toml"));
    let given = given.filter_map(|path| files::normalize(&spec.folder.join(path)));
    let more = spec.dependencies.places.iter().chain(&spec.python.files).cloned();
    given.chain(above).chain(more).collect()
}

/// The project above that decides whether a project without its own lock is a member of its workspace, and that has the
/// lock.
fn project_above(spec: &Spec) -> Option<&Utf8Path> {
    let mut requirements = spec.dependencies.requirements.iter();
    requirements.find(|file| Kind::of(file) == Kind::Pyproject)?;
    uv_workspace::next_project(&spec.folder).filter(|folder| folder.starts_with(&spec.workspace))
}

/// Paths of dependency files that would be preferred to the existing ones, absolute: if one of them was removed, the
/// layer was built from it.
pub fn of_missing(spec: &Spec) -> BTreeSet<Utf8PathBuf> {
    let beside = facts::lockfiles().iter().map(|kind| spec.folder.join(&kind.file));
    let above = spec.folder.ancestors().skip(1).take_while(|folder| folder.starts_with(&spec.workspace));
    let above = above.map(|folder| folder.join(Kind::Uv.file_name()));
    let settings = spec.folder.ancestors().take_while(|folder| folder.starts_with(&spec.workspace));
    let settings = settings.map(|folder| folder.join("uv.toml"));
    let pins = spec.python.pins_of(&spec.folder, &spec.workspace);
    beside.chain(above).chain(settings).chain(pins).filter(|path| !path.exists()).collect()
}

/// Paths for users and later steps of a workflow: relative to the root of the repository, folders as `folder/**`.
pub fn shown(spec: &Spec, config: Option<&Utf8Path>) -> Vec<String> {
    let config = config.and_then(files::normalize);
    let paths = of(spec).into_iter().chain(config);
    let paths = paths.filter_map(|path| {
        let inside = path.strip_prefix(&spec.workspace).ok()?;
        let name = without_wildcards(inside.as_str());
        Some(match (path.is_dir(), name.is_empty()) {
            (true, true) => "**".to_owned(),
            (true, false) => format!("{name}/**"),
            (false, _) => name,
        })
    });
    paths.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A glob that matches only this path.
fn without_wildcards(path: &str) -> String {
    let is_special = |character: char| "*?[]{}()!+@\\".contains(character);
    let escaped = path
        .chars()
        .flat_map(|character| is_special(character).then_some('\\').into_iter().chain(std::iter::once(character)));
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_no_pattern() {
        assert_eq!(without_wildcards("a-b/[c]/d*.txt"), r"a-b/\[c\]/d\*.txt");
    }
}
