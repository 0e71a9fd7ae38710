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
    wheel_of(folder, name, version, &[(&format!("{name}.py"), module)])
}

/// A wheel of these files, by their names in it.
pub(crate) fn wheel_of(folder: &Utf8Path, name: &str, version: &str, files: &[(&str, &str)]) -> Utf8PathBuf {
    let info = format!("{name}-{version}.dist-info");
    let mut files: Vec<(String, String)> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    if !files.iter().any(|(path, _)| *path == format!("{info}/METADATA")) {
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        files.push((format!("{info}/METADATA"), metadata));
    }
    files.push((format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()));
    let mut record: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let own = format!("{info}/RECORD");
    record.push(&own);
    let record = record.join(",,\n") + ",,\n";
    files.push((own, record));
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
