//! Where distributions come from, as far as the inputs say it for certain: an installer does not tell which file of
//! which index it took.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use pep508_rs::VersionOrUrl;
use url::Url;

use super::locked::{self, Locked};
use crate::build::Distribution;
use crate::manifest::{Manifest, PYPI, Requirement, RequirementKind};
use crate::secrets::without_credentials;
use crate::spec::Spec;
use crate::types::{Digest, DistributionName};

#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// The only index that was asked.
    index: Option<String>,
    /// All of them, without a slash at the end.
    asked: BTreeSet<String>,
    named: BTreeMap<DistributionName, Origin>,
    locked: Locked,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Of the file that it was installed from, 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// The file or repository, without credentials.
    place: Option<Place>,
    /// The index that was asked for it.
    index: Option<String>,
    /// A project of the repository.
    pub is_own: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(String),
    Repository(String),
}

impl Origins {
    pub fn of(spec: &Spec, manifest: &Manifest) -> Self {
        let dependencies = &spec.dependencies;
        let urls = dependencies.index_url.iter().chain(&dependencies.extra_index_urls);
        let asked = urls.map(|url| url.shown().trim_end_matches('/').to_owned()).collect();
        let mut origins = Self { index: index(spec, manifest), asked, locked: locked::read(spec), ..Self::default() };
        for requirement in &manifest.requirements {
            origins.note(requirement);
        }
        for name in manifest.projects.iter().chain(&spec.content.projects).filter_map(|path| project(spec, path)) {
            origins.named.entry(name).or_default().is_own = true;
        }
        origins
    }

    /// What one requirement says of what it names.
    fn note(&mut self, requirement: &Requirement) {
        let (name, url) = match &requirement.kind {
            RequirementKind::Named(named) => {
                let url = match &named.version_or_url {
                    Some(VersionOrUrl::Url(url)) => Some(url.to_string()),
                    Some(VersionOrUrl::VersionSpecifier(_)) | None => None,
                };
                (named.name.to_string().parse().ok(), url)
            }
            RequirementKind::Url { url, .. } => (name_in(url), Some(url.clone())),
            RequirementKind::Path { .. } => (None, None),
        };
        let Some(name) = name else { return };
        let place = url.as_deref().and_then(place);
        let in_url = url.as_deref().and_then(|url| url.split_once("#sha256=")).map(|(_, digits)| digits.to_owned());
        let origin: &mut Origin = self.named.entry(name).or_default();
        let known: BTreeSet<String> =
            requirement.hashes.iter().cloned().chain(in_url.map(|digits| format!("sha256:{digits}"))).collect();
        // Of several only the installer knows which one it took.
        origin.sha256 = known.first().filter(|_| known.len() == 1).and_then(|hash| sha256(hash));
        origin.place = place;
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
fn sha256(hash: &str) -> Option<String> {
    let digits = hash.strip_prefix("sha256:")?.to_lowercase();
    Digest::from_hex(&digits).map(|digest| digest.hex())
}

/// Where a requirement is, for anybody: without credentials and without a query, which may be one.
fn place(url: &str) -> Option<Place> {
    let shown = shown(url)?;
    let repository = ["git+", "hg+", "svn+", "bzr+"].iter().find_map(|start| shown.strip_prefix(start));
    Some(match repository {
        Some(url) => Place::Repository(url.to_owned()),
        None => Place::File(shown),
    })
}

fn shown(url: &str) -> Option<String> {
    let mut url = Url::parse(&without_credentials(url)).ok().filter(|url| url.scheme() != "file")?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.to_string())
}

/// The distribution that a wheel's URL names.
fn name_in(url: &str) -> Option<DistributionName> {
    let path = url.split(['?', '#']).next()?;
    let file = path.rsplit('/').next()?.strip_suffix(".whl")?;
    file.split('-').next()?.parse().ok()
}

/// The index that everything is from; `None` if there may be several, or if it is only what installers take by default.
fn index(spec: &Spec, manifest: &Manifest) -> Option<String> {
    let dependencies = &spec.dependencies;
    let option = |names: &'static [&'static str]| {
        let pairs = manifest.options.iter().filter_map(|option| option.split_once(' '));
        pairs.filter(move |(name, _)| names.contains(name)).map(|(_, value)| value.to_owned())
    };
    let places = ["FIND_LINKS", "NO_INDEX"];
    let is_elsewhere = dependencies.variables.keys().any(|name| places.iter().any(|place| name.ends_with(place)))
        || option(&["--find-links", "-f"]).next().is_some()
        || manifest.options.iter().any(|option| option == "--no-index");
    let is_several = !dependencies.extra_index_urls.is_empty()
        || !dependencies.codeartifact.is_empty()
        || option(&["--extra-index-url"]).next().is_some();
    if is_elsewhere || is_several {
        return None;
    }
    let given = dependencies.index_url.iter().map(|url| url.shown().to_owned()).chain(option(&["--index-url", "-i"]));
    let given: BTreeSet<String> = given.map(|url| url.trim_end_matches('/').to_owned()).collect();
    // A lock file names the index of each distribution, and PyPI by naming none other.
    let is_locked = !dependencies.manifest.locks.is_empty();
    match given.len() {
        0 => is_locked.then(|| PYPI.to_owned()),
        1 => given.first().and_then(|url| shown(url)),
        _ => None,
    }
}

/// The name of a project by its `pyproject.toml`.
fn project(spec: &Spec, path: &Utf8Path) -> Option<DistributionName> {
    let text = fs_err::read_to_string(spec.folder.join(path).join("pyproject.toml")).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    let named = |table: Option<&toml::Value>| table?.get("name")?.as_str()?.parse().ok();
    named(table.get("project")).or_else(|| named(table.get("tool")?.get("poetry")))
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
        assert_eq!(name_in("https://h/Typing_Extensions-1-py3-none-any.whl#x"), "typing-extensions".parse().ok());
    }
}
