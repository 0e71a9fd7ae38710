//! The zip: what is in it, how, and that it is the same wherever it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use camino::Utf8Path;

use crate::harness::{Sandbox, tools};

/// A file, folder or link of a zip.
pub(crate) struct Member {
    pub(crate) mode: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Member {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("is UTF-8")
    }
}

fn archive(zip: &Utf8Path) -> ::zip::ZipArchive<fs_err::File> {
    ::zip::ZipArchive::new(fs_err::File::open(zip).expect("is there")).expect("is a zip")
}

/// What is in a zip, by name.
pub(crate) fn members(zip: &Utf8Path) -> BTreeMap<String, Member> {
    let mut archive = archive(zip);
    let mut members = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("is readable");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("is whole");
        let mode = file.unix_mode().expect("is of Unix");
        let name = file.name().expect("is UTF-8").into_owned();
        assert!(members.insert(name.clone(), Member { mode, bytes }).is_none(), "`{name}` stands twice");
    }
    members
}

/// Names of the files of a layer, but for those of `*.dist-info`.
pub(crate) fn names(members: &BTreeMap<String, Member>) -> Vec<&str> {
    members.keys().map(String::as_str).filter(|name| !name.ends_with('/') && !name.contains(".dist-info/")).collect()
}

/// Lays a layer out as Lambda does below `/opt`.
pub(crate) fn unpack(members: &BTreeMap<String, Member>, opt: &Utf8Path) {
    for (name, member) in members.iter().filter(|(name, _)| !name.ends_with('/')) {
        let place = opt.join(name);
        fs_err::create_dir_all(place.parent().expect("has a parent")).expect("can be made");
        fs_err::write(&place, &member.bytes).expect("can be written");
        set_mode(&place, member.mode);
    }
}

/// Builds the layer of a sandbox and gives the zip's members.
pub(crate) fn build(sandbox: &Sandbox, arguments: &[&str]) -> BTreeMap<String, Member> {
    let outcome = sandbox.run(&["build", "--python-version", "3.13", "--output", "layer.zip"]).args(arguments).run();
    outcome.success();
    members(&sandbox.path("layer.zip"))
}

/// With what there is to normalize: modes, a link, a name that is not ASCII, console scripts, compiled code.
fn varied() -> Sandbox {
    let sandbox = Sandbox::with_requirements("pydantic==2.11.7\ncharset-normalizer==3.4.3\n");
    sandbox.write("own/naïve.py", "x = 1\n");
    sandbox.write("own/__init__.py", "");
    sandbox.write("tools/run.sh", "#!/bin/sh\n");
    sandbox.write("tools/data.txt", "data\n");
    set_mode(&sandbox.path("tools/run.sh"), 0o740);
    set_mode(&sandbox.path("tools/data.txt"), 0o600);
    std::os::unix::fs::symlink("run.sh", sandbox.path("tools/again")).expect("can be made");
    sandbox
}

const VARIED: &[&str] = &["--source", "own", "--include", "tools=bin"];

fn set_mode(path: &Utf8Path, mode: u32) {
    fs_err::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("can be changed");
}

#[test]
fn everything_that_could_differ_is_normalized() {
    let sandbox = varied();
    let members = build(&sandbox, VARIED);
    let modes: BTreeMap<&str, String> =
        members.iter().map(|(name, member)| (name.as_str(), format!("{:o}", member.mode))).collect();
    for (name, mode) in &modes {
        let expected = match *name {
            "bin/again" => "120777",
            "bin/run.sh" | "bin/normalizer" => "100755",
            folder if folder.ends_with('/') => "40755",
            // Wheels mark compiled code as executable.
            library if Utf8Path::new(library).extension() == Some("so") => "100755",
            _ => "100644",
        };
        assert_eq!(mode, expected, "{name}");
    }
    assert_eq!(members["bin/again"].text(), "run.sh");
    assert_eq!(members["python/own/naïve.py"].text(), "x = 1\n");

    let mut archive = archive(&sandbox.path("layer.zip"));
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).expect("is readable");
        let name = file.name().expect("is UTF-8").into_owned();
        assert_eq!(file.last_modified().expect("is set").to_string(), "1980-01-01 00:00:00", "{name}");
        assert!(file.extra_data().unwrap_or_default().is_empty(), "{name} has extra data");
        assert_eq!(file.name_raw(), name.as_bytes(), "is UTF-8");
        names.push(name);
    }
    assert!(names.is_sorted(), "{names:?}");
    for folder in names.iter().filter_map(|name| Utf8Path::new(name).parent()).filter(|folder| *folder != "") {
        assert!(names.contains(&format!("{folder}/")), "`{folder}/` is missing");
    }
    assert!(has_utf8_flag(&fs_err::read(sandbox.path("layer.zip")).expect("is there"), "python/own/naïve.py"));
}

/// Whether bit 11 of the flags is set in the central directory's entry of a name.
fn has_utf8_flag(zip: &[u8], name: &str) -> bool {
    const ENTRY: usize = 46;
    let mut central = zip.windows(4).enumerate().filter(|(_, bytes)| bytes == b"PK\x01\x02").map(|(at, _)| at);
    let is_its = |at: &usize| zip.get(at + ENTRY..).is_some_and(|rest| rest.starts_with(name.as_bytes()));
    let entry = central.rfind(is_its).expect("is in the central directory");
    u16::from_le_bytes([zip[entry + 8], zip[entry + 9]]) & (1 << 11) != 0
}

#[test]
fn nothing_tells_of_the_machine_that_built_it() {
    let sandbox = varied();
    let members = build(&sandbox, VARIED);
    let noise: Vec<&String> = members
        .keys()
        .filter(|name| {
            ["INSTALLER", "REQUESTED", "direct_url.json", ".lock", "uv_cache.json"]
                .iter()
                .any(|noise| name.ends_with(noise))
                || name.contains("__pycache__")
        })
        .collect();
    assert_eq!(noise, [""; 0]);
    let places = [sandbox.root().as_str(), tools().program("").as_str().trim_end_matches('/')].map(str::to_owned);
    for (name, member) in &members {
        let text = String::from_utf8_lossy(&member.bytes);
        let found = places.iter().find(|place| text.contains(place.as_str()));
        assert_eq!(found, None, "{name}");
    }
}

#[test]
fn records_list_what_is_there() {
    let members = build(&varied(), VARIED);
    let records: Vec<&String> = members.keys().filter(|name| name.ends_with(".dist-info/RECORD")).collect();
    assert_eq!(records.len(), 6, "{records:?}");
    for record in records {
        let listed: BTreeSet<&str> =
            members[record].text().lines().map(|line| line.split(',').next().unwrap_or_default()).collect();
        for path in &listed {
            let name = path.strip_prefix("../").map_or_else(|| format!("python/{path}"), str::to_owned);
            assert!(members.contains_key(&name), "`{record}` has `{path}`, which is not in the layer");
        }
        let folder = record.trim_end_matches("RECORD");
        let unlisted =
            members.keys().filter(|name| name.starts_with(folder) && *name != folder && !name.ends_with('/'));
        let unlisted: Vec<_> = unlisted.filter(|name| !listed.contains(&name["python/".len()..])).collect();
        assert_eq!(unlisted, [""; 0]);
    }
}

#[test]
fn the_same_layer_is_the_same_bytes_wherever_it_is_built() {
    let hash = |umask: &str, zone: &str, year: u16| {
        let sandbox = varied();
        let date =
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(year - 1970) * 31_557_600);
        fs_err::File::options()
            .write(true)
            .open(sandbox.path("own/naïve.py"))
            .expect("is there")
            .file()
            .set_modified(date)
            .expect("can be set");
        // Only the owner's right to execute counts, and only that it is there.
        set_mode(&sandbox.path("tools/run.sh"), if year > 2000 { 0o775 } else { 0o700 });
        let run = sandbox.run(&["build", "--python-version", "3.13", "--output", "layer.zip"]).args(VARIED);
        run.env("TZ", zone).env("LC_ALL", "C").umask(umask).run().success();
        fs_err::read(sandbox.path("layer.zip")).expect("is there")
    };
    assert!(hash("0077", "Asia/Kathmandu", 1985) == hash("0002", "America/Los_Angeles", 2031));
}

#[test]
fn uv_and_pip_make_the_same_zip() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\nclick==8.1.8\nrich==14.0.0\n");
    let python = tools().python_version();
    let hash = |installer: &str| {
        let arguments = ["build", "--output", "layer.zip", "--python-version", &python, "--installer", installer];
        sandbox.run(&arguments).run().success();
        let files = members(&sandbox.path("layer.zip"));
        files.into_iter().map(|(name, member)| (name, (member.mode, member.bytes))).collect::<BTreeMap<_, _>>()
    };
    let (uv, pip) = (hash("uv"), hash("pip"));
    let differing: Vec<&String> = uv.keys().chain(pip.keys()).filter(|name| uv.get(*name) != pip.get(*name)).collect();
    assert_eq!(differing, [""; 0]);
}
