//! Whether programs can be started: they are on `PATH`, executable, and have an interpreter that Lambda has.

use camino::{Utf8Path, Utf8PathBuf};

use super::listed;
use crate::facts;
use crate::layer::links::Names;
use crate::layer::scan::binary::{Binary, has_library_name};
use crate::layer::{File, Finding, Kind, Layer, Owner, package_folders};
use crate::types::{PythonVersion, Target};

/// Checks `bin`, `extensions`, and the root of the layer, where wrapper scripts are.
pub(crate) fn check(layer: &Layer, names: &Names<'_>, target: Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, file) in names.all() {
        let folder = path.parent().map_or("", Utf8Path::as_str);
        let is_wrapper = folder.is_empty() && path.extension() != Some("py");
        if !is_wrapper && !matches!(folder, "bin" | "extensions") {
            continue;
        }
        let is_executable = file.kind != Kind::File { executable: false };
        match folder {
            "extensions" if !is_executable => findings.push(idle_extension(path, file)),
            "" | "bin" if !is_executable && is_program(path, file) => findings.push(idle_program(path, file)),
            _ => findings.extend(interpreter(path, file, layer, target.python)),
        }
    }
    findings.extend(off_path(layer, names, target.python));
    findings
}

/// Whether it is a program by its first bytes; libraries are not started.
fn is_program(path: &Utf8Path, file: &File) -> bool {
    let is_compiled = || matches!(file.observed.binary, Some(Binary::Elf(_))) && !has_library_name(path);
    file.observed.interpreter.is_some() || is_compiled()
}

/// The file and where it comes from, for messages: `bin/tool` from own source
fn named(path: &Utf8Path, file: &File) -> String {
    match &file.owner {
        Owner::Unknown => format!("`{path}`"),
        owner => format!("`{path}` from {owner}"),
    }
}

/// Lambda starts every file of `extensions`, if the zip says that it is executable.
fn idle_extension(path: &Utf8Path, file: &File) -> Finding {
    Finding::warning(
        "extension-not-executable",
        path.as_str(),
        format!("{} is not executable, so Lambda cannot start it as an extension", named(path, file)),
        "run `git update-index --chmod=+x` on it, or `chmod +x` before this step; move files that are not extensions elsewhere",
    )
    .blames(file.distribution())
}

fn idle_program(path: &Utf8Path, file: &File) -> Finding {
    Finding::warning(
        "program-not-executable",
        path.as_str(),
        format!("{} is a program, but is not executable", named(path, file)),
        "run `git update-index --chmod=+x` on it, or `chmod +x` before this step",
    )
    .blames(file.distribution())
}

/// A script whose interpreter Lambda does not have.
fn interpreter(path: &Utf8Path, file: &File, layer: &Layer, python: PythonVersion) -> Option<Finding> {
    let line = file.observed.interpreter.as_deref()?;
    let because = missing_interpreter(line, layer, python)?;
    let help = if line.ends_with('\r') {
        "store it with Unix line endings: set `eol=lf` in `.gitattributes`".to_owned()
    } else {
        format!("write `#!/var/lang/bin/python{python}` for Python, or `#!/bin/sh` for a shell script")
    };
    let message = format!("{} is started with `#!{}`, {because}", named(path, file), line.trim_end());
    let finding = Finding::warning("interpreter-missing", path.as_str(), message, help);
    Some(finding.blames(file.distribution()))
}

/// Why the interpreter in this first line (without `#!`) cannot be started, if that is certain.
fn missing_interpreter(line: &str, layer: &Layer, python: PythonVersion) -> Option<String> {
    if line.ends_with('\r') {
        return Some("but the line has a Windows line ending, which Linux treats as part of the name".to_owned());
    }
    let mut words = line.split_whitespace();
    let program = Utf8Path::new(words.next()?);
    let program = match program.file_name() {
        // The first folder of `PATH` is that of the runtime's Python.
        Some("env") if is_of_system(program) => {
            let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
            Utf8PathBuf::from("/var/lang/bin").join(name)
        }
        _ => program.to_owned(),
    };
    if let Ok(inside) = program.strip_prefix("/opt") {
        return (!layer.has(inside)).then(|| "which is not in the layer".to_owned());
    }
    if !is_of_system(&program) {
        return Some("which does not exist in Lambda".to_owned());
    }
    let version = program.file_name().and_then(|name| name.strip_prefix("python")).filter(|rest| rest.contains('.'))?;
    let is_of_runtime = program.starts_with("/var/lang") && version == python.to_string();
    (!is_of_runtime).then(|| format!("but the layer is for Python {python}"))
}

fn is_of_system(program: &Utf8Path) -> bool {
    let folders = &facts::lambda().program_folders;
    program.parent().is_some_and(|folder| folders.iter().any(|known| folder == known))
}

/// Scripts beside packages, where `pip install --target` puts them.
fn off_path(layer: &Layer, names: &Names<'_>, python: PythonVersion) -> Vec<Finding> {
    let folders = package_folders(python).into_iter().map(|packages| packages.join("bin"));
    let folders = folders.filter(|folder| !layer.files.contains_key(&folder.join("__init__.py")));
    let findings = folders.filter_map(|folder| {
        let is_program = |path: &Utf8Path, file: &File| {
            let is_on_path = || names.of_file(path).any(|name| name.parent() == Some(Utf8Path::new("bin")));
            path.parent() == Some(&folder) && file.kind == Kind::File { executable: true } && !is_on_path()
        };
        let programs = layer.files.iter().filter(|(path, file)| is_program(path, file));
        let names: Vec<String> = programs.filter_map(|(path, _)| path.file_name().map(str::to_owned)).collect();
        (!names.is_empty()).then(|| {
            Finding::notice(
                "not-on-path",
                folder.as_str(),
                format!("{} in `{folder}` cannot be run by name", listed(names)),
                "put programs that functions run into `bin` at the root of the layer, which is on `PATH`",
            )
        })
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_those_of_lambda() {
        let layer = Layer::of_paths(&["bin/node"]);
        let missing = |line: &str| missing_interpreter(line, &layer, "3.13".parse().expect("is known"));
        for line in [
            "/bin/sh",
            " /bin/bash -e",
            "/usr/bin/env python3",
            "/usr/bin/env -S python3.13 -u",
            "/usr/bin/env bash",
            "/var/lang/bin/python3.13",
            "/opt/bin/node",
        ] {
            assert_eq!(missing(line), None, "{line}");
        }
        for (line, because) in [
            ("/home/me/.venv/bin/python", "which does not exist in Lambda"),
            ("python", "which does not exist in Lambda"),
            ("/usr/local/bin/python3.13", "which does not exist in Lambda"),
            ("/usr/bin/env python3.9", "but the layer is for Python 3.13"),
            ("/usr/bin/python3.13", "but the layer is for Python 3.13"),
            ("/opt/bin/ruby", "which is not in the layer"),
            ("/bin/sh\r", "but the line has a Windows line ending, which Linux treats as part of the name"),
        ] {
            assert_eq!(missing(line).as_deref(), Some(because), "{line}");
        }
    }
}
