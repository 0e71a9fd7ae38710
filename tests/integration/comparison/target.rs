//! What a layer of the table is for.

use lambda_layer::types::{Architecture, PythonVersion};
use serde_json::{Value, json};

use super::rows::Build;
use crate::tools::tools;

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

    /// With the patch release that the program takes.
    fn release(&self) -> String {
        self.version().release().to_string()
    }

    fn version(&self) -> PythonVersion {
        self.python.parse().expect("is known")
    }

    pub(super) fn options_of_uv(&self) -> [String; 4] {
        let platform = format!("{}-{}", self.machine(), self.version().runtime().uv_platform);
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
