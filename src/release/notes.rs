//! The text of a release: our part of it, between two marks. Text that people write around it is kept.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::layer::DistributionSize;
use crate::layer::sizes::signed;
use crate::registry::state::Content;
use crate::report::{PackageChange, code, package_changes, plain};
use crate::types::{ContentHash, LayerName, LayerVersionArn};

const BEGIN: &str = "<!-- lambda-layer:begin ";
const END: &str = "<!-- lambda-layer:end -->";
/// GitHub takes 125,000 characters of text; tables of 400 rows stay under 90,000.
const ROWS: usize = 400;
/// The most bytes for the parts of all layers that share a release; each gets an equal share, whatever the others use.
const LONGEST: usize = 120_000;
const FEWER: [usize; 4] = [ROWS, 40, 5, 0];

/// Names the version that a part of the text is about; stands in the text as a comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Mark {
    pub layer: LayerName,
    pub version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_sha256: Option<ContentHash>,
}

impl Mark {
    /// The mark of each layer that has a part in the text; empty for a release that is not ours.
    pub(super) fn all(text: &str) -> Vec<Self> {
        let begins = text.split(BEGIN).skip(1);
        begins.filter_map(|rest| serde_json::from_str(rest.split_once(" -->")?.0).ok()).collect()
    }
}

/// What the notes say.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    pub mark: Mark,
    pub arns: Vec<&'a LayerVersionArn>,
    /// What the state knows about the content.
    pub known: Option<&'a Content>,
    pub previous: Option<Previous>,
    /// How many layers share the release; if there are several, each part has a heading.
    pub layers: usize,
}

/// The release of the version before.
#[derive(Debug)]
pub(super) struct Previous {
    pub tag: String,
    /// `None` if the state no longer knows them.
    pub distributions: Option<Vec<DistributionSize>>,
}

/// The text of the release with our part brought up to date.
pub(super) fn text(text: &str, notes: &Notes<'_>) -> String {
    let parts = FEWER.map(|rows| part(notes, rows));
    let fits = |part: &&String| notes.layers == 1 || part.len() <= LONGEST / notes.layers;
    let part = parts.iter().find(fits).unwrap_or(&parts[FEWER.len() - 1]);
    merge(text, part, &notes.mark.layer)
}

/// Our part, from mark to mark.
fn part(notes: &Notes<'_>, rows: usize) -> String {
    let mark = serde_json::to_string(&notes.mark).expect("a mark has string keys");
    let title = if notes.layers > 1 {
        format!("## {} {}\n\n", plain(notes.mark.layer.as_str()), notes.mark.version)
    } else {
        String::new()
    };
    let mut text = format!("{BEGIN}{mark} -->\n{title}| account | region | layer version |\n|---|---|---|\n");
    let mut line = |content: &str| writeln!(text, "{content}").expect("a String takes everything");
    for arn in notes.arns.iter().take(rows) {
        let place = arn.destination();
        line(&format!("| {} | {} | {} |", place.account, place.region, code(&arn.to_string())));
    }
    if let Some(more) = notes.arns.len().checked_sub(rows).filter(|more| *more > 0) {
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
            line(&format!("The changes since {} are no longer known.", code(tag)));
        }
        Some(Previous { tag, distributions: Some(before), .. }) => {
            let changes = package_changes(before, notes.known.map_or(&[], |content| &content.distributions));
            if changes.is_empty() {
                line(&format!("The same packages as in {}.", code(tag)));
            } else {
                line(&format!("### Packages since {}\n\n{}", code(tag), table(&changes, rows)));
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

fn table(changes: &[PackageChange], rows: usize) -> String {
    let mut text = String::from("| | distribution | version | size |\n|---|---|---|--:|\n");
    for change in changes.iter().take(rows) {
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
    if let Some(more) = changes.len().checked_sub(rows).filter(|more| *more > 0) {
        writeln!(text, "| | and {more} more | | |").expect("a String takes everything");
    }
    text.trim_end().to_owned()
}

/// Replaces the part of the layer in the text; without both marks the part is appended.
fn merge(text: &str, part: &str, layer: &LayerName) -> String {
    // GitHub's editor writes Windows line endings.
    let text = text.replace("\r\n", "\n");
    let mut kept = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(BEGIN) {
        let (before, from) = rest.split_at(start);
        let next = from[BEGIN.len()..].find(BEGIN).map_or(from.len(), |next| next + BEGIN.len());
        let end = from[..next].find(END).map(|end| end + END.len());
        let is_ours = Mark::all(&from[..next]).first().is_none_or(|mark| mark.layer == *layer);
        kept += before;
        match end {
            Some(end) if is_ours => return format!("{kept}{part}{}", &from[end..]),
            // The end mark is missing, so only the begin mark is removed: the rest may be other people's text.
            None if is_ours => kept += from[..next].split_once('\n').map_or("", |(_, theirs)| theirs),
            _ => kept += &from[..next],
        }
        rest = &from[next..];
    }
    kept += rest;
    if Mark::all(&kept).is_empty() {
        kept = kept.lines().filter(|line| *line != END).collect::<Vec<_>>().join("\n");
    }
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
        let notes = Notes {
            mark: mark(),
            arns: arns.iter().collect(),
            known: Some(&known),
            previous: Some(previous),
            layers: 1,
        };
        insta::assert_snapshot!(part(&notes, ROWS));
        assert_eq!(Mark::all(&part(&notes, ROWS)), [mark()]);
    }

    #[test]
    fn what_people_wrote_stays() {
        let notes = Notes { mark: mark(), arns: Vec::new(), known: None, previous: None, layers: 1 };
        let part = part(&notes, ROWS);
        let merge = |text: &str, part: &str| merge(text, part, &mark().layer);
        assert_eq!(merge("", &part), part);
        let edited = format!("Thanks to all!\r\n\r\n{}\r\n\r\nUpgrade soon.", part.replace("account", "Konto"));
        assert_eq!(merge(&edited, &part), format!("Thanks to all!\n\n{part}\n\nUpgrade soon."));
        assert_eq!(merge("Build by hand", &part), format!("Build by hand\n\n{part}"));
        // The end mark is missing: text of others must not go with our part.
        let half = format!("Hello\n{BEGIN}{{}} -->\ntheir text");
        assert_eq!(merge(&half, &part), format!("Hello\ntheir text\n\n{part}"));
        assert_eq!(merge(&merge(&half, &part), &part), merge(&half, &part));
    }

    #[test]
    fn layers_that_share_a_release_have_a_part_each() {
        let notes = |layer: &str, version| {
            let mark = Mark { layer: layer.parse().expect("is valid"), version, ..mark() };
            Notes { mark, arns: Vec::new(), known: None, previous: None, layers: 2 }
        };
        let one = text("Thanks!", &notes("one", 3));
        let both = text(&one, &notes("two", 7));
        assert!(
            both.starts_with("Thanks!\n\n<!--") && both.contains("## one 3") && both.contains("## two 7"),
            "{both}"
        );
        assert_eq!(Mark::all(&both).len(), 2);
        // A second time, in another order, nothing changes.
        assert_eq!(text(&text(&both, &notes("one", 3)), &notes("two", 7)), both);
        assert_eq!(text(&text(&both, &notes("two", 7)), &notes("one", 3)), both);
        // Text that people write between the parts is kept, and a damaged part of another layer is left alone.
        let edited = both.replace(&format!("{END}\n\n"), &format!("{END}\n\nAnd now:\n\n"));
        assert_eq!(text(&edited, &notes("two", 7)), edited);
    }

    #[test]
    fn a_hundred_layers_fit_into_a_release() {
        let distributions: Vec<DistributionSize> = (0..400)
            .map(|index| DistributionSize {
                name: format!("package-{index}"),
                version: "1".to_owned(),
                size: ByteSize(9),
                licence: None,
            })
            .collect();
        let known = Content { distributions, ..Content::default() };
        let all = |start: String| {
            (0..100).fold(start, |so_far, index| {
                let mark = Mark { layer: format!("layer-{index}").parse().expect("is valid"), ..mark() };
                let previous = Previous { tag: "v1".to_owned(), distributions: Some(Vec::new()) };
                text(
                    &so_far,
                    &Notes { mark, arns: Vec::new(), known: Some(&known), previous: Some(previous), layers: 100 },
                )
            })
        };
        let first = all(String::new());
        assert!(first.len() < 125_000, "{}", first.len());
        assert_eq!(Mark::all(&first).len(), 100);
        assert_eq!(all(first.clone()), first);
    }

    #[test]
    fn a_text_of_others_has_no_mark() {
        for text in
            ["", "lambda-layer:begin", "<!-- lambda-layer:begin {\"layer\": 1} -->", "<!-- lambda-layer:begin {"]
        {
            assert_eq!(Mark::all(text), [], "{text}");
        }
    }
}
