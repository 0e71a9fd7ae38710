//! One requirement: its distribution, its marker, its hashes.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use pep508_rs::MarkerTree;

use crate::error::Failure;
use crate::types::{Digest, DistributionName, pep508};

/// One line with a requirement.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub file: Utf8PathBuf,
    pub line: usize,
    pub kind: RequirementKind,
    pub hashes: BTreeSet<String>,
    /// The options `--config-settings` and `--global-option`, as written; only pip reads them.
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
    /// A requirement `name[extra]>=1; marker` or `name @ url`.
    Named(Box<pep508_rs::Requirement>),
    /// A bare URL, without credentials.
    Url { url: String, marker: MarkerTree },
    /// A file or folder of the workspace, by its name and extras. Its bytes are part of the fingerprint.
    Path { text: String, marker: MarkerTree, digest: Digest },
}

impl Requirement {
    /// The distribution's name, if the line contains it.
    pub fn name(&self) -> Option<DistributionName> {
        match &self.kind {
            RequirementKind::Named(named) => named.name.as_ref().parse().ok(),
            RequirementKind::Url { .. } | RequirementKind::Path { .. } => None,
        }
    }

    pub fn marker(&self) -> &MarkerTree {
        match &self.kind {
            RequirementKind::Named(named) => &named.marker,
            RequirementKind::Url { marker, .. } | RequirementKind::Path { marker, .. } => marker,
        }
    }
}

/// A path of this machine in a requirement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Local<'a> {
    /// The path, without `file:` and percent-encoding.
    pub(super) path: String,
    /// The extras, `[extra]`, or empty.
    pub(super) extras: &'a str,
    /// The marker, with the text before it.
    rest: &'a str,
    /// Whether it is only a path, without a name or the form of a URL.
    is_plain: bool,
}

impl<'a> Local<'a> {
    /// Reads `./package[extra]; marker`, `file:package`, `name @ file:///…` or `name @ ./…`; `None` for anything else.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let named = text.split_once('@').map(|(name, place)| (name.trim(), place.trim_start()));
        let is_place = |place: &str| place.starts_with("file:") || !place.contains("://");
        let named = named.filter(|(name, place)| is_name(name) && is_place(place));
        let (name, text) = named.map_or((None, text), |(name, place)| (Some(name), place));
        let in_url = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:"));
        let text = in_url.unwrap_or(text);
        let place = text[..text.find([';', '#']).unwrap_or(text.len())].trim_end();
        let rest = &text[place.len()..];
        let (path, extras) = place.split_at(place.find('[').unwrap_or(place.len()));
        let is_archive = ARCHIVES.iter().any(|ending| path.ends_with(ending));
        let is_path = path.starts_with(['.', '/']) || is_archive || path.contains('/');
        if in_url.is_none() && (!is_path || path.contains(['@', ':'])) {
            return None;
        }
        let path = match in_url {
            Some(_) => percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned(),
            None => path.to_owned(),
        };
        let of_name = name.and_then(|name| Some(&name[name.find('[')?..]));
        Some(Self { path, extras: of_name.unwrap_or(extras), rest, is_plain: name.is_none() && in_url.is_none() })
    }

    /// A line with the same meaning for every tool, with the path relative to the working directory.
    pub(super) fn line(&self, path: &Utf8Path) -> String {
        // The part after `#` is only for URLs.
        let rest =
            if self.rest.starts_with('#') { self.rest.find(" ;").map_or("", |at| &self.rest[at..]) } else { self.rest };
        format!("{}{}{rest}", from_here(path), self.extras)
    }

    /// Whether every tool finds the path as it is written.
    pub(super) fn is_plain(&self, path: &Utf8Path) -> bool {
        path == self.path && self.is_plain
    }
}

/// A path in a form that no tool takes for a name.
pub(super) fn from_here(path: &Utf8Path) -> String {
    if path.as_str().starts_with(['.', '/']) { path.to_string() } else { format!("./{path}") }
}

/// File endings of distributions that installers accept (<https://packaging.python.org/en/latest/specifications/>, and
/// others that pip and uv accept).
pub(crate) const ARCHIVES: &[&str] = &[".whl", ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar"];

/// Whether the text is `name` or `name[extra]`.
fn is_name(text: &str) -> bool {
    pep508::requirement(text)
        .is_ok_and(|requirement| requirement.version_or_url.is_none() && requirement.marker.is_true())
}

/// The marker after the `;` of a URL or a path.
pub(super) fn marker_of(text: &str) -> Result<MarkerTree, Failure> {
    let Some((_, marker)) = text.split_once(" ;").or_else(|| text.split_once("; ")) else {
        return Ok(MarkerTree::TRUE);
    };
    let marker = marker.split(" #").next().unwrap_or_default().trim();
    pep508::marker(marker).map_err(|error| {
        Failure::user(format!("`{marker}` is not a valid marker: {}", error.message))
            .hint("use the syntax of PEP 508, for example `python_version < '3.13' and sys_platform == 'linux'`")
    })
}

pub(super) fn is_url(text: &str) -> bool {
    let scheme = text.split("://").next().unwrap_or_default();
    text.contains("://") && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Splits ` --hash=…` and the other options of a requirement from its line.
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
                return Err(Failure::user(format!("`{word}` is not a valid hash"))
                    .hint("write `--hash=sha256:` followed by 64 hexadecimal digits, and check that the file is not truncated"));
            }
            "--config-settings" | "--config-setting" | "--global-option" => {
                options.settings.push(format!("{name}={value}"));
            }
            _ => {
                return Err(Failure::user(format!("`{name}` is not a valid option for a single requirement"))
                    .hint("remove it, or write it on a separate line; a requirement can have `--hash` and `--config-settings`"));
            }
        }
    }
    Ok((text[..start].trim(), options))
}

/// Whether the text is `algorithm:digits`, with the number of digits of the algorithm: in a truncated file there may be
/// fewer.
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

/// The name at the start of a PEP 508 requirement.
pub(super) fn name_of(text: &str) -> Option<String> {
    let parsed = pep508::requirement(text).ok()?;
    Some(parsed.name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, path: &str) -> String {
        Local::read(text).map_or_else(|| "none".to_owned(), |local| local.line(path.into()))
    }

    #[test]
    fn places_of_every_form_are_read_and_written() {
        let path = |text: &str| Local::read(text).map(|local| local.path);
        assert_eq!(path("./a[x] ; python_version > '3'").as_deref(), Some("./a"));
        assert_eq!(path("wheels/a-1-py3-none-any.whl").as_deref(), Some("wheels/a-1-py3-none-any.whl"));
        assert_eq!(path("a @ file:///w/a%20b").as_deref(), Some("/w/a b"));
        assert_eq!(path("a @ ./b").as_deref(), Some("./b"));
        for other in ["six==1.17.0", "a @ https://h/a.whl", "git+ssh://git@h/a.git", "git@h:a/b", "six ; x == './a'"] {
            assert_eq!(path(other), None, "{other}");
        }
        assert_eq!(line("./a[x] ; python_version > '3'", "d/a"), "./d/a[x] ; python_version > '3'");
        assert_eq!(line("file:a.whl", "d/a.whl"), "./d/a.whl");
        assert_eq!(line("a[x] @ ./b c; y == '1'", "b c"), "./b c[x]; y == '1'");
        assert_eq!(line("a.whl", "/w/a.whl"), "/w/a.whl");
    }
}
