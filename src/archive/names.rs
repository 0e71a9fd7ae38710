//! Validates the names of entries as paths inside the layer.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::layer::Finding;

/// `PATH_MAX` of Linux, which counts a byte at the end.
const LONGEST_PATH: usize = 4095;
/// `NAME_MAX` of Linux.
const LONGEST_NAME: usize = 255;

/// The path in the layer that a name in a zip stands for; empty for the layer itself (`./`).
///
/// # Errors
/// What is wrong with it, as in "`NAME` …".
pub(super) fn path(name: &[u8]) -> Result<Utf8PathBuf, &'static str> {
    if name.len() > LONGEST_PATH {
        return Err("has a path that is longer than Linux allows (4095 bytes)");
    }
    let name = str::from_utf8(name).map_err(|_invalid| "is not UTF-8")?;
    if name.contains(char::is_control) {
        return Err("has a control character in its name");
    }
    if name.contains('\\') {
        return Err("has a backslash in its name, which is not a path separator on Linux");
    }
    let mut start = name.chars();
    let is_drive = start.next().is_some_and(|first| first.is_ascii_alphabetic()) && start.next() == Some(':');
    if is_drive && matches!(start.next(), Some('/') | None) {
        return Err("begins with a drive letter");
    }
    let mut path = Utf8PathBuf::new();
    for component in Utf8Path::new(name).components() {
        match component {
            Utf8Component::Normal(part) if part.len() > LONGEST_NAME => {
                return Err("has a name that is longer than Linux allows (255 bytes)");
            }
            Utf8Component::Normal(part) => path.push(part),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => return Err("leaves its folder with `..`"),
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return Err("is an absolute path"),
        }
    }
    Ok(path)
}

/// The finding for a name that is no path; it can be shown.
pub(super) fn refused(name: &str, why: &str) -> Finding {
    Finding::error(
        "unsafe-path",
        name,
        format!("`{name}` {why}"),
        "create the zip again from inside the layer's folder, with paths such as `python/package/module.py`",
    )
}

/// A name as it can be shown, whatever is in it.
pub(super) fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(name);
    let escaped = |character: char| match character {
        '`' => "'".to_owned(),
        character if character.is_control() => character.escape_debug().to_string(),
        character => character.to_string(),
    };
    let mut shown: String = text.chars().take(LONGEST).map(escaped).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_inside_or_nothing() {
        assert_eq!(path(b"./python//x/./y.py").as_deref(), Ok(Utf8Path::new("python/x/y.py")));
        assert_eq!(path("python/naïve:1.py".as_bytes()).as_deref(), Ok(Utf8Path::new("python/naïve:1.py")));
        assert_eq!(path(b"./").as_deref(), Ok(Utf8Path::new("")));
        assert!(path("a/".repeat(2000).as_bytes()).is_ok() && path("a/".repeat(3000).as_bytes()).is_err());
        for wrong in [
            &b"../x"[..],
            b"python/../x",
            b"/etc/passwd",
            b"C:/x",
            b"c:",
            b"a\\b",
            b"a\0b",
            b"\xff",
            b"a\nb",
            &[b'a'; 256],
        ] {
            assert!(path(wrong).is_err(), "{}", shown(wrong));
        }
        assert_eq!(shown(b"a\n`\xff"), "a\\n'\u{fffd}");
    }
}
