//! Finds out where the distributions of a layer come from, from the inputs of a build.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use pep508_rs::VersionOrUrl;

use crate::layer::locked::{self, Locked};
use crate::layer::origins::{Origin, Origins, place, sha256, shown};
use crate::manifest::{Manifest, Requirement, RequirementKind};
use crate::spec::Spec;
use crate::types::DistributionName;
use crate::types::PYPI;

impl Origins {
    /// Gathers the origins of all distributions, from requirements, lock files and the configured indexes.
    pub fn of(spec: &Spec, manifest: &Manifest) -> Self {
        let dependencies = &spec.dependencies;
        let urls = dependencies.index_url.iter().chain(&dependencies.extra_index_urls);
        let asked = urls.map(|url| url.shown().trim_end_matches('/').to_owned()).collect();
        let is_default = is_default(spec, manifest);
        let (index, locked) = (index(spec, manifest), read_locks(spec));
        let mut origins = Self { index, is_default, asked, locked, ..Self::default() };
        for requirement in &manifest.requirements {
            origins.note(requirement);
        }
        for name in manifest.projects.iter().chain(&spec.content.projects).filter_map(|path| project(spec, path)) {
            origins.named.entry(name).or_default().is_own = true;
        }
        origins
    }

    /// Adds what one requirement says about its distribution.
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
        // With several hashes, only the installer knows which file it took.
        origin.sha256 = known.first().filter(|_| known.len() == 1).and_then(|hash| sha256(hash));
        origin.place = place;
    }
}

/// The packages that the lock files of a run list.
fn read_locks(spec: &Spec) -> Locked {
    let dependencies = &spec.dependencies;
    let paths: BTreeSet<&Utf8PathBuf> =
        dependencies.manifest.locks.iter().map(|lock| &lock.path).chain(&dependencies.requirements).collect();
    let is_table = |path: &&Utf8PathBuf| matches!(path.extension(), Some("lock" | "toml"));
    let mut locked = Locked::new();
    for path in paths.into_iter().filter(is_table) {
        let text = fs_err::read_to_string(spec.folder.join(path)).unwrap_or_default();
        for (name, package) in locked::packages(&text) {
            locked.entry(name).or_default().push(package);
        }
    }
    locked
}

/// The distribution in the file name of a wheel's URL.
fn name_in(url: &str) -> Option<DistributionName> {
    let path = url.split(['?', '#']).next()?;
    let file = path.rsplit('/').next()?.strip_suffix(".whl")?;
    file.split('-').next()?.parse().ok()
}

/// The index that all distributions come from; `None` if there may be several, or if it is only the default of the
/// installers.
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
    // A lock file names the index of each distribution, unless it is PyPI.
    let is_locked = !dependencies.manifest.locks.is_empty();
    match given.len() {
        0 => is_locked.then(|| PYPI.to_owned()),
        1 => given.first().and_then(|url| shown(url)),
        _ => None,
    }
}

/// Whether nothing names a place for packages, so that they come from PyPI.
fn is_default(spec: &Spec, manifest: &Manifest) -> bool {
    let dependencies = &spec.dependencies;
    let is_place = |name: &str| {
        ["INDEX", "INDEX_URL", "PYPI_URL", "FIND_LINKS", "TORCH_BACKEND"].iter().any(|place| name.ends_with(place))
    };
    let has_setting = manifest.settings.table.keys().any(|name| {
        ["index", "index-url", "extra-index-url", "find-links", "no-index", "torch-backend"].contains(&name.as_str())
    });
    let is_option = |option: &String| {
        let name = option.split([' ', '=']).next().unwrap_or_default();
        ["-i", "--index-url", "--pypi-url", "--extra-index-url", "-f", "--find-links", "--no-index"].contains(&name)
    };
    dependencies.index_url.is_none()
        && dependencies.extra_index_urls.is_empty()
        && dependencies.codeartifact.is_empty()
        && dependencies.packages.is_empty()
        && manifest.indexes.is_empty()
        && manifest.packages.is_empty()
        && !has_setting
        && !manifest.options.iter().any(is_option)
        && !dependencies.variables.keys().any(|name| is_place(name))
}

/// The name of a project in its `pyproject.toml`.
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
    fn a_wheel_names_its_distribution() {
        assert_eq!(name_in("https://h/Typing_Extensions-1-py3-none-any.whl#x"), "typing-extensions".parse().ok());
    }
}
