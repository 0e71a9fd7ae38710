//! Where distributions come from, as far as the inputs determine it: an installer does not report which file of which
//! index it took.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::locked::{self, Locked};
use crate::facts;
use crate::layer::Distribution;
use crate::secrets::without_credentials;
use crate::types::{Digest, DistributionName, PYPI};

#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// The only index that was asked.
    pub(crate) index: Option<String>,
    /// Whether that is PyPI, because neither an input nor a file or variable names another place.
    pub(crate) is_default: bool,
    /// All of them, without a slash at the end.
    pub(crate) asked: BTreeSet<String>,
    pub(crate) named: BTreeMap<DistributionName, Origin>,
    pub(crate) locked: Locked,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Of the file that it was installed from, 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// The file or repository, without credentials.
    pub(crate) place: Option<Place>,
    /// The index that was asked for it.
    pub(crate) index: Option<String>,
    /// A project of the repository.
    pub is_own: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File(String),
    Repository(String),
}

impl Origins {
    /// Of what is in the layer.
    pub fn of_distribution(&self, distribution: &Distribution) -> Origin {
        let known = self.named.get(&distribution.name).cloned().unwrap_or_default();
        // A file of the repository is from no index.
        if known.is_own || known.place.is_some() || distribution.is_local {
            return known;
        }
        let package = locked::package_of(&self.locked, distribution);
        let wheel = package.and_then(|package| package.wheel_of(distribution));
        let hash = || wheel.and_then(|wheel| sha256(wheel.hash.as_deref()?));
        // The same file from a mirror is not from where the lock says.
        let locked = package.and_then(|package| shown(package.index.as_deref()?));
        let is_asked = |index: &String| self.asked.contains(index.trim_end_matches('/'));
        let index = self.index.clone().or_else(|| locked.filter(is_asked));
        let is_locked_there =
            index.as_deref().is_some_and(|index| package.is_none_or(|package| package.is_from(index)));
        let file = wheel.and_then(|wheel| place(wheel.url.as_deref()?)).filter(|_| is_locked_there);
        Origin { sha256: known.sha256.or_else(hash), place: file, index, is_own: false }
    }

    /// The public index that a distribution is from, as far as that is certain; `None` for everything that may be
    /// private.
    pub fn public_index_of(&self, distribution: &Distribution) -> Option<&'static str> {
        let origin = self.of_distribution(distribution);
        let is_elsewhere = origin.is_own || distribution.is_local || distribution.repository.is_some();
        let is_default = self.is_default && origin.place.is_none();
        let index = origin.index.as_deref().or_else(|| is_default.then_some(PYPI)).filter(|_| !is_elsewhere)?;
        // A lock knows better than the settings of the run.
        let mut locked = self.locked.get(distribution.name.as_str()).into_iter().flatten();
        locked
            .all(|package| package.is_from(index))
            .then(|| facts::public_index(index))?
            .map(|known| known.index.as_str())
    }
}

impl Origin {
    /// Kind and URL of references, as CycloneDX has them.
    pub fn references(&self, name: &DistributionName) -> impl Iterator<Item = (&'static str, String)> {
        let place = self.place.iter().map(|place| match place {
            Place::File(url) => ("distribution", url.clone()),
            Place::Repository(url) => ("vcs", url.clone()),
        });
        let index =
            self.index.iter().map(move |index| ("distribution", format!("{}/{name}/", index.trim_end_matches('/'))));
        place.chain(index).collect::<Vec<_>>().into_iter()
    }
}

/// The digits of `sha256:…`.
pub(crate) fn sha256(hash: &str) -> Option<String> {
    let digits = hash.strip_prefix("sha256:")?.to_lowercase();
    Digest::from_hex(&digits).map(|digest| digest.hex())
}

/// Where a requirement is, for anybody: without credentials and without a query, which may be one.
pub(crate) fn place(url: &str) -> Option<Place> {
    let shown = shown(url)?;
    let repository = ["git+", "hg+", "svn+", "bzr+"].iter().find_map(|start| shown.strip_prefix(start));
    Some(match repository {
        Some(url) => Place::Repository(url.to_owned()),
        None => Place::File(shown),
    })
}

pub(crate) fn shown(url: &str) -> Option<String> {
    let mut url = Url::parse(&without_credentials(url)).ok().filter(|url| url.scheme() != "file")?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shown_without_secrets() {
        let file = |text: &str| Some(Place::File(text.to_owned()));
        assert_eq!(
            place("https://u:p@h/a-1-py3-none-any.whl?token=x#sha256=ab"),
            file("https://h/a-1-py3-none-any.whl")
        );
        let repository = Some(Place::Repository("https://github.com/a/b@v1".to_owned()));
        assert_eq!(place("git+https://tok3n@github.com/a/b@v1#egg=b"), repository);
        assert_eq!(place("file:///home/me/a.whl"), None);
    }

    #[test]
    fn only_what_is_certainly_public_is_called_so() {
        let read = |more: &str| {
            let metadata = "Name: six\nVersion: 1.17.0\n".to_owned();
            let url = format!("{{\"url\": \"{more}\"}}");
            let text = move |name: &str| match name {
                "METADATA" => Some(metadata.clone()),
                "direct_url.json" => Some(url.clone()).filter(|url| url.contains("file:")),
                _ => None,
            };
            Distribution::read("six-1.17.0.dist-info", text).expect("is readable")
        };
        let six = read("");
        let default = Origins { is_default: true, ..Origins::default() };
        assert_eq!(default.public_index_of(&six), Some(PYPI));
        assert_eq!(default.public_index_of(&read("file:///work/six")), None);
        assert_eq!(Origins::default().public_index_of(&six), None);
        let of = |index: &str| Origins { index: Some(index.to_owned()), ..Origins::default() };
        assert_eq!(of("https://pypi.org/simple/").public_index_of(&six), Some(PYPI));
        assert_eq!(of("https://pypi.acme.example/simple").public_index_of(&six), None);
        let locked = "[[package]]\nname = \"six\"\nversion = \"1.17.0\"\nsource = { registry = \"https://acme.example/simple\" }\n";
        let locked = locked::packages(locked).into_iter().map(|(name, package)| (name, vec![package])).collect();
        assert_eq!(Origins { locked, ..of(PYPI) }.public_index_of(&six), None);
        let own = Origin { is_own: true, ..Origin::default() };
        let named = [("six".parse().expect("is valid"), own)].into();
        assert_eq!(Origins { named, is_default: true, ..Origins::default() }.public_index_of(&six), None);
    }
}
