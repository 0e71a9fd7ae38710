//! Functions by which Python creates the modules of a shared library
//! (<https://docs.python.org/3/extending/building.html>, <https://peps.python.org/pep-0489/>, and for Python 3.15 and
//! later <https://peps.python.org/pep-0793/>).

use std::collections::BTreeSet;

use object::elf;
use object::endian::Endianness;
use object::read::ReadRef as _;
use object::read::elf::{FileHeader, GnuHashTable, HashTable, Sym as _};

use super::Elf;

/// Prefixes of their names: for module names in ASCII, and for others.
const PREFIXES: [(&str, &str); 2] = [("PyInit_", "PyInitU_"), ("PyModExport_", "PyModExportU_")];
/// The longest name, in bytes.
const LONGEST: usize = 512;
/// The most names: some libraries contain all modules of a distribution.
const MOST: usize = 4096;

impl Elf {
    /// Whether Python can import the library as a module of this name: the last part of the name, without dots.
    pub fn is_module(&self, name: &str) -> bool {
        PREFIXES.iter().any(|(ascii, other)| {
            // Names that are not ASCII are in Punycode; a library never has two of them.
            let is_other = || self.inits.iter().any(|init| init.starts_with(other));
            if name.is_ascii() { self.inits.contains(&format!("{ascii}{name}")) } else { is_other() }
        })
    }
}

/// Offsets in the file of the hash tables of symbols. They say how many symbols there are; without a hash table the
/// dynamic linker finds no symbol.
pub(super) struct Hashes {
    pub(super) gnu: Option<u64>,
    pub(super) system_v: Option<u64>,
}

/// `symbols` and `names` are offsets in the file. Tables out of its bounds count as missing.
pub(super) fn read<Header: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    endian: Endianness,
    symbols: u64,
    names: u64,
    hashes: &Hashes,
) -> BTreeSet<String> {
    let rest = |start: u64| usize::try_from(start).ok().and_then(|start| bytes.get(start..));
    let by_gnu = || {
        let table = GnuHashTable::<Header>::parse(endian, rest(hashes.gnu?)?).ok()?;
        table.symbol_table_length(endian)
    };
    let by_system_v = || {
        let table = HashTable::<Header>::parse(endian, rest(hashes.system_v?)?).ok()?;
        Some(table.symbol_table_length())
    };
    let symbols = by_gnu().or_else(by_system_v).and_then(|count| {
        let symbols: &[Header::Sym] = bytes.read_slice_at(symbols, usize::try_from(count).ok()?).ok()?;
        Some(symbols)
    });
    let defined = symbols.unwrap_or_default().iter().filter(|symbol| symbol.st_shndx(endian) != elf::SHN_UNDEF);
    let texts = defined.filter_map(|symbol| rest(names.checked_add(symbol.st_name(endian).into())?));
    let inits = texts.filter_map(|text| {
        let is_init = PREFIXES
            .iter()
            .any(|(ascii, other)| text.starts_with(ascii.as_bytes()) || text.starts_with(other.as_bytes()));
        let end = || text.iter().take(LONGEST).position(|byte| *byte == 0);
        let name = if is_init { text.get(..end()?)? } else { return None };
        std::str::from_utf8(name).ok().map(str::to_owned)
    });
    inits.take(MOST).collect()
}
