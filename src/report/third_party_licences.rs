//! `THIRD-PARTY-LICENSES`: the distributions in a layer, their licences, and the texts of these.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::Utf8PathBuf;

use crate::error::counted;
use crate::layer::licences::{Term, is_printed};
use crate::layer::{Distribution, Owner};
use crate::report::Report;

const RULE: &str = "================================================================================";
const LINE: &str = "--------------------------------------------------------------------------------";

/// `None` if the content of the layer is not known.
pub(crate) fn third_party_licences(report: &Report) -> Option<String> {
    let layer = report.layer.as_ref()?;
    let mut texts: BTreeMap<Owner, Vec<(&Utf8PathBuf, &String)>> = BTreeMap::new();
    for (path, text) in &report.materials.texts {
        let Some(file) = layer.files.get(path) else { continue };
        texts.entry(file.owner.clone()).or_default().push((path, text));
    }
    let name = printed(&report.layer_name).replace('\n', " ");
    let count = counted(layer.distributions.len(), "distribution");
    let mut all = format!("Licences in the layer {name}: {count}\n");
    let mut added: Vec<(&str, &str)> = Vec::new();
    for distribution in &layer.distributions {
        let key = (distribution.name.as_str(), distribution.version.as_str());
        if !added.contains(&key) {
            added.push(key);
            let own = texts.remove(&Owner::Distribution(distribution.name.clone())).unwrap_or_default();
            all += &section(&headline(distribution), &stated(distribution), &own);
        }
    }
    for (owner, own) in texts {
        all += &section(&owner.to_string(), "", &own);
    }
    Some(all)
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

/// Text with Unix line endings, and with unprintable characters replaced.
fn printed(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    // Old licences put each part on a page of its own, with form feeds.
    let text = text.replace('\u{c}', "");
    text.chars()
        .map(|character| if is_printed(character) || matches!(character, '\n' | '\t') { character } else { '\u{fffd}' })
        .collect()
}
