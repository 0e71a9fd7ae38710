//! Links from one page of the documentation to another lead somewhere, to the very heading that they name.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<Utf8PathBuf> {
    let of = |folder: &str| {
        let entries = root().join(folder).read_dir_utf8().expect("is there");
        entries.map(|entry| entry.expect("can be read").into_path()).collect::<Vec<_>>()
    };
    let all = [of(""), of("docs"), of("benches")].concat();
    all.into_iter().filter(|path| path.extension() == Some("md")).collect()
}

/// Text without its blocks of code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().trim_start_matches("> ").starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// As GitHub makes them: lower case, no punctuation, a hyphen for each space.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let is_kept = |character: &char| character.is_alphanumeric() || "-_ ".contains(*character);
    headings
        .map(|heading| heading.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn links_of_the_documentation_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").expect("is valid");
    let (mut dead, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = prose(&fs_err::read_to_string(&page).expect("can be read"));
        for found in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if found.contains("://") || found.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            let (file, anchor) = found.split_once('#').unwrap_or((&found, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().expect("is in a folder").join(file) };
            let has_anchor = || anchors(&prose(&fs_err::read_to_string(&target).unwrap_or_default())).contains(anchor);
            if !target.exists() || !(anchor.is_empty() || has_anchor()) {
                dead.push(format!("{}: {found}", page.strip_prefix(root()).expect("is below")));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    assert!(seen > 50, "the pattern finds nothing any more");
}
