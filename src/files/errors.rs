//! Errors about paths that are missing or cannot be read.

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Failure, nearest};

/// A file or folder that is there and cannot be read.
pub(crate) fn unreadable(path: &Utf8Path, error: &std::io::Error) -> Failure {
    let failure = Failure::user(format!("could not read `{path}`")).cause(error.to_string());
    failure.hint("give the user who runs this program permission to read it (`ls -l` shows the permissions)")
}

/// "`path` does not exist", with the nearest name that does.
pub fn missing(what: &str, folder: &Utf8Path, path: &Utf8Path) -> Failure {
    let failure = Failure::user(format!("{what}`{path}` does not exist"));
    match nearest_sibling(folder, path) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("paths are relative to the working directory"),
    }
}

/// The path that exists and is nearest to a missing one, in one of its names, for "did you mean".
pub fn nearest_sibling(folder: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let first_missing = path.ancestors().take_while(|part| !folder.join(part).exists()).last()?;
    let parent = folder.join(first_missing).parent()?.to_owned();
    let names: Vec<String> =
        parent.read_dir_utf8().ok()?.filter_map(|entry| Some(entry.ok()?.file_name().to_owned())).collect();
    let near = nearest(first_missing.file_name()?, names.iter().map(String::as_str))?;
    let rest = path.strip_prefix(first_missing).ok().filter(|rest| !rest.as_str().is_empty());
    let near = first_missing.with_file_name(near);
    let near = rest.map_or_else(|| near.clone(), |rest| near.join(rest));
    folder.join(&near).exists().then_some(near)
}
