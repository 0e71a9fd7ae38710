//! Checks layers of made-up compiled files, so that these tests need no compiler.

mod extensions;
mod linker;

use super::*;
use crate::audit::{WORTHWHILE, tags};
use crate::layer::scan::Observed;
use crate::layer::scan::elf::{Machine, SymbolVersion};
use crate::layer::{Distribution, Owner, Severity};
use crate::types::ByteSize;

const X86_64: Machine = Machine { code: 62, is_64_bit: true, is_big_endian: false };
const ARM64: Machine = Machine { code: 183, is_64_bit: true, is_big_endian: false };

/// Names of modules that every made-up file defines.
const MODULES: &[&str] = &["a", "arm", "b", "c", "cv2", "d", "good", "lost", "m", "old", "omppool", "tbbpool", "x"];

fn elf(machine: Machine) -> Elf {
    let inits = MODULES.iter().map(|name| format!("PyInit_{name}")).collect();
    Elf { inits, ..Elf::of(machine, elf::Kind::Dynamic) }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A file that needs these libraries.
fn needing(needed: &[&str]) -> Elf {
    Elf { needed: texts(needed), ..elf(X86_64) }
}

/// A file that needs one version of a library, such as `GLIBC_2.34`.
fn version(library: &str, name: &str) -> Elf {
    let (prefix, number) = name.rsplit_once('_').unwrap();
    let version = SymbolVersion::parse(number).unwrap();
    Elf { versions: BTreeMap::from([((library.to_owned(), prefix.to_owned()), version)]), ..needing(&[library]) }
}

/// Distribution, path, file; an empty distribution stands for own source.
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

/// Severity, code and message, one finding a line.
fn findings(layer: &Layer, python: &str) -> String {
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

/// Adds a link as own source.
fn link(layer: &mut Layer, path: &str, target: &str) {
    let (kind, observed) = (Kind::Link { target: target.into() }, Observed::default());
    layer.files.insert(path.into(), File { kind, size: ByteSize(0), owner: Owner::Source, observed });
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
    assert_eq!(findings(&all, "3.13"), "");
}

#[test]
fn a_new_system_has_its_own_glibc() {
    let all = layer(&[
        ("", "python/fits.so", version("libc.so.6", "GLIBC_2.61")),
        ("", "python/newer.so", version("libc.so.6", "GLIBC_2.62")),
    ]);
    let target = Target { architecture: target("3.13").architecture, ..Target::invented() };
    let findings = check(&all, &Names::of(&all), target);
    let told: Vec<&str> =
        findings.iter().filter(|it| it.code == "glibc-too-new").map(|it| it.message.as_str()).collect();
    assert_eq!(
        told,
        ["`python/newer.so` of own source needs glibc 2.62 (`GLIBC_2.62`), but Lambda's python3.98 has 2.61"]
    );
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
    insta::assert_snapshot!(findings(&all, "3.11"), @"
    error glibc-too-new: `python/pkg2/d.so` and another file of own source need glibc 2.38 (`GLIBC_2.38`), but Lambda's python3.11 has 2.26 (list the package in the requirements, so that its wheel for `manylinux_2_26_x86_64` or older is installed, or build it in the runtime's image)
    error glibc-too-new: `python/pkg/b.abi3.so` and 2 other files of `pkg 1.0` need glibc 2.29 (`GLIBC_2.29`), but Lambda's python3.11 has 2.26 (install a version that has a wheel for `manylinux_2_26_x86_64` or older, or build it in the runtime's image; or use python3.12 or later)
    ");
}

#[test]
fn machines_are_told_by_what_would_load_them() {
    let i386 = Machine { code: 3, is_64_bit: false, is_big_endian: false };
    let mut all = layer(&[
        // One of the variants fits.
        ("variants", "python/variants/x.cpython-313-x86_64-linux-gnu.so", elf(X86_64)),
        ("variants", "python/variants/x.cpython-313-aarch64-linux-gnu.so", elf(ARM64)),
        ("variants", "python/variants/prebuilt/linux-arm64/libx.so", elf(ARM64)),
        // None of the variants fits.
        ("wrong", "python/wrong/a.cpython-313-aarch64-linux-gnu.so", elf(ARM64)),
        ("wrong", "python/wrong/b.cpython-313-aarch64-linux-gnu.so", elf(ARM64)),
        ("portable", "python/portable/attach_amd64.so.1", elf(i386)),
        ("", "bin/tool", elf(ARM64)),
        ("", "python/objects/a.o", Elf { kind: elf::Kind::Other, ..elf(ARM64) }),
    ]);
    all.distributions.push(distribution("portable", "py3-none-any"));
    all.distributions.push(distribution("wrong", "cp313-cp313-manylinux_2_17_aarch64"));
    insta::assert_snapshot!(findings(&all, "3.13"), @"
    error wrong-machine: `bin/tool` of own source is compiled for arm64, but the layer is for x86_64 (use the one for Linux on x86_64, or build it in the runtime's image)
    warning wrong-machine: `python/portable/attach_amd64.so.1` of `portable 1.0` is compiled for 32-bit i386, but the layer is for x86_64 (its wheel claims to work on every platform; make sure that it works without this file)
    notice wrong-machine: `python/variants/prebuilt/linux-arm64/libx.so` and another file of `variants` are compiled for arm64, but the layer is for x86_64 (nothing loads it; use `exclude-files` to make the layer smaller)
    error wrong-machine: `python/wrong/a.cpython-313-aarch64-linux-gnu.so` and another file of `wrong 1.0` are compiled for arm64, but the layer is for x86_64 (install a version that has a wheel for Linux on x86_64, or build it in the runtime's image)
    ");
}

#[test]
fn files_of_other_systems() {
    let mut all = layer(&[]);
    let mut add = |path: &str, distribution: &str, system: &'static str| {
        let owner = Owner::Distribution(distribution.parse().unwrap());
        let observed = Observed { binary: Some(Binary::Foreign(system.to_owned())), ..Observed::default() };
        let kind = Kind::File { executable: false };
        all.files.insert(path.into(), File { kind, size: ByteSize(WORTHWHILE), owner, observed });
    };
    add("python/mac/x.cpython-313-darwin.so", "mac", "macOS");
    add("python/win/x.cp313-win_amd64.pyd", "win", "Windows");
    insta::assert_snapshot!(findings(&all, "3.13"), @"
    error wrong-machine: `python/mac/x.cpython-313-darwin.so` of `mac` is compiled for macOS, but Lambda runs Linux (install a version that has a wheel for Linux on x86_64, or build it in the runtime's image)
    error wrong-machine: `python/win/x.cp313-win_amd64.pyd` of `win` is compiled for Windows, but Lambda runs Linux (install a version that has a wheel for Linux on x86_64, or build it in the runtime's image)
    ");
}

#[test]
fn what_stricter_systems_refuse() {
    let all = layer(&[
        ("pkg", "python/pkg/a.so", Elf { has_text_relocations: true, ..elf(X86_64) }),
        ("pkg", "python/pkg/b.so", Elf { has_executable_stack: true, ..elf(X86_64) }),
        ("pkg", "python/pkg/c.so", Elf { has_executable_stack: true, ..elf(X86_64) }),
    ]);
    insta::assert_snapshot!(findings(&all, "3.13"), @"
    notice text-relocations: `python/pkg/a.so` of `pkg` has text relocations (its code is modified while it is loaded, which takes time; compile it with `-fPIC`)
    notice executable-stack: `python/pkg/b.so` and another file of `pkg` ask for an executable stack (glibc 2.41 and later refuse to load such libraries; link it with `-z noexecstack`)
    ");
}

#[test]
fn a_claim_without_need_is_a_warning() {
    let mut all = layer(&[]);
    all.distributions.push(distribution("claims", "cp311-cp311-manylinux_2_28_x86_64"));
    all.distributions.push(distribution("musl", "cp311-cp311-musllinux_1_2_x86_64"));
    insta::assert_snapshot!(findings(&all, "3.11"), @"
    warning wrong-wheel-tag: the wheel of `claims 1.0` is for glibc 2.28 (`cp311-cp311-manylinux_2_28_x86_64`), but Lambda's python3.11 has 2.26; none of its files need a newer version (it can be loaded, but installers refuse it for this target)
    error wrong-wheel-tag: the wheel of `musl 1.0` is for `cp311-cp311-musllinux_1_2_x86_64`, but the layer is for python3.11 on x86_64 (install a version that has a wheel for it, such as `cp311-…-manylinux…_x86_64`)
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
