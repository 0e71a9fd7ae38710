//! Normalizes marshalled code, so that it is reproducible.
//!
//! `marshal.dumps` marks objects that it may refer to later. It decides that by reference counts, and so by whatever
//! else the interpreter holds at that time; before 3.11 it writes sets in the order of their hashes, which differ from
//! process to process; and strings of one character are interned or not depending on what was compiled before. The same
//! code thus has several forms. Here only objects that are really referred to are marked, sets are sorted, and those
//! strings are never interned. All forms load as the same code.
//!
//! The format is defined by CPython's `Python/marshal.c`, 3.8 to 3.14.

use std::ops::Range;

use crate::types::PythonVersion;

const FLAG_REF: u8 = 0x80;

/// The fields of a code object, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodeLayout {
    /// The number of four-byte integers before the objects.
    integers: usize,
    /// The number of objects before the line number, which has four bytes.
    before: usize,
    after: usize,
}

impl CodeLayout {
    pub(super) fn of(python: PythonVersion) -> Self {
        if matches!(python.runtime().python.as_str(), "3.8" | "3.9" | "3.10") {
            Self { integers: 6, before: 8, after: 1 }
        } else {
            Self { integers: 5, before: 8, after: 2 }
        }
    }
}

/// The normalized form of the same code; `None` if it cannot be read.
pub(super) fn normalized(marshalled: &[u8], layout: CodeLayout) -> Option<Vec<u8>> {
    let mut reader = Reader { bytes: marshalled, position: 0, layout, objects: Vec::new(), marked: Vec::new() };
    let root = reader.object()?;
    if reader.position != marshalled.len() {
        return None;
    }
    let mut objects = reader.objects;
    for index in 0..objects.len() {
        if objects[index].kind == b'>' {
            sort_set(&mut objects, index, marshalled);
        }
    }
    let mut uses = vec![0_u32; objects.len()];
    for part in objects.iter().flat_map(|object| &object.parts) {
        if let Part::Object(index) = part {
            uses[*index] += 1;
        }
    }
    let numbers = vec![None; objects.len()];
    let output = Vec::with_capacity(marshalled.len());
    let mut writer = Writer { bytes: marshalled, objects: &objects, uses, numbers, count: 0, output };
    writer.object(root)?;
    Some(writer.output)
}

#[derive(Debug)]
struct Object {
    /// The type byte.
    kind: u8,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// Copied unchanged.
    Bytes(Range<usize>),
    /// The index of another object.
    Object(usize),
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    layout: CodeLayout,
    objects: Vec<Object>,
    /// The indexes of objects that can be referred to, by their reference number; `None` while an object is being read.
    marked: Vec<Option<usize>>,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let start = self.position;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        self.position = end;
        Some(start..end)
    }

    fn integer(&mut self) -> Option<u32> {
        let range = self.take(4)?;
        Some(u32::from_le_bytes(self.bytes[range].try_into().ok()?))
    }

    fn byte(&mut self) -> Option<u8> {
        let range = self.take(1)?;
        Some(self.bytes[range.start])
    }

    fn object(&mut self) -> Option<usize> {
        let byte = self.byte()?;
        let (kind, is_marked) = (byte & !FLAG_REF, byte & FLAG_REF != 0);
        if kind == b'r' {
            let number = usize::try_from(self.integer()?).ok()?;
            return *self.marked.get(number)?;
        }
        let number = self.marked.len();
        if is_marked {
            self.marked.push(None);
        }
        let object = self.parts(kind)?;
        self.objects.push(object);
        let index = self.objects.len() - 1;
        if is_marked {
            self.marked[number] = Some(index);
        }
        Some(index)
    }

    fn parts(&mut self, kind: u8) -> Option<Object> {
        let start = self.position;
        let mut parts = Vec::new();
        match kind {
            b'N' | b'T' | b'F' | b'.' => (),
            b'i' => {
                self.take(4)?;
            }
            b'g' => {
                self.take(8)?;
            }
            b'y' => {
                self.take(16)?;
            }
            // The number of digits, 15 bits each; its sign is the sign of the integer.
            b'l' => {
                let digits = self.integer()?.cast_signed().unsigned_abs();
                self.take(usize::try_from(digits).ok()?.checked_mul(2)?)?;
            }
            b's' | b't' | b'u' | b'a' | b'A' => {
                let length = usize::try_from(self.integer()?).ok()?;
                self.take(length)?;
            }
            b'z' | b'Z' => {
                let length = usize::from(self.byte()?);
                self.take(length)?;
            }
            b'(' | b'>' | b')' => {
                let count = if kind == b')' { u32::from(self.byte()?) } else { self.integer()? };
                parts.push(Part::Bytes(start..self.position));
                self.objects_into(usize::try_from(count).ok()?, &mut parts)?;
            }
            b':' => self.objects_into(3, &mut parts)?,
            b'c' => {
                parts.push(Part::Bytes(self.take(4 * self.layout.integers)?));
                self.objects_into(self.layout.before, &mut parts)?;
                parts.push(Part::Bytes(self.take(4)?));
                self.objects_into(self.layout.after, &mut parts)?;
            }
            _ => return None,
        }
        if parts.is_empty() {
            parts.push(Part::Bytes(start..self.position));
        }
        let payload = &self.bytes[start..self.position];
        Some(Object { kind: if is_single_character(kind, payload) { not_interned(kind) } else { kind }, parts })
    }

    fn objects_into(&mut self, count: usize, parts: &mut Vec<Part>) -> Option<()> {
        for _ in 0..count {
            let object = self.object()?;
            parts.push(Part::Object(object));
        }
        Some(())
    }
}

/// Whether this is a string of one character, of which a process has only one object. As a name, it is interned when it
/// is loaded.
fn is_single_character(kind: u8, payload: &[u8]) -> bool {
    let text = match kind {
        b't' | b'A' => payload.get(4..),
        b'Z' => payload.get(1..),
        _ => None,
    };
    let mut characters = text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default().chars();
    let only = characters.next().filter(|_| characters.next().is_none());
    only.is_some_and(|only| only <= '\u{ff}' && !only.is_ascii_alphanumeric() && only != '_')
}

fn not_interned(kind: u8) -> u8 {
    match kind {
        b't' => b'u',
        b'A' => b'a',
        b'Z' => b'z',
        other => other,
    }
}

fn sort_set(objects: &mut [Object], set: usize, bytes: &[u8]) {
    let mut elements: Vec<(Vec<u8>, Part)> = Vec::new();
    for part in objects[set].parts.iter().skip(1) {
        let mut key = Vec::new();
        if let Part::Object(index) = part {
            spell_out(objects, *index, bytes, &mut key);
        }
        elements.push((key, part.clone()));
    }
    elements.sort_by(|left, right| left.0.cmp(&right.0));
    objects[set].parts.splice(1.., elements.into_iter().map(|(_, part)| part));
}

/// Writes an object without references.
fn spell_out(objects: &[Object], index: usize, bytes: &[u8], output: &mut Vec<u8>) {
    output.push(objects[index].kind);
    for part in &objects[index].parts {
        match part {
            Part::Bytes(range) => output.extend_from_slice(&bytes[range.clone()]),
            Part::Object(index) => spell_out(objects, *index, bytes, output),
        }
    }
}

struct Writer<'a> {
    bytes: &'a [u8],
    objects: &'a [Object],
    uses: Vec<u32>,
    /// The reference numbers of objects that were written and are used again.
    numbers: Vec<Option<u32>>,
    count: u32,
    output: Vec<u8>,
}

impl Writer<'_> {
    fn object(&mut self, index: usize) -> Option<()> {
        if let Some(number) = self.numbers[index] {
            self.output.push(b'r');
            self.output.extend_from_slice(&number.to_le_bytes());
            return Some(());
        }
        let object = &self.objects[index];
        if self.uses[index] > 1 {
            self.numbers[index] = Some(self.count);
            self.count += 1;
            self.output.push(object.kind | FLAG_REF);
        } else {
            self.output.push(object.kind);
        }
        for part in &object.parts {
            match part {
                Part::Bytes(range) => self.output.extend_from_slice(&self.bytes[range.clone()]),
                Part::Object(index) => self.object(*index)?,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(marshalled: &[u8]) -> Option<Vec<u8>> {
        normalized(marshalled, CodeLayout::of("3.13".parse().expect("is known")))
    }

    #[test]
    fn only_what_is_referred_to_is_marked() {
        let marked = b"\xa9\x03\xfa\x02ab\xfa\x02cdr\x01\0\0\0";
        assert_eq!(normal(marked).as_deref(), Some(&b")\x03\xfa\x02abz\x02cdr\0\0\0\0"[..]));
    }

    #[test]
    fn sets_are_sorted() {
        let one = b"\xbe\x02\0\0\0z\x01bz\x01a";
        let other = b">\x02\0\0\0\xfa\x01az\x01b";
        assert_eq!(normal(one), normal(other));
        assert!(normal(one).is_some());
    }

    #[test]
    fn single_characters_are_not_interned() {
        assert_eq!(normal(b"Z\x01,").as_deref(), Some(&b"z\x01,"[..]));
        assert_eq!(normal(b"t\x02\0\0\0\xc3\xa9").as_deref(), Some(&b"u\x02\0\0\0\xc3\xa9"[..]));
        assert_eq!(normal(b"Z\x01a").as_deref(), Some(&b"Z\x01a"[..]), "always is");
        assert_eq!(normal(b"Z\x02a.").as_deref(), Some(&b"Z\x02a."[..]));
    }

    #[test]
    fn what_is_broken_is_refused() {
        for broken in
            [&b""[..], b"(", b"\xa9\x01r\0\0\0\0", b"r\0\0\0\0", b"NN", b"z\x05ab", b"?", b"(\xff\xff\xff\xff"]
        {
            assert_eq!(normal(broken), None, "{broken:?}");
        }
    }
}
