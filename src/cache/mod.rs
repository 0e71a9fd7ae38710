//! A cache of what builds work out from the files of distributions: compressed bytes, bytecode, and facts for the
//! checks. Builds give the same bytes without it.
//!
//! Everything is found by what it is: a distribution by the digest of its files, a wheel by the hashes that were
//! demanded of it, an import by all that it could read. What is unreadable, old or doubtful counts as absent.

mod entries;
mod pack;
mod place;
pub mod programs;
mod sweep;

use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

pub use pack::{Bytecode, Content, NewBytecode, NewContent, NewFile, Pack, Row};
pub use place::{FOLDER, folder};

use crate::console::Console;
use crate::environment::Environment;
use crate::layer::CacheMiss;
use crate::types::Digest;

/// A digest of the code that decides what builds find out about a file, and how that is kept: other code starts anew.
const CODE: u64 = digest_of_code(&[
    include_bytes!("pack.rs"),
    include_bytes!("../archive/deflate.rs"),
    include_bytes!("../archive/pack.rs"),
    include_bytes!("../build/bytecode/compile.py"),
    include_bytes!("../build/bytecode/marshal.rs"),
    include_bytes!("../build/bytecode/worker.rs"),
    include_bytes!("../build/installed.rs"),
    include_bytes!("../build/keep.rs"),
    include_bytes!("../build/slim/code.rs"),
    include_bytes!("../build/slim/mentions.rs"),
    include_bytes!("../layer/scan/binary.rs"),
    include_bytes!("../layer/scan/elf/inits.rs"),
    include_bytes!("../layer/scan/elf/mod.rs"),
    include_bytes!("../layer/scan/leaks/formats.rs"),
    include_bytes!("../layer/scan/leaks/mod.rs"),
    include_bytes!("../layer/scan/mod.rs"),
    include_bytes!("../layer/scan/places.rs"),
    include_bytes!("../layer/stored.rs"),
]);

/// FNV-1a (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>): nothing depends on its strength.
const fn digest_of_code(files: &[&[u8]]) -> u64 {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    let mut file = 0;
    while file < files.len() {
        let mut byte = 0;
        while byte < files[file].len() {
            digest = (digest ^ files[file][byte] as u64).wrapping_mul(0x0100_0000_01b3);
            byte += 1;
        }
        file += 1;
    }
    digest
}

/// The cache of a machine, or nothing.
#[derive(Debug)]
pub struct Cache {
    folder: Option<Utf8PathBuf>,
    use_of: Use,
    /// Whether each file is checked against its digest.
    verifies: bool,
}

/// What a build may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Distributions are taken from the cache instead of being installed.
    Everything,
    /// Everything is installed, and what is known about the files is used.
    Knowledge,
    Nothing,
}

impl Cache {
    /// The cache of this machine. Without a home, or with a cache that others could have written, there is none.
    /// With `verifies`, each file is checked against its digest.
    pub fn open(environment: &Environment, verifies: bool, console: &Console) -> Self {
        let folder = folder(environment).and_then(|folder| match place::prepare(&folder, environment) {
            Ok(()) => Some(folder),
            Err(why) => {
                warn(console, &format!("`{folder}` is not used as a cache: {why}"));
                None
            }
        });
        Self { folder, use_of: Use::Everything, verifies }
    }

    /// The same cache for a build that found that it lacks something, or that it is damaged. What is wrong there is
    /// replaced.
    #[must_use]
    pub fn after(&self, miss: &CacheMiss) -> Self {
        let use_of = match miss {
            CacheMiss::Absent => Use::Knowledge,
            CacheMiss::Damaged => Use::Nothing,
        };
        Self { folder: self.folder.clone(), use_of, verifies: self.verifies }
    }

    pub fn may_replace_installing(&self) -> bool {
        self.use_of == Use::Everything && self.is_there()
    }

    /// The cache of this machine for those who have nothing to say about it.
    fn quiet(environment: &Environment) -> Self {
        let folder = folder(environment).filter(|folder| place::prepare(folder, environment).is_ok());
        Self { folder, use_of: Use::Everything, verifies: false }
    }

    pub fn is_there(&self) -> bool {
        self.folder.is_some()
    }

    /// The distribution whose files have this digest, as a build for `variant` knows it.
    pub fn pack(&self, content: Digest, variant: Digest, console: &Console) -> Option<Pack> {
        let path = self.readable()?.join(pack_path(content, variant));
        match Pack::read(&path).and_then(|pack| self.checked(pack)) {
            Ok(pack) => pack,
            Err(error) => {
                warn(console, &format!("`{path}` is not used: {error}"));
                // It would be found damaged again and again.
                fs_err::remove_file(&path).ok();
                None
            }
        }
    }

    fn checked(&self, pack: Option<Pack>) -> anyhow::Result<Option<Pack>> {
        if let Some(pack) = pack.as_ref().filter(|_| self.verifies) {
            pack.verify()?;
        }
        Ok(pack)
    }

    /// Keeps a distribution. A cache that cannot be written to is no reason to fail.
    pub fn keep_pack(&self, content: Digest, variant: Digest, files: &[NewFile<'_>], console: &Console) {
        let Some(folder) = &self.folder else { return };
        if let Err(error) = pack::write(&folder.join(pack_path(content, variant)), files)
            && !error.chain().any(<dyn std::error::Error>::is::<CacheMiss>)
        {
            warn(console, &format!("nothing more is kept in the cache: {error:#}"));
        }
    }

    /// A small value that was kept under this key.
    pub fn get<T: serde::de::DeserializeOwned>(&self, kind: &str, key: Digest) -> Option<T> {
        entries::read(&self.readable()?.join(entry_path(kind, key)))
    }

    /// Keeps a small value.
    pub fn put<T: serde::Serialize>(&self, kind: &str, key: Digest, value: &T, console: &Console) {
        let Some(folder) = &self.folder else { return };
        if let Err(error) = entries::write(&folder.join(entry_path(kind, key)), value) {
            warn(console, &format!("nothing more is kept in the cache: {error:#}"));
        }
    }

    /// The same; whoever calls this does without.
    fn put_quietly<T: serde::Serialize>(&self, kind: &str, key: Digest, value: &T) {
        if let Some(folder) = &self.folder {
            entries::write(&folder.join(entry_path(kind, key)), value).ok();
        }
    }

    /// Removes what was not used for the longest time, if the cache has become too large.
    pub fn sweep(&self) {
        if let Some(folder) = &self.folder {
            sweep::sweep(folder, sweep::LIMIT);
        }
    }

    fn readable(&self) -> Option<&Utf8Path> {
        self.folder.as_deref().filter(|_| self.use_of != Use::Nothing)
    }
}

/// What else, besides its files, decides what builds find out about a distribution: this program and its data.
pub fn variant(parts: &[&str]) -> Digest {
    let data = [include_str!("../../data/slim.yml"), include_str!("../../data/secrets.yml")];
    digest_of(&[&[CODE.to_string().as_str()][..], &data[..], parts].concat())
}

/// The digest of a list of texts: no two lists look alike.
pub fn digest_of(parts: &[&str]) -> Digest {
    let lengths: Vec<String> = parts.iter().map(|part| format!("{}:", part.len())).collect();
    let text: String = lengths.iter().zip(parts).flat_map(|(length, part)| [length.as_str(), part]).collect();
    Digest::of(text.as_bytes())
}

fn pack_path(content: Digest, variant: Digest) -> String {
    format!("packs/{content}-{}.pack", &variant.hex()[..16])
}

fn entry_path(kind: &str, key: Digest) -> String {
    format!("{kind}/{key}.json")
}

/// Warns that the cache is of no use, once in a run.
pub fn warn(console: &Console, text: &str) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if WARNED.swap(true, Ordering::Relaxed) {
        console.debug(text);
    } else {
        console.warning(text);
    }
}
