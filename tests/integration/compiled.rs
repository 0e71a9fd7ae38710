//! What is compiled here has the same bytes wherever it is: for each user, in each folder, from each cache, with each installer.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use lambda_layer::types::Digest;

use crate::harness::{Sandbox, environment, skipped, tools};
use crate::packages::sdist_of;
use crate::zip::{Member, members};

/// A layer that is built from nothing: its content hash, and mode, size and hash of each file, which say what differs.
fn built(
    place: &str,
    installer: &str,
    sources: &dyn Fn(&Sandbox) -> String,
    more: &[(&str, &str)],
    path: &str,
) -> BTreeMap<String, String> {
    let sandbox = Sandbox::new();
    let requirements = sources(&sandbox);
    sandbox.write(&format!("{place}requirements.txt"), requirements);
    let python = tools().python_version();
    // What it compiles may need another glibc than the runtime's, which is no matter here.
    let real = tools().program("python3");
    let old = format!(
        "case \"$*\" in *CS_GNU_LIBC_VERSION*) '{real}' \"$@\" | sed 's/\"glibc\": \"[^\"]*\"/\"glibc\": \"2.17\"/' ;; *) exec '{real}' \"$@\" ;; esac\n"
    );
    sandbox.program(&format!("old/python{python}"), &old);
    let old = sandbox.root().join("old");
    let mut run =
        sandbox.run(&["build", "--output", "layer.zip", "--installer", installer, "--python-version", &python]);
    if !place.is_empty() {
        run = run.args(&["--working-directory", place]);
    }
    run = run.args(&["--fail-on", "never"]);
    for tool in ["uv", "pip"] {
        run = run.env(&format!("{}_CACHE_DIR", tool.to_uppercase()), sandbox.root().join(tool));
    }
    run = more.iter().fold(run, |run, (name, value)| run.env(name, *value));
    let outcome = run.env("PATH", format!("{old}:{path}:{}", tools().path())).run().success();
    let hash = outcome.stdout.lines().find_map(|line| line.trim().strip_prefix("content hash")).expect("is told");
    let of = |member: Member| {
        format!("{:o}, {} bytes, {}", member.mode, member.bytes.len(), Digest::of(&member.bytes).hex())
    };
    let files =
        members(&sandbox.path(&format!("{place}layer.zip"))).into_iter().map(|(name, member)| (name, of(member)));
    files.chain([("content hash".to_owned(), hash.trim().to_owned())]).collect()
}

fn has_compiler() -> bool {
    let python = std::process::Command::new(tools().program("python3"))
        .args(["-c", "import os, sysconfig; exit(not os.path.exists(sysconfig.get_path('include') + '/Python.h'))"])
        .status();
    let has = |name: &str| std::process::Command::new(name).arg("--version").output().is_ok();
    python.is_ok_and(|status| status.success()) && has("cc") && has("c++")
}

const PROJECT: &str = "[build-system]\nrequires = [\"setuptools==80.9.0\", \"cython==3.1.4\"]\nbuild-backend = \"setuptools.build_meta\"\n";

/// With all that a compiler may write a place into, also by its full name.
const SETUP: &str = "
import os
from setuptools import setup, Extension
from Cython.Build import cythonize
setup(name='mixed', version='1.0', ext_modules=cythonize([
    Extension('mixed_c', ['src/c.c'], extra_compile_args=['-g3']),
    Extension('mixed_absolute', [os.path.abspath('src/absolute.c')]),
    Extension('mixed_cc', ['src/cc.cpp']),
    Extension('mixed_cython', ['src/cython.pyx']),
]))
";

fn module(name: &str) -> String {
    format!(
        "#include <Python.h>\n#undef NDEBUG\n#include <assert.h>\n\
        static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, \"{name}\", __FILE__ __DATE__ __TIME__, -1, NULL}};\n\
        PyMODINIT_FUNC PyInit_{name}(void) {{ assert(module.m_size == -1); return PyModule_Create(&module); }}\n"
    )
}

fn mixed_files() -> Vec<(&'static str, String)> {
    let cc = module("mixed_cc")
        .replace("#include <Python.h>\n", "#include <Python.h>\n#include <string>\n#include <vector>\n")
        + "namespace { struct Kept { std::vector<std::string> names{__FILE__}; } kept; }\n";
    vec![
        ("pyproject.toml", PROJECT.to_owned()),
        ("setup.py", SETUP.to_owned()),
        ("PKG-INFO", "Metadata-Version: 2.1\nName: mixed\nVersion: 1.0\n".to_owned()),
        ("src/c.c", module("mixed_c")),
        ("src/absolute.c", module("mixed_absolute")),
        ("src/cc.cpp", cc),
        ("src/cython.pyx", "def total(list values):\n    assert values, 'none'\n    return sum(values)\n".to_owned()),
    ]
}

#[test]
fn c_and_cython_become_the_same_bytes_everywhere() {
    if !has_compiler() {
        skipped("no compilers of C and C++, or no headers of Python");
        return;
    }
    let from_sdist = |sandbox: &Sandbox| {
        let files = mixed_files();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let path = sdist_of(&sandbox.root().join("work/sdists"), "mixed", "1.0", &files);
        format!("mixed @ file://{path}\n")
    };
    let from_folder = |sandbox: &Sandbox| {
        for (name, text) in mixed_files() {
            sandbox.write(&format!("mixed/{name}"), text);
        }
        "./mixed\n".to_owned()
    };
    let mut layers = BTreeSet::new();
    for (place, installer) in [("", "uv"), ("deep/er/", "uv"), ("", "pip"), ("deep/er/", "pip")] {
        layers.insert(built(place, installer, &from_sdist, &[], ""));
    }
    layers.insert(built("", "uv", &from_folder, &[], ""));
    assert_eq!(layers.len(), 1, "{layers:#?}");
    // Flags of the user's own decide how it is compiled, and bring no place into it.
    let flags = [("CFLAGS", "-ggdb -O1"), ("LDFLAGS", "-L/nowhere")];
    let own = built("", "uv", &from_sdist, &flags, "");
    assert!(!layers.contains(&own));
    assert_eq!(own, built("deep/er/", "pip", &from_sdist, &flags, ""));
}

/// A program in Rust, with a crate of an index and code that is generated while it is built.
const RUST: &[(&str, &str)] = &[
    (
        "pyproject.toml",
        "[build-system]\nrequires = [\"maturin==1.10.2\"]\nbuild-backend = \"maturin\"\n[project]\nname = \"rusty\"\nversion = \"1.0\"\n[tool.maturin]\nbindings = \"bin\"\n",
    ),
    (
        "Cargo.toml",
        "[package]\nname = \"rusty\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[dependencies]\narrayvec = \"0.7\"\n[profile.release]\ndebug = true\nstrip = \"none\"\n",
    ),
    (
        "build.rs",
        "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    std::fs::write(out + \"/made.rs\", \"pub fn made(x: &[u8]) -> u8 { x[7] }\").unwrap();\n}\n",
    ),
    (
        "src/main.rs",
        "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\nfn main() {\n    let mut all: arrayvec::ArrayVec<u8, 4> = std::env::args().map(|one| one.len() as u8).collect();\n    all.insert(9, 1);\n    println!(\"{}\", made(&all));\n}\n",
    ),
];

#[test]
fn rust_becomes_the_same_bytes_everywhere() {
    let Some(cargo) = environment("CARGO").filter(|_| has_compiler()) else {
        skipped("no cargo, or no compiler of C");
        return;
    };
    let path = Utf8Path::new(&cargo).parent().expect("is in a folder").as_str();
    let from_sdist = |sandbox: &Sandbox| {
        let path = sdist_of(&sandbox.root().join("work/sdists"), "rusty", "1.0", &[RUST, &[PKG_INFO]].concat());
        format!("rusty @ file://{path}\n")
    };
    let from_folder = |sandbox: &Sandbox| {
        for (name, text) in RUST {
            sandbox.write(&format!("rusty/{name}"), text);
        }
        "./rusty\n".to_owned()
    };
    let mut layers = BTreeSet::new();
    // A home of its own, each, with what cargo fetches.
    layers.insert(built("", "uv", &from_sdist, &[], path));
    layers.insert(built("deep/er/", "pip", &from_sdist, &[], path));
    layers.insert(built("", "uv", &from_folder, &[], path));
    assert_eq!(layers.len(), 1, "{layers:#?}");
}

const PKG_INFO: (&str, &str) = ("PKG-INFO", "Metadata-Version: 2.1\nName: rusty\nVersion: 1.0\n");
