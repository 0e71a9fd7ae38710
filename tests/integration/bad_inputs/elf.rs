//! ELF files with the tables that the dynamic linker reads, and numbers in them that need not be true.

use super::chance::Chance;

/// What stands in an ELF file in the place of a number.
fn number(chance: &mut Chance, right: u64) -> u64 {
    let wrong = [
        0,
        1,
        7,
        0x40,
        0xfff,
        0xffff,
        0x7fff_ffff,
        0xffff_ffff,
        1 << 40,
        1 << 63,
        u64::MAX,
        right + 1,
        right.wrapping_sub(1),
    ];
    if chance.one_in(12) { chance.pick(&wrong) } else { right }
}

const BASE: u64 = 64 + 56 * 4;

/// A shared object for `x86_64` that needs `libc.so.6` with a version: header, segments, names, entries, versions.
pub(super) fn object(chance: &mut Chance) -> Vec<u8> {
    let strings = b"\0libc.so.6\0libz.so.1\0GLIBC_2.17\0$ORIGIN/../x.libs\0PyInit_x\0me.so\0";
    let strings_at = BASE;
    let dynamic_at = (strings_at + strings.len() as u64).next_multiple_of(8);
    let mut entries = vec![(1, 1), (1, 11), (14, 64), (29, 32), (5, strings_at), (10, strings.len() as u64), (11, 24)];
    let versions_at = dynamic_at + 16 * 16;
    entries.extend([(0x6fff_fffe, versions_at), (0x6fff_ffff, 1), (6, versions_at + 64), (4, versions_at + 128)]);
    entries.push((0x6fff_fef5, versions_at + 160));
    if chance.one_in(4) {
        let (tag, value) = (chance.pick(&[1, 14, 15, 22, 29, 30]), chance.next() % 80);
        entries.extend(vec![(tag, value); chance.pick(&[1, 2, 1000, 70_000])]);
    }
    entries.push((0, 0));
    let whole = versions_at + 256;

    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    if chance.one_in(20) {
        bytes[4] = chance.pick(&[0, 1, 3, 255]);
        bytes[5] = chance.pick(&[0, 1, 2, 255]);
    }
    let mut put = |value: u64, width: usize, chance: &mut Chance| {
        let value = number(chance, value);
        bytes.extend(&value.to_le_bytes()[..width]);
    };
    for (value, width) in
        [(3, 2), (62, 2), (1, 4), (0, 8), (64, 8), (0, 8), (0, 4), (64, 2), (56, 2), (4, 2), (64, 2), (0, 2), (0, 2)]
    {
        put(value, width, chance);
    }
    let segments =
        [(1, 0, whole), (2, dynamic_at, 16 * 16), (0x6474_e551, 0, 0), (chance.pick(&[4, 3, 7, 1]), strings_at, 32)];
    for (kind, at, size) in segments {
        for (value, width) in [(kind, 4), (6, 4), (at, 8), (at, 8), (at, 8), (size, 8), (size, 8), (8, 8)] {
            put(value, width, chance);
        }
    }
    bytes.extend(strings);
    bytes.resize(usize::try_from(dynamic_at).expect("is small"), 0);
    for (tag, value) in entries {
        bytes.extend(number(chance, tag).to_le_bytes());
        bytes.extend(number(chance, value).to_le_bytes());
    }
    if bytes.len() < usize::try_from(versions_at).expect("is small") {
        bytes.resize(usize::try_from(versions_at).expect("is small"), 0);
    }
    // `Elf64_Verneed` and `Elf64_Vernaux`, which may lead to themselves.
    for (value, width) in [(1, 2), (1, 2), (1, 4), (16, 4), (0, 4), (0x0696_9197, 4), (0, 2), (2, 2), (21, 4), (0, 4)] {
        let value = number(chance, value);
        bytes.extend(&value.to_le_bytes()[..width]);
    }
    bytes.extend([0; 96]);
    for _ in 0..24 {
        let value = chance.pick(&[0, 1, 1, 3, u32::MAX]);
        bytes.extend(value.to_le_bytes());
    }
    bytes
}
