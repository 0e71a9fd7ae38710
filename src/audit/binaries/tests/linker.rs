//! Where the dynamic linker looks for libraries.

use super::*;

#[test]
fn the_linker_looks_where_it_is_told() {
    let in_folder = |path: &[&str]| Elf { rpath: texts(path), ..needing(&["libx.so.1"]) };
    let library = || ("pkg", "python/pkg.libs/libx.so.1", elf(X86_64));
    let by_run_path = Elf { runpath: texts(&["$ORIGIN/../pkg.libs"]), ..needing(&["libx.so.1"]) };
    for module in [in_folder(&["/nowhere", "$ORIGIN/../pkg.libs/"]), in_folder(&["${ORIGIN}/../pkg.libs"]), by_run_path]
    {
        assert_eq!(findings(&layer(&[("other", "python/other/m.so", module), library()]), "3.13"), "");
    }
    // The same distribution may load it from Python code.
    assert_eq!(findings(&layer(&[("pkg", "python/pkg/m.so", needing(&["libx.so.1"])), library()]), "3.13"), "");
    assert_eq!(
        findings(
            &layer(&[("other", "python/other/m.so", needing(&["libx.so.1"])), ("pkg", "lib/libx.so.1", elf(X86_64))]),
            "3.13"
        ),
        ""
    );
    insta::assert_snapshot!(findings(&layer(&[("other", "python/other/m.so", needing(&["libx.so.1"])), library()]), "3.13"), @"notice missing-library: `python/other/m.so` of `other` needs `libx.so.1`, which the layer contains (`python/pkg.libs/libx.so.1`), but not where the dynamic linker looks (this is fine if Python code loads it first; otherwise, place it in `lib` with `include`)");
    // A file for another machine cannot be the library.
    let foreign = layer(&[
        ("other", "python/other/m.so", in_folder(&["$ORIGIN/../pkg.libs"])),
        ("pkg", "python/pkg.libs/libx.so.1", elf(ARM64)),
    ]);
    assert!(
        findings(&foreign, "3.13").contains("error missing-library: `python/other/m.so` of `other` needs `libx.so.1`")
    );
}

#[test]
fn links_lead_to_libraries() {
    let mut all = layer(&[("", "python/m.so", needing(&["libx.so.1"])), ("", "lib/libx.so.1.2.3", elf(X86_64))]);
    assert!(findings(&all, "3.13").contains("missing-library"), "{}", findings(&all, "3.13"));
    link(&mut all, "lib/libx.so.1", "../lib/./libx.so.1.2.3");
    assert_eq!(findings(&all, "3.13"), "");
    link(&mut all, "lib/libx.so.1", "libx.so.1");
    assert!(findings(&all, "3.13").contains("missing-library"), "a link to itself");
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
    // A linker script has no content that is read.
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
    insta::assert_snapshot!(findings(&all, "3.13"), @"
    error broken-binary: `share/cut` of own source is cut off (replace it with a complete download or build, or leave it out with `exclude-files`)
    error broken-binary: `lib/libtext.so` is named like a library, but links to `share/text`, which is not one (point the link to the library, or leave it out with `exclude-files`)
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
        findings(&all, "3.13")
    };
    let library = || [("pkg", "share/x/libx.so.1.2", elf(X86_64))];
    assert_eq!(with(&[("lib/libx.so.1", "/opt/share/x/libx.so.1.2")], &library()), "");
    // A chain of links, and a link to a folder.
    let chain = [("lib/libx.so.1", "libx.so.1.2"), ("lib/libx.so.1.2", "../share/x/libx.so.1.2")];
    assert_eq!(with(&chain, &library()), "");
    assert_eq!(with(&[("lib", "share/x"), ("share/x/libx.so.1", "libx.so.1.2")], &library()), "");
    // A library of the runtime, through a link with another name.
    assert_eq!(with(&[("lib/libx.so.1", "/lib64/libz.so.1.2.11")], &[]), "");
    assert!(with(&[("lib/libx.so.1", "/lib64/libx.so.1")], &[]).contains("error missing-library"));
    assert!(with(&[("lib/libx.so.1", "libx.so.2")], &[]).contains("error missing-library"));
    // The link is in a folder that the linker does not search.
    let elsewhere = with(&[("share/x/libx.so.1", "libx.so.1.2")], &library());
    insta::assert_snapshot!(elsewhere, @"notice missing-library: `python/other/m.so` of `other` needs `libx.so.1`, which the layer contains (`share/x/libx.so.1.2`), but not where the dynamic linker looks (this is fine if Python code loads it first; otherwise, place it in `lib` with `include`)");
    // The library's own needs are searched for in the folder of the link.
    let of_origin = Elf { runpath: texts(&["$ORIGIN/own"]), ..needing(&["liby.so"]) };
    let mut all = layer(&[("", "share/m.bin", of_origin), ("", "python/own/liby.so", elf(X86_64))]);
    link(&mut all, "python/m.so", "../share/m.bin");
    assert_eq!(findings(&all, "3.13"), "");
}

#[test]
fn a_search_path_is_handed_down_unless_there_is_a_run_path() {
    let module = |path: fn(Vec<String>) -> Elf| path(texts(&["$ORIGIN/../far"]));
    let of = |module: Elf, middle: Elf| {
        findings(
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
        findings(
            &layer(&[("pkg", "python/pkg/m.so", module), ("pkg", "python/pkg/libstdc++.so.6", elf(X86_64))]),
            "3.11",
        )
    };
    let needed = version("libstdc++.so.6", "GLIBCXX_3.4.29");
    assert_eq!(of(Elf { rpath: texts(&["$ORIGIN"]), ..needed.clone() }), "");
    insta::assert_snapshot!(of(Elf { runpath: texts(&["$ORIGIN"]), ..needed }), @"error libstdcxx-too-new: `python/pkg/m.so` of `pkg` needs libstdc++ 3.4.29 (`GLIBCXX_3.4.29`), but Lambda's python3.11 has 3.4.24 (install a version that has a wheel for `manylinux_2_26_x86_64` or older, or build it in the runtime's image; or use python3.12 or later; a newer library in `lib` does not help, because the runtime's own is found first)");
}
