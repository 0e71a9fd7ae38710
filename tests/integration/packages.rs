//! Packages that the tests make themselves.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::harness::Sandbox;

/// A wheel with one module of the package's name, whose only line is `version = "…"`; gives its path.
pub(crate) fn wheel(folder: &Utf8Path, name: &str, version: &str) -> Utf8PathBuf {
    wheel_with(folder, name, version, &format!("version = \"{version}\"\n"))
}

/// A wheel with one module of the package's name and this text.
pub(crate) fn wheel_with(folder: &Utf8Path, name: &str, version: &str, module: &str) -> Utf8PathBuf {
    wheel_of(folder, name, version, &[(&format!("{name}.py"), module)])
}

/// A wheel of these files, by their names in it; `METADATA` and `WHEEL` are made if they are not among them.
pub(crate) fn wheel_of<T: AsRef<[u8]>>(
    folder: &Utf8Path,
    name: &str,
    version: &str,
    files: &[(&str, T)],
) -> Utf8PathBuf {
    tagged_wheel_of(folder, name, version, "py3-none-any", files)
}

/// The same for some Pythons and platforms: `tags` is the end of its file's name, with a build number or without.
pub(crate) fn tagged_wheel_of<T: AsRef<[u8]>>(
    folder: &Utf8Path,
    name: &str,
    version: &str,
    tags: &str,
    files: &[(&str, T)],
) -> Utf8PathBuf {
    let info = format!("{name}-{version}.dist-info");
    let mut files: Vec<(String, Vec<u8>)> =
        files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.as_ref().to_vec())).collect();
    let made = [
        ("METADATA", format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")),
        ("WHEEL", wheel_file(tags)),
    ];
    for (file, text) in made {
        let path = format!("{info}/{file}");
        if !files.iter().any(|(known, _)| *known == path) {
            files.push((path, text.into_bytes()));
        }
    }
    let own = format!("{info}/RECORD");
    let hash = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
    let mut record: Vec<String> =
        files.iter().map(|(path, bytes)| format!("{path},sha256={},{}\n", hash(bytes), bytes.len())).collect();
    record.push(format!("{own},,\n"));
    files.push((own, record.concat().into_bytes()));
    fs_err::create_dir_all(folder).expect("can be made");
    let path = folder.join(format!("{name}-{version}-{tags}.whl"));
    let mut zip = ::zip::ZipWriter::new(fs_err::File::create(&path).expect("can be made"));
    for (name, bytes) in files {
        zip.start_file(name, ::zip::write::SimpleFileOptions::default()).expect("can be written");
        zip.write_all(&bytes).expect("can be written");
    }
    zip.finish().expect("can be written");
    path
}

/// `WHEEL` with each tag that a file's name has in one: `py2.py3-none-any` is two.
fn wheel_file(tags: &str) -> String {
    let parts: Vec<&str> = tags.split('-').collect();
    let [build @ .., python, abi, platform] = parts.as_slice() else { panic!("`{tags}` is no tag of wheels") };
    let mut text = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: {}\n", *platform == "any");
    for build in build {
        text += &format!("Build: {build}\n");
    }
    for python in python.split('.') {
        for abi in abi.split('.') {
            platform.split('.').for_each(|platform| text += &format!("Tag: {python}-{abi}-{platform}\n"));
        }
    }
    text
}

/// A source distribution of these files, by their names below its one folder.
pub(crate) fn sdist_of(folder: &Utf8Path, name: &str, version: &str, files: &[(&str, &str)]) -> Utf8PathBuf {
    let mut tar = Vec::new();
    for (file, text) in files {
        tar.extend(tar_header(&format!("{name}-{version}/{file}"), text.len()));
        tar.extend(text.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend([0; 1024]);
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut bytes = vec![0; compressor.gzip_compress_bound(tar.len())];
    let length = compressor.gzip_compress(&tar, &mut bytes).expect("has room");
    fs_err::create_dir_all(folder).expect("can be made");
    let path = folder.join(format!("{name}-{version}.tar.gz"));
    fs_err::write(&path, &bytes[..length]).expect("can be written");
    path
}

/// Of a plain file, in the format of POSIX (`ustar`).
fn tar_header(path: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    // The checksum is that of a header with spaces in its place.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header
}

/// A project of setuptools in a folder of the workspace, with a package of the folder's name. `setup` are lines before the call of `setup()`
/// and `arguments` some of it.
pub(crate) fn project(sandbox: &Sandbox, folder: &str, setup: &str, arguments: &str) {
    let name = folder.rsplit('/').next().unwrap_or_default();
    let requires = "[build-system]\nrequires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n";
    sandbox.write(&format!("{folder}/pyproject.toml"), requires);
    let call = format!("setup(name='{name}', version='1.0', packages=['{name}'], {arguments})");
    sandbox.write(&format!("{folder}/setup.py"), format!("from setuptools import setup\n{setup}\n{call}\n"));
    sandbox.write(&format!("{folder}/{name}/__init__.py"), "");
}

/// A project in a folder of the workspace that says everything in `[project]`; `table` are lines of it.
pub(crate) fn modern_project(sandbox: &Sandbox, folder: &str, table: &str) {
    let name = folder.rsplit('/').next().unwrap_or_default();
    let text = format!(
        "[build-system]\nrequires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n\n\
        [project]\nname = \"{name}\"\nversion = \"1.0\"\n{table}\n[tool.setuptools]\npackages = [\"{name}\"]\n"
    );
    sandbox.write(&format!("{folder}/pyproject.toml"), text);
    sandbox.write(&format!("{folder}/{name}/__init__.py"), "def main():\n    print('ours')\n");
}

/// A project with a module of the folder's name, whose build needs nothing but Python: setuptools would take two seconds of
/// processor time each time. For tests that ask where a project lies and not what builds it.
pub(crate) fn bare_project(sandbox: &Sandbox, folder: &str) {
    let name = folder.rsplit('/').next().unwrap_or_default();
    let build = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";
    let project = format!("{build}[project]\nname = \"{name}\"\nversion = \"1.0\"\n");
    sandbox.write(&format!("{folder}/pyproject.toml"), project);
    sandbox.write(&format!("{folder}/backend.py"), include_bytes!("../fixtures/comparison/backend.py"));
    sandbox.write(&format!("{folder}/{name}.py"), "");
}
