//! Folders outside of the layer that its files name: folders on Python's search path, and the source folders of
//! distributions. Editable installs leave such files in `site-packages` instead of the code.
//!
//! `.pth` files: <https://docs.python.org/3/library/site.html>. `direct_url.json`:
//! <https://packaging.python.org/en/latest/specifications/direct-url/>. The finders of setuptools, hatchling,
//! pdm-backend, scikit-build-core and meson-python are modules that a `.pth` file imports:
//! `__editable___app_1_0_finder.py`, `_editable_impl_app.py`, `_app_editable_loader.py`.

use camino::{Utf8Path, Utf8PathBuf};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// A folder that a file names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Place {
    /// Python searches it for modules. Absolute, or relative to the file's folder.
    Searched(Utf8PathBuf),
    /// The code of an editable install is there, and not in the layer.
    Edited(Utf8PathBuf),
    /// The distribution was copied from there.
    Source(Utf8PathBuf),
}

/// The largest file that is read, in bytes. `.pth` files, finders and metadata have a few lines; larger files only have
/// such a name.
const LONGEST: usize = 256 * 1024;

/// The folders that a file names. `path` is relative to `/opt`.
pub(super) fn of(path: &Utf8Path, bytes: &[u8]) -> Vec<Place> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let is_info = folder.extension() == Some("dist-info") && folder.parent().is_some_and(is_package_folder);
    let is_finder = || name.starts_with('_') && name.contains("editable") && is_package_folder(folder);
    let read = match path.extension() {
        Some("pyc") if is_finder() => return of_compiled(bytes),
        Some("json") if is_info && name == "direct_url.json" => of_direct_url,
        Some("pth") if is_package_folder(folder) => of_pth,
        Some("egg-link") if is_package_folder(folder) => of_egg_link,
        Some("py") if is_finder() => of_code,
        _ => return Vec::new(),
    };
    // Weights of machine learning models are also called `.pth`.
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST && !text.contains('\0'));
    text.map(read).unwrap_or_default()
}

/// Whether Python looks in this folder for `.pth` files and distributions, whatever the Python version.
pub fn is_package_folder(folder: &Utf8Path) -> bool {
    let parts: Vec<&str> = folder.components().map(|part| part.as_str()).collect();
    matches!(parts.as_slice(), ["python"] | ["python", "lib", _, "site-packages"])
}

/// Each line is either a folder or code.
fn of_pth(text: &str) -> Vec<Place> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_end);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let of_line = |line: &str| {
        if !line.starts_with("import ") && !line.starts_with("import\t") {
            return vec![Place::Searched(line.into())];
        }
        let changes_path = ["sys.path", "addsitedir"].iter().any(|word| line.contains(word));
        if changes_path { of_code(line) } else { Vec::new() }
    };
    lines.flat_map(of_line).collect()
}

/// The first line is the project's folder; the second leads from there to the folder of the metadata.
fn of_egg_link(text: &str) -> Vec<Place> {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(|line| Place::Edited(line.into()))
        .into_iter()
        .collect()
}

/// Absolute paths in quotes.
fn of_code(text: &str) -> Vec<Place> {
    let quoted = text.match_indices(['\'', '"']).filter_map(|(start, quote)| {
        let rest = &text[start + 1..];
        let path = &rest[..rest.find([quote.chars().next()?, '\n'])?];
        is_absolute(path).then(|| Place::Searched(path.replace("\\\\", "\\").into()))
    });
    quoted.collect()
}

/// The same for a module without its source: in the marshal format, a short text follows its length (`TYPE_SHORT_ASCII`
/// in CPython's `Python/marshal.c`, plain and interned, with or without the reference flag).
fn of_compiled(bytes: &[u8]) -> Vec<Place> {
    let texts = bytes.windows(2).enumerate().filter_map(|(start, head)| {
        let is_text = matches!(head[0] & 0x7f, b'z' | b'Z');
        let text = bytes.get(start + 2..)?.get(..usize::from(head[1]))?;
        std::str::from_utf8(text).ok().filter(|text| is_text && text.is_ascii() && is_absolute(text))
    });
    texts.map(|text| Place::Searched(text.into())).collect()
}

fn of_direct_url(text: &str) -> Vec<Place> {
    let direct_url: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let Some(path) = direct_url["url"].as_str().and_then(path_of) else { return Vec::new() };
    let is_editable = direct_url["dir_info"]["editable"].as_bool() == Some(true);
    vec![if is_editable { Place::Edited(path) } else { Place::Source(path) }]
}

/// The path in a `file:` URL.
fn path_of(url: &str) -> Option<Utf8PathBuf> {
    let rest = url.strip_prefix("file:")?;
    // The URL may have a host, which is this machine.
    let path = rest.strip_prefix("//").map_or(rest, |rest| &rest[rest.find('/').unwrap_or(rest.len())..]);
    let path = path.split(['#', '?']).next()?;
    Some(percent_decode_str(path).decode_utf8_lossy().into_owned().into())
}

/// Whether the path is absolute on Linux or on Windows.
pub fn is_absolute(path: &str) -> bool {
    let is_name = |first: Option<char>| first.is_some_and(|first| first.is_alphanumeric() || "._-~".contains(first));
    if let Some(rest) = path.strip_prefix('/') {
        return is_name(rest.chars().next());
    }
    let mut letters = path.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.next() == Some(':')
        && letters.next().is_some_and(|third| third == '/' || third == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places_in(path: &str, text: &str) -> String {
        format!("{:?}", of(path.into(), text.as_bytes()))
    }

    #[test]
    fn lines_of_pth_files_are_folders_or_code() {
        let of = |path: &str| places_in(path, "/home/me");
        let places_in = |text: &str| places_in("python/a.pth", text);
        insta::assert_snapshot!(places_in("# comment\n\n/home/me/src \nwin32\\lib\n../more"), @r#"[Searched("/home/me/src"), Searched("win32\\lib"), Searched("../more")]"#);
        assert_eq!(places_in("import __editable___app_1_0_finder; __editable___app_1_0_finder.install()"), "[]");
        insta::assert_snapshot!(places_in("import sys; sys.path.insert(0, \"C:\\\\Users\\\\me\\\\src\"); x('/a/b')"), @r#"[Searched("C:\\Users\\me\\src"), Searched("/a/b")]"#);
        // Ordinary files, as every layer has them.
        assert_eq!(
            places_in("import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local')"),
            "[]"
        );
        assert_eq!(places_in("import os; exec(\"open('/etc/ssl/certs/own.pem')\")"), "[]");
        let nspkg = "import sys, types, os;p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('google',));";
        assert_eq!(places_in(nspkg), "[]");
        // Neither model weights nor files of other folders are read.
        assert_eq!(places_in("\0/home/me"), "[]");
        assert_eq!(of("python/model/weights.pth"), "[]");
        assert_ne!(of("python/lib/python3.12/site-packages/a.pth"), "[]");
    }

    #[test]
    fn finders_name_folders() {
        let setuptools = "from __future__ import annotations\nMAPPING: dict[str, str] = {'app': '/home/me/src/app'}\n\
            NAMESPACES: dict[str, list[str]] = {}\nPATH_PLACEHOLDER = '__editable__.app-1.0.finder' + \".__path_hook__\"\n";
        let hatch = "F.map_module('app', '/home/me/src/app/__init__.py')\n";
        let meson = "name.split('/')[-1]\ninstall('app', {'app'}, '/home/me/build', ['/root/bin/ninja'], False)\n";
        for (name, text) in [
            ("__editable___app_1_0_finder.py", setuptools),
            ("_editable_impl_app.py", hatch),
            ("_app_editable_loader.py", meson),
        ] {
            insta::allow_duplicates! {
                assert!(places_in(&format!("python/{name}"), text).starts_with("[Searched(\"/home/me/"), "{name}");
            }
        }
        let compiled = b"\xfa\x0d__editable__.\xda\x0c/home/me/src\xfa\x03/'x";
        let found = of("python/__editable___app_1_0_finder.pyc".into(), compiled);
        assert_eq!(found, [Place::Searched("/home/me/src".into())]);
        assert_eq!(places_in("python/editable_grid.py", "STATIC = '/static/grid'"), "[]");
        insta::assert_snapshot!(places_in("python/app.egg-link", "/home/me/app\n."), @r#"[Edited("/home/me/app")]"#);
    }

    #[test]
    fn direct_urls_name_the_source() {
        let places_in = |text: &str| places_in("python/app-1.0.dist-info/direct_url.json", text);
        insta::assert_snapshot!(places_in(r#"{"url": "file:///home/me/my%20app", "dir_info": {"editable": true}}"#), @r#"[Edited("/home/me/my app")]"#);
        insta::assert_snapshot!(places_in(r#"{"url": "file://localhost/home/me/app", "dir_info": {}}"#), @r#"[Source("/home/me/app")]"#);
        insta::assert_snapshot!(places_in(r#"{"url": "file:///home/me/app-1.0.whl", "archive_info": {}}"#), @r#"[Source("/home/me/app-1.0.whl")]"#);
        assert_eq!(places_in(r#"{"url": "https://host/app.git", "vcs_info": {"vcs": "git"}}"#), "[]");
        assert_eq!(places_in("no JSON"), "[]");
    }
}
