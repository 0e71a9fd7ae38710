//! The exact distributions that a build asks for, as far as that is known before installing, and those of them that the
//! cache has: a wheel that was installed once need not be installed again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use pep440_rs::{Operator, Version};
use pep508_rs::{ExtraName, VersionOrUrl};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::alone;
use super::installer::Request;
use super::resolution::Resolution;
use super::settings;
use crate::build::installed::{Taken, variant};
use crate::cache;
use crate::cache::Cache;
use crate::console::Console;
use crate::layer::Distribution;
use crate::manifest::{Manifest, RequirementKind, marker_environment};
use crate::process::side_by_side;
use crate::types::{Digest, DistributionName, Target};

/// The kind of the cache's entries.
const KIND: &str = "wheels";
/// How long an index is believed that a version has the wheel that it had, in seconds. PyPI says so itself
/// (`Cache-Control: max-age=600`), and uv believes it for as long.
const FRESH: u64 = 600;

/// All distributions of a layer, each with its version.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pins: Vec<Pin>,
    /// Whether other distributions could be needed in addition.
    may_be_open: bool,
    /// Whether uv has decided this just now, so that it asked the index.
    is_answer: bool,
}

#[derive(Clone, Debug)]
struct Pin {
    name: DistributionName,
    version: Version,
    /// `name==version`, with the hashes that are allowed.
    line: String,
    /// What the cache has the wheel under.
    key: Digest,
    /// Whether the key contains hashes of files, so that it always stands for the same bytes.
    is_hashed: bool,
}

/// The wheel that an installer took for a pin.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// The digest of the installed files.
    content: Digest,
    /// When that was, in seconds since 1970.
    at: u64,
}

impl Wanted {
    /// The requirements, if they leave nothing to choose; `None` if an installer has to decide.
    pub(super) fn of_manifest(request: &Request<'_>) -> Option<Self> {
        let manifest = request.manifest;
        let dependencies = &request.spec.dependencies;
        let is_listed = manifest.is_locked || dependencies.no_deps;
        let has_rules = !manifest.constraints.is_empty() || (!is_listed && !manifest.settings.table.is_empty());
        if has_rules || !manifest.local.is_empty() || settings::refreshes(request) {
            return None;
        }
        let environment = marker_environment(request.spec.target);
        let mut pins: BTreeMap<DistributionName, Pin> = BTreeMap::new();
        for requirement in &manifest.requirements {
            let RequirementKind::Named(named) = &requirement.kind else { return None };
            if !named.evaluate_markers(&environment, &[]) {
                continue;
            }
            let Some(VersionOrUrl::VersionSpecifier(versions)) = &named.version_or_url else { return None };
            let only = versions.iter().next().filter(|it| versions.len() == 1 && *it.operator() == Operator::Equal)?;
            let hashes: BTreeSet<&str> = requirement.hashes.iter().map(String::as_str).collect();
            // An installer refuses a requirement without a hash among others that have one.
            let lacks_hash = hashes.is_empty() && (manifest.require_hashes || !asks_pypi_alone(request));
            if lacks_hash || !requirement.settings.is_empty() {
                return None;
            }
            let pin = Pin::new(requirement.name()?, only.version(), &hashes, request);
            let other = pins.insert(pin.name.clone(), pin.clone());
            if other.is_some_and(|other| other.line != pin.line) {
                return None;
            }
        }
        Some(Self { pins: pins.into_values().collect(), may_be_open: !is_listed, is_answer: false })
    }

    /// What uv has chosen; `None` if not everything is a wheel of an index.
    pub(super) fn of_resolution(resolution: &Resolution, request: &Request<'_>) -> Option<Self> {
        if !resolution.without_wheels(request.manifest).is_empty() {
            return None;
        }
        let pins = resolution.chosen.iter().map(|chosen| {
            let (offered, allowed) = (chosen.wheel_hashes()?, allowed_hashes(&chosen.name, request.manifest));
            let is_allowed = |hash: &&str| allowed.is_empty() || allowed.contains(hash);
            let hashes: BTreeSet<&str> = offered.iter().map(String::as_str).filter(is_allowed).collect();
            if hashes.is_empty() {
                return None;
            }
            let version = chosen.version.as_ref()?.parse().ok()?;
            Some(Pin::new(chosen.name.parse().ok()?, &version, &hashes, request))
        });
        Some(Self { pins: pins.collect::<Option<_>>()?, may_be_open: false, is_answer: true })
    }

    /// What the cache has, and the rest.
    pub(super) fn in_cache(self, request: &Request<'_>) -> Found {
        let (mut taken, mut missing) = (Vec::new(), Vec::new());
        let (cache, variant) = (request.cache, variant(request.spec));
        let find =
            |pin: &Pin| cache.may_replace_installing().then(|| pin.find(variant, cache, request.console)).flatten();
        let found = side_by_side(&self.pins, |pin| Ok(find(pin))).expect("nothing in it fails");
        for (pin, found) in self.pins.iter().zip(found) {
            match found {
                Some(found) => taken.push(found),
                None => missing.push(pin.clone()),
            }
        }
        Found { wanted: self, taken, missing }
    }

    /// A requirement file with all of it, if each has hashes. It may contain credentials.
    pub(super) fn locked(&self, manifest: &Manifest) -> Option<SecretString> {
        let is_locked = self.pins.iter().all(|pin| pin.is_hashed);
        is_locked.then(|| alone::file(self.pins.iter().map(|pin| pin.line.as_str()), manifest))
    }

    /// Whether these distributions are all that an installer would install, and none is in the way of another.
    fn is_met_by(&self, distributions: &[&Distribution], request: &Request<'_>) -> bool {
        let names: BTreeSet<&DistributionName> = distributions.iter().map(|it| &it.name).collect();
        let are_there = self.pins.iter().all(|pin| names.contains(&pin.name)) && names.len() == self.pins.len();
        let is_closed = || !self.may_be_open || is_closed(distributions, request.manifest, request.spec.target);
        are_there && !are_disputed(distributions) && is_closed()
    }

    /// The keys of each distribution's wheel. PyPI's answer about a version is remembered, too, for a while; what was
    /// taken from the cache without a new answer is as old as it was.
    pub(super) fn keys(&self, taken: &[Taken], request: &Request<'_>) -> BTreeMap<DistributionName, Vec<Digest>> {
        let of_index = asks_pypi_alone(request);
        let is_taken = |pin: &Pin| taken.iter().any(|taken| taken.distribution.name == pin.name);
        let keys = self.pins.iter().filter(|pin| self.is_answer || !is_taken(pin)).map(|pin| {
            let of_version = (of_index && pin.is_hashed)
                .then(|| Pin::new(pin.name.clone(), &pin.version, &BTreeSet::new(), request).key);
            (pin.name.clone(), [pin.key].into_iter().chain(of_version).collect())
        });
        keys.collect()
    }
}

/// The hashes that requirements and locks demand of a distribution; empty if every file is allowed.
fn allowed_hashes<'a>(name: &str, manifest: &'a Manifest) -> BTreeSet<&'a str> {
    let lines = manifest.requirements.iter().chain(&manifest.constraints);
    let own = lines.filter(|line| line.name().is_some_and(|own| own.as_str() == name));
    own.flat_map(|line| &line.hashes).map(String::as_str).collect()
}

/// Notes which content the wheels of a distribution have.
pub(crate) fn remember(keys: &[Digest], content: Digest, cache: &Cache, console: &Console) {
    for key in keys {
        cache.put(KIND, *key, &Entry { content, at: now() }, console);
    }
}

/// Which wanted distributions the cache has.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) wanted: Wanted,
    pub(super) taken: Vec<Taken>,
    missing: Vec<Pin>,
}

impl Found {
    /// Whether there is nothing left to install.
    pub(super) fn is_all(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether this, with what was installed in addition, is all that an installer would have installed.
    pub(super) fn is_complete_with(&self, installed: &[Distribution], request: &Request<'_>) -> bool {
        let all: Vec<&Distribution> = self.taken.iter().map(|taken| &taken.distribution).chain(installed).collect();
        !self.taken.is_empty() && self.wanted.is_met_by(&all, request)
    }

    /// Whether each missing distribution has hashes.
    pub(super) fn is_locked(&self) -> bool {
        self.missing.iter().all(|pin| pin.is_hashed)
    }

    /// A requirement file for what is missing. It may contain credentials.
    pub(super) fn missing(&self, manifest: &Manifest) -> SecretString {
        alone::file(self.missing.iter().map(|pin| pin.line.as_str()), manifest)
    }
}

impl Pin {
    fn new(name: DistributionName, version: &Version, hashes: &BTreeSet<&str>, request: &Request<'_>) -> Self {
        let dependencies = &request.spec.dependencies;
        let target = request.spec.target;
        let settings = [
            target.uv_platform(),
            target.python.release().to_string(),
            request.manifest.options.join("\n"),
            format!("{:?}", request.manifest.settings.table),
            format!("{:?}", dependencies.variables),
            format!("{:?}", dependencies.configured.keys().collect::<Vec<_>>()),
        ];
        let pinned = format!("{name}=={version}");
        let parts: Vec<&str> = [pinned.as_str()].into_iter().chain(hashes.iter().copied()).collect();
        let parts: Vec<&str> = parts.into_iter().chain(settings.iter().map(String::as_str)).collect();
        let line = hashes.iter().fold(pinned.clone(), |line, hash| format!("{line} --hash={hash}"));
        Self { name, version: version.clone(), line, key: cache::digest_of(&parts), is_hashed: !hashes.is_empty() }
    }

    fn find(&self, variant: Digest, cache: &Cache, console: &Console) -> Option<Taken> {
        let entry: Entry = cache.get(KIND, self.key)?;
        let is_fresh = now().checked_sub(entry.at).is_some_and(|seconds| seconds < FRESH);
        let pack = cache.pack(entry.content, variant, console).filter(|_| self.is_hashed || is_fresh)?;
        Taken::of(entry.content, pack).filter(|taken| taken.distribution.name == self.name)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whether every version comes from PyPI, as it is without any setting. Other indexes may replace a file.
pub(super) fn asks_pypi_alone(request: &Request<'_>) -> bool {
    let dependencies = &request.spec.dependencies;
    let has_index = !request.indexes.first.is_empty() || request.indexes.default.is_some();
    let has_settings = !request.manifest.options.is_empty()
        || !request.manifest.settings.table.is_empty()
        || !dependencies.variables.is_empty()
        || !dependencies.configured.is_empty();
    !has_index && !has_settings && dependencies.packages.is_empty()
}

/// Whether distributions record different files under one path: only one of them is then installed.
fn are_disputed(distributions: &[&Distribution]) -> bool {
    let mut recorded: BTreeMap<&Utf8Path, &str> = BTreeMap::new();
    let mut files = distributions.iter().flat_map(|distribution| &distribution.record);
    files.any(|(path, hash)| recorded.insert(path, hash).is_some_and(|other| other != hash))
}

/// Whether the distributions have all that they and the manifest require, in versions that fit.
fn is_closed(distributions: &[&Distribution], manifest: &Manifest, target: Target) -> bool {
    let environment = marker_environment(target);
    let versions: BTreeMap<&str, Option<Version>> =
        distributions.iter().map(|it| (it.name.as_str(), it.version.parse().ok())).collect();
    let mut extras: BTreeMap<String, BTreeSet<ExtraName>> = BTreeMap::new();
    for requirement in &manifest.requirements {
        if let RequirementKind::Named(named) = &requirement.kind {
            extras.entry(named.name.to_string()).or_default().extend(named.extras.iter().cloned());
        }
    }
    loop {
        let before: usize = extras.values().map(BTreeSet::len).sum();
        for distribution in distributions {
            let own: Vec<ExtraName> = extras.get(distribution.name.as_str()).into_iter().flatten().cloned().collect();
            for needed in distribution.requires.iter().filter(|it| it.evaluate_markers(&environment, &own)) {
                let there = versions.get(needed.name.as_ref()).and_then(Option::as_ref);
                let fits = there.is_some_and(|version| match &needed.version_or_url {
                    None => true,
                    Some(VersionOrUrl::VersionSpecifier(range)) => range.contains(version),
                    Some(VersionOrUrl::Url(_)) => false,
                });
                if !fits {
                    return false;
                }
                extras.entry(needed.name.to_string()).or_default().extend(needed.extras.iter().cloned());
            }
        }
        if extras.values().map(BTreeSet::len).sum::<usize>() == before {
            return true;
        }
    }
}
