//! Thousands of broken zips, the same each time: whatever is in one, opening it ends, and nothing outside is named.

use std::io::Write as _;

use camino::{Utf8Component, Utf8Path};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Opened, open_zip};
use crate::secrets::Secrets;

/// Zips with what a layer may have: metadata, a link, a folder, stored and deflated files, a comment, sizes of ZIP64.
fn seeds() -> Vec<Vec<u8>> {
    let options = SimpleFileOptions::default().unix_permissions(0o644);
    let stored = options.compression_method(CompressionMethod::Stored);
    let plain = zip(|zip| {
        zip.add_directory("python/", options.unix_permissions(0o755)).expect("can be written");
        for (name, text) in [
            ("python/six.py", "x = 1\n".repeat(40)),
            ("python/six-1.0.dist-info/METADATA", "Name: six\nVersion: 1.0\nRequires-Dist: idna\n".to_owned()),
            ("python/six-1.0.dist-info/RECORD", "six.py,,\n../bin/tool,,\n".to_owned()),
        ] {
            zip.start_file(name, options).expect("can be written");
            zip.write_all(text.as_bytes()).expect("can be written");
        }
        zip.add_symlink("python/link", "six.py", options).expect("can be written");
        zip.start_file("bin/tool", stored.unix_permissions(0o755)).expect("can be written");
        zip.write_all(b"\x7fELF\x02\x01\x01").expect("can be written");
        zip.set_comment("a comment").expect("is short");
    });
    let large = zip(|zip| {
        zip.start_file("python/zip64.py", options.large_file(true)).expect("can be written");
        zip.write_all(b"x = 1").expect("can be written");
        zip.start_file("python/inner.zip", stored).expect("can be written");
        zip.write_all(&plain).expect("can be written");
    });
    vec![plain, large]
}

fn zip(fill: impl FnOnce(&mut ZipWriter<std::io::Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    fill(&mut zip);
    zip.finish().expect("can be written").into_inner()
}

fn open(bytes: &[u8]) -> Option<Opened> {
    let opened = open_zip(bytes, "x.zip", &Secrets::default()).ok()?;
    for path in opened.layer.files.keys() {
        assert!(path.components().all(|part| matches!(part, Utf8Component::Normal(_))), "{path}");
    }
    for finding in &opened.findings {
        assert!(!finding.subject.contains(char::is_control), "{:?}", finding.subject);
    }
    Some(opened)
}

#[test]
fn seeds_have_nothing_wrong() {
    for seed in seeds() {
        let opened = open(&seed).expect("is a zip");
        assert_eq!((opened.findings.as_slice(), opened.is_read), (&[][..], true));
    }
    let opened = open(&seeds()[0]).expect("is a zip");
    assert_eq!(opened.layer.distributions[0].name.to_string(), "six");
    assert_eq!(opened.layer.files[Utf8Path::new("bin/tool")].owner.to_string(), "six");
}

#[test]
fn mutated_zips_end_in_findings() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).expect("is small")
    };
    let (mut opened, mut noticed) = (0, 0);
    for seed in seeds() {
        // Where entries, the directory and its end begin: most of what matters stands close behind.
        let heads: Vec<usize> = (0..seed.len() - 1).filter(|at| &seed[*at..*at + 2] == b"PK").collect();
        for _ in 0..3000 {
            let mut bytes = seed.clone();
            for _ in 0..=random(3) {
                let near = heads[random(heads.len())] + random(50);
                let at = if random(4) == 0 { random(bytes.len()) } else { near.min(bytes.len() - 1) };
                let extreme = [0, 1, 0x7f, 0x80, 0xff][random(5)];
                match random(6) {
                    0 => bytes[at] ^= 1 << random(8),
                    1 => bytes[at] = extreme,
                    2 => bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = extreme),
                    3 => bytes.truncate(at.max(1)),
                    4 => {
                        let piece: Vec<u8> = bytes.iter().skip(random(bytes.len())).take(64).copied().collect();
                        bytes.splice(at..at, piece);
                    }
                    _ => drop(bytes.splice(at..(at + random(64)).min(bytes.len()), [])),
                }
                bytes.push(0);
            }
            if let Some(found) = open(&bytes) {
                opened += 1;
                noticed += usize::from(!found.findings.is_empty());
            }
        }
    }
    assert!(opened > 500 && noticed > 300, "the mutations reach the entries: {opened} opened, {noticed} with findings");
}

proptest! {
    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        open(&bytes);
    }

    #[test]
    fn any_names_stay_inside(names in proptest::collection::vec("[ab/.\\\\:\u{0}é]{0,12}", 1..8), links in any::<u8>()) {
        let bytes = zip(|zip| {
            let options = SimpleFileOptions::default().unix_permissions(0o644);
            for (index, name) in names.iter().enumerate() {
                // The writer refuses some names itself; those are in the integration tests.
                if links & (1 << index) == 0 {
                    zip.start_file(name.as_str(), options).and_then(|()| Ok(zip.write_all(b"x")?)).ok();
                } else {
                    zip.add_symlink(name.as_str(), "../..", options).ok();
                }
            }
        });
        prop_assert!(open(&bytes).is_some(), "nothing was looked at");
    }
}
