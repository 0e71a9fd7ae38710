//! What distributions bundle, as far as they say so in a bill of materials of their own (PEP 770,
//! <https://peps.python.org/pep-0770/>): the crates of an extension in Rust, for example.
//!
//! Of other bundled libraries only the name of a file is known, and OSV does not know files.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Package;
use super::advisory::kind_of_type;
use crate::layer::Layer;
use crate::layer::licences::is_printed;
use crate::types::DistributionName;

/// The longest bill that is read, in bytes, and the most components of a layer that are looked up.
const LONGEST: u64 = 16 * 1024 * 1024;
const COMPONENTS: usize = 5_000;
/// The longest name, in bytes.
const LONGEST_TEXT: usize = 200;
/// How deep components may be inside of others.
const DEPTH: usize = 20;

/// The bills of distributions, as they are in the layer.
#[derive(Clone, Debug, Default)]
pub struct Boms(BTreeMap<DistributionName, BTreeSet<Package>>);

impl Boms {
    /// Whether there are any, so that their bytes are needed.
    pub fn are_in(layer: &Layer) -> bool {
        paths(layer).next().is_some()
    }

    /// Reads them; `bytes_of` gives the bytes of a file of the layer. What is no bill in JSON of CycloneDX is left out.
    pub fn read(layer: &Layer, bytes_of: impl Fn(&Utf8Path) -> Option<Vec<u8>>) -> Self {
        let (mut boms, mut count) = (Self::default(), 0);
        for (path, owner) in paths(layer) {
            let bom: Option<Value> = bytes_of(path).and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let mut found = BTreeSet::new();
            components(&bom.unwrap_or_default()["components"], DEPTH, &mut found);
            count += found.len();
            if count > COMPONENTS {
                break;
            }
            boms.0.entry(owner.clone()).or_default().extend(found);
        }
        boms
    }

    /// What this distribution says that it bundles.
    pub(super) fn of(&self, distribution: &DistributionName) -> impl Iterator<Item = &Package> {
        self.0.get(distribution).into_iter().flatten()
    }
}

fn paths(layer: &Layer) -> impl Iterator<Item = (&Utf8Path, &DistributionName)> {
    let is_bom = |path: &Utf8Path| {
        let folder = path.parent().filter(|folder| folder.file_name() == Some("sboms"));
        let is_in = folder.and_then(Utf8Path::parent).is_some_and(|info| info.extension() == Some("dist-info"));
        is_in && path.extension() == Some("json")
    };
    let files = layer.files.iter().filter(move |(path, file)| is_bom(path) && file.size.0 <= LONGEST);
    files.filter_map(|(path, file)| Some((path.as_path(), file.distribution()?)))
}

fn components(list: &Value, depth: usize, found: &mut BTreeSet<Package>) {
    for component in list.as_array().into_iter().flatten() {
        found.extend(component["purl"].as_str().and_then(package));
        if depth > 0 {
            components(&component["components"], depth - 1, found);
        }
    }
}

/// `pkg:cargo/openssl@0.10.55?…` (<https://github.com/package-url/purl-spec>); `None` for kinds that OSV does not know by
/// name and version alone.
fn package(purl: &str) -> Option<Package> {
    let rest = purl.strip_prefix("pkg:")?.split(['?', '#']).next()?;
    let (path, version) = rest.rsplit_once('@')?;
    let (kind, name) = path.split_once('/')?;
    let kind = kind_of_type(kind)?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned);
    let (name, version) = (decoded(name)?, decoded(version)?);
    let is_text = |text: &str| {
        !text.is_empty()
            && text.len() <= LONGEST_TEXT
            && text.chars().all(|character| is_printed(character) && character != '`')
    };
    (is_text(&name) && is_text(&version)).then_some(Package { kind, name, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_read() {
        let read = |purl: &str| package(purl).map(|one| format!("{} {} {}", one.kind, one.name, one.version));
        let known = |text: &str| Some(text.to_owned());
        assert_eq!(read("pkg:cargo/openssl@0.10.55?download_url=x"), known("cargo openssl 0.10.55"));
        assert_eq!(read("pkg:npm/%40scope/name@1.0.0"), known("npm @scope/name 1.0.0"));
        assert_eq!(read("pkg:golang/golang.org/x/net@v0.1.0#html"), known("golang golang.org/x/net v0.1.0"));
        for unknown in
            ["pkg:rpm/almalinux/openssl-libs@1", "pkg:generic/zlib@1.3", "pkg:cargo/openssl", "cargo", "pkg:cargo/@1"]
        {
            assert_eq!(read(unknown), None, "{unknown}");
        }
    }
}
