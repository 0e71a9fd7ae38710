//! The comment on a pull request: what a change costs, readable in ten seconds. Details are folded.

pub(super) mod findings;
pub(super) mod layer;
mod links;
pub(super) mod packages;
mod several;
#[cfg(test)]
mod tests;

use super::Report;
use super::escape::address;
use crate::types::Digest;
use layer::Layer;
pub use links::Links;

/// In bytes. GitHub's limit is this many characters.
const LONGEST: usize = 65_536;
/// Rows of a table that are shown unfolded.
const SHOWN: usize = 10;
/// Where the footer begins, and what stands between its parts.
const FOOTER: &str = "\n<sub>";
const BETWEEN: &str = " · ";

/// How many rows each table has. When the comment is too long, the least important tables are shortened first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    /// Packages, folded.
    packages: usize,
    /// Packages that changed.
    changes: usize,
    findings: usize,
    /// In a comment about several layers: layers with a section, and layers with a row.
    sections: usize,
    layers: usize,
}

impl Rows {
    pub(super) const ALL: Self = Self { packages: 200, changes: 200, findings: 100, sections: 100, layers: 200 };

    /// The next shorter set of limits; `None` if there is none.
    fn fewer(self) -> Option<Self> {
        match self {
            Self { packages: 1.., .. } => Some(Self { packages: self.packages / 2, ..self }),
            Self { changes, .. } if changes > SHOWN => Some(Self { changes: changes / 2, ..self }),
            Self { findings, .. } if findings > SHOWN => Some(Self { findings: findings / 2, ..self }),
            Self { changes: 0, findings: 0, sections: 0, layers: 0, .. } => None,
            Self { changes: 0, findings: 0, sections: 0, layers, .. } => Some(Self { layers: layers / 2, ..self }),
            Self { changes: 0, findings: 0, sections, .. } => Some(Self { sections: sections / 2, ..self }),
            _ => Some(Self { changes: self.changes / 2, findings: self.findings / 2, ..self }),
        }
    }
}

/// The first line of a comment about one layer, by which it is found again.
pub fn marker(layer: &str) -> String {
    format!("<!-- lambda-layer-action:v1:{layer} -->")
}

/// The first line of a comment about several layers: the same for all selections from one file. It cannot be that of a
/// layer, whose name never has a `+`.
pub fn set_marker(config: &str) -> String {
    marker(&format!("+{}", &Digest::of(config.as_bytes()).hex()[..16]))
}

/// Whether two comments say the same about the same commit, so that an update would gain nothing: links to runs differ
/// in each run.
pub fn says_the_same(left: &str, right: &str) -> bool {
    let parts = |text: &str| {
        let (said, footer) = text.rsplit_once(FOOTER).unwrap_or((text, ""));
        let commit = footer.split(BETWEEN).find(|part| part.starts_with("commit ")).map(str::to_owned);
        (said.replace("\r\n", "\n").trim().to_owned(), commit)
    };
    parts(left) == parts(right)
}

/// The whole comment.
pub fn comment(reports: &[&Report], marker: &str, links: Links<'_>) -> String {
    let layers: Vec<Layer<'_>> = reports.iter().map(|report| Layer::of(report, links)).collect();
    let mut rows = Rows::ALL;
    loop {
        let text = written(&layers, marker, links, rows);
        if text.len() <= LONGEST {
            return text;
        }
        match rows.fewer() {
            Some(fewer) => rows = fewer,
            None => return text[..text.floor_char_boundary(LONGEST)].to_owned(),
        }
    }
}

fn written(layers: &[Layer<'_>], marker: &str, links: Links<'_>, rows: Rows) -> String {
    let text = match layers {
        [layer] => format!("### {}\n\n{}", layer::headline(layer.report), layer.body(rows)),
        several => several::sections(several, rows),
    };
    format!("{marker}\n{}\n{FOOTER}{}</sub>\n", text.trim_end(), footer(layers, links).join(BETWEEN))
}

/// What wrote the comment, for which Python and commit, where there is more, and how to turn it off.
fn footer(layers: &[Layer<'_>], links: Links<'_>) -> Vec<String> {
    let link = |text: &str, url: &str| format!("[{text}]({})", address(url));
    let mut parts: Vec<String> = several::shared_target(layers).into_iter().collect();
    parts.extend(links.commit());
    parts.extend(links.report.map(|url| link("report page", url)));
    parts.extend(links.run.map(|url| link("run", url)));
    parts.push(format!("written by {} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")));
    parts.extend(links.docs.map(|docs| link("documentation", &format!("{docs}/pull-requests.md"))));
    parts.push("<code>comment: never</code> turns this off".to_owned());
    parts
}
