//! Compares what the dynamic linker sees of two shared objects.

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, elf};

/// Whether two 64-bit files are the same once they are loaded: needed libraries, versions, exported symbols, code and
/// data, each at its address.
pub(super) fn is_same(before: &[u8], after: &[u8]) -> bool {
    let (before, after) = (seen(before), seen(after));
    before.is_some() && before == after
}

#[derive(PartialEq, Eq)]
struct Seen<'a> {
    /// Name, address, size, bytes.
    sections: Vec<(&'a [u8], u64, u64, &'a [u8])>,
    /// Name, address, whether it is defined here.
    symbols: Vec<(&'a [u8], u64, bool)>,
}

fn seen(bytes: &[u8]) -> Option<Seen<'_>> {
    let file = ElfFile64::<Endianness>::parse(bytes).ok()?;
    let mut sections = Vec::new();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
        let is_loaded = sh_flags.contains(elf::SHF_ALLOC);
        let name = section.name_bytes().ok()?;
        // Symbols contain section numbers, which may change.
        let is_symbols = name == b".dynsym";
        if is_loaded {
            let data = if is_symbols { &[] } else { section.data().ok()? };
            sections.push((name, section.address(), section.size(), data));
        }
    }
    sections.sort_unstable();
    let symbols =
        file.dynamic_symbols().map(|symbol| Some((symbol.name_bytes().ok()?, symbol.address(), symbol.is_undefined())));
    Some(Seen { sections, symbols: symbols.collect::<Option<_>>()? })
}
