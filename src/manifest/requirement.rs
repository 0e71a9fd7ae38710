//! One requirement: what it asks for, its marker, its hashes.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use camino::Utf8PathBuf;
use pep508_rs::MarkerTree;

use crate::error::Failure;
use crate::types::{Digest, DistributionName};

/// One line that asks for something.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub file: Utf8PathBuf,
    pub line: usize,
    pub kind: RequirementKind,
    pub hashes: BTreeSet<String>,
    /// `--config-settings` and `--global-option`, as given: pip alone reads them.
    pub settings: Vec<String>,
}

/// A requirement's own options.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) hashes: BTreeSet<String>,
    pub(super) settings: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum RequirementKind {
    /// `name[extra]>=1; marker` or `name @ url`.
    Named(Box<pep508_rs::Requirement>),
    /// A bare URL, without credentials.
    Url { url: String, marker: MarkerTree },
    /// A file or folder of the workspace, by its name and extras; its bytes decide.
    Path { text: String, marker: MarkerTree, digest: Digest },
}

impl Requirement {
    /// Of the distribution, where the line says it.
    pub fn name(&self) -> Option<DistributionName> {
        match &self.kind {
            RequirementKind::Named(named) => named.name.as_ref().parse().ok(),
            RequirementKind::Url { .. } | RequirementKind::Path { .. } => None,
        }
    }
}

/// The path that a requirement names, and its extras: `./package[extra]; marker`, `file:package`, `name @ file:///…`.
pub(super) fn local_path(text: &str) -> Option<(&str, &str)> {
    let place = match text.split_once('@') {
        Some((_, place)) if place.trim_start().starts_with("file:") => place.trim_start(),
        _ => text,
    };
    let of_url = place.strip_prefix("file://").or_else(|| place.strip_prefix("file:"));
    let place = of_url.unwrap_or(place);
    let place = place[..place.find([';', '#']).unwrap_or(place.len())].trim();
    let (path, extras) = place.split_at(place.find('[').unwrap_or(place.len()));
    let is_archive = [".whl", ".tar.gz", ".zip"].iter().any(|ending| path.ends_with(ending));
    let is_path = path.starts_with(['.', '/']) || is_archive || path.contains('/');
    (of_url.is_some() || (is_path && !path.contains(['@', ':']))).then_some((path, extras))
}

/// What stands behind the `;` of a URL or a path.
pub(super) fn marker_of(text: &str) -> Result<MarkerTree, Failure> {
    let Some((_, marker)) = text.split_once(" ;").or_else(|| text.split_once("; ")) else {
        return Ok(MarkerTree::TRUE);
    };
    let marker = marker.split(" #").next().unwrap_or_default().trim();
    MarkerTree::from_str(marker).map_err(|error: pep508_rs::Pep508Error| {
        Failure::user(format!("cannot read the marker `{marker}`: {}", error.message))
            .hint("write it as in PEP 508: `python_version < '3.13' and sys_platform == 'linux'`")
    })
}

pub(super) fn is_url(text: &str) -> bool {
    let scheme = text.split("://").next().unwrap_or_default();
    text.contains("://") && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Cuts ` --hash=…` and the other options of a requirement off its line.
pub(super) fn split_options(text: &str) -> Result<(&str, Options), Failure> {
    let start = text
        .match_indices("--")
        .find(|(index, _)| text[..*index].ends_with(char::is_whitespace))
        .map_or(text.len(), |(index, _)| index);
    let mut options = Options::default();
    let mut words = text[start..].split_whitespace();
    while let Some(word) = words.next() {
        let (name, attached) = word.split_once('=').unwrap_or((word, ""));
        let value = if attached.is_empty() { words.next().unwrap_or_default() } else { attached };
        match name {
            "--hash" if is_hash(value) => {
                options.hashes.insert(value.to_lowercase());
            }
            "--hash" => {
                return Err(Failure::user(format!("`{word}` is not a hash"))
                    .hint("write `--hash=sha256:` and its 64 hexadecimal digits; is the file cut short?"));
            }
            "--config-settings" | "--config-setting" | "--global-option" => {
                options.settings.push(format!("{name}={value}"));
            }
            _ => {
                return Err(Failure::user(format!("`{name}` is not an option of a requirement"))
                    .hint("take it out, or give it a line of its own; `--hash` and `--config-settings` are"));
            }
        }
    }
    Ok((text[..start].trim(), options))
}

/// `algorithm:digits`, with as many digits as the algorithm has: a file that is cut short may end in fewer.
fn is_hash(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => digits.len().max(1),
    };
    digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The name that a requirement of PEP 508 begins with.
pub(super) fn name_of(text: &str) -> Option<String> {
    let parsed = pep508_rs::Requirement::<pep508_rs::VerbatimUrl>::from_str(text).ok()?;
    Some(parsed.name.to_string())
}
