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
    /// Lambda offers it to be tried, so that it may change, and nothing chooses it by itself. There is no image to build
    /// in yet.
    #[serde(default)]
    pub preview: bool,
    #[serde(skip)]
    system: Option<&'static System>,
}

/// The file, with the systems of the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtimes {
    /// The Python of layers for which nobody says one, `3.14`.
    pub default: String,
    /// Newest first.
    pub runtimes: Vec<Runtime>,
}

static RUNTIMES: LazyLock<Runtimes> = LazyLock::new(|| {
    Runtimes::read(include_str!("../../data/runtimes.yml"), &SYSTEMS).expect("the data files are checked by a test")
});

impl Runtimes {
    /// Those of a file as `data/runtimes.yml`, each with its system.
    ///
    /// # Errors
    /// It is none, or a runtime's system is none of these.
    pub fn read(text: &str, systems: &'static [System]) -> anyhow::Result<Self> {
        let mut table: Self = serde_yaml::from_str(text)?;
        for runtime in &mut table.runtimes {
            let system = systems.iter().find(|system| system.name == runtime.os);
            runtime.system = Some(system.with_context(|| format!("there is no system `{}`", runtime.os))?);
        }
        Ok(table)
    }

    /// Those of this program.
    pub fn own() -> &'static Self {
        &RUNTIMES
    }

    /// Those that have an image to build in: Amazon makes it (`public.ecr.aws/sam/build-python3.14`) for what is no preview.
    pub fn with_image(&self) -> impl Iterator<Item = &Runtime> {
        self.runtimes.iter().filter(|runtime| !runtime.preview)
    }
}

/// Supported runtimes, newest first.
pub fn runtimes() -> &'static [Runtime] {
    &RUNTIMES.runtimes
}

/// The Python of layers for which nobody says one, `3.14`.
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
impl Runtimes {
    /// A Python and an operating system to come, as somebody would add them.
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

    /// The default of each major version of this program. A line is added, and none is changed.
    const DEFAULTS: &[(&str, &str)] = &[("0", "3.14")];

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
