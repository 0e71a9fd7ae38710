//! Which files Python imports as modules, and which libraries these need.

use super::*;

#[test]
fn a_file_is_judged_by_the_names_of_its_links() {
    // One module that Python finds through a link, and one that it does not find.
    let mut all = layer(&[
        ("", "share/good.bin", elf(X86_64)),
        ("", "share/arm.bin", elf(ARM64)),
        ("", "python/old.cpython-312-x86_64-linux-gnu.so", elf(X86_64)),
        ("", "share/lost.bin", elf(X86_64)),
    ]);
    link(&mut all, "python/good.so", "/opt/share/good.bin");
    link(&mut all, "python/arm.abi3.so", "../share/arm.bin");
    link(&mut all, "python/old.so", "old.cpython-312-x86_64-linux-gnu.so");
    link(&mut all, "python/lost.cpython-312-x86_64-linux-gnu.so", "../share/lost.bin");
    insta::assert_snapshot!(findings(&all, "3.13"), @"
    error wrong-machine: `share/arm.bin` of own source is compiled for arm64, but the layer is for x86_64 (use the one for Linux on x86_64, or build it in the runtime's image)
    error wrong-extension-tag: `python/lost.cpython-312-x86_64-linux-gnu.so` of own source is built for Python 3.12 (`cpython-312-x86_64-linux-gnu`), so Python 3.13 cannot import it (list the package in the requirements, so that its wheel for python3.13 on x86_64 is installed, or build it in the runtime's image)
    ");

    // Through a link to a folder.
    let mut all = layer(&[("", "share/arm", elf(ARM64)), ("", "share/fine", elf(X86_64))]);
    link(&mut all, "bin", "share");
    insta::assert_snapshot!(findings(&all, "3.13"), @"error wrong-machine: `share/arm` of own source is compiled for arm64, but the layer is for x86_64 (use the one for Linux on x86_64, or build it in the runtime's image)");
}

#[test]
fn names_that_python_does_not_look_for() {
    let all = layer(&[
        ("lost", "python/lost/x.cpython-312-x86_64-linux-gnu.so", elf(X86_64)),
        ("free", "python/free/x.cpython-313t-x86_64-linux-gnu.so", elf(X86_64)),
        ("spare", "python/spare/x.cpython-312-x86_64-linux-gnu.so", elf(X86_64)),
        ("spare", "python/spare/x.abi3.so", elf(X86_64)),
    ]);
    insta::assert_snapshot!(findings(&all, "3.13"), @"
    error wrong-extension-tag: `python/free/x.cpython-313t-x86_64-linux-gnu.so` of `free` is built for free-threaded Python 3.13 (`cpython-313t-x86_64-linux-gnu`), so Python 3.13 cannot import it (install a version that has a wheel for python3.13 on x86_64, or build it in the runtime's image)
    error wrong-extension-tag: `python/lost/x.cpython-312-x86_64-linux-gnu.so` of `lost` is built for Python 3.12 (`cpython-312-x86_64-linux-gnu`), so Python 3.13 cannot import it (install a version that has a wheel for python3.13 on x86_64, or build it in the runtime's image)
    notice wrong-extension-tag: `python/spare/x.cpython-312-x86_64-linux-gnu.so` of `spare` is built for Python 3.12 (`cpython-312-x86_64-linux-gnu`), so Python 3.13 cannot import it (another file provides the same module; use `exclude-files` to make the layer smaller)
    ");
}

#[test]
fn plug_ins_are_not_what_is_imported() {
    let all = layer(&[
        ("plug", "python/plug/m.so", needing(&["libplug.so"])),
        ("plug", "python/plug/libplug.so", elf(X86_64)),
        ("plug", "python/plug/plugins/libcuda_x.so", needing(&["libcudnn.so.9"])),
        // It has the name of a module, but is none.
        ("mysql", "python/_mysql.abi3.so", Elf { inits: ["PyInit__mysql".to_owned()].into(), ..elf(X86_64) }),
        ("mysql", "python/mysql/plugin/webauthn_client.so", needing(&["libudev.so.1"])),
        ("data", "python/data/lib/lib_data.so", needing(&["libgomp.so.1"])),
        ("opencv-python", "python/cv2/cv2.abi3.so", needing(&["liba.so", "libb.so", "libc.so", "libd.so", "libe.so"])),
        ("numba", "python/numba/np/ufunc/tbbpool.cpython-313-x86_64-linux-gnu.so", needing(&["libtbb.so.12"])),
        ("numba", "python/numba/np/ufunc/omppool.cpython-313-x86_64-linux-gnu.so", needing(&["libgomp.so.1.0.0"])),
        ("alpine", "python/alpine/m.so", needing(&["libc.musl-x86_64.so.1"])),
    ]);
    insta::assert_snapshot!(findings(&all, "3.13"), @"
    error missing-library: `python/alpine/m.so` of `alpine` is compiled for musl (Alpine), which the runtime does not have (install a version that has a wheel for manylinux, or build it in the runtime's image)
    error missing-library: `python/data/lib/lib_data.so` of `data` needs `libgomp.so.1`, which is neither in the layer nor in the runtime (use a wheel that bundles it, or add it with `include`: `…/libgomp.so.1=lib/libgomp.so.1`)
    warning missing-library: `python/mysql/plugin/webauthn_client.so` of `mysql` needs `libudev.so.1`, which is neither in the layer nor in the runtime (ignore this if you do not use that part of it)
    error missing-library: `python/cv2/cv2.abi3.so` of `opencv-python` needs `liba.so`, `libb.so`, `libc.so`, `libd.so` and 1 more, which are neither in the layer nor in the runtime (require `opencv-python-headless` instead, which does not need it)
    warning missing-library: `python/plug/plugins/libcuda_x.so` of `plug` needs `libcudnn.so.9`, which is neither in the layer nor in the runtime (ignore this if you do not use that part of it)
    ");
}

#[test]
fn an_import_says_more_than_names() {
    let all = layer(&[
        ("game", "python/game/a.so", elf(X86_64)),
        // The package imports it if it can, and works without it otherwise.
        ("game", "python/game/m.so", needing(&["libX11.so.6"])),
        ("data", "python/data/lib_data.so", needing(&["libgomp.so.1"])),
        ("", "bin/tool", Elf { interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()), ..needing(&["libx.so"]) }),
    ]);
    let (module, library, program) = ("python/game/m.so", "python/data/lib_data.so", "bin/tool");
    let owners = || ["game", "data"].map(|name| Owner::Distribution(name.parse().unwrap())).into();
    let paths = |paths: &[&str]| paths.iter().map(|path| (*path).into()).collect();
    let findings = |imported: &Imported| {
        let findings = missing_libraries(&all, target("3.13"), imported);
        let lines = findings.iter().map(|finding| format!("{} {}", finding.severity.word(), finding.subject));
        lines.collect::<Vec<_>>().join(", ")
    };
    let all_wrong = format!("error {program}, error {library}, error {module}");
    assert_eq!(findings(&Imported::default()), all_wrong);
    // The module was not tried; the imports worked without loading the library.
    let mut imported = Imported { owners: owners(), in_runtime: true, ..Imported::default() };
    assert_eq!(findings(&imported), format!("error {program}, warning {library}, error {module}"));
    imported.tried = paths(&[module]);
    assert_eq!(findings(&imported), format!("error {program}, warning {library}, warning {module}"));
    imported.loaded = paths(&[module, library]);
    assert_eq!(findings(&imported), format!("error {program}"));
    // Another machine may have the library.
    imported.in_runtime = false;
    assert_eq!(findings(&imported), all_wrong);
}
