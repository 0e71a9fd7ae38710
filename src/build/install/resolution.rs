//! Which version of each distribution a layer gets, and whether it has a wheel for the target: uv's resolution, before
//! anything is installed or built.

use serde::Deserialize;

use crate::manifest::Manifest;

/// The versions that `uv pip compile` chose, in the order of their names.
#[derive(Debug, Deserialize)]
pub(super) struct Resolution {
    #[serde(default, rename = "packages")]
    pub(super) chosen: Vec<Chosen>,
}

/// A package of a `pylock.toml` (PEP 751). uv lists only the wheels that fit the target.
#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    /// The normalized name.
    pub(super) name: String,
    pub(super) version: Option<String>,
    #[serde(default)]
    wheels: Vec<File>,
    sdist: Option<File>,
    archive: Option<toml::Value>,
    directory: Option<toml::Value>,
    vcs: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
struct File {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    hashes: std::collections::BTreeMap<String, String>,
}

/// A version that an index has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    /// The normalized name.
    pub(super) name: String,
    pub(super) version: String,
}

impl std::fmt::Display for Pin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}=={}", self.name, self.version)
    }
}

impl Resolution {
    /// Parses the `pylock.toml` that uv writes.
    ///
    /// # Errors
    /// The text is not a `pylock.toml` of uv.
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// The versions that are downloaded from an index.
    pub(super) fn pins(&self) -> Vec<Pin> {
        self.chosen.iter().filter_map(Chosen::pin).collect()
    }

    /// The versions that have to be built: no wheel fits the target, or none has a hash that the manifest lists.
    pub(super) fn without_wheels(&self, manifest: &Manifest) -> Vec<Pin> {
        let lacking = self.chosen.iter().filter(|chosen| {
            let hashes = manifest.listed_hashes_of(&chosen.name);
            let has_wheel = chosen.wheels.iter().any(|wheel| wheel.is_one_of(&hashes));
            // If no file at all has such a hash, the installer reports it.
            !has_wheel && (chosen.wheels.is_empty() || chosen.sdist.iter().any(|sdist| sdist.is_one_of(&hashes)))
        });
        lacking.filter_map(Chosen::pin).collect()
    }

    /// File names of the wheels of a version.
    pub(super) fn wheels_of(&self, pin: &Pin) -> Vec<String> {
        let chosen = self.chosen.iter().filter(|chosen| chosen.pin().as_ref() == Some(pin));
        chosen.flat_map(|chosen| &chosen.wheels).filter_map(File::name).collect()
    }
}

impl Chosen {
    /// The hashes of its wheels; `None` if it does not come from an index, or if a wheel has no hash.
    pub(super) fn wheel_hashes(&self) -> Option<Vec<String>> {
        self.pin()?;
        let hash = |wheel: &File| Some(format!("sha256:{}", wheel.hashes.get("sha256")?));
        let hashes: Option<Vec<String>> = self.wheels.iter().map(hash).collect();
        hashes.filter(|hashes| !hashes.is_empty())
    }

    fn pin(&self) -> Option<Pin> {
        let is_direct = self.archive.is_some() || self.directory.is_some() || self.vcs.is_some();
        let version = self.version.clone().filter(|_| !is_direct)?;
        Some(Pin { name: self.name.clone(), version })
    }
}

impl File {
    /// The file's name: the given one, or the last part of its URL or path.
    fn name(&self) -> Option<String> {
        let place = self.name.as_ref().or(self.url.as_ref()).or(self.path.as_ref())?;
        let name = place.split(['#', '?']).next()?.rsplit('/').next()?;
        Some(percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned())
    }

    /// Whether the file has one of the hashes. Without hashes, every file is accepted.
    fn is_one_of(&self, hashes: &[&str]) -> bool {
        let own = || self.hashes.iter().map(|(algorithm, digits)| format!("{algorithm}:{digits}"));
        hashes.is_empty() || self.hashes.is_empty() || own().any(|hash| hashes.contains(&hash.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPILED: &str = r#"
lock-version = "1.0"
[[packages]]
name = "docopt"
version = "0.6.2"
sdist = { url = "https://h/docopt-0.6.2.tar.gz", hashes = { sha256 = "aa" } }
[[packages]]
name = "own"
directory = { path = "own" }
[[packages]]
name = "six"
version = "1.17.0"
archive = { url = "https://h/six-1.17.0-py3-none-any.whl" }
[[packages]]
name = "torch"
version = "2.0+cpu"
wheels = [{ url = "https://h/torch-2.0%2Bcpu-cp313-cp313-linux_x86_64.whl", hashes = { sha256 = "bb" } }]
"#;

    #[test]
    fn what_comes_from_an_index_is_pinned_and_may_lack_a_wheel() {
        let resolution = Resolution::read(COMPILED).expect("is readable");
        let shown = |pins: Vec<Pin>| pins.iter().map(Pin::to_string).collect::<Vec<_>>();
        assert_eq!(shown(resolution.pins()), ["docopt==0.6.2", "torch==2.0+cpu"]);
        assert_eq!(shown(resolution.without_wheels(&Manifest::default())), ["docopt==0.6.2"]);
        assert_eq!(resolution.wheels_of(&resolution.pins()[1]), ["torch-2.0+cpu-cp313-cp313-linux_x86_64.whl"]);
    }
}
