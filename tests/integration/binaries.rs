//! Compiled files that the target cannot load, as they come about: folders filled for another machine, wheels from
//! elsewhere, libraries that nobody brings.

use std::process::Command;

use camino::Utf8Path;

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::wheel_of;

pub(crate) const HERE: &str = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };

pub(crate) fn build(sandbox: &Sandbox, python: &str, architecture: &str, arguments: &[&str]) -> Outcome {
    let run = sandbox.run(&["build", "--output", "layer.zip", "--python-version", python]);
    run.args(&["--architecture", architecture]).args(arguments).run()
}

/// What was said of findings, with the name of this machine's processor taken out.
pub(crate) fn findings(outcome: &Outcome) -> String {
    let words = ["error:", "cause:", "hint:", "warning:", "notice:"];
    let lines = outcome.stderr.lines().filter(|line| words.iter().any(|word| line.starts_with(word)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Fills a folder as people do on another machine, or with a platform that they looked up somewhere.
fn vendor(sandbox: &Sandbox, requirement: &str, python: &str, platform: &str) {
    let mut uv = Command::new(tools().program("uv"));
    uv.args(["pip", "install", "--quiet", "--no-config", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy"]);
    uv.args(["--target", sandbox.path("vendor").as_str(), "--python-version", python]);
    uv.args(["--python-platform", platform, requirement]);
    uv.env("UV_CACHE_DIR", crate::tools::cache("uv"));
    let output = uv.output().expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles a library of one function that needs nothing, not even the C library.
pub(crate) fn compile(place: &Utf8Path, arguments: &[&str]) {
    fs_err::create_dir_all(place.parent().expect("has a parent")).expect("can be made");
    let name = place.file_name().unwrap_or_default().split('.').next().unwrap_or_default();
    let source = place.with_file_name(format!("{name}.c"));
    fs_err::write(&source, format!("int {name}_function(void) {{ return 1; }}\n")).expect("can be written");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-nostdlib", "-Wl,--no-as-needed", "-o", place.as_str(), source.as_str()]);
    let output = compiler.args(arguments).output().expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs_err::remove_file(source).expect("is there");
}

#[test]
fn what_is_for_another_processor_is_refused() {
    let sandbox = Sandbox::new();
    vendor(&sandbox, "markupsafe==3.0.3", "3.13", "aarch64-manylinux_2_28");
    let outcome = build(&sandbox, "3.13", "x86_64", &["--source", "vendor"]).code(1);
    insta::assert_snapshot!(findings(&outcome), @"
    error: `python/markupsafe/_speedups.cpython-313-aarch64-linux-gnu.so` of own source is compiled for arm64, but the layer is for x86_64
    hint: list the package in the requirements, so that its wheel for Linux on x86_64 is installed, or build it in the runtime's image
    ");
    build(&sandbox, "3.13", "arm64", &["--source", "vendor"]).success();
    // The same folder for another Python.
    let outcome = build(&sandbox, "3.12", "arm64", &["--source", "vendor"]).code(1);
    insta::assert_snapshot!(findings(&outcome), @"
    error: `python/markupsafe/_speedups.cpython-313-aarch64-linux-gnu.so` of own source is built for Python 3.13 (`cpython-313-aarch64-linux-gnu`), so Python 3.12 cannot import it
    hint: list the package in the requirements, so that its wheel for python3.12 on arm64 is installed, or build it in the runtime's image
    ");
}

#[test]
fn a_glibc_that_the_runtime_does_not_have_is_named_once() {
    let sandbox = Sandbox::new();
    vendor(&sandbox, "numpy==2.3.5", "3.11", "x86_64-manylinux_2_28");
    let outcome = build(&sandbox, "3.11", "x86_64", &["--source", "vendor"]).code(1);
    insta::assert_snapshot!(findings(&outcome), @"
    notice:  `f2py`, `numpy-config` in `python/bin` cannot be run by name (put programs that functions run into `bin` at the root of the layer, which is on `PATH`) [not-on-path]
    error: `python/numpy/_core/_multiarray_tests.cpython-311-x86_64-linux-gnu.so` and 5 other files of own source need glibc 2.27 (`GLIBC_2.27`), but Lambda's python3.11 has 2.26
    hint: list the package in the requirements, so that its wheel for `manylinux_2_26_x86_64` or older is installed, or build it in the runtime's image; or use python3.12 or later
    ");
}

#[test]
fn wheels_that_fit_are_not_spoken_of() {
    let sandbox =
        Sandbox::with_requirements("numpy==2.2.6\nlxml==6.0.2\npsycopg2-binary==2.9.11\ncryptography==46.0.3\n");
    for (python, architecture) in [("3.11", "x86_64"), ("3.12", "arm64"), ("3.13", "x86_64")] {
        let outcome = build(&sandbox, python, architecture, &[]).success();
        assert_eq!(findings(&outcome), "", "python{python} on {architecture}");
    }
}

#[test]
fn opencv_needs_a_screen() {
    let sandbox = Sandbox::with_requirements("opencv-python==4.11.0.86\n");
    let outcome = build(&sandbox, "3.13", "x86_64", &["--no-deps", "true"]).code(1);
    insta::assert_snapshot!(findings(&outcome), @"
    warning: `opencv-python` needs `numpy`, which is neither in the layer nor in the runtime (add it to the requirements, unless the function or another layer provides it) [missing-requirement]
    warning: the zip is 59.6 MB, over the 50.0 MB that Lambda accepts without an S3 bucket (publish it through an S3 bucket) [zipped-size]
    error: `python/opencv_python.libs/libQt5Gui-1ce8cbfe.so.5.15.16` and another file of `opencv-python 4.11.0.86` need `libGL.so.1`, which is neither in the layer nor in the runtime
    hint: require `opencv-python-headless` instead, which does not need it
    ");
    let sandbox = Sandbox::with_requirements("opencv-python-headless==4.11.0.86\n");
    let outcome = build(&sandbox, "3.13", "x86_64", &["--no-deps", "true"]).success();
    assert!(!outcome.stderr.contains("notice:"), "{}", outcome.stderr);
}

#[test]
fn a_library_that_nobody_brings_is_missing() {
    let sandbox = Sandbox::new();
    let library = sandbox.root().join("elsewhere/libpq.so.5");
    compile(&library, &["-Wl,-soname,libpq.so.5"]);
    compile(&sandbox.path("own/psycopg/_psycopg.abi3.so"), &[library.as_str()]);
    sandbox.write("own/psycopg/__init__.py", "");
    let outcome = build(&sandbox, "3.13", HERE, &["--source", "own"]).code(1);
    insta::assert_snapshot!(findings(&outcome), @"
    error: `python/psycopg/_psycopg.abi3.so` of own source needs `libpq.so.5`, which is neither in the layer nor in the runtime
    hint: use a wheel that bundles it, or add it with `include`: `…/libpq.so.5=lib/libpq.so.5`
    ");
    // The remedy works.
    fs_err::copy(&library, sandbox.path("libpq.so.5")).expect("can be copied");
    let outcome =
        build(&sandbox, "3.13", HERE, &["--source", "own", "--include", "libpq.so.5=lib/libpq.so.5"]).success();
    assert_eq!(findings(&outcome), "");
}

#[test]
fn a_source_build_is_told_of_its_binary_twin() {
    let sandbox = Sandbox::with_requirements("./psycopg2-2.9.11-py3-none-any.whl\n");
    let library = sandbox.root().join("elsewhere/libpq.so.5");
    compile(&library, &["-Wl,-soname,libpq.so.5"]);
    let module = sandbox.path("_psycopg.abi3.so");
    compile(&module, &[library.as_str()]);
    let module = fs_err::read(module).expect("is there");
    let files: &[(&str, &[u8])] = &[("psycopg2/__init__.py", b""), ("psycopg2/_psycopg.abi3.so", &module)];
    wheel_of(&sandbox.path("."), "psycopg2", "2.9.11", files);
    let outcome = build(&sandbox, "3.13", HERE, &[]).code(1);
    insta::assert_snapshot!(findings(&outcome), @"
    error: `python/psycopg2/_psycopg.abi3.so` of `psycopg2 2.9.11` needs `libpq.so.5`, which is neither in the layer nor in the runtime
    hint: require `psycopg2-binary` instead, which does not need it
    ");
}

#[test]
fn what_strict_systems_refuse_is_a_notice() {
    let sandbox = Sandbox::new();
    compile(&sandbox.path("own/pkg/stack.abi3.so"), &["-z", "execstack"]);
    sandbox.write("own/pkg/__init__.py", "");
    let outcome = build(&sandbox, "3.13", HERE, &["--source", "own", "--fail-on", "warning"]).success();
    insta::assert_snapshot!(findings(&outcome), @"notice:  `python/pkg/stack.abi3.so` of own source asks for an executable stack (glibc 2.41 and later refuse to load such libraries; link it with `-z noexecstack`) [executable-stack]");
}

#[test]
fn files_that_are_no_libraries_are_named() {
    let sandbox = Sandbox::new();
    let whole = sandbox.root().join("whole.so");
    compile(&whole, &[]);
    let bytes = fs_err::read(&whole).expect("is there");
    sandbox.write("own/pkg/__init__.py", "");
    sandbox.write("own/pkg/cut.so", &bytes[..bytes.len() / 8]);
    sandbox.write("own/pkg/empty.so", "");
    sandbox.write("own/pkg/pointer.so", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    sandbox.write("own/pkg/claim.so", "\x7fELF");
    // What stands for a library while others are compiled is fine.
    sandbox.write("own/pkg/libscript.so", "/* GNU ld script */\nINPUT ( libx.so.1 )\n");
    let outcome = build(&sandbox, "3.13", HERE, &["--source", "own"]).code(1);
    let told = findings(&outcome).replace(&(bytes.len() / 8).to_string(), "[SIZE]");
    let told = told
        .split_inclusive(' ')
        .map(|word| if word.trim().parse::<u32>().is_ok_and(|number| number > 99) { "[SIZE] " } else { word });
    insta::assert_snapshot!(told.collect::<String>(), @"
    error: 4 findings prevent the layer from being published
    cause: `python/pkg/claim.so` of own source has only the first bytes of an ELF file (replace it with a complete download or build, or leave it out with `exclude-files`) [broken-binary]
    cause: `python/pkg/cut.so` of own source is cut off: it has [SIZE] of at least [SIZE] bytes (replace it with a complete download or build, or leave it out with `exclude-files`) [broken-binary]
    cause: `python/pkg/empty.so` of own source is empty (replace it with a complete download or build, or leave it out with `exclude-files`) [broken-binary]
    cause: `python/pkg/pointer.so` of own source is a Git LFS pointer instead of the file (check out with `lfs: true`) (replace it with a complete download or build, or leave it out with `exclude-files`) [broken-binary]
    hint: correct all of them and run again
    ");
}

#[test]
fn a_wheel_that_says_it_is_for_something_else_is_refused() {
    let sandbox = Sandbox::with_requirements("./own-1.0-py3-none-any.whl\n");
    let wheel = b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-manylinux_2_17_x86_64\n";
    wheel_of(&sandbox.path("."), "own", "1.0", &[("own/__init__.py", &b""[..]), ("own-1.0.dist-info/WHEEL", wheel)]);
    build(&sandbox, "3.12", "x86_64", &[]).success();
    let outcome = build(&sandbox, "3.13", "x86_64", &[]).code(1);
    insta::assert_snapshot!(findings(&outcome), @"
    error: the wheel of `own 1.0` is for `cp312-cp312-manylinux_2_17_x86_64`, but the layer is for python3.13 on x86_64
    hint: install a version that has a wheel for it, such as `cp313-…-manylinux…_x86_64`
    ");
}
