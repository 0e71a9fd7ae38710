//! The text of a release: our part of it, between two marks. What people write around it stays.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::registry::state::Content;
use crate::report::{DistributionSize, PackageChange, code, package_changes, plain, signed};
use crate::types::{ContentHash, LayerName, LayerVersionArn};

const BEGIN: &str = "<!-- lambda-layer:begin ";
const END: &str = "<!-- lambda-layer:end -->";
/// Of a release's text GitHub takes 125,000 characters; 400 rows of each table have under 90,000.
const ROWS: usize = 400;

/// Which version a release is of, as its mark says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Mark {
    pub layer: LayerName,
    pub version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_sha256: Option<ContentHash>,
}

impl Mark {
    /// `None` for a release of something else.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(BEGIN)?;
        serde_json::from_str(rest.split_once(" -->")?.0).ok()
    }
}

/// What the notes tell of.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    pub mark: Mark,
    pub arns: Vec<&'a LayerVersionArn>,
    /// What the state knows of the content.
    pub known: Option<&'a Content>,
    pub previous: Option<Previous>,
}

/// The release before.
#[derive(Debug)]
pub(super) struct Previous {
    pub tag: String,
    /// `None` if the state does not know them any more.
    pub distributions: Option<Vec<DistributionSize>>,
}

/// Our part, from mark to mark.
pub(super) fn part(notes: &Notes<'_>) -> String {
    let mark = serde_json::to_string(&notes.mark).expect("a mark has string keys");
    let mut text = format!("{BEGIN}{mark} -->\n| account | region | layer version |\n|---|---|---|\n");
    let mut line = |content: &str| writeln!(text, "{content}").expect("a String takes everything");
    for arn in notes.arns.iter().take(ROWS) {
        let place = arn.destination();
        line(&format!("| {} | {} | {} |", place.account, place.region, code(&arn.to_string())));
    }
    if let Some(more) = notes.arns.len().checked_sub(ROWS).filter(|more| *more > 0) {
        line(&format!("| | | and {more} more, in the JSON file |"));
    }
    line("");
    line(&facts(notes).join(" · "));
    if notes.previous.is_some() {
        line("");
    }
    match &notes.previous {
        None => {}
        Some(Previous { tag, distributions: None, .. }) => {
            line(&format!("What changed since {} is not known any more.", code(tag)));
        }
        Some(Previous { tag, distributions: Some(before), .. }) => {
            let changes = package_changes(before, notes.known.map_or(&[], |content| &content.distributions));
            if changes.is_empty() {
                line(&format!("The same packages as in {}.", code(tag)));
            } else {
                line(&format!("### Packages since {}\n\n{}", code(tag), table(&changes)));
            }
        }
    }
    text + END
}

fn facts(notes: &Notes<'_>) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(content) = notes.known {
        if let (Some(python), Some(architecture)) = (&content.python, &content.architecture) {
            facts.push(format!("python{} on {}", plain(python), plain(architecture)));
        }
        if let Some(unzipped) = content.unzipped_size {
            facts.push(format!("**{unzipped}** unzipped"));
        }
        if let Some(zipped) = content.zipped_size {
            facts.push(format!("{zipped} zipped"));
        }
    }
    if let Some(hash) = notes.mark.code_sha256 {
        facts.push(format!("content hash {}", code(&hash.to_string())));
    }
    facts
}

fn table(changes: &[PackageChange]) -> String {
    let mut text = String::from("| | distribution | version | size |\n|---|---|---|--:|\n");
    for change in changes.iter().take(ROWS) {
        let versions: Vec<String> = [&change.from, &change.to]
            .into_iter()
            .filter(|version| !version.is_empty())
            .map(|version| plain(version))
            .collect();
        let versions = if change.from == change.to { plain(&change.to) } else { versions.join(" → ") };
        let (kind, name) = (change.kind.word(), plain(&change.name));
        writeln!(text, "| {kind} | {name} | {versions} | {} |", signed(change.growth()))
            .expect("a String takes everything");
    }
    if let Some(more) = changes.len().checked_sub(ROWS).filter(|more| *more > 0) {
        writeln!(text, "| | and {more} more | | |").expect("a String takes everything");
    }
    text.trim_end().to_owned()
}

/// The text with our part brought up to date. Without both marks it is added at the end.
pub(super) fn merge(text: &str, part: &str) -> String {
    // The editor of GitHub's pages ends lines as Windows does.
    let text = text.replace("\r\n", "\n");
    if let Some(start) = text.find(BEGIN)
        && let Some(length) = text[start..].find(END)
    {
        return format!("{}{part}{}", &text[..start], &text[start + length + END.len()..]);
    }
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(BEGIN) && *line != END).collect();
    let kept = kept.join("\n");
    if kept.trim().is_empty() { part.to_owned() } else { format!("{}\n\n{part}", kept.trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ByteSize, Digest};

    fn mark() -> Mark {
        let layer = "shared".parse().expect("is valid");
        Mark { layer, version: 7, code_sha256: Some(ContentHash(Digest::of(b"zip"))) }
    }

    #[test]
    fn the_part_says_where_it_is_and_what_changed() {
        let arns: Vec<LayerVersionArn> = ["eu-west-1", "us-east-1"]
            .map(|region| format!("arn:aws:lambda:{region}:123456789012:layer:shared:7").parse().expect("is valid"))
            .into();
        let known = Content {
            zipped_size: Some(ByteSize(4_600_000)),
            unzipped_size: Some(ByteSize(12_300_000)),
            python: Some("3.13".to_owned()),
            architecture: Some("arm64".to_owned()),
            distributions: DistributionSize::rows(&[("six", "1.17.0", 40_000), ("<b>|evil", "1", 10)]),
            ..Content::default()
        };
        let previous = Previous {
            tag: "layer/shared/v6".to_owned(),
            distributions: Some(DistributionSize::rows(&[("six", "1.16.0", 39_000), ("gone", "2", 500)])),
        };
        let notes = Notes { mark: mark(), arns: arns.iter().collect(), known: Some(&known), previous: Some(previous) };
        insta::assert_snapshot!(part(&notes));
        assert_eq!(Mark::of(&part(&notes)), Some(mark()));
    }

    #[test]
    fn what_people_wrote_stays() {
        let notes = Notes { mark: mark(), arns: Vec::new(), known: None, previous: None };
        let part = part(&notes);
        assert_eq!(merge("", &part), part);
        let edited = format!("Thanks to all!\r\n\r\n{}\r\n\r\nUpgrade soon.", part.replace("account", "Konto"));
        assert_eq!(merge(&edited, &part), format!("Thanks to all!\n\n{part}\n\nUpgrade soon."));
        assert_eq!(merge("Made by hand", &part), format!("Made by hand\n\n{part}"));
        // Half of our part is left: nothing of theirs goes with it.
        let half = format!("Hello\n{BEGIN}{{}} -->\ntheir text");
        assert_eq!(merge(&half, &part), format!("Hello\ntheir text\n\n{part}"));
        assert_eq!(merge(&merge(&half, &part), &part), merge(&half, &part));
    }

    #[test]
    fn a_text_of_others_has_no_mark() {
        for text in
            ["", "lambda-layer:begin", "<!-- lambda-layer:begin {\"layer\": 1} -->", "<!-- lambda-layer:begin {"]
        {
            assert_eq!(Mark::of(text), None, "{text}");
        }
    }
}
