//! Packages that the tests make themselves.

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::harness::Sandbox;

/// A wheel with one module of the package's name, whose only line is `version = "…"`; gives its path.
pub(crate) fn wheel(folder: &Utf8Path, name: &str, version: &str) -> Utf8PathBuf {
    wheel_with(folder, name, version, &format!("version = \"{version}\"\n"))
}

/// A wheel with one module of the package's name and this text.
pub(crate) fn wheel_with(folder: &Utf8Path, name: &str, version: &str, module: &str) -> Utf8PathBuf {
    let info = format!("{name}-{version}.dist-info");
    let files = [
        (format!("{name}.py"), module.to_owned()),
        (format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")),
        (format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
        (format!("{info}/RECORD"), format!("{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")),
    ];
    fs_err::create_dir_all(folder).expect("can be made");
    let path = folder.join(format!("{name}-{version}-py3-none-any.whl"));
    let mut zip = ::zip::ZipWriter::new(fs_err::File::create(&path).expect("can be made"));
    for (name, text) in files {
        zip.start_file(name, ::zip::write::SimpleFileOptions::default()).expect("can be written");
        zip.write_all(text.as_bytes()).expect("can be written");
    }
    zip.finish().expect("can be written");
    path
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
