//! What a layer of the table is for.

use std::collections::BTreeMap;

use camino::Utf8Path;
use lambda_layer::types::{Architecture, PythonVersion};
use serde_json::{Value, json};

use super::rows::Build;
use crate::tools::tools;

/// The newest patch releases, where the data has none.
const RELEASES: &[&str] = &["3.9.25", "3.10.22", "3.11.18", "3.12.16", "3.13.18", "3.14.10"];

/// Python, as tools and the program are told, and processor.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) python: String,
    pub(super) architecture: String,
}

impl Target {
    pub(super) fn of(build: &Build) -> Self {
        let this_machine = || Architecture::of_this_machine().map_or("x86_64".to_owned(), |known| known.to_string());
        Self {
            python: build.python.clone().unwrap_or_else(|| tools().python_version()),
            architecture: build.architecture.clone().unwrap_or_else(this_machine),
        }
    }

    /// Whether it is this machine's Python, which pip and the tools of locks install for.
    pub(super) fn is_here(&self) -> bool {
        self.python == tools().python_version()
            && Some(self.architecture.as_str())
                == Architecture::of_this_machine().map(|known| known.to_string()).as_deref()
    }

    fn machine(&self) -> &'static str {
        self.architecture.parse::<Architecture>().expect("is known").machine()
    }

    /// The patch release: the newest that `data/runtimes.yml` knows.
    fn release(&self) -> String {
        let file = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("data/runtimes.yml");
        let runtimes = serde_yaml::from_str::<Vec<BTreeMap<String, serde_yaml::Value>>>;
        let runtimes = runtimes(&fs_err::read_to_string(file).expect("is there")).expect("is a list of runtimes");
        let values = runtimes.iter().flat_map(BTreeMap::values).filter_map(serde_yaml::Value::as_str);
        let of_this = format!("{}.", self.python);
        let known = values.into_iter().find(|value| value.starts_with(&of_this));
        known
            .or_else(|| RELEASES.iter().copied().find(|value| value.starts_with(&of_this)))
            .expect("is known")
            .to_owned()
    }

    pub(super) fn options_of_uv(&self) -> [String; 4] {
        let python: PythonVersion = self.python.parse().expect("is known");
        let platform = format!("{}-{}", self.machine(), python.runtime().uv_platform);
        ["--python-version".to_owned(), self.release(), "--python-platform".to_owned(), platform]
    }

    /// What decides markers (PEP 508).
    pub(super) fn markers(&self) -> Value {
        json!({
            "implementation_name": "cpython", "implementation_version": self.release(), "os_name": "posix",
            "platform_machine": self.machine(), "platform_python_implementation": "CPython", "platform_release": "",
            "platform_system": "Linux", "platform_version": "", "python_full_version": self.release(),
            "python_version": self.python, "sys_platform": "linux",
        })
    }
}
