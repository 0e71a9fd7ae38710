//! Where uv's cache is, and the key under which `actions/cache` saves and restores it.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::environment::Environment;
use crate::facts;
use crate::report::Report;
use crate::spec::Spec;
use crate::types::Digest;

/// The cache of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Cache {
    /// The path on the runner, not in the container.
    pub path: String,
    pub key: String,
}

impl Cache {
    /// `None` if the cache's place is not known, or if there is nothing to install.
    pub fn of(layers: &[Report], environment: &Environment) -> Option<Self> {
        let layers: Vec<&Report> = layers.iter().filter(|report| report.cache_key.is_some()).collect();
        Some(Self { path: path(environment)?, key: joined(&layers)? })
    }
}

/// Home and workspace folders of container actions
/// (<https://docs.github.com/en/actions/reference/workflows-and-actions/dockerfile-support>).
const CONTAINER_HOME: &str = "/github/home";
const CONTAINER_WORKSPACE: &str = "/github/workspace";

/// uv's cache, as a path on the runner.
pub fn path(environment: &Environment) -> Option<String> {
    let path = environment.uv_cache()?;
    if !environment.in_actions() {
        return Some(path.into_string());
    }
    if let Ok(inside) = path.strip_prefix(CONTAINER_HOME) {
        return Some(runner_temp(environment)?.join("_github_home").join(inside).into_string());
    }
    Some(path.strip_prefix(CONTAINER_WORKSPACE).unwrap_or(&path).as_str().to_owned())
}

/// The runner's folder for temporary files; the home folder of its containers is in it. In a container, some versions
/// of the runner set `RUNNER_TEMP` to the container's path, but `RUNNER_WORKSPACE` is always the runner's.
fn runner_temp(environment: &Environment) -> Option<Utf8PathBuf> {
    let named = environment.get("RUNNER_TEMP").filter(|path| !path.starts_with("/github/")).map(Utf8PathBuf::from);
    let beside = || Some(Utf8Path::new(environment.get("RUNNER_WORKSPACE")?).parent()?.join("_temp"));
    named.or_else(beside)
}

/// The key of one layer. The files that list its dependencies decide what is downloaded; `None` if there are none.
pub fn key(spec: &Spec) -> Option<String> {
    let manifest = &spec.dependencies.manifest;
    let files = manifest.files.iter().chain(manifest.locks.iter().flat_map(|lock| &lock.files));
    let digests: Vec<String> = files.map(|file| file.digest.hex()).collect();
    let target = format!("{}-python{}-", spec.target.architecture, spec.target.python);
    (!digests.is_empty()).then(|| named(&target, &digests.join("\n")))
}

/// The key of several layers that share a cache.
pub fn joined(layers: &[&Report]) -> Option<String> {
    let mut keys: Vec<&str> = layers.iter().filter_map(|report| report.cache_key.as_deref()).collect();
    keys.sort_unstable();
    keys.dedup();
    match keys.as_slice() {
        [] => None,
        [only] => Some((*only).to_owned()),
        several => {
            let target = |report: &Report| Some(format!("{}-python{}-", report.architecture?, report.python_version?));
            let first =
                target(layers[0]).filter(|first| layers.iter().all(|report| target(report).as_ref() == Some(first)));
            Some(named(&first.unwrap_or_default(), &several.join("\n")))
        }
    }
}

fn named(target: &str, content: &str) -> String {
    let digest = Digest::of(content.as_bytes()).hex();
    format!("lambda-layer-uv-{}-{target}{}", facts::tools().uv, &digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_in(variables: &[(&str, &str)]) -> Option<String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        path(&Environment::new(variables, "/here".into()))
    }

    #[test]
    fn the_cache_is_where_uv_has_it() {
        assert_eq!(path_in(&[]), None);
        assert_eq!(path_in(&[("HOME", "/root")]).as_deref(), Some("/root/.cache/uv"));
        assert_eq!(path_in(&[("HOME", "/root"), ("XDG_CACHE_HOME", "/c")]).as_deref(), Some("/c/uv"));
        assert_eq!(path_in(&[("HOME", "/root"), ("UV_CACHE_DIR", "x")]).as_deref(), Some("/here/x"));
    }

    #[test]
    fn a_container_tells_the_runners_path() {
        let home = [("GITHUB_ACTIONS", "true"), ("HOME", "/github/home")];
        let with = |name, value| path_in(&[home[0], home[1], (name, value)]);
        let expected = Some("/home/runner/work/_temp/_github_home/.cache/uv");
        assert_eq!(with("RUNNER_TEMP", "/home/runner/work/_temp").as_deref(), expected);
        assert_eq!(with("RUNNER_WORKSPACE", "/home/runner/work/layers").as_deref(), expected);
        assert_eq!(with("RUNNER_TEMP", "/github/runner_temp"), None);
        assert_eq!(with("UV_CACHE_DIR", "/github/workspace/.cache/uv").as_deref(), Some(".cache/uv"));
        assert_eq!(with("UV_CACHE_DIR", "/opt/uv").as_deref(), Some("/opt/uv"));
    }
}
