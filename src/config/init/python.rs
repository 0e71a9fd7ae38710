//! The Python version that a folder is written for, if Lambda has it.

use camino::Utf8Path;

use crate::facts;
use crate::manifest::allows_python;
use crate::types::PythonVersion;

/// Reads `.python-version` in the folder or in a parent folder up to `root`, else `requires-python`: gives `default` if
/// that is allowed, or else the newest version that is.
pub(super) fn of(folder: &Utf8Path, root: &Utf8Path, default: &str) -> Option<String> {
    let above = folder.ancestors().take_while(|folder| folder.starts_with(root));
    let pinned = above.map(|folder| folder.join(".python-version"));
    let pinned = pinned.filter_map(|file| fs_err::read_to_string(file).ok()).find(|text| !text.trim().is_empty());
    if let Some(version) = pinned.as_deref().and_then(|text| known(text.lines().next()?)) {
        return Some(version.to_string());
    }
    let text = fs_err::read_to_string(folder.join("pyproject.toml")).ok()?;
    let table = text.parse::<toml::Table>().ok()?;
    let range = table.get("project")?.get("requires-python")?.as_str()?;
    let all = facts::runtimes().iter().filter_map(|runtime| runtime.python.parse::<PythonVersion>().ok());
    let default = default.parse::<PythonVersion>().ok();
    default.into_iter().chain(all).find(|python| allows_python(range, *python)).map(|python| python.to_string())
}

/// `3.13`, from `3.13.2` or `cpython-3.13`.
fn known(text: &str) -> Option<PythonVersion> {
    let text = text.trim();
    let text = text.strip_prefix("cpython-").unwrap_or(text);
    let mut parts = text.splitn(3, '.');
    format!("{}.{}", parts.next()?, parts.next()?).parse().ok()
}
