//! What decides the bytes of a layer, and its digest.
//!
//! Scheme: a [`Recipe`] is serialized as JSON, its keys in the order of the fields and its collections sorted, and
//! hashed with SHA-256. In it: the target, the layout, the installer and its options, what the dependency files *mean*
//! for this target, the names left out, and a digest of each file and folder that is added. Not in it: where the layer
//! goes, its name and description, credentials, absolute paths, the machine, the versions of the tools. JSON
//! separates values unambiguously, so two recipes with the same text are the same recipe. The format (in
//! `settings.rs`) is raised when this program would build other bytes from the same recipe.
//!
//! Beside it stands a digest of the *raw* inputs, which is known without working out what a dependency file means: what
//! a lock file means is for its own tool to say, and no process is started while nothing changed.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::settings::Settings;
use crate::manifest::{Manifest, Meaning, Requirement, RequirementKind};
use crate::registry::recipe;
use crate::registry::state::{Build, State};
use crate::secrets::Secrets;
use crate::spec::{Dependencies, Spec};
use crate::types::{ContentHash, Digest, Fingerprint, LayerName, Target};

/// Everything that can change the bytes of a layer, and nothing else.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Recipe<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    require_hashes: bool,
    #[serde(flatten)]
    meaning: Meaning,
}

/// The dependency files, unresolved.
#[derive(Serialize)]
struct RawFiles<'a> {
    settings: &'a Settings,
    files: Vec<(&'a str, String)>,
    local: Vec<String>,
    groups: &'a BTreeSet<String>,
    extras: &'a BTreeSet<String>,
}

/// The inputs before the dependency files are resolved.
#[derive(Debug)]
pub struct RawInputs {
    layer: LayerName,
    settings: Settings,
    digest: Digest,
    /// Secrets that must not get into the state.
    secrets: Secrets,
}

impl RawInputs {
    /// Reads the files that are added to the layer; the dependency files were read before.
    ///
    /// `secrets` are those that the run was given.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(spec: &Spec, secrets: Secrets) -> anyhow::Result<Self> {
        let settings = Settings::of(spec)?;
        let digest = digest_of_raw(&settings, spec);
        Ok(Self { layer: spec.layer.clone(), settings, digest, secrets })
    }
}

/// The recipe of a layer with its digests.
#[derive(Debug)]
pub struct Fingerprinted {
    /// As a state keeps it, in JSON and without secrets.
    pub recipe: Value,
    pub fingerprint: Fingerprint,
    /// Of the raw inputs.
    pub inputs: Digest,
}

impl Fingerprinted {
    pub fn of(raw: &RawInputs, manifest: &Manifest, target: Target) -> Self {
        let meaning = Meaning::of(manifest, target);
        let recipe = Recipe { settings: &raw.settings, require_hashes: manifest.require_hashes, meaning };
        let fingerprint = Fingerprint(Digest::of(&serde_json::to_vec(&recipe).expect("a recipe has string keys")));
        let mut recipe = serde_json::to_value(&recipe).expect("a recipe has string keys");
        recipe::keep(&mut recipe, &raw.layer, &|text| raw.secrets.redact(text));
        Self { recipe, fingerprint, inputs: raw.digest }
    }

    /// The recipe that the state has for the same raw inputs: then the dependency files need not be resolved.
    pub fn remembered(raw: &RawInputs, state: &State) -> Option<Self> {
        let fingerprint = state.current?;
        let build = state.builds.get(&fingerprint)?;
        let is_same = build.inputs.as_ref() == Some(&raw.digest.hex());
        let recipe = build.recipe.clone().filter(|_| is_same)?;
        Some(Self { recipe, fingerprint, inputs: raw.digest })
    }

    /// The entry for the state.
    pub fn build(&self, content: ContentHash) -> Build {
        Build { content, inputs: Some(self.inputs.hex()), recipe: Some(self.recipe.clone()) }
    }

    /// Requirements whose version the installer chooses.
    pub fn unpinned(&self) -> Vec<String> {
        self.meaning().unpinned().map(|text| recipe::without_mark(text).to_owned()).collect()
    }

    /// What the dependency files mean, without secrets.
    pub fn meaning(&self) -> Meaning {
        serde_json::from_value(self.recipe.clone()).unwrap_or_default()
    }
}

fn digest_of_raw(settings: &Settings, spec: &Spec) -> Digest {
    let Dependencies { manifest, selection, .. } = &spec.dependencies;
    let local = |requirement: &Requirement| match &requirement.kind {
        RequirementKind::Path { digest, .. } => Some(digest.hex()),
        RequirementKind::Named(_) | RequirementKind::Url { .. } => None,
    };
    let files = manifest.files.iter().chain(manifest.locks.iter().flat_map(|lock| &lock.files));
    let locked = manifest.locks.iter().flat_map(|lock| lock.local.values());
    let raw = RawFiles {
        settings,
        files: files.map(|file| (file.path.as_str(), file.digest.hex())).collect(),
        local: manifest
            .requirements
            .iter()
            .chain(&manifest.constraints)
            .filter_map(local)
            .chain(locked.map(Digest::hex))
            .collect(),
        groups: &selection.groups,
        extras: &selection.extras,
    };
    Digest::of(&serde_json::to_vec(&raw).expect("raw inputs have string keys"))
}
