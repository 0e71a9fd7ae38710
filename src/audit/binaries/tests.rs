//! Layers of files that say something, for which no compiler is at hand.

use super::*;
use crate::audit::{WORTHWHILE, tags};
use crate::layer::scan::Observed;
use crate::layer::scan::elf::{Machine, SymbolVersion};
use crate::layer::{Distribution, Owner, Severity};
use crate::types::ByteSize;

const X86_64: Machine = Machine { code: 62, is_64_bit: true, is_big_endian: false };
const ARM64: Machine = Machine { code: 183, is_64_bit: true, is_big_endian: false };

/// It makes modules of each of these names.
const MODULES: &[&str] = &["a", "arm", "b", "c", "cv2", "d", "good", "lost", "m", "old", "omppool", "tbbpool", "x"];

fn elf(machine: Machine) -> Elf {
    let inits = MODULES.iter().map(|name| format!("PyInit_{name}")).collect();
    Elf { inits, ..Elf::of(machine, elf::Kind::Dynamic) }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// One that needs these libraries.
fn needing(needed: &[&str]) -> Elf {
    Elf { needed: texts(needed), ..elf(X86_64) }
}

/// One that needs a version, `GLIBC_2.34`, of a library.
fn version(library: &str, name: &str) -> Elf {
    let (prefix, number) = name.rsplit_once('_').unwrap();
    let version = SymbolVersion::parse(number).unwrap();
    Elf { versions: BTreeMap::from([((library.to_owned(), prefix.to_owned()), version)]), ..needing(&[library]) }
}

/// A file of a distribution, or of own source if there is none.
type Entry<'a> = (&'a str, &'a str, Elf);

fn layer(files: &[Entry<'_>]) -> Layer {
    let mut layer = Layer::default();
    for (distribution, path, elf) in files {
        let owner = match *distribution {
            "" => Owner::Source,
            name => Owner::Distribution(name.parse().unwrap()),
        };
        let observed = Observed { binary: Some(Binary::Elf(Box::new(elf.clone()))), ..Observed::default() };
        let kind = Kind::File { executable: true };
        layer.files.insert(path.into(), File { kind, size: ByteSize(WORTHWHILE), owner, observed });
    }
    layer
}

fn distribution(name: &str, tag: &str) -> Distribution {
    let text = |file: &str| match file {
        "METADATA" => Some(format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")),
        "WHEEL" => Some(format!("Tag: {tag}\n")),
        _ => None,
    };
    Distribution::read(&format!("{name}-1.0.dist-info"), text).unwrap()
}

fn target(python: &str) -> Target {
    Target { python: python.parse().unwrap(), architecture: "x86_64".parse().unwrap() }
}

/// Severity, code and message, a line each.
fn told(layer: &Layer, python: &str) -> String {
    let mut findings = check(layer, &Names::of(layer), target(python));
    findings.extend(tags::check(layer, &findings, target(python)));
    let lines = findings.iter().map(|finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        };
        format!("{severity} {}: {} ({})\n", finding.code, finding.message, finding.help)
    });
    lines.collect()
}

#[test]
fn what_fits_is_silent() {
    let mut all = layer(&[
        ("pkg", "python/pkg/a.cpython-313-x86_64-linux-gnu.so", needing(&["libc.so.6", "libpython3.13.so.1.0"])),
        ("pkg", "python/pkg/b.abi3.so", version("libc.so.6", "GLIBC_2.34")),
        ("pkg", "python/pkg.libs/libz-1.so.1", elf(X86_64)),
        ("", "bin/tool", Elf { interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()), ..elf(X86_64) }),
    ]);
    all.distributions.push(distribution("pkg", "cp313-cp313-manylinux_2_34_x86_64"));
    assert_eq!(told(&all, "3.13"), "");
}

#[test]
fn the_linker_looks_where_it_is_told() {
    let in_folder = |path: &[&str]| Elf { rpath: texts(path), ..needing(&["libx.so.1"]) };
    let library = || ("pkg", "python/pkg.libs/libx.so.1", elf(X86_64));
    let by_run_path = Elf { runpath: texts(&["$ORIGIN/../pkg.libs"]), ..needing(&["libx.so.1"]) };
    for module in [in_folder(&["/nowhere", "$ORIGIN/../pkg.libs/"]), in_folder(&["${ORIGIN}/../pkg.libs"]), by_run_path]
    {
        assert_eq!(told(&layer(&[("other", "python/other/m.so", module), library()]), "3.13"), "");
    }
    // The same distribution may load it from Python.
    assert_eq!(told(&layer(&[("pkg", "python/pkg/m.so", needing(&["libx.so.1"])), library()]), "3.13"), "");
    assert_eq!(
        told(
            &layer(&[("other", "python/other/m.so", needing(&["libx.so.1"])), ("pkg", "lib/libx.so.1", elf(X86_64))]),
            "3.13"
        ),
        ""
    );
    insta::assert_snapshot!(told(&layer(&[("other", "python/other/m.so", needing(&["libx.so.1"])), library()]), "3.13"), @"notice missing-library: `python/other/m.so` of `other` needs `libx.so.1`, which the layer has (`python/pkg.libs/libx.so.1`) where the dynamic linker does not look (that is fine if Python code loads it before; if not, place it in `lib` with `include`)");
    // What is for another machine is no library for this one.
    let foreign = layer(&[
        ("other", "python/other/m.so", in_folder(&["$ORIGIN/../pkg.libs"])),
        ("pkg", "python/pkg.libs/libx.so.1", elf(ARM64)),
    ]);
    assert!(told(&foreign, "3.13").contains("error missing-library: `python/other/m.so` of `other` needs `libx.so.1`"));
}

#[test]
fn links_lead_to_libraries() {
    let mut all = layer(&[("", "python/m.so", needing(&["libx.so.1"])), ("", "lib/libx.so.1.2.3", elf(X86_64))]);
    assert!(told(&all, "3.13").contains("missing-library"), "{}", told(&all, "3.13"));
    link(&mut all, "lib/libx.so.1", "../lib/./libx.so.1.2.3");
    assert_eq!(told(&all, "3.13"), "");
    link(&mut all, "lib/libx.so.1", "libx.so.1");
    assert!(told(&all, "3.13").contains("missing-library"), "a link to itself");
}

/// Adds a link of own source.
fn link(layer: &mut Layer, path: &str, target: &str) {
    let (kind, observed) = (Kind::Link { target: target.into() }, Observed::default());
    layer.files.insert(path.into(), File { kind, size: ByteSize(0), owner: Owner::Source, observed });
}

#[test]
fn a_file_is_judged_by_the_names_of_its_links() {
    // A module that Python finds by a link, and one that it does not find by a link.
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
    insta::assert_snapshot!(told(&all, "3.13"), @"
    error wrong-machine: `share/arm.bin` of own source is compiled for arm64, and the layer is for x86_64 (take the one for Linux on x86_64, or build it in the image of the runtime)
    error wrong-extension-tag: `python/lost.cpython-312-x86_64-linux-gnu.so` of own source is for Python 3.12 (`cpython-312-x86_64-linux-gnu`), which Python 3.13 does not load (list the package in the requirements, so that its wheel for python3.13 on x86_64 is installed, or build it in the image of the runtime)
    ");

    // Through a link to a folder.
    let mut all = layer(&[("", "share/arm", elf(ARM64)), ("", "share/fine", elf(X86_64))]);
    link(&mut all, "bin", "share");
    insta::assert_snapshot!(told(&all, "3.13"), @"error wrong-machine: `share/arm` of own source is compiled for arm64, and the layer is for x86_64 (take the one for Linux on x86_64, or build it in the image of the runtime)");
}

#[test]
fn what_has_the_name_of_a_library_leads_to_one() {
    let mut all = layer(&[("", "lib/libx.so.1", elf(X86_64)), ("", "share/x.bin", elf(X86_64))]);
    let mut add = |path: &str, binary: Option<Binary>| {
        let observed = Observed { binary, ..Observed::default() };
        let (kind, owner) = (Kind::File { executable: false }, Owner::Source);
        all.files.insert(path.into(), File { kind, size: ByteSize(1), owner, observed });
    };
    add("share/text", None);
    // As a linker script is.
    add("lib/libscript.so.1", None);
    add("share/cut", Some(Binary::Broken("is cut off".to_owned())));
    for (path, target) in [
        ("lib/libx.so", "libx.so.1"),
        ("lib/liby.so", "../share/x.bin"),
        ("lib/libscript.so", "libscript.so.1"),
        ("lib/libtext.so", "/opt/share/text"),
        ("lib/text", "../share/text"),
        ("lib/libcut.so", "../share/cut"),
        ("lib/folder.so", "../share"),
        ("lib/nowhere.so", "nothing"),
    ] {
        link(&mut all, path, target);
    }
    insta::assert_snapshot!(told(&all, "3.13"), @"
    error broken-binary: `share/cut` of own source is cut off (take it from a whole download or build, or leave it out with `exclude-files`)
    error broken-binary: `lib/libtext.so` has the name of a library, and leads to `share/text`, which is none (let it lead to the library, or leave it out with `exclude-files`)
    ");
}

#[test]
fn a_library_that_is_there_as_a_link_is_there() {
    let module = |name: &str| layer(&[("other", "python/other/m.so", needing(&[name]))]);
    let with = |links: &[(&str, &str)], files: &[Entry<'_>]| {
        let mut all = module("libx.so.1");
        all.files.extend(layer(files).files);
        for (path, target) in links {
            link(&mut all, path, target);
        }
        told(&all, "3.13")
    };
    let library = || [("pkg", "share/x/libx.so.1.2", elf(X86_64))];
    assert_eq!(with(&[("lib/libx.so.1", "/opt/share/x/libx.so.1.2")], &library()), "");
    // A chain, and a folder.
    let chain = [("lib/libx.so.1", "libx.so.1.2"), ("lib/libx.so.1.2", "../share/x/libx.so.1.2")];
    assert_eq!(with(&chain, &library()), "");
    assert_eq!(with(&[("lib", "share/x"), ("share/x/libx.so.1", "libx.so.1.2")], &library()), "");
    // The runtime's own, by another name.
    assert_eq!(with(&[("lib/libx.so.1", "/lib64/libz.so.1.2.11")], &[]), "");
    assert!(with(&[("lib/libx.so.1", "/lib64/libx.so.1")], &[]).contains("error missing-library"));
    assert!(with(&[("lib/libx.so.1", "libx.so.2")], &[]).contains("error missing-library"));
    // Where the linker does not look, by the name of a link.
    let elsewhere = with(&[("share/x/libx.so.1", "libx.so.1.2")], &library());
    insta::assert_snapshot!(elsewhere, @"notice missing-library: `python/other/m.so` of `other` needs `libx.so.1`, which the layer has (`share/x/libx.so.1.2`) where the dynamic linker does not look (that is fine if Python code loads it before; if not, place it in `lib` with `include`)");
    // What it needs itself is looked for where the link is.
    let of_origin = Elf { runpath: texts(&["$ORIGIN/own"]), ..needing(&["liby.so"]) };
    let mut all = layer(&[("", "share/m.bin", of_origin), ("", "python/own/liby.so", elf(X86_64))]);
    link(&mut all, "python/m.so", "../share/m.bin");
    assert_eq!(told(&all, "3.13"), "");
}

#[test]
fn a_search_path_is_handed_down_unless_there_is_a_run_path() {
    let module = |path: fn(Vec<String>) -> Elf| path(texts(&["$ORIGIN/../far"]));
    let of = |module: Elf, middle: Elf| {
        told(
            &layer(&[
                ("a", "python/a/m.so", module),
                ("b", "python/far/libm1.so", middle),
                ("c", "python/far/libx.so.1", elf(X86_64)),
            ]),
            "3.13",
        )
    };
    let by_rpath = module(|path| Elf { rpath: path, ..needing(&["libm1.so"]) });
    let by_runpath = module(|path| Elf { runpath: path, ..needing(&["libm1.so"]) });
    assert_eq!(of(by_rpath.clone(), needing(&["libx.so.1"])), "");
    assert!(of(by_runpath, needing(&["libx.so.1"])).starts_with("notice missing-library"));
    let middle = Elf { runpath: texts(&["/nowhere"]), ..needing(&["libx.so.1"]) };
    assert!(of(by_rpath, middle).starts_with("notice missing-library"));
}

#[test]
fn own_libraries_of_cpp_count_where_they_are_found_first() {
    let of = |module: Elf| {
        told(&layer(&[("pkg", "python/pkg/m.so", module), ("pkg", "python/pkg/libstdc++.so.6", elf(X86_64))]), "3.11")
    };
    let needed = version("libstdc++.so.6", "GLIBCXX_3.4.29");
    assert_eq!(of(Elf { rpath: texts(&["$ORIGIN"]), ..needed.clone() }), "");
    insta::assert_snapshot!(of(Elf { runpath: texts(&["$ORIGIN"]), ..needed }), @"error libstdcxx-too-new: `python/pkg/m.so` of `pkg` needs libstdc++ 3.4.29 (`GLIBCXX_3.4.29`), and python3.11 of Lambda has 3.4.24 (install a version that has a wheel for `manylinux_2_26_x86_64` or older, or build it in the image of the runtime; or use python3.12 or later; a newer library in `lib` does not help, the runtime's own is found first)");
}

#[test]
fn one_cause_is_one_finding() {
    let mut all = layer(&[
        ("pkg", "python/pkg/a.abi3.so", version("libc.so.6", "GLIBC_2.27")),
        ("pkg", "python/pkg/b.abi3.so", version("libm.so.6", "GLIBC_2.29")),
        ("pkg", "python/pkg.libs/libc.so", version("libc.so.6", "GLIBC_2.28")),
        ("pkg", "python/pkg/c.abi3.so", version("libc.so.6", "GLIBC_2.26")),
        ("", "python/pkg2/d.so", version("libc.so.6", "GLIBC_2.38")),
        ("", "python/pkg2.libs/libe.so", version("libc.so.6", "GLIBC_2.35")),
    ]);
    all.distributions.push(distribution("pkg", "cp311-cp311-manylinux_2_28_x86_64"));
    insta::assert_snapshot!(told(&all, "3.11"), @"
    error glibc-too-new: `python/pkg2/d.so` and another file of own source need glibc 2.38 (`GLIBC_2.38`), and python3.11 of Lambda has 2.26 (list the package in the requirements, so that its wheel for `manylinux_2_26_x86_64` or older is installed, or build it in the image of the runtime)
    error glibc-too-new: `python/pkg/b.abi3.so` and 2 other files of `pkg 1.0` need glibc 2.29 (`GLIBC_2.29`), and python3.11 of Lambda has 2.26 (install a version that has a wheel for `manylinux_2_26_x86_64` or older, or build it in the image of the runtime; or use python3.12 or later)
    ");
}

#[test]
fn machines_are_told_by_what_would_load_them() {
    let i386 = Machine { code: 3, is_64_bit: false, is_big_endian: false };
    let mut all = layer(&[
        // One variant fits.
        ("variants", "python/variants/x.cpython-313-x86_64-linux-gnu.so", elf(X86_64)),
        ("variants", "python/variants/x.cpython-313-aarch64-linux-gnu.so", elf(ARM64)),
        ("variants", "python/variants/prebuilt/linux-arm64/libx.so", elf(ARM64)),
        // None does.
        ("wrong", "python/wrong/a.cpython-313-aarch64-linux-gnu.so", elf(ARM64)),
        ("wrong", "python/wrong/b.cpython-313-aarch64-linux-gnu.so", elf(ARM64)),
        ("portable", "python/portable/attach_amd64.so.1", elf(i386)),
        ("", "bin/tool", elf(ARM64)),
        ("", "python/objects/a.o", Elf { kind: elf::Kind::Other, ..elf(ARM64) }),
    ]);
    all.distributions.push(distribution("portable", "py3-none-any"));
    all.distributions.push(distribution("wrong", "cp313-cp313-manylinux_2_17_aarch64"));
    insta::assert_snapshot!(told(&all, "3.13"), @"
    error wrong-machine: `bin/tool` of own source is compiled for arm64, and the layer is for x86_64 (take the one for Linux on x86_64, or build it in the image of the runtime)
    warning wrong-machine: `python/portable/attach_amd64.so.1` of `portable 1.0` is compiled for i386 of 32 bits, and the layer is for x86_64 (its wheel claims to be for every machine: make sure that it does without)
    notice wrong-machine: `python/variants/prebuilt/linux-arm64/libx.so` and another file of `variants` are compiled for arm64, and the layer is for x86_64 (nothing loads it: `exclude-files` makes the layer smaller)
    error wrong-machine: `python/wrong/a.cpython-313-aarch64-linux-gnu.so` and another file of `wrong 1.0` are compiled for arm64, and the layer is for x86_64 (install a version that has a wheel for Linux on x86_64, or build it in the image of the runtime)
    ");
}

#[test]
fn files_of_other_systems() {
    let mut all = layer(&[]);
    let mut add = |path: &str, distribution: &str, system: &'static str| {
        let owner = Owner::Distribution(distribution.parse().unwrap());
        let observed = Observed { binary: Some(Binary::Foreign(system)), ..Observed::default() };
        let kind = Kind::File { executable: false };
        all.files.insert(path.into(), File { kind, size: ByteSize(WORTHWHILE), owner, observed });
    };
    add("python/mac/x.cpython-313-darwin.so", "mac", "macOS");
    add("python/win/x.cp313-win_amd64.pyd", "win", "Windows");
    insta::assert_snapshot!(told(&all, "3.13"), @"
    error wrong-machine: `python/mac/x.cpython-313-darwin.so` of `mac` is compiled for macOS, and Lambda runs Linux (install a version that has a wheel for Linux on x86_64, or build it in the image of the runtime)
    error wrong-machine: `python/win/x.cp313-win_amd64.pyd` of `win` is compiled for Windows, and Lambda runs Linux (install a version that has a wheel for Linux on x86_64, or build it in the image of the runtime)
    ");
}

#[test]
fn names_that_python_does_not_look_for() {
    let all = layer(&[
        ("lost", "python/lost/x.cpython-312-x86_64-linux-gnu.so", elf(X86_64)),
        ("free", "python/free/x.cpython-313t-x86_64-linux-gnu.so", elf(X86_64)),
        ("spare", "python/spare/x.cpython-312-x86_64-linux-gnu.so", elf(X86_64)),
        ("spare", "python/spare/x.abi3.so", elf(X86_64)),
    ]);
    insta::assert_snapshot!(told(&all, "3.13"), @"
    error wrong-extension-tag: `python/free/x.cpython-313t-x86_64-linux-gnu.so` of `free` is for the free-threaded Python 3.13 (`cpython-313t-x86_64-linux-gnu`), which Python 3.13 does not load (install a version that has a wheel for python3.13 on x86_64, or build it in the image of the runtime)
    error wrong-extension-tag: `python/lost/x.cpython-312-x86_64-linux-gnu.so` of `lost` is for Python 3.12 (`cpython-312-x86_64-linux-gnu`), which Python 3.13 does not load (install a version that has a wheel for python3.13 on x86_64, or build it in the image of the runtime)
    notice wrong-extension-tag: `python/spare/x.cpython-312-x86_64-linux-gnu.so` of `spare` is for Python 3.12 (`cpython-312-x86_64-linux-gnu`), which Python 3.13 does not load (another file has the same module: `exclude-files` makes the layer smaller)
    ");
}

#[test]
fn plug_ins_are_not_what_is_imported() {
    let all = layer(&[
        ("plug", "python/plug/m.so", needing(&["libplug.so"])),
        ("plug", "python/plug/libplug.so", elf(X86_64)),
        ("plug", "python/plug/plugins/libcuda_x.so", needing(&["libcudnn.so.9"])),
        // It has the name of a module, and is none.
        ("mysql", "python/_mysql.abi3.so", Elf { inits: ["PyInit__mysql".to_owned()].into(), ..elf(X86_64) }),
        ("mysql", "python/mysql/plugin/webauthn_client.so", needing(&["libudev.so.1"])),
        ("data", "python/data/lib/lib_data.so", needing(&["libgomp.so.1"])),
        ("opencv-python", "python/cv2/cv2.abi3.so", needing(&["liba.so", "libb.so", "libc.so", "libd.so", "libe.so"])),
        ("numba", "python/numba/np/ufunc/tbbpool.cpython-313-x86_64-linux-gnu.so", needing(&["libtbb.so.12"])),
        ("numba", "python/numba/np/ufunc/omppool.cpython-313-x86_64-linux-gnu.so", needing(&["libgomp.so.1.0.0"])),
        ("alpine", "python/alpine/m.so", needing(&["libc.musl-x86_64.so.1"])),
    ]);
    insta::assert_snapshot!(told(&all, "3.13"), @"
    error missing-library: `python/alpine/m.so` of `alpine` is compiled for musl (Alpine), which is not in the runtime (install a version that has a wheel for manylinux, or build it in the image of the runtime)
    error missing-library: `python/data/lib/lib_data.so` of `data` needs `libgomp.so.1`, which is neither in the layer nor in the runtime (take a wheel that brings it along, or add it: `include` with `…/libgomp.so.1=lib/libgomp.so.1`)
    warning missing-library: `python/mysql/plugin/webauthn_client.so` of `mysql` needs `libudev.so.1`, which is neither in the layer nor in the runtime (nothing to do if you do not use that part of it)
    error missing-library: `python/cv2/cv2.abi3.so` of `opencv-python` needs `liba.so`, `libb.so`, `libc.so`, `libd.so` and 1 more, which are neither in the layer nor in the runtime (require `opencv-python-headless` in its place, which does not need it)
    warning missing-library: `python/plug/plugins/libcuda_x.so` of `plug` needs `libcudnn.so.9`, which is neither in the layer nor in the runtime (nothing to do if you do not use that part of it)
    ");
}

#[test]
fn an_import_says_more_than_names() {
    let all = layer(&[
        ("game", "python/game/a.so", elf(X86_64)),
        // Imported if it can be, and done without else.
        ("game", "python/game/m.so", needing(&["libX11.so.6"])),
        ("data", "python/data/lib_data.so", needing(&["libgomp.so.1"])),
        ("", "bin/tool", Elf { interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()), ..needing(&["libx.so"]) }),
    ]);
    let (module, library, program) = ("python/game/m.so", "python/data/lib_data.so", "bin/tool");
    let owners = || ["game", "data"].map(|name| Owner::Distribution(name.parse().unwrap())).into();
    let paths = |paths: &[&str]| paths.iter().map(|path| (*path).into()).collect();
    let told = |imported: &Imported| {
        let findings = missing_libraries(&all, target("3.13"), imported);
        let lines = findings.iter().map(|finding| format!("{} {}", finding.severity.word(), finding.subject));
        lines.collect::<Vec<_>>().join(", ")
    };
    let all_wrong = format!("error {program}, error {library}, error {module}");
    assert_eq!(told(&Imported::default()), all_wrong);
    // Nobody looked at the module; of the library that is none everybody has done without.
    let mut imported = Imported { owners: owners(), in_runtime: true, ..Imported::default() };
    assert_eq!(told(&imported), format!("error {program}, warning {library}, error {module}"));
    imported.tried = paths(&[module]);
    assert_eq!(told(&imported), format!("error {program}, warning {library}, warning {module}"));
    imported.loaded = paths(&[module, library]);
    assert_eq!(told(&imported), format!("error {program}"));
    // Another machine has libraries of its own.
    imported.in_runtime = false;
    assert_eq!(told(&imported), all_wrong);
}

#[test]
fn what_stricter_systems_refuse() {
    let all = layer(&[
        ("pkg", "python/pkg/a.so", Elf { has_text_relocations: true, ..elf(X86_64) }),
        ("pkg", "python/pkg/b.so", Elf { has_executable_stack: true, ..elf(X86_64) }),
        ("pkg", "python/pkg/c.so", Elf { has_executable_stack: true, ..elf(X86_64) }),
    ]);
    insta::assert_snapshot!(told(&all, "3.13"), @"
    notice text-relocations: `python/pkg/a.so` of `pkg` has text relocations (its code is changed while it is loaded, which takes time: compile with `-fPIC`)
    notice executable-stack: `python/pkg/b.so` and another file of `pkg` ask for an executable stack (glibc from 2.41 on does not load such libraries: link with `-z noexecstack`)
    ");
}

#[test]
fn a_claim_without_need_is_a_warning() {
    let mut all = layer(&[]);
    all.distributions.push(distribution("claims", "cp311-cp311-manylinux_2_28_x86_64"));
    all.distributions.push(distribution("musl", "cp311-cp311-musllinux_1_2_x86_64"));
    insta::assert_snapshot!(told(&all, "3.11"), @"
    warning wrong-wheel-tag: the wheel of `claims 1.0` is for glibc 2.28 (`cp311-cp311-manylinux_2_28_x86_64`), and python3.11 of Lambda has 2.26; but no file of it needs more than that (it can be loaded; installers refuse it for this target)
    error wrong-wheel-tag: the wheel of `musl 1.0` is for `cp311-cp311-musllinux_1_2_x86_64`, and the layer for python3.11 on x86_64 (install a version that has a wheel for it, such as `cp311-…-manylinux…_x86_64`)
    ");
}

#[test]
fn parts_of_one_package_belong_together() {
    let whole = |path: &str| whole(Utf8Path::new(path)).into_string();
    assert_eq!(whole("python/numpy/_core/a.so"), "python/numpy");
    assert_eq!(whole("python/numpy.libs/libx.so"), "python/numpy");
    assert_eq!(whole("python/lib/python3.13/site-packages/numpy/a.so"), "python/lib/python3.13/site-packages/numpy");
    assert_eq!(whole("python/m.so"), "python/m.so");
    assert_eq!(whole("bin/tool"), "bin/tool");
}
