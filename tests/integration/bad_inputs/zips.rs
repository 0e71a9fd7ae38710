//! Zips that are wrong in their own ways: names, sizes, places, kinds of entries, directories.

use super::chance::Chance;
use super::damage::{self, at_most};
use crate::hostile_zips::{Entry, deflated, file, link, zip};

const NAMES: &[&str] = &[
    "",
    "/",
    ".",
    "..",
    "../x",
    "/etc/x",
    "python",
    "python/",
    "python//x.py",
    "python/./x.py",
    "python/../x.py",
    "PYTHON/x.py",
    "python/x.py/y.py",
    "python\\x.py",
    "C:x",
    "python/nul\0",
    "python/\u{202e}x.py",
    "python/e\u{301}.py",
    "python/é.py",
    "python/line\nx.py",
    "python/x.dist-info/METADATA",
    "python/x-1.dist-info/RECORD",
    "python/lib/python3.13/site-packages/x.py",
    "lib/x.so",
    "bin/x",
    "__MACOSX/x",
    "python/__pycache__/x.cpython-313.pyc",
    "extensions/x",
    "x.pth",
];

/// A zip of these files with something wrong.
pub(super) fn of(files: &[(String, Vec<u8>)], chance: &mut Chance) -> Vec<u8> {
    let mut entries: Vec<Entry> = files
        .iter()
        .map(|(name, bytes)| if chance.one_in(2) { deflated(name, bytes) } else { file(name, bytes) })
        .collect();
    for _ in 0..chance.below(5) {
        let at = chance.below(entries.len());
        wrong(&mut entries, at, chance);
    }
    let bytes = zip(&entries);
    match chance.below(4) {
        0 => damage::bytes(bytes, chance),
        1 => with_zip64(bytes, chance),
        _ => bytes,
    }
}

fn wrong(entries: &mut Vec<Entry>, at: usize, chance: &mut Chance) {
    let entry = &mut entries[at];
    match chance.below(16) {
        0 => entry.name = chance.pick(NAMES).as_bytes().to_vec(),
        1 => entry.own_name = Some(chance.pick(NAMES).as_bytes().to_vec()),
        2 => entry.size = u32::try_from(chance.next() >> 32).expect("has 32 bits"),
        3 => entry.size = chance.pick(&[0, 1, u32::MAX, u32::MAX - 1]),
        4 => entry.crc ^= 1,
        5 => entry.method = chance.pick(&[0, 8, 1, 9, 12, 14, 93, 99, u16::MAX]),
        6 => entry.flags = chance.pick(&[1, 8, 0x20, 0x40, 0x800, 0x2000, u16::MAX]),
        7 => entry.mode = chance.pick(&[0, 0o40_755, 0o120_777, 0o104_755, 0o20_666, 0o10_644, 0o140_777, 0xffff]),
        8 => entry.again = at > 0,
        9 => entry.name.resize(chance.pick(&[256, 5000, 65_535]), b'a'),
        10 => entry.name = "python/".bytes().chain("a/".repeat(chance.pick(&[100, 3000, 30_000])).bytes()).collect(),
        11 => {
            let (name, target) = (chance.pick(NAMES), chance.pick(NAMES));
            entries.push(link(name, target));
        }
        12 => {
            let name = chance.pick(&[
                "python/zeros.py",
                "python/zeros.so",
                "python/x-1.dist-info/RECORD",
                "python/zeros",
                "lib/zeros.so",
            ]);
            entries.push(deflated(name, &vec![chance.pick(b"\0\n,'a"); chance.pick(&[1 << 20, 40 << 20])]));
        }
        13 => {
            let copies = at_most(chance.pick(&[1, 10, 3000]), entries[at].packed.len());
            let copy = entries[at].clone();
            entries.extend((0..copies).map(|_| Entry { again: true, ..copy.clone() }));
        }
        14 => {
            let copy = entries[at].clone();
            let names = (0..at_most(chance.pick(&[10, 5000]), entries[at].packed.len()))
                .map(|number| format!("python/many/{number}.py"));
            let many: Vec<Entry> = names.map(|name| Entry { name: name.into_bytes(), ..copy.clone() }).collect();
            entries.extend(many);
        }
        _ => {
            let packed = std::mem::take(&mut entry.packed);
            entry.packed = damage::bytes(packed, chance);
        }
    }
}

/// In front of the end record stand those of zip64, which may be true or not.
fn with_zip64(mut bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    let end = bytes.split_off(bytes.len() - 22);
    let at = bytes.len() as u64;
    let count = u64::from(u16::from_le_bytes([end[10], end[11]]));
    let long = |at: usize| u64::from(u32::from_le_bytes([end[at], end[at + 1], end[at + 2], end[at + 3]]));
    let (size, start) = (long(12), long(16));
    let mut number = |right: u64| {
        let wrong = [0, 1, right + 1, 0xffff_ffff, 1 << 32, 1 << 63, u64::MAX];
        if chance.one_in(6) { chance.pick(&wrong) } else { right }.to_le_bytes()
    };
    bytes.extend(b"PK\x06\x06");
    bytes.extend(number(44));
    bytes.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [count, count, size, start] {
        bytes.extend(number(value));
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(number(at));
    bytes.extend(1_u32.to_le_bytes());
    let mut end = end;
    if chance.one_in(2) {
        end[8..20].fill(0xff);
    }
    bytes.extend(end);
    bytes
}
