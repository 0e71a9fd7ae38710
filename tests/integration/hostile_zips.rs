//! Zips made by hand to mislead or exhaust whoever opens them: each ends in a finding that names the entry.

use std::io::Write as _;

use crate::harness::{Outcome, Sandbox};

/// An entry, with everything that a zip says about it, true or not.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    /// In the entry's own header.
    pub(crate) own_name: Option<Vec<u8>>,
    pub(crate) packed: Vec<u8>,
    pub(crate) size: u32,
    pub(crate) crc: u32,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) mode: u32,
    /// Shares the bytes of the entry before.
    pub(crate) again: bool,
}

/// Stored, mode 644.
pub(crate) fn file(name: impl AsRef<[u8]>, bytes: &[u8]) -> Entry {
    let size = u32::try_from(bytes.len()).expect("is small");
    let (name, packed) = (name.as_ref().to_vec(), bytes.to_vec());
    Entry { name, own_name: None, packed, size, crc: crc32(bytes), method: 0, flags: 0, mode: 0o100_644, again: false }
}

pub(crate) fn link(name: &str, target: &str) -> Entry {
    Entry { mode: 0o120_777, ..file(name, target.as_bytes()) }
}

pub(crate) fn deflated(name: &str, bytes: &[u8]) -> Entry {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::best());
    let mut packed = vec![0; compressor.deflate_compress_bound(bytes.len())];
    let length = compressor.deflate_compress(bytes, &mut packed).expect("has room");
    packed.truncate(length);
    Entry { packed, method: 8, ..file(name, bytes) }
}

fn crc32(bytes: &[u8]) -> u32 {
    libdeflater::crc32(bytes)
}

/// As APPNOTE.TXT lays a zip out: entries, directory, end.
pub(crate) fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut zip, mut directory, mut offset) = (Vec::new(), Vec::new(), 0);
    for entry in entries {
        let numbers = |name: &[u8]| {
            let mut numbers = Vec::new();
            for short in [20, entry.flags, entry.method, 0, 0x21] {
                numbers.extend(short.to_le_bytes());
            }
            for long in [entry.crc, u32::try_from(entry.packed.len()).expect("is small"), entry.size] {
                numbers.extend(long.to_le_bytes());
            }
            numbers.extend(u16::try_from(name.len()).expect("is short").to_le_bytes());
            numbers.extend([0, 0]);
            numbers
        };
        if !entry.again {
            offset = zip.len();
            let own_name = entry.own_name.as_ref().unwrap_or(&entry.name);
            zip.extend(b"PK\x03\x04");
            zip.extend(numbers(own_name));
            zip.extend(own_name);
            zip.extend(&entry.packed);
        }
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(numbers(&entry.name));
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(u32::try_from(offset).expect("is small").to_le_bytes());
        directory.extend(&entry.name);
    }
    let (count, start) = (u16::try_from(entries.len()).expect("are few"), u32::try_from(zip.len()).expect("is small"));
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(count.to_le_bytes());
    zip.extend(count.to_le_bytes());
    zip.extend(u32::try_from(directory.len()).expect("is small").to_le_bytes());
    zip.extend(start.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

/// A module, so that the layer is one.
fn fine() -> Entry {
    file("python/fine.py", b"x = 1\n")
}

fn audited(bytes: &[u8]) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.write("x.zip", bytes);
    let before = sandbox.tree();
    let outcome = sandbox.run(&["audit", "x.zip", "--python-version", "3.13"]).run();
    assert_eq!(sandbox.tree(), before, "an audit writes nothing");
    outcome
}

/// Code and message of each finding, in the order in which they are told.
fn findings(entries: &[Entry]) -> String {
    let entries: Vec<Entry> = [fine()].into_iter().chain(entries.iter().cloned()).collect();
    told(&audited(&zip(&entries)).code(1))
}

fn told(outcome: &Outcome) -> String {
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let is_head = |line: &str| ["  error ", "  warning ", "  notice "].iter().any(|word| line.starts_with(word));
    let heads = lines.iter().enumerate().filter(|(_, line)| is_head(line));
    let pairs = heads.map(|(index, line)| {
        let code = line.split_whitespace().nth(1).unwrap_or_default();
        format!("{code}: {}", lines.get(index + 1).unwrap_or(&"").trim())
    });
    pairs.collect::<Vec<_>>().join("\n")
}

#[test]
fn names_that_leave_the_layer() {
    let names: [&[u8]; 8] = [
        b"../../etc/cron.d/x",
        b"python/../../x",
        b"/etc/passwd",
        b"C:/Windows/x",
        b"python\\windows.py",
        b"python/nul\0.py",
        b"python/\xff.py",
        b"python/line\n::error::x.py",
    ];
    insta::assert_snapshot!(findings(&names.map(|name| file(name, b"x"))), @r#"
    unsafe-path: `../../etc/cron.d/x` leaves its folder with `..`
    unsafe-path: `/etc/passwd` is an absolute path
    unsafe-path: `C:/Windows/x` begins with a drive letter
    unsafe-path: `python/../../x` leaves its folder with `..`
    unsafe-path: `python/line\n::error::x.py` has a control character in its name
    unsafe-path: `python/nul\0.py` has a control character in its name
    unsafe-path: `python/�.py` is not UTF-8
    unsafe-path: `python\windows.py` has a backslash in its name, which is not a path separator on Linux
    "#);
}

/// What is imported has to be on disk, and only what stays inside gets there.
#[test]
fn what_is_unpacked_to_be_imported_stays_in_its_folder() {
    let sandbox = Sandbox::new();
    let (outside, absolute) = (sandbox.path("outside"), sandbox.path("absolute.py"));
    fs_err::create_dir_all(&outside).expect("can be made");
    fs_err::create_dir_all(sandbox.path("tmp")).expect("can be made");
    let up: Vec<String> = (1..6).map(|levels| format!("{}up.py", "../".repeat(levels))).collect();
    let mut entries: Vec<Entry> = up.iter().map(|name| file(name, b"")).collect();
    entries.extend([
        file(absolute.as_str(), b""),
        link("python/leads", outside.as_str()),
        file("python/leads/through.py", b""),
        link("python/climbs", "../../.."),
        file("python/climbs/through.py", b""),
        link("python/same.py", "fine.py"),
        file(
            "python/fine.py",
            b"import os\nassert sorted(os.listdir(os.path.dirname(__file__))) == ['fine.py', 'same.py']\n",
        ),
    ]);
    sandbox.write("x.zip", zip(&entries));
    let before = sandbox.tree();
    let python = crate::harness::tools().python_version();
    let run = sandbox.run(&["audit", "x.zip", "--smoke-test", "fine, same", "--python-version", &python]);
    let outcome = run.env("TMPDIR", sandbox.path("tmp")).run().code(1);
    let outcome = outcome.says("Import 2 modules").says("all of them").says("unsafe-path");
    assert_eq!(sandbox.tree(), before, "{}", outcome.stdout);
    assert!(!outside.join("through.py").exists());
}

#[test]
fn links_and_what_is_behind_them() {
    insta::assert_snapshot!(findings(&[
        link("python/out", "/etc"),
        file("python/out/passwd", b"root"),
        link("python/long", &"x".repeat(5000)),
        Entry { packed: Vec::new(), size: 0, crc: 0, ..link("python/nowhere", "") },
    ]), @"
    unsafe-path: `python/long` is a link to a path that is longer than Linux allows
    unsafe-path: `python/nowhere` is a link without a valid target
    unsafe-path: `python/out/passwd` is behind the link `python/out`, which points to `/etc`
    link-outside: `python/out` is a link to `/etc`, which is outside the layer
    ");
}

#[test]
fn one_path_for_several_entries() {
    insta::assert_snapshot!(findings(&[
        file("python/a.py", b"x = 1"),
        file("python/./a.py", b"x = 2"),
        file("python/b", b"a file"),
        file("python/b/c.py", b"in a folder"),
        Entry { mode: 0o040_755, ..file("python/d/", b"") },
        file("python/d", b"x"),
    ]), @r#"
    duplicate-entry: `python/./a.py` is in the zip more than once
    duplicate-entry: `python/b` is both a file and a folder
    duplicate-entry: `python/d` is both a file and a folder
    "#);
}

#[test]
fn what_lambda_cannot_unpack() {
    insta::assert_snapshot!(findings(&[
        Entry { flags: 1, ..file("python/secret.py", b"x") },
        Entry { method: 12, ..file("python/bzip2.py", b"x") },
        Entry { method: 14, ..file("python/lzma.py", b"x") },
        Entry { method: 93, ..file("python/zstd.py", b"x") },
        Entry { method: 97, ..file("python/other.py", b"x") },
    ]), @r#"
    encrypted-entry: `python/secret.py` is encrypted, so Lambda cannot unpack it
    unsupported-compression: `python/bzip2.py` is compressed with bzip2, which Lambda cannot unpack
    unsupported-compression: `python/lzma.py` is compressed with LZMA, which Lambda cannot unpack
    unsupported-compression: `python/other.py` is compressed with method 97, which Lambda cannot unpack
    unsupported-compression: `python/zstd.py` is compressed with Zstandard, which Lambda cannot unpack
    "#);
}

#[test]
fn modes_that_lambda_refuses() {
    insta::assert_snapshot!(findings(&[
        Entry { mode: 0o040_700, ..file("python/closed/", b"") },
        Entry { mode: 0o040_644, ..file("python/flat/", b"") },
        Entry { mode: 0o100_600, ..file("python/mine.py", b"x") },
        Entry { mode: 0, ..file("python/none.py", b"x") },
        Entry { mode: 0o020_666, ..file("python/null", b"") },
        Entry { mode: 0o010_644, ..file("python/pipe", b"") },
        Entry { mode: 0o104_755, ..file("python/setuid", b"") },
    ]), @r#"
    mode-refused: the folder `python/closed` has mode 700, so the function cannot enter it
    mode-refused: the folder `python/flat` has mode 644, so the function cannot enter it
    mode-refused: `python/mine.py` has mode 600, so the function cannot read it
    mode-refused: `python/none.py` has mode 000, so the function cannot read it
    mode-refused: `python/null` is a device, socket or pipe, which a layer cannot contain
    mode-refused: `python/pipe` is a device, socket or pipe, which a layer cannot contain
    "#);
}

#[test]
fn bytes_that_are_not_as_declared() {
    let text = b"x = 1\n".repeat(100);
    insta::assert_snapshot!(findings(&[
        Entry { crc: 1, ..deflated("python/checksum.py", &text) },
        Entry { size: 700, ..deflated("python/less.py", &text) },
        Entry { packed: vec![0xff; 40], ..deflated("python/garbage.py", &text) },
        Entry { size: 4, ..file("python/stored.py", b"12345") },
        Entry { own_name: Some(b"python/other.py".to_vec()), ..file("python/named.py", b"x") },
    ]), @r#"
    corrupt-zip: `python/checksum.py` is corrupt: its checksum is wrong
    corrupt-zip: `python/garbage.py` is corrupt: its data cannot be decompressed
    corrupt-zip: `python/less.py` is corrupt: it unpacks to less than it declares
    corrupt-zip: `python/named.py` is corrupt: its own header calls it `python/other.py`
    corrupt-zip: `python/stored.py` is corrupt: its size differs from the size that it declares
    "#);
}

#[test]
fn bombs_are_not_unpacked() {
    let zeros = vec![0; 20 << 20];
    insta::assert_snapshot!(findings(&[
        Entry { size: 1000, ..deflated("python/more.py", &zeros) },
        Entry { size: 300 << 20, packed: vec![0; 100], ..deflated("python/promise.py", b"") },
        Entry { size: 650 << 20, ..deflated("python/large.py", &zeros) },
    ]), @r#"
    unzipped-size: the layer is 950.0 MB unzipped (996148206 bytes), over Lambda's limit of 250.0 MB (262144000 bytes)
    zip-bomb: `python/large.py` was not unpacked: it declares 650.0 MB for 20.7 KB of compressed data, more than that can hold
    zip-bomb: `python/more.py` was not unpacked: it unpacks to more than the 1000 B that it declares
    zip-bomb: `python/promise.py` was not unpacked: it declares 300.0 MB for 100 B of compressed data, more than that can hold
    "#);
    // Each is within its limits, all together are not.
    let ten: Vec<Entry> =
        (0..10).map(|index| Entry { size: 200 << 20, ..deflated(&format!("python/{index}"), &zeros) }).collect();
    insta::assert_snapshot!(findings(&ten), @r#"
    unzipped-size: the layer is 2000.0 MB unzipped (2097152006 bytes), over Lambda's limit of 250.0 MB (262144000 bytes)
    zip-bomb: `layer` was not unpacked: it declares 2000.0 MB unzipped, over the limit of 1024.0 MB
    "#);
    // The one file that many names share.
    let kernel = deflated("python/kernel.py", &zeros);
    let again = Entry { name: b"python/again.py".to_vec(), own_name: None, again: true, ..kernel.clone() };
    insta::assert_snapshot!(findings(&[kernel, again]), @r#"
    corrupt-zip: `python/again.py` is corrupt: its own header calls it `python/kernel.py`
    zip-bomb: `layer` was not unpacked: `python/again.py` and `python/kernel.py` overlap in the zip
    "#);
}

#[test]
fn folders_are_not_trusted_either() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let sandbox = Sandbox::new();
    for name in ["fine.py", "line\n::error::x.py", "mine.py", "empty.so", "no_library.so"] {
        sandbox.write(&format!("layer/python/{name}"), if name == "no_library.so" { "text" } else { "" });
    }
    let place = |name: &str| sandbox.path(&format!("layer/python/{name}"));
    fs_err::set_permissions(place("mine.py"), std::fs::Permissions::from_mode(0o600)).expect("can be changed");
    for (name, target) in [("up", "../../.."), ("far", "/etc"), ("circle", "circle"), ("nowhere", "gone")] {
        symlink(target, place(name)).expect("can be made");
    }
    let socket = std::os::unix::net::UnixListener::bind(place("socket")).expect("can be made");
    let outcome = sandbox.run(&["audit", "layer", "--python-version", "3.13"]).run().code(1);
    drop(socket);
    insta::assert_snapshot!(told(&outcome), @r"
    broken-binary: `python/empty.so` is empty
    broken-binary: `python/no_library.so` is named like a library, but is not one
    link-outside: `python/up` is a link to `../../..`, which leads out of the layer
    mode-refused: `python/mine.py` has mode 600, so the function cannot read it
    mode-refused: `python/socket` is a device, socket or pipe, which a layer cannot contain
    unsafe-path: `python/line\n::error::x.py` has a control character in its name
    dangling-link: `python/circle` is a link to `circle`, which leads back to the link itself
    dangling-link: `python/nowhere` is a link to `gone`, which does not exist
    link-outside: `python/far` is a link to `/etc`, which is outside the layer
    ");
}

#[test]
fn what_is_no_zip_says_what_it_is() {
    let whole = zip(&[fine(), file("python/more.py", &[b'x'; 4000])]);
    let broken = whole.iter().rev().copied().collect::<Vec<u8>>();
    let mut texts = Vec::new();
    for bytes in [
        &b""[..],
        b"<!DOCTYPE html><html>Sign in</html>",
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        b"\x1f\x8b\x08 a tarball",
        b"PK",
        &whole[..whole.len() / 2],
        &whole[..whole.len() - 10],
        &broken,
    ] {
        let outcome = audited(bytes).code(1);
        texts.push(outcome.stderr.lines().find(|line| line.starts_with("cause:")).unwrap_or_default().to_owned());
    }
    insta::assert_snapshot!(texts.join("\n"), @r#"
    cause: it is empty
    cause: it is a web page, perhaps because it was downloaded without logging in or from the wrong link
    cause: it is XML, perhaps a server's error message instead of the file
    cause: it is compressed with gzip, like a `.tar.gz` file
    cause: it begins like a zip, but its directory is broken
    cause: it begins like a zip, but its end is missing: the copy or download is incomplete
    cause: it begins like a zip, but its directory is broken
    cause: it has no zip directory at its end
    "#);
}

#[test]
fn a_wheel_is_no_layer() {
    let sandbox = Sandbox::new();
    let wheel = crate::packages::wheel(&sandbox.path(""), "six", "1.0");
    let outcome = sandbox.run(&["audit", wheel.file_name().expect("has a name")]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r#"
    exit: 1
    --- stdout
    --- stderr
    error: `six-1.0-py3-none-any.whl` is not a layer, but a wheel or packages without their `python/` folder
    hint: put packages into `python/`, or list the wheel in `requirements` and run `lambda-layer build`
    "#);
}

#[test]
fn a_zip_in_a_zip_is_a_file() {
    let inner = zip(&[file("../evil", b"x")]);
    let outcome = audited(&zip(&[fine(), file("python/inner.zip", &inner)])).success();
    assert_eq!(told(&outcome), "");
}

#[test]
fn a_hundred_thousand_entries_are_no_trouble() {
    let sandbox = Sandbox::new();
    let mut writer = ::zip::ZipWriter::new(fs_err::File::create(sandbox.path("many.zip")).expect("can be made"));
    let options = ::zip::write::SimpleFileOptions::default().unix_permissions(0o600);
    let options = options.compression_method(::zip::CompressionMethod::Stored);
    for index in 0..100_000 {
        writer.start_file(format!("python/package/module_{index}.py"), options).expect("can be written");
        writer.write_all(b"x = 1\n").expect("can be written");
    }
    // ZIP64, for the number of entries.
    writer.finish().expect("can be written");
    let outcome = sandbox.run(&["audit", "many.zip", "--python-version", "3.13"]).run().code(1);
    outcome
        .says("100000 files, 585.9 KB")
        .says("99980 more like `python/package/module_")
        .says("21 errors in many.zip");
}
