//! Lambda's Python runtimes and their operating systems, from `data/runtimes.yml` and `data/systems.yml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::Context as _;
use camino::Utf8Path;
use serde::Deserialize;

use super::{embedded, lambda};

/// One managed Python runtime; see `data/runtimes.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runtime {
    /// The version without the patch number, `3.13`.
    pub python: String,
    /// The newest known patch release, `18` for `3.13.18`.
    patch: u32,
    pub os: String,
    /// The glibc of the runtime, `2.34`: the newest that a wheel may need.
    pub glibc: String,
    /// The platform in uv's terms, without the architecture.
    pub uv_platform: String,
    /// The date (UTC) of deprecation, `2026-10-31`.
    pub deprecated: Option<jiff::civil::Date>,
    /// The first two bytes of the compiled files that it reads, little-endian.
    pub bytecode_magic: u16,
    /// Whether Lambda offers it only as a preview, which may change. Nothing chooses it by default, and there is no
    /// image to build in yet.
    #[serde(default)]
    pub preview: bool,
    #[serde(skip)]
    system: Option<&'static System>,
}

/// The content of `data/runtimes.yml`, with the systems of the other file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtimes {
    /// The Python of layers for which none is given, `3.14`.
    pub default: String,
    /// The runtimes, newest first.
    pub runtimes: Vec<Runtime>,
}

static RUNTIMES: LazyLock<Runtimes> = LazyLock::new(|| {
    Runtimes::read(include_str!("../../data/runtimes.yml"), &SYSTEMS).expect("the data files are checked by a test")
});

impl Runtimes {
    /// Reads a file like `data/runtimes.yml`, and gives each runtime its system.
    ///
    /// # Errors
    /// The file is invalid, or a runtime's system is not among these.
    pub fn read(text: &str, systems: &'static [System]) -> anyhow::Result<Self> {
        let mut table: Self = serde_yaml::from_str(text)?;
        for runtime in &mut table.runtimes {
            let system = systems.iter().find(|system| system.name == runtime.os);
            runtime.system = Some(system.with_context(|| format!("there is no system `{}`", runtime.os))?);
        }
        Ok(table)
    }

    /// The runtimes of this program.
    pub fn own() -> &'static Self {
        &RUNTIMES
    }

    /// The runtimes with an image to build in. Amazon publishes one (`public.ecr.aws/sam/build-python3.14`) unless a
    /// runtime is only a preview.
    pub fn with_image(&self) -> impl Iterator<Item = &Runtime> {
        self.runtimes.iter().filter(|runtime| !runtime.preview)
    }
}

/// Supported runtimes, newest first.
pub fn runtimes() -> &'static [Runtime] {
    &RUNTIMES.runtimes
}

/// The Python of layers for which none is given, `3.14`.
pub fn default_python() -> &'static str {
    &RUNTIMES.default
}

impl Runtime {
    pub fn system(&self) -> &'static System {
        self.system.expect("every runtime is read with its system")
    }

    /// Whether the dynamic linker finds a library of the system or of Python, `libz.so.1`.
    pub fn has_library(&self, name: &str) -> bool {
        self.system().has_library(name) || name == format!("libpython{}.so.1.0", self.python) || name == "libpython3.so"
    }

    /// Whether such a library has this path, relative to `/`. The name in the path may contain a longer version,
    /// `libz.so.1.2.11`.
    pub fn is_library(&self, place: &Utf8Path) -> bool {
        let is_folder =
            place.parent().is_some_and(|folder| lambda().library_folders.iter().any(|known| folder == known));
        let name = place.file_name().unwrap_or_default();
        let shorter = name.match_indices('.').map(|(end, _)| &name[..end]);
        is_folder && shorter.chain([name]).any(|name| self.has_library(name))
    }
}

/// The patch release of a runtime, `18` for 3.13.18: that of the runtime's own image if this program runs in it,
/// otherwise the newest known one.
pub fn patch_release(runtime: &Runtime) -> u32 {
    // C compilers read this file, so every image that can build has it.
    let header = format!("/var/lang/include/python{}/patchlevel.h", runtime.python);
    let of_image = fs_err::read_to_string(header).ok().and_then(|text| patch_of_header(&text));
    of_image.unwrap_or(runtime.patch)
}

/// The number in `#define PY_MICRO_VERSION        9`.
fn patch_of_header(text: &str) -> Option<u32> {
    let value = text.lines().find_map(|line| line.strip_prefix("#define PY_MICRO_VERSION"))?;
    value.split_whitespace().next()?.parse().ok()
}

/// The operating system of a runtime, as compiled code sees it; see `data/systems.yml` for the sources.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct System {
    /// The value of `os` for the runtimes with this system.
    pub name: String,
    /// The highest version of each kind of symbol: `3.4.29` for `GLIBCXX`.
    pub symbol_versions: BTreeMap<String, String>,
    /// Names that programs link against (`libz.so.1`), grouped in lines.
    libraries: Vec<Vec<String>>,
}

static SYSTEMS: LazyLock<Vec<System>> = LazyLock::new(|| embedded(include_str!("../../data/systems.yml")));

impl System {
    /// Whether the dynamic linker finds a library outside of the layer.
    pub fn has_library(&self, name: &str) -> bool {
        self.libraries.iter().flatten().any(|library| library == name)
    }

    /// Whether it is one of these libraries, by a name without version, `libz`.
    pub fn has_library_called(&self, stem: &str) -> bool {
        let is_it = |library: &String| library.strip_prefix(stem).is_some_and(|rest| rest.starts_with(".so"));
        self.libraries.iter().flatten().any(is_it)
    }
}

#[cfg(test)]
impl Runtimes {
    /// A future Python and operating system, as somebody would add them.
    pub(crate) fn invented() -> &'static Runtime {
        let systems = "- { name: Amazon Linux 2039, symbol-versions: { GLIBC: '2.61' }, libraries: [[libc.so.6]] }";
        let systems: &[System] = serde_yaml::from_str::<Vec<System>>(systems).unwrap().leak();
        let text = "
            default: '3.98'
            runtimes:
              - { python: '3.98', patch: 7, os: Amazon Linux 2039, glibc: '2.61', uv-platform: manylinux_2_61, bytecode-magic: 7800, deprecated: 2045-06-30 }";
        let table = Box::leak(Box::new(Self::read(text, systems).unwrap()));
        &table.runtimes[0]
    }
}

#[cfg(test)]
mod tests {
    use super::Runtimes;

    #[test]
    fn a_new_python_and_its_system_are_data() {
        let runtime = Runtimes::invented();
        assert_eq!(runtime.system().symbol_versions["GLIBC"], "2.61");
        assert!(runtime.has_library("libpython3.98.so.1.0") && !runtime.has_library("libssl.so.3"));
        let one = "default: '3.98'\nruntimes: [{ python: '3.98', patch: 0, os: BeOS, glibc: '2.61', uv-platform: x, bytecode-magic: 1 }]";
        assert_eq!(Runtimes::read(one, &[]).unwrap_err().to_string(), "there is no system `BeOS`");
    }

    /// The default of each major version of this program. Lines are only added, never changed.
    const DEFAULTS: &[(&str, &str)] = &[("0", "3.14"), ("1", "3.14")];

    #[test]
    fn the_default_is_no_preview() {
        let table = Runtimes::own();
        assert!(table.with_image().any(|runtime| runtime.python == table.default));
    }

    #[test]
    fn the_default_stays_within_a_major_version() {
        let (_, default) = DEFAULTS.iter().find(|(major, _)| *major == env!("CARGO_PKG_VERSION_MAJOR")).unwrap();
        assert_eq!(super::default_python(), *default);
    }

    #[test]
    fn an_image_tells_its_patch_release() {
        let header = "#define PY_MINOR_VERSION        13\n#define PY_MICRO_VERSION        9\n";
        assert_eq!(super::patch_of_header(header), Some(9));
        assert_eq!(super::patch_of_header("#define PY_MICRO_VERSION\n"), None);
    }
}
