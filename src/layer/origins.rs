//! Where distributions come from, as far as the inputs determine it: an installer does not report which file of which
//! index it took.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use url::Url;

use super::locked::{self, Locked};
use crate::facts;
use crate::layer::{Distribution, Layer};
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

/// Whom one may ask about a distribution. The most private one is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is from PyPI, so everybody knows its name.
    Public,
    /// It is from another index, or may be.
    Elsewhere,
    /// It is the user's own, or that of a repository or file: what is published under its name is something else.
    Own,
}

impl Origins {
    /// Of what is in the layer.
    pub(crate) fn standing(&self, distribution: &Distribution) -> Standing {
        let named = self.named.get(&distribution.name);
        let file = match named.and_then(|origin| origin.place.as_ref()) {
            Some(Place::File(url)) => Some(url.as_str()),
            Some(Place::Repository(_)) => return Standing::Own,
            None => distribution.url.as_deref(),
        };
        let is_own = named.is_some_and(|origin| origin.is_own);
        if is_own || distribution.is_local || distribution.private.is_some() || distribution.repository.is_some() {
            return Standing::Own;
        }
        if let Some(url) = file {
            return if is_of_pypi(url) { Standing::Public } else { Standing::Own };
        }
        let locked = locked::package_of(&self.locked, distribution).and_then(|package| package.index.as_deref());
        match locked.or(self.index.as_deref()) {
            Some(index) if is_of_pypi(index) => Standing::Public,
            None if self.is_default => Standing::Public,
            Some(_) | None => Standing::Elsewhere,
        }
    }

    /// Of everything that is in the layer, by name, to be known when the dependency files have changed.
    pub fn standings(&self, layer: &Layer) -> BTreeMap<DistributionName, Standing> {
        let mut standings = BTreeMap::new();
        for distribution in &layer.distributions {
            let standing = self.standing(distribution);
            let known = standings.entry(distribution.name.clone()).or_insert(standing);
            *known = standing.max(*known);
        }
        standings
    }

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

/// Whether this is PyPI's index, or a file in it.
fn is_of_pypi(url: &str) -> bool {
    const HOSTS: [&str; 3] = ["pypi.org", "pypi.python.org", "files.pythonhosted.org"];
    let host =
        Url::parse(url).ok().filter(|url| url.scheme() == "https").and_then(|url| Some(url.host_str()?.to_owned()));
    host.is_some_and(|host| HOSTS.contains(&host.as_str()))
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
    fn only_what_is_from_pypi_is_public() {
        let layer = Layer::of_distributions(&[("six", "1.0", &[])]);
        let six = &layer.distributions[0];
        let lock = |rest: &str| {
            let packages = locked::packages(&format!("[[package]]\nname = \"six\"\nversion = \"1.0\"\n{rest}\n"));
            Locked::from([("six".to_owned(), packages.into_iter().map(|(_, package)| package).collect())])
        };
        let (pypi, other) = ("https://pypi.org/simple", "https://acme.example/simple");
        let source = |url: &str| lock(&format!("source = {{ registry = \"{url}\" }}"));
        let named = |origin: Origin| BTreeMap::from([(six.name.clone(), origin)]);
        let asked = |index: &str| Origins { index: Some(index.to_owned()), ..Origins::default() };
        let default = || Origins { is_default: true, ..Origins::default() };
        let file = |url: &str| named(Origin { place: Some(Place::File(url.to_owned())), ..Origin::default() });
        for (origins, standing) in [
            (default(), Standing::Public),
            (Origins::default(), Standing::Elsewhere),
            (asked(pypi), Standing::Public),
            (asked(other), Standing::Elsewhere),
            // A lock knows where each package is from, whichever mirror has it.
            (Origins { locked: source(pypi), ..asked(other) }, Standing::Public),
            (Origins { locked: source(other), ..default() }, Standing::Elsewhere),
            (Origins { locked: source("https://pypi.org.acme.example/simple"), ..default() }, Standing::Elsewhere),
            (Origins { locked: source("http://pypi.org/simple"), ..default() }, Standing::Elsewhere),
            (Origins { locked: lock(""), ..default() }, Standing::Public),
            (Origins { named: named(Origin { is_own: true, ..Origin::default() }), ..default() }, Standing::Own),
            (Origins { named: file("https://acme.example/six.whl"), ..default() }, Standing::Own),
            (
                Origins { named: file("https://files.pythonhosted.org/packages/six.whl"), ..asked(other) },
                Standing::Public,
            ),
        ] {
            assert_eq!(origins.standing(six), standing, "{origins:?}");
        }
        let of_url = |url: &str| Distribution { url: Some(url.to_owned()), ..six.clone() };
        assert_eq!(default().standing(&of_url("https://acme.example/six.whl")), Standing::Own);
        assert_eq!(default().standing(&Distribution { is_local: true, ..six.clone() }), Standing::Own);
        let repository = Some("https://github.com/a/b".to_owned());
        assert_eq!(default().standing(&Distribution { repository, ..six.clone() }), Standing::Own);
        let private = Some("Private :: Do Not Upload".to_owned());
        assert_eq!(default().standing(&Distribution { private, ..six.clone() }), Standing::Own);
    }

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
