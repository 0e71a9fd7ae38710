//! Lambda's Python runtimes and their operating systems, from `data/runtimes.yml` and `data/systems.yml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use camino::Utf8Path;
use serde::Deserialize;

use super::{embedded, lambda};

/// One managed Python runtime; see `data/runtimes.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runtime {
    /// `3.13`
    pub python: String,
    /// `18` of `3.13.18`, the newest patch release that is known.
    patch: u32,
    pub os: String,
    /// glibc of the runtime, `2.34`: what a wheel may need at most.
    pub glibc: String,
    /// The platform to ask uv for, without the architecture.
    pub uv_platform: String,
    /// Date (UTC) of deprecation, `2026-10-31`.
    pub deprecated: Option<jiff::civil::Date>,
    /// First two bytes of the compiled files that it reads, little-endian.
    pub bytecode_magic: u16,
}

static RUNTIMES: LazyLock<Vec<Runtime>> = LazyLock::new(|| embedded(include_str!("../../data/runtimes.yml")));

/// Supported runtimes, newest first.
pub fn runtimes() -> &'static [Runtime] {
    &RUNTIMES
}

impl Runtime {
    pub fn system(&self) -> &'static System {
        SYSTEMS.iter().find(|system| system.name == self.os).expect("the data files are checked by a test")
    }

    /// Whether the dynamic linker finds a library of the system or of Python, `libz.so.1`.
    pub fn has_library(&self, name: &str) -> bool {
        self.system().has_library(name) || name == format!("libpython{}.so.1.0", self.python) || name == "libpython3.so"
    }

    /// Whether such a library is at a place seen from `/`, whose name may have more of its version, `libz.so.1.2.11`.
    pub fn is_library(&self, place: &Utf8Path) -> bool {
        let is_folder =
            place.parent().is_some_and(|folder| lambda().library_folders.iter().any(|known| folder == known));
        let name = place.file_name().unwrap_or_default();
        let shorter = name.match_indices('.').map(|(end, _)| &name[..end]);
        is_folder && shorter.chain([name]).any(|name| self.has_library(name))
    }
}

/// The patch release of a runtime, `18` of 3.13.18: that of the runtime's own image where this program runs in it, else
/// the newest that is known.
pub fn patch_release(runtime: &Runtime) -> u32 {
    // C compilers read it, so every image that can build has it.
    let header = format!("/var/lang/include/python{}/patchlevel.h", runtime.python);
    let of_image = fs_err::read_to_string(header).ok().and_then(|text| patch_of_header(&text));
    of_image.unwrap_or(runtime.patch)
}

/// `#define PY_MICRO_VERSION        9`
fn patch_of_header(text: &str) -> Option<u32> {
    let value = text.lines().find_map(|line| line.strip_prefix("#define PY_MICRO_VERSION"))?;
    value.split_whitespace().next()?.parse().ok()
}

/// The operating system of a runtime, as compiled code sees it; see `data/systems.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct System {
    /// `os` of the runtimes that have it.
    pub name: String,
    /// `GLIBCXX` to `3.4.29`: the highest version of such symbols.
    pub symbol_versions: BTreeMap<String, String>,
    /// Names that programs link against (`libz.so.1`), in lines.
    libraries: Vec<Vec<String>>,
}

static SYSTEMS: LazyLock<Vec<System>> = LazyLock::new(|| embedded(include_str!("../../data/systems.yml")));

impl System {
    /// Whether the dynamic linker finds a library outside of the layer.
    pub fn has_library(&self, name: &str) -> bool {
        self.libraries.iter().flatten().any(|library| library == name)
    }

    /// Whether it is one of those, by a name without version, `libz`.
    pub fn has_library_called(&self, stem: &str) -> bool {
        let is_it = |library: &String| library.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".so"));
        self.libraries.iter().flatten().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_image_tells_its_patch_release() {
        let header = "#define PY_MINOR_VERSION        13\n#define PY_MICRO_VERSION        9\n";
        assert_eq!(super::patch_of_header(header), Some(9));
        assert_eq!(super::patch_of_header("#define PY_MICRO_VERSION\n"), None);
    }
}
