//! Public package indexes, from `data/indexes.yml`.

use std::sync::LazyLock;

use pep440_rs::Version;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::embedded;

/// A package index that everybody can read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicIndex {
    /// Its URL, without a slash at the end.
    pub index: String,
    project: String,
    release: String,
}

static INDEXES: LazyLock<Vec<PublicIndex>> = LazyLock::new(|| embedded(include_str!("../../data/indexes.yml")));

/// The public index at this URL; `None` if it may be private.
pub fn public_index(url: &str) -> Option<&'static PublicIndex> {
    INDEXES.iter().find(|known| known.index == url.trim_end_matches('/'))
}

/// Characters that are percent-encoded in a part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl PublicIndex {
    /// The page of a project.
    pub fn project(&self, name: &str) -> String {
        self.project.replace("{name}", &part(name))
    }

    /// The page of a release; `None` if an index cannot have this version (PEP 440 keeps local versions off indexes).
    pub fn release(&self, name: &str, version: &str) -> Option<String> {
        let parsed: Version = version.parse().ok()?;
        let page = self.release.replace("{name}", &part(name)).replace("{version}", &part(version));
        parsed.local().is_empty().then_some(page)
    }
}

fn part(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_indexes_have_pages() {
        let pypi = public_index("https://pypi.org/simple/").expect("is public");
        assert_eq!(pypi.project("typing-extensions"), "https://pypi.org/project/typing-extensions/");
        assert_eq!(pypi.release("six", "1.17.0").as_deref(), Some("https://pypi.org/project/six/1.17.0/"));
        assert_eq!(pypi.release("torch", "2.9.0+cpu"), None);
        assert_eq!(pypi.release("six", "1/../../x) [y]("), None);
        assert_eq!(pypi.project("a/../b)<"), "https://pypi.org/project/a%2F..%2Fb%29%3C/");
        assert!(public_index("https://pypi.org.example/simple").is_none());
        assert!(public_index("https://u:p@pypi.org/simple").is_none());
    }
}
