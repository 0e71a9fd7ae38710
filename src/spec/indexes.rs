//! The package indexes of a run, in the order in which they are asked.

use url::Url;

use crate::error::Failure;
use crate::manifest::Manifest;
use crate::secrets::SecretUrl;
use crate::spec::Dependencies;

#[derive(Clone, Debug, Default)]
pub struct Indexes {
    /// Indexes that are asked in this order. The first one that has a package wins.
    pub first: Vec<SecretUrl>,
    /// The index that is asked last, in place of PyPI.
    pub default: Option<SecretUrl>,
}

impl Indexes {
    /// Repositories of CodeArtifact, then `extra-index-urls`, then `index-url`.
    ///
    /// Without an `index-url`, the last repository takes its place instead of PyPI, so that nobody asks the public
    /// index for a private name by accident. A repository offers the packages of PyPI if PyPI is its upstream.
    pub fn of(dependencies: &Dependencies, repositories: &[SecretUrl]) -> Self {
        // A lock file names a repository by its URL without a token.
        let is_repository = |url: &SecretUrl| repositories.iter().any(|known| place(known) == place(url));
        let mut first = repositories.to_vec();
        let extra: Vec<_> = dependencies.extra_index_urls.iter().filter(|url| !is_repository(url)).cloned().collect();
        let default = dependencies.index_url.clone().filter(|url| !is_repository(url)).or_else(|| {
            // If other indexes follow, the repository stays before them.
            if extra.is_empty() { first.pop() } else { first.last().cloned() }
        });
        first.extend(extra);
        Self { first, default }
    }

    /// The index that a URL (without credentials) belongs to: that of a page, or otherwise that of a file on the same
    /// host.
    pub fn at(&self, url: &str) -> Option<&SecretUrl> {
        let all = || self.first.iter().chain(&self.default);
        let of_page = all().filter(|index| url.starts_with(place(index))).max_by_key(|index| index.shown().len());
        let host = |url: &str| Some(Url::parse(url).ok()?.origin());
        of_page.or_else(|| all().find(|index| host(index.shown()) == host(url)))
    }
}

/// Checks that pip may use several indexes: it takes the newest version from any of them, so a public package could
/// replace a private one of the same name. Only hashes prevent that.
///
/// # Errors
/// A user error for requirements that any index could satisfy.
pub fn check_merged(manifest: &Manifest) -> Result<(), Failure> {
    if manifest.require_hashes || (manifest.is_locked && manifest.names_are_hashed()) {
        return Ok(());
    }
    let failure =
        Failure::user("pip merges all indexes, so a public package could replace a private one of the same name");
    Err(failure.hint(
        "use `installer: uv`, which takes each package from the first index that contains it, or add a hash to each requirement (`uv pip compile --generate-hashes`)",
    ))
}

/// The URL of an index without credentials.
fn place(url: &SecretUrl) -> &str {
    url.shown().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(names: &[&str]) -> Vec<SecretUrl> {
        let url = |name: &&str| SecretUrl::parse("x", &format!("https://{name}/")).expect("is a URL");
        names.iter().map(url).collect()
    }

    #[test]
    fn an_index_is_found_by_its_pages_and_by_the_host_of_its_files() {
        let indexes = Indexes { first: urls(&["h/a", "h/a/b", "k"]), default: urls(&["h"]).pop() };
        let found = |url: &str| indexes.at(url).map(|index| index.shown().to_owned());
        assert_eq!(found("https://h/a/b/six/").as_deref(), Some("https://h/a/b/"));
        assert_eq!(found("https://h/a/six/").as_deref(), Some("https://h/a/"));
        assert_eq!(found("https://k/files/six.whl").as_deref(), Some("https://k/"));
        assert_eq!(found("https://other/six.whl"), None);
    }

    fn order(index_url: Option<&str>, extra: &[&str], repositories: &[&str]) -> String {
        let dependencies = Dependencies {
            index_url: index_url.and_then(|name| urls(&[name]).pop()),
            extra_index_urls: urls(extra),
            ..Dependencies::default()
        };
        let indexes = Indexes::of(&dependencies, &urls(repositories));
        let all = indexes.first.iter().map(Some).chain([indexes.default.as_ref()]);
        let shown = all.map(|url| url.map_or("pypi", |url| url.shown().trim_matches(|end| "https:/".contains(end))));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn repositories_come_first_and_pypi_only_where_there_is_none() {
        assert_eq!(order(None, &[], &[]), "pypi");
        assert_eq!(order(None, &["x1"], &[]), "x1 pypi");
        assert_eq!(order(Some("i1"), &["x1"], &[]), "x1 i1");
        assert_eq!(order(None, &[], &["r1"]), "r1");
        assert_eq!(order(None, &[], &["r1", "r2"]), "r1 r2");
        assert_eq!(order(None, &["x1"], &["r1", "r2"]), "r1 r2 x1 r2");
        assert_eq!(order(Some("i1"), &["x1"], &["r1", "r2"]), "r1 r2 x1 i1");
        assert_eq!(order(Some("r1"), &["r2"], &["r1", "r2"]), "r1 r2");
    }
}
