//! Imports run one way: down the table of folders in CONTRIBUTING.md, and in one direction between folders of one folder.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

/// An import: the file that has it, and the path in the crate that it names.
struct Import {
    file: Utf8PathBuf,
    to: Vec<String>,
}

/// Folders and files of `src/`, from those that import to those that are imported.
fn stages() -> Vec<String> {
    let text = fs_err::read_to_string("CONTRIBUTING.md").expect("is there");
    let row = Regex::new(r"(?m)^\| `src/([a-z_]+)(?:/|\.rs)` \|").expect("is a pattern");
    row.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

fn sources(folder: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    let mut entries: Vec<Utf8PathBuf> =
        folder.read_dir_utf8().expect("is a folder").map(|entry| entry.expect("is readable").into_path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension() == Some("rs") && path.file_stem() != Some("tests") {
            found.push(path);
        }
    }
}

/// The module of a file: `["audit", "size"]`.
fn module(file: &Utf8Path) -> Vec<String> {
    let path = file.strip_prefix("src").expect("is a source").with_extension("");
    path.components().map(|part| part.as_str().to_owned()).filter(|part| part != "mod" && part != "lib").collect()
}

/// The code of a file without comments and without its tests.
fn code(file: &Utf8Path) -> String {
    let text = fs_err::read_to_string(file).expect("is readable");
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The parts of `a, b::{c, d}` that no brace holds together.
fn split(list: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("is never empty").push(letter);
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn imports() -> Vec<Import> {
    let path = Regex::new(r"\b(crate|super(?:::super)*)::([a-z_A-Z0-9:]+)").expect("is a pattern");
    let group = Regex::new(r"use crate::\{([^;]*)\};").expect("is a pattern");
    let mut files = Vec::new();
    sources("src".into(), &mut files);
    let mut imports = Vec::new();
    for file in files.iter().filter(|file| !matches!(file.file_name(), Some("main.rs" | "lib.rs"))) {
        let (own, code) = (module(file), code(file));
        let segments = |text: &str| -> Vec<String> {
            text.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        for found in path.captures_iter(&code) {
            let up = if &found[1] == "crate" { own.len() } else { found[1].matches("super").count() };
            let to = own[..own.len() - up].iter().cloned().chain(segments(&found[2])).collect();
            imports.push(Import { file: file.clone(), to });
        }
        for found in group.captures_iter(&code) {
            let names = split(&found[1]);
            let paths = names.iter().map(|name| segments(name.split('{').next().unwrap_or_default()));
            imports.extend(paths.map(|to| Import { file: file.clone(), to }));
        }
    }
    imports
}

#[test]
fn the_table_names_every_folder() {
    let mut there: Vec<String> = Vec::new();
    for entry in Utf8Path::new("src").read_dir_utf8().unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_owned();
        if !["main", "lib"].contains(&name.as_str()) {
            there.push(name);
        }
    }
    there.sort();
    let mut named = stages();
    named.sort();
    assert_eq!(named, there);
}

#[test]
fn nothing_imports_what_stands_above() {
    let stages = stages();
    let place = |name: &String| stages.iter().position(|stage| stage == name).unwrap_or_else(|| panic!("{name}"));
    let upwards: BTreeSet<String> = imports()
        .iter()
        .filter(|import| place(&module(&import.file)[0]) > place(&import.to[0]))
        .map(|import| format!("{} imports {}", import.file, import.to.join("::")))
        .collect();
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn a_report_is_plain_data() {
    let known = ["build", "decide", "resolve", "registry", "archive", "config"];
    let imports = imports();
    let of_report = imports.iter().filter(|import| import.file.starts_with("src/report"));
    let others: Vec<String> = of_report
        .filter(|import| known.contains(&import.to[0].as_str()))
        .map(|import| format!("{} imports {}", import.file, import.to.join("::")))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn folders_of_one_folder_know_each_other_in_one_direction() {
    let mut known: BTreeMap<(Utf8PathBuf, Utf8PathBuf), Utf8PathBuf> = BTreeMap::new();
    for import in imports() {
        let own = module(&import.file);
        let common = own.iter().zip(&import.to).take_while(|(left, right)| left == right).count();
        let folder = |path: &[String]| {
            let folder: Utf8PathBuf = std::iter::once("src").chain(path.iter().map(String::as_str)).collect();
            folder.is_dir().then_some(folder)
        };
        if common == own.len().min(import.to.len()) {
            continue;
        }
        if let (Some(from), Some(to)) = (folder(&own[..=common]), folder(&import.to[..=common])) {
            known.entry((from, to)).or_insert(import.file);
        }
    }
    // From each folder along the arrows: who comes back is in a circle.
    let circles: Vec<String> = known
        .iter()
        .filter(|((from, to), _)| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![to]);
            while let Some(at) = open.pop() {
                open.extend(known.keys().filter(|(start, end)| start == at && seen.insert(end)).map(|(_, end)| end));
            }
            seen.contains(from)
        })
        .map(|((from, to), file)| format!("{from} imports {to} ({file}), which leads back"))
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}
