//! The bytes of a zip, and what reads them back.

use std::io::{Cursor, Read as _};

use camino::Utf8PathBuf;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::layer::Owner;
use crate::secrets::Secrets;

/// What a zip says of one name.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    mode: u32,
    bytes: Vec<u8>,
}

fn read(zip: &[u8]) -> BTreeMap<String, Read> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("is a zip");
    let mut entries = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("is readable");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("is whole");
        let name = file.name().expect("is UTF-8").into_owned();
        assert!(!entries.contains_key(&name), "`{name}` stands twice");
        assert_eq!(file.last_modified().expect("is set").to_string(), "1980-01-01 00:00:00");
        entries.insert(name, Read { mode: file.unix_mode().expect("is of Unix"), bytes });
    }
    entries
}

fn scan(tree: &Tree) -> Scan {
    Scan::new(&Secrets::default(), &tree.distributions)
}

fn packed_into(tree: &Tree, folder: &Utf8Path) -> anyhow::Result<Archive> {
    pack(tree, &scan(tree), folder, &ProgressBar::hidden())
}

fn packed(tree: &Tree, threads: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_zip(tree, &scan(tree), &mut bytes, &ProgressBar::hidden(), threads).expect("is readable");
    bytes
}

fn entry(source: Source) -> Entry {
    let size = match &source {
        Source::Bytes { bytes, .. } => bytes.len() as u64,
        Source::File { path, .. } => fs_err::metadata(path).expect("is there").len(),
        Source::Stored { file, .. } => file.size.0,
        Source::Link { .. } => 0,
    };
    Entry { source, owner: Owner::Unknown, size: ByteSize(size), digest: None }
}

/// A tree of those that have room: no file can be a folder.
fn tree(entries: impl IntoIterator<Item = (Utf8PathBuf, Entry)>) -> Tree {
    let mut tree = Tree::empty();
    for (path, entry) in entries {
        let above = path.ancestors().any(|above| tree.entries.contains_key(above));
        let below = tree.entries.keys().any(|other| other.starts_with(&path));
        if !above && !below {
            tree.entries.insert(path, entry);
        }
    }
    tree
}

/// Names whose order is not that of their folders (`a-b` stands before `a/b`), and some outside of ASCII.
fn path() -> impl Strategy<Value = Utf8PathBuf> {
    let name = prop_oneof!["[ab]{1,2}", "a-[a-c]", "[ä你🐍]{1,2}", "[A-Za-z0-9 ._+!-]{1,8}_"];
    vec(name, 1..4).prop_map(|names| names.join("/").into())
}

fn source() -> impl Strategy<Value = Source> {
    // Random bytes do not compress, repeated ones do; both may be empty.
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..300),
        (any::<u8>(), 0..100_000_usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    prop_oneof![
        4 => (bytes, any::<bool>()).prop_map(|(bytes, executable)| Source::Bytes { bytes, executable }),
        1 => "[a-zä/.]{1,20}".prop_map(|target| Source::Link { target: target.into() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_same_tree_is_the_same_bytes_and_can_be_read_back(
        entries in vec((path(), source()), 0..20),
        threads in 2..8_usize,
    ) {
        let once = tree(entries.into_iter().map(|(path, source)| (path, entry(source))));
        let again = tree(once.entries.clone().into_iter().rev());
        let zip = packed(&once, 1);
        prop_assert!(zip == packed(&again, threads));

        let entries = read(&zip);
        let files = entries.iter().filter(|(name, _)| !name.ends_with('/'));
        let files: BTreeMap<&str, &Read> = files.map(|(name, read)| (name.as_str(), read)).collect();
        prop_assert_eq!(files.len(), once.entries.len());
        for (path, entry) in &once.entries {
            let (mode, bytes) = match &entry.source {
                Source::Bytes { bytes, executable } => (if *executable { 0o100_755 } else { 0o100_644 }, bytes.clone()),
                Source::Link { target } => (0o120_777, target.as_str().as_bytes().to_vec()),
                Source::File { .. } | Source::Stored { .. } => unreachable!("none was made"),
            };
            prop_assert_eq!(files[path.as_str()], &Read { mode, bytes });
            for folder in path.ancestors().skip(1).filter(|folder| !folder.as_str().is_empty()) {
                let folder = &entries[&format!("{folder}/")];
                prop_assert_eq!(folder, &Read { mode: 0o040_755, bytes: Vec::new() });
            }
        }
    }
}

#[test]
fn files_come_from_their_places() {
    let folder = tempfile::tempdir().expect("can be made");
    let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
    fs_err::write(folder.join("x"), "text").expect("can be written");
    let source = Source::File { path: folder.join("x"), executable: true };
    let archive = packed_into(&tree([("bin/x".into(), entry(source))]), folder).expect("is readable");
    let zip = fs_err::read(archive.path()).expect("is there");
    assert_eq!(read(&zip)["bin/x"], Read { mode: 0o100_755, bytes: b"text".to_vec() });
    assert_eq!(archive.content, ContentHash(Digest::of(&zip)));
    assert_eq!((archive.zipped_size.0, archive.unzipped_size.0, archive.entries), (zip.len() as u64, 4, 1));
}

#[test]
fn names_are_kept_or_refused() {
    let of = |name: &str| tree([(name.into(), entry(Source::Bytes { bytes: Vec::new(), executable: false }))]);
    let entries = read(&packed(&of("python/a:/b:c.txt"), 1));
    assert_eq!(entries.keys().collect::<Vec<_>>(), ["python/", "python/a:/", "python/a:/b:c.txt"]);
    for name in ["python/a\\b", "python/ä:b"] {
        let tree = of(name);
        let error = write_zip(&tree, &scan(&tree), &mut Vec::new(), &ProgressBar::hidden(), 1).expect_err("is refused");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn an_unreadable_file_is_named_and_leaves_no_zip() {
    let folder = tempfile::tempdir().expect("can be made");
    let place = Utf8Path::from_path(folder.path()).expect("is UTF-8");
    let gone = Entry {
        source: Source::File { path: place.join("gone"), executable: false },
        owner: Owner::Unknown,
        size: ByteSize(1),
        digest: None,
    };
    // Others wait to be compressed when writing ends.
    let others = (0..50).map(|number| {
        let source = Source::Bytes { bytes: vec![0; 1000], executable: false };
        (format!("python/{number}").into(), entry(source))
    });
    let tree = tree(others.chain([("python/a/gone".into(), gone)]));
    let error = packed_into(&tree, place).expect_err("is not there");
    assert_eq!(error.to_string(), "could not pack `python/a/gone`");
    assert_eq!(fs_err::read_dir(place).expect("is there").count(), 0);
}
