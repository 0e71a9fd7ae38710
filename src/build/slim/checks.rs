//! The checks of a rule: whether a file that the rule matches can be left out safely.

use std::io::Read as _;

use camino::Utf8Path;

use super::choose::Layer;
use super::rules::{Check, Rule};
use crate::build::installed::bytes_of;
use crate::layer::{Entry, Source};

/// A file that a rule matches.
pub(super) struct Subject<'a> {
    /// The path relative to the folder of packages, or relative to `/opt` if the file is outside of it.
    pub(super) path: &'a Utf8Path,
    /// The path relative to `/opt`.
    pub(super) place: &'a Utf8Path,
    pub(super) entry: &'a Entry,
    /// The rules that match the file, in their order.
    pub(super) rules: Vec<&'static Rule>,
}

impl Check {
    pub(super) fn allows(self, subject: &Subject<'_>, layer: &Layer<'_>) -> anyhow::Result<bool> {
        let name = subject.path.file_name().unwrap_or_default();
        let is_there = |place: &Utf8Path| layer.tree.entries.contains_key(place);
        Ok(match self {
            Self::BesideSource => is_there(&subject.place.with_extension("py")),
            Self::BesideScript => is_there(&subject.place.with_extension("")),
            Self::Unused => !layer.uses.need(subject.path, &layer.candidates),
            Self::Unmentioned => !layer.uses.mentions(&subject.entry.owner, name),
            Self::EndingUnmentioned => !endings(name).any(|ending| layer.uses.mentions(&subject.entry.owner, ending)),
            Self::NotReadAsStub => !layer.uses.reads_stub(subject.path, &subject.entry.owner),
            Self::NoCompiler => !layer.has_compiler,
            // Folders with modules are not among the candidates.
            Self::NoModules => true,
            Self::LinkerInput => is_linker_input(&start(&subject.entry.source)?),
            Self::PlainText => matches!(subject.path.extension(), None | Some("md" | "rst" | "txt" | "markdown")),
            Self::Compiled => start(&subject.entry.source)?.starts_with(b"\x7fELF"),
            Self::OfAnotherSystem => is_of_another_system(&start(&subject.entry.source)?),
        })
    }
}

/// The endings of a file name: `.js.map` and `.map` for `x.js.map`, but only `.pyx.tp` for `x.pyx.tp`. Templates that a
/// build fills in have an ending for the build, whose code may also be in the package (`sklearn/_build_utils`).
pub(super) fn endings(name: &str) -> impl Iterator<Item = &str> {
    let endings = name.match_indices('.').filter(|(at, _)| *at > 0).map(|(at, _)| &name[at..]);
    endings.filter(|ending| ![".in", ".tp"].contains(ending))
}

/// The first 64 bytes.
pub(crate) fn start(source: &Source) -> std::io::Result<Vec<u8>> {
    const LENGTH: usize = 64;
    match source {
        Source::File { path, .. } => {
            let mut bytes = Vec::new();
            fs_err::File::open(path)?.take(LENGTH as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        }
        Source::Stored { file, .. } if let Some(start) = &file.learned.start => Ok(start.clone()),
        other => bytes_of(other).map(|mut bytes| {
            bytes.truncate(LENGTH);
            bytes
        }),
    }
}

/// Whether a linker reads such files: archives of `ar` (<https://man7.org/linux/man-pages/man5/ar.5.html>), relocatable
/// ELF files, and text files of libtool.
fn is_linker_input(start: &[u8]) -> bool {
    // ELF has `e_type` at offset 16; 1 is a relocatable file.
    let is_object = start.starts_with(b"\x7fELF") && matches!(start.get(16..18), Some([1, 0] | [0, 1]));
    let libtool = b"libtool";
    let is_libtool = start.starts_with(b"#") && start.windows(libtool.len()).any(|word| word == libtool);
    start.starts_with(b"!<arch>\n") || start.starts_with(b"!<thin>\n") || is_object || is_libtool
}

/// Whether a file is a program of Windows (`MZ`) or macOS (the magic numbers of Mach-O).
fn is_of_another_system(start: &[u8]) -> bool {
    const MACH_O: [[u8; 4]; 3] = [[0xcf, 0xfa, 0xed, 0xfe], [0xce, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]];
    start.starts_with(b"MZ") || MACH_O.iter().any(|magic| start.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_for_a_linker_are_known_by_their_bytes() {
        assert!(is_linker_input(b"!<arch>\n/     "));
        assert!(is_linker_input(b"# libx.la - a libtool library file\n"));
        assert!(is_linker_input(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0"));
        assert!(!is_linker_input(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0"), "a shared object");
        assert!(!is_linker_input(b"data"));
        assert!(is_of_another_system(b"MZ\x90") && !is_of_another_system(b"\x7fELF"));
    }
}
