//! Where this program's own documentation and schema are on GitHub.
//!
//! In a workflow, the runner says which action runs: `GITHUB_ACTION_REPOSITORY` and `GITHUB_ACTION_REF` are those of its
//! `uses:`, also within a composite action, and are empty for `uses: ./` (actions/runner, `ActionRunner.cs`). Elsewhere, the
//! repository is that of `Cargo.toml`.

use super::Environment;
use crate::error::repository;

const GITHUB: &str = "https://github.com";
/// The tag that a release moves along.
const MAJOR: &str = concat!("v", env!("CARGO_PKG_VERSION_MAJOR"));

/// A version of a repository.
#[derive(Debug, PartialEq, Eq)]
struct Home {
    /// `https://github.com/acme/lambda-layer-action`
    repository: String,
    /// A tag, a branch or a commit.
    reference: String,
}

impl Environment {
    /// The address of the folder `docs/`; `None` if nobody knows where it is.
    pub fn docs(&self) -> Option<String> {
        let Home { repository, reference } = Home::of(self, repository())?;
        Some(format!("{repository}/blob/{reference}/docs"))
    }

    /// The address of the schema of `lambda-layers.yml`; `None` if nobody knows where it is.
    pub fn schema_address(&self) -> Option<String> {
        let Home { repository, reference } = Home::of(self, repository())?;
        // A file outlives the commit that a workflow is pinned to.
        let is_commit = reference.len() == 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(schema_address(&repository, if is_commit { MAJOR } else { &reference }))
    }
}

/// The address of the schema in the repository at this URL.
fn schema_address(repository: &str, reference: &str) -> String {
    let raw = match repository.strip_prefix(GITHUB) {
        Some(path) => format!("https://raw.githubusercontent.com{path}/{reference}"),
        // GitHub Enterprise Server
        None => format!("{repository}/raw/{reference}"),
    };
    format!("{raw}/lambda-layers.schema.json")
}

/// The address of the schema that belongs to this major version, which is its name, wherever it is read.
pub fn schema_id() -> String {
    schema_address(env!("CARGO_PKG_REPOSITORY"), MAJOR)
}

impl Home {
    /// `own` is the repository of `Cargo.toml`.
    fn of(environment: &Environment, own: Option<&str>) -> Option<Self> {
        let of_action = environment.get("GITHUB_ACTION_REPOSITORY").zip(environment.get("GITHUB_ACTION_REF"));
        let name = env!("CARGO_PKG_REPOSITORY").rsplit('/').next().unwrap_or_default();
        let of_action =
            of_action.filter(|(repository, reference)| is_copy(repository, name) && is_reference(reference));
        let own = own.map(str::to_owned);
        let Some((path, reference)) = of_action else {
            return own.map(|repository| Self { repository, reference: MAJOR.to_owned() });
        };
        // GitHub Enterprise Server takes actions from github.com, too, under the same name.
        let own = own.filter(|repository| repository.strip_prefix(GITHUB) == Some(format!("/{path}").as_str()));
        let server = environment.get("GITHUB_SERVER_URL").filter(|url| is_server(url)).unwrap_or(GITHUB);
        Some(Self { repository: own.unwrap_or_else(|| format!("{server}/{path}")), reference: reference.to_owned() })
    }
}

/// Whether a repository, as `owner/name`, is this one or a copy that kept its name. Any other may be that of an action which
/// wraps this one.
fn is_copy(repository: &str, name: &str) -> bool {
    let is_owner =
        |owner: &str| !owner.is_empty() && owner.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    repository.split_once('/').is_some_and(|(owner, repository)| is_owner(owner) && repository == name)
}

/// Whether it is safe in a URL.
fn is_reference(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    text.bytes().all(is_plain) && text.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}

fn is_server(url: &str) -> bool {
    let is_host = |host: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
        !host.is_empty() && host.bytes().all(is_plain)
    };
    url.strip_prefix("https://").is_some_and(is_host)
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    const OWN: &str = "https://github.com/acme/lambda-layer-action";

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Environment::new(variables, Utf8PathBuf::from("/"))
    }

    fn home(variables: &[(&str, &str)], own: Option<&str>) -> Option<String> {
        Home::of(&environment(variables), own).map(|home| format!("{} {}", home.repository, home.reference))
    }

    fn of_action<'a>(repository: &'a str, reference: &'a str) -> [(&'a str, &'a str); 2] {
        [("GITHUB_ACTION_REPOSITORY", repository), ("GITHUB_ACTION_REF", reference)]
    }

    fn copy(owner: &str) -> String {
        format!("{owner}/{}", env!("CARGO_PKG_REPOSITORY").rsplit('/').next().unwrap_or_default())
    }

    #[test]
    fn the_runner_says_which_action_runs() {
        let (path, server) = (copy("another"), ("GITHUB_SERVER_URL", "https://git.acme.example"));
        for reference in ["v1", "v1.2.3", "feature/x", "0123456789abcdef0123456789abcdef01234567"] {
            let found = home(&of_action(&path, reference), Some(OWN));
            assert_eq!(found.as_deref(), Some(&*format!("https://github.com/{path} {reference}")));
        }
        let [repository, reference] = of_action(&path, "v1");
        let found = home(&[repository, reference, server], None);
        assert_eq!(found.as_deref(), Some(&*format!("https://git.acme.example/{path} v1")));
        // What a server takes from github.com is still there.
        let path = copy("acme");
        let [repository, reference] = of_action(&path, "v1");
        let own = format!("https://github.com/{path}");
        assert_eq!(home(&[repository, reference, server], Some(&own)), Some(format!("{own} v1")));
    }

    #[test]
    fn elsewhere_it_is_the_repository_of_cargo_toml() {
        let own = format!("{OWN} {MAJOR}");
        assert_eq!(home(&[], Some(OWN)).as_ref(), Some(&own));
        assert_eq!(home(&[], None), None);
        // Those of an action that wraps this one, and what belongs into no link.
        let path = copy("acme");
        for (repository, reference) in [
            ("acme/wrapper", "v2"),
            ("", ""),
            (path.as_str(), ""),
            (path.as_str(), "v1)[x](https://evil.example"),
            (path.as_str(), "../../evil"),
            (path.as_str(), "a b"),
            (&*format!("a/{path}"), "v1"),
            (&*copy("a)b"), "v1"),
        ] {
            assert_eq!(
                home(&of_action(repository, reference), Some(OWN)).as_ref(),
                Some(&own),
                "{repository} {reference}"
            );
        }
        let [repository, reference] = of_action(&path, "v1");
        let odd = ("GITHUB_SERVER_URL", "javascript:alert(1)");
        assert_eq!(home(&[repository, reference, odd], None), Some(format!("https://github.com/{path} v1")));
    }

    #[test]
    fn the_schema_is_not_that_of_a_commit() {
        let path = copy("another");
        let address = |reference: &str| environment(&of_action(&path, reference)).schema_address();
        let raw = format!("https://raw.githubusercontent.com/{path}");
        assert_eq!(address("v1.2.3"), Some(format!("{raw}/v1.2.3/lambda-layers.schema.json")));
        assert_eq!(
            address("0123456789abcdef0123456789abcdef01234567"),
            Some(format!("{raw}/{MAJOR}/lambda-layers.schema.json"))
        );
        assert_eq!(
            schema_address("https://git.acme.example/a/b", "v1"),
            "https://git.acme.example/a/b/raw/v1/lambda-layers.schema.json"
        );
    }
}
