//! What an ELF file says about itself: its machine, the libraries and versions it needs, and where it looks for them.
//!
//! Only the program headers are read, as the dynamic linker does; section headers may be missing or invalid.

mod inits;
// They read a library of the system.
#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use object::elf;
use object::endian::Endianness;
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _};
use object::read::{ReadRef as _, StringTable};
use serde::{Deserialize, Serialize};

/// The most entries of a table. No compiler writes more, and a damaged file must not keep us busy.
const MOST_ENTRIES: usize = 65_536;
/// The most libraries that a file needs, and folders that it names.
const MOST_NAMES: usize = 1024;
/// The longest name or search path, in bytes.
const LONGEST_TEXT: usize = 65_536;
/// The most bytes for all texts of a file together: many entries may refer to one long text.
const MOST_TEXT: usize = 4 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elf {
    pub machine: Machine,
    pub kind: Kind,
    /// `DT_NEEDED`: the names of libraries that are loaded with it, `libz.so.1`.
    pub needed: Vec<String>,
    /// The name by which other files need it.
    pub soname: Option<String>,
    /// Folders that are searched first, `$ORIGIN/../numpy.libs`; they also apply to the libraries that it loads.
    pub rpath: Vec<String>,
    /// Folders that are searched after `LD_LIBRARY_PATH`. If this is set, `rpath` is ignored.
    pub runpath: Vec<String>,
    /// The highest version that is needed, by library and kind of version: `libc.so.6` and `GLIBC` need `2.34`.
    #[serde(with = "versions")]
    pub versions: BTreeMap<(String, String), SymbolVersion>,
    /// The dynamic linker of a program, `/lib64/ld-linux-x86-64.so.2`.
    pub interpreter: Option<String>,
    /// Exported functions that create Python modules, `PyInit__umath`; a file without them is no module.
    pub inits: BTreeSet<String>,
    pub has_text_relocations: bool,
    pub has_executable_stack: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Machine {
    /// `e_machine`
    pub code: u16,
    pub is_64_bit: bool,
    pub is_big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A library, an extension module, or a position-independent program.
    Dynamic,
    Program,
    /// A file that is not loaded: an object file for the linker (`*.o`), or a core dump.
    Other,
}

/// `2.34`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SymbolVersion(Vec<u32>);

/// A map as a list: keys in JSON are texts.
mod versions {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::SymbolVersion;

    type Versions = BTreeMap<(String, String), SymbolVersion>;

    pub(super) fn serialize<S: Serializer>(versions: &Versions, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(versions)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Versions, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

impl Elf {
    /// A file that needs nothing and says nothing else.
    pub(crate) fn of(machine: Machine, kind: Kind) -> Self {
        Self {
            machine,
            kind,
            needed: Vec::new(),
            soname: None,
            rpath: Vec::new(),
            runpath: Vec::new(),
            versions: BTreeMap::new(),
            interpreter: None,
            inits: BTreeSet::new(),
            has_text_relocations: false,
            has_executable_stack: false,
        }
    }

    /// Reads a file that starts with the ELF magic bytes.
    ///
    /// # Errors
    /// Why the dynamic linker would refuse the file, as the end of a sentence that starts with the file's name.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        // The tables are read without copying, so they have to be aligned to eight bytes.
        let aligned;
        let bytes = if bytes.as_ptr().align_offset(8) == 0 {
            bytes
        } else {
            aligned = bytes.to_vec();
            &aligned
        };
        match bytes.get(4) {
            Some(1) => read::<elf::FileHeader32<Endianness>>(bytes),
            Some(2) => read::<elf::FileHeader64<Endianness>>(bytes),
            _ => Err("has only the first bytes of an ELF file".to_owned()),
        }
    }

    /// The folders that also apply to the libraries it loads: `rpath`, unless there is a `runpath`.
    pub fn inherited_path(&self) -> &[String] {
        if self.runpath.is_empty() { &self.rpath } else { &[] }
    }
}

fn read<Header: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Result<Elf, String> {
    let header = Header::parse(bytes).map_err(|error| broken(&error))?;
    let endian = header.endian().map_err(|error| broken(&error))?;
    let segments = header.program_headers(endian, bytes).map_err(|error| broken(&error))?;
    let machine = Machine {
        code: header.e_machine(endian).0,
        is_64_bit: header.is_type_64(),
        is_big_endian: header.is_big_endian(),
    };
    let kind = match header.e_type(endian) {
        elf::ET_DYN => Kind::Dynamic,
        elf::ET_EXEC => Kind::Program,
        _ => Kind::Other,
    };
    let mut found = Elf {
        // If the file does not say it, glibc assumes an executable stack on x86_64 and none on aarch64
        // (DEFAULT_STACK_PERMS).
        has_executable_stack: machine.code == elf::EM_X86_64.0 && kind != Kind::Other,
        ..Elf::of(machine, kind)
    };
    if kind == Kind::Other {
        return Ok(found);
    }
    if segments.is_empty() {
        return Err("is an ELF file that contains nothing to load".to_owned());
    }
    if segments.len() > MOST_ENTRIES {
        return Err(format!("is an ELF file that claims to have {} segments", segments.len()));
    }
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD) {
        let (start, size) = segment.file_range(endian);
        if size > 0 && start.checked_add(size).is_none_or(|end| end > bytes.len() as u64) {
            let end = start.saturating_add(size);
            return Err(format!("is cut off: it has {} of at least {end} bytes", bytes.len()));
        }
    }
    for segment in segments {
        if segment.p_type(endian) == elf::PT_GNU_STACK {
            found.has_executable_stack = segment.p_flags(endian).contains(elf::PF_X);
        }
        if let Some(interpreter) = segment.interpreter(endian, bytes).map_err(|error| broken(&error))? {
            found.interpreter = Some(text(interpreter)?);
        }
    }
    let table = Table::<Header> { bytes, endian, segments };
    for segment in segments {
        if let Some(entries) = segment.dynamic(endian, bytes).map_err(|error| broken(&error))? {
            table.read_dynamic(entries, &mut found)?;
            break;
        }
    }
    Ok(found)
}

fn broken(error: &object::read::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let small = letters.next().map(|first| first.to_lowercase().collect::<String>()).unwrap_or_default();
    format!("is an ELF file that cannot be read: {small}{}", letters.as_str())
}

fn text(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > LONGEST_TEXT {
        return Err(format!("is an ELF file with a name of {} bytes", bytes.len()));
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// Translates addresses in memory to offsets in the file.
struct Table<'data, Header: FileHeader> {
    bytes: &'data [u8],
    endian: Endianness,
    segments: &'data [Header::ProgramHeader],
}

impl<Header: FileHeader<Endian = Endianness>> Table<'_, Header> {
    /// The offset in the file for an address in memory.
    fn offset(&self, address: u64) -> Option<u64> {
        let loaded = self.segments.iter().filter(|segment| segment.p_type(self.endian) == elf::PT_LOAD);
        loaded.into_iter().find_map(|segment| {
            let (start, size) = segment.file_range(self.endian);
            let within = address.checked_sub(segment.p_vaddr(self.endian).into()).filter(|within| *within < size)?;
            start.checked_add(within)
        })
    }

    fn read_dynamic(&self, entries: &[Header::Dyn], found: &mut Elf) -> Result<(), String> {
        let entries = entries.iter().map(|entry| (entry.tag(self.endian), entry.val(self.endian)));
        let entries: Vec<_> = entries.take_while(|(tag, _)| *tag != elf::DT_NULL).take(MOST_ENTRIES).collect();
        let value = |wanted| entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
        let strings = match value(elf::DT_STRTAB).and_then(|address| self.offset(address)) {
            Some(start) => StringTable::new(
                self.bytes,
                start,
                start.saturating_add(value(elf::DT_STRSZ).unwrap_or(u64::MAX)).min(self.bytes.len() as u64),
            ),
            None => StringTable::default(),
        };
        let mut room = MOST_TEXT;
        let mut string = |at: u64| -> Result<String, String> {
            let wrong = || "is an ELF file whose names are out of bounds".to_owned();
            let bytes = u32::try_from(at).ok().and_then(|at| strings.get(at).ok()).ok_or_else(wrong)?;
            room = room.checked_sub(bytes.len()).ok_or_else(wrong)?;
            text(bytes)
        };
        for (tag, value) in &entries {
            match *tag {
                elf::DT_NEEDED => found.needed.push(string(*value)?),
                elf::DT_SONAME => found.soname = Some(string(*value)?),
                elf::DT_RPATH => found.rpath = folders(&string(*value)?),
                elf::DT_RUNPATH => found.runpath = folders(&string(*value)?),
                elf::DT_TEXTREL => found.has_text_relocations = true,
                elf::DT_FLAGS => found.has_text_relocations |= value & elf::DF_TEXTREL.0 != 0,
                _ => {}
            }
        }
        let most = [found.needed.len(), found.rpath.len(), found.runpath.len()].into_iter().max();
        if most > Some(MOST_NAMES) {
            return Err("is an ELF file that claims to need thousands of libraries or folders".to_owned());
        }
        if let Some(address) = value(elf::DT_VERNEED) {
            self.read_versions(address, &mut string, found)?;
        }
        let place = |tag| value(tag).and_then(|address| self.offset(address));
        if let (Some(symbols), Some(names)) = (place(elf::DT_SYMTAB), place(elf::DT_STRTAB)) {
            let hashes = inits::Hashes { gnu: place(elf::DT_GNU_HASH), system_v: place(elf::DT_HASH) };
            found.inits = inits::read::<Header>(self.bytes, self.endian, symbols, names, &hashes);
        }
        Ok(())
    }

    /// A list of libraries, each with a list of versions.
    fn read_versions(
        &self,
        address: u64,
        string: &mut impl FnMut(u64) -> Result<String, String>,
        found: &mut Elf,
    ) -> Result<(), String> {
        let wrong = || "is an ELF file whose required versions are out of bounds".to_owned();
        let endian = self.endian;
        let mut at = self.offset(address).ok_or_else(wrong)?;
        let mut room = MOST_ENTRIES;
        loop {
            let need: &elf::Verneed<Endianness> = self.bytes.read_at(at).map_err(|()| wrong())?;
            let library = string(need.vn_file.get(endian).into())?;
            let mut inner = at.saturating_add(need.vn_aux.get(endian).into());
            room = room.checked_sub(1 + usize::from(need.vn_cnt.get(endian))).ok_or_else(wrong)?;
            for _ in 0..need.vn_cnt.get(endian) {
                let version: &elf::Vernaux<Endianness> = self.bytes.read_at(inner).map_err(|()| wrong())?;
                let name = string(version.vna_name.get(endian).into())?;
                // The dynamic linker does not insist on weak versions.
                if !version.vna_flags.get(endian).contains(elf::VER_FLG_WEAK) {
                    note(&mut found.versions, &library, &name);
                }
                match version.vna_next.get(endian) {
                    0 => break,
                    next => inner = inner.saturating_add(next.into()),
                }
            }
            match need.vn_next.get(endian) {
                0 => return Ok(()),
                next => at = at.saturating_add(next.into()),
            }
        }
    }
}

fn folders(path: &str) -> Vec<String> {
    path.split(':').filter(|folder| !folder.is_empty()).map(str::to_owned).collect()
}

/// Keeps the highest version of each kind. Names without a number (`GLIBC_PRIVATE`) do not say when they were added.
fn note(versions: &mut BTreeMap<(String, String), SymbolVersion>, library: &str, name: &str) {
    // This name has no number, but its first symbols were added in glibc 2.36 (see its NEWS).
    let name = if name == "GLIBC_ABI_DT_RELR" { "GLIBC_2.36" } else { name };
    let Some((prefix, number)) = name.rsplit_once('_') else { return };
    let Some(version) = SymbolVersion::parse(number) else { return };
    let highest = versions.entry((library.to_owned(), prefix.to_owned())).or_insert_with(|| version.clone());
    if version.is_newer_than(highest) {
        *highest = version;
    }
}

impl SymbolVersion {
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        parts.filter(|parts| parts.len() <= 8).map(Self)
    }

    /// Compares versions; `3.4` equals `3.4.0`.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let part = |version: &Self, index: usize| version.0.get(index).copied().unwrap_or(0);
        let length = self.0.len().max(other.0.len());
        let orders = (0..length).map(|index| part(self, index).cmp(&part(other, index)));
        orders.into_iter().find(|order| *order != Ordering::Equal) == Some(Ordering::Greater)
    }
}

impl Display for SymbolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&parts.join("."))
    }
}

impl Machine {
    /// Compares with a name as in `Architecture::machine`.
    pub fn is(self, machine: &str) -> bool {
        self.is_64_bit && !self.is_big_endian && self.name() == machine
    }

    fn name(self) -> &'static str {
        match elf::Machine(self.code) {
            elf::EM_X86_64 => "x86_64",
            elf::EM_AARCH64 => "aarch64",
            elf::EM_386 => "i386",
            elf::EM_ARM => "arm",
            elf::EM_PPC64 => "ppc64",
            elf::EM_S390 => "s390x",
            elf::EM_RISCV => "riscv",
            elf::EM_LOONGARCH => "loongarch",
            _ => "",
        }
    }
}

impl Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.is_64_bit { "64" } else { "32" };
        match self.name() {
            // Lambda calls it so.
            "aarch64" if self.is_64_bit && !self.is_big_endian => formatter.write_str("arm64"),
            "x86_64" if self.is_64_bit => formatter.write_str("x86_64"),
            "" => write!(formatter, "{bits}-bit machine {}", self.code),
            name => write!(formatter, "{bits}-bit {name}"),
        }
    }
}
