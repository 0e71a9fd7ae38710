//! Functions by which Python makes a module of a library
//! (<https://docs.python.org/3/extending/building.html>, <https://peps.python.org/pep-0489/>, and from Python 3.15 on
//! <https://peps.python.org/pep-0793/>).

use std::collections::BTreeSet;

use object::elf;
use object::endian::Endianness;
use object::read::ReadRef as _;
use object::read::elf::{FileHeader, GnuHashTable, HashTable, Sym as _};

use super::Elf;

/// How their names begin, before the name of a module in ASCII, and before another one.
const PREFIXES: [(&str, &str); 2] = [("PyInit_", "PyInitU_"), ("PyModExport_", "PyModExportU_")];
/// Of a name, in bytes.
const LONGEST: usize = 512;
/// Some libraries have the modules of a whole distribution in them.
const MOST: usize = 4096;

impl Elf {
    /// Whether Python can make a module of this name of it: the last part of the name, without dots.
    pub fn is_module(&self, name: &str) -> bool {
        PREFIXES.iter().any(|(ascii, other)| {
            // Those of other letters are written in Punycode; a library has one of them at most.
            let is_other = || self.inits.iter().any(|init| init.starts_with(other));
            if name.is_ascii() { self.inits.contains(&format!("{ascii}{name}")) } else { is_other() }
        })
    }
}

/// Places in the file of the tables by which symbols are found. They say how many symbols there are, and without one of
/// them none is found.
pub(super) struct Hashes {
    pub(super) gnu: Option<u64>,
    pub(super) system_v: Option<u64>,
}

/// `symbols` and `names` are places in the file. What is out of its bounds is not there.
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
