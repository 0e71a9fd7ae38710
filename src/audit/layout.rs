//! Whether packages are where Python looks for them.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::listed;
use crate::facts;
use crate::layer::Owner;
use crate::layer::links::Names;
use crate::layer::{File, Finding, Kind, Layer, Severity, is_package_path, package_folders};
use crate::types::Target;

/// Reports a layer without anything to import, and packages in folders where Python does not look.
pub(crate) fn check(layer: &Layer, names: &Names<'_>, target: Target) -> Vec<Finding> {
    let folders = package_folders(target.python);
    let mut is_importable = false;
    // Folders with the names in them; the folder `""` is the root of the layer.
    let mut misplaced: BTreeMap<Utf8PathBuf, BTreeSet<String>> = BTreeMap::new();
    for (name, path, file) in names.all().filter(|(name, ..)| is_module(name)) {
        let is_linked = || names.of_file(path).any(|name| matches!(place(name, layer, &folders), Place::Importable));
        match place(name, layer, &folders) {
            Place::Importable => is_importable = true,
            // `include` and the build script put files elsewhere on purpose.
            Place::Elsewhere(folder) if name == path && !is_placed(file) && !is_linked() => {
                let name = path.strip_prefix(&folder).ok().and_then(|rest| rest.components().next());
                misplaced.entry(folder).or_default().insert(name.map_or("", |name| name.as_str()).to_owned());
            }
            Place::Elsewhere(_) | Place::Program => {}
        }
    }
    if !is_importable && misplaced.is_empty() {
        return vec![nothing(layer, &folders[1])];
    }
    let is_for_another = |folder: &Utf8Path| folder.starts_with("python/lib") && folder.ends_with("site-packages");
    // A layer for several Pythons has one folder for each of them.
    let reported = misplaced.into_iter().filter(|(folder, _)| !(is_importable && is_for_another(folder)));
    let findings = reported.map(|(folder, names)| {
        let names = listed(names);
        let (subject, message, help) = if folder == "" {
            let help = "put packages into a folder named `python`, and zip that folder".to_owned();
            ("layer".to_owned(), format!("{names} at the root of the layer cannot be imported"), help)
        } else {
            let message = format!("{names} in `{folder}` cannot be imported by python{}", target.python);
            (
                folder.to_string(),
                message,
                "move the content to `python`, where Lambda's Python looks for packages".to_owned(),
            )
        };
        let finding = Finding::error("not-importable", subject, message, help);
        if is_importable { finding.into_warning() } else { finding }
    });
    findings.collect()
}

fn nothing(layer: &Layer, packages: &Utf8Path) -> Finding {
    let finding = Finding::error(
        "nothing-importable",
        packages.as_str(),
        "the layer contains nothing that Python can import",
        "add requirements, `source` or `include`, or check what `exclude` leaves",
    );
    // A layer with nothing but programs, libraries or data can be useful, too.
    let mut others = layer.files.iter().filter(|(path, _)| !is_package_path(path)).peekable();
    let has_others = others.peek().is_some();
    let is_program = |file: &File| file.kind == Kind::File { executable: true };
    let is_useful =
        others.any(|(path, file)| is_searched(path) || is_placed(file) || setting(path, is_program(file)).is_some());
    match (layer.files.keys().any(|path| is_package_path(path)), is_useful) {
        (false, true) => {
            let help = "ignore this if the layer is meant for programs, libraries or data only".to_owned();
            Finding { severity: Severity::Notice, help, ..finding }
        }
        (false, false) if has_others => finding.into_warning(),
        (true, true) => finding.into_warning(),
        (_, false) => finding,
    }
}

/// Whether the user chose where the file is.
fn is_placed(file: &File) -> bool {
    matches!(file.owner, Owner::Include | Owner::BuildScript)
}

enum Place {
    Importable,
    /// In a folder that looks like one of Python's, but is not searched.
    Elsewhere(Utf8PathBuf),
    /// A Python file that is run and not imported.
    Program,
}

/// Where a module is. `path` is relative to `/opt`.
fn place(path: &Utf8Path, layer: &Layer, folders: &[Utf8PathBuf; 2]) -> Place {
    let is_site = |folder: &&Utf8Path| matches!(folder.file_name(), Some("site-packages" | "dist-packages"));
    if path.starts_with(&folders[0]) {
        return Place::Importable;
    }
    if let Some(site) = path.ancestors().skip(1).find(is_site) {
        return Place::Elsewhere(site.to_owned());
    }
    let mut parts = path.components().map(|part| part.as_str());
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("python", Some("python")) if holds_distributions(layer, "python/python".into()) => {
            Place::Elsewhere("python/python".into())
        }
        ("python", Some("bin")) if !layer.files.contains_key(Utf8Path::new("python/bin/__init__.py")) => Place::Program,
        ("python", _) => Place::Importable,
        ("bin" | "lib" | "extensions", _) => Place::Program,
        // Somebody zipped the layer's parent folder.
        (top, Some("python")) => Place::Elsewhere(Utf8Path::new(top).join("python")),
        _ => Place::Elsewhere(Utf8PathBuf::new()),
    }
}

fn holds_distributions(layer: &Layer, folder: &Utf8Path) -> bool {
    let below = layer.files.range(folder.to_owned()..).take_while(|(path, _)| path.starts_with(folder));
    let mut names = below.filter_map(|(path, _)| path.strip_prefix(folder).ok()?.components().next());
    names.any(|name| name.as_str().ends_with(".dist-info"))
}

fn is_module(path: &Utf8Path) -> bool {
    let is_metadata = |part: &str| part.ends_with(".dist-info") || part.ends_with(".egg-info") || part == "__pycache__";
    matches!(path.extension(), Some("py" | "so" | "pyc")) && !path.components().any(|part| is_metadata(part.as_str()))
}

fn is_searched(path: &Utf8Path) -> bool {
    let top = path.components().next().map(|part| part.as_str().to_owned()).unwrap_or_default();
    facts::lambda().top_level_folders.contains(&top)
}

/// The variable that a function needs so that the file is found: `FONTCONFIG_PATH=/opt/fonts`.
fn setting(path: &Utf8Path, is_program: bool) -> Option<String> {
    let variables = facts::lambda().looking_variables.iter();
    let mut values = variables.filter_map(|variable| Some((variable, variable.value_for(path, is_program)?)));
    values.next().map(|(variable, value)| format!("`{}={value}`", variable.name))
}

impl Finding {
    /// A finding if the runtime does not search the folder that `include` names. `files` are the files placed there,
    /// relative to `/opt`, each with whether it is executable.
    pub(crate) fn unsearched_folder(place: &Utf8Path, files: &[(&Utf8Path, bool)]) -> Option<Self> {
        if is_searched(place) {
            return None;
        }
        let setting = files.iter().find_map(|(path, is_program)| setting(path, *is_program));
        let setting = setting.map(|setting| format!(", or if a variable points to it ({setting})")).unwrap_or_default();
        Some(Self::notice(
            "unsearched-folder",
            place.as_str(),
            format!("the runtime does not use `{place}` by default"),
            format!(
                "this is fine if your code opens it as `/opt/{place}`{setting}; programs belong in `bin`, libraries in `lib`"
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::as_lines;
    use crate::layer::Layer;

    fn found(paths: &[&str]) -> String {
        let layer = Layer::of_paths(paths);
        as_lines(&check(&layer, &Names::of(&layer), Target::of_tests()))
    }

    #[test]
    fn both_layouts_and_several_pythons_are_fine() {
        assert_eq!(found(&["python/six.py"]), "");
        assert_eq!(found(&["python/python/__init__.py"]), "");
        assert_eq!(found(&["python/setuptools/_vendor/x-1.dist-info/METADATA", "python/setuptools/x.py"]), "");
        let several = ["python/lib/python3.13/site-packages/six.py", "python/lib/python3.12/site-packages/six.py"];
        assert_eq!(found(&several), "");
        assert_eq!(found(&["python/six.py", "bin/tool.py", "extensions/one/main.py", "fonts/a.ttf"]), "");
    }

    #[test]
    fn packages_elsewhere_cannot_be_imported() {
        insta::assert_snapshot!(found(&["requests/__init__.py", "idna/core.py", "six.py", "six-1.dist-info/RECORD"]), @"Error not-importable: `idna`, `requests`, `six.py` at the root of the layer cannot be imported");
        insta::assert_snapshot!(found(&["lib/python3.13/site-packages/six.py"]), @"Error not-importable: `six.py` in `lib/python3.13/site-packages` cannot be imported by python3.13");
        insta::assert_snapshot!(found(&["python/lib/python3.9/site-packages/six.py"]), @"Error not-importable: `six.py` in `python/lib/python3.9/site-packages` cannot be imported by python3.13");
        insta::assert_snapshot!(found(&["layer/python/six.py"]), @"Error not-importable: `six.py` in `layer/python` cannot be imported by python3.13");
        insta::assert_snapshot!(found(&["python/python/six.py", "python/python/six-1.dist-info/METADATA"]), @"Error not-importable: `six.py` in `python/python` cannot be imported by python3.13");
        insta::assert_snapshot!(found(&["python/six.py", "python/.venv/lib/python3.13/site-packages/a/b.py"]), @"Warning not-importable: `a` in `python/.venv/lib/python3.13/site-packages` cannot be imported by python3.13");
    }

    #[test]
    fn modules_are_where_links_have_them() {
        let found = |files: &[&str], link: &str, target: &str| {
            let mut layer = Layer::of_paths(files);
            layer.add_link(link, target);
            as_lines(&check(&layer, &Names::of(&layer), Target::of_tests()))
        };
        assert_eq!(found(&["share/py/six.py"], "python", "share/py"), "");
        let of_other = ["python/lib/python3.12/site-packages/six.py"];
        assert_eq!(found(&of_other, "python/lib/python3.13/site-packages", "../python3.12/site-packages"), "");
        assert_eq!(found(&["x/six.py"], "python/six.py", "/opt/x/six.py"), "");
        insta::assert_snapshot!(found(&["bin/tool"], "python/six.py", "../six.py"), @"Warning nothing-importable: the layer contains nothing that Python can import");
    }

    #[test]
    fn programs_alone_are_a_layer() {
        insta::assert_snapshot!(found(&["bin/ffmpeg"]), @"Notice nothing-importable: the layer contains nothing that Python can import");
        insta::assert_snapshot!(found(&["fonts/a.ttf"]), @"Notice nothing-importable: the layer contains nothing that Python can import");
        insta::assert_snapshot!(found(&["data/a.bin"]), @"Warning nothing-importable: the layer contains nothing that Python can import");
        insta::assert_snapshot!(found(&["bin/ffmpeg", "python/six-1.dist-info/METADATA"]), @"Warning nothing-importable: the layer contains nothing that Python can import");
        insta::assert_snapshot!(found(&[]), @"Error nothing-importable: the layer contains nothing that Python can import");
        insta::assert_snapshot!(found(&["python/six-1.dist-info/METADATA"]), @"Error nothing-importable: the layer contains nothing that Python can import");
    }
}
