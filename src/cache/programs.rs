//! Remembers what programs of this machine say about themselves, until their files change: starting an interpreter takes
//! longer than building a small layer.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Cache, digest_of};
use crate::environment::Environment;
use crate::types::Digest;

/// The kind of the cache's entries.
const KIND: &str = "programs";
/// The C library, whose version an interpreter tells.
const LIBRARIES: &[&str] =
    &["/lib64/libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/usr/lib/libc.so.6"];

/// The answer of a program to a question: the remembered one, or a new one, which is remembered if it is `final`. A
/// script may start another program each time, so that its answers are not remembered.
pub fn answer<T: Serialize + DeserializeOwned>(
    program: &Utf8Path,
    question: &str,
    environment: &Environment,
    ask: impl FnOnce() -> Option<T>,
    is_final: impl Fn(&T) -> bool,
) -> Option<T> {
    let cache = Cache::quiet(environment);
    let Some(key) = key(program, question).filter(|_| cache.is_there()) else { return ask() };
    if let Some(known) = cache.get(KIND, key) {
        return Some(known);
    }
    let answer = ask()?;
    if is_final(&answer) {
        cache.put_quietly(KIND, key, &answer);
    }
    Some(answer)
}

fn key(program: &Utf8Path, question: &str) -> Option<Digest> {
    let file = program.canonicalize_utf8().ok()?;
    let mut start = [0; 4];
    fs_err::File::open(&file).ok()?.read_exact(&mut start).ok()?;
    if &start != b"\x7fELF" {
        return None;
    }
    let mut parts = vec![question.to_owned(), program.to_string()];
    for path in [file.as_str()].iter().chain(LIBRARIES) {
        if let Ok(file) = fs_err::metadata(path) {
            parts.push(format!("{path} {} {} {} {}", file.ino(), file.len(), file.mtime(), file.mtime_nsec()));
        }
    }
    // A virtual environment is a link to another Python.
    let settings = program.parent().and_then(Utf8Path::parent).map(|folder| folder.join("pyvenv.cfg"));
    parts.extend(settings.and_then(|file| fs_err::read_to_string(file).ok()));
    Some(digest_of(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
}
