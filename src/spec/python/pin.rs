//! Reads `.python-version` files of uv and pyenv
//! (<https://docs.astral.sh/uv/concepts/python-versions/#python-version-files>, <https://github.com/pyenv/pyenv>).

use camino::{Utf8Path, Utf8PathBuf};

use super::PIN;
use crate::error::{Failure, alternatives};
use crate::files;
use crate::types::PythonVersion;

/// The Python in such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub version: PythonVersion,
    /// File and line, such as `../.python-version:2`, relative to the working directory.
    pub place: String,
    /// The file, absolute.
    pub(super) file: Utf8PathBuf,
}

/// Finds the file in the working directory or the nearest folder above it, up to the repository's root. `None` if there
/// is none, or it names no CPython.
///
/// # Errors
/// The file names a Python that Lambda has no runtime for.
pub(super) fn find(folder: &Utf8Path, workspace: &Utf8Path) -> Result<Option<Pin>, Failure> {
    for file in candidates(folder, workspace) {
        let Ok(text) = fs_err::read_to_string(&file) else { continue };
        let words: Vec<(usize, &str)> =
            text.lines().zip(1..).flat_map(|(line, number)| words(line).map(move |word| (number, word))).collect();
        if !words.is_empty() {
            return first(&words, &file, folder);
        }
    }
    Ok(None)
}

/// The paths to search, the nearest first.
pub(super) fn candidates(folder: &Utf8Path, workspace: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    let root = workspace.canonicalize_utf8().unwrap_or_else(|_| workspace.to_owned());
    let above = folder.ancestors().skip(1).take_while(move |folder| folder.starts_with(&root));
    std::iter::once(folder).chain(above).map(|folder| folder.join(PIN)).collect::<Vec<_>>().into_iter()
}

/// pyenv allows several versions on one line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let text = line.trim_start_matches('\u{feff}').split('#').next().unwrap_or_default();
    text.split(|character: char| character.is_whitespace() || character == ':').filter(|word| !word.is_empty())
}

/// The first version that Lambda has. pyenv's versions are in the order of preference.
fn first(words: &[(usize, &str)], file: &Utf8Path, folder: &Utf8Path) -> Result<Option<Pin>, Failure> {
    let place = |line: usize| format!("{}:{line}", files::relative(folder, file));
    let mut others = words.iter().filter_map(|(line, word)| Some((*line, *word, cpython(word)?)));
    let mut unknown = None;
    let found = others.find_map(|(line, word, minor)| {
        let version = minor.parse::<PythonVersion>().ok();
        if version.is_none() {
            unknown.get_or_insert((line, word));
        }
        Some(Pin { version: version?, place: place(line), file: file.to_owned() })
    });
    match (found, unknown) {
        (None, Some((line, word))) => {
            let supported: Vec<String> = PythonVersion::supported().map(|version| version.to_string()).collect();
            let failure = Failure::user(format!(
                "`{}` contains `{word}`, for which there is no supported Lambda runtime",
                place(line)
            ));
            let known = alternatives(supported.iter().map(String::as_str));
            Err(failure.hint(format!("set `python-version` to the Python version of the layer: {known}")))
        }
        (found, _) => Ok(found),
    }
}

/// The version of a CPython: `3.12` for `3.12.4`, `cpython-3.12.4-linux-x86_64-gnu`, `cpython@3.12`, `python3.12` and
/// `cp312`. A version that Lambda cannot have, such as the free-threaded `3.13t`, is returned unchanged; `None` for
/// other Pythons.
fn cpython(word: &str) -> Option<String> {
    let lower = word.to_lowercase();
    let rest = ["cpython", "python", "cp"].iter().find_map(|name| lower.strip_prefix(name)).unwrap_or(&lower);
    let version = rest.trim_start_matches(['-', '@', '=', 'v']);
    if !version.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if lower.strip_prefix("cp").is_some_and(|digits| digits == version) && version.len() > 1 {
        return Some(format!("{}.{}", &version[..1], &version[1..]));
    }
    let mut parts = version.split('-').next().unwrap_or_default().splitn(3, '.');
    let (major, minor, patch) = (parts.next()?, parts.next(), parts.next());
    let is_free_threaded = lower.contains("freethreaded") || patch.or(minor).is_some_and(|last| last.ends_with('t'));
    match minor {
        // `3` does not name a minor version.
        None => None,
        Some(_) if is_free_threaded => Some(lower),
        Some(minor) => Some(format!("{major}.{minor}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_version_are_read() {
        for (word, minor) in [
            ("3.12", Some("3.12")),
            ("3.12.4", Some("3.12")),
            ("3.13.0rc1", Some("3.13")),
            ("3.12-dev", Some("3.12")),
            ("cpython-3.12", Some("3.12")),
            ("cpython-3.12.4-linux-x86_64-gnu", Some("3.12")),
            ("cpython@3.12.4", Some("3.12")),
            ("CPython3.12", Some("3.12")),
            ("python3.12", Some("3.12")),
            ("cp312", Some("3.12")),
            ("3.13t", Some("3.13t")),
            ("3.13.1t", Some("3.13.1t")),
            ("cpython-3.13+freethreaded", Some("cpython-3.13+freethreaded")),
            ("3", None),
            ("pypy3.10-7.3.17", None),
            ("pypy@3.10", None),
            ("graalpy-24.1.1", None),
            ("miniconda3-3.12-24.7", None),
            ("system", None),
        ] {
            assert_eq!(cpython(word).as_deref(), minor, "{word}");
        }
    }
}
