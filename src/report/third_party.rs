//! `THIRD-PARTY-LICENSES`: what is in a layer, under which licences, with their texts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::Report;
use crate::audit::File;
use crate::build::{Distribution, Owner};
use crate::error::counted;
use crate::licences::{Term, is_printed};

const RULE: &str = "================================================================================";
const LINE: &str = "--------------------------------------------------------------------------------";

/// `None` if nothing is known of what is in the layer.
pub(crate) fn third_party_licences(report: &Report) -> Option<String> {
    let layer = report.layer.as_ref()?;
    let mut texts: BTreeMap<Owner, Vec<(&Utf8PathBuf, &String)>> = BTreeMap::new();
    for (path, text) in &report.materials.texts {
        let Some(file) = layer.files.get(path) else { continue };
        texts.entry(file.owner.clone()).or_default().push((path, text));
    }
    let name = printed(&report.layer_name).replace('\n', " ");
    let count = counted(layer.distributions.len(), "distribution");
    let mut all = format!("Licences of what is in the layer {name}: {count}\n");
    let mut told: Vec<(&str, &str)> = Vec::new();
    for distribution in &layer.distributions {
        let key = (distribution.name.as_str(), distribution.version.as_str());
        if !told.contains(&key) {
            told.push(key);
            let own = texts.remove(&Owner::Distribution(distribution.name.clone())).unwrap_or_default();
            all += &section(&headline(distribution), &stated(distribution), &own);
        }
    }
    for (owner, own) in texts {
        all += &section(&owner.to_string(), "", &own);
    }
    Some(all)
}

/// Licences are files of these names, whatever stands behind, or stand in folders that are made for them (PEP 639).
pub(crate) fn is_licence_text(path: &Utf8Path, file: &File) -> bool {
    const NAMES: &[&str] = &["license", "licence", "copying", "notice", "copyright", "unlicense"];
    const CODE: &[&str] = &["py", "pyc", "pyi", "pyx", "pxd", "so", "c", "h", "js", "ts", "css", "json", "yml", "yaml"];
    let is_code = path.extension().is_some_and(|extension| CODE.contains(&extension));
    let in_licences = || path.ancestors().skip(1).any(is_folder_of_licences);
    let is_named = || {
        let name = path.file_name().unwrap_or_default().to_lowercase();
        let rest = NAMES.iter().find_map(|start| name.strip_prefix(start)).map(|rest| rest.trim_start_matches('s'));
        rest.is_some_and(|rest| !rest.starts_with(|first: char| first.is_ascii_lowercase()))
    };
    !file.kind.is_link() && !is_code && (in_licences() || is_named())
}

fn is_folder_of_licences(folder: &Utf8Path) -> bool {
    let is_info = folder.parent().is_some_and(|info| info.extension() == Some("dist-info"));
    is_info && matches!(folder.file_name(), Some("licenses" | "license_files"))
}

fn headline(distribution: &Distribution) -> String {
    format!("{} {}", distribution.name, printed(&distribution.version))
}

fn stated(distribution: &Distribution) -> String {
    let terms = distribution.licence.terms();
    let shown = terms.into_iter().map(|term| match term {
        Term::Spdx(text) | Term::Name(text) => text,
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "states no licence".to_owned() } else { shown.join(", ") }
}

fn section(headline: &str, stated: &str, texts: &[(&Utf8PathBuf, &String)]) -> String {
    let mut section = format!("\n{RULE}\n{headline}\n");
    if !stated.is_empty() {
        writeln!(section, "{stated}").expect("a String takes everything");
    }
    for (path, text) in texts {
        let path = printed(path.as_str()).replace('\n', " ");
        writeln!(section, "\n{LINE}\n{path}\n\n{}", printed(text).trim_end()).expect("a String takes everything");
    }
    section
}

/// In lines that end as they do here, without what does not print.
fn printed(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    // A page of its own for each part is a habit of old licences.
    let text = text.replace('\u{c}', "");
    text.chars()
        .map(|character| if is_printed(character) || matches!(character, '\n' | '\t') { character } else { '\u{fffd}' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Layer;

    #[test]
    fn licences_are_told_from_code() {
        let is_text = |path: &str| {
            let layer = Layer::of_paths(&[path]);
            is_licence_text(Utf8Path::new(path), &layer.files[Utf8Path::new(path)])
        };
        for path in [
            "python/a-1.dist-info/LICENSE",
            "python/a-1.dist-info/licenses/AUTHORS.rst",
            "python/a-1.dist-info/licenses/vendored/x/MIT.txt",
            "python/numpy/LICENSES_bundled.txt",
            "python/a/Licence-MIT.md",
            "python/a/COPYING.LESSER",
            "python/a/NOTICE",
        ] {
            assert!(is_text(path), "{path}");
        }
        for path in ["python/a/license.py", "python/a/licenses/x.dat", "python/a/noticeboard.txt", "python/a/README"] {
            assert!(!is_text(path), "{path}");
        }
    }
}
