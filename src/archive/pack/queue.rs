//! The order in which the files of a layer are compressed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use camino::Utf8Path;

use crate::layer::Entry;

/// Files of this size in bytes, or larger, are not left for the end.
const LARGE: u64 = 1 << 20;

/// What has to be compressed. One worker begins with the large files, so that none is left at the end; the others come
/// to them when there is nothing else, and to the smallest first, because a file is in memory while it is compressed.
pub(super) struct Queue<'a> {
    /// The largest first.
    large: Mutex<VecDeque<(&'a Utf8Path, &'a Entry)>>,
    /// In the order in which they are written.
    small: Mutex<VecDeque<(&'a Utf8Path, &'a Entry)>>,
}

impl<'a> Queue<'a> {
    pub(super) fn of(files: impl Iterator<Item = (&'a Utf8Path, &'a Entry)>) -> Self {
        let (mut large, small): (Vec<_>, Vec<_>) = files.partition(|(_, entry)| entry.size.0 >= LARGE);
        large.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.size));
        Self { large: Mutex::new(large.into()), small: Mutex::new(small.into()) }
    }

    pub(super) fn next(&self, worker: usize) -> Option<(&'a Utf8Path, &'a Entry)> {
        let of = |queue: &Mutex<VecDeque<_>>, take: fn(&mut VecDeque<_>) -> Option<_>| {
            take(&mut queue.lock().unwrap_or_else(PoisonError::into_inner))
        };
        match worker {
            0 => of(&self.large, VecDeque::pop_front).or_else(|| of(&self.small, VecDeque::pop_front)),
            _ => of(&self.small, VecDeque::pop_front).or_else(|| of(&self.large, VecDeque::pop_back)),
        }
    }
}
