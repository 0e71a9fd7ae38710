//! A real library, and damaged variants of it.

use super::*;

/// A library that every program on this machine is linked against.
fn real() -> Vec<u8> {
    let folders = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"];
    let path = folders.iter().map(|folder| format!("{folder}/libm.so.6")).find(|path| fs_err::exists(path).unwrap());
    fs_err::read(path.expect("there is a C library")).unwrap()
}

/// A complete file with one segment and nothing else, 64-bit and little-endian.
fn minimal(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16] = 3;
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20] = 1;
    bytes[32] = 64;
    bytes[52] = 64;
    bytes[54] = 56;
    bytes[56] = 1;
    bytes[64] = 1;
    bytes[64 + 32] = 120;
    bytes
}

#[test]
fn a_real_library_is_read() {
    let elf = Elf::read(&real()).unwrap();
    assert!(elf.machine.is(std::env::consts::ARCH));
    assert_eq!((elf.kind, elf.soname.as_deref()), (Kind::Dynamic, Some("libm.so.6")));
    assert!(elf.needed.contains(&"libc.so.6".to_owned()));
    assert!(elf.versions.contains_key(&("libc.so.6".to_owned(), "GLIBC".to_owned())), "{:?}", elf.versions);
    assert!(!elf.has_executable_stack && !elf.has_text_relocations);
    assert!(elf.inits.is_empty() && !elf.is_module("libm"));
}

#[test]
fn modules_export_the_function_that_makes_them() {
    let of = |inits: &[&str]| {
        let inits = inits.iter().map(|name| (*name).to_owned()).collect();
        Elf { inits, ..Elf::read(&minimal(62)).unwrap() }
    };
    assert!(of(&["PyInit__umath"]).is_module("_umath"));
    assert!(of(&["PyModExport_m"]).is_module("m"));
    assert!(of(&["PyInitU_lb_uka"]).is_module("lžák"));
    assert!(!of(&["PyInit_other"]).is_module("m") && !of(&["PyInit_m"]).is_module("lžák"));
}

#[test]
fn machines_have_names() {
    let machine = |code| Elf::read(&minimal(code)).unwrap().machine.to_string();
    assert_eq!((machine(62), machine(183)), ("x86_64".to_owned(), "arm64".to_owned()));
    assert_eq!((machine(21), machine(7777)), ("64-bit ppc64".to_owned(), "64-bit machine 7777".to_owned()));
    let mut small = minimal(3);
    small[4] = 1;
    // A program header of 32 bits is shorter.
    small[28] = 52;
    small[42] = 32;
    small[44] = 1;
    assert_eq!(Elf::read(&small).unwrap().machine.to_string(), "32-bit i386");
}

#[test]
fn without_a_word_on_the_stack_the_machine_decides() {
    assert!(Elf::read(&minimal(62)).unwrap().has_executable_stack);
    assert!(!Elf::read(&minimal(183)).unwrap().has_executable_stack);
}

#[test]
fn what_is_wrong_is_said() {
    let reason = |bytes: &[u8]| Elf::read(bytes).unwrap_err();
    assert_eq!(reason(b"\x7fELF"), "has only the first bytes of an ELF file");
    assert_eq!(
        reason(b"\x7fELF\x02\x01\x01"),
        "is an ELF file that cannot be read: invalid ELF header size or alignment"
    );
    let whole = real();
    let half = reason(&whole[..whole.len() / 2]);
    assert!(half.starts_with(&format!("is cut off: it has {} of at least ", whole.len() / 2)), "{half}");
    let mut empty = minimal(62);
    empty[56] = 0;
    assert_eq!(reason(&empty), "is an ELF file that contains nothing to load");
    let mut huge = minimal(62);
    huge[56..58].copy_from_slice(&[0xfe, 0xff]);
    assert_eq!(reason(&huge), "is an ELF file that cannot be read: invalid ELF program header size or alignment");
}

#[test]
fn sections_are_not_needed() {
    let mut bytes = real();
    let whole = Elf::read(&bytes).unwrap();
    bytes[40..48].fill(0xff);
    bytes[58..64].fill(0xff);
    assert_eq!(Elf::read(&bytes).unwrap(), whole);
}

#[test]
fn versions_are_numbers() {
    let version = |text| SymbolVersion::parse(text).unwrap();
    assert!(version("2.34").is_newer_than(&version("2.4")));
    assert!(version("3.4.29").is_newer_than(&version("3.4")));
    assert!(!version("3.4.0").is_newer_than(&version("3.4")));
    assert_eq!(SymbolVersion::parse("PRIVATE"), None);
    let mut versions = BTreeMap::new();
    for name in ["GLIBC_2.17", "GLIBC_2.4", "GLIBC_PRIVATE", "CXXABI_TM_1", "GLIBC_ABI_DT_RELR"] {
        note(&mut versions, "libc.so.6", name);
    }
    let versions: Vec<String> = versions.iter().map(|((_, kind), version)| format!("{kind} {version}")).collect();
    assert_eq!(versions, ["CXXABI_TM 1", "GLIBC 2.36"]);
}

/// Reads thousands of damaged files: none of them may panic, hang, or use much memory.
#[test]
fn nonsense_is_refused_or_read() {
    let whole = real();
    let real = Elf::read(&whole).unwrap();
    let lengths = (0..2048).chain((2048..whole.len()).step_by(whole.len() / 500));
    for length in lengths {
        // The end of the file has only sections, which nobody reads.
        assert!(Elf::read(&whole[..length]).map_or(true, |elf| length > whole.len() / 2 && elf == real), "{length}");
    }
    // Damages the tables: the headers, and what the dynamic segment refers to.
    let interesting = interesting_places(&whole);
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let mut bytes = whole.clone();
    let (mut read, mut different, mut refused) = (0, 0, BTreeSet::new());
    for _ in 0..20_000 {
        let changes: Vec<(usize, u8)> = (0..=next(6))
            .map(|_| {
                let place = &interesting[next(interesting.len())];
                let value = [0, 1, 0x7f, 0x80, 0xff, u8::try_from(next(256)).unwrap()][next(6)];
                (place.start + next(place.len()), value)
            })
            .collect();
        for (at, value) in &changes {
            bytes[*at] = *value;
        }
        match Elf::read(&bytes) {
            Ok(elf) => {
                read += 1;
                different += u32::from(elf != real);
                let texts = elf.needed.iter().chain(&elf.rpath).chain(&elf.runpath).map(String::len).sum::<usize>();
                // Each invalid byte becomes a replacement character of three bytes.
                assert!(elf.needed.len() <= MOST_NAMES && texts <= 3 * MOST_TEXT);
            }
            Err(reason) => drop(refused.insert(reason.chars().take(40).collect::<String>())),
        }
        for (at, _) in &changes {
            bytes[*at] = whole[*at];
        }
    }
    // The damage reaches the tables: most files can still be read, but many differ, and the refusals have many reasons.
    assert!(read > 5000 && different > 1000 && refused.len() >= 6, "{read} read, {different} different, {refused:#?}");
}

fn interesting_places(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let word = |at: usize| usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap();
    let headers = 64..64 + 56 * usize::from(bytes[56]);
    let mut places = vec![0..64, headers.clone()];
    for header in headers.step_by(56) {
        if bytes[header] == 2 {
            let (start, size) = (word(header + 8), word(header + 32));
            places.push(start..start + size);
            // The first segment has the read-only tables; in it, addresses equal offsets.
            let entries = (start..start + size).step_by(16).map(|at| (word(at), word(at + 8)));
            let tables = entries.filter(|(tag, at)| matches!(tag, 5 | 0x6fff_fffe) && *at + 256 < bytes.len());
            places.extend(tables.map(|(_, at)| at..at + 256));
        }
    }
    assert!(places.len() >= 5, "{places:?}");
    places
}
