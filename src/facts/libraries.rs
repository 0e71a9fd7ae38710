//! Shared libraries that distributions do not need although they ask for them, and those that are missing, from
//! `data/libraries.yml`.

use std::sync::LazyLock;

use camino::Utf8Path;
use serde::Deserialize;

use super::embedded;

/// See `data/libraries.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Libraries {
    optional: Vec<OptionalLibrary>,
    replacements: Vec<Replacement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct OptionalLibrary {
    library: String,
    /// A glob relative to the folder of packages.
    files: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Replacement {
    of: String,
    by: String,
}

static LIBRARIES: LazyLock<Libraries> = LazyLock::new(|| embedded(include_str!("../../data/libraries.yml")));

/// Whether a file works without a library that its headers name. The path is relative to the folder of packages.
pub fn is_optional_library(library: &str, path: &Utf8Path) -> bool {
    let mut known = LIBRARIES.optional.iter().filter(|known| known.library == library);
    known.any(|known| globset::Glob::new(&known.files).is_ok_and(|glob| glob.compile_matcher().is_match(path)))
}

/// The distribution that can replace one whose libraries are missing.
pub fn replacement(distribution: &str) -> Option<&'static str> {
    LIBRARIES.replacements.iter().find(|known| known.of == distribution).map(|known| known.by.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_libraries_are_not_missed() {
        let file = Utf8Path::new("numba/np/ufunc/tbbpool.cpython-313-x86_64-linux-gnu.so");
        assert!(is_optional_library("libtbb.so.12", file));
        assert!(!is_optional_library("libz.so.1", file));
        assert_eq!((replacement("psycopg2"), replacement("numpy")), (Some("psycopg2-binary"), None));
        for known in &LIBRARIES.optional {
            assert!(globset::Glob::new(&known.files).is_ok(), "{}", known.files);
        }
    }
}
