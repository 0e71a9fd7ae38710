//! Paths as text: normalized, relative, and as they may be published.

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Failure;

pub fn utf8(path: &std::path::Path) -> Result<&Utf8Path, Failure> {
    Utf8Path::from_path(path)
        .ok_or_else(|| Failure::user(format!("the name `{}` is not valid UTF-8", path.display())).hint("rename it"))
}

/// `a/../b` as `b`, without asking the file system; `None` if it climbs above where it starts.
pub fn normalize(path: &Utf8Path) -> Option<Utf8PathBuf> {
    use camino::Utf8Component;
    let mut normal = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            other => normal.push(other.as_str()),
        }
    }
    Some(normal)
}

/// The relative path from a folder to another path, both absolute and without `..`.
pub fn relative(from: &Utf8Path, to: &Utf8Path) -> Utf8PathBuf {
    let common = from.components().zip(to.components()).take_while(|(left, right)| left == right).count();
    let up = from.components().count() - common;
    let down = to.components().skip(common).map(|component| component.as_str());
    let path: Utf8PathBuf = std::iter::repeat_n("..", up).chain(down).collect();
    if path.as_str().is_empty() { ".".into() } else { path }
}

/// A path that may be hashed and published: relative to the working directory, or only its name if it is outside of the
/// workspace.
pub fn shown(path: &Utf8Path, folder: &Utf8Path, workspace: &Utf8Path) -> Utf8PathBuf {
    let path = normalize(path).unwrap_or_else(|| path.to_owned());
    if path.starts_with(workspace) { relative(folder, &path) } else { path.file_name().unwrap_or("/").into() }
}
