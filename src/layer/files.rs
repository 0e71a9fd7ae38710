//! Which files of a layer are listed one by one.

use camino::{Utf8Path, Utf8PathBuf};

use crate::layer::{File, Kind};

/// `python/app` of `python/app/main.py`; `None` for what is of a distribution, and for bytecode of modules beside it.
pub(crate) fn place_of_other(path: &Utf8Path, file: &File) -> Option<Utf8PathBuf> {
    if file.distribution().is_some() {
        return None;
    }
    let parts: Vec<&str> = path.components().map(|part| part.as_str()).collect();
    let depth = if matches!(parts.as_slice(), ["python", "lib", _, "site-packages", ..]) { 5 } else { 2 };
    let place: Utf8PathBuf = parts.iter().take(depth).collect();
    (place.file_name() != Some("__pycache__")).then_some(place)
}

/// Whether a file of a layer is such a library.
pub(crate) fn is_bundled(path: &Utf8Path, file: &File) -> bool {
    let is_folder = path.parent().is_some_and(|folder| folder.extension() == Some("libs"));
    let is_library = path.file_name().is_some_and(|name| name.split('.').skip(1).any(|part| part == "so"));
    is_library && is_folder && matches!(file.kind, Kind::File { .. })
}

/// Licences are files of these names, whatever stands behind, or stand in folders that are made for them (PEP 639).
pub(crate) fn is_licence_text(path: &Utf8Path, file: &File) -> bool {
    const NAMES: &[&str] = &["license", "licence", "copying", "notice", "copyright", "unlicense"];
    const CODE: &[&str] = &["py", "pyc", "pyi", "pyx", "pxd", "so", "c", "h", "js", "ts", "css", "json", "yml", "yaml"];
    let is_code = path.extension().is_some_and(|extension| CODE.contains(&extension));
    let in_licences = || path.ancestors().skip(1).any(is_folder_of_licences);
    let is_named = || {
        let name = path.file_name().unwrap_or_default().to_lowercase();
        let rest = NAMES.iter().find_map(|start| name.strip_prefix(start)).map(|rest| rest.trim_start_matches('s'));
        rest.is_some_and(|rest| !rest.starts_with(|first: char| first.is_ascii_lowercase()))
    };
    !file.kind.is_link() && !is_code && (in_licences() || is_named())
}

fn is_folder_of_licences(folder: &Utf8Path) -> bool {
    let is_info = folder.parent().is_some_and(|info| info.extension() == Some("dist-info"));
    is_info && matches!(folder.file_name(), Some("licenses" | "license_files"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Layer;

    #[test]
    fn licences_are_told_from_code() {
        let is_text = |path: &str| {
            let layer = Layer::of_paths(&[path]);
            is_licence_text(Utf8Path::new(path), &layer.files[Utf8Path::new(path)])
        };
        for path in [
            "python/a-1.dist-info/LICENSE",
            "python/a-1.dist-info/licenses/AUTHORS.rst",
            "python/a-1.dist-info/licenses/vendored/x/MIT.txt",
            "python/numpy/LICENSES_bundled.txt",
            "python/a/Licence-MIT.md",
            "python/a/COPYING.LESSER",
            "python/a/NOTICE",
        ] {
            assert!(is_text(path), "{path}");
        }
        for path in ["python/a/license.py", "python/a/licenses/x.dat", "python/a/noticeboard.txt", "python/a/README"] {
            assert!(!is_text(path), "{path}");
        }
    }
}
