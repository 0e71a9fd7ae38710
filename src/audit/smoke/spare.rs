//! Keeps bytecode that a layer has no room for: imports that are tried again are faster with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use libdeflater::crc32;

use super::memory::Memory;
use super::outcome::Ran;
use super::part::Part;
use crate::archive::deflate::Deflater;
use crate::cache;
use crate::cache::{Content, NewContent, NewFile};
use crate::layer::{Entry, Learned, Owner, Source};
use crate::types::{Digest, DistributionName};

impl Memory<'_> {
    /// The bytecode that earlier imports of the distributions in this part have read, by its path in the layer.
    pub(super) fn spare(&self, part: Option<&Part<'_>>) -> BTreeMap<Utf8PathBuf, Entry> {
        let mut spare = BTreeMap::new();
        for (name, content) in self.without_bytecode() {
            let owner = Owner::Distribution(name.clone());
            if part.is_some_and(|part| !part.has(Utf8Path::new(""), &owner)) {
                continue;
            }
            let pack = self.cache.pack(*content, self.variant(), self.console);
            for (path, row) in pack.into_iter().flat_map(|pack| pack.files) {
                let (size, digest) = (row.file.size, Some(row.file.digest));
                let source = Source::Stored { file: Arc::clone(&row.file), executable: false };
                spare.insert(path, Entry { source, owner: owner.clone(), size, digest });
            }
        }
        spare
    }

    /// Keeps the bytecode that imports have read.
    pub(super) fn keep_spare(&self, ran: &Ran) {
        let read: BTreeSet<&Utf8PathBuf> = ran.reads.iter().flat_map(|reads| &reads.files).collect();
        let mut files: BTreeMap<&DistributionName, Vec<(&Utf8PathBuf, &Entry)>> = BTreeMap::new();
        for (path, entry) in self.tree.spare.iter().filter(|(path, _)| read.contains(path)) {
            if let Owner::Distribution(name) = &entry.owner {
                files.entry(name).or_default().push((path, entry));
            }
        }
        for (name, files) in files {
            let files: Vec<NewFile<'_>> = files.into_iter().filter_map(|(path, entry)| new_file(path, entry)).collect();
            if let Some(content) = self.contents.get(name) {
                self.cache.keep_pack(*content, self.variant(), &files, self.console);
            }
        }
    }

    /// The distributions with modules whose bytecode neither the layer has nor this build, and their digests.
    fn without_bytecode(&self) -> impl Iterator<Item = (&DistributionName, &Digest)> {
        let is_missing =
            self.tree.compiled.values().any(|compiled| compiled.made.as_ref().is_some_and(|made| made.place.is_none()));
        self.contents.iter().filter(move |_| is_missing)
    }

    fn variant(&self) -> Digest {
        cache::variant(&["bytecode for imports", &self.python])
    }
}

fn new_file<'a>(path: &'a Utf8Path, entry: &Entry) -> Option<NewFile<'a>> {
    let bytes = entry.bytes().ok()?;
    let content = Content::Here(Deflater::quick().deflate(&bytes).ok()?, crc32(&bytes));
    let file = NewContent { digest: entry.digest?, size: entry.size, content, learned: Learned::default() };
    Some(NewFile { path, executable: false, file, bytecode: None })
}
