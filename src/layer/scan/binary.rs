//! Compiled files, recognised by their first bytes, and files that only have the name of one.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::elf::Elf;

/// A file that is compiled, or that should be by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    Elf(Box<Elf>),
    /// A file for another system than Linux: `macOS`, `Windows`.
    Foreign(String),
    /// Why it cannot be loaded, as the end of a sentence that starts with the file's name.
    Broken(String),
}

/// Mach-O of 32 and 64 bits in both byte orders, and universal binaries.
const MACH_O: &[[u8; 4]] = &[
    [0xfe, 0xed, 0xfa, 0xce],
    [0xfe, 0xed, 0xfa, 0xcf],
    [0xce, 0xfa, 0xed, 0xfe],
    [0xcf, 0xfa, 0xed, 0xfe],
    [0xca, 0xfe, 0xba, 0xbe],
];

impl Binary {
    pub fn of(path: &Utf8Path, bytes: &[u8]) -> Option<Self> {
        let is_library = has_library_name(path);
        if bytes.starts_with(b"\x7fELF") {
            return Some(match Elf::read(bytes) {
                Ok(elf) => Self::Elf(Box::new(elf)),
                Err(reason) => Self::Broken(reason),
            });
        }
        // Of files for other systems, only extension modules count: other files are often shipped without a purpose.
        let is_compiled = is_library || path.extension() == Some("pyd");
        // Programs have no extension, but neither have many other files.
        let may_be_program = path.extension().is_none();
        if (is_compiled || may_be_program) && MACH_O.iter().any(|magic| bytes.starts_with(magic)) {
            return Some(Self::Foreign("macOS".to_owned()));
        }
        if is_compiled && bytes.starts_with(b"MZ") {
            return Some(Self::Foreign("Windows".to_owned()));
        }
        let reason = match bytes {
            _ if !is_library => return None,
            [] => "is empty",
            _ if bytes.starts_with(b"version https://git-lfs") => {
                "is a Git LFS pointer instead of the file (check out with `lfs: true`)"
            }
            _ if is_linker_script(bytes) => return None,
            _ if is_link_as_text(bytes) => {
                "is a symbolic link that was stored as text (check out with `core.symlinks=true`, zip with `--symlinks`)"
            }
            _ => "is named like a library, but is not one",
        };
        Some(Self::Broken(reason.to_owned()))
    }
}

/// `libx.so`, `libx.so.1.2`
pub fn has_library_name(path: &Utf8Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let is_version =
        |text: &str| text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    match name.rsplit_once(".so") {
        Some((stem, "")) => !stem.is_empty(),
        Some((stem, rest)) => !stem.is_empty() && rest.strip_prefix('.').is_some_and(is_version),
        None => false,
    }
}

/// A linker script, `GROUP ( /lib64/libc.so.6 … )`: it stands for a library at link time and is never loaded.
fn is_linker_script(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(4096)];
    let Ok(text) = std::str::from_utf8(start) else { return false };
    text.lines().any(|line| ["GROUP", "INPUT", "OUTPUT_FORMAT"].iter().any(|word| line.trim_start().starts_with(word)))
}

/// A text with nothing but the path of a library: a symbolic link that was stored as a file.
fn is_link_as_text(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(&bytes[..bytes.len().min(4096)]).unwrap_or_default();
    has_library_name(Utf8Path::new(text)) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, bytes: &[u8]) -> Option<Binary> {
        Binary::of(Utf8Path::new(path), bytes)
    }

    #[test]
    fn names_of_libraries() {
        for name in ["a.so", "liba.so.1", "liba-1.so.6.0.24", "a/x.cpython-313-x86_64-linux-gnu.so"] {
            assert!(has_library_name(Utf8Path::new(name)), "{name}");
        }
        for name in [".so", "a.so.debug", "a.so.txt", "a.sox", "a.so.", "so"] {
            assert!(!has_library_name(Utf8Path::new(name)), "{name}");
        }
    }

    #[test]
    fn what_is_no_library_is_named() {
        let broken = |reason: &str| Some(Binary::Broken(reason.to_owned()));
        assert_eq!(of("a.so", b""), broken("is empty"));
        assert_eq!(of("a.so", b"hello"), broken("is named like a library, but is not one"));
        assert!(matches!(of("a.so", b"version https://git-lfs.github.com/spec/v1\n"), Some(Binary::Broken(_))));
        let is_link =
            |bytes| matches!(of("a.so", bytes), Some(Binary::Broken(reason)) if reason.contains("stored as text"));
        assert!(is_link(b"../lib/a.so.1.2") && !is_link(b"see a.so") && !is_link(b"a.txt"));
        assert_eq!(of("libc.so", b"/* GNU ld script */\nGROUP ( /lib64/libc.so.6 )\n"), None);
        assert_eq!(of("a.py", b""), None);
        assert_eq!(of("a.so", b"\xcf\xfa\xed\xfe"), Some(Binary::Foreign("macOS".to_owned())));
        assert_eq!(of("bin/tool", b"\xcf\xfa\xed\xfe"), Some(Binary::Foreign("macOS".to_owned())));
        // Compiled Java starts with the same bytes.
        assert_eq!(of("A.class", b"\xca\xfe\xba\xbe"), None);
        assert_eq!(of("a.pyd", b"MZ\x90"), Some(Binary::Foreign("Windows".to_owned())));
        assert_eq!(of("setuptools/cli.exe", b"MZ\x90"), None);
        assert!(matches!(of("data", b"\x7fELF"), Some(Binary::Broken(_))));
    }
}
