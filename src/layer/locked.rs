//! The files that lock files list, to know the one that was installed: a wheel's tags stand in its name and in what is
//! installed of it.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use toml::{Table, Value};

use super::Distribution;
use crate::types::{PYPI, normalized};

/// By normalized name.
pub(crate) type Locked = BTreeMap<String, Vec<Package>>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    version: String,
    /// The index that it is from, as it is written.
    pub(crate) index: Option<String>,
    wheels: Vec<Wheel>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wheel {
    name: String,
    pub(crate) url: Option<String>,
    /// `sha256:` and digits.
    pub(crate) hash: Option<String>,
}

/// What the text of a lock lists, in the forms of uv, Poetry, PDM and PEP 751: by normalized name. Pipenv lists no names.
pub(crate) fn packages(text: &str) -> Vec<(String, Package)> {
    let table: Table = toml::from_str(text).unwrap_or_default();
    let packages = ["package", "packages"].into_iter().filter_map(|key| table.get(key)?.as_array()).flatten();
    packages.filter_map(Value::as_table).filter_map(package).collect()
}

fn package(table: &Table) -> Option<(String, Package)> {
    let name = normalized(table.get("name")?.as_str()?);
    let version = table.get("version")?.as_str()?.to_owned();
    let source = table.get("source").and_then(Value::as_table);
    let of_source = source.and_then(|source| source.get("registry").or_else(|| source.get("url")));
    let index = of_source.or_else(|| table.get("index")).and_then(Value::as_str).map(str::to_owned);
    let files = ["wheels", "files"].into_iter().filter_map(|key| table.get(key)?.as_array()).flatten();
    let wheels = files.filter_map(Value::as_table).filter_map(wheel).collect();
    Some((name, Package { version, index, wheels }))
}

fn wheel(table: &Table) -> Option<Wheel> {
    let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    let url = text("url");
    let place = text("file")
        .or_else(|| text("name"))
        .or_else(|| text("filename"))
        .or_else(|| text("path"))
        .or_else(|| url.clone())?;
    let last = place.split(['?', '#']).next()?.rsplit('/').next()?;
    let name = percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned();
    let of_table = || Some(format!("sha256:{}", table.get("hashes")?.get("sha256")?.as_str()?));
    let hash = text("hash").or_else(of_table);
    (Utf8Path::new(&name).extension() == Some("whl")).then_some(Wheel { name, url, hash })
}

/// What is locked of a distribution that is in the layer.
pub(crate) fn package_of<'a>(locked: &'a Locked, distribution: &Distribution) -> Option<&'a Package> {
    locked.get(distribution.name.as_str())?.iter().find(|package| package.version == distribution.version)
}

impl Package {
    /// Whether its lock names this index, or none, which is PyPI.
    pub(crate) fn is_from(&self, index: &str) -> bool {
        self.index.as_deref().unwrap_or(PYPI).trim_end_matches('/') == index.trim_end_matches('/')
    }

    /// The only wheel that has the tags of what is installed. One that was built here has others, or is of Python alone.
    pub(crate) fn wheel_of(&self, distribution: &Distribution) -> Option<&Wheel> {
        let installed: BTreeSet<&str> = distribution.tags.iter().map(String::as_str).collect();
        let is_it = |wheel: &&Wheel| {
            wheel.tags().is_some_and(|tags| tags.iter().map(String::as_str).eq(installed.iter().copied()))
        };
        let mut found = self.wheels.iter().filter(is_it);
        found.next().filter(|_| found.next().is_none())
    }
}

impl Wheel {
    /// `py2.py3-none-any` as its two tags.
    fn tags(&self) -> Option<BTreeSet<String>> {
        let mut parts = self.name.strip_suffix(".whl")?.rsplitn(4, '-');
        let (platforms, abis, pythons) = (parts.next()?, parts.next()?, parts.next()?);
        let abis =
            abis.split('.').flat_map(|abi| platforms.split('.').map(move |platform| format!("{abi}-{platform}")));
        let abis: Vec<String> = abis.collect();
        Some(pythons.split('.').flat_map(|python| abis.iter().map(move |rest| format!("{python}-{rest}"))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UV: &str = r#"
[[package]]
name = "Numpy"
version = "2.3.2"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://h/numpy-2.3.2.tar.gz", hash = "sha256:00" }
wheels = [
    { url = "https://h/numpy-2.3.2-cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", hash = "sha256:11" },
    { url = "https://h/numpy-2.3.2-cp313-cp313-musllinux_1_2_x86_64.whl", hash = "sha256:22" },
]
"#;
    const POETRY: &str = r#"
[[package]]
name = "six"
version = "1.17.0"
files = [{ file = "six-1.17.0-py2.py3-none-any.whl", hash = "sha256:33" }, { file = "six-1.17.0.tar.gz", hash = "sha256:44" }]
[package.source]
type = "legacy"
url = "https://own/simple"
"#;
    const PYLOCK: &str = r#"
[[packages]]
name = "six"
version = "1.17.0"
index = "https://pypi.org/simple"
wheels = [{ url = "https://h/six-1.17.0-py2.py3-none-any.whl", hashes = { sha256 = "55" } }]
"#;

    /// Hash and index of what is installed with these tags.
    fn found(lock: &str, name: &str, version: &str, tags: &[&str]) -> Option<(String, String)> {
        let mut locked = Locked::new();
        for (name, package) in packages(lock) {
            locked.entry(name).or_default().push(package);
        }
        let layer = crate::layer::Layer::of_distributions(&[(name, version, &[])]);
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let distribution = Distribution { tags, ..layer.distributions[0].clone() };
        let package = package_of(&locked, &distribution)?;
        Some((package.wheel_of(&distribution)?.hash.clone()?, package.index.clone()?))
    }

    #[test]
    fn the_installed_wheel_is_known_by_its_tags() {
        let answer = |hash: &str, index: &str| Some((format!("sha256:{hash}"), index.to_owned()));
        let glibc = ["cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_27_x86_64"];
        assert_eq!(found(UV, "numpy", "2.3.2", &glibc), answer("11", "https://pypi.org/simple"));
        assert_eq!(found(UV, "numpy", "2.3.2", &["cp313-cp313-linux_x86_64"]), None, "it was built here");
        assert_eq!(found(UV, "numpy", "2.3.1", &glibc), None);
        let pure = ["py2-none-any", "py3-none-any"];
        assert_eq!(found(POETRY, "six", "1.17.0", &pure), answer("33", "https://own/simple"));
        assert_eq!(found(PYLOCK, "six", "1.17.0", &pure), answer("55", "https://pypi.org/simple"));
        assert_eq!(found("not [toml", "six", "1.17.0", &pure), None);
    }
}
